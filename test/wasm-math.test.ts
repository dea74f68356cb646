// Elementary functions on WASM against float64: random values of all sizes, special ones, and C's pow on all pairs of those.
import { expect, test } from 'vitest';
import type { BinaryOp, PointwiseOp, UnaryOp } from '../src/kernels/kernels.js';
import { pointwise as reference } from '../src/kernels/reference/pointwise.js';
import { Machine } from '../src/kernels/wasm/machine.js';
import { pointwise } from '../src/kernels/wasm/pointwise.js';

const machine = new Machine(1);
const ulp = 2 ** -23;
/** Largest error, as part of the value and by itself. */
const functions: readonly (readonly [op: UnaryOp, relative: number, absolute: number])[] = [
  ['copy', 0, 0], ['neg', 0, 0], ['abs', 0, 0], ['sign', 0, 0], ['sqrt', ulp / 2, 0], ['relu', 0, 0], ['floor', 0, 0],
  ['not', 0, 0],
  ['exp', 2e-7, 2 ** -149], ['log', 2e-7, 0], ['log1p', 2.5e-7, 2 ** -149], ['sin', ulp, 2 ** -149], ['cos', ulp, 0],
  ['tanh', 2.5e-7, 2 ** -149], ['sigmoid', 3e-7, 2 ** -149], ['erf', 2.5e-7, 2 ** -149],
  ['gelu', 3e-7, 1.3e-6], ['gelu_tanh', 1e-6, 2e-7], ['silu', 3.5e-7, 1e-7],
];
const slopes: readonly BinaryOp[] = ['gelu_backward', 'gelu_tanh_backward', 'silu_backward'];

const largest = 3.4028234663852886e38;
const specials = [
  0, 1, 2, 3, 0.5, 1.5, 2.5, 1e-45, 1e-40, 1.1754943508222875e-38, 1e-30, 1e-8, 0.3, 0.55, 0.63, 0.92, 0.95, 4, 5.2, 6, 10, 17, 87.3,
  88, 88.5, 88.72283, 88.73, 89, 90, 103.9, 104, 1000, 16777215, 16777216, 1e6, 1e10, 1e20, 1e30, largest, Infinity, NaN,
].flatMap((x) => [x, -x]);

function run(op: PointwiseOp, inputs: readonly Float32Array[], on: Machine = machine): Float32Array {
  const n = inputs[0]!.length;
  const places = [...inputs, new Float32Array(n)].map((data) => {
    const address = on.alloc(4 * n);
    on.f32.set(data, address / 4);
    return { address, dtype: 'float32', offset: 0, strides: [1] } as const;
  });
  const out = places.pop()!;
  expect(pointwise(on, op, [n], places, out)).toBe(true);
  const result = on.f32.slice(out.address / 4, out.address / 4 + n);
  for (const { address } of [...places, out]) on.free(address, 4 * n);
  return result;
}

function expected(op: PointwiseOp, inputs: readonly Float32Array[]): Float64Array {
  const n = inputs[0]!.length;
  const out = new Float64Array(n);
  reference(op, [n], inputs.map((data) => ({ data, offset: 0, strides: [1] })), { data: out, offset: 0, strides: [1] });
  return out;
}

/** The first result that is too far off, with its inputs. */
function off(op: PointwiseOp, inputs: readonly Float32Array[], relative: number, absolute: number): unknown {
  const [got, want] = [run(op, inputs), expected(op, inputs)];
  const bad = got.findIndex((y, i) => !isNear(op, y, want[i]!, relative, absolute));
  return bad < 0 ? null : { inputs: inputs.map((data) => data[bad]), got: got[bad], expected: want[bad] };
}

function isNear(op: PointwiseOp, y: number, e: number, relative: number, absolute: number): boolean {
  const rounded = Math.fround(e);
  if (Object.is(y, rounded)) return true;
  // At the edge of overflow either neighbour is right.
  if (Math.abs(e) > largest * (1 - relative)) return Math.abs(y) >= largest && Number.isFinite(e) && y * e > 0;
  if (e === 0) return Math.abs(y) <= absolute && !(y === 0 && isOdd.has(op));
  return Math.abs(y - e) <= relative * Math.abs(e) + absolute;
}

/** Functions that keep the sign of 0. */
const isOdd: ReadonlySet<PointwiseOp> = new Set<PointwiseOp>([
  'copy', 'neg', 'sin', 'tanh', 'erf', 'log1p', 'sqrt', 'floor', 'gelu', 'silu',
]);

/** Values of all sizes that a float32 has, and as many of the size of 1. */
function values(count: number): Float32Array {
  const random = generator();
  return Float32Array.from({ length: count }, (_, i) => {
    const sign = random() < 0.5 ? -1 : 1;
    return i % 2 === 0 ? sign * 2 ** (random() * 276 - 149) : sign * 2 ** (random() * 16 - 9);
  });
}

function generator(): () => number {
  let state = 12345;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

test.each(functions)('%s within %d', (op, relative, absolute) => {
  expect(off(op, [Float32Array.from(specials)], relative, absolute)).toBe(null);
  expect(off(op, [values(40_001)], relative, absolute)).toBe(null);
});

test.each(slopes)('%s', (op) => {
  for (const x of [Float32Array.from(specials), values(20_001)]) {
    expect(off(op, [x.map(() => 1), x], 4e-7, 5e-7)).toBe(null);
    expect(off(op, [x.map(() => -3), x], 4e-7, 1.5e-6)).toBe(null);
  }
});

test("C's pow", () => {
  const bases = Float32Array.from(specials.flatMap((a) => specials.map(() => a)));
  const exponents = Float32Array.from(specials.flatMap(() => specials));
  expect(off('pow', [bases, exponents], ulp, 2 ** -149)).toBe(null);
  const x = values(20_000).map(Math.abs);
  expect(off('pow', [x, values(20_000).map((v) => v % 20)], ulp, 2 ** -149)).toBe(null);
});

test('every pair of special values', () => {
  const a = Float32Array.from(specials.flatMap((x) => specials.map(() => x)));
  const b = Float32Array.from(specials.flatMap(() => specials));
  for (const op of ['add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const) {
    const want = Float32Array.from(expected(op, [a, b]));
    expect(run(op, [a, b]), op).toEqual(want);
  }
});
