// The layers of nn.Transformer, whose keys do not tell where their norms stand. May import tensor and fold.

import type { Tensor } from '../tensor.js';
import type { KeptNorm } from './candidate.js';
import { normsIn } from './entries.js';

/**
 * The norms of a state dict with layers of nn.TransformerEncoder or Decoder, none of which the keys allow to fold; null where
 * there are no such layers.
 *
 * @see https://github.com/pytorch/pytorch/blob/main/torch/nn/modules/transformer.py
 */
export function transformerNorms(state: ReadonlyMap<string, Tensor>): KeptNorm[] | null {
  const layers = [...state.keys()].flatMap((key) => {
    const layer = key.endsWith('self_attn.in_proj_weight') ? key.slice(0, -'self_attn.in_proj_weight'.length) : null;
    const isLayer = layer !== null && ['linear1', 'linear2'].every((name) => state.has(`${layer}${name}.weight`));
    return isLayer ? [layer] : [];
  });
  if (layers.length === 0) return null;
  return normsIn(state).map((norm) => {
    const isWithin = layers.some((layer) => norm.startsWith(layer));
    const reason = isWithin
      ? 'with norm_first=False its output goes on to the residual sum as well as to a linear layer, and norm_first=True has the ' +
        'same keys: name its pair if it is so'
      : 'what takes its output is not known: name its pair';
    return { norm, reason };
  });
}
