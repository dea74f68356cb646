// Key layouts: recognized, converted both ways in the target's own order, loaded with a report, and refused by name.
import { readFileSync } from 'node:fs';
import { BatchNorm2d, ones, tensor, zeros, type Tensor } from 'evenkeel';
import { load } from 'evenkeel/io';
import {
  BasicBlock, ConvNeXt, ConvNeXtBlock, convertKeys, layoutOf, ResNet, VisionTransformer, type LayoutName,
} from 'evenkeel/nn';
import { describe, expect, test } from 'vitest';
import { refusal } from './refusal.js';

const folder = new URL('models/', import.meta.url);
const stored = (name: string) => load(new URL(`${name}.safetensors`, folder));
const json = JSON.parse(readFileSync(new URL('convnext.json', folder), 'utf8'));
const keysOf = (layout: string): string[] => json.layouts[layout].keys.map(({ key }: { readonly key: string }) => key);

const layouts: readonly LayoutName[] = ['facebook', 'timm', 'torchvision'];
const digits = { inChannels: 1, numClasses: 10, patch: 2, depths: [2, 2], dims: [18, 30], layerScale: 0.1 };

describe.each(layouts)('a trained ConvNeXt of %s', (from) => {
  test.each(layouts)('as %s', async (to) => {
    const state = await stored(`convnext_${from}`);
    expect(layoutOf(state)).toEqual({ model: 'ConvNeXt', layout: from, prefix: '' });
    const converted = convertKeys(state, to);
    expect([...converted.keys()]).toEqual(keysOf(to));
    expectEqual(converted, await stored(`convnext_${to}`));
  });

  test('loads, and the report says so', async () => {
    const model = new ConvNeXt(digits);
    const report = model.loadStateDict(await stored(`convnext_${from}`));
    const scales = from === 'torchvision' ? ['0.0', '0.1', '1.0', '1.1'].map((block) => `stages.${block}.gamma`) : [];
    const layout = from === 'facebook' ? null : from;
    expect(report).toEqual({ missingKeys: [], unexpectedKeys: [], reshapedKeys: scales, layout });
    expectEqual(model.stateDict(), await stored('convnext_facebook'));
  });
});

const v1 = new ConvNeXt({ depths: [1, 2], dims: [4, 8], numClasses: 3 });
const v2 = new ConvNeXt({ depths: [1, 2], dims: [4, 8], numClasses: 3, grn: true });
const batchNormed = new ConvNeXt({ depths: [1], dims: [4], numClasses: 3, normLayer: (c) => new BatchNorm2d(c) });
const vit = new VisionTransformer({ imageSize: 8, patchSize: 4, dim: 8, depth: 12, numHeads: 2, numClasses: 3 });
const scaled = new VisionTransformer({ imageSize: 8, patchSize: 4, dim: 8, depth: 1, numHeads: 2, layerScale: 0.1 });
const resnet = new ResNet(BasicBlock, [1, 1], { widths: [4, 8] });

test.each([
  ['ConvNeXt', 'huggingface', v1],
  ['ConvNeXt', 'timm', v1],
  ['ConvNeXt', 'torchvision', v1],
  ['ConvNeXt', 'timm', v2],
  ['ConvNeXt', 'timm', batchNormed],
  ['ConvNeXtBlock', 'torchvision', new ConvNeXtBlock(4)],
  ['ConvNeXtBlock', 'huggingface', new ConvNeXtBlock(4)],
  ['ConvNeXtBlock', 'timm', new ConvNeXtBlock(4, { grn: true })],
  ['VisionTransformer', 'torchvision', vit],
  ['VisionTransformerBlock', 'torchvision', vit.blocks[0] ?? vit],
  ['ResNet', 'timm', resnet],
] as const)('%s as %s and back', (model, to, module) => {
  const state = module.stateDict();
  const own = layoutOf(state);
  if (own === null) throw new Error('not recognized');
  expect(own.model).toBe(model);
  const there = convertKeys(state, to);
  expect(there.size).toBe(state.size);
  // ResNet's two are the same.
  expect(layoutOf(there)).toEqual({ model, layout: model === 'ResNet' ? 'torchvision' : to, prefix: '' });
  const back = convertKeys(there, own.layout);
  expect([...back.keys()]).toEqual([...state.keys()]);
  expectEqual(back, state);
});

test('names and shapes that the libraries have', () => {
  expect(names(convertKeys(new ConvNeXtBlock(2, { grn: true }).stateDict(), 'timm'))).toEqual([
    'conv_dw.weight 2×1×7×7', 'conv_dw.bias 2', 'norm.weight 2', 'norm.bias 2', 'mlp.fc1.weight 8×2', 'mlp.fc1.bias 8',
    'mlp.grn.weight 8', 'mlp.grn.bias 8', 'mlp.fc2.weight 2×8', 'mlp.fc2.bias 2',
  ]);
  expect(names(convertKeys(new ConvNeXtBlock(2).stateDict(), 'torchvision')).slice(0, 2)).toEqual(['layer_scale 2×1×1', 'block.0.weight 2×1×7×7']);
  expect([...convertKeys(v1.stateDict(), 'huggingface').keys()].filter((key) => !key.includes('layers')).slice(0, 8)).toEqual([
    'convnext.embeddings.patch_embeddings.weight', 'convnext.embeddings.patch_embeddings.bias',
    'convnext.embeddings.layernorm.weight', 'convnext.embeddings.layernorm.bias',
    'convnext.encoder.stages.1.downsampling_layer.0.weight', 'convnext.encoder.stages.1.downsampling_layer.0.bias',
    'convnext.encoder.stages.1.downsampling_layer.1.weight', 'convnext.encoder.stages.1.downsampling_layer.1.bias',
  ]);
  const torchvision = [...convertKeys(vit.stateDict(), 'torchvision').keys()];
  expect(torchvision.slice(0, 6)).toEqual([
    'class_token', 'conv_proj.weight', 'conv_proj.bias', 'encoder.pos_embedding',
    'encoder.layers.encoder_layer_0.ln_1.weight', 'encoder.layers.encoder_layer_0.ln_1.bias',
  ]);
  expect(torchvision.slice(-5)).toEqual([
    'encoder.layers.encoder_layer_11.mlp.3.bias', 'encoder.ln.weight', 'encoder.ln.bias', 'heads.head.weight', 'heads.head.bias',
  ]);
  expect(torchvision.findIndex((key) => key.includes('layer_10.'))).toBeGreaterThan(torchvision.findIndex((key) => key.includes('layer_9.')));
});

const timm = convertKeys(v1.stateDict(), 'timm');
const older = 'encoder.layers.encoder_layer_0.mlp.linear_1.weight';
const renamed = (state: ReadonlyMap<string, Tensor>, rename: (key: string) => string) =>
  new Map([...state].map(([key, value]) => [rename(key), value]));

test.each([
  ["timm's 1×1 convolutions", v1, new Map([...timm].map(([key, x]) => [key, /fc\d\.weight/.test(key) && key.includes('mlp') ? x.reshape([...x.shape, 1, 1]) : x])), 'timm', 6],
  ['a bare Hugging Face model', v1, renamed(convertKeys(v1.stateDict(), 'huggingface'), (key) => key.replace('convnext.', '')), 'huggingface', 0],
  ["torchvision's published ViT", vit, renamed(convertKeys(vit.stateDict(), 'torchvision'), (key) => key.replace('mlp.0', 'mlp.linear_1').replace('mlp.3', 'mlp.linear_2')), 'torchvision', 0],
  ['DataParallel', resnet, renamed(resnet.stateDict(), (key) => `module.${key}`), 'module.torchvision', 0],
  ['a model of timm in FSDP', v1, renamed(timm, (key) => `_fsdp_wrapped_module.${key}`), '_fsdp_wrapped_module.timm', 0],
  ['a compiled model of timm', v1, renamed(timm, (key) => `_orig_mod.${key}`), '_orig_mod.timm', 0],
  ['GRN of V2 by timm', v2, convertKeys(v2.stateDict(), 'timm'), 'timm', 6],
  ['a block of torchvision', new ConvNeXtBlock(4), convertKeys(new ConvNeXtBlock(4).stateDict(), 'torchvision'), 'torchvision', 1],
] as const)('loads %s', (_, module, state, layout, reshaped) => {
  const report = module.loadStateDict(new Map([...state].map(([key, x]) => [key, x.dtype === 'int64' ? x : x.add(1)])));
  expect([report.layout, report.reshapedKeys.length, report.missingKeys, report.unexpectedKeys]).toEqual([layout, reshaped, [], []]);
  const [[key, value] = []] = module.stateDict();
  expect(value?.shape).toEqual(module.namedParameters().find(([name]) => name === key)?.[1].shape);
});

const shortened = new Map(timm);
shortened.delete('stages.0.blocks.0.gamma');
shortened.set('ema.step', ones([1]));

test.each([
  ['a missing and a strange key', v1, shortened,
    ['Missing key(s) in state_dict: "stages.0.0.gamma" ("stages.0.blocks.0.gamma" in the checkpoint\'s layout). ',
      'Unexpected key(s) in state_dict: "ema.step". ']],
  ['a checkpoint of another width', v1, convertKeys(new ConvNeXt({ depths: [1, 2], dims: [4, 6], numClasses: 3 }).stateDict(), 'torchvision'),
    ['size mismatch for stages.1.0.gamma ("features.3.0.layer_scale" in the checkpoint\'s layout): copying a param with shape ' +
      'torch.Size([6]) from checkpoint, the shape in current model is torch.Size([8]).']],
  ['keys of no layout', v1, new Map([['a.weight', ones([1])], ['b.weight', ones([1])]]),
    ['Missing key(s) in state_dict: "downsample_layers.0.0.weight", ', 'Unexpected key(s) in state_dict: "a.weight", "b.weight". ']],
  ['a checkpoint of more blocks', new ConvNeXt({ depths: [1, 1], dims: [4, 8], numClasses: 3 }), timm,
    ['Unexpected key(s) in state_dict: "stages.1.blocks.1.gamma", "stages.1.blocks.1.conv_dw.weight", ']],
  ['another model', vit, timm, ['Missing key(s) in state_dict: "cls_token", ', 'Unexpected key(s) in state_dict: "stem.0.weight", ']],
  ['V1 for a V2', v2, v1.stateDict(), ['Missing key(s) in state_dict: "stages.0.0.grn.gamma", ', 'Unexpected key(s) in state_dict: "stages.0.0.gamma", ']],
] as const)('refuses to load %s', (_, module, state, lines) => {
  const before = convertKeys(module.stateDict(), module === vit ? 'timm' : 'facebook');
  const copy = new Map([...before].map(([key, x]) => [key, x.clone()]));
  const { code, message } = refusal(() => module.loadStateDict(state));
  expect(code).toBe('state_dict');
  for (const line of lines) expect(message).toContain(line);
  expectEqual(module.stateDict(), copy);
});

test.each([
  ['a key that no rule knows', () => convertKeys(new Map([...timm, ['ema.step', ones([1])]]), 'facebook'), 'state_dict', ['"ema.step"', 'of timm']],
  ['what the other layout has no name for', () => convertKeys(scaled.stateDict(), 'torchvision'), 'state_dict', ['"blocks.0.ls1.gamma", "blocks.0.ls2.gamma"']],
  ['GRN for torchvision', () => convertKeys(v2.stateDict(), 'torchvision'), 'state_dict', ['"stages.0.0.grn.gamma"', '"stages.1.1.grn.beta"']],
  ['one parameter under two names', () => convertKeys(new Map([...convertKeys(vit.stateDict(), 'torchvision'), [older, ones([32, 8])]]), 'timm'), 'state_dict', [`for "${older}" of torchvision`]],
  ['keys of no model', () => convertKeys(new Map([['a', ones([1])]]), 'timm'), 'state_dict', ['not the keys of any known model: "a"', 'ConvNeXt (facebook, timm, torchvision, huggingface)']],
  ['keys that are not of the layout given', () => convertKeys(timm, 'facebook', { from: 'torchvision' }), 'state_dict', ['not the keys of torchvision']],
  ['a layout that a model does not have', () => convertKeys(vit.stateDict(), 'facebook'), 'argument', ["VisionTransformer has no layout 'facebook': choose from timm, torchvision"]],
  ['what is no tensor', () => convertKeys(JSON.parse('{ "conv1.weight": 3, "bn1.weight": 4 }'), 'timm'), 'state_dict', ['expected a Tensor named "conv1.weight" but got the number 3']],
  ['an unknown option', () => convertKeys(timm, 'timm', JSON.parse('{ "source": "timm" }')), 'argument', ['no option source']],
] as const)('refuses to convert %s', (_, call, code, words) => {
  const error = refusal(call);
  expect(error.code).toBe(code);
  for (const word of words) expect(error.message).toContain(word);
});

test('keys of any form, and no layout', () => {
  expect(layoutOf(['stem.0.weight'])).toEqual({ model: 'ConvNeXt', layout: 'timm', prefix: '' });
  expect(layoutOf({ 'module.model.fc.weight': tensor(1) })).toEqual({ model: 'ResNet', layout: 'torchvision', prefix: 'module.model.' });
  expect(layoutOf(new Map([['dense.kernel', zeros([1])]]))).toBeNull();
  expect(layoutOf([])).toBeNull();
});

function expectEqual(actual: ReadonlyMap<string, Tensor>, expected: ReadonlyMap<string, Tensor>): void {
  expect(plain(actual)).toEqual(plain(expected));
}

function plain(state: ReadonlyMap<string, Tensor>): Readonly<Record<string, unknown>> {
  return Object.fromEntries([...state].map(([key, { shape, data }]) => [key, [shape, Array.from(data, Number)]]));
}

function names(state: ReadonlyMap<string, Tensor>): string[] {
  return [...state].map(([key, { shape }]) => `${key} ${shape.join('×')}`);
}
