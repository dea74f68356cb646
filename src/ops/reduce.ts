// Sums, means, variances, extremes and norms over any axes. May import errors, kernels, tensor, autograd, check,
// movement and elementwise.

import { noGrad, record } from '../autograd.js';
import { KeelError, showShape, showValue } from '../errors.js';
import type { ReduceOp } from '../kernels/kernels.js';
import { scope, type Tensor } from '../tensor.js';
import { checkFloats, checkOptions, dimensionMask } from './check.js';
import { abs, div, eq, mul, ne, or, pow, sign, sub, where } from './elementwise.js';
import { expand, reduceBy, reshape, sumTo, to } from './movement.js';

/** One dimension or several, negative ones from the end; none means all. */
export type Dims = number | readonly number[];

export interface ReduceOptions {
  /** Leave reduced axes with extent 1. Default false. */
  readonly keepdim?: boolean;
}

/**
 * Σx over dims.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.sum.html
 * @example
 * tensor([[1, 2], [3, 4]]).sum(0).toArray(); // [4, 6]
 */
export function sum(x: Tensor, dims?: Dims | null, options?: ReduceOptions): Tensor {
  checkFlags('sum', options);
  const axes = plan('sum', x, dims, options);
  return scope(() => reshape(sumTo(x, axes.kept), axes.shape));
}

/**
 * Σx/n over dims; NaN over no elements.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.mean.html
 * @example
 * tensor([[1, 2], [3, 4]]).mean(1, { keepdim: true }).toArray(); // [[1.5], [3.5]]
 */
export function mean(x: Tensor, dims?: Dims | null, options?: ReduceOptions): Tensor {
  checkFlags('mean', options);
  const axes = plan('mean', x, dims, options);
  const y = reduceBy('mean', x, axes.mask, axes.kept);
  const { shape } = x;
  record({
    name: 'MeanBackward',
    inputs: [x],
    outputs: [y],
    backward: ([dy]) => [dy ? expand(div(dy, axes.count), shape) : null],
  });
  return settle(y, axes);
}

/**
 * Σ(x − mean)²/(n − 1) over dims, or /n with `unbiased: false`; two passes. dx = dy·2(x − mean)/(n − 1).
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.var.html
 * @example
 * tensor([1, 3]).var(null, { unbiased: false }).item(); // 1
 */
export function variance(
  x: Tensor,
  dims?: Dims | null,
  options: ReduceOptions & { readonly unbiased?: boolean } = {},
): Tensor {
  checkFlags('var', options, ['unbiased', 'keepdim']);
  const { unbiased = true } = options;
  return reduced(unbiased ? 'unbiased_variance' : 'variance', x, dims, options, (dy, n, { x: saved, mask }) => {
    const deviation = sub(saved, mean(saved, axesOf(mask), { keepdim: true }));
    return mul(dy, mul(deviation, 2 / (unbiased ? n - 1 : n)));
  });
}

/**
 * Largest element over dims; equal ones share the gradient.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.amax.html
 * @example
 * tensor([[1, 5], [4, 2]]).max(1).toArray(); // [5, 4]
 */
export function max(x: Tensor, dims?: Dims | null, options?: ReduceOptions): Tensor {
  checkFlags('max', options);
  return reduced('max', nonEmpty('max', x, dims), dims, options, sharedByEqual);
}

/**
 * Least element over dims; equal ones share the gradient.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.amin.html
 * @example
 * tensor([[1, 5], [4, 2]]).min(0).toArray(); // [1, 2]
 */
export function min(x: Tensor, dims?: Dims | null, options?: ReduceOptions): Tensor {
  checkFlags('min', options);
  return reduced('min', nonEmpty('min', x, dims), dims, options, sharedByEqual);
}

/**
 * ‖x‖ = (Σ|x|ᵖ)^(1/p) over dims: p = 2 Euclidean, 1 the sum of magnitudes, ±Infinity the largest and least magnitude, 0
 * the number of elements that are not 0. dx = dy·sign x·(|x|/‖x‖)ᵖ⁻¹, 0 at 0.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.linalg.vector_norm.html
 * @example
 * tensor([3, -4]).vectorNorm().item(); // 5
 */
export function vectorNorm(x: Tensor, p = 2, dims?: Dims | null, options?: ReduceOptions): Tensor {
  if (typeof p !== 'number' || Number.isNaN(p)) {
    throw new KeelError('argument', `vectorNorm: p must be a number or ±Infinity, got ${String(p)}`, { p });
  }
  checkFlags('vectorNorm', options);
  return scope(() => lengthOf(x, p, dims, options));
}

function lengthOf(x: Tensor, p: number, dims: Dims | null | undefined, options: ReduceOptions | undefined): Tensor {
  if (p === Infinity || p === -Infinity) {
    const op = p > 0 ? 'max' : 'min';
    // Unlike those of max and min, these gradients count a NaN as equal to the NaN that it makes.
    return reduced(op, nonEmpty(op, abs(x), dims), dims, options, (dy, _, saved) => {
      return shared(dy, or(eq(saved.x, saved.y), ne(saved.x, saved.x)), saved.mask);
    });
  }
  if (p === 1) return sum(abs(x), dims, options);
  // Recorded, with a gradient of zeros; NaN counts as not 0.
  if (p === 0) return sum(abs(sign(where(ne(x, x), 1, x))), dims, options);
  if (p === 2) {
    return reduced('l2', x, dims, options, (dy, _, { x: saved, y }) =>
      mul(dy, where(eq(y, 0), 0, div(saved, where(eq(y, 0), 1, y)))),
    );
  }
  const axes = plan('vectorNorm', x, dims, options);
  const powers = noGrad(() => pow(abs(x), p));
  const y = noGrad(() => pow(reduceBy('sum', powers, axes.mask, axes.kept), 1 / p));
  return recorded('vectorNorm', x, y, axes, (dy, _, { x: saved, y: length }) => {
    // Zeros are kept away from pow, whose slope there may be infinite.
    const zero = or(eq(saved, 0), eq(length, 0));
    const ratio = div(where(zero, 1, abs(saved)), where(eq(length, 0), 1, length));
    return mul(dy, where(zero, 0, mul(sign(saved), pow(ratio, p - 1))));
  });
}

/** Refuses options that are none, as `true` in keepdim's place, and those that are no boolean. */
function checkFlags(name: string, options: ReduceOptions = {}, known: readonly string[] = ['keepdim']): void {
  checkOptions(name, options, known);
  for (const [option, value] of Object.entries(options)) {
    if (typeof value === 'boolean' || value === undefined) continue;
    const message = `${name}: ${option} must be true or false, got ${showValue(value)}`;
    throw new KeelError('argument', message, { [option]: value });
  }
}

interface Axes {
  readonly mask: readonly boolean[];
  /** The shape with reduced axes left as 1. */
  readonly kept: readonly number[];
  readonly shape: readonly number[];
  /** Elements under one result. */
  readonly count: number;
}

function plan(name: string, x: Tensor, dims: Dims | null | undefined, { keepdim = false }: ReduceOptions = {}): Axes {
  checkFloats(name, [x]);
  const mask = dimensionMask(dims, x.rank);
  const kept = x.shape.map((extent, axis) => (mask[axis] === true ? 1 : extent));
  const shape = keepdim ? kept : x.shape.filter((_, axis) => mask[axis] !== true);
  const count = x.shape.reduce((product, extent, axis) => (mask[axis] === true ? product * extent : product), 1);
  return { mask, kept, shape, count };
}

/** The gradient of each element from that of its result, both in the shape with axes kept. */
type Spread = (
  dy: Tensor,
  count: number,
  saved: { readonly x: Tensor; readonly y: Tensor; readonly mask: readonly boolean[] },
) => Tensor;

function reduced(
  op: ReduceOp,
  x: Tensor,
  dims: Dims | null | undefined,
  options: ReduceOptions | undefined,
  spread: Spread,
): Tensor {
  const axes = plan(op, x, dims, options);
  return recorded(op, x, reduceBy(op, x, axes.mask, axes.kept), axes, spread);
}

/** y, which has the shape with axes kept, in the shape asked for, and on the tape. */
function recorded(name: string, x: Tensor, y: Tensor, axes: Axes, spread: Spread): Tensor {
  record({
    name: `${name.charAt(0).toUpperCase()}${name.slice(1)}Backward`,
    inputs: [x],
    outputs: [y],
    saved: [x, y],
    backward: ([dy], [savedX, savedY]) => [
      dy ? expand(spread(dy, axes.count, { x: savedX, y: savedY, mask: axes.mask }), savedX.shape) : null,
    ],
  });
  return settle(y, axes);
}

/** The result in the shape that was asked for. */
function settle(y: Tensor, { shape }: Axes): Tensor {
  const result = reshape(y, shape);
  y.dispose();
  return result;
}

function sharedByEqual(dy: Tensor, _: number, { x, y, mask }: Parameters<Spread>[2]): Tensor {
  return shared(dy, eq(x, y), mask);
}

function shared(dy: Tensor, among: Tensor, mask: readonly boolean[]): Tensor {
  const portion = to(among, dy.dtype);
  return mul(dy, div(portion, sum(portion, axesOf(mask), { keepdim: true })));
}

function axesOf(mask: readonly boolean[]): number[] | null {
  const axes = mask.flatMap((on, axis) => (on ? [axis] : []));
  return axes.length === 0 ? null : axes;
}

function nonEmpty(name: string, x: Tensor, dims: Dims | null | undefined): Tensor {
  const mask = dimensionMask(dims, x.rank);
  if (x.shape.every((extent, axis) => extent > 0 || mask[axis] !== true)) return x;
  throw new KeelError(
    'shape',
    `${name}(): Expected reduction dim to be specified for input.numel() == 0 (${showShape(x.shape)}): no elements have no ${name}`,
    { shape: x.shape },
  );
}
