// Weight normalization by hand: a row of a weight as a length g and a direction v/‖v‖. It acts on weights, not on data.

import { Linear, linear, manualSeed, randn, weightNorm, type Tensor } from 'evenkeel';
import { difference } from '../difference.js';

/** w = g · v/‖v‖ with one length for each output row: v is (out, in, ...), g is (out, 1, ...). */
export function normalizedWeight(v: Tensor, g: Tensor): Tensor {
  return v.div(rowLengths(v)).mul(g);
}

/** ‖v‖ of each row; g starts as this, so that w = v at first. */
export function rowLengths(v: Tensor): Tensor {
  const dims = v.shape.map((_, axis) => axis).slice(1);
  return v.vectorNorm(2, dims, { keepdim: true });
}

export function example(): string {
  manualSeed(0);
  const x = randn([5, 4]);
  const v = new Linear(4, 3, { bias: false }).weight.detach();
  manualSeed(0);
  randn([5, 4]);
  const layer = weightNorm(new Linear(4, 3, { bias: false }));
  const w = normalizedWeight(v, rowLengths(v));
  return [
    `weightNorm(Linear(4, 3)): 3 lengths ${rowLengths(v).reshape([3])}`,
    `Largest difference from the layer: ${difference(linear(x, w), layer.forward(x))}`,
    `Its state: ${[...layer.stateDict().keys()].join(', ')}`,
  ].join('\n');
}
