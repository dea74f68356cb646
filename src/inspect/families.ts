// The eps that model families are published with. May import nothing but types.

import type { LayoutModel } from '../nn/blocks/layouttables.js';

/** A family, the eps of its norms, and what these are. */
export interface Family {
  readonly name: string;
  readonly eps: number;
  /** How the names of their kinds begin. */
  readonly norm: 'BatchNorm' | 'LayerNorm' | 'RMSNorm';
}

/** By our own models' layouts: timm's and torchvision's vision_transformer, convnext and resnet. */
const layoutFamilies: Readonly<Record<LayoutModel, Family>> = {
  ConvNeXt: { name: 'ConvNeXt', eps: 1e-6, norm: 'LayerNorm' },
  ConvNeXtBlock: { name: 'ConvNeXt', eps: 1e-6, norm: 'LayerNorm' },
  VisionTransformer: { name: 'ViT', eps: 1e-6, norm: 'LayerNorm' },
  VisionTransformerBlock: { name: 'ViT', eps: 1e-6, norm: 'LayerNorm' },
  ResNet: { name: 'ResNet', eps: 1e-5, norm: 'BatchNorm' },
};

/** By transformers' `model_type`: the default of its configuration class. */
const typeFamilies: Readonly<Record<string, Family>> = {
  bert: { name: 'BERT', eps: 1e-12, norm: 'LayerNorm' },
  vit: { name: 'ViT of transformers', eps: 1e-12, norm: 'LayerNorm' },
  deit: { name: 'DeiT of transformers', eps: 1e-12, norm: 'LayerNorm' },
  convnext: { name: 'ConvNeXt of transformers', eps: 1e-12, norm: 'LayerNorm' },
  convnextv2: { name: 'ConvNeXt V2 of transformers', eps: 1e-12, norm: 'LayerNorm' },
  gpt2: { name: 'GPT-2', eps: 1e-5, norm: 'LayerNorm' },
  t5: { name: 'T5', eps: 1e-6, norm: 'RMSNorm' },
  swin: { name: 'Swin', eps: 1e-5, norm: 'LayerNorm' },
};

/** The family of a model, or null where none is known; what a configuration says goes first. */
export function familyOf(model: LayoutModel | null, modelType: string | null): Family | null {
  if (modelType !== null && Object.hasOwn(typeFamilies, modelType)) return typeFamilies[modelType] ?? null;
  return model === null ? null : layoutFamilies[model];
}
