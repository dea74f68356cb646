// Folding: parameters and outputs against PyTorch's, pairs proved on random input, models before and after.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  BatchNorm1d, BatchNorm2d, Conv2d, conv1d, conv2d, conv3d, ConvTranspose2d, convTranspose1d, convTranspose2d, getRngState,
  GroupNorm, Identity, KeelError, LayerNorm, Linear, linear, manualSeed, memory, noGrad, norm, ones, Parameter, rand, randn, ReLU,
  RMSNorm, scope, Sequential, tensor, zeros, type Layer, type Module, type Tensor,
} from 'evenkeel';
import { foldState, type FoldedState, type FoldKind, type FoldStateOptions } from 'evenkeel/fold';
import { load } from 'evenkeel/io';
import {
  BasicBlock, Bottleneck, ConvNeXt, ConvNeXtBlock, convertKeys, ResNet, TransformerEncoderLayer, VisionTransformer,
} from 'evenkeel/nn';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fold, isBatchNorm, isNormFirst, type FoldPair, type LayerWeights } from '../src/fold/arithmetic.js';
import { roundedTo } from '../src/fold/round.js';
import { verify } from '../src/fold/verify.js';
import { buildModel } from '../tools/model/build.js';
import { elementsOf, modelsIn } from '../tools/model/run.js';
import { closeness } from './closeness.js';
import { refusal } from './refusal.js';

interface Entry {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

interface Row {
  readonly name: string;
  readonly kind: FoldKind;
  readonly dtype: 'float32' | 'float64';
  readonly groups: number;
  readonly eps: number;
  readonly norm: Readonly<Record<'weight' | 'bias' | 'running_mean' | 'running_var', Entry | null>>;
  readonly layer: Readonly<{ weight: Entry; bias: Entry | null }>;
  readonly x: Entry;
  readonly y: Entry;
  readonly folded: Readonly<{ weight: Entry; bias: Entry }> | null;
}

const rows: readonly Row[] = JSON.parse(readFileSync(new URL('fold/expected.json', import.meta.url), 'utf8'));

describe('two layers as one, against PyTorch', () => {
  test.each(rows)('$name ($kind)', ({ kind, dtype, groups, eps, norm: given, layer, x, y, folded }) => {
    const of = (entry: Entry | null) => (entry === null ? null : tensor(entry.values, entry.shape, { dtype }));
    const pair: FoldPair = {
      kind,
      groups,
      norm: {
        weight: of(given.weight), bias: of(given.bias), runningMean: of(given.running_mean), runningVar: of(given.running_var), eps,
      },
      layer: { weight: tensor(layer.weight.values, layer.weight.shape, { dtype }), bias: of(layer.bias) },
    };
    const one = fold(pair);
    expect(one.weight.dtype).toBe(dtype);
    expect(one.weight.shape).toEqual(layer.weight.shape);
    const unit = dtype === 'float32' ? 2 ** -23 : 2 ** -51;
    if (folded !== null) {
      expect(closeness(one.weight.data, Float64Array.from(folded.weight.values), { rtol: unit, atol: 0 })).toBeNull();
      expect(closeness(one.bias?.data ?? new Float32Array(), Float64Array.from(folded.bias.values), { rtol: 2 * unit, atol: unit })).toBeNull();
    }
    const seen = isNormFirst(kind) && !isBatchNorm(kind) ? plain(kind, double(x), eps) : double(x);
    const atol = 16 * unit * Math.max(...y.values.map(Math.abs));
    expect(closeness(run(kind, one, groups, seen).data, Float64Array.from(y.values), { rtol: 0, atol })).toBeNull();
    const proof = verify({ norm: 'n', into: 'l' }, pair, one);
    expect(proof).toMatchObject({ norm: 'n', into: 'l', kind });
    expect(proof.largestDifference).toBeLessThanOrEqual(proof.tolerance);
    expect(proof.tolerance).toBeLessThan(1e-4);
  });
});

const folder = fileURLToPath(new URL('models', import.meta.url));
const models = await modelsIn(folder);

describe.each([
  { file: 'resnet_bn', pairs: 6, kept: [] },
  { file: 'resnet_gn', pairs: 0, kept: ['bn1', 'layer1.0.bn1', 'layer1.0.bn2', 'layer2.0.bn1', 'layer2.0.bn2', 'layer2.0.downsample.1'] },
  { file: 'vit', pairs: 7, kept: [] },
  { file: 'convnext_facebook', pairs: 10, kept: ['downsample_layers.0.1'] },
  { file: 'convnext_timm', pairs: 9, kept: ['stages.1.downsample.0', 'stem.1'] },
  { file: 'convnext_torchvision', pairs: 10, kept: ['features.0.1'] },
  { file: 'encoder', pairs: 0, kept: ['0.norm1', '0.norm2', '1.norm1', '1.norm2'].map((name) => `encoder.layers.${name}`) },
  { file: 'rms_hybrid', pairs: 0, kept: ['blocks.0.norm1', 'blocks.0.norm2', 'blocks.1.norm1', 'blocks.1.norm2', 'norm'] },
])('the trained $file', ({ file, pairs, kept }) => {
  test('computes the same once folded', async () => {
    const model = models.find(({ files }) => files.includes(file));
    if (model === undefined) throw new Error('no such model');
    const state = await load(`${folder}/${file}.safetensors`);
    const folded = foldState(state);
    expect(folded.pairs).toHaveLength(pairs);
    expect(folded.kept.map((each) => each.norm)).toEqual(kept);
    for (const { largestDifference, tolerance } of folded.pairs) expect(largestDifference).toBeLessThan(tolerance / 4);
    const network = buildModel(model).eval();
    withoutNorms(network, folded);
    expect(network.loadStateDict(folded.state)).toMatchObject({ missingKeys: [], unexpectedKeys: [] });
    const stored = await elementsOf(`${folder}/${model.name}.expected.safetensors`);
    const [input, logits] = [stored.get('input'), stored.get('logits')];
    if (input === undefined || logits === undefined) throw new Error('both are stored');
    const got = noGrad(() => network.forward(tensor(Float32Array.from(input.data, Number), input.shape)));
    const atol = model.json.fields('expected').number('logits_atol');
    expect(closeness(got.data, logits.data, { rtol: 0, atol })).toBeNull();
  });
});

/** A model for the folded state: no batch norm, and the biases that came. Names of the file and of the model are the same. */
function withoutNorms(model: Module, { state, pairs, added }: FoldedState): void {
  const modules = new Map(model.namedModules());
  for (const key of added) {
    const layer = modules.get(key.replace('.bias', ''));
    Reflect.set(layer ?? model, 'bias', new Parameter(zeros(state.get(key)?.shape ?? [])));
  }
  for (const { norm: path, kind } of pairs) {
    if (!isBatchNorm(kind)) continue;
    const [, parent = '', name = ''] = /^(?:(.*)\.)?(\w+)$/.exec(path) ?? [];
    Reflect.set(modules.get(parent) ?? model, name, new Identity());
  }
}

/** Parameters and running statistics of a trained model's kind. */
function shaken<T extends Module>(module: T): T {
  manualSeed(5);
  const state = [...module.stateDict()].map(([key, x]): [string, Tensor] => {
    if (x.dtype === 'int64') return [key, x];
    if (key.endsWith('running_var')) return [key, rand(x.shape).add(0.5)];
    return [key, x.rank > 1 ? x.mul(3) : randn(x.shape).mul(0.3).add(key.endsWith('weight') ? 1 : 0)];
  });
  module.loadStateDict(new Map(state));
  return module.eval();
}

test('what timm may pad is folded once it is named', async () => {
  const state = await load(`${folder}/convnext_timm.safetensors`);
  const { pairs } = foldState(state, { pairs: [['stages.1.downsample.0', 'stages.1.downsample.1', 'layer-norm-conv']] });
  expect(pairs.map(({ norm, kind }) => [norm, kind])).toEqual([['stages.1.downsample.0', 'layer-norm-conv']]);
});

const images = { numClasses: 5, inChannels: 3 };
const batchNormed = { depths: [1, 1], dims: [4, 6], patch: 2, numClasses: 3, normLayer: (c: number) => new BatchNorm2d(c) };
const tokens = { imageSize: 8, patchSize: 4, dim: 12, depth: 2, numHeads: 3, numClasses: 4 };
const wide = { normLayer: (c: number) => new RMSNorm(c, { eps: 1e-6 }), qkvBias: false };

test.each([
  ['Bottleneck in groups', () => new ResNet(Bottleneck, [1, 1], { ...images, widths: [8, 16], groups: 2, widthPerGroup: 32 }), 9, []],
  ['ConvNeXt with BatchNorm', () => new ConvNeXt(batchNormed), 7, []],
  ['ConvNeXt V2', () => new ConvNeXt({ depths: [1, 1], dims: [4, 6], grn: true }), 4, ['downsample_layers.0.1']],
  ['ViT with layer scales and norms of queries and keys', () => new VisionTransformer({ ...tokens, layerScale: 0.1, qkNorm: (c) => new LayerNorm(c) }), 9, ['blocks.0.attn.q_norm', 'blocks.0.attn.k_norm', 'blocks.1.attn.q_norm', 'blocks.1.attn.k_norm']],
  ['ViT with RMSNorm, without biases', () => new VisionTransformer({ ...tokens, ...wide }), 5, []],
  ['ViT of means', () => new VisionTransformer({ ...tokens, pool: 'avg' }), 5, []],
  ['ViT of torchvision with a representation', () => new VisionTransformer({ ...tokens, representationSize: 6 }), 5, []],
] as const)('%s', (name, make, count, kept) => {
  const model = shaken(make());
  const state = model.stateDict();
  const folded = foldState(name.includes('torchvision') ? convertKeys(state, 'torchvision') : state);
  expect([folded.pairs.length, folded.kept.map((each) => each.norm)]).toEqual([count, kept]);
  const other = make().eval();
  withoutNorms(other, folded);
  other.loadStateDict(folded.state);
  const x = randn(name.includes('ViT') ? [2, 3, 8, 8] : [2, 3, 32, 32]);
  const [before, after] = noGrad(() => [model.forward(x), other.forward(x)] as const);
  const atol = 1e-5 * Math.max(...Float64Array.from(before.data, Number).map(Math.abs));
  expect(closeness(after.data, before.data, { rtol: 0, atol })).toBeNull();
});

const mlp = () =>
  new Sequential<Layer>(new Linear(6, 6), new BatchNorm1d(6), new ReLU(), new BatchNorm1d(6), new Linear(6, 3, { bias: false }));
const up = () => new Sequential<Layer>(new ConvTranspose2d(4, 6, 2, { groups: 2, bias: false }), new BatchNorm2d(6));
const softened = (eps: number) => new Sequential<Layer>(new Conv2d(3, 4, 3), new BatchNorm2d(4, { eps }));
const strided = () => new Sequential<Layer>(new GroupNorm(2, 4), new Conv2d(4, 6, 2, { stride: 2 }));

describe('pairs by name', () => {
  test.each([
    ['a linear layer and a norm behind it', mlp, [['1', '0']], [4, 6], {}],
    ['a norm before a linear layer', mlp, [['1', '0'], ['3', '4', 'batch-norm-linear']], [4, 6], {}],
    ['a transposed convolution', up, [['1', '0', 'conv-transpose-batch-norm']], [2, 4, 3, 3], {}],
    ['another eps', () => softened(0.1), [['1', '0']], [2, 3, 5, 5], { eps: 0.1 }],
    ['a GroupNorm before a convolution that does not pad', strided, [['0', '1', 'layer-norm-conv']], [2, 4, 4, 4], {}],
  ] as const)('%s', (_, make, pairs, shape, options) => {
    const model = shaken(make());
    const folded = foldState(model.stateDict(), { pairs, ...options });
    const other = make().eval();
    withoutNorms(other, folded);
    other.loadStateDict(folded.state);
    const x = randn(shape);
    expect(closeness(other.forward(x).data, model.forward(x).data, { rtol: 1e-5, atol: 1e-5 })).toBeNull();
  });

  test('scale and shift move into every layer that is named', () => {
    const encoder = shaken(new TransformerEncoderLayer(8, 2, { dimFeedforward: 16, dropout: 0, normFirst: true }));
    const { state, kept } = foldState(encoder.stateDict(), { pairs: [['norm1', 'self_attn.in_proj'], ['norm2', 'linear1']] });
    expect(kept).toEqual([]);
    const other = new TransformerEncoderLayer(8, 2, { dimFeedforward: 16, dropout: 0, normFirst: true }).eval();
    other.loadStateDict(state);
    const x = randn([5, 3, 8]);
    expect(closeness(other.forward(x).data, encoder.forward(x).data, { rtol: 1e-5, atol: 1e-5 })).toBeNull();

    const [q, k, gamma] = [randn([3, 4]), randn([2, 4]), randn([4])];
    const split = foldState({ 'n.weight': gamma, 'q.weight': q, 'k.weight': k }, { pairs: [['n', 'q'], ['n', 'k']] });
    expect(split.state.get('n.weight')?.toArray()).toEqual([1, 1, 1, 1]);
    expect(split.state.get('q.weight')?.toArray()).toEqual(q.mul(gamma).toArray());
    expect(split.state.get('k.weight')?.toArray()).toEqual(k.mul(gamma).toArray());
    expect([...split.state.keys()]).toEqual(['n.weight', 'q.weight', 'k.weight']);
  });
});

const beside = (first: Layer, second: Layer) => new Sequential<Layer>(first, second).stateDict();

describe('what is refused', () => {
  const conv = { 'conv.weight': randn([4, 3, 3, 3]) };
  const norm4 = Object.fromEntries([...new BatchNorm2d(4).stateDict()].map(([key, x]) => [`bn.${key}`, x]));
  const variance = (value: number) => ({ ...conv, ...norm4, 'bn.running_var': tensor([1, value, 1, 1]) });

  test.each([
    ['unknown keys', beside(new Linear(2, 2), new BatchNorm1d(2)), {}, 'state_dict', 'these are not the keys of a known model: "0.weight"'],
    ['another layout', new ResNet(BasicBlock, [1], { widths: [4] }).stateDict(), { layout: 'facebook' }, 'state_dict', 'not the keys of a model of facebook'],
    ['a name that is none', { ...conv, ...norm4 }, { pairs: [['bn2', 'conv']] }, 'state_dict', 'no module "bn2" is in the state dict'],
    ['a layer that is none', { ...conv, ...norm4 }, { pairs: [['bn', 'conv7']] }, 'state_dict', 'Missing key(s): "conv7.weight"'],
    ['names in the wrong order', { ...conv, ...norm4 }, { pairs: [['conv', 'bn']] }, 'shape', 'name the norm first'],
    ['channels that differ', beside(new Linear(5, 3), new BatchNorm1d(6)), { pairs: [['1', '0']] }, 'shape', 'out_channels=3 and num_features=6'],
    ['a convolution that may pad', beside(new GroupNorm(1, 4), new Conv2d(4, 2, 3)), { pairs: [['0', '1']] }, 'argument', 'name the pair as layer-norm-conv'],
    ['no running statistics', beside(new Conv2d(3, 4, 1), new GroupNorm(1, 4)), { pairs: [['1', '0', 'conv-batch-norm']] }, 'no_statistics', 'must not be None'],
    ['a pair twice', { ...conv, ...norm4 }, { pairs: [['bn', 'conv'], ['bn', 'conv']] }, 'argument', 'named twice'],
    ['a negative variance', variance(-1), { pairs: [['bn', 'conv']] }, 'argument', 'channel 1 has running_var -1'],
    ['a variance that is no number', variance(NaN), { pairs: [['bn', 'conv']] }, 'argument', 'running_var NaN'],
    ['pairs that are none', conv, { pairs: [['bn']] }, 'argument', 'pairs are lists such as'],
    ['an unknown kind', conv, { pairs: [['bn', 'conv', 'conv-bn']] }, 'argument', 'kinds are conv-batch-norm'],
    ['an unknown option', conv, { pair: [] }, 'argument', 'pair'],
    ['weights of whole numbers', { ...norm4, 'conv.weight': ones([4, 3, 1, 1], { dtype: 'int64' }) }, { pairs: [['bn', 'conv']] }, 'dtype', 'int64'],
    ['weights that become infinite', { ...norm4, 'conv.weight': tensor(Array(12).fill(3e38), [4, 3, 1, 1]), 'bn.running_var': ones([4]).mul(1e-4) }, { pairs: [['bn', 'conv']] }, 'argument', 'do not survive rounding to F32'],
  ])('%s', (_, state, options, code, message) => {
    const before = memory().tensors;
    const error = refusal(() => foldState(state, options as FoldStateOptions)); // some are none, on purpose
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    expect(memory().tensors).toBe(before);
  });
});

const resnet = () => shaken(new ResNet(Bottleneck, [1, 1], { ...images, widths: [8, 16] })).stateDict();
const renamed = (from: RegExp, to: string) => new Map([...resnet()].map(([key, x]) => [key.replace(from, to), x] as const));

describe('what the layout does not prove is kept', () => {
  test.each([
    ['a squeeze-and-excitation beside them', new Map([...resnet(), ['layer1.0.se.fc1.weight', ones([2, 2, 1, 1])]]), /^layer1\.0\.bn\d$/, '"layer1.0.se.fc1.weight" is unknown'],
    ['another head', renamed(/^fc\./, 'fc.1.'), /^$/, ''],
    ['a first convolution of several', renamed(/^conv1\./, 'conv1.0.'), /./, 'there is no "conv1.weight"'],
    ['norms before convolutions', new Map([...resnet(), ...[...new BatchNorm2d(16).stateDict()].map(([key, x]) => [`layer2.0.bn1.${key}`, x.rank === 0 ? x : ones([32])] as const)]), /./, 'the channels of layer2.0.bn1 do not fit'],
    ['a variance that is no number', new Map([...resnet(), ['bn1.running_var', ones([8]).mul(NaN)]]), /^bn1$/, 'channel 0 has running_var NaN'],
  ] as const)('%s', (_, state, which, reason) => {
    const { kept, pairs } = foldState(state);
    expect(kept.length + pairs.length).toBe(9);
    expect(kept.every(({ norm: name }) => which.test(name))).toBe(true);
    expect(pairs.some(({ norm: name }) => which.test(name))).toBe(false);
    for (const each of kept) expect(each.reason).toContain(reason);
  });

  test('a block whose norms may stand behind', () => {
    const block = new VisionTransformer(tokens).blocks[0];
    expect(foldState(block?.stateDict() ?? new Map()).pairs).toEqual([]);
    expect(foldState(new ConvNeXtBlock(4).stateDict()).pairs).toHaveLength(2);
  });
});

test('many norms beside many strangers take no long time', () => {
  const [vector, matrix] = [ones([4]), ones([4, 4, 1, 1])];
  const block = (i: number): [string, Tensor][] => [
    ...['weight', 'bias', 'running_mean', 'running_var'].map((name): [string, Tensor] => [`layer1.${i}.bn1.${name}`, vector]),
    [`layer1.${i}.conv1.weight`, matrix],
    [`layer1.${i}.se.fc1.weight`, matrix],
    [`norm${i}.${'a.'.repeat(20)}running_mean`, vector],
  ];
  const state = new Map([['conv1.weight', matrix], ['bn1.running_mean', vector], ...Array.from({ length: 4000 }, (_, i) => block(i)).flat()]);
  const start = performance.now();
  const { kept, pairs } = foldState(state);
  expect([kept.length, pairs.length]).toEqual([8001, 0]);
  expect(performance.now() - start).toBeLessThan(15_000);
});

test('any state dict gives a KeelError, or a state that has the other tensors as they were', () => {
  const states = [resnet(), new ConvNeXt({ depths: [1], dims: [4] }).stateDict(), new VisionTransformer({ ...tokens, layerScale: 1 }).stateDict()].map((state) => [...state]);
  const shapes = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 5 });
  const change = fc.record({ at: fc.nat(), to: fc.oneof(shapes.map((shape) => ones(shape)), fc.constant(null), fc.constant(ones([2], { dtype: 'int64' }))) });
  fc.assert(
    fc.property(fc.constantFrom(...states), fc.array(change, { minLength: 1, maxLength: 4 }), (entries, changes) => {
      const state = new Map(entries);
      for (const { at, to } of changes) {
        const [key = ''] = entries[at % entries.length] ?? [];
        if (to === null) state.delete(key);
        else state.set(key, to);
      }
      scope(() => {
        const folded = attempt(() => foldState(state));
        if (folded === null) return;
        const touched = new Set([...folded.added, ...folded.removed, ...folded.pairs.flatMap(({ norm: name, into }) => [name, into])]);
        for (const [key, x] of state) {
          if ([...touched].every((name) => key !== name && !key.startsWith(`${name}.`))) expect(folded.state.get(key)).toBe(x);
        }
      });
    }),
    { seed: 1, numRuns: 150 },
  );
});

/** Null where it was refused. */
function attempt<T>(run: () => T): T | null {
  try {
    return run();
  } catch (error) {
    if (error instanceof KeelError) return null;
    throw error;
  }
}

test('keys that came and went, prefixes, order and other tensors', () => {
  const given = resnet();
  const { state, added, removed } = foldState(new Map([...given].map(([key, x]) => [`module.${key}`, x])));
  expect([...state.keys()].slice(0, 3)).toEqual(['module.conv1.weight', 'module.conv1.bias', 'module.layer1.0.conv1.weight']);
  expect([added.length, removed.length]).toEqual([9, 45]);
  expect(removed.slice(0, 5)).toEqual(['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked'].map((key) => `module.bn1.${key}`));
  expect(state.get('module.fc.weight')).toBe(given.get('fc.weight'));
});

test('the generator, memory and the given tensors are left alone', () => {
  const state = resnet();
  const weight = state.get('conv1.weight')?.data.slice();
  const rng = getRngState().toArray();
  const before = memory().tensors;
  scope(() => void foldState(state));
  expect(memory().tensors).toBe(before);
  expect(getRngState().toArray()).toEqual(rng);
  expect(state.get('conv1.weight')?.data).toEqual(weight);
});

test.each([
  ['F16', [1 + 2 ** -11, 1 + 2 ** -11 + 2 ** -40, 1 + 3 * 2 ** -11 - 2 ** -40, -65519.99999999, 65520, 2 ** -25, 2 ** -25 * (1 + 2 ** -30)], [1, 1 + 2 ** -10, 1 + 2 ** -10, -65504, Infinity, 0, 2 ** -24]],
  ['BF16', [1 + 2 ** -8, 1 + 2 ** -8 + 2 ** -40, -1 - 3 * 2 ** -8, 1e-60, NaN], [1, 1 + 2 ** -7, -1 - 2 ** -6, 0, NaN]],
  ['F32', [1 + 2 ** -24, 1 + 2 ** -24 + 2 ** -50], [1, 1 + 2 ** -23]],
] as const)('one rounding to %s', (format, values, expected) => {
  expect([...roundedTo(format, Float64Array.from(values), [values.length]).data]).toEqual(expected);
});

test('parameters of a file of 16-bit floats are rounded to them', () => {
  const state = { 'conv.weight': randn([4, 3, 1, 1]), ...Object.fromEntries([...shaken(new BatchNorm2d(4)).stateDict()].map(([key, x]) => [`bn.${key}`, x])) };
  const { state: folded, pairs } = foldState(state, { pairs: [['bn', 'conv']], entries: new Map([['conv.weight', { format: 'BF16' }]]) });
  const bits = new Uint32Array(Float32Array.from(folded.get('conv.weight')?.data ?? [], Number).buffer);
  expect(bits.every((each) => each % 2 ** 16 === 0)).toBe(true);
  expect(pairs[0]?.largestDifference).toBeGreaterThan(1e-4);
});

function double({ values, shape }: Entry): Tensor {
  return tensor(values, shape, { dtype: 'float64' });
}

function plain(kind: FoldKind, x: Tensor, eps: number): Tensor {
  return norm(x, 'b [c] s...', { statistics: kind.startsWith('rms') ? 'rms' : 'moments', eps });
}

function run(kind: FoldKind, { weight, bias }: LayerWeights, groups: number, x: Tensor): Tensor {
  const [w, b] = [weight.to('float64'), bias === null ? null : bias.to('float64')];
  if (w.rank === 2) return linear(x, w, b);
  const layers = kind === 'conv-transpose-batch-norm' ? [convTranspose1d, convTranspose2d] : [conv1d, conv2d, conv3d];
  const layer = layers[w.rank - 3];
  if (layer === undefined) throw new Error('no such convolution');
  // The one row with a stride has its kernel's.
  return layer(x, w, { bias: b, groups, ...(kind === 'layer-norm-conv' ? { stride: 2 } : {}) });
}
