// Which module of a model with a known layout is which norm, and what stands beside it. May import nn.

import type { KeyLayout } from '../nn/blocks/layouts.js';
import { layoutTables } from '../nn/blocks/layouttables.js';
import { inOrder, nameOf, place } from '../nn/blocks/templates.js';
import type { InspectedNorm, NormKind } from './inspection.js';
import { splitKey } from './modules.js';

/** What a layout says of a norm. */
export interface LayoutRole {
  /** Null where models of this layout come with several norms. */
  readonly kind: NormKind | null;
  readonly follows: string | null;
  readonly precedes: string | null;
  readonly foldable: InspectedNorm['foldable'];
}

/** By the names of the first layout of each model; `$1` and the like are the parts that the pattern found. */
interface Rule {
  readonly path: RegExp;
  readonly kind: NormKind | null;
  readonly follows?: string;
  readonly precedes?: string;
  readonly foldable: InspectedNorm['foldable'];
}

const convnextBlock: readonly Rule[] = [
  { path: /^((?:stages\.\d+\.\d+\.)?)norm$/, kind: 'LayerNorm', follows: '$1dwconv', precedes: '$1pwconv1', foldable: 'after' },
  { path: /^(.*)grn$/, kind: 'GRN', precedes: '$1pwconv2', foldable: 'no' },
  { path: /^((?:stages\.\d+\.\d+\.)?)gamma$/, kind: 'LayerScale', follows: '$1pwconv2', foldable: 'before' },
];

const vitBlock: readonly Rule[] = [
  { path: /^(.*)norm1$/, kind: 'LayerNorm', precedes: '$1attn.qkv', foldable: 'after' },
  { path: /^(.*)norm2$/, kind: 'LayerNorm', precedes: '$1mlp.fc1', foldable: 'after' },
  { path: /^(.*)attn\.[qk]_norm$/, kind: 'LayerNorm', follows: '$1attn.qkv', foldable: 'no' },
  { path: /^(.*)attn\.norm$/, kind: 'LayerNorm', precedes: '$1attn.proj', foldable: 'after' },
  { path: /^(.*)ls1$/, kind: 'LayerScale', follows: '$1attn.proj', foldable: 'before' },
  { path: /^(.*)ls2$/, kind: 'LayerScale', follows: '$1mlp.fc2', foldable: 'before' },
];

const rules: Readonly<Record<KeyLayout['model'], readonly Rule[]>> = {
  ConvNeXt: [
    { path: /^downsample_layers\.0\.1$/, kind: 'LayerNorm2d', follows: 'downsample_layers.0.0', foldable: 'no' },
    { path: /^(downsample_layers\.\d+\.)0$/, kind: 'LayerNorm2d', precedes: '$11', foldable: 'after' },
    { path: /^norm$/, kind: 'LayerNorm', precedes: 'head', foldable: 'after' },
    ...convnextBlock,
  ],
  ConvNeXtBlock: convnextBlock,
  VisionTransformer: [
    // The class token is taken between the two, which moves nothing but tokens.
    { path: /^(?:fc_)?norm$/, kind: 'LayerNorm', precedes: 'head', foldable: 'after' },
    ...vitBlock,
  ],
  VisionTransformerBlock: vitBlock,
  ResNet: [
    { path: /^(.*)bn(\d)$/, kind: null, follows: '$1conv$2', foldable: 'before' },
    { path: /^(.*downsample\.)1$/, kind: null, follows: '$10', foldable: 'before' },
  ],
};

/** Tensors without which a model is another with blocks of the same names, by the names of the first layout. */
const essential: Readonly<Record<KeyLayout['model'], readonly string[]>> = {
  ConvNeXt: ['downsample_layers.0.0.weight', 'downsample_layers.0.1.weight'],
  ConvNeXtBlock: ['dwconv.weight', 'pwconv1.weight', 'pwconv2.weight'],
  VisionTransformer: ['cls_token', 'patch_embed.proj.weight', 'blocks.0.norm1.weight'],
  // Where its norms stand the keys of a block alone do not tell.
  VisionTransformerBlock: [''],
  // Without them it may have its norms before its convolutions.
  ResNet: ['conv1.weight', 'bn1.weight', 'fc.weight'],
};

/** Whether the keys are those of the whole model, so that its norms stand where the layout has them. */
export function isWhole({ model, layout, prefix }: KeyLayout, keys: ReadonlyMap<string, unknown>): boolean {
  const table = layoutTables[model];
  const [own = layout] = table.layouts;
  return essential[model].every((name) => {
    const placed = place(table, own, name);
    const theirs = placed === null ? null : nameOf(layout, placed);
    return theirs !== null && keys.has(prefix + theirs);
  });
}

/** Entries in the order of the layout's state dict, where files sort them by name. */
export function inLayoutOrder<T>(
  { model, layout, prefix }: KeyLayout,
  entries: readonly (readonly [string, T])[],
): (readonly [string, T])[] {
  const bare = entries.map(([key, entry]) => [key.slice(prefix.length), entry] as const);
  return inOrder(layoutTables[model], layout, bare).map(([key, entry]) => [prefix + key, entry]);
}

/** What the layout says of the module that has this key, neighbours by their paths in the file; null for no norm. */
export function roleOf({ model, layout, prefix }: KeyLayout, key: string): LayoutRole | null {
  const table = layoutTables[model];
  const [own = layout] = table.layouts;
  const placed = place(table, layout, key.slice(prefix.length));
  const name = placed === null ? null : nameOf(own, placed);
  if (name === null) return null;
  const [path] = splitKey(name);
  for (const rule of rules[model]) {
    const { kind, foldable } = rule;
    // A parameter of its own is called by its whole key.
    const at = rule.path.test(path) ? path : name;
    if (!rule.path.test(at)) continue;
    const neighbour = (template: string | undefined) => {
      const other = template === undefined ? null : place(table, own, `${at.replace(rule.path, template)}.weight`);
      const theirs = other === null ? null : nameOf(layout, other);
      // torchvision's attention keeps its first projection as in_proj_weight, without a module.
      return theirs === null ? null : prefix + splitKey(theirs)[0];
    };
    return { kind, follows: neighbour(rule.follows), precedes: neighbour(rule.precedes), foldable };
  }
  return null;
}
