// weight_norm and spectral_norm, both kinds, against PyTorch's: keys, passes in both modes, gradients, removal.
import { expect, test } from 'vitest';
import { tensor, zeros } from '../src/create.js';
import { grad, noGrad } from '../src/autograd.js';
import { KeelError } from '../src/errors.js';
import { Conv2d, ConvTranspose2d } from '../src/nn/conv.js';
import { zeros_ } from '../src/nn/init.js';
import { Linear } from '../src/nn/layers.js';
import type { Module } from '../src/nn/module.js';
import { Parameter } from '../src/nn/parameter.js';
import { removeSpectralNorm, spectralNorm, type SpectralNormOptions } from '../src/nn/spectralnorm.js';
import { removeWeightNorm, weightNorm, weightNormPattern, type WeightNormOptions } from '../src/nn/weightnorm.js';
import { copyInto } from '../src/ops/movement.js';
import { manualSeed, rand, randn } from '../src/random.js';
import { scope, type Tensor } from '../src/tensor.js';
import { expectState, farFrom, fresh, replay, tables } from './nn/replay.js';
import { refusal } from './refusal.js';

const linear = () => new Linear(4, 3);
const conv = () => new Conv2d(3, 4, 2);
const transposed = () => new ConvTranspose2d(3, 4, 2);

/** Both kinds of a row: `old.weight_norm(...)` and `new.weight_norm(...)`. */
function both(
  text: string,
  make: (keys: 'old' | 'parametrized') => Module,
): [string, () => Module][] {
  return [[`old.${text}`, () => make('old')], [`new.${text}`, () => make('parametrized')]];
}

function weightRow(text: string, layer: () => Module, options: WeightNormOptions = {}) {
  return both(`weight_norm(${text})`, (keys) => weightNorm(layer(), { ...options, keys }));
}

function spectralRow(text: string, layer: () => Module, options: SpectralNormOptions = {}) {
  return both(`spectral_norm(${text})`, (keys) => spectralNorm(layer(), { ...options, keys }));
}

const dims = (layer: string, make: () => Module, list: readonly (number | null)[]) =>
  list.flatMap((dim) => weightRow(`${layer}, dim=${dim ?? 'None'}`, make, { dim }));

const modules: Readonly<Record<string, () => Module>> = Object.fromEntries([
  ...dims('Linear(4, 3)', linear, [0, 1, -2, -1, null]),
  ...dims('Conv2d(3, 4, 2)', conv, [0, 1, 2, 3, -3, null]),
  ...weightRow('Linear(4, 3)', linear),
  ...weightRow('ConvTranspose2d(3, 4, 2)', transposed),
  ...weightRow("Linear(4, 3), 'bias'", linear, { name: 'bias' }),
  ...weightRow('zeroed(Linear(4, 3))', zeroed),
  ...weightRow('Conv2d(3, 4, 2), dim=1', conv, { dim: 1 }),
  ...spectralRow('Linear(4, 3)', linear),
  ...spectralRow('Linear(4, 3), dim=1', linear, { dim: 1 }),
  ...spectralRow("Linear(4, 3), 'bias'", linear, { name: 'bias' }),
  ...spectralRow('Linear(4, 3), n_power_iterations=3', linear, { nPowerIterations: 3 }),
  ...spectralRow('Conv2d(3, 4, 2)', conv),
  ...spectralRow('Conv2d(3, 4, 2), dim=2', conv, { dim: 2 }),
  ...spectralRow('Conv2d(3, 4, 2), dim=-1', conv, { dim: -1 }),
  ...spectralRow('ConvTranspose2d(3, 4, 2)', transposed),
  ...spectralRow('Linear(4, 3).eval()', () => linear().eval()),
  ['new.spectral_norm(new.weight_norm(Linear(4, 3)))', () => spectralNorm(weightNorm(linear()))],
  ['new.spectral_norm(new.spectral_norm(Linear(4, 3)))', () => spectralNorm(spectralNorm(linear()))],
  ['new.weight_norm(new.weight_norm(Linear(4, 3)))', () => weightNorm(weightNorm(linear()))],
  ["old.weight_norm(old.weight_norm(Linear(4, 3)), 'bias')", () =>
    weightNorm(weightNorm(linear(), { keys: 'old' }), { name: 'bias', keys: 'old' })],
  ["old.spectral_norm(new.weight_norm(Linear(4, 3)), 'bias')", () =>
    spectralNorm(weightNorm(linear()), { name: 'bias', keys: 'old' })],
]);

const build = (text: string): Module => modules[text]?.() ?? expect.fail(`no module for ${text}`);

test.each(tables.weights)('$module', (row) => {
  replay(row, () => build(row.module));
});

test.each(tables.removals)('removed: $module', ({ module: text, repr, state }) => {
  const remove = text.includes('spectral') ? removeSpectralNorm : removeWeightNorm;
  const module = fresh(() => remove(build(text)));
  expect(String(module)).toBe(repr);
  expectState(module, state);
  expect(module.parameters().every((parameter) => parameter instanceof Parameter && parameter.requiresGrad)).toBe(true);
  expect(() => remove(module)).toThrow(`_norm of 'weight' not found in ${repr}`);
});

test.each(tables.assignments)('assigned: $module', ({ module: text, state }) => {
  const module = fresh(() => build(text));
  Reflect.set(module, 'weight', rand(weightOf(module).shape));
  expectState(module, state);
});

test('the vectors of the handbook', () => {
  const v = tensor([[3, 4], [1, 0]]);
  const layer = weightNorm(new Linear(2, 2), { keys: 'old' });
  layer.loadStateDict({ bias: zeros([2]), weight_g: tensor([[2], [-1]]), weight_v: v });
  layer.forward(zeros([1, 2]));
  expect(farFrom(layer.weight, '1.2 1.6 -1 -0')).toEqual([]);
  const leaves = layer.namedParameters().flatMap(([name, leaf]) => (name === 'bias' ? [] : [leaf]));
  const [dg, dv] = grad(layer.weight, leaves, { gradOutputs: tensor([[1, 0], [0, 1]]) });
  expect(farFrom(dg ?? undefined, '0.6 0')).toEqual([]);
  expect(farFrom(dv ?? undefined, '0.256 -0.192 0 -1')).toEqual([]);
});

test.each([
  ['old', '0.4138029443 0.9103664775', '0.4472135955 0.894427191', 5.40370243444],
  ['parametrized', '0.4472135955 0.894427191', '0.5734623444 0.8192319205', 5.45893762558],
] as const)('one iteration of spectral_norm, %s', (keys, u, v, sigma) => {
  const layer = spectralNorm(new Linear(2, 2, { bias: false }), { keys });
  const [weight, left, right] = layer.stateDict().values();
  const values = [tensor([[1, 2], [3, 4]]), tensor([1, 0]), tensor([0, 1])];
  [weight, left, right].forEach((target, i) => copyInto(target ?? zeros([]), values[i] ?? zeros([])));
  layer.forward(zeros([1, 2]));
  expect(farFrom(left, u)).toEqual([]);
  expect(farFrom(right, v)).toEqual([]);
  expect(farFrom(weightOf(layer.eval()), [1, 2, 3, 4].map((w) => w / sigma).join(' '))).toEqual([]);
});

test('the parametrized kind loads the keys of the old one', () => {
  const source = fresh(() => weightNorm(linear(), { keys: 'old', dim: 1 }));
  const layer = weightNorm(new Linear(4, 3), { dim: 1 });
  expect(layer.loadStateDict(source.stateDict())).toEqual({ missingKeys: [], unexpectedKeys: [], reshapedKeys: [], layout: null });
  const x = rand([2, 4]);
  expect(layer.forward(x).toArray()).toEqual(source.forward(x).toArray());
  expect(() => source.loadStateDict(layer.stateDict())).toThrow(
    'Unexpected key(s) in state_dict: "parametrizations.weight.original0", "parametrizations.weight.original1". ',
  );
});

test('a weight of zeros has no direction', () => {
  for (const keys of ['old', 'parametrized'] as const) {
    const layer = spectralNorm(new Linear(2, 2), { keys });
    zeros_(layer.namedParameters().find(([name]) => name.includes('orig'))?.[1] ?? zeros([]));
    expect(layer.forward(zeros([1, 2])).toArray()).toEqual([[NaN, NaN]]);
  }
});

test('repr, state dict and evaluation iterate nothing', () => {
  const layer = spectralNorm(linear());
  const before = layer.buffers().map((buffer) => buffer.toArray());
  layer.eval();
  expect([String(layer), layer.stateDict().size, weightOf(layer).shape]).toHaveLength(3);
  expect(layer.buffers().map((buffer) => buffer.toArray())).toEqual(before);
  expect(layer.train().weight.toArray()).toHaveLength(3);
  expect(layer.buffers().map((buffer) => buffer.toArray())).not.toEqual(before);
});

test.each(['old', 'parametrized'] as const)('two passes and one backward, %s', (keys) => {
  const layer = spectralNorm(linear(), { keys });
  const x = randn([2, 4]);
  const loss = layer.forward(x).sum().sub(layer.forward(x.mul(2)).sum());
  loss.backward();
  expect(layer.parameters().map(({ grad }) => grad?.shape)).toEqual(layer.parameters().map(({ shape }) => shape));
});

test.each(['old', 'parametrized'] as const)('a module made and used in scopes, %s', (keys) => {
  const layer = scope(() => spectralNorm(weightNorm(linear(), { keys }), { name: 'bias', keys }));
  for (let i = 0; i < 2; i++) {
    const y = scope(() => layer.forward(rand([2, 4])));
    expect(y.toArray()).toHaveLength(2);
  }
});

test('a weight that requires no gradient', () => {
  const layer = weightNorm(linear().requiresGrad(false));
  expect(layer.parameters().map(({ requiresGrad }) => requiresGrad)).toEqual([false, false, false]);
  expect(removeWeightNorm(layer).weight.requiresGrad).toBe(false);
});

test.each([
  [2, 0, 'o [i...], o'],
  [2, 1, '[a0] o [i...], o'],
  [4, -2, '[a0] [a1] o [i...], o'],
  [3, null, '[i...],'],
  [3, -1, '[i...],'],
] as const)('the pattern for rank %i and dim %s', (rank, dim, pattern) => {
  expect(weightNormPattern(rank, dim)).toBe(pattern);
});

const refusals: [string, () => unknown, KeelError['code'], string][] = [
  ['an axis beyond the weight', () => weightNorm(linear(), { dim: 5 }), 'dimension',
    'Dimension out of range (expected to be in range of [-2, 1], but got 5)'],
  ['an axis beyond the weight, old', () => weightNorm(linear(), { dim: -3, keys: 'old' }), 'dimension',
    'Dimension out of range (expected to be in range of [-2, 1], but got -3)'],
  ['an axis beyond a vector', () => weightNorm(linear(), { name: 'bias', dim: 1 }), 'dimension',
    'Dimension out of range (expected to be in range of [-1, 0], but got 1)'],
  ['an axis beyond the matrix', () => spectralNorm(linear(), { dim: 2 }), 'dimension',
    'Dimension out of range (expected to be in range of [-2, 1] but got 2)'],
  ['an axis from the end, old', () => spectralNorm(linear(), { dim: -1, keys: 'old' }), 'dimension',
    'does not match the length'],
  ['no parameter of the name', () => weightNorm(linear(), { name: 'w' }), 'name',
    "Module 'Linear(in_features=4, out_features=3, bias=True)' does not have a parameter, a buffer, or a " +
    "parametrized element with name 'w'"],
  ['no parameter of the name, old', () => weightNorm(linear(), { name: 'w', keys: 'old' }), 'name',
    "'Linear' object has no attribute 'w'"],
  ['no tensor of the name', () => spectralNorm(linear(), { name: 'w' }), 'name',
    "Module 'Linear(in_features=4, out_features=3, bias=True)' has no parameter or buffer with name 'w'"],
  ['no tensor of the name, old', () => spectralNorm(linear(), { name: 'w', keys: 'old' }), 'name',
    "has no attribute 'w'"],
  ['a bias that is off', () => weightNorm(new Linear(4, 3, { bias: false }), { name: 'bias' }), 'name',
    "with name 'bias'"],
  ['two old hooks', () => weightNorm(weightNorm(linear(), { keys: 'old' }), { keys: 'old' }), 'argument',
    'Cannot register two weight_norm hooks on the same parameter weight'],
  ['two old hooks of the other kind', () =>
    spectralNorm(spectralNorm(linear(), { keys: 'old' }), { keys: 'old' }), 'argument',
    'Cannot register two spectral_norm hooks on the same parameter weight'],
  ['an old hook on a parametrized weight', () => weightNorm(weightNorm(linear()), { keys: 'old' }), 'name', "'weight'"],
  ['a parametrization of a hooked weight', () => weightNorm(weightNorm(linear(), { keys: 'old' })), 'name',
    "with name 'weight'"],
  ['two parametrizations by weight_norm, on access', () => weightNorm(weightNorm(linear())).weight, 'argument',
    "missing 1 required positional argument: 'weight_v'"],
  // A caller without types may ask for anything.
  ['keys of a third kind', () => weightNorm(linear(), { keys: 'new' as never }), 'argument',
    "keys must be 'old' or 'parametrized', got 'new'"],
  ['no iterations', () => spectralNorm(linear(), { nPowerIterations: 0 }), 'argument',
    'Expected n_power_iterations to be positive, but got n_power_iterations=0'],
  ['half an iteration, old', () => spectralNorm(linear(), { nPowerIterations: 0.5, keys: 'old' }), 'argument',
    'Expected n_power_iterations to be positive'],
  ['removing what is not there', () => removeWeightNorm(linear()), 'name',
    "weight_norm of 'weight' not found in Linear(in_features=4, out_features=3, bias=True)"],
  ['removing another kind', () => removeSpectralNorm(weightNorm(linear())), 'name',
    "spectral_norm of 'weight' not found in"],
  ['a parameter over a hooked weight', () => {
    const layer = weightNorm(linear(), { keys: 'old' });
    layer.weight = new Parameter(zeros([3, 4]));
    layer.forward(zeros([1, 4]));
  }, 'argument', "cannot assign a computed tensor as parameter 'weight' (torch.nn.Parameter or None expected)"],
  ['a weight of another shape', () => {
    Reflect.set(weightNorm(linear()), 'weight', zeros([4, 4]));
  }, 'shape', '4 × 4'],
];

test.each(refusals)('refuses %s', (_, call, code, words) => {
  manualSeed(1);
  const raised = refusal(call);
  expect(raised).toMatchObject({ code });
  expect(String(raised)).toContain(words);
});

test('a refused module is left alone', () => {
  const layer = linear();
  expect(() => weightNorm(layer, { dim: 9 })).toThrow(KeelError);
  expect(() => weightNorm(layer, { dim: 9, keys: 'old' })).toThrow(KeelError);
  expect(() => spectralNorm(layer, { dim: 9 })).toThrow(KeelError);
  expect(() => spectralNorm(layer, { dim: 9, keys: 'old' })).toThrow(KeelError);
  expect([...layer.stateDict().keys()]).toEqual(['weight', 'bias']);
  expect(layer.forward(zeros([1, 4])).shape).toEqual([1, 3]);
});

function weightOf(module: Module): Tensor {
  // Every module of these rows has a weight.
  return Reflect.get(module, 'weight') as Tensor;
}

function zeroed(): Linear {
  const layer = linear();
  noGrad(() => copyInto(layer.weight, layer.weight.mul(tensor([[0], [1], [1]]))));
  return layer;
}
