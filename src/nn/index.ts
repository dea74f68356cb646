// Public entry of 'evenkeel/nn': blocks and whole models, made of the layers of 'evenkeel'.

export { addNorm } from './blocks/addnorm.js';
export { Mlp, type MlpOptions } from './blocks/mlp.js';
export { gradientByDepth, type DepthPlacement, type GradientByDepthOptions } from './blocks/gradientdepth.js';
export type { MakeNorm } from './blocks/normlayer.js';
export { ResidualBlock, type Placement, type ResidualBlockOptions } from './blocks/residual.js';
export {
  deepNormConstants,
  deepNormInit,
  type DeepNormConstants,
  type DeepNormDepth,
  type DeepNormPair,
} from './blocks/deepnorm.js';
export {
  Attention,
  MultiheadAttention,
  type AttentionOptions,
  type AttentionOutput,
  type AttentionPass,
  type MultiheadAttentionOptions,
  type SelfAttentionPass,
} from './blocks/attention.js';
export { scaledDotProductAttention, type SDPAOptions } from './blocks/sdpa.js';
export {
  SinusoidalPositions,
  TransformerEmbedding,
  type PositionsOptions,
  type TransformerEmbeddingOptions,
} from './blocks/positions.js';
export {
  Transformer,
  TransformerDecoder,
  TransformerEncoder,
  type DecoderLayerModule,
  type DecoderModule,
  type DecoderPass,
  type EncoderLayerModule,
  type EncoderModule,
  type EncoderPass,
  type TransformerOptions,
  type TransformerPass,
  type TransformerStackOptions,
} from './blocks/transformer.js';
export {
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type Activation,
  type DecoderLayerPass,
  type EncoderLayerPass,
  type TransformerLayerOptions,
} from './blocks/transformerlayer.js';
export {
  BasicBlock,
  Bottleneck,
  ResNet,
  resnet18,
  resnet34,
  resnet50,
  type ResNetBlock,
  type ResNetBlockOptions,
  type ResNetOptions,
  type ResNetStage,
  type ResNetStem,
} from './blocks/resnet.js';
export { ConvNeXt, ConvNeXtBlock, type ConvNeXtBlockOptions, type ConvNeXtOptions } from './blocks/convnext.js';
export { PatchEmbed, VisionTransformer, type VisionTransformerOptions } from './blocks/vit.js';
export { convertKeys, keyConversion, layoutOf, type ConvertKeysOptions, type KeyLayout } from './blocks/layouts.js';
export type { ConvertedTensor, Shaped } from './blocks/conversion.js';
export { convertWeightNorm, weightNormConversion, type WeightForm } from './blocks/weightkeys.js';
export type { LayoutModel, LayoutName } from './blocks/layouttables.js';
