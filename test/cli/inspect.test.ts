// inspect on the command line: what it prints at three widths, what it exits with, and the document of --json.
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect, type FlagName } from 'evenkeel/inspect';
import { ones, tensor, type Tensor } from 'evenkeel';
import { save } from 'evenkeel/io';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inspectSpec } from '../../src/cli/commands/inspect.js';
import { evenkeel, exampleFolder, type How } from './cli.js';

let folder = '';
beforeAll(async () => {
  folder = await exampleFolder();
  await save(join(folder, 'faulty.safetensors'), faulty);
  await save(join(folder, 'wide.safetensors'), wide);
});
afterAll(() => rm(folder, { recursive: true }));

const run = (line: string, how: How = {}) => evenkeel(['inspect', ...line.split(' ')], { cwd: folder, ...how });

/** Two layers of one kind, one of them with every fault of its numbers; and a name that would ring and clear the screen. */
const faulty = new Map<string, Tensor>([
  ['conv.weight', ones([4, 3, 3, 3])],
  ['bn.weight', tensor([1, 0, 1e-9, 1])], ['bn.bias', tensor([0, NaN, 0, 0])], ['bn.running_mean', tensor([0, 1, 2, 3])],
  ['bn.running_var', tensor([1, 0, 1e-6, -1])], ['bn.num_batches_tracked', tensor(0, [], { dtype: 'int64' })],
  ['\u001b[2J\u0007.norm.weight', tensor([1, 2])], ['\u001b[2J\u0007.norm.bias', tensor([1, 2])],
]);

/** Paths and kinds that are long, and numbers of many sizes. */
const wide = new Map<string, Tensor>(
  ['down_blocks.0.attentions.1.transformer_blocks.0.norm1', 'mid_block.resnets.0.norm1'].flatMap((path, i) => [
    [`${path}.weight`, tensor([1e-12 * (i + 1), 1.5, -2.25e8, 3])] as const, [`${path}.bias`, tensor([0, 0, 0, 0])] as const,
    [`${path}_conv.weight`, ones([4, 4, 1, 1])] as const,
  ]),
);

describe.each([60, 80, 160])('at %i columns', (columns) => {
  test.each([
    ['graph', 'resnet.onnx'],
    ['statedict', 'resnet.safetensors'],
    ['vit-all', 'vit.safetensors --all'],
    ['weightnorm', 'mlp.pth'],
    ['poisoned', 'poisoned.safetensors'],
    ['faulty', 'faulty.safetensors'],
    ['faulty-all', 'faulty.safetensors --all'],
    ['wide', 'wide.safetensors'],
    ['none', 'digits.npy'],
  ])('%s', async (name, line) => {
    const { out, err, exit } = await run(line, { columns });
    expect([exit, err]).toEqual([0, '']);
    expect(out.split('\n').filter((each) => [...each].length > columns)).toEqual([]);
    await expect(out).toMatchFileSnapshot(`snapshots/inspect-${name}.${columns}.txt`);
  });
});

test('names of a file do not reach the terminal as they are', async () => {
  for (const line of ['faulty.safetensors', 'faulty.safetensors --all']) {
    const { out } = await run(line);
    expect(out).toContain('\\x1b[2J\\x07.norm');
    expect(out).not.toMatch(/[^\P{Cc}\n]/u);
  }
});

test('colours on a terminal, and marks without them', async () => {
  const { out } = await run('faulty.safetensors', { isTerminal: true });
  expect(out).toContain('\u001b[31m✗ nan\u001b[39m');
  expect(out).toContain('\u001b[33m! gamma-near-zero\u001b[39m');
  expect((await run('faulty.safetensors', { isTerminal: true, env: { NO_COLOR: '1' } })).out).not.toContain('\u001b[');
});

describe('--fail-on', () => {
  test.each([
    ['resnet.pth --fail-on warning', 0],
    ['poisoned.safetensors', 0],
    ['poisoned.safetensors --fail-on warning', 1],
    ['poisoned.safetensors --fail-on error', 1],
    ['poisoned.safetensors --fail-on infinity', 1],
    ['poisoned.safetensors --fail-on never-updated --fail-on nan', 1],
    ['poisoned.safetensors --fail-on never-updated', 0],
    ['poisoned.safetensors --fail-on infinity --scan norms', 1],
    ['faulty.safetensors --fail-on gamma-near-zero', 1],
    ['faulty.safetensors --fail-on shape-mismatch', 0],
  ])('%s: %i', async (line, exit) => {
    expect((await run(line)).exit).toBe(exit);
    const { out } = await run(`${line} --json`);
    expect(JSON.parse(out).failed > 0).toBe(exit === 1);
  });

  test('names every flag', () => {
    const names: Record<FlagName, true> = {
      'gamma-near-zero': true, 'variance-near-eps': true, 'variance-zero': true, 'variance-negative': true, nan: true, infinity: true,
      'never-updated': true, 'eps-unlike-family': true, 'duplicate-keys': true, 'missing-keys': true, 'shape-mismatch': true,
    };
    expect([...inspectSpec.options['fail-on'].choices].sort()).toEqual(['warning', 'error', ...Object.keys(names)].sort());
  });
});

test('--json is the inspection', async () => {
  const { out } = await run('poisoned.safetensors --json');
  const { version, command, failed, ...rest } = JSON.parse(out);
  expect([version, command, failed]).toEqual([1, 'inspect', 0]);
  expect(rest).toEqual({ ...(await inspect(join(folder, 'poisoned.safetensors'))), file: 'poisoned.safetensors' });
  expect(Object.keys({ ...rest, failed })).toEqual(Object.keys(inspectSpec.json));
});

describe('--config', () => {
  test('gives eps, and what is unlike the family', async () => {
    await writeFile(join(folder, 'eps.json'), '{"eps": 1e-5}');
    const { out, exit } = await run('vit.safetensors --config eps.json --fail-on eps-unlike-family');
    expect(exit).toBe(1);
    expect(out).toMatch(/blocks\.0\.norm1 +LayerNorm +48 +1e-5/);
    expect(out).toContain('eps is 1e-5 in 7 layers');
    expect(out).not.toContain('eps is not stored');
  });

  test.each([
    ['nothing.json', null, 2, 'there is no such file'],
    ['cut.json', '{"eps": ', 3, 'is no configuration'],
    ['list.json', '[]', 3, 'is no configuration'],
    ['long.json', `{"eps": 1e-5}${' '.repeat(2 ** 24)}`, 3, 'is no configuration'],
  ])('%s', async (name, text, exit, message) => {
    if (text !== null) await writeFile(join(folder, name), text);
    const ran = await run(`vit.safetensors --config ${name}`);
    expect([ran.exit, ran.out]).toEqual([exit, '']);
    expect(ran.err).toContain(message);
  });
});

test.each([
  ['nothing.safetensors', 2, 'nothing.safetensors'],
  ['resnet.pth --fail-on nans', 2, 'did you mean nan?'],
  ['resnet.pth --entry other', 2, 'other'],
  ['resnet.pth vit.safetensors', 2, 'vit.safetensors'],
])('%s', async (line, exit, message) => {
  const ran = await run(line);
  expect([ran.exit, ran.out]).toEqual([exit, '']);
  expect(ran.err).toContain(message);
});

test('interrupted', async () => {
  expect((await run('resnet.pth', { signal: AbortSignal.abort() })).exit).toBe(130);
});
