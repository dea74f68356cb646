// LayerNorm by hand over the last axis, and over the last two: which elements share a mean is a choice of dims.

import { LayerNorm, manualSeed, randn, type Tensor } from 'evenkeel';
import { difference } from '../difference.js';

/** Over −1: one mean for each token. Over −2 and −1: one for each sample. */
export function layerNormOver(x: Tensor, dims: number | readonly number[], eps = 1e-5): Tensor {
  const mean = x.mean(dims, { keepdim: true });
  const variance = x.var(dims, { unbiased: false, keepdim: true });
  return x.sub(mean).div(variance.add(eps).sqrt());
}

export function example(): string {
  manualSeed(123);
  const x = randn([2, 3, 4]);
  return [
    `over -1: means of shape ${x.mean(-1, { keepdim: true }).shape.join(' × ')}`,
    layerNormOver(x, -1),
    `Largest difference from LayerNorm(4): ${difference(layerNormOver(x, -1), new LayerNorm(4).forward(x))}`,
    `over -2 and -1: means of shape ${x.mean([-2, -1], { keepdim: true }).shape.join(' × ')}`,
    layerNormOver(x, [-2, -1]),
    `Largest difference from LayerNorm([3, 4]): ${difference(layerNormOver(x, [-2, -1]), new LayerNorm([3, 4]).forward(x))}`,
  ].join('\n');
}
