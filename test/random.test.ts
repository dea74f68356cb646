// The generator against PyTorch's: every row of random/expected.json, drawn call by call from one seed.
import { describe, expect, test } from 'vitest';
import { KeelError } from '../src/errors.js';
import { Generator, type Reals } from '../src/generator.js';
import expected from './random/expected.json' with { type: 'json' };

// The calls that agree to the last bit; normals go through logarithms and sines of other libraries.
const exactCalls = new Set(['rand', 'uniform_', 'bernoulli_', 'bernoulli', 'randint', 'randperm', 'manual_seed']);

describe.each(expected.rows)('$name', ({ seed, steps }) => {
  const generator = new Generator(BigInt(seed));
  test.for(steps)('%s', ([call, numbers]) => {
    const [name = '', ...args] = (call ?? '').split(' ');
    const wanted = (numbers ?? '').split(' ').filter((text) => text !== '');
    const drawn = draw(generator, name, args);
    const got = [...drawn.subarray(-expected.kept)];

    if (drawn instanceof BigInt64Array) return expect(got.map(String)).toEqual(wanted);
    const values = wanted.map((text) => (drawn instanceof Float32Array ? Math.fround(Number(text)) : Number(text)));
    if (exactCalls.has(name)) return expect(got).toEqual(values);
    const [rtol, atol] = drawn instanceof Float32Array ? [2e-6, 1e-7] : [1e-14, 1e-15];
    expect(got.length).toBe(values.length);
    const far = values.filter((value, i) => !(Math.abs(Number(got[i]) - value) <= atol + rtol * Math.abs(value)));
    expect(far).toEqual([]);
  });
});

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
  let raised: unknown;
  try {
    call(generator);
  } catch (error) {
    raised = error;
  }
  expect(raised).toBeInstanceOf(KeelError);
  expect(String(raised)).toContain(words);
  expect(generator.getState()).toEqual(before);
  expect(four).toEqual(new Float32Array(4));
});

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
