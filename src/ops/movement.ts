// Operations that move elements or add up copies of them: reshape, permute, expand, slices. Each lies beside its
// backward, and the pairs are one another's. May import errors, sizes, plan, tensor, autograd and
// check.

import { record } from '../autograd.js';
import { constant, convert, empty, type Located } from '../create.js';
import { KeelError, showShape } from '../errors.js';
import type { DType, PointwiseOp, ReduceOp, Strided } from '../kernels/kernels.js';
import { reduction, type Permutation } from '../plan.js';
import { checkShape } from '../sizes.js';
import { sameShape, scope, sizeOf, Tensor } from '../tensor.js';
import { checkList, dimension, dimensionList } from './check.js';

/** A stretch of an operand: where its first element lies and how far apart its neighbours are along each axis. */
export interface Placement {
  readonly offset: number;
  readonly strides: readonly number[];
}

/**
 * The same elements in another shape; one extent may be -1 and is inferred. Shares memory with x.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.reshape.html
 * @example
 * linspace(0, 5, 6).reshape([2, -1]).toArray(); // [[0, 1, 2], [3, 4, 5]]
 */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  const y = new Tensor(inferShape(shape, x), x.storage);
  // Here and below: the tape holds what it needs of x, and not x itself.
  const { shape: from } = x;
  record({ name: 'ReshapeBackward', inputs: [x], outputs: [y], backward: ([dy]) => [dy ? reshape(dy, from) : null] });
  return y;
}

/**
 * The axes in another order: axis i of the result is axis dims[i] of x.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.permute.html
 * @example
 * zeros([2, 3, 4]).permute([2, 0, 1]).shape; // [4, 2, 3]
 */
export function permute(x: Tensor, dims: readonly number[]): Tensor {
  const order = dimensionList(dims).map((dim) => dimension(dim, x.rank));
  if (order.length !== x.rank || new Set(order).size !== order.length) {
    throw new KeelError(
      'dimension',
      `permute(dims): number of dimensions in the tensor input does not match the length of the desired ordering, or a ` +
        `dim is repeated: a tensor of rank ${x.rank} and dims [${dims.join(', ')}]`,
      { rank: x.rank, dims },
    );
  }
  const strides = contiguous(x.shape).strides;
  const y = empty(order.map((axis) => x.shape[axis] ?? 1), x.dtype, x);
  move(x, { offset: 0, strides: order.map((axis) => strides[axis] ?? 0) }, y, contiguous(y.shape), y.shape);
  const inverse = inverseOrder(order);
  record({ name: 'PermuteBackward', inputs: [x], outputs: [y], backward: ([dy]) => [dy ? permute(dy, inverse) : null] });
  return y;
}

/** The order that undoes an order. */
function inverseOrder(order: readonly number[]): number[] {
  return order.map((_, axis) => order.indexOf(axis));
}

/** Brings the elements of x into the order of a plan that needs them moved. */
export function arrange(x: Tensor, { view, order }: Permutation): Tensor {
  return scope(() => permute(reshape(x, view), order));
}

/** Undoes {@link arrange}. */
export function arrangeBack(x: Tensor, { view, order }: Permutation, shape: readonly number[]): Tensor {
  const arranged = order.map((axis) => view[axis] ?? 1);
  return scope(() => reshape(permute(reshape(x, arranged), inverseOrder(order)), shape));
}

/**
 * Repeats axes of extent 1, and new leading ones, up to `shape`; -1 keeps an extent.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.expand.html
 * @example
 * tensor([[1], [2]]).expand([2, 3]).toArray(); // [[1, 1, 1], [2, 2, 2]]
 */
export function expand(x: Tensor, shape: readonly number[]): Tensor {
  const asked = checkShape(shape, -1);
  const missing = asked.length - x.rank;
  const target = asked.map((extent, axis) => (extent === -1 && axis >= missing ? (x.shape[axis - missing] ?? 1) : extent));
  const fits = missing >= 0 && x.shape.every((extent, axis) => extent === 1 || extent === target[axis + missing]);
  if (!fits || target.some((extent) => extent < 0)) {
    throw new KeelError(
      'shape',
      `The expanded size [${shape.join(', ')}] must match the existing size [${x.shape.join(', ')}] at non-singleton dimensions`,
      { from: x.shape, to: shape },
    );
  }
  const y = empty(target, x.dtype, x);
  move(x, stretched(x.shape, target), y, contiguous(target), target);
  const { shape: from } = x;
  record({ name: 'ExpandBackward', inputs: [x], outputs: [y], backward: ([dy]) => [dy ? sumTo(dy, from) : null] });
  return y;
}

/** Sums the axes along which a broadcast repeated elements, back to `shape`. */
export function sumTo(x: Tensor, shape: readonly number[]): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const missing = x.rank - shape.length;
  const summed = x.shape.map((extent, axis) => axis < missing || (shape[axis - missing] === 1 && extent !== 1));
  const y = reduceBy('sum', x, summed, shape);
  const { shape: from } = x;
  record({
    name: 'SumBackward',
    inputs: [x],
    outputs: [y],
    backward: ([dy]) => [dy ? expand(dy, from) : null],
  });
  return y;
}

/** A reduction over some axes, not recorded: the callers know their gradients. */
export function reduceBy(op: ReduceOp, x: Tensor, reduced: readonly boolean[], shape: readonly number[]): Tensor {
  const { runs, permutation } = reduction(x.shape, reduced);
  const source = permutation === null ? x : arrange(x, permutation);
  const y = empty(shape, x.dtype, x);
  y.storage.kernels.reduce(op, source.storage.handle, runs, y.storage.handle);
  if (source !== x) source.dispose();
  return y;
}

/** Where a slice lies in a tensor: `shape` elements from `start`, `step` apart. */
export interface Region {
  readonly start: readonly number[];
  readonly step: readonly number[];
  readonly shape: readonly number[];
}

/** The elements of a region. */
export function take(x: Tensor, region: Region): Tensor {
  const y = empty(region.shape, x.dtype, x);
  move(x, within(x.shape, region), y, contiguous(y.shape), y.shape);
  const { shape: from } = x;
  record({ name: 'SliceBackward', inputs: [x], outputs: [y], backward: ([dy]) => [dy ? put(dy, from, region) : null] });
  return y;
}

/** Zeros of `shape` with x in a region. */
export function put(x: Tensor, shape: readonly number[], region: Region): Tensor {
  const y = empty(shape, x.dtype, x);
  fill(y, 0);
  move(x, contiguous(x.shape), y, within(shape, region), x.shape);
  record({ name: 'PutBackward', inputs: [x], outputs: [y], backward: ([dy]) => [dy ? take(dy, region) : null] });
  return y;
}

/**
 * Tensors one after another along `dim`.
 *
 * @throws KeelError [shape] when other extents differ; [argument] for what is no list, or an empty one; [dtype]; [backend].
 * @see https://docs.pytorch.org/docs/stable/generated/torch.cat.html
 * @example
 * cat([zeros([2, 3]), ones([1, 3])]).shape; // [3, 3]
 */
export function cat(tensors: readonly Tensor[], dim = 0): Tensor {
  checkList('cat', tensors);
  const first = tensors[0]!;
  const axis = dimension(dim, first.rank);
  for (const x of tensors) {
    if (x.rank === first.rank && x.shape.every((extent, i) => i === axis || extent === first.shape[i])) continue;
    throw new KeelError(
      'shape',
      `Sizes of tensors must match except in dimension ${axis}. Expected ${showShape(first.shape)} but got ${showShape(x.shape)}`,
      { dim: axis, expected: first.shape, got: x.shape },
    );
  }
  const extent = tensors.reduce((total, x) => total + (x.shape[axis] ?? 1), 0);
  const shape = first.shape.map((held, i) => (i === axis ? extent : held));
  const y = empty(shape, first.dtype, first);
  let at = 0;
  const regions = tensors.map((x) => {
    const region = span(x.shape, axis, at);
    at += x.shape[axis] ?? 1;
    move(x, contiguous(x.shape), y, within(shape, region), x.shape);
    return region;
  });
  record({
    name: 'CatBackward',
    inputs: tensors,
    outputs: [y],
    backward: ([dy]) => regions.map((region) => (dy ? take(dy, region) : null)),
  });
  return y;
}

/** The region of `shape` that begins at `start` along one axis. */
export function span(shape: readonly number[], axis: number, start: number): Region {
  return { start: shape.map((_, i) => (i === axis ? start : 0)), step: shape.map(() => 1), shape };
}

/**
 * A copy of the same or another dtype, on the backend in use if this one holds x only as it holds every dtype; the
 * gradient is converted back.
 *
 * @example
 * tensor([1.7, -1.7]).to('int64').toArray(); // [1, -1]
 */
export function to(x: Tensor, dtype: DType): Tensor {
  // float64 has only one home: what comes from there goes where new tensors go.
  return x.dtype === dtype || x.storage.kernels.name !== 'reference' ? toBackend(x, dtype, x) : toBackend(x, dtype);
}

/** A copy of x in a dtype on the backend of another tensor, or on the one in use. */
export function toBackend(x: Tensor, dtype: DType, like?: Located): Tensor {
  const y = empty(x.shape, dtype, like);
  if (y.storage.kernels === x.storage.kernels) move(x, contiguous(x.shape), y, contiguous(y.shape), x.shape);
  else y.storage.kernels.write(y.storage.handle, convert(x.data, dtype));
  const home = alike(x);
  record({ name: 'ToBackward', inputs: [x], outputs: [y], backward: ([dy]) => [dy ? home(dy) : null] });
  return y;
}

/** Indices or a condition where float64 operands are, which have only one home. */
export function besideFloats(data: Tensor, floats: Tensor): Tensor {
  const isNear = floats.dtype !== 'float64' || data.storage.kernels === floats.storage.kernels;
  return isNear ? data : toBackend(data, data.dtype, floats);
}

/** Brings gradients to the dtype and backend of x, without holding its elements. */
function alike({ dtype, storage: { kernels } }: Tensor): (dy: Tensor) => Tensor {
  return (dy) => toBackend(dy, dtype, { storage: { kernels } });
}

/**
 * A copy with its own memory.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.clone.html
 * @example
 * tensor([1, 2]).clone().toArray(); // [1, 2]
 */
export function clone(x: Tensor): Tensor {
  return to(x, x.dtype);
}

/** Writes the elements of `source`, broadcast, into `target`, from any backend and dtype. Not recorded. */
export function copyInto(target: Tensor, source: Tensor): void {
  const near = source.storage.kernels === target.storage.kernels ? source : broughtTo(target, source);
  move(near, stretched(near.shape, target.shape), target, contiguous(target.shape), target.shape);
  target.storage.version++;
  if (near !== source) near.dispose();
}

/** The elements of `source` on the backend of `target`, which may hold only its own dtype. */
function broughtTo(target: Tensor, source: Tensor): Tensor {
  const y = empty(source.shape, target.dtype, target);
  y.storage.kernels.write(y.storage.handle, convert(source.data, target.dtype));
  return y;
}

/** Writes one value throughout. Not recorded. */
export function fill(target: Tensor, value: number): void {
  const source = constant(value, target.dtype, target);
  copyInto(target, source);
  source.dispose();
}

/** Row-major strides. */
export function contiguous(shape: readonly number[]): Placement {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = (strides[axis + 1] ?? 1) * (shape[axis + 1] ?? 1);
  return { offset: 0, strides };
}

/** Strides of a contiguous operand read as a larger shape: 0 along the axes that are repeated. */
export function stretched(shape: readonly number[], target: readonly number[]): Placement {
  const { strides } = contiguous(shape);
  const missing = target.length - shape.length;
  const stride = (axis: number) => (axis < missing || shape[axis - missing] === 1 ? 0 : (strides[axis - missing] ?? 0));
  return { offset: 0, strides: target.map((_, axis) => stride(axis)) };
}

/** Runs an elementwise kernel over operands in their layouts, neighbouring axes merged where all operands allow it. */
export function runPointwise(
  op: PointwiseOp,
  inputs: readonly (readonly [Tensor, Placement])[],
  [y, layout]: readonly [Tensor, Placement],
  shape: readonly number[],
): void {
  const merged = mergeAxes(shape, [...inputs.map(([, { strides }]) => strides), layout.strides]);
  const strided = (x: Tensor, offset: number, operand: number): Strided<unknown> => ({
    data: x.storage.handle,
    offset,
    strides: merged.strides[operand] ?? [],
  });
  const sources = inputs.map(([x, { offset }], operand) => strided(x, offset, operand));
  y.storage.kernels.pointwise(op, merged.shape, sources, strided(y, layout.offset, inputs.length));
}

function move(x: Tensor, from: Placement, y: Tensor, target: Placement, shape: readonly number[]): void {
  runPointwise('copy', [[x, from]], [y, target], shape);
}

function mergeAxes(shape: readonly number[], strides: readonly (readonly number[])[]) {
  const kept: { extent: number; steps: number[] }[] = [];
  shape.forEach((extent, axis) => {
    if (extent === 1) return;
    const steps = strides.map((operand) => operand[axis] ?? 0);
    const outer = kept.at(-1);
    if (outer !== undefined && outer.steps.every((step, i) => step === (steps[i] ?? 0) * extent)) {
      outer.extent *= extent;
      outer.steps = steps;
    } else kept.push({ extent, steps });
  });
  return {
    shape: kept.map(({ extent }) => extent),
    strides: strides.map((_, operand) => kept.map(({ steps }) => steps[operand] ?? 0)),
  };
}

function within(shape: readonly number[], { start, step }: Region): Placement {
  const { strides } = contiguous(shape);
  const offset = start.reduce((total, at, axis) => total + at * (strides[axis] ?? 0), 0);
  return { offset, strides: strides.map((stride, axis) => stride * (step[axis] ?? 1)) };
}

function inferShape(shape: readonly number[], x: Tensor): readonly number[] {
  const asked = checkShape(shape, -1);
  const known = sizeOf(asked.filter((extent) => extent !== -1));
  const unknown = asked.filter((extent) => extent === -1).length;
  const inferred = asked.map((extent) => (extent === -1 ? x.size / known : extent));
  const whole = inferred.every(Number.isInteger);
  if (unknown <= 1 && whole && sizeOf(inferred) === x.size) return inferred;
  throw new KeelError(
    'shape',
    `shape '[${shape.join(', ')}]' is invalid for input of size ${x.size}` +
      (unknown > 1 ? ': only one dimension can be inferred' : ''),
    { shape, from: x.shape, size: x.size },
  );
}
