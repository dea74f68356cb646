// Spectral normalization by hand: a weight divided by its largest singular value, which power iterations find. Like
// weight norm it acts on weights, not on data.

import { Linear, linear, manualSeed, matmul, randn, spectralNorm, type Tensor } from 'evenkeel';
import { difference } from '../difference.js';

/** What is known so far of the left and right singular vectors that belong to the largest value. */
export interface Vectors {
  readonly u: Tensor;
  readonly v: Tensor;
}

/** A weight (out, in, ...) as a matrix: a row for each output. */
export function matrixOf(weight: Tensor): Tensor {
  return weight.reshape([weight.shape[0] ?? 1, -1]);
}

/** One power iteration, in the order of `torch.nn.utils.spectral_norm`: v ← Wᵀu/‖Wᵀu‖, u ← Wv/‖Wv‖. */
export function iterated(matrix: Tensor, { u }: Vectors): Vectors {
  const v = unit(matmul(u, matrix));
  return { u: unit(matmul(matrix, v)), v };
}

/** w = W/σ with σ = uᵀWv; u and v are constants to the gradient. */
export function spectrallyNormalized(weight: Tensor, { u, v }: Vectors): Tensor {
  const sigma = u.mul(matmul(matrixOf(weight), v)).sum();
  return weight.div(sigma);
}

/** x/max(‖x‖, eps) */
function unit(x: Tensor, eps = 1e-12): Tensor {
  return x.div(x.vectorNorm().maximum(eps));
}

export function example(): string {
  manualSeed(0);
  const x = randn([5, 4]);
  const layer = spectralNorm(new Linear(4, 3, { bias: false }), { keys: 'old' });
  const { weight_orig: weight = x, weight_u: u = x, weight_v: v = x } = Object.fromEntries(layer.stateDict());
  const vectors = iterated(matrixOf(weight), { u: u.clone(), v: v.clone() });
  const y = linear(x, spectrallyNormalized(weight, vectors));
  let converged = vectors;
  for (let i = 0; i < 50; i++) converged = iterated(matrixOf(weight), converged);
  return [
    `spectralNorm(Linear(4, 3)): largest difference from the layer ${difference(y, layer.forward(x))}`,
    `σ after 1 iteration ${sigmaOf(weight, vectors)}, after 51 ${sigmaOf(weight, converged)}`,
  ].join('\n');
}

function sigmaOf(weight: Tensor, { u, v }: Vectors): string {
  return u.mul(matmul(matrixOf(weight), v)).sum().item().toFixed(4);
}
