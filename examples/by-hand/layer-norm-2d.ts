// LayerNorm2d by hand, as image models write it: channels last, layer norm over the channels, channels first again.

import { layerNorm, LayerNorm2d, manualSeed, randn, type Tensor } from 'evenkeel';
import { difference } from '../difference.js';

/** x is (N, C, H, W), weight and bias (C): one mean for each pixel. The layer computes the same and permutes nothing. */
export function layerNorm2d(x: Tensor, weight: Tensor | null = null, bias: Tensor | null = null, eps = 1e-5): Tensor {
  if (x.rank !== 4) throw new Error(`LayerNorm2d takes (N, C, H, W), got ${x.shape.join(' × ')}`);
  const [, channels = 0] = x.shape;
  const channelsLast = x.permute([0, 2, 3, 1]);
  return layerNorm(channelsLast, [channels], { weight, bias, eps }).permute([0, 3, 1, 2]);
}

export function example(): string {
  manualSeed(0);
  const x = randn([100, 96, 8, 8]);
  const layer = new LayerNorm2d(96);
  return [
    `LayerNorm2d(96) on 100 × 96 × 8 × 8: ${100 * 8 * 8} means over 96 channels each`,
    `Largest difference from the layer: ${difference(layerNorm2d(x, layer.weight, layer.bias), layer.forward(x))}`,
  ].join('\n');
}
