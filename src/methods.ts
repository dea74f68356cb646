// Puts the light operations on Tensor as methods; the one module with side effects. May import everything up to ops.

import { backward, detach, type BackwardOptions } from './autograd.js';
import type { DType } from './kernels/kernels.js';
import * as elementwise from './ops/elementwise.js';
import type { Operand } from './ops/elementwise.js';
import * as inplace from './ops/inplace.js';
import * as movement from './ops/movement.js';
import * as reduce from './ops/reduce.js';
import type { Dims, ReduceOptions } from './ops/reduce.js';
import * as shape from './ops/shape.js';
import { Tensor } from './tensor.js';

declare module './tensor.js' {
  interface Tensor {
    /** Accumulates gradients of Σ this·dy into the leaves it was computed from; dy is 1 for a tensor of one element. */
    backward(dy?: Tensor | null, options?: BackwardOptions): void;
    /** The same elements without history. */
    detach(): Tensor;
    /** A copy with memory of its own. */
    clone(): Tensor;
    /** A copy in another dtype. */
    to(dtype: DType): Tensor;

    neg(): Tensor;
    abs(): Tensor;
    sign(): Tensor;
    exp(): Tensor;
    log(): Tensor;
    log1p(): Tensor;
    sqrt(): Tensor;
    rsqrt(): Tensor;
    square(): Tensor;
    reciprocal(): Tensor;
    sin(): Tensor;
    cos(): Tensor;
    tanh(): Tensor;
    sigmoid(): Tensor;
    erf(): Tensor;
    relu(): Tensor;
    floor(): Tensor;
    add(other: Operand): Tensor;
    sub(other: Operand): Tensor;
    mul(other: Operand): Tensor;
    div(other: Operand): Tensor;
    pow(exponent: Operand): Tensor;
    maximum(other: Operand): Tensor;
    minimum(other: Operand): Tensor;
    clamp(limits: { min?: number; max?: number }): Tensor;
    eq(other: Operand): Tensor;
    ne(other: Operand): Tensor;
    lt(other: Operand): Tensor;
    le(other: Operand): Tensor;
    gt(other: Operand): Tensor;
    ge(other: Operand): Tensor;
    and(other: Tensor): Tensor;
    or(other: Tensor): Tensor;
    not(): Tensor;

    /** In place, never recorded: this ← source, this + other, this − other, this · other, this / other. Each returns this. */
    copy_(source: Tensor): this;
    add_(other: Operand): this;
    sub_(other: Operand): this;
    mul_(other: Operand): this;
    div_(other: Operand): this;

    /** Σ over dims, all by default. */
    sum(dims?: Dims | null, options?: ReduceOptions): Tensor;
    /** Mean over dims, all by default. */
    mean(dims?: Dims | null, options?: ReduceOptions): Tensor;
    /** Variance over dims, all by default; divided by n − 1 unless `unbiased` is false. */
    var(dims?: Dims | null, options?: ReduceOptions & { readonly unbiased?: boolean }): Tensor;
    /** Largest element over dims, all by default. */
    max(dims?: Dims | null, options?: ReduceOptions): Tensor;
    /** Least element over dims, all by default. */
    min(dims?: Dims | null, options?: ReduceOptions): Tensor;
    /** (Σ|x|ᵖ)^(1/p) over dims, all by default; p = 2 by default. */
    vectorNorm(p?: number, dims?: Dims | null, options?: ReduceOptions): Tensor;

    /** The same elements in another shape; one extent may be -1. */
    reshape(shape: readonly number[]): Tensor;
    /** Axis i of the result is axis dims[i] of this. */
    permute(dims: readonly number[]): Tensor;
    transpose(dim0: number, dim1: number): Tensor;
    unsqueeze(dim: number): Tensor;
    squeeze(dims?: number | readonly number[]): Tensor;
    flatten(start?: number, end?: number): Tensor;
    expand(shape: readonly number[]): Tensor;
    repeat(counts: readonly number[]): Tensor;
    split(sizes: number | readonly number[], dim?: number): Tensor[];
    chunk(chunks: number, dim?: number): Tensor[];
    /** Elements from start below end along dim, as Python's slices. */
    slice(dim: number, start?: number, end?: number, step?: number): Tensor;
    /** The elements at one index along dim, that axis dropped. */
    select(dim: number, index: number): Tensor;
  }
}

/** Functions whose first argument becomes `this`. */
const methods = {
  backward,
  detach,
  clone: movement.clone,
  to: movement.to,
  neg: elementwise.neg,
  abs: elementwise.abs,
  sign: elementwise.sign,
  exp: elementwise.exp,
  log: elementwise.log,
  log1p: elementwise.log1p,
  sqrt: elementwise.sqrt,
  rsqrt: elementwise.rsqrt,
  square: elementwise.square,
  reciprocal: elementwise.reciprocal,
  sin: elementwise.sin,
  cos: elementwise.cos,
  tanh: elementwise.tanh,
  sigmoid: elementwise.sigmoid,
  erf: elementwise.erf,
  relu: elementwise.relu,
  floor: elementwise.floor,
  add: elementwise.add,
  sub: elementwise.sub,
  mul: elementwise.mul,
  div: elementwise.div,
  pow: elementwise.pow,
  maximum: elementwise.maximum,
  minimum: elementwise.minimum,
  clamp: elementwise.clamp,
  eq: elementwise.eq,
  ne: elementwise.ne,
  lt: elementwise.lt,
  le: elementwise.le,
  gt: elementwise.gt,
  ge: elementwise.ge,
  and: elementwise.and,
  or: elementwise.or,
  not: elementwise.not,
  copy_: inplace.copy_,
  add_: inplace.add_,
  sub_: inplace.sub_,
  mul_: inplace.mul_,
  div_: inplace.div_,
  sum: reduce.sum,
  mean: reduce.mean,
  var: reduce.variance,
  max: reduce.max,
  min: reduce.min,
  vectorNorm: reduce.vectorNorm,
  reshape: movement.reshape,
  permute: movement.permute,
  transpose: shape.transpose,
  unsqueeze: shape.unsqueeze,
  squeeze: shape.squeeze,
  flatten: shape.flatten,
  expand: movement.expand,
  repeat: shape.repeat,
  split: shape.split,
  chunk: shape.chunk,
  slice: shape.slice,
  select: shape.select,
} as const;

// Each is declared above with the types of its own arguments.
for (const [name, f] of Object.entries(methods) as [string, (x: Tensor, ...rest: unknown[]) => unknown][]) {
  Object.defineProperty(Tensor.prototype, name, {
    value(this: Tensor, ...rest: unknown[]) {
      return f(this, ...rest);
    },
    writable: true,
    configurable: true,
  });
}
