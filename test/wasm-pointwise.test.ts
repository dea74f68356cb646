// Elementwise kernels on WASM against the reference: odd sizes, strides, broadcasts, truth values, copies that exchange axes,
// threads. What the functions themselves give is in wasm-math.
import { expect, test } from 'vitest';
import type { Data, DType, PointwiseOp } from '../src/kernels/kernels.js';
import { pointwise as reference } from '../src/kernels/reference/pointwise.js';
import { Machine } from '../src/kernels/wasm/machine.js';
import { pointwise } from '../src/kernels/wasm/pointwise.js';
import { closeness } from './closeness.js';

const machines = [1, 2, 4].map((threads) => new Machine(threads));

interface Operand {
  readonly dtype: DType;
  readonly strides: readonly number[];
  readonly offset: number;
}

const f32 = (strides: readonly number[], offset = 0): Operand => ({ dtype: 'float32', strides, offset });
const bool = (strides: readonly number[], offset = 0): Operand => ({ dtype: 'bool', strides, offset });
const bytes = { float32: 4, bool: 1, int64: 8, float64: 8 };

/** Elements that an operand reaches. */
function reach(shape: readonly number[], { strides, offset }: Operand): number {
  return shape.reduce((last, extent, axis) => last + (extent - 1) * (strides[axis] ?? 0), offset) + 1;
}

function viewOf(machine: Machine, dtype: DType, address: number, length: number): Data {
  const buffer = machine.buffer as ArrayBuffer;
  return dtype === 'bool' ? new Uint8Array(buffer, address, length) : new Float32Array(buffer, address, length);
}

/** The whole storage of the result, which also shows what a kernel wrote outside. */
function run(
  machine: Machine, op: PointwiseOp, shape: readonly number[], operands: readonly Operand[], data: readonly Data[],
): Data {
  const places = operands.map((operand, i) => {
    const { length } = data[i]!;
    const address = machine.alloc(Math.max(1, length * bytes[operand.dtype]));
    viewOf(machine, operand.dtype, address, length).set(data[i] as never); // of one type: see dataOf
    return { ...operand, address };
  });
  const [out, ...inputs] = places;
  expect(pointwise(machine, op, shape, inputs, out!)).toBe(true);
  const result = viewOf(machine, out!.dtype, out!.address, data[0]!.length).slice();
  places.forEach(({ address, dtype }, i) => machine.free(address, Math.max(1, data[i]!.length * bytes[dtype])));
  return result;
}

const bitsOf = ({ buffer, byteOffset, byteLength }: Data): Buffer => Buffer.from(buffer, byteOffset, byteLength);

let state = 1;
const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;

function dataOf(shape: readonly number[], operand: Operand): Data {
  const length = shape.includes(0) ? 3 : reach(shape, operand) + 2;
  if (operand.dtype === 'bool') return Uint8Array.from({ length }, () => Number(random() < 0.5));
  return Float32Array.from({ length }, () => (random() < 0.05 ? 0 : random() * 4 - 2));
}

function compare(op: PointwiseOp, shape: readonly number[], operands: readonly Operand[]): void {
  const data = operands.map((operand) => dataOf(shape, operand));
  const want = data[0]!.slice();
  const [out, ...inputs] = operands.map((operand, i) => ({ ...operand, data: i === 0 ? want : data[i]! }));
  reference(op, shape, inputs, out!);
  const label = `${op} ${JSON.stringify([shape, operands])}`;
  const results = machines.map((machine) => run(machine, op, shape, operands, data));
  expect(closeness(results[0]!, want, { rtol: 1e-6, atol: 1e-6 }), label).toBe(null);
  for (const other of results.slice(1)) expect(bitsOf(other).equals(bitsOf(results[0]!)), `${label} on threads`).toBe(true);
}

const sizes = [0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 47, 48, 49, 1023, 1025, 3001];

test.each(['copy', 'exp', 'sin', 'gelu', 'sign'] as const)('%s', (op) => {
  for (const n of sizes) {
    for (const operands of [
      [f32([1]), f32([1])], [f32([1], 1), f32([0], 2)], [f32([3]), f32([1], 1)], [f32([1]), f32([2])], [f32([2]), f32([3], 1)],
    ]) compare(op, [n], operands);
  }
  compare(op, [], [f32([]), f32([], 3)]);
});

test.each(['add', 'div', 'pow', 'gelu_backward'] as const)('%s', (op) => {
  for (const n of sizes) {
    for (const operands of [
      [f32([1]), f32([1]), f32([1], 3)], [f32([1]), f32([1]), f32([0])], [f32([1]), f32([0], 1), f32([2])],
    ]) compare(op, [n], operands);
    compare(op, [5, n], [f32([n, 1]), f32([0, 1]), f32([1, 0])]);
    compare(op, [3, n, 2], [f32([2 * n, 2, 1]), f32([2 * n, 2, 1]), f32([0, 0, 0], 1)]);
    compare(op, [3, n, 2], [f32([2 * n, 2, 1], 1), f32([2, 0, 1]), f32([0, 1, 0], 1)]);
    compare(op, [n, 3, 2], [f32([12, 4, 2]), f32([1, 0, n]), f32([1, n, 0])]);
  }
  compare(op, [], [f32([]), f32([]), f32([], 1)]);
});

test('truth values', () => {
  for (const n of sizes) {
    for (const op of ['eq', 'lt', 'ge'] as const) {
      compare(op, [n], [bool([1], 1), f32([1]), f32([0])]);
      compare(op, [n], [bool([1]), bool([1], 3), bool([1])]);
      compare(op, [4, n], [bool([n, 1]), f32([1, 4]), f32([n, 1])]);
      compare(op, [n, 3], [bool([1, n]), f32([1, 0]), f32([0, 1])]);
    }
    for (const op of ['and', 'or'] as const) compare(op, [3, n], [bool([n, 1]), bool([n, 1]), bool([1, 0])]);
    compare('not', [n], [bool([1]), bool([1], 1)]);
    compare('copy', [n], [f32([1]), bool([1])]);
    compare('copy', [n], [bool([1]), f32([1])]);
    compare('copy', [n], [bool([1]), bool([1])]);
    compare('copy', [n, 3], [bool([3, 1]), bool([1, n])]);
    compare('where', [n], [f32([1]), bool([1]), f32([1], 1), f32([0])]);
    compare('where', [3, n], [f32([n, 1]), bool([0, 1]), f32([0, 0], 1), f32([n, 1])]);
    compare('where', [n, 2], [f32([2, 1]), bool([1, n]), f32([1, 0], 1), f32([0, 0])]);
  }
  compare('where', [], [f32([]), bool([], 1), f32([]), f32([])]);
});

test('copies that exchange axes', () => {
  for (const [r, c] of [[1, 9], [3, 700], [700, 3], [4, 4], [5, 6], [16, 16], [17, 33], [64, 50], [33, 1030]] as const) {
    compare('copy', [r, c], [f32([c, 1]), f32([1, r])]);
    compare('copy', [r, c], [f32([c + 2, 1], 1), f32([1, r + 1], 2)]);
    compare('copy', [3, r, c], [f32([r * c, c, 1]), f32([r * c, 1, r])]);
    compare('copy', [r, 3, c], [f32([3 * c, c, 1]), f32([1, r, 3 * r])]);
    compare('copy', [5, r, c], [f32([r * c, c, 1]), f32([c, 5 * c, 1])]);
    compare('copy', [2, r, c], [f32([r * c, c, 1]), f32([0, c + 1, 1], 1)]);
    compare('copy', [r, 2, c, 3], [f32([6 * c, 3 * c, 3, 1]), f32([1, 3 * r * c, r, r * c])]);
  }
});

test('results of one split on several threads', () => {
  compare('exp', [100_003], [f32([1]), f32([1])]);
  compare('add', [301, 1003], [f32([1003, 1]), f32([1003, 1]), f32([0, 1])]);
  compare('lt', [200_003], [bool([1]), f32([1]), f32([0])]);
  compare('copy', [300_001], [f32([1]), f32([1])]);
  compare('copy', [301, 403], [f32([403, 1]), f32([1, 301])]);
});

test('int64 is left to the reference', () => {
  const [machine] = machines;
  const place = { address: 0, dtype: 'int64', offset: 0, strides: [2] } as const;
  expect(pointwise(machine!, 'copy', [4], [place], { ...place, dtype: 'float32' })).toBe(false);
  expect(pointwise(machine!, 'copy', [4], [place], place)).toBe(false);
});
