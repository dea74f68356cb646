// Elementwise functions on WASM: which operands the kernels take, and how the work is cut. May import kernels and machine.

import type { PointwiseOp } from '../kernels.js';
import { dense } from './dense.wasm.js';
import type { Machine } from './machine.js';
import type { Place } from './wasm.js';

/** The functions as wasm/dense/sweep.ts numbers them. */
const codes: Readonly<Record<PointwiseOp, number>> = {
  copy: 0, neg: 1, abs: 2, sign: 3, exp: 4, log: 5, log1p: 6, sqrt: 7, sin: 8, cos: 9, tanh: 10, sigmoid: 11, erf: 12,
  relu: 13, floor: 14, not: 15, gelu: 16, gelu_tanh: 17, silu: 18, add: 19, sub: 20, mul: 21, div: 22, pow: 23,
  maximum: 24, minimum: 25, eq: 26, ne: 27, lt: 28, le: 29, gt: 30, ge: 31, and: 32, or: 33, gelu_backward: 34,
  gelu_tanh_backward: 35, silu_backward: 36, where: 37,
};
/** Functions that take several times as long as a sum. */
const costly: ReadonlySet<PointwiseOp> = new Set<PointwiseOp>([
  'exp', 'log', 'log1p', 'sin', 'cos', 'tanh', 'sigmoid', 'erf', 'pow', 'gelu', 'gelu_tanh', 'silu', 'gelu_backward',
  'gelu_tanh_backward', 'silu_backward',
]);
/** Axes and operands that wasm/dense/pointwise.ts has slots for, and its scratch: a copy and a vector for each operand. */
const MOST_AXES = 8;
const OPERANDS = 4;
const SCRATCH = OPERANDS * (4096 + 16);
/** Axes around the rows, or the two axes, that a copy rearranges, and columns of an item. */
const MOST_AROUND = 6;
const WIDTH = 512;
/** Least elements for several threads. */
const PARALLEL = 1 << 16;

/** Whether the work was done: int64 moves only as a whole, float64 is never here. */
export function pointwise(
  machine: Machine, op: PointwiseOp, shape: readonly number[], inputs: readonly Place[], out: Place,
): boolean {
  const size = shape.reduce((product, extent) => product * extent, 1);
  const [x] = inputs;
  if (size === 0) return true;
  if (op === 'copy' && x !== undefined && x.dtype === out.dtype) {
    if (copyWhole(machine, shape, x, out, size) || rearrange(machine, shape, x, out, size)) return true;
  }
  if (shape.length === 0) {
    return pointwise(machine, op, [1], inputs.map(ofOne), ofOne(out));
  }
  const operands = [out, ...inputs];
  const fits = operands.every(({ dtype }) => dtype === 'float32' || dtype === 'bool');
  if (!fits || shape.length > MOST_AXES || size >= 2 ** 31) return false;
  const args = [codes[op], shape.length, operands.length];
  pushPadded(args, operands.map(firstOf), OPERANDS);
  pushPadded(args, operands.map(({ dtype }) => (dtype === 'bool' ? 1 : 0)), OPERANDS);
  pushPadded(args, operands.map(({ strides }) => flatStep(shape, strides)), OPERANDS);
  pushPadded(args, shape, MOST_AXES);
  for (const { strides } of operands) pushPadded(args, strides, MOST_AXES);
  const cost = costly.has(op) ? 4 : 1;
  const work = { items: size, grain: PARALLEL / 4 / cost, parallel: size * cost >= PARALLEL, scratch: SCRATCH };
  machine.launch(dense, 'pointwise', args, work);
  return true;
}

/** An operand without axes as one of a single element. */
function ofOne(operand: Place): Place {
  return { ...operand, strides: [1] };
}

/** The numbers, and zeros up to a length. */
function pushPadded(args: number[], numbers: readonly number[], length: number): void {
  for (let i = 0; i < length; i++) args.push(i < numbers.length ? numbers[i]! : 0);
}

const bytesOf = { float32: 4, float64: 8, int64: 8, bool: 1 };

/** The address of an operand's first element. */
function firstOf({ address, dtype, offset }: Place): number {
  return address + offset * bytesOf[dtype];
}

/** How far all neighbours in the order of the axes lie apart: 1, 0, or -1 where that differs. */
function flatStep(shape: readonly number[], strides: readonly number[]): number {
  let step = 1;
  let isConsecutive = true;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (strides[axis] !== step) isConsecutive = false;
    step *= shape[axis]!;
  }
  if (isConsecutive) return 1;
  return strides.every((stride) => stride === 0) ? 0 : -1;
}

function copyWhole(machine: Machine, shape: readonly number[], x: Place, out: Place, size: number): boolean {
  const [from, to, words] = [firstOf(x), firstOf(out), (size * bytesOf[x.dtype]) / 4];
  const isWhole = flatStep(shape, x.strides) === 1 && flatStep(shape, out.strides) === 1;
  if (!isWhole || words >= 2 ** 31 || (from | to) % 4 !== 0 || !Number.isInteger(words)) return false;
  machine.launch(dense, 'copyWords', [from, to], { items: words, grain: PARALLEL, parallel: words >= 4 * PARALLEL, scratch: 0 });
  return true;
}

/** Rows that move as they are, and, in blocks, elements whose neighbours lie along another axis than those of the result. */
function rearrange(machine: Machine, shape: readonly number[], x: Place, out: Place, size: number): boolean {
  const last = shape.length - 1;
  const isRows = last > 0 && x.strides[last] === 1;
  const axis = isRows ? last : x.strides.indexOf(1);
  const isPossible = axis >= 0 && (isRows || x.strides[last] !== 0) && out.strides[last] === 1 && last >= 1;
  const outer = shape.map((_, i) => i).filter((i) => i !== axis && i !== last);
  if (!isPossible || x.dtype !== 'float32' || outer.length > MOST_AROUND || size >= 2 ** 31) return false;
  const [rows, columns] = [isRows ? 1 : (shape[axis] ?? 0), shape[last] ?? 0];
  const args = [firstOf(x), firstOf(out), rows, columns, x.strides[last] ?? 0, out.strides[axis] ?? 0, WIDTH, outer.length];
  for (const numbers of [shape, x.strides, out.strides]) pushPadded(args, outer.map((i) => numbers[i]!), MOST_AROUND);
  const blocks = isRows ? 1 : Math.ceil(rows / 16) * Math.ceil(columns / WIDTH);
  const items = (size / (rows * columns)) * blocks;
  const grain = Math.ceil((PARALLEL / 4 / size) * items);
  machine.launch(dense, isRows ? 'copyRows' : 'transpose', args, { items, grain, parallel: size >= PARALLEL, scratch: 0 });
  return true;
}
