// What stands beside each norm of a model whose layout is known, under the names of evenkeel's own class. Imports a type.

import type { LayoutModel } from '../nn/blocks/layouttables.js';

/** A norm, or a layer scale, and the layers that it could go into. `$1` is the first group of `norm`. */
export interface Neighbours {
  readonly norm: RegExp;
  /** The layer whose output goes into the norm, and nowhere else, with nothing in between. */
  readonly after?: string;
  /** Layers of which the first that exists takes the norm's output, alone, with nothing in between and without padding. */
  readonly before?: readonly string[];
  /** What the norm's output goes into where it is no such layer. */
  readonly otherwise: string;
  /** Why a library's keys do not tell that it goes into the layer behind. */
  readonly unsure?: { readonly library: string; readonly reason: string };
  /** γ of a layer scale: `norm` is then the key itself. */
  readonly isScale?: boolean;
}

/** A model's norms, and keys without which it may be another model whose blocks have the same names. */
export interface Neighbourhood {
  readonly rows: readonly Neighbours[];
  readonly needs: readonly string[];
  /** What else it may be where one of them is missing. */
  readonly else: string;
}

const relu = 'an activation follows';
const sum = 'the residual sum follows';

/** https://github.com/pytorch/vision/blob/main/torchvision/models/resnet.py */
const resnet: readonly Neighbours[] = [
  { norm: /^bn1$/, after: 'conv1', otherwise: relu },
  { norm: /^(layer\d+\.\d+)\.bn1$/, after: '$1.conv1', otherwise: relu },
  { norm: /^(layer\d+\.\d+)\.bn2$/, after: '$1.conv2', otherwise: 'an activation or the residual sum follows' },
  { norm: /^(layer\d+\.\d+)\.bn3$/, after: '$1.conv3', otherwise: sum },
  { norm: /^(layer\d+\.\d+)\.downsample\.1$/, after: '$1.downsample.0', otherwise: sum },
];

/** https://github.com/facebookresearch/ConvNeXt/blob/main/models/convnext.py */
const convnextBlock = (block: string): readonly Neighbours[] => [
  { norm: RegExp(`^${block}norm$`), after: '$1dwconv', before: ['$1pwconv1'], otherwise: 'an unknown layer follows' },
  { norm: RegExp(`^${block}gamma$`), after: '$1pwconv2', otherwise: sum, isScale: true },
];

/** Between stages no library pads but timm. */
const padded = {
  library: 'timm',
  reason: 'the convolution behind it pads where the model is made with output_stride 8 or 16, which its keys do not tell: '
    + 'name the pair if it does not',
};

const convnext: readonly Neighbours[] = [
  {
    norm: /^downsample_layers\.0\.1$/,
    after: 'downsample_layers.0.0',
    otherwise: 'a residual sum takes its output as well as a convolution',
  },
  { norm: /^(downsample_layers\.[1-9]\d*)\.0$/, before: ['$1.1'], unsure: padded, otherwise: 'an unknown layer follows' },
  ...convnextBlock('(stages\\.\\d+\\.\\d+\\.)'),
  { norm: /^norm$/, before: ['head'], otherwise: 'what follows is not in the file' },
];

/** https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/vision_transformer.py */
const vit: readonly Neighbours[] = [
  { norm: /^(blocks\.\d+\.)norm1$/, before: ['$1attn.qkv'], otherwise: 'an unknown layer follows' },
  { norm: /^(blocks\.\d+\.attn\.)[qk]_norm$/, otherwise: 'the product of queries and keys follows' },
  { norm: /^(blocks\.\d+\.attn\.)norm$/, before: ['$1proj'], otherwise: 'an unknown layer follows' },
  { norm: /^(blocks\.\d+\.)ls1\.gamma$/, after: '$1attn.proj', otherwise: sum, isScale: true },
  { norm: /^(blocks\.\d+\.)norm2$/, before: ['$1mlp.fc1'], otherwise: 'an unknown layer follows' },
  { norm: /^(blocks\.\d+\.)ls2\.gamma$/, after: '$1mlp.fc2', otherwise: sum, isScale: true },
  { norm: /^norm$/, before: ['fc_norm', 'pre_logits', 'head'], otherwise: 'what follows is not in the file' },
  { norm: /^fc_norm$/, before: ['pre_logits', 'head'], otherwise: 'what follows is not in the file' },
];

export const neighbourhoods: Readonly<Record<LayoutModel, Neighbourhood | null>> = {
  ResNet: {
    rows: resnet,
    needs: ['conv1.weight', 'bn1', 'layer1.0.conv1.weight'],
    else: 'blocks that normalize before they convolve have the same names',
  },
  ConvNeXt: {
    rows: convnext,
    needs: ['downsample_layers.0.0.weight', 'stages.0.0.dwconv.weight'],
    else: 'other models have blocks of the same names',
  },
  ConvNeXtBlock: { rows: convnextBlock('()'), needs: ['dwconv.weight', 'pwconv1.weight'], else: 'other blocks have the same names' },
  VisionTransformer: {
    rows: vit,
    needs: ['cls_token', 'pos_embed', 'patch_embed.proj.weight'],
    else: 'models whose norms follow attention and MLP, as vit_base_patch16_rpn_224, have blocks of the same names',
  },
  // Whether its norms stand before or after attention and MLP, its keys do not tell.
  VisionTransformerBlock: null,
};
