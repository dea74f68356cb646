// Batch normalization by hand: one mean for each channel, over the batch and all positions.

import { BatchNorm2d, manualSeed, randn, type Tensor } from 'evenkeel';
import { difference } from '../difference.js';

/** x is (N, C), (N, C, L) or (N, C, H, W). The biased variance normalizes. */
export function batchNorm(x: Tensor, eps = 1e-5): Tensor {
  const { mean, variance } = batchStatistics(x);
  return x.sub(mean).div(variance.add(eps).sqrt());
}

/** One mean and one biased variance for each channel, 1 × C × 1 × 1. */
export function batchStatistics(x: Tensor): { mean: Tensor; variance: Tensor } {
  const dims = x.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
  return { mean: x.mean(dims, { keepdim: true }), variance: x.var(dims, { unbiased: false, keepdim: true }) };
}

/** What evaluation uses: each batch moves the running values by a tenth, and here the variance is unbiased. */
export function runningAfter(
  x: Tensor,
  running: { mean: Tensor; variance: Tensor },
  momentum = 0.1,
): { mean: Tensor; variance: Tensor } {
  const { mean, variance } = batchStatistics(x);
  const [channels = 1] = running.mean.shape;
  const n = x.size / channels;
  const move = (old: Tensor, batch: Tensor) => old.mul(1 - momentum).add(batch.reshape([channels]).mul(momentum));
  return { mean: move(running.mean, mean), variance: move(running.variance, variance.mul(n / (n - 1))) };
}

/** Evaluation: the running values are constants, and a sample's result does not depend on its batch. */
export function batchNormEval(x: Tensor, running: { mean: Tensor; variance: Tensor }, eps = 1e-5): Tensor {
  const column = [1, running.mean.size, ...x.shape.slice(2).map(() => 1)];
  return x.sub(running.mean.reshape(column)).div(running.variance.add(eps).sqrt().reshape(column));
}

export function example(): string {
  manualSeed(0);
  const x = randn([4, 3, 5, 5]);
  const layer = new BatchNorm2d(3, { affine: false });
  const { runningMean, runningVar } = layer;
  if (runningMean === null || runningVar === null) throw new Error('this layer has running statistics');
  const moved = runningAfter(x, { mean: runningMean.clone(), variance: runningVar.clone() });
  const trained = difference(batchNorm(x), layer.forward(x));
  return [
    `BatchNorm2d(3) on 4 × 3 × 5 × 5: ${layer.numFeatures} means, by hand`,
    batchStatistics(x).mean.reshape([3]),
    `Largest difference from the layer in training: ${trained}`,
    `of the running mean afterwards: ${difference(moved.mean, runningMean)}`,
    `of the running variance: ${difference(moved.variance, runningVar)}`,
    `in evaluation: ${difference(batchNormEval(x, moved), layer.eval().forward(x))}`,
  ].join('\n');
}
