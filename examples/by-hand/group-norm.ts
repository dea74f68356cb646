// Group normalization by hand: the channels of a sample in groups of neighbours, one mean for each group.

import { GroupNorm, InstanceNorm2d, LayerNorm, manualSeed, randn, type Tensor } from 'evenkeel';
import { difference } from '../difference.js';

/** x is (N, C, *), seen as (N, G, C/G, *); weight and bias have one value for each channel. */
export function groupNorm(
  x: Tensor,
  groups: number,
  weight: Tensor | null = null,
  bias: Tensor | null = null,
  eps = 1e-5,
): Tensor {
  const [batch = 1, channels = 1, ...positions] = x.shape;
  const grouped = x.reshape([batch, groups, channels / groups, ...positions]);
  const dims = grouped.shape.map((_, axis) => axis).slice(2);
  const mean = grouped.mean(dims, { keepdim: true });
  const variance = grouped.var(dims, { unbiased: false, keepdim: true });
  const normalized = grouped.sub(mean).div(variance.add(eps).sqrt()).reshape(x.shape);
  const column = [1, channels, ...positions.map(() => 1)];
  const scaled = weight === null ? normalized : normalized.mul(weight.reshape(column));
  return bias === null ? scaled : scaled.add(bias.reshape(column));
}

export function example(): string {
  manualSeed(0);
  const x = randn([2, 6, 4, 4]);
  const layer = new LayerNorm([6, 4, 4], { elementwiseAffine: false });
  return [
    'on 2 × 6 × 4 × 4, largest difference of groupNorm by hand',
    `  3 groups of 2 channels, 6 means, from GroupNorm(3, 6): ${difference(groupNorm(x, 3), new GroupNorm(3, 6).forward(x))}`,
    `  one channel a group, 12 means, from InstanceNorm2d(6): ${difference(groupNorm(x, 6), new InstanceNorm2d(6).forward(x))}`,
    `  one group, 2 means, from LayerNorm([6, 4, 4]):         ${difference(groupNorm(x, 1), layer.forward(x))}`,
  ].join('\n');
}
