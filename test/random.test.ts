// The generator, and the tensors it fills, against PyTorch's: every row of random/expected.json, drawn call by call
// from one seed.
import { beforeAll, describe, expect, test } from 'vitest';
import { full, zeros } from '../src/create.js';
import type { KeelError } from '../src/errors.js';
import { Generator, type Reals } from '../src/generator.js';
import type { Data } from '../src/kernels/kernels.js';
import {
  bernoulli, bernoulli_, manualSeed, normal_, rand, randint, randn, randperm, truncNormal, uniform_,
} from '../src/random.js';
import type { Tensor } from '../src/tensor.js';
import expected from './random/expected.json' with { type: 'json' };
import { refusal } from './refusal.js';

// The calls that agree to the last bit; normals go through logarithms and sines of other libraries.
const exactCalls = new Set(['rand', 'uniform_', 'bernoulli_', 'bernoulli', 'randint', 'randperm', 'manual_seed']);

describe.each(expected.rows)('$name', ({ seed, steps }) => {
  const generator = new Generator(BigInt(seed));
  test.for(steps)('%s', (step) => expectDrawn(step, (name, args) => draw(generator, name, args)));
});

describe.each(expected.rows)('tensors: $name', ({ seed, steps }) => {
  beforeAll(() => manualSeed(BigInt(seed)));
  test.for(steps)('%s', (step) => expectDrawn(step, (name, args) => drawTensor(name, args).data));
});

function expectDrawn(
  [call = '', numbers = '']: readonly string[],
  drawBy: (name: string, args: readonly string[]) => Data,
): void {
  const [name = '', ...args] = call.split(' ');
  const wanted = numbers.split(' ').filter((text) => text !== '');
  const drawn = drawBy(name, args);
  const got = [...drawn.subarray(-expected.kept)];

  if (drawn instanceof BigInt64Array) return expect(got.map(String)).toEqual(wanted);
  const values = wanted.map((text) => (drawn instanceof Float32Array ? Math.fround(Number(text)) : Number(text)));
  if (exactCalls.has(name)) return expect(got).toEqual(values);
  const [rtol, atol] = drawn instanceof Float32Array ? [2e-6, 1e-7] : [1e-14, 1e-15];
  expect(got.length).toBe(values.length);
  const far = values.filter((value, i) => !(Math.abs(Number(got[i]) - value) <= atol + rtol * Math.abs(value)));
  expect(far).toEqual([]);
}

describe('getState and setState', () => {
  test.each([0, 1, 2, 15, 16, 17])('around %i normals', (n) => {
    const generator = new Generator(3);
    generator.normal(new Float32Array(3));
    const state = generator.getState();
    const first = generator.normal(new Float64Array(n));
    const after = generator.uniform(new Float32Array(700));
    generator.setState(state);
    expect(generator.normal(new Float64Array(n))).toEqual(first);
    expect(generator.uniform(new Float32Array(700))).toEqual(after);
  });
});

// What PyTorch says, and that nothing was drawn or written.
const four = new Float32Array(4);
const refusals: [string, (g: Generator) => unknown, string][] = [
  ['std below 0', (g) => g.normal(four, 0, -1), 'normal expects std >= 0.0, but found std -1'],
  ['std NaN', (g) => g.normal(four, 0, NaN), 'normal expects std >= 0.0, but found std NaN'],
  ['std below 0, no elements', (g) => g.normal(new Float64Array(0), 0, -1), 'normal expects std >= 0.0'],
  ['from > to', (g) => g.uniform(four, 2, 1), 'uniform_ expects to return a [from, to) range, but found from=2 > to=1'],
  ['from NaN', (g) => g.uniform(four, NaN, 1), 'from is out of bounds for float'],
  ['to beyond float32', (g) => g.uniform(four, 0, 1e39), 'to is out of bounds for float'],
  ['to infinite', (g) => g.uniform(new Float64Array(4), 0, Infinity), 'to is out of bounds for double'],
  ['range beyond float32', (g) => g.uniform(four, -3e38, 3e38), 'found to=3e+38 and from=-3e+38 which result in'],
  ['range beyond float64', (g) => g.uniform(new Float64Array(4), -1e308, 1e308), 'std::numeric_limits<Double>::max()'],
  ['p above 1', (g) => g.bernoulli(four, 2), 'bernoulli_ expects p to be in [0, 1], but got p=2'],
  ['p NaN', (g) => g.bernoulli(four, NaN), 'bernoulli_ expects p to be in [0, 1], but got p=NaN'],
  ['one p below 0', (g) => g.bernoulli(four, new Float32Array([0, 1, 1, -1])), 'bernoulli_ expects p to be in [0, 1]'],
  ['three p for four', (g) => g.bernoulli(four, new Float32Array(3)), 'one p for each of 4 elements, but got 3'],
  ['lo = hi', (g) => g.integers(new BigInt64Array(2), 3, 3), "'from' to be less than 'to', but got from=3 >= to=3"],
  ['lo > hi', (g) => g.integers(new BigInt64Array(0), 3, 2), "'from' to be less than 'to', but got from=3 >= to=2"],
  ['a fraction', (g) => g.integers(new BigInt64Array(2), 0, 5.5), "'to' must be a whole number"],
  ['hi beyond int64', (g) => g.integers(new BigInt64Array(2), 0, 1n << 63n), "'to' = 9223372036854775808 overflows"],
  ['n below 0', (g) => g.permutation(-1), 'Trying to create tensor with negative dimension -1: [-1]'],
  ['n NaN', (g) => g.permutation(NaN), 'a permutation of NaN; n must be a whole number from 0 to 214748363'],
  ['n too large', (g) => g.permutation(214748364), 'a permutation of 214748364'],
  ['seed NaN', (g) => g.manualSeed(NaN), "'seed' must be a whole number (beyond 2^53 a bigint), but got NaN"],
  ['seed 1.5', (g) => g.manualSeed(1.5), "'seed' must be a whole number"],
  ['seed 2^60 as a number', (g) => g.manualSeed(2 ** 60), "'seed' must be a whole number (beyond 2^53 a bigint)"],
  ['seed 2^64', (g) => g.manualSeed(1n << 64n), 'seed 18446744073709551616 overflows 64 bits'],
  ['truncated, std 0', (g) => g.truncNormal(four, 0, 0), 'std > 0.0, but found std 0'],
  ['truncated, mean NaN', (g) => g.truncNormal(four, NaN), 'a finite mean, but found mean NaN'],
  ['truncated, a > b', (g) => g.truncNormal(four, 0, 1, 2, -2), 'a [from, to) range, but found from=2 > to=-2'],
  ['truncated, a NaN', (g) => g.truncNormal(four, 0, 1, NaN, 2), 'found from=NaN > to=2'],
  ['truncated, far and open', (g) => g.truncNormal(four, 0, 1, 3, Infinity), 'to is out of bounds for float'],
];

test.each(refusals)('refuses %s', (_, call, words) => {
  const generator = new Generator(1);
  generator.normal(new Float32Array(1));
  const before = generator.getState();
  const raised = refusal(() => call(generator));
  expect(String(raised)).toContain(words);
  expect(generator.getState()).toEqual(before);
  expect(four).toEqual(new Float32Array(4));
});

const ints = zeros([2], { dtype: 'int64' });
const bad = (value: unknown) => value as never;
const tensorRefusals: [string, () => unknown, KeelError['code'], string][] = [
  ['a shape that is none', () => rand([2, -1]), 'size', '-1'],
  ['a shape of NaN', () => randint(0, 2, [NaN]), 'size', 'NaN'],
  ['real numbers as int64', () => rand([2], { dtype: bad('int64') }), 'dtype', '"rand" not implemented for int64'],
  ['normal numbers as bool', () => randn([2], { dtype: bad('bool') }), 'dtype', '"randn" not implemented for bool'],
  ['normal numbers into int64', () => normal_(ints), 'dtype', '"normal_" not implemented for int64'],
  ['uniform numbers into int64', () => uniform_(ints), 'dtype', '"uniform_" not implemented for int64'],
  ['truncated numbers into int64', () => truncNormal(ints), 'dtype', '"trunc_normal_" not implemented for int64'],
  ['chances as int64', () => bernoulli(ints), 'dtype', '"bernoulli" not implemented for int64'],
  ['a chance above 1', () => bernoulli(full([2], 1.5)), 'argument', 'p to be in [0, 1], but got p=1.5'],
  ['a chance that is missing', () => bernoulli([2], bad(undefined)), 'argument', 'p to be in [0, 1], but got p=NaN'],
  ['bounds in the wrong order', () => uniform_(zeros([2]), 1, 0), 'argument', 'found from=1 > to=0'],
  ['a negative deviation', () => normal_(zeros([0]), 0, -1), 'argument', 'normal expects std >= 0.0, but found std -1'],
  ['lo above hi', () => randint(3, 2, [0]), 'argument', 'got from=3 >= to=2'],
  ['a permutation of half an element', () => randperm(0.5), 'size', 'a permutation of 0.5'],
  ['a seed that is no number', () => manualSeed(NaN), 'argument', "'seed' must be a whole number"],
];

test.each(tensorRefusals)('tensors: refuses %s and draws nothing', (_, call, code, words) => {
  manualSeed(5);
  const next = randn([3]).toArray();
  manualSeed(5);
  const raised = refusal(call);
  expect(raised).toMatchObject({ code });
  expect(String(raised)).toContain(words);
  expect(randn([3]).toArray()).toEqual(next);
});

test('options of random tensors', () => {
  expect(rand([2, 3], { requiresGrad: true }).requiresGrad).toBe(true);
  expect([rand([2]).dtype, randn([2], { dtype: 'float64' }).dtype]).toEqual(['float32', 'float64']);
  expect([randint(0, 2, [1]).dtype, randperm(2).dtype]).toEqual(['int64', 'int64']);
  expect(bernoulli_(zeros([2, 2], { dtype: 'int64' }), 1).toArray()).toEqual([[1, 1], [1, 1]]);
  expect(bernoulli_(zeros([2], { dtype: 'bool' }), 1).toArray()).toEqual([true, true]);
});

function drawTensor(name: string, args: readonly string[]): Tensor {
  if (name === 'manual_seed') {
    manualSeed(BigInt(args[0] ?? ''));
    return zeros([0]);
  }
  if (name === 'randperm') return randperm(Number(args[0]));
  if (name === 'randint') return randint(BigInt(args[0] ?? ''), BigInt(args[1] ?? ''), [Number(args[2])]);
  const [dtype, size, ...rest] = args;
  const shape = [1, Number(size)];
  const [first, second, a, b] = rest.map((text) => (text === 'inf' ? Infinity : Number(text)));
  if (name === 'bernoulli_' && dtype === 'bool') return bernoulli_(zeros(shape, { dtype }), first);
  const options = { dtype: dtype === 'float64' ? dtype : 'float32' } as const;
  const x = zeros(shape, options);
  switch (name) {
    case 'rand':
      return rand(shape, options);
    case 'randn':
      return randn(shape, options);
    case 'uniform_':
      return uniform_(x, first, second);
    case 'normal_':
      return normal_(x, first, second);
    case 'bernoulli_':
      return bernoulli(shape, first ?? NaN, options);
    case 'bernoulli':
      return bernoulli(full(shape, first ?? NaN, options));
    case 'trunc_normal_':
      return truncNormal(x, { mean: first ?? 0, std: second ?? 1, a: a ?? -2, b: b ?? 2 });
    default:
      throw new Error(`no such call: ${name}`);
  }
}

function draw(generator: Generator, name: string, args: readonly string[]): Reals | Uint8Array | BigInt64Array {
  if (name === 'manual_seed') {
    generator.manualSeed(BigInt(args[0] ?? ''));
    return new Uint8Array(0);
  }
  if (name === 'randperm') return generator.permutation(Number(args[0]));
  if (name === 'randint') {
    return generator.integers(new BigInt64Array(Number(args[2])), BigInt(args[0] ?? ''), BigInt(args[1] ?? ''));
  }
  const [dtype, size, ...rest] = args;
  const n = Number(size);
  const [first, second, ...more] = rest.map((text) => (text === 'inf' ? Infinity : Number(text)));
  if (name === 'bernoulli_' && dtype === 'bool') return generator.bernoulli(new Uint8Array(n), first ?? NaN);
  const out = dtype === 'float64' ? new Float64Array(n) : new Float32Array(n);
  switch (name) {
    case 'rand':
    case 'uniform_':
      return generator.uniform(out, first, second);
    case 'randn':
    case 'normal_':
      return generator.normal(out, first, second);
    case 'bernoulli_':
      return generator.bernoulli(out, first ?? NaN);
    case 'bernoulli':
      return generator.bernoulli(out, out.slice().fill(first ?? NaN));
    case 'trunc_normal_':
      return generator.truncNormal(out, first, second, ...more);
    default:
      throw new Error(`no such call: ${name}`);
  }
}
