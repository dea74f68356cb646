// What losses are made of: cross entropy with class indices, and squared errors, each beside its gradient. May import
// kernels, create, tensor, autograd and ops.

import { isCreatingGraph, noGrad, record } from '../autograd.js';
import { convert, empty } from '../create.js';
import { denseOf } from '../kernels/dense.js';
import type { Data, DType } from '../kernels/kernels.js';
import { scope, sizeOf, type Tensor } from '../tensor.js';
import { add, exp, mul, neg, sub } from './elementwise.js';
import { addRows, pick } from './embedding.js';
import { reshape } from './movement.js';
import { mean, sum } from './reduce.js';
import { logSoftmax, softmax } from './softmax.js';

/** The classes of the positions that count. */
export interface Classes {
  /** Which positions count, in order; null: all of them. */
  readonly at: readonly number[] | null;
  /** The class of each of these. */
  readonly labels: readonly number[];
  /** The weight of each class; null: 1. */
  readonly weight: Float64Array | null;
  /** Share of every class that goes to all classes evenly, ε. */
  readonly smoothing: number;
}

/**
 * ℓ = −(1 − ε)·w_y·log p_y − ε/C·Σ_c w_c·log p_c with p = softmax(x), and 0 where a position does not count;
 * dx_c = dℓ·(p_c·((1 − ε)·w_y + ε/C·Σ w) − (1 − ε)·w_y·[c = y] − ε/C·w_c).
 *
 * @param x (N, C, D), checked; the result is (N·D)
 */
export function classEntropy(x: Tensor, classes: Classes): Tensor {
  const [batch = 0, count = 0, depth = 0] = x.shape;
  const { at, labels, weight, smoothing } = classes;
  const even = smoothing / count;
  const totalWeight = weight === null ? count : weight.reduce((total, each) => total + each, 0);
  return scope(() => {
    const own = labels.map((label) => (smoothing - 1) * (weight === null ? 1 : weight[label]!));
    const share = beside(convert(own, x.dtype), x.dtype, x);
    const index = beside(BigInt64Array.from(elementsOf(classes, count, depth)), 'int64', x);
    // What is not needed is the shares again: the tape keeps no gaps.
    const places = at === null ? share : beside(BigInt64Array.from(at, BigInt), 'int64', x);
    const weights = smoothing === 0 ? share : beside(convert(weight ?? new Float64Array(count).fill(1), x.dtype), x.dtype, x);

    const positions = batch * depth;
    const column = (values: Tensor): Tensor => reshape(values, [batch, 1, depth]);
    const across = (values: Tensor): Tensor => reshape(values, [1, count, 1]);
    const counted = (all: Tensor, kept: Tensor): Tensor =>
      at === null ? all : flat(pick(reshape(all, [positions, 1]), kept, 1));
    const spread = (some: Tensor, kept: Tensor): Tensor =>
      at === null ? some : flat(addRows(reshape(some, [labels.length, 1]), kept, 1, [positions, 1]));

    const [y, loss] = noGrad(() => {
      const y = logSoftmax(x, 1);
      const chosen = mul(flat(pick(reshape(y, [x.size, 1]), index, 1)), share);
      if (smoothing === 0) return [y, spread(chosen, places)];
      const all = counted(flat(sum(mul(y, across(weights)), 1)), places);
      return [y, spread(sub(chosen, mul(all, even)), places)];
    });
    record({
      name: 'NllLossBackward',
      inputs: [x],
      outputs: [loss],
      saved: [x, y, index, share, places, weights],
      backward: ([dy], [x, y, index, share, places, weights]) => {
        if (!dy) return [];
        const p = isCreatingGraph() ? softmax(x, 1) : exp(y);
        const dloss = counted(dy, places);
        const chosen = mul(dloss, share);
        const rows = smoothing === 0 ? neg(chosen) : sub(mul(dloss, even * totalWeight), chosen);
        let dx = mul(p, column(spread(rows, places)));
        if (smoothing !== 0) dx = sub(dx, mul(column(spread(mul(dloss, even), places)), across(weights)));
        return [plus(dx, chosen, index)];
      },
    });
    return loss;
  });
}

/** x and what comes to some of its elements: in place where that need not be recorded. */
function plus(x: Tensor, some: Tensor, index: Tensor): Tensor {
  const rows = reshape(some, [some.size, 1]);
  if (isCreatingGraph()) return add(x, reshape(addRows(rows, index, 1, [x.size, 1]), x.shape));
  denseOf(x.storage.kernels).scatterAdd(rows.storage.handle, index.storage.handle, 1, x.storage.handle);
  return x;
}

/** Where in (N, C, D) the element of each label lies. */
function elementsOf({ at, labels }: Classes, count: number, depth: number): bigint[] {
  return labels.map((label, i) => {
    const position = at === null ? i : at[i]!;
    return BigInt((Math.floor(position / depth) * count + label) * depth + (position % depth));
  });
}

/** A vector on the backend of x. */
function beside(data: Data, dtype: DType, x: Tensor): Tensor {
  const made = empty([data.length], dtype, x);
  made.storage.kernels.write(made.storage.handle, data);
  return made;
}

function flat(x: Tensor): Tensor {
  return reshape(x, [x.size]);
}

/**
 * (x − t)², each, their sum or their mean; dx = 2·(x − t)·dy, over the number of elements for the mean, and dt = −dx.
 *
 * @param t of the shape of x, checked
 */
export function squaredError(x: Tensor, t: Tensor, reduction: 'none' | 'sum' | 'mean'): Tensor {
  const loss = noGrad(() => scope(() => {
    const difference = sub(x, t);
    const squares = mul(difference, difference);
    return reduction === 'none' ? squares : reduction === 'sum' ? sum(squares) : mean(squares);
  }));
  const factor = reduction === 'mean' ? 2 / sizeOf(x.shape) : 2;
  const needs = [x.requiresGrad, t.requiresGrad];
  record({
    name: 'MseLossBackward',
    inputs: [x, t],
    outputs: [loss],
    saved: [x, t],
    backward: ([dy], [x, t]) => {
      if (!dy) return [];
      const dx = mul(sub(x, t), mul(dy, factor));
      return [needs[0] === true ? dx : null, needs[1] === true ? neg(dx) : null];
    },
  });
  return loss;
}
