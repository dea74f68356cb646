// `evenkeel compare`: layers on shapes and files, files against each other, and its units in the last place.
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { arange, ones, save, tensor, zeros, type Tensor } from 'evenkeel';
import { writeNpy } from 'evenkeel/io';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { coarser, ulpsBetween, type FloatFormat } from '../../src/cli/compare/ulps.js';
import { indexAt } from '../../src/cli/compare/distance.js';
import { widthOf } from '../../src/cli/text.js';
import { evenkeel, exampleFolder } from './cli.js';

let cwd = '';
beforeAll(async () => {
  cwd = await exampleFolder();
  const first = { w: tensor([1, 2, NaN, 4]), b: ones([2]), n: tensor([1n, 2n ** 60n]), same: zeros([3]), only: ones([1]) };
  const second = { w: tensor([1, 2.5, NaN, NaN]), b: ones([3]), n: tensor([1n, 2n ** 60n + 1n]), same: tensor([0, -0, 0]), other: ones([1]) };
  await save(join(cwd, 'first.safetensors'), new Map(Object.entries<Tensor>(first)));
  await save(join(cwd, 'second.safetensors'), new Map(Object.entries<Tensor>(second)));
  await save(join(cwd, 'rounded.safetensors'), new Map([['x', tensor([1, 1 / 3, 100.1])]]), { floats: 'float16' });
  await save(join(cwd, 'whole.safetensors'), new Map([['y', tensor([1, 1 / 3, 100.1])]]));
  await writeFile(join(cwd, 'rows.npy'), writeNpy(arange(0, 6, 1).reshape([2, 3])));
  await writeFile(join(cwd, 'columns.npy'), columnsFirst([2, 3], [0, 3, 1, 4, 2, 6]));
  await writeFile(join(cwd, 'columns2.npy'), columnsFirst([2, 3], [0, 3, 1, 4, 2.5, 6]));
  await writeFile(join(cwd, 'ints.npy'), writeNpy(tensor([[1n, 2n], [3n, 5n]])));
  await writeFile(join(cwd, 'bools.npy'), writeNpy(tensor([true, false])));
  await writeFile(join(cwd, 'broken.npy'), (await readFile(join(cwd, 'rows.npy'))).subarray(0, 140));
  await writeFile(join(cwd, 'large.npy'), writeNpy(zeros([1_500_000])));
  const large = new Float32Array(1_500_000);
  large[1_400_000] = 1e-3;
  await writeFile(join(cwd, 'larger.npy'), writeNpy(tensor(large)));
});
afterAll(() => rm(cwd, { recursive: true }));

/** A .npy file in Fortran order, of float32. */
function columnsFirst(shape: readonly number[], values: readonly number[]): Uint8Array {
  const text = `{'descr': '<f4', 'fortran_order': True, 'shape': (${shape.join(', ')}), }`;
  const header = `${text.padEnd(117)}\n`;
  return Buffer.concat([Buffer.from([0x93]), Buffer.from('NUMPY\u0001\u0000'), Buffer.from([118, 0]), Buffer.from(header), Buffer.from(Float32Array.from(values).buffer)]);
}

/** A float16 as IEEE 754 reads its bits. */
const half = (bits: number): number => {
  const [sign, exponent, fraction] = [bits >> 15 === 1 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
};
const fromBits = (bits: number): number => new Float32Array(Uint32Array.of(bits).buffer)[0] ?? NaN;

const compared = async (...words: string[]) => {
  const { exit, out, err } = await evenkeel(['compare', ...words, '--json'], { cwd });
  return { exit, err, found: JSON.parse(out) as Readonly<Record<string, unknown>> };
};

describe('what it prints', () => {
  const lines: [name: string, words: string[], exit: number][] = [
    ['same', ['instance-norm', 'layer-norm', '2x3x4'], 0],
    ['sets', ['LayerNorm2d', 'nn.GroupNorm(1, 96)', '2x96x8x8'], 1],
    ['photos', ['batch-norm', 'instance-norm', 'photos.npy'], 1],
    ['too-few', ['batch-norm', 'layer-norm', '1x3'], 1],
    ['files', ['first.safetensors', 'second.safetensors'], 1],
    ['poisoned', ['resnet.safetensors', 'poisoned.safetensors'], 1],
    ['rounded', ['rounded.safetensors', 'whole.safetensors'], 1],
    ['equal', ['resnet.pth', 'resnet.safetensors'], 0],
  ];
  test.each(lines.flatMap(([name, words, exit]) => [60, 80, 160].map((columns) => [name, columns, words, exit] as const)))('%s at %i columns', async (name, columns, words, exit) => {
    const ran = await evenkeel(['compare', ...words], { columns, cwd });
    expect([ran.exit, ran.err]).toEqual([exit, '']);
    expect(ran.out.split('\n').filter((line) => widthOf(line) > columns)).toEqual([]);
    await expect(ran.out).toMatchFileSnapshot(`snapshots/compare-${name}.${columns}.txt`);
  });
});

describe('layers', () => {
  test.each<[words: string[], exit: number, kind: string]>([
    [['layer-norm', 'nn.LayerNorm(4)', '2x3x4'], 0, 'same'],
    [['instance-norm', 'layer-norm', '2x3x4'], 0, 'none'],
    [['b [c], c', 'layer-norm', '4x8'], 0, 'same'],
    [['b (g [c]) [s...], (g c)', 'group-norm', '2x6x4', 'g=3', '--groups', '3'], 0, 'same'],
    [['layer-norm', 'rms-norm', '2x4'], 1, 'impossible'],
    [['batch-norm', 'layer-norm', '4x8'], 1, 'same'],
  ])('%j', async (words, exit, kind) => {
    const { exit: code, found } = await compared(...words);
    expect([code, found]).toMatchObject([exit, { differs: exit === 1, files: null, layers: { verdict: { same: exit === 0, parameters: kind } } }]);
    const { distance } = found['layers'] as { distance: { largest: number; elements: number } };
    if (exit === 0) expect(distance.largest).toBeLessThan(1e-5);
    else expect(distance.largest).toBeGreaterThan(1e-2);
  });

  test('random numbers are those of the seed', async () => {
    const words = ['layer-norm', 'rms-norm', '4x8'];
    const [unsaid, zero, one] = [await compared(...words), await compared(...words, '--seed', '0'), await compared(...words, '--seed', '1')];
    expect(unsaid).toEqual(zero);
    expect(unsaid.found['layers']).not.toMatchObject({ distance: (one.found['layers'] as { distance: object }).distance });
  });

  test('integers are compared on as float32, and entries by name', async () => {
    expect((await compared('layer-norm', 'rms-norm', 'ints.npy')).exit).toBe(1);
    const { found } = await compared('layer-norm', 'layer-norm', 'first.safetensors', '--entry', 'same');
    expect(found['layers']).toMatchObject({ on: { data: 'file', entry: 'same' }, distance: { different: 0 } });
  });
});

describe('files', () => {
  test('every tensor by name', async () => {
    const { exit, found } = await compared('first.safetensors', 'second.safetensors');
    const { tensors } = found['files'] as { tensors: { name: string }[] };
    expect(exit).toBe(1);
    expect(Object.fromEntries(tensors.map((each) => [each.name, each]))).toMatchObject({
      w: { differs: true, distance: { elements: 4, different: 2, nans: 1, largest: 0.5, relative: 0.2, ulps: 2 ** 21, index: [1], values: [2, 2.5] } },
      b: { differs: true, distance: null, a: { shape: [2], dtype: 'float32' }, b: { shape: [3] } },
      n: { differs: true, distance: { different: 1, largest: 1, ulps: null, index: [1] } },
      same: { differs: false, distance: { different: 0, index: null } },
      only: { differs: true, b: null },
      other: { differs: true, a: null },
    });
  });

  test.each<[words: string[], exit: number, distance: object]>([
    [['rows.npy', 'columns.npy'], 1, { different: 1, largest: 1, index: [1, 2], values: [5, 6] }],
    [['columns.npy', 'columns2.npy'], 1, { different: 1, largest: 0.5, index: [0, 2], values: [2, 2.5], ulps: 2 ** 21 }],
    [['columns.npy', 'columns.npy'], 0, { different: 0, at: null }],
    [['rows.npy', 'columns.npy', '--tolerance', '1'], 0, { different: 1 }],
    [['rows.npy', 'columns.npy', '--tolerance', '0.99'], 1, { different: 1 }],
    [['rounded.safetensors', 'whole.safetensors'], 1, { different: 2, ulps: 1 }],
    [['rounded.safetensors', 'whole.safetensors', '--tolerance', '0.1'], 0, { different: 2 }],
    [['large.npy', 'larger.npy'], 1, { different: 1, index: [1_400_000], elements: 1_500_000 }],
    [['bools.npy', 'bools.npy'], 0, { elements: 2, ulps: null }],
    [['first.safetensors', 'second.safetensors', '--entry', 'same'], 0, { elements: 3 }],
  ])('%j', async (words, exit, distance) => {
    const { exit: code, found } = await compared(...words);
    const { tensors: [only] } = found['files'] as { tensors: object[] };
    expect([code, only]).toMatchObject([exit, { differs: exit === 1, distance }]);
  });

  test('NaN on one side is no tolerable difference', async () => {
    expect((await compared('first.safetensors', 'second.safetensors', '--entry', 'w', '--tolerance', '10')).exit).toBe(1);
  });

  test('an interrupted comparison ends', async () => {
    const { exit } = await evenkeel(['compare', 'large.npy', 'larger.npy'], { cwd, signal: AbortSignal.abort() });
    expect(exit).toBe(130);
  });
});

describe('refusals', () => {
  test.each<[words: string[], exit: number, said: string]>([
    [['batch-norm', 'layer-norm'], 2, 'on which shape or file are batch-norm and layer-norm to be compared?'],
    [['b [c]', 'layer-norm'], 2, 'on which shape or file'],
    [['nosuch.npy', 'rows.npy'], 2, 'no such file'],
    [['rows.npy', 'nosuch.npy'], 2, 'no such file'],
    [['rows.npy', 'broken.npy'], 3, 'broken.npy'],
    [['rows.npy', 'rows.npy', '--groups', '2'], 2, 'two files take no --groups'],
    [['rows.npy', 'rows.npy', '--tolerance', '-1'], 2, "--tolerance takes a number from 0, got '-1'"],
    [['first.safetensors', 'second.safetensors', '--entry', 'sam'], 2, "neither file holds a tensor 'sam' (did you mean same?)"],
    [['layer-norm', 'rms-norm', 'photos.npy', '--tolerance', '1'], 2, '--tolerance is of two files'],
    [['layer-norm', 'rms-norm', 'photos.npy', '--seed', '1'], 2, '--seed is of random numbers'],
    [['layer-norm', 'rms-norm', '2x3', '--entry', 'a'], 2, '--entry is of a file'],
    [['layer-norm', 'rms-norm', '2x3', '--groups', '2'], 2, "'layer-norm' and 'rms-norm' takes no --groups"],
    [['layer-norm', 'rms-norm', 'first.safetensors'], 2, 'give --entry NAME'],
    [['layer-norm', 'rms-norm', 'bools.npy'], 2, 'truth values'],
    [['layer-norm', 'local-response-norm', '2x3x4'], 2, 'shares no mean'],
    [['layer-norm', 'lyer-norm', '2x3x4'], 2, 'did you mean layer-norm'],
    [['rows.npy', 'columns.npy', '2x3'], 2, "'rows.npy' is a file, which is compared with a file: leave '2x3' out"],
    [['layer-norm', 'nosuch.safetensors', 'photos.npy'], 2, "'nosuch.safetensors' is a file"],
    [['layer-norm', './rows.npy', '2x3'], 2, "'./rows.npy' is a file"],
    [['layer-norm', 'batch-norm', '4'], 2, 'expected 2D or 3D input'],
  ])('%j', async (words, exit, said) => {
    const ran = await evenkeel(['compare', ...words], { cwd });
    expect([ran.exit, ran.out]).toEqual([exit, '']);
    expect(ran.err).toContain(said);
  });

  test('a shape too large is compared without numbers', async () => {
    const { exit, out, err } = await evenkeel(['compare', 'layer-norm', 'rms-norm', '4096x8192'], { cwd });
    expect([exit, err]).toEqual([1, expect.stringContaining('too many to compute with')]);
    expect(out).not.toContain('random numbers');
  });
});

describe('units in the last place', () => {
  test('neighbours of all finite numbers of 16 bits are 1 apart, and as far from 0 as their bits say', () => {
    for (let bits = 1; bits < 0x7c00; bits++) {
      expect(ulpsBetween(half(bits - 1), half(bits), 'F16')).toBe(1);
      expect(ulpsBetween(half(bits | 0x8000), 0, 'F16')).toBe(bits);
    }
    for (let bits = 1; bits < 0x7f80; bits++) {
      const [before, value, negative] = [bits - 1, bits, bits | 0x8000].map((each) => fromBits(each * 2 ** 16));
      expect([ulpsBetween(before ?? NaN, value ?? NaN, 'BF16'), ulpsBetween(negative ?? NaN, 0, 'BF16')]).toEqual([1, bits]);
    }
  });

  test.each<[a: number, b: number, format: FloatFormat, ulps: number]>([
    [1, 1 + 2 ** -23, 'F32', 1],
    [1 - 2 ** -24, 1, 'F32', 1],
    [-(2 ** -149), 2 ** -149, 'F32', 2],
    [0, -0, 'F32', 0],
    [-1, 1, 'F32', 2 * 0x3f800000],
    [1, 1 + 2 ** -52, 'F64', 1],
    [-Number.MIN_VALUE, Number.MIN_VALUE, 'F64', 2],
    [1, 2, 'F64', 2 ** 52],
    [-0, 0, 'F64', 0],
    [-0, 0, 'F16', 0],
    [2 ** -14, 2 ** -14 - 2 ** -24, 'F16', 1],
  ])('%d to %d in %s', (a, b, format, ulps) => {
    expect(ulpsBetween(a, b, format)).toBe(ulps);
    expect(ulpsBetween(b, a, format)).toBe(ulps);
  });

  test('the coarser format of two', () => {
    expect([coarser('F32', 'F16'), coarser('BF16', 'F16'), coarser('F64', 'F32')]).toEqual(['F16', 'BF16', 'F32']);
  });

  test.each([[7, [2, 3, 4], 'C', [0, 1, 3]], [7, [2, 3, 4], 'F', [1, 0, 1]], [0, [], 'C', []]] as const)('place %i of %j in %s order', (at, shape, order, index) => {
    expect(indexAt(at, shape, order)).toEqual(index);
  });
});
