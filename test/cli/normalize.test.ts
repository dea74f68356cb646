// evenkeel normalize: what is written, against the library on what was read; what is refused, and what each says.
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  batchNorm, groupNorm, instanceNorm, layerNorm, layerNorm2d, localResponseNorm, manualSeed, norm, ones, randn, rmsNorm,
  type Tensor,
} from 'evenkeel';
import { fileChunks, load, open, readNpy, replaceFile, type Elements, type Format, type TensorPart } from 'evenkeel/io';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { widthOf } from '../../src/cli/text.js';
import { evenkeel, exampleFolder, type How } from './cli.js';

let folder = '';
const at = (name: string) => join(folder, name);
const stdin = (name: string) => readFile(at(name));
/** Words apart by spaces; in a pattern they are underscores. */
const wordsOf = (line: string) => line.split(' ').map((word, i, all) => (all[i - 1] === '--pattern' ? word.replaceAll('_', ' ') : word));
const normalize = (line: string, how: How = {}) => evenkeel(['normalize', ...wordsOf(line)], { cwd: folder, ...how });

/** A tensor as a part of a file. */
function partOf(x: Tensor, format: Format, order: 'C' | 'F' = 'C'): TensorPart {
  const inMemory = order === 'C' ? x : x.permute(x.shape.map((_, axis) => x.rank - 1 - axis));
  const chunks = async function* () {
    yield inMemory.reshape([x.size]);
  };
  return { shape: x.shape, format, order, chunks };
}

const write = (name: string, kind: 'npy' | 'npz' | 'safetensors', parts: Readonly<Record<string, TensorPart>>) =>
  replaceFile(at(name), fileChunks(kind, new Map(Object.entries(parts))));

beforeAll(async () => {
  folder = await exampleFolder();
  manualSeed(6);
  const x = randn([3, 6, 4, 5]).mul(2).add(1);
  const integers = x.mul(10).to('int64');
  await write('c.npy', 'npy', { x: partOf(x, 'F32') });
  await write('f.npy', 'npy', { x: partOf(x, 'F32', 'F') });
  await write('double.npy', 'npy', { x: partOf(x.to('float64'), 'F64') });
  await write('half.npy', 'npy', { x: partOf(x, 'F16') });
  await write('half-f.npy', 'npy', { x: partOf(x, 'F16', 'F') });
  await write('short.npy', 'npy', { x: partOf(integers, 'I16') });
  await write('bool.npy', 'npy', { x: partOf(x.gt(1), 'BOOL') });
  await write('several.npz', 'npz', { x: partOf(x, 'F32'), f: partOf(x, 'F32', 'F'), i: partOf(integers, 'I32') });
  await write('brain.safetensors', 'safetensors', { x: partOf(x, 'BF16'), other: partOf(x, 'F16'), i: partOf(integers, 'I8') });
  await write('w.npy', 'npy', { x: partOf(randn([6]), 'F32') });
  await write('parameters.safetensors', 'safetensors', {
    'bn1.weight': partOf(randn([6]), 'F32'),
    'bn1.bias': partOf(randn([6]), 'F32'),
    'bn1.running_mean': partOf(randn([6]), 'F32'),
    'bn1.running_var': partOf(randn([6]).square().add(0.5), 'F32'),
    'bn2.weight': partOf(randn([7]), 'F32'),
    'half.running_mean': partOf(randn([6]), 'F32'),
    'double.weight': partOf(randn([6]).to('float64'), 'F64'),
  });
});
afterAll(() => rm(folder, { recursive: true }));

const first = async (name: string, entry?: string): Promise<Tensor> => {
  const tensors = await load(at(name));
  return (entry === undefined ? [...tensors.values()][0] : tensors.get(entry)) ?? ones([0]);
};

function expectClose(got: Elements, expected: Elements, relative: number): void {
  expect([got.dtype, got.shape]).toEqual([expected.dtype, expected.shape]);
  const off = expected.data.findIndex((value, i) => Math.abs(Number(got.data[i]) - Number(value)) > relative * (1 + Math.abs(Number(value))));
  expect([off, got.data[off], expected.data[off]]).toEqual([-1, undefined, undefined]);
}

/** Each layer as the command line has it, and as the library has. */
const layers: readonly (readonly [words: string, own: (x: Tensor) => Tensor])[] = [
  ['--as layer-norm', (x) => layerNorm(x, [5])],
  ['--as LayerNorm --normalized-shape 6x4x5 --eps 0.1', (x) => layerNorm(x, [6, 4, 5], { eps: 0.1 })],
  ['--as layer_norm_2d', (x) => layerNorm2d(x, { eps: 1e-5 })],
  ['--as rms-norm --normalized-shape 4x5', (x) => rmsNorm(x, [4, 5])],
  ['--as group-norm --groups 3', (x) => groupNorm(x, 3)],
  ['--as batch-norm', (x) => batchNorm(x, null, null, { training: true })],
  ['--as nn.BatchNorm2d', (x) => batchNorm(x, null, null, { training: true })],
  ['--as instance-norm', (x) => instanceNorm(x)],
  ['--as local-response-norm --size 3', (x) => localResponseNorm(x, 3)],
  ['--statistics l2 --pattern a_[b]_c_[d]', (x) => norm(x, 'a [b] c [d]', { statistics: 'l2' })],
  ['g=2 --pattern a_([b]_g)_s...', (x) => norm(x, 'a ([b] g) s...', { g: 2 })],
];

/** Files, the file that is written, and how near that is to the library's result, which has other sums in Fortran order. */
const files = [
  ['c.npy', 'out.npy', 0],
  ['c.npy', 'out.safetensors', 0],
  ['c.npy', 'out.npz', 0],
  ['f.npy', 'out.npy', 2e-6],
  ['f.npy', 'out.safetensors', 0],
  ['double.npy', 'out.npy', 0],
  ['half.npy', 'out.npy', 0],
  ['half-f.npy', 'out.npz', 2e-3],
  ['short.npy', 'out.npy', 0],
  ['bool.npy', 'out.npy', 0],
] as const;

describe.each(layers)('%s', (line, own) => {
  test.each(files)('%s to %s', async (from, to, relative) => {
    const ran = await normalize(`${from} ${line} -o ${to} --overwrite`);
    expect([ran.exit, ran.err.replace(/note:.*\n/, '')]).toEqual([0, '']);
    const x = await first(from);
    const expected = own(x.dtype === 'float64' ? x : x.to('float32'));
    const format = from.startsWith('half') ? 'F16' : from === 'double.npy' ? 'F64' : 'F32';
    const file = await open(at(to));
    const [entry] = file.entries.values();
    expect([entry?.format, entry?.shape]).toEqual([format, expected.shape]);
    expect(entry?.order ?? 'C').toBe(/(^|-)f\.npy$/.test(from) && to !== 'out.safetensors' ? 'F' : 'C');
    await file.close();
    await write('rounded.npy', 'npy', { x: partOf(expected, format) });
    expectClose(await first(to), await first('rounded.npy'), relative);
  });
});

const parameter = (name: string) => first('parameters.safetensors', name);

describe('parameters and running statistics', () => {
  test.each([
    ['--as group-norm --groups 2 --weight w.npy', { weight: 'w' }],
    ['--as group-norm --groups 2 --weight parameters.safetensors:bn1.weight --bias parameters.safetensors:bn1.bias', { weight: 'bn1.weight', bias: 'bn1.bias' }],
    ['--as group-norm --groups 2 --bias parameters.safetensors:bn1.bias', { bias: 'bn1.bias' }],
    ['--as group-norm --groups 2 --weight parameters.safetensors:double.weight', { weight: 'double.weight' }],
  ] as const)('%s', async (line, names: { readonly weight?: string; readonly bias?: string }) => {
    const ran = await normalize(`c.npy ${line} -o out.npy --overwrite`);
    const rounded = line.includes('double') ? "note: parameters in float64 are rounded to float32, in which 'array' is computed\n" : '';
    expect([ran.exit, ran.err]).toEqual([0, rounded]);
    const weight = names.weight === undefined ? null : names.weight === 'w' ? await first('w.npy') : (await parameter(names.weight)).to('float32');
    const bias = names.bias === undefined ? null : await parameter(names.bias);
    expectClose(await first('out.npy'), groupNorm(await first('c.npy'), 2, { weight, bias }), 0);
  });

  test.each(['bn1', 'bn1.'])('running statistics of a checkpoint at %s', async (prefix) => {
    const ran = await normalize(`c.npy --as batch-norm --checkpoint parameters.safetensors --prefix ${prefix} -o out.npy --overwrite`);
    expect([ran.exit, ran.err]).toEqual([0, `note: batch-norm uses the running statistics of 'parameters.safetensors' (${prefix}), not the array's\n`]);
    expect(ran.out).toContain('running mean and running variance');
    const [mean, variance, weight, bias] = await Promise.all(['running_mean', 'running_var', 'weight', 'bias'].map((key) => parameter(`bn1.${key}`)));
    const x = await first('c.npy');
    expectClose(await first('out.npy'), batchNorm(x, mean ?? null, variance ?? null, { weight: weight ?? null, bias: bias ?? null }), 0);
    await normalize(`f.npy --as batch-norm --checkpoint parameters.safetensors --prefix ${prefix} -o f-out.npy --overwrite`);
    expectClose(await first('f-out.npy'), await first('out.npy'), 2e-6);
  });
});

/** All of a tensor in a file, as text. */
const textOf = async (name: string, entry: string): Promise<string> => {
  const file = await open(at(name));
  const [x, found] = [await file.read(entry), file.entries.get(entry)];
  await file.close();
  return `${found?.format} ${found?.order ?? 'C'} ${found?.shape.join()} ${x.toArray()}`;
};

describe('several tensors', () => {
  test.each([
    ['several.npz', 'x', 'out.npz', ['f', 'i']],
    ['several.npz', 'x', 'out.safetensors', ['i']],
    ['brain.safetensors', 'x', 'out.safetensors', ['other', 'i']],
  ])('%s, %s: %s has the others as they were', async (from, entry, to, others) => {
    expect(await normalize(`${from} --entry ${entry} --as layer-norm -o ${to} --overwrite`)).toMatchObject({ exit: 0, err: '' });
    for (const other of others) expect(await textOf(to, other)).toBe(await textOf(from, other));
    const file = await open(at(to));
    expect(file.entries.get(entry)?.format).toBe(from === 'several.npz' ? 'F32' : 'BF16');
    await file.close();
    await write('rounded.safetensors', 'safetensors', { x: partOf(layerNorm(await first(from, entry), [5]), from === 'several.npz' ? 'F32' : 'BF16') });
    expectClose(await first(to, entry), await first('rounded.safetensors'), 0);
  });

  test('--all of them; only one fits a .npy file', async () => {
    const ran = await normalize('several.npz --all --as layer-norm -o out.npz --overwrite');
    expect([ran.exit, ran.err]).toEqual([0, "note: 'i' is int32: it becomes float32\n"]);
    expect(ran.out).toContain('out.npz: 3 tensors normalized');
    for (const name of ['x', 'f', 'i']) {
      expectClose(await first('out.npz', name), layerNorm((await first('several.npz', name)).to('float32'), [5]), 2e-6);
    }
    const bf16 = await normalize('brain.safetensors --entry x --as layer-norm -o out.npy --overwrite');
    expect([bf16.exit, bf16.err]).toEqual([0, "note: 'x' is bfloat16, which NumPy has not: it becomes float32\n"]);
    expectClose(await first('out.npy'), layerNorm(await first('brain.safetensors', 'x'), [5]), 0);
  });
});

test.each(
  [
    ['places', 'c.npy --as layer-norm'],
    ['running', 'c.npy --as batch-norm --checkpoint parameters.safetensors --prefix bn1 --quiet'],
    ['several', 'several.npz --all --as batch-norm -o out.npz --overwrite --quiet'],
    ['windows', 'f.npy --as local-response-norm'],
  ].flatMap(([name, line]) => [60, 80, 160].map((columns) => [name, columns, line ?? ''] as const)),
)('%s at %i columns', async (name, columns, line) => {
  const ran = await normalize(line, { columns });
  expect([ran.exit, ran.err]).toEqual([0, '']);
  expect(ran.out.split('\n').filter((text) => widthOf(text) > columns && !text.startsWith('  PyTorch'))).toEqual([]);
  await expect(ran.out).toMatchFileSnapshot(`snapshots/normalize-${name}.${columns}.txt`);
});

test('the document of --json', async () => {
  const ran = await normalize('short.npy --as batch-norm --json -o out.npy --overwrite');
  const { tensors, ...rest } = JSON.parse(ran.out);
  expect(rest).toEqual({ version: 1, command: 'normalize', input: 'short.npy', output: 'out.npy', notes: ["note: 'array' is int16: it becomes float32"] });
  const { statistics, ...facts } = tensors[0];
  expect(facts).toEqual({
    name: 'array', shape: [3, 6, 4, 5], dtype: 'int16', order: 'C', outputDtype: 'float32', pattern: '[b] c [s...]',
    sets: { count: 6, elements: 60 }, sweeps: 1,
  });
  expect(statistics).toHaveLength(6);
  const x = (await first('short.npy')).to('float64');
  const [before, after] = [x, await first('out.npy')];
  for (const [c, row] of statistics.entries()) {
    expect(row.index).toEqual([0, c, 0, 0]);
    for (const [part, tensor] of [['before', before], ['after', after]] as const) {
      const values = tensor.select(1, c);
      expect(row[part].mean).toBeCloseTo(values.mean().item(), 5);
      expect(row[part].std).toBeCloseTo(values.var(null, { unbiased: false }).sqrt().item(), 5);
    }
  }
});

const rowsOf = async (file: string) => {
  const ran = await normalize(`${file} --as group-norm --groups 3 --json`);
  return JSON.parse(ran.out).tensors[0].statistics as { index: number[]; before: { mean: number } }[];
};

test('the first sets are named as their axes are, in either order', async () => {
  const byIndex = new Map((await rowsOf('c.npy')).map(({ index, before }) => [index.join(), before.mean]));
  const fortran = await rowsOf('f.npy');
  expect(fortran.map(({ index }) => index.join())).toEqual(['0,0,0,0', '1,0,0,0', '2,0,0,0', '0,1,0,0', '1,1,0,0', '2,1,0,0', '0,2,0,0', '1,2,0,0']);
  expect(byIndex.size).toBe(8);
  const both = fortran.filter(({ index }) => byIndex.has(index.join()));
  expect(both.length).toBeGreaterThan(5);
  for (const { index, before } of both) expect(before.mean).toBeCloseTo(byIndex.get(index.join()) ?? NaN, 5);
});

describe('standard input and output', () => {
  test.each(['--as layer-norm', '--as batch-norm', '--as local-response-norm'])('an array through a pipe: %s', async (line) => {
    await normalize(`c.npy ${line} -o out.npy --overwrite`);
    const ran = await normalize(`- ${line} -o -`, { stdin: await stdin('c.npy') });
    expect([ran.exit, ran.err]).toEqual([0, '']);
    expect(Buffer.compare(ran.bytes, await stdin('out.npy'))).toBe(0);
  });

  test.each([
    ['several.npz', '--entry x'],
    ['brain.safetensors', '--entry x'],
    ['resnet.pth', '--entry fc.weight'],
  ])('%s comes out as the kind it is', async (name, choice) => {
    const to = name.replace('.pth', '.safetensors');
    await normalize(`${name} ${choice} --as layer-norm -o out-${to} --overwrite`);
    const ran = await normalize(`- ${choice} --as layer-norm -o -`, { stdin: await stdin(name) });
    expect([ran.exit, ran.err]).toEqual([0, '']);
    expect(Buffer.compare(ran.bytes, await stdin(`out-${to}`))).toBe(0);
  });

  test.each([
    ['nothing', 0, 'the file is empty'],
    ['half a header', 40, 'it ends within its header'],
    ['half an array', 800, 'it ends after 672 of 1440 bytes of elements'],
    ['one byte less', -1, 'it ends after 1439 of 1440 bytes of elements'],
  ])('%s of an array', async (_, bytes, problem) => {
    for (const line of ['--as layer-norm', '--as layer-norm -o cut.npy', '--as batch-norm -o cut.npy']) {
      const ran = await normalize(`- ${line}`, { stdin: (await stdin('c.npy')).subarray(0, bytes) });
      expect([ran.exit, ran.err, ran.out]).toEqual([3, expect.stringContaining(`cannot read 'standard input': ${problem}`), '']);
      expect(await readdir(folder)).not.toContain('cut.npy');
    }
  });

  test('more than an array', async () => {
    const ran = await normalize('- --as layer-norm -o cut.npy', { stdin: Buffer.concat([await stdin('c.npy'), Buffer.of(0)]) });
    expect([ran.exit, ran.err]).toEqual([3, expect.stringContaining('more follows than the 1440 bytes')]);
    expect(await readdir(folder)).not.toContain('cut.npy');
  });

  test('no bytes to a terminal, and no document among bytes', async () => {
    const ran = await normalize('c.npy --as layer-norm -o -', { isTerminal: true });
    expect([ran.exit, ran.err, ran.out]).toEqual([2, expect.stringContaining('standard output is a terminal'), '']);
    expect(await normalize('c.npy --as layer-norm -o - --json')).toMatchObject({ exit: 2, err: expect.stringContaining('both write to standard output') });
  });
});

describe('what is refused', () => {
  beforeAll(async () => {
    await mkdir(at('place'));
    await writeFile(at('old.npy'), 'old');
    await symlink('c.npy', at('link.npy'));
    await writeFile(at('text.npy'), 'no array');
    await write('photo.npy', 'npy', { x: partOf(randn([3, 8, 8]), 'F32') });
    await write('single.npy', 'npy', { x: partOf(randn([1, 3]), 'F32') });
  });

  test.each<[line: string, exit: number, said: string]>([
    ['c.npy', 2, 'say how to normalize: --as LAYER'],
    ['c.npy --as layer-norm --pattern a', 2, 'give one of --as and --pattern'],
    ['c.npy --as layernrom', 2, "no layer 'layernrom' (did you mean layer-norm?)"],
    ['c.npy --as layer-norm --groups 3', 2, 'layer-norm takes no --groups, only --normalized-shape and --eps'],
    ['c.npy --as layer-norm g=3', 2, 'layer-norm takes no g=3'],
    ['c.npy --as batch-norm --statistics rms', 2, 'batch-norm takes no --statistics'],
    ['c.npy --pattern a_[b --groups 3', 2, '--pattern takes no --groups, only sizes such as g=3'],
    ['c.npy --pattern a_[b', 2, 'the bracket is never closed'],
    ['c.npy --pattern a_[b]', 2, 'the pattern has 2 axes, but the tensor has 4'],
    ['c.npy --pattern a_(g_[c])_s... g=4', 2, 'choose g from 1, 2, 3, 6'],
    ['c.npy --as group-norm', 2, 'group-norm needs a number of groups that divides 6 channels: --groups G'],
    ['c.npy --as group-norm --groups 4', 2, 'must be divisible by num_groups'],
    ['c.npy --as BatchNorm1d', 2, 'expected 2D or 3D input (got 4D input)'],
    ['c.npy --as layer-norm --normalized-shape 4', 2, 'normalized_shape=[4]'],
    ['c.npy --as batch-norm --eps 0', 2, 'batch_norm eps must be positive'],
    ['single.npy --as batch-norm', 2, 'Expected more than 1 value per channel when training'],
    ['single.npy --as local-response-norm', 2, 'Expected 3D or higher'],
    ['photo.npy --as layer-norm-2d', 2, 'for one image of 3 × 8 × 8, channels first, give --shape 1x3x8x8'],
    ['photo.npy --as batch-norm --shape 3x8', 2, '--shape 3 × 8 is invalid'],
    ['f.npy --as layer-norm --shape 18x20', 2, 'is in Fortran order, and --shape 18 × 20 splits or merges its axes'],
    ['c.npy --as layer-norm --overwrite', 2, '--overwrite is about OUT'],
    ['c.npy --as layer-norm -o old.npy', 2, "'old.npy' exists: give --overwrite"],
    ['c.npy --as layer-norm -o c.npy', 2, "'c.npy' is the file that is read: give --overwrite"],
    ['c.npy --as layer-norm -o link.npy', 2, "'link.npy' is the file that is read"],
    ['c.npy --as layer-norm -o out.pth', 2, "PyTorch's own format is read and not written: end it in .npy, .npz or .safetensors"],
    ['c.npy --as layer-norm -o out.txt', 2, "cannot tell the format of 'out.txt'"],
    ['c.npy --as layer-norm -o place/none/out.npy', 2, 'no such file or directory'],
    ['none.npy --as layer-norm', 2, 'no such file or directory'],
    ['text.npy --as layer-norm', 3, "cannot read '"],
    ['several.npz --as layer-norm', 2, "'several.npz' holds 3 tensors: give --entry NAME, or --all\n  x, f, i"],
    ['several.npz --entry ff --as layer-norm', 2, "holds no tensor 'ff' (did you mean f?)"],
    ['several.npz --entry x --all --as layer-norm', 2, 'give one of --entry and --all'],
    ['several.npz --all --as layer-norm -o out.npy --overwrite', 2, 'a .npy file holds one tensor, got 3'],
    ['c.npy --as layer-norm --weight w.npy', 2, 'weight has shape 6, but layer-norm on 3 × 6 × 4 × 5 takes 5'],
    ['c.npy --as layer-norm --weight short.npy', 2, '--weight is int64: parameters are floats'],
    ['c.npy --as layer-norm --weight several.npz', 2, "holds 3 tensors (x, f, i): give --weight 'several.npz:NAME'"],
    ['c.npy --as layer-norm --weight several.npz:y', 2, "'several.npz' has no tensor 'y'"],
    ['c.npy --as rms-norm --bias w.npy', 2, 'rms-norm takes no --bias: it has a weight alone'],
    ['c.npy --as local-response-norm --bias w.npy', 2, 'local-response-norm takes no --bias'],
    ['c.npy --pattern a_[b]_s... --weight w.npy', 2, 'has no axes for it: add a comma'],
    ['c.npy --as batch-norm --prefix bn1', 2, 'give --checkpoint FILE'],
    ['c.npy --as batch-norm --checkpoint parameters.safetensors', 2, "--prefix says what the layer's keys begin with; choose from double., bn1., bn2., half."],
    ['c.npy --as batch-norm --checkpoint parameters.safetensors --prefix bn3', 2, '(did you mean bn1. or bn2.?)'],
    ['c.npy --as batch-norm --checkpoint parameters.safetensors --prefix bn2', 2, 'weight has shape 7, but batch-norm on 3 × 6 × 4 × 5 takes 6'],
    ['c.npy --as batch-norm --checkpoint parameters.safetensors --prefix half', 2, 'has half.running_mean, and no half.running_var'],
    ['c.npy --as group-norm --groups 2 --checkpoint parameters.safetensors --prefix bn1', 2, 'group-norm has none: say --as batch-norm'],
    ['c.npy --as batch-norm --checkpoint parameters.safetensors --prefix bn1 --weight w.npy', 2, 'give one of --checkpoint and --weight'],
  ])('%s', async (line, exit, said) => {
    const before = await readdir(folder);
    const ran = await normalize(line);
    expect([ran.exit, ran.err, ran.out]).toEqual([exit, expect.stringContaining(said), '']);
    expect(await readdir(folder)).toEqual(before);
    expect(await readFile(at('old.npy'), 'utf8')).toBe('old');
  });
});

test('a file in the place of itself', async () => {
  const x = await first('c.npy');
  await writeFile(at('self.npy'), await readFile(at('c.npy')));
  expect(await normalize('self.npy --as batch-norm -o self.npy --overwrite')).toMatchObject({ exit: 0, err: '' });
  expectClose(readNpy(await readFile(at('self.npy'))), batchNorm(x, null, null, { training: true }), 0);
});
