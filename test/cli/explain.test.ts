// `evenkeel explain`: layers, patterns and errors, at three widths.
import { describe, expect, test } from 'vitest';
import { widthOf } from '../../src/cli/text.js';
import { evenkeel } from './cli.js';

const widths = [60, 80, 160];

describe('what it prints', () => {
  const lines: [name: string, words: string[]][] = [
    ['batch-norm', ['batch-norm', '2x3x4']],
    ['group-norm-element', ['group-norm', '2x6x2', '--groups', '3', '--element', '1,2,0']],
    ['image', ['LayerNorm2d', '2x3x4x4']],
    ['large', ['nn.LayerNorm([96, 8, 8])', '100x96x8x8']],
    ['pattern', ['[a] b [c] (d [e]), d b', '2x3x2x6', 'e=3', '--statistics', 'l2']],
    ['local-response-norm', ['local-response-norm', '2x8x3x3', '--element', '0,1,2,2']],
    ['steps', ['layer-norm', '1797x8x8', '--element', '0,3,2', '--data', 'data/digits_images.npy']],
    ['error', ['Given normalized_shape=[96], expected input with shape [*, 96], but got input of size[100, 96, 8, 7]']],
  ];
  test.each(lines.flatMap(([name, words]) => widths.map((columns) => [name, columns, words] as const)))('%s at %i columns', async (name, columns, words) => {
    const { exit, out, err } = await evenkeel(['explain', ...words], { columns });
    expect([exit, err]).toEqual([0, '']);
    // Code is left on its line.
    const long = out.split('\n').filter((line) => widthOf(line) > columns && !/^ +(PyTorch|evenkeel|y = )/.test(line));
    expect(long).toEqual([]);
    await expect(out).toMatchFileSnapshot(`snapshots/explain-${name}.${columns}.txt`);
  });

  test('sets have colours on a terminal, and letters without', async () => {
    const painted = await evenkeel(['explain', 'batch-norm', '2x3x2'], { isTerminal: true });
    expect(painted.out).toContain('\u001b[36ma\u001b[39m \u001b[36ma\u001b[39m');
    const plain = await evenkeel(['explain', 'batch-norm', '2x3x2'], { isTerminal: true, env: { NO_COLOR: '1' } });
    expect(plain.out).not.toContain('\u001b');
    expect(plain.out).toContain('\na a    a a\nb b    b b\nc c    c c\n');
  });
});

describe('ways to say the same', () => {
  test.each<[words: string[], name: string]>([
    [['layer-norm', '2x3x4'], 'LayerNorm(4) on 2 × 3 × 4'],
    [['LayerNorm', '2x3x4'], 'LayerNorm(4) on 2 × 3 × 4'],
    [['layer_norm', '[2, 3, 4]'], 'LayerNorm(4) on 2 × 3 × 4'],
    [['layer-norm', '2x3x4', '--normalized-shape', '3x4'], 'LayerNorm([3, 4]) on 2 × 3 × 4'],
    [['rms-norm', 'torch.Size([2, 3, 4])'], 'RMSNorm(4) on 2 × 3 × 4'],
    [['nn.GroupNorm(3, 6)', '2x6x4'], 'GroupNorm(3, 6) on 2 × 6 × 4'],
    [['(norm): GroupNorm(3, 6, eps=1e-05, affine=True)', '2x6x4'], 'GroupNorm(3, 6) on 2 × 6 × 4'],
    [['self.norm = nn.GroupNorm(3, 6)', '2x6x4'], 'GroupNorm(3, 6) on 2 × 6 × 4'],
    [['batch-norm', '2x3'], 'BatchNorm1d(3) on 2 × 3'],
    [['batch-norm', '2x3x4x5'], 'BatchNorm2d(3) on 2 × 3 × 4 × 5'],
    [['batch-norm', '2x3x4x5x6'], 'BatchNorm3d(3) on 2 × 3 × 4 × 5 × 6'],
    [['instance-norm', '3x4'], 'InstanceNorm1d(3) on 3 × 4'],
    [['instance-norm', '2x3x4'], 'InstanceNorm1d(3) on 2 × 3 × 4'],
    [['InstanceNorm2d', '3x4x5'], 'InstanceNorm2d(3) on 3 × 4 × 5'],
    [['layer-norm-2d', '2x3x4x4'], 'LayerNorm2d(3) on 2 × 3 × 4 × 4'],
    [['N(G[C])', '2x6', 'G=3'], "'N (G [C])' with G = 3 on 2 × 6"],
    [['b [c]', '2x6', '--statistics', 'rms', '--eps', '1e-6'], "'b [c]' on 2 × 6"],
  ])('%j', async (words, name) => {
    const { exit, out } = await evenkeel(['explain', ...words], { columns: 160 });
    expect([exit, out.slice(0, name.length)]).toEqual([0, name]);
  });

  test('eps is that of the layer', async () => {
    const { out } = await evenkeel(['explain', 'layer-norm', '2x4', '--eps', '1e-6']);
    expect(out).toContain('nn.LayerNorm(4, eps=1e-06)');
  });

  test.each(['-', 'expected 4D input (got 3D input)'])('an error as %s', async (word) => {
    const { exit, out } = await evenkeel(['explain', word], { stdin: 'Traceback (most recent call last):\nValueError: expected 4D input (got 3D input)\n' });
    expect([exit, out.split('\n')[1]]).toEqual([0, '  BatchNorm2d takes (N, C, H, W); the input has 3 axes.']);
  });

  test('a layer from standard input', async () => {
    const { out } = await evenkeel(['explain', '-', '2x6'], { stdin: 'nn.GroupNorm(3, 6)\n' });
    expect(out).toContain('GroupNorm(3, 6) on 2 × 6: 6 means');
  });
});

describe('--json', () => {
  test('of a layer', async () => {
    const { out } = await evenkeel(['explain', 'batch-norm', '2x3x2', '--element', '0,1,1', '--json']);
    expect(JSON.parse(out)).toMatchObject({
      version: 1,
      command: 'explain',
      explained: 'layer',
      layer: { name: 'BatchNorm1d(3)', count: 3, elements: 4, pytorch: 'nn.BatchNorm1d(3)' },
      sets: [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2],
      element: { index: [0, 1, 1], set: [[0, 1, 0], [0, 1, 1], [1, 1, 0], [1, 1, 1]] },
      error: null,
    });
  });

  test('of the steps of a set, which of a file with several tensors takes one', async () => {
    const words = ['rms-norm', '16', '--element', '3', '--data', 'test/models/resnet_bn.safetensors', '--entry', 'bn1.running_var', '--eps', '0.5', '--json'];
    const { out } = await evenkeel(['explain', ...words]);
    const { steps } = JSON.parse(out) as { steps: { eps: number; at: number; forward: { name: string; of: string; values: number[] }[]; backward: unknown[] } };
    expect(steps).toMatchObject({ name: 'RMSNorm(16)', statistics: 'rms', eps: 0.5, at: 3, backward: [] });
    expect(steps.forward.map(({ name, values }) => [name, values.length])).toEqual(
      [['x', 16], ['square', 16], ['meanSquare', 1], ['epsilon', 1], ['root', 1], ['normalized', 16], ['gamma', 16]],
    );
  });

  test('of an error', async () => {
    const { out } = await evenkeel(['explain', 'running_mean should contain 6 elements not 3', '--json']);
    expect(JSON.parse(out)).toMatchObject({
      explained: 'error',
      layer: null,
      error: { kind: 'channels', facts: { vector: 'running_mean', channels: 6, length: 3 }, fixes: [{ pytorch: 'nn.BatchNorm2d(6)' }, {}, {}] },
    });
  });

  test('of a shape that is not drawn', async () => {
    const { out } = await evenkeel(['explain', 'batch-norm', '2x3x100', '--json']);
    expect(JSON.parse(out)).toMatchObject({ sets: null, element: null, layer: { count: 3 } });
  });
});

describe('refusals', () => {
  test.each<[words: string[], said: string]>([
    [['btch-norm', '2x3'], "no layer 'btch-norm' (did you mean batch-norm?)"],
    [['batchnrom', '2x3'], "no layer 'batchnrom' (did you mean batch-norm?)"],
    [['nn.GroupNrom(3, 6)', '2x6'], '(did you mean GroupNorm?)\n  nn.GroupNrom(3, 6)\n  ^^^^^^^^^^^^'],
    [['b (g [c]', '2x6'], 'the parenthesis is never closed\n  b (g [c]\n    ^'],
    [['b [c]'], "on which shape is the pattern 'b [c]' to be explained? Give SHAPE"],
    [['batch-norm'], 'on which shape is batch-norm to be explained?'],
    [['RuntimeError: CUDA out of memory'], 'no PyTorch error about normalization'],
    [['expected 4D input (got 3D input)', '2x3'], "leave '2x3' out"],
    [['expected 4D input (got 3D input)', '--element', '1'], 'an error takes no --element'],
    [['layer-norm', '2x'], "SHAPE takes sizes such as 2x3x4, got '2x'"],
    [['group-norm', '2x6'], 'group-norm needs a number of groups that divides 6 channels: --groups G'],
    [['group-norm', '2x6', '--groups', '4'], 'choose from 1, 2, 3, 6'],
    [['layer-norm', '2x6', '--groups', '2'], "'layer-norm' takes no --groups: only --normalized-shape and --eps"],
    [['nn.LayerNorm(6)', '2x6', '--eps', '1'], "'nn.LayerNorm(6)' takes no --eps: it says all itself"],
    [['b [c]', '2x6', '--size', '3'], "'b [c]' takes no --size: only --eps and --statistics"],
    [['b [c]', '2x6', 'g=2'], "no axis of 'b [c]' has the name g"],
    [['layer-norm', '2x6', 'g=2'], "'layer-norm' takes no g=2"],
    [['layer-norm', '2x6', '--element', '2,0'], 'the index [2, 0] lies outside'],
    [['layer-norm', '1797x8x8', '--data', 'data/digits_images.npy'], '--data steps through the set of one element: give --element'],
    [['layer-norm', '2x6', '--entry', 'x'], '--entry is a tensor of --data: give both'],
    [['layer-norm', '2x6', '--element', '0,0', '--data', 'data/digits_images.npy'], 'has shape 1797x8x8, and SHAPE is 2x6'],
    [['layer-norm', '2x6', '--element', '0,0', '--data', 'test/models/resnet_bn.safetensors'], 'give --entry NAME'],
    [['layer-norm', '2x6', '--element', '0,0', '--data', 'nosuch.npy'], 'no such file'],
    [['local-response-norm', '2x6x2', '--element', '0,0,0', '--data', 'nosuch.npy'], 'it takes no --data'],
    [['local-response-norm', '2x6x2', '--element', '0,6,0'], 'the index [0, 6, 0] lies outside of 2 × 6 × 2'],
    [['local-response-norm', '2x6'], 'Expected 3D or higher'],
    [['BatchNorm2d', '2x3x4'], 'expected 4D input (got 3D input)'],
    [['nn.LayerNorm(96)', '2x96x8x7'], '\n  - for each sample over all of it, with a weight for each channel: nn.GroupNorm(1, 96)\n'],
    [['nn.LayerNorm(9999999999)', '2x3'], 'a text may ask for at most'],
  ])('%j', async (words, said) => {
    const { exit, out, err } = await evenkeel(['explain', ...words]);
    expect([exit, out]).toEqual([2, '']);
    expect(err).toContain(said);
  });

  test('more of standard input than an error has', async () => {
    const { exit, err } = await evenkeel(['explain', '-'], { stdin: 'x'.repeat(2 ** 21 + 1) });
    expect([exit, err]).toEqual([2, expect.stringContaining('more than 2 MiB')]);
  });

  test.each([[[]], [['2x3']]])('nothing on standard input, and %j', async (more) => {
    const { exit, err } = await evenkeel(['explain', '-', ...more], { stdin: '\n' });
    expect([exit, err]).toEqual([2, expect.stringContaining('standard input is empty: give an error or a layer')]);
  });
});
