// Kinds of norms by keys and shapes alone: a row for each way to keep one, and for what is none.
import { tensor } from 'evenkeel';
import { describe, expect, test } from 'vitest';
import { batchNorm, type Given, inspectState, kindsIn } from './inspect/files.js';

type Keys = Readonly<Record<string, Given>>;

const affine = (path: string, width: number): Keys => ({ [`${path}.weight`]: [width], [`${path}.bias`]: [width] });
const conv = (path: string, out: number, into: number, axes = 2): Keys => ({
  [`${path}.weight`]: [out, into, ...Array.from({ length: axes }, () => 3)],
});
const linear = (path: string, out: number, into: number): Keys => ({ [`${path}.weight`]: [out, into], [`${path}.bias`]: [out] });
const attention = (path: string, width: number): Keys => ({ [`${path}.in_proj_weight`]: [3 * width, width] });

describe('kinds', () => {
  const rows: readonly [what: string, keys: Keys, kinds: readonly string[]][] = [
    ['BatchNorm', batchNorm('block', 6), ['block: BatchNorm']],
    ['BatchNorm behind convolutions of one, two and three axes and a linear layer, by place', {
      ...conv('0', 6, 3, 1), ...batchNorm('1', 6), ...conv('3', 5, 6), ...batchNorm('4', 5), ...conv('6', 4, 5, 3), ...batchNorm('7', 4),
      ...linear('9', 3, 4), ...batchNorm('10', 3),
    }, ['1: BatchNorm1d', '4: BatchNorm2d', '7: BatchNorm3d', '10: BatchNorm1d']],
    ['BatchNorm behind a convolution, by name', { ...conv('a.conv2', 6, 3), ...batchNorm('a.bn2', 6) }, ['a.bn2: BatchNorm2d']],
    ['BatchNorm before a convolution, by name', { ...conv('a.conv2', 7, 6), ...batchNorm('a.norm2', 6) }, ['a.norm2: BatchNorm2d']],
    ['BatchNorm of another width than its neighbour', { ...conv('0', 6, 3), ...batchNorm('1', 7) }, ['1: BatchNorm']],
    ['BatchNorm without scale', { 'bn.running_mean': [6], 'bn.running_var': [6] }, ['bn: BatchNorm']],
    ['InstanceNorm with running statistics', batchNorm('instance_norm', 6), ['instance_norm: InstanceNorm']],
    ['a model that is one norm', { weight: [6], bias: [6], running_mean: [6], running_var: [6] }, [': BatchNorm']],
    ['LayerNorm, where nothing is convolved', { ...linear('fc', 6, 6), ...affine('norm', 6) }, ['norm: LayerNorm']],
    ['LayerNorm by name', { ...conv('c', 6, 6), ...affine('ln_1', 6), ...affine('a.LayerNorm', 6), ...affine('layernorms.0', 6) },
      ['ln_1: LayerNorm', 'a.LayerNorm: LayerNorm', 'layernorms.0: LayerNorm']],
    ['LayerNorm beside attention, and after all blocks', {
      ...conv('c', 6, 6), ...attention('layers.0.self_attn', 6), ...affine('layers.0.norm1', 6), ...affine('norm', 6),
    }, ['layers.0.norm1: LayerNorm', 'norm: LayerNorm']],
    ['a GroupNorm before the projection into blocks with attention', {
      ...conv('down.resnets.0.conv1', 6, 6), ...affine('down.attentions.0.norm', 6), ...conv('down.attentions.0.proj_in', 6, 6),
      ...affine('down.attentions.0.transformer_blocks.0.norm1', 6), ...linear('down.attentions.0.transformer_blocks.0.attn1.to_q', 6, 6),
    }, ['down.attentions.0.norm: LayerNorm or GroupNorm', 'down.attentions.0.transformer_blocks.0.norm1: LayerNorm']],
    ['LayerNorm over several axes', { 'a.weight': [3, 4, 4], 'a.bias': [3, 4, 4] }, ['a: LayerNorm']],
    ['LayerNorm over several axes without bias', { 'norm.weight': [3, 4] }, ['norm: LayerNorm or RMSNorm']],
    ['LayerNorm as TensorFlow calls it', { 'LayerNorm.gamma': [6], 'LayerNorm.beta': [6] }, ['LayerNorm: LayerNorm']],
    ['LayerNorm by hand', { 'norm.gain': [6], 'norm.bias': [6], 'sublayer.norm.a_2': [6], 'sublayer.norm.b_2': [6] },
      ['norm: LayerNorm', 'sublayer.norm: LayerNorm']],
    ['LayerNorm or GroupNorm behind convolutions', { ...conv('conv', 6, 3), ...affine('norm', 6) }, ['norm: LayerNorm or GroupNorm']],
    ['GroupNorm by name', { ...affine('gn1', 6), ...affine('group_norm', 6) }, ['gn1: GroupNorm', 'group_norm: GroupNorm']],
    ['RMSNorm by name', { 'rms_norm.weight': [6], 'RMSNorm_0.weight': [6] }, ['rms_norm: RMSNorm', 'RMSNorm_0: RMSNorm']],
    ['RMSNorm or LayerNorm', { 'input_layernorm.weight': [6], 'norm.gamma': [6] },
      ['input_layernorm: RMSNorm or LayerNorm', 'norm: RMSNorm or LayerNorm']],
    ['a vector in a sequence', { '0.weight': [6] }, ['0: RMSNorm or LayerNorm or PReLU']],
    ['weight_norm, old and parametrized, of any weight', {
      'a.weight_g': [4, 1], 'a.weight_v': [4, 3], 'a.bias': [4],
      'b.parametrizations.weight.original0': [4, 1, 1], 'b.parametrizations.weight.original1': [4, 3, 5],
      'c.weight_hh_l0_g': [4, 1], 'c.weight_hh_l0_v': [4, 3], 'd.weight_g': tensor(2, []), 'd.weight_v': [4, 3],
    }, ['a: weight_norm', 'b: weight_norm', 'c.weight_hh_l0: weight_norm', 'd: weight_norm']],
    ['spectral_norm, old and parametrized', {
      'a.weight_orig': [4, 3], 'a.weight_u': [4], 'a.weight_v': [3],
      'b.parametrizations.weight.original': [4, 3], 'b.parametrizations.weight.0._u': [4], 'b.parametrizations.weight.0._v': [3],
    }, ['a: spectral_norm', 'b: spectral_norm']],
    ['pruning, and another parametrization', { 'a.weight_orig': [4, 3], 'a.weight_mask': [4, 3], 'b.parametrizations.weight.original': [4, 3] }, []],
    ['DyT', { 'norm1.alpha': [1], 'norm1.weight': [6], 'norm1.bias': [6] }, ['norm1: DyT']],
    ['GRN of facebookresearch and of timm', {
      'a.gamma': [1, 1, 1, 6], 'a.beta': [1, 1, 1, 6], 'mlp.grn.weight': [6], 'mlp.grn.bias': [6],
    }, ['a: GRN', 'mlp.grn: GRN']],
    ['layer scale', {
      'a.ls1.gamma': [6], 'b.gamma': [6], 'b.fc.weight': [6, 6], 'c.layer_scale': [6, 1, 1], 'd.gamma_1': [6], 'e.layer_scale1.lambda1': [6],
    }, ['a.ls1: LayerScale', 'b.gamma: LayerScale', 'c.layer_scale: LayerScale', 'd.gamma_1: LayerScale', 'e.layer_scale1: LayerScale']],
    ['no norm', {
      ...linear('fc', 6, 6), ...conv('conv', 6, 6), 'prelu.weight': [6], 'act.weight': [1], cls_token: [1, 1, 6], 'embed.weight': [9, 6],
      'norm_conv.weight': [6, 6, 1, 1], 'bilinear.weight': [4, 3, 2], 'bilinear.bias': [4], 'other.weight': [6], 'other.scale': [6], 'criterion.weight': [10], '3.weight': [1],
    }, []],
    ['none', {}, []],
  ];

  test.each(rows)('%s', async (_, keys, kinds) => {
    const inspection = await inspectState(keys);
    expect(kindsIn(inspection).sort()).toEqual([...kinds].sort());
    for (const { evidence } of inspection.layers) expect(evidence).not.toBe('');
  });
});

describe('kinds that a configuration tells', () => {
  const both = { ...conv('conv', 6, 3), ...affine('norm', 6) };
  const scale = { 'norm.weight': [6] };
  test.each([
    ['norm_layer', both, { norm_layer: 'GroupNorm', norm_num_groups: 3 }, { kind: 'GroupNorm', groups: 3 }],
    ['norm_type', both, { norm_type: 'layer_norm' }, { kind: 'LayerNorm', pattern: 'b... [c], c' }],
    ['a name of something else', both, { norm: 'dyt' }, { kind: 'LayerNorm or GroupNorm', groups: null, pattern: null }],
    ['rms_norm_eps', scale, { rms_norm_eps: 1e-5 }, { kind: 'RMSNorm', eps: 1e-5 }],
    ["T5's type", scale, { model_type: 't5', layer_norm_epsilon: 1e-6 }, { kind: 'RMSNorm', eps: 1e-6 }],
    ['norm', scale, { norm: 'LayerNorm' }, { kind: 'LayerNorm' }],
  ] as const)('%s', async (_, keys, config, expected) => {
    const { layers } = await inspectState(keys, { config });
    expect(layers[0]).toMatchObject(expected);
  });

  test.each(['', 'convnext.'])("transformers' ConvNeXt, its keys after '%s', has one norm with the eps of its configuration", async (prefix) => {
    const fixed = ['embeddings.layernorm', 'encoder.stages.0.layers.0.layernorm', 'encoder.stages.1.downsampling_layer.0'];
    const keys = Object.assign({ [`${prefix}embeddings.patch_embeddings.weight`]: [6, 3, 4, 4] }, ...[...fixed, 'layernorm'].map((path) => affine(prefix + path, 6)));
    const { layers, flags } = await inspectState(keys, { config: { model_type: 'convnext', layer_norm_eps: 1e-12 } });
    const eps = new Map(layers.map((layer) => [layer.path.slice(prefix.length), layer.eps]));
    expect([...fixed, 'layernorm'].map((path) => eps.get(path))).toEqual([null, null, null, 1e-12]);
    expect(flags).toEqual([]);
  });

  test("of diffusers' UNet no norm_eps is that of the norm before blocks with attention", async () => {
    const keys = { ...conv('a.proj_in', 6, 6), ...affine('a.norm', 6), ...affine('norm', 6) };
    const { layers } = await inspectState(keys, { config: { norm_num_groups: 3, norm_eps: 1e-5 } });
    expect(layers.map(({ path, eps }) => [path, eps])).toEqual([['a.norm', null], ['norm', 1e-5]]);
  });
});

describe('what stands beside', () => {
  const rows: readonly [what: string, keys: Keys, expected: readonly (readonly (string | null)[])[]][] = [
    ['in a sequence', { ...conv('f.0', 6, 3), ...batchNorm('f.1', 6), ...conv('f.2', 4, 6) }, [['f.1', 'f.0', null]]],
    ['first in a sequence', { ...batchNorm('0', 6), ...conv('1', 4, 6) }, [['0', null, '1']]],
    ['behind an activation', { ...conv('0', 6, 3), ...batchNorm('2', 6) }, [['2', null, null]]],
    ['by names, where a pair of one form tells for others', {
      ...conv('a.conv1', 6, 3), ...batchNorm('a.bn1', 6), ...conv('b.conv1', 6, 6), ...batchNorm('b.bn1', 6),
    }, [['a.bn1', 'a.conv1', null], ['b.bn1', 'b.conv1', null]]],
    ['by names, where none tells', { ...conv('b.conv1', 6, 6), ...batchNorm('b.bn1', 6) }, [['b.bn1', null, null]]],
    ['by names, where two contradict each other', {
      ...conv('a.conv1', 6, 3), ...batchNorm('a.bn1', 6), ...conv('b.conv1', 3, 6), ...batchNorm('b.bn1', 6), ...conv('c.conv1', 6, 6), ...batchNorm('c.bn1', 6),
    }, [['a.bn1', 'a.conv1', null], ['b.bn1', null, 'b.conv1'], ['c.bn1', null, null]]],
    ['not in the block of a transformer', {
      ...attention('l.attn', 6), ...linear('l.linear1', 9, 6), ...affine('l.norm1', 6),
    }, [['l.norm1', null, null]]],
  ];

  test.each(rows)('%s', async (_, keys, expected) => {
    const { layers } = await inspectState(keys);
    expect(layers.map(({ path, follows, precedes }) => [path, follows, precedes])).toEqual(expected);
  });
});

test('patterns', async () => {
  const { layers } = await inspectState({
    'a.weight_g': [4, 1], 'a.weight_v': [4, 3], 'b.weight_g': [1, 3], 'b.weight_v': [4, 3], 'c.weight_g': tensor(1, []), 'c.weight_v': [4, 3],
    'd.weight': [2, 3, 4, 5], 'd.bias': [2, 3, 4, 5], ...affine('group_norm', 4),
  });
  expect(layers.map(({ pattern }) => pattern)).toEqual([
    'o [i...], o', '[a0] o [i...], o', '[i...],', 'b... [a0 a1 a2 a3], a0 a1 a2 a3', 'b (g [c]) [s...], (g c)',
  ]);
});

test('numbered modules come by number', async () => {
  const names = [10, 9, 2, 0].map((i) => `layers.${i}.norm`);
  const { layers } = await inspectState(Object.fromEntries(names.map((name) => [`${name}.weight`, [3]])));
  expect(layers.map(({ path }) => path)).toEqual(names.toReversed());
});

test('keys that are hostile take no long time', async () => {
  const deep = `${'a.'.repeat(20_000)}norm.weight`;
  const wide = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`module.${i}.attn_attn_attn.norm${i}.weight`, [1]]));
  const began = performance.now();
  const { layers } = await inspectState({ [deep]: [3], ...wide, [`${'attn_'.repeat(20_000)}.weight`]: [3] });
  expect(layers.length).toBeGreaterThan(3000);
  expect(performance.now() - began).toBeLessThan(5000);
});
