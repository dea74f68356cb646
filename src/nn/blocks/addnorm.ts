// Add & Norm with any layer as the norm: one sweep where a kernel fuses the two. May import tensor, ops and nn.

import { add } from '../../ops/elementwise.js';
import { scope, type Tensor } from '../../tensor.js';
import { addLayerNorm, addRMSNorm, type AddNorm } from '../functional.js';
import { isHooked } from '../hooks.js';
import type { Layer } from '../layers.js';
import { checkModule } from '../module.js';
import { LayerNorm, RMSNorm } from '../norm.js';

/**
 * sum = x + residual, y = norm(sum): one sweep over memory for a {@link LayerNorm} or {@link RMSNorm} without hooks, two
 * for any other layer.
 *
 * @param x float32 or float64, as is the residual, of shapes that broadcast
 * @throws KeelError [shape] where the shapes do not fit each other or the norm; [argument] for a norm that is no module.
 * @see https://arxiv.org/abs/1706.03762
 * @example
 * const { sum, y } = addNorm(new LayerNorm(8), randn([2, 4, 8]), randn([2, 4, 8]));
 */
export function addNorm(norm: Layer, x: Tensor, residual: Tensor): AddNorm {
  checkModule(norm);
  // Hooks see the pass through `forward`. A weight that is computed on access goes with the scope.
  return scope(() => (isHooked(norm) ? null : fused(norm, x, residual)) ?? apart(norm, x, residual));
}

/** Only the two classes themselves: a subclass may normalize otherwise. */
function fused(norm: Layer, x: Tensor, residual: Tensor): AddNorm | null {
  if (norm instanceof LayerNorm && norm.constructor === LayerNorm) {
    const { normalizedShape, weight, bias, eps } = norm;
    return addLayerNorm(x, residual, normalizedShape, { weight, bias, eps });
  }
  if (norm instanceof RMSNorm && norm.constructor === RMSNorm) {
    const { normalizedShape, weight, eps } = norm;
    return addRMSNorm(x, residual, normalizedShape, { weight, eps });
  }
  return null;
}

function apart(norm: Layer, x: Tensor, residual: Tensor): AddNorm {
  const sum = add(x, residual);
  return { sum, y: norm.forward(sum) };
}
