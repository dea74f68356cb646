// Instance normalization by hand: one mean for each channel of each sample, over its positions.

import { InstanceNorm2d, manualSeed, randn, type Tensor } from 'evenkeel';
import { difference } from '../difference.js';

/** x is (N, C, L) or (N, C, H, W). No parameters and no running statistics, as is the layer's default. */
export function instanceNorm(x: Tensor, eps = 1e-5): Tensor {
  const positions = x.shape.map((_, axis) => axis).slice(2);
  const mean = x.mean(positions, { keepdim: true });
  const variance = x.var(positions, { unbiased: false, keepdim: true });
  return x.sub(mean).div(variance.add(eps).sqrt());
}

export function example(): string {
  manualSeed(0);
  const x = randn([2, 3, 4, 4]);
  return [
    'InstanceNorm2d(3) on 2 × 3 × 4 × 4: 6 means over 16 elements each',
    x.mean([2, 3]),
    `Largest difference from the layer: ${difference(instanceNorm(x), new InstanceNorm2d(3).forward(x))}`,
  ].join('\n');
}
