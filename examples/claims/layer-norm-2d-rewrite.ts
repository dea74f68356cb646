// The rewrite of LayerNorm2d to ordinary layer norm that does not work, and two that do.

import { groupNorm, KeelError, layerNorm, LayerNorm2d, manualSeed, randn } from 'evenkeel';

export interface Rewrites {
  /** What `F.layer_norm(x, x.shape[1:], self.weight, self.bias)` says with weights of shape (C). */
  readonly error: string;
  /** Between layer norm with weights spread over (C, H, W) and GroupNorm(1, C) with those of shape (C). */
  readonly betweenMends: number;
  /** Between those two and LayerNorm2d, which has a mean for each pixel and not for each image. */
  readonly fromLayerNorm2d: number;
}

export function rewrites(): Rewrites {
  manualSeed(0);
  const x = randn([2, 6, 4, 4]);
  const [weight, bias] = [randn([6]), randn([6])];
  const layer = new LayerNorm2d(6);
  layer.loadStateDict({ weight, bias });
  const imageShape = x.shape.slice(1);
  const spread = { weight: weight.reshape([6, 1, 1]).expand(imageShape), bias: bias.reshape([6, 1, 1]).expand(imageShape) };
  const byShape = layerNorm(x, imageShape, spread);
  const byGroup = groupNorm(x, 1, { weight, bias });
  return {
    error: errorOf(() => layerNorm(x, imageShape, { weight, bias })),
    betweenMends: byShape.sub(byGroup).abs().max().item(),
    fromLayerNorm2d: byGroup.sub(layer.forward(x)).abs().max().item(),
  };
}

function errorOf(f: () => unknown): string {
  try {
    f();
  } catch (error) {
    if (error instanceof KeelError) return error.message;
    throw error;
  }
  return '';
}

export function example(): string {
  const { error, betweenMends, fromLayerNorm2d } = rewrites();
  return [
    'F.layer_norm(x, x.shape[1:], self.weight, self.bias) with weights of shape (C) fails:',
    `  ${error}`,
    `Weights of shape (C, H, W), or GroupNorm(1, C), work; the two differ by ${betweenMends} at most.`,
    `Both are another layer than LayerNorm2d: one mean for each image, not for each pixel, up to ${fromLayerNorm2d.toFixed(1)} apart.`,
  ].join('\n');
}
