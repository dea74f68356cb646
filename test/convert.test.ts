// Keys of weight_norm and spectral_norm: each form of a layer against PyTorch's other two, and what is refused.
import { readFileSync } from 'node:fs';
import { BatchNorm1d, Linear, memory, ones, randn, scope, spectralNorm, tensor, weightNorm, zeros, type Tensor } from 'evenkeel';
import { load } from 'evenkeel/io';
import { convertWeightNorm, keyConversion, weightNormConversion, type WeightForm } from 'evenkeel/nn';
import { describe, expect, test } from 'vitest';
import { closeness } from './closeness.js';
import { refusal } from './refusal.js';

type Entries = Readonly<Record<string, { readonly shape: readonly number[]; readonly values: readonly number[] }>>;

interface Row extends Readonly<Record<'old' | 'plain', Entries>> {
  readonly name: string;
  readonly dtype: 'float32' | 'float64';
  readonly parametrized: Entries | null;
}

const rows: readonly Row[] = JSON.parse(readFileSync(new URL('convert/expected.json', import.meta.url), 'utf8'));
const forms: readonly WeightForm[] = ['old', 'parametrized', 'plain'];

test.each(rows)('$name', (row) => {
  for (const from of ['old', 'parametrized'] as const) {
    const given = row[from];
    if (given === null) continue;
    const state = new Map(Object.entries(given).map(([key, { values, shape }]) => [key, tensor(values, shape, { dtype: row.dtype })]));
    for (const to of forms) {
      const expected = row[to];
      if (expected === null) {
        expect(refusal(() => convertWeightNorm(state, to)).message).toContain('is a vector');
        continue;
      }
      const got = convertWeightNorm(state, to);
      expect([...got.keys()]).toEqual(Object.keys(expected));
      for (const [key, x] of got) expectNear(x, expected[key], row.dtype);
    }
  }
});

function expectNear(x: Tensor, entry: Entries[string] | undefined, dtype: Row['dtype']): void {
  expect([x.shape, x.dtype]).toEqual([entry?.shape, dtype]);
  const rtol = dtype === 'float32' ? 2 ** -24 : 1e-13;
  expect(closeness(x.data, Float64Array.from(entry?.values ?? []), { rtol, atol: 0 })).toBeNull();
}

test('the weights that a trained model used', async () => {
  const folder = new URL('models/', import.meta.url);
  const plain = convertWeightNorm(await load(new URL('mlp_weightnorm.safetensors', folder)), 'plain');
  const expected = await load(new URL('mlp_weightnorm.expected.safetensors', folder));
  expect([...plain.keys()].sort()).toEqual(['fc1', 'fc2', 'fc3', 'head'].flatMap((name) => [`${name}.bias`, `${name}.weight`]));
  for (const name of ['fc1', 'fc2', 'fc3']) {
    const [got, used] = [plain.get(`${name}.weight`), expected.get(`weight/${name}`)];
    expect(closeness(got?.data ?? new Float32Array(), used?.data ?? new Float32Array(1), { rtol: 1e-6, atol: 0 })).toBeNull();
  }
});

test('layers of evenkeel load what was converted', () => {
  const old = weightNorm(new Linear(4, 3), { keys: 'old' });
  const parametrized = weightNorm(new Linear(4, 3));
  parametrized.loadStateDict(convertWeightNorm(old.stateDict(), 'parametrized'));
  old.loadStateDict(convertWeightNorm(parametrized.stateDict(), 'old'));
  const bare = new Linear(4, 3);
  bare.loadStateDict(convertWeightNorm(parametrized.stateDict(), 'plain'));
  const x = randn([2, 4]);
  expect(closeness(bare.forward(x).data, old.forward(x).data, { rtol: 1e-5, atol: 1e-6 })).toBeNull();

  const spectral = spectralNorm(new Linear(4, 3), { keys: 'old' }).eval();
  const other = spectralNorm(new Linear(4, 3)).eval();
  other.loadStateDict(convertWeightNorm(spectral.stateDict(), 'parametrized'));
  expect(other.forward(x).toArray()).toEqual(spectral.forward(x).toArray());
});

const shapes = (entries: Readonly<Record<string, readonly number[]>>) =>
  new Map(Object.entries(entries).map(([key, shape]) => [key, { shape }]));

describe('names and shapes alone', () => {
  test('weight_norm in a model, others as they are', () => {
    const conversion = weightNormConversion(shapes({ 'a.weight_v': [3, 2], 'a.weight_g': [3, 1], 'b.weight': [2] }), 'plain');
    expect([...conversion].map(([key, { shape, from }]) => [key, shape, from])).toEqual([
      ['a.weight', [3, 2], ['a.weight_g', 'a.weight_v']],
      ['b.weight', [2], ['b.weight']],
    ]);
  });

  test('layouts', () => {
    const conversion = keyConversion(shapes({ 'module.stages.0.blocks.0.gamma': [4], 'module.stem.0.weight': [4, 3, 4, 4] }), 'torchvision');
    expect([...conversion].map(([key, { shape, from }]) => [key, shape, from])).toEqual([
      ['features.0.0.weight', [4, 3, 4, 4], ['module.stem.0.weight']],
      ['features.1.0.layer_scale', [4, 1, 1], ['module.stages.0.blocks.0.gamma']],
    ]);
    const made = conversion.get('features.1.0.layer_scale')?.make([tensor([1, 2, 3, 4])]);
    expect(made?.toArray()).toEqual([[[1]], [[2]], [[3]], [[4]]]);
  });
});

test.each([
  ['no such keys', new BatchNorm1d(2).stateDict(), 'old', 'state_dict', 'no keys of weight_norm or spectral_norm'],
  ['another form', { weight_g: ones([2, 1]), weight_v: ones([2, 3]) }, 'new', 'argument', 'old, parametrized, plain'],
  ['another parametrization', { weight_g: ones([2, 1]), weight_v: ones([2, 3]), 'x.parametrizations.weight.original': ones([2]) }, 'old', 'state_dict', '"x.parametrizations.weight.original" are no keys'],
  ['one parametrization on another', { 'parametrizations.weight.original0': ones([2, 1]), 'parametrizations.weight.original1': ones([2, 3]), 'parametrizations.weight.1.scale': ones([1]) }, 'plain', 'state_dict', '"parametrizations.weight.1.scale"'],
  ['lengths of another shape', { weight_g: ones([3, 1]), weight_v: ones([2, 3]) }, 'plain', 'state_dict', '3 × 1 is no shape of the lengths of 2 × 3'],
  ['lengths along two axes', { weight_g: ones([2, 3]), weight_v: ones([2, 3]) }, 'plain', 'state_dict', 'is no shape of the lengths'],
  ['vectors of another length', { weight_orig: ones([2, 3]), weight_u: ones([5]), weight_v: ones([3]) }, 'plain', 'state_dict', '5 and 3 are not of 2 × 3'],
  ['two axes that are as likely', { weight_orig: tensor([[1, 2], [-1.5, 1]]), weight_u: tensor([1, 0]), weight_v: tensor([0, 1]) }, 'plain', 'state_dict', 'two axes of 2 × 2'],
  ['whole numbers', { weight_g: ones([2, 1], { dtype: 'int64' }), weight_v: zeros([2, 3]) }, 'plain', 'dtype', 'int64'],
  ['a name that is taken', { weight_g: ones([2, 1]), weight_v: ones([2, 3]), weight: ones([2, 3]) }, 'plain', 'state_dict', '"weight" would come of'],
  ['what is no tensor', { weight_g: 1 }, 'old', 'state_dict', 'expected a Tensor named "weight_g"'],
])('%s', (_, state, to, code, message) => {
  const before = memory().tensors;
  // Some forms and entries are none, on purpose.
  const error = scope(() => refusal(() => convertWeightNorm(state as Record<string, Tensor>, to as WeightForm)));
  expect(error.code).toBe(code);
  expect(error.message).toContain(message);
  expect(memory().tensors).toBe(before);
});

test('a vector of zeros has no direction', () => {
  const { weight } = Object.fromEntries(convertWeightNorm({ weight_g: ones([2, 1]), weight_v: tensor([[0, 0], [3, 4]]) }, 'plain'));
  const [first, second] = [...(weight?.data ?? [])].map(Number).flatMap((value, i) => (i % 2 === 0 ? [value] : []));
  expect([first, second]).toEqual([NaN, Math.fround(0.6)]);
});
