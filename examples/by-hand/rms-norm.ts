// Root mean square normalization by hand: no mean is taken off, and nothing is added.

import { manualSeed, randn, RMSNorm, type Tensor } from 'evenkeel';
import { difference } from '../difference.js';

/** Over the last axis. The layer's default eps is 2⁻²³, the machine epsilon of float32. */
export function rmsNorm(x: Tensor, weight: Tensor | null = null, eps = 2 ** -23): Tensor {
  const meanSquare = x.square().mean(-1, { keepdim: true });
  const normalized = x.div(meanSquare.add(eps).sqrt());
  return weight === null ? normalized : normalized.mul(weight);
}

export function example(): string {
  manualSeed(0);
  const x = randn([2, 3, 8]);
  const y = rmsNorm(x);
  return [
    `RMSNorm(8) on 2 × 3 × 8: 6 root mean squares, all 1 afterwards: ${y.square().mean(-1).sqrt().reshape([6])}`,
    `Largest difference from the layer: ${difference(y, new RMSNorm(8).forward(x))}`,
  ].join('\n');
}
