// The names that libraries give to the parameters of the same models, side by side. May import nothing.

/** A library's way to name a model's parameters. */
export type LayoutName = 'facebook' | 'timm' | 'torchvision' | 'huggingface';

/** A model, or one block of it, whose layouts are known. */
export type LayoutModel = 'ConvNeXt' | 'VisionTransformer' | 'ResNet' | 'ConvNeXtBlock' | 'VisionTransformerBlock';

/**
 * Templates of the same parameter in each layout that has it. `{s}` and `{b}` stand for a stage and a block, counted from 0,
 * `{d}` for a stage from 1, `{2s+1}` for a number made of one; `*` for the parameter's or buffer's own name. Of several
 * templates the first is written and all are read.
 */
export interface LayoutRow {
  readonly names: Readonly<Partial<Record<LayoutName, string | readonly string[]>>>;
  /** `vector`: axes of extent 1 may stand around it; `matrix`: or after it, as a convolution of 1×1. */
  readonly form?: 'vector' | 'matrix';
  /** The shape of a vector where it is not flat, −1 its length. */
  readonly shapes?: Readonly<Partial<Record<LayoutName, readonly number[]>>>;
}

/** Layouts of a model, the one of our class first, and their rows in the order of every layout's state dict. */
export interface LayoutTable {
  readonly layouts: readonly LayoutName[];
  readonly rows: readonly LayoutRow[];
}

type Names = readonly (string | readonly string[] | null)[];

const convnextLayouts = ['facebook', 'timm', 'torchvision', 'huggingface'] as const;
const vitLayouts = ['timm', 'torchvision'] as const;
const resnetLayouts = ['torchvision', 'timm'] as const;

/** https://github.com/facebookresearch/ConvNeXt, its V2, timm's, torchvision's and transformers' models/convnext. */
const convnextBlock: readonly LayoutRow[] = [
  {
    ...row(convnextLayouts, ['gamma', 'gamma', 'layer_scale', 'layer_scale_parameter']),
    form: 'vector',
    shapes: { torchvision: [-1, 1, 1] },
  },
  row(convnextLayouts, ['dwconv.*', 'conv_dw.*', 'block.0.*', 'dwconv.*']),
  row(convnextLayouts, ['norm.*', 'norm.*', 'block.2.*', 'layernorm.*']),
  { ...row(convnextLayouts, ['pwconv1.*', 'mlp.fc1.*', 'block.3.*', 'pwconv1.*']), form: 'matrix' },
  { ...row(convnextLayouts, ['grn.gamma', 'mlp.grn.weight', null, null]), form: 'vector', shapes: { facebook: [1, 1, 1, -1] } },
  { ...row(convnextLayouts, ['grn.beta', 'mlp.grn.bias', null, null]), form: 'vector', shapes: { facebook: [1, 1, 1, -1] } },
  { ...row(convnextLayouts, ['pwconv2.*', 'mlp.fc2.*', 'block.5.*', 'pwconv2.*']), form: 'matrix' },
];

/** Transformers names its classification models with the prefix, the bare ones without it. */
const huggingface = (name: string) => [`convnext.${name}`, name];

const convnext: readonly LayoutRow[] = [
  row(convnextLayouts, [
    'downsample_layers.0.0.*', 'stem.0.*', 'features.0.0.*', huggingface('embeddings.patch_embeddings.*'),
  ]),
  row(convnextLayouts, ['downsample_layers.0.1.*', 'stem.1.*', 'features.0.1.*', huggingface('embeddings.layernorm.*')]),
  ...[0, 1].map((i) =>
    row(convnextLayouts, [
      `downsample_layers.{d}.${i}.*`,
      `stages.{d}.downsample.${i}.*`,
      `features.{2d}.${i}.*`,
      huggingface(`encoder.stages.{d}.downsampling_layer.${i}.*`),
    ]),
  ),
  ...below(convnextBlock, {
    facebook: ['stages.{s}.{b}.'],
    timm: ['stages.{s}.blocks.{b}.'],
    torchvision: ['features.{2s+1}.{b}.'],
    huggingface: huggingface('encoder.stages.{s}.layers.{b}.'),
  }),
  row(convnextLayouts, ['norm.*', 'head.norm.*', 'classifier.0.*', huggingface('layernorm.*')]),
  row(convnextLayouts, ['head.*', 'head.fc.*', 'classifier.2.*', 'classifier.*']),
];

/** timm's models/vision_transformer, torchvision's models/vision_transformer; its published files say linear_1. */
const vitBlock: readonly LayoutRow[] = [
  row(vitLayouts, ['norm1.*', 'ln_1.*']),
  row(vitLayouts, ['attn.qkv.*', 'self_attention.in_proj_*']),
  row(vitLayouts, ['attn.q_norm.*', null]),
  row(vitLayouts, ['attn.k_norm.*', null]),
  row(vitLayouts, ['attn.norm.*', null]),
  row(vitLayouts, ['attn.proj.*', 'self_attention.out_proj.*']),
  row(vitLayouts, ['ls1.gamma', null]),
  row(vitLayouts, ['norm2.*', 'ln_2.*']),
  row(vitLayouts, ['mlp.fc1.*', ['mlp.0.*', 'mlp.linear_1.*']]),
  row(vitLayouts, ['mlp.fc2.*', ['mlp.3.*', 'mlp.linear_2.*']]),
  row(vitLayouts, ['ls2.gamma', null]),
];

const vit: readonly LayoutRow[] = [
  row(vitLayouts, ['cls_token', 'class_token']),
  row(vitLayouts, ['patch_embed.proj.*', 'conv_proj.*']),
  row(vitLayouts, ['pos_embed', 'encoder.pos_embedding']),
  ...below(vitBlock, { timm: ['blocks.{b}.'], torchvision: ['encoder.layers.encoder_layer_{b}.'] }),
  row(vitLayouts, ['norm.*', 'encoder.ln.*']),
  row(vitLayouts, ['fc_norm.*', null]),
  row(vitLayouts, ['pre_logits.*', 'heads.pre_logits.*']),
  row(vitLayouts, ['head.*', 'heads.head.*']),
];

/** torchvision's models/resnet; timm's names are the same. */
const resnet: readonly LayoutRow[] = [
  'conv1.*',
  'bn1.*',
  ...['conv1', 'bn1', 'conv2', 'bn2', 'conv3', 'bn3', 'downsample.0', 'downsample.1'].map((name) => `layer{s}.{b}.${name}.*`),
  'fc.*',
].map((name) => row(resnetLayouts, [name, name]));

export const layoutTables: Readonly<Record<LayoutModel, LayoutTable>> = {
  ConvNeXt: { layouts: convnextLayouts, rows: convnext },
  VisionTransformer: { layouts: vitLayouts, rows: vit },
  ResNet: { layouts: resnetLayouts, rows: resnet },
  ConvNeXtBlock: { layouts: convnextLayouts, rows: convnextBlock },
  VisionTransformerBlock: { layouts: vitLayouts, rows: vitBlock },
};

function row(layouts: readonly LayoutName[], names: Names): LayoutRow {
  return { names: Object.fromEntries(layouts.flatMap((layout, i) => (names[i] ? [[layout, names[i]]] : []))) };
}

/** The rows of a block within a model, below the prefixes that each layout gives its blocks. */
function below(block: readonly LayoutRow[], prefixes: Readonly<Partial<Record<LayoutName, readonly string[]>>>): LayoutRow[] {
  return block.map(({ names, ...rest }) => ({
    ...rest,
    names: Object.fromEntries(
      Object.entries(names).map(([layout, templates]) => {
        // Object.entries forgets that the keys are layouts.
        const before = prefixes[layout as LayoutName] ?? [];
        return [layout, before.flatMap((prefix) => [templates].flat().map((template) => prefix + template))];
      }),
    ),
  }));
}
