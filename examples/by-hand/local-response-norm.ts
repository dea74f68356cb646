// Local response normalization by hand, as AlexNet had it: each channel divided by the strength of its neighbours.

import { cat, LocalResponseNorm, manualSeed, randn, stack, zeros, type Tensor } from 'evenkeel';
import { difference } from '../difference.js';

/** x is (N, C, *): x_c · (k + alpha/size · Σ x_j²)^(−beta), j from c − ⌊size/2⌋ to c + ⌊(size − 1)/2⌋, 0 outside. */
export function localResponseNorm(
  x: Tensor,
  size: number,
  { alpha = 1e-4, beta = 0.75, k = 1 }: { readonly alpha?: number; readonly beta?: number; readonly k?: number } = {},
): Tensor {
  const [batch = 1, channels = 1, ...positions] = x.shape;
  const below = zeros([batch, Math.floor(size / 2), ...positions]);
  const above = zeros([batch, Math.floor((size - 1) / 2), ...positions]);
  const padded = cat([below, x.square(), above], 1);
  const neighbours = Array.from({ length: size }, (_, j) => padded.slice(1, j, j + channels));
  const squares = stack(neighbours).sum(0);
  return x.mul(squares.mul(alpha / size).add(k).pow(-beta));
}

export function example(): string {
  manualSeed(0);
  const x = randn([2, 8, 4, 4]);
  const strong = { alpha: 1, beta: 0.75, k: 2 };
  const [weak, other] = [new LocalResponseNorm(5), new LocalResponseNorm(4, strong)];
  return [
    'on 2 × 8 × 4 × 4, largest difference of localResponseNorm by hand',
    `  5 channels, from LocalResponseNorm(5):               ${difference(localResponseNorm(x, 5), weak.forward(x))}`,
    `  4 channels, alpha 1, k 2, two below and one above:   ${difference(localResponseNorm(x, 4, strong), other.forward(x))}`,
  ].join('\n');
}
