// Flags: a checkpoint with one fault for each, the sound one beside it, and where nothing is wrong.
import { fileURLToPath } from 'node:url';
import { tensor } from 'evenkeel';
import { inspect, type Flag, type FlagName } from 'evenkeel/inspect';
import { describe, expect, test } from 'vitest';
import { batchNorm, type Given, inspectState } from './inspect/files.js';

type Keys = Readonly<Record<string, Given>>;

const vector = (...numbers: readonly number[]): Given => ({ numbers });
const conv: Keys = { 'conv.weight': [4, 3, 3, 3] };
const sound: Keys = { ...conv, ...batchNorm('bn', 4) };
const layerNorm: Keys = { 'ln.weight': [4], 'ln.bias': [4] };

const stored = (name: string) => fileURLToPath(new URL(`models/${name}`, import.meta.url));

/** What a flag says in numbers and words. */
interface Expected {
  readonly name: FlagName;
  readonly level?: Flag['level'];
  readonly path?: string | null;
  readonly tensor?: string | null;
  readonly count?: number | null;
  readonly index?: readonly number[] | null;
  readonly says?: string;
}

const rows: readonly [what: string, keys: Keys, flags: readonly Expected[]][] = [
  ['nothing', sound, []],
  ['a scale near zero', { ...sound, 'bn.weight': vector(1, 9e-4, -1e-9, 0) }, [
    { name: 'gamma-near-zero', level: 'warning', path: 'bn', tensor: 'bn.weight', count: 3, index: [1], says: '3 of 4 elements are below 0.001 in magnitude, the first at [1]' },
  ]],
  ['a scale of zeros', { ...layerNorm, 'ln.weight': vector(0, 0, 0, 0) }, [{ name: 'gamma-near-zero', count: 4, says: 'all 4 elements' }]],
  ['a scale at the limit', { ...layerNorm, 'ln.weight': vector(0.0011, 1, 1, 1) }, []],
  ['layer scale and GRN begin near zero', { 'ls1.gamma': vector(1e-6, 1e-6), 'grn.weight': vector(0, 0), 'grn.bias': vector(0, 0) }, []],
  ['a variance below ten eps', { ...sound, 'bn.running_var': vector(1, 9e-5, 1.1e-4, 1e-7) }, [
    { name: 'variance-near-eps', level: 'warning', count: 2, index: [1], says: "below 10 eps (1e-5, PyTorch's default, as eps is not stored" },
  ]],
  ['a variance of zero', { ...sound, 'bn.running_var': vector(1, 1, 2, 0) }, [{ name: 'variance-zero', level: 'warning', count: 1, index: [3] }]],
  ['a negative variance', { ...sound, 'bn.running_var': vector(1, -1e-9, -2, 1) }, [
    { name: 'variance-negative', level: 'error', path: 'bn', tensor: 'bn.running_var', count: 2, index: [1], says: 'the root gives NaN' },
  ]],
  ['NaN in a norm', { ...sound, 'bn.bias': vector(0, NaN, 0, NaN) }, [
    { name: 'nan', level: 'error', path: 'bn', tensor: 'bn.bias', count: 2, index: [1], says: '2 of 4 elements are NaN, the first at [1]' },
  ]],
  ['infinity elsewhere', { ...sound, 'fc.weight': tensor([[1, 2], [3, -Infinity]]) }, [
    { name: 'infinity', level: 'error', path: null, tensor: 'fc.weight', count: 1, index: [1, 1] },
  ]],
  ['infinity in a mask', { 'attn.causal_mask': tensor([[0, -Infinity], [0, 0]]) }, [{ name: 'infinity', level: 'warning', index: [0, 1], says: 'as masks have it' }]],
  ['both, and NaN in a float64', { 'a.b': tensor([NaN, Infinity], [2], { dtype: 'float64' }) }, [
    { name: 'nan', index: [0] }, { name: 'infinity', index: [1] },
  ]],
  ['statistics that nothing updated', { ...sound, 'bn.running_mean': vector(0, 0, 0, 0), 'bn.running_var': vector(1, 1, 1, 1) }, [
    { name: 'never-updated', level: 'warning', path: 'bn', says: 'running_mean is 0 and running_var 1 throughout' },
  ]],
  ['a counter at zero', { ...sound, 'bn.num_batches_tracked': tensor(0, [], { dtype: 'int64' }) }, [
    { name: 'never-updated', says: 'num_batches_tracked is 0' },
  ]],
  ['a layer under two prefixes', { ...sound, 'module.conv.weight': [4, 3, 3, 3], ...batchNorm('module.bn', 4) }, [
    { name: 'duplicate-keys', level: 'error', path: 'module.bn', says: "'module.bn' and 'bn' are one layer under two prefixes" },
  ]],
  ['a wrapper of DeepSpeed', { ...batchNorm('_forward_module.bn', 4), ...batchNorm('bn', 4) }, [{ name: 'duplicate-keys' }]],
  ['a wrapper within', { ...batchNorm('net._orig_mod.bn', 4), ...batchNorm('net.bn', 4) }, [{ name: 'duplicate-keys' }]],
  ['a copy that is a model of its own', { ...batchNorm('ema.bn', 4), ...batchNorm('bn', 4) }, []],
  ['a weight beside its parts', { 'fc.weight': [4, 3], 'fc.weight_g': [4, 1], 'fc.weight_v': [4, 3] }, [
    { name: 'duplicate-keys', path: 'fc', tensor: 'fc.weight', says: 'which it is computed from' },
  ]],
  ['a mean without its variance', { ...without(sound, 'bn.running_var') }, [
    { name: 'missing-keys', level: 'error', path: 'bn', says: 'no running_var' },
  ]],
  ['no statistics in one of three', { ...batchNorm('a.bn', 4), ...batchNorm('b.bn', 4), 'c.bn.weight': [4], 'c.bn.bias': [4] }, [
    { name: 'missing-keys', level: 'error', path: 'c.bn', says: 'no running_mean, no running_var' },
  ]],
  ['no bias in one of three', without({ ...batchNorm('a', 4), ...batchNorm('b', 4), ...batchNorm('c', 4) }, 'b.bias'), [
    { name: 'missing-keys', level: 'warning', path: 'b', says: 'has no bias, which 2 of the 3 layers like it have' },
  ]],
  ['no bias in all', without({ ...batchNorm('a', 4), ...batchNorm('b', 4) }, 'a.bias', 'b.bias'), []],
  ['a magnitude without its direction', { 'fc.weight_g': [4, 1], 'fc.bias': [4] }, [{ name: 'missing-keys', level: 'error', path: 'fc', says: 'no direction' }]],
  ['vectors of two lengths', { ...sound, 'bn.bias': [5] }, [
    { name: 'shape-mismatch', level: 'error', path: 'bn', says: 'bn.weight has shape [4] and bn.bias [5]' },
  ]],
  ['a magnitude of another direction', { 'fc.weight_g': [5, 1], 'fc.weight_v': [4, 3] }, [{ name: 'shape-mismatch', says: 'fc.weight_g has shape [5, 1] and fc.weight_v [4, 3]' }]],
  ['a width that is not that of the layer before', {
    'conv1.weight': [5, 3, 3, 3], ...batchNorm('bn1', 4), 'layer1.0.conv1.weight': [4, 4, 3, 3], ...batchNorm('layer1.0.bn1', 4), 'fc.weight': [2, 4],
  }, [{ name: 'shape-mismatch', level: 'error', path: 'bn1', says: 'conv1.weight of shape [5, 3, 3, 3] beside it gives 5 channels' }]],
];

function without(keys: Keys, ...names: readonly string[]): Keys {
  return Object.fromEntries(Object.entries(keys).filter(([key]) => !names.includes(key)));
}

test.each(rows)('%s', async (_, keys, expected) => {
  const { flags } = await inspectState(keys);
  expect(flags.map(({ name }) => name)).toEqual(expected.map(({ name }) => name));
  for (const [i, { says = '', ...rest }] of expected.entries()) {
    expect(flags[i]).toMatchObject(rest);
    expect(flags[i]?.message).toContain(says);
    // What to do follows what is wrong.
    expect(flags[i]?.message).toMatch(/[:;,] /);
  }
});

test('every flag has a row', () => {
  const names: Record<FlagName, true> = {
    'gamma-near-zero': true, 'variance-near-eps': true, 'variance-zero': true, 'variance-negative': true, nan: true, infinity: true,
    'never-updated': true, 'eps-unlike-family': true, 'duplicate-keys': true, 'missing-keys': true, 'shape-mismatch': true,
  };
  const seen = new Set([...rows.flatMap(([, , flags]) => flags.map(({ name }) => name)), 'eps-unlike-family']);
  expect([...seen].sort()).toEqual(Object.keys(names).sort());
});

test('nan_poisoned.safetensors: all three places', async () => {
  const { flags } = await inspect(stored('broken/nan_poisoned.safetensors'));
  expect(flags.map(({ name, tensor: key, index }) => [name, key, index])).toEqual([
    ['nan', 'bn1.running_mean', [3]],
    ['infinity', 'bn1.running_var', [5]],
    ['infinity', 'fc.weight', [2, 7]],
  ]);
});

test('norms only, where only they are scanned', async () => {
  const { flags, scan } = await inspectState({ ...sound, 'bn.bias': vector(0, NaN, 0, 0), 'fc.weight': vector(NaN) }, { scan: 'norms' });
  expect(flags.map(({ tensor: key }) => key)).toEqual(['bn.bias']);
  expect(scan).toBe('norms');
});

describe('eps unlike the family', () => {
  test.each([
    ['ViT', 'vit.safetensors', { eps: 1e-5 }, ['eps is 1e-5 in 7 layers, the first blocks.0.norm1, and 1e-6 in ViT as published']],
    ['ViT, its own', 'vit.safetensors', { eps: 1e-6 }, []],
    ['ConvNeXt', 'convnext_timm.safetensors', { norm_eps: 1e-5 }, ['eps is 1e-5 in 7 layers']],
    ['ResNet', 'resnet_bn.pth', { batch_norm_eps: 2e-5 }, ['eps is 2e-5 in 6 layers']],
    ['BERT', 'encoder.pth', { model_type: 'bert', layer_norm_eps: 1e-5 }, ['and 1e-12 in BERT']],
    ['another type', 'encoder.pth', { model_type: 'else', layer_norm_eps: 1e-3 }, []],
    ['no eps', 'vit.safetensors', {}, []],
    ['ONNX, its own', 'vit.onnx', {}, []],
  ])('%s', async (_, name, config, says) => {
    const { flags } = await inspect(stored(name), { config });
    expect(flags.map((flag) => flag.name)).toEqual(says.map(() => 'eps-unlike-family'));
    for (const [i, text] of says.entries()) expect(flags[i]?.message).toContain(text);
  });
});

test("transformers' Gemma multiplies by 1 + weight", async () => {
  const keys = { 'norm.weight': vector(0, 0, -1) };
  const { flags } = await inspectState(keys, { config: { model_type: 'gemma', rms_norm_eps: 1e-6 } });
  expect(flags.map(({ count, index }) => [count, index])).toEqual([[1, [2]]]);
});
