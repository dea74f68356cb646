// stepsOf against PyTorch, step by step and back; against the layers themselves; and the mistakes it shows.
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import {
  BatchNorm1d, GroupNorm, InstanceNorm1d, LayerNorm, LocalResponseNorm, norm, RMSNorm, layerFrom, manualSeed, NormLayer, randn, stepsOf, tensor,
  type Step, type Tensor,
} from 'evenkeel';
import { describe, expect, test } from 'vitest';
import { meaning, samples, walk } from '../tools/fuzz/samples.js';
import { closeness } from './closeness.js';
import { refusal } from './refusal.js';

interface Row {
  layer: string; shape: number[]; x: number[]; dy: number[]; gamma: number[] | null; beta: number[] | null;
  sets: number[]; parameters: number[] | null;
  measured: { sum: number; mean: number; variance: number; unbiased: number; root: number }[];
  y: number[]; dx: number[]; dgamma: number[] | null; dbeta: number[] | null;
}
interface Expected {
  layers: Row[];
  l2: { x: number[]; dy: number[]; y: number[]; dx: number[] };
  cancelled: { offset: number; variance: number; y: number[]; right: number[] }[];
}

// Written by test/steps/generate.py.
const expected = JSON.parse(readFileSync(new URL('steps/expected.json', import.meta.url), 'utf8')) as Expected;
const seed = 20190608;

/** What a step gave; nothing where there is none. */
const valuesOf = (steps: readonly Step[], name: string): readonly number[] => steps.find((step) => step.name === name)?.values ?? [];
const close = (got: readonly number[], want: readonly number[], atol = 1e-12): void =>
  void expect(closeness(Float64Array.from(got), Float64Array.from(want), { rtol: 1e-10, atol })).toBeNull();

function loaded({ layer: text, shape, gamma, beta }: Row): NormLayer {
  const layer = layerFrom(text);
  if (!(layer instanceof NormLayer)) throw new Error(`${text} has no sets`);
  layer.to('float64');
  const parameters = layer.weight?.shape ?? shape;
  const state = [['weight', gamma], ['bias', beta]] as const;
  layer.loadStateDict(
    new Map(state.flatMap(([key, values]) => (values === null ? [] : [[key, tensor(Float64Array.from(values), [...parameters])] as const]))),
    { strict: false },
  );
  return layer;
}

describe('of a layer, as PyTorch', () => {
  test.each(expected.layers.map((row) => [row.layer, row] as const))('%s', (_, row) => {
    const { shape, sets, parameters } = row;
    const layer = loaded(row);
    const x = tensor(Float64Array.from(row.x), shape);
    const gradOutput = tensor(Float64Array.from(row.dy), shape);
    [...walk(shape)].forEach((index, e) => {
      const { forward, backward, indices, at, parameters: places } = stepsOf(layer, x, index, { gradOutput });
      const members = sets.flatMap((set, i) => (set === sets[e] ? [i] : []));
      const pick = (values: readonly number[]) => members.map((i) => values[i] ?? NaN);
      expect(indices[at]).toEqual(index);
      expect(indices).toHaveLength(members.length);
      expect(places).toEqual(parameters === null ? null : pick(parameters));
      const { sum = NaN, mean = NaN, variance = NaN, root = NaN } = row.measured[sets[e] ?? 0] ?? {};
      const isCentred = !row.layer.includes('RMS');
      close(valuesOf(forward, 'x'), pick(row.x));
      if (isCentred) close([...valuesOf(forward, 'sum'), ...valuesOf(forward, 'mean')], [sum, mean]);
      close(valuesOf(forward, isCentred ? 'variance' : 'meanSquare'), [variance]);
      close(valuesOf(forward, 'root'), [root]);
      close(forward.at(-1)?.values ?? [], pick(row.y));
      close(valuesOf(backward, 'dx'), pick(row.dx));
      const distinct = [...new Set(places ?? [])];
      const ofParameters = (values: readonly number[] | null) => (values === null ? [] : distinct.map((place) => values[place] ?? NaN));
      close(valuesOf(backward, 'dgamma'), ofParameters(row.dgamma));
      close(valuesOf(backward, 'dbeta'), ofParameters(row.dbeta));
    });
  });

  test('the unbiased variance', () => {
    const row = expected.layers[0];
    if (row === undefined) throw new Error('no rows');
    const { forward } = stepsOf(loaded(row), tensor(Float64Array.from(row.x), row.shape), [0, 0, 0], { variance: 'unbiased' });
    close(valuesOf(forward, 'variance'), [row.measured[0]?.unbiased ?? NaN]);
  });

  test('an l2 norm, with a row shorter than eps', () => {
    const { x, dy, y, dx } = expected.l2;
    const gradOutput = tensor(Float64Array.from(dy), [3, 4]);
    [0, 1, 2].forEach((i) => {
      const of = stepsOf({ pattern: 'b [c]', statistics: 'l2' }, tensor(Float64Array.from(x), [3, 4]), [i, 1], { gradOutput });
      close(of.forward.at(-1)?.values ?? [], y.slice(4 * i, 4 * i + 4));
      close(valuesOf(of.backward, 'dx'), dx.slice(4 * i, 4 * i + 4), 1e-12 * Math.max(1, ...dx.slice(4 * i, 4 * i + 4).map(Math.abs)));
    });
  });
});

test('gives what norm gives, of any pattern and shape', () => {
  fc.assert(
    fc.property(samples, fc.nat(), fc.constantFrom('moments', 'rms', 'l2'), (sample, pick, statistics) => {
      const { shape, text, given } = sample;
      const indices = [...walk(shape)];
      const index = indices[pick % Math.max(1, indices.length)];
      if (index === undefined) return;
      const { statistic, parameter } = meaning(sample);
      const e = indices.indexOf(index);
      manualSeed(pick % 1000);
      const x = randn(shape, { dtype: 'float64' });
      const settings = { ...given, statistics, eps: 1e-3 } as const;
      const { forward, indices: members, parameters } = stepsOf({ ...settings, pattern: text }, x, index);
      const own = statistic.flatMap((set, i) => (set === statistic[e] ? [i] : []));
      expect(members).toEqual(own.map((i) => indices[i]));
      if (parameter !== null) expect(parameters).toEqual(own.map((i) => parameter[i]));
      const y = norm(x, text, settings as object).data;
      close(forward.at(-1)?.values ?? [], own.map((i) => Number(y[i])), 1e-9);
    }),
    { seed, numRuns: 200 },
  );
});

const counting = (offset: number): Tensor => tensor([9, 10, 11, 12].map((value) => value + offset));

describe('mistakes', () => {
  test.each(expected.cancelled.map((row) => [row.offset, row] as const))('E[x²] − E[x]² in float32, %s added', (offset, { variance, y, right }) => {
    const x = counting(offset);
    const { forward } = stepsOf(new LayerNorm(4), x, [0], { variance: 'difference', arithmetic: 'float32' });
    expect(valuesOf(forward, 'variance')).toEqual([variance]);
    close(valuesOf(forward, 'normalized'), y, 1e-6);
    close(valuesOf(stepsOf(new LayerNorm(4), x, [0]).forward, 'normalized'), right);
    close([...new LayerNorm(4).forward(x).data].map(Number), right, 1e-6);
  });

  test('eps outside of the root', () => {
    const { forward } = stepsOf(new LayerNorm(4, { eps: 0.5 }), counting(0), [0], { epsilon: 'outside' });
    close(valuesOf(forward, 'normalized'), [-1.5, -0.5, 0.5, 1.5].map((d) => d / (Math.sqrt(1.25) + 0.5)));
  });
});

test.each([
  [[0, 3], 'x[0, 3] = 4', '1 + 2 + 3 + 4 = 10', '(2.25 + 0.25 + 0.25 + 2.25) / 4 = 1.25', '1.5 / 1.118038 = 1.341635'],
  [[1, 0], 'x[1, 0] = −7', '−7 + (−7) + (−7) + 1 = −20', '(4 + 4 + 4 + 36) / 4 = 12', '−2 / 3.464103 = −0.57735'],
] as const)('formulas with the numbers of x[%j] in', (index, x, sum, variance, normalized) => {
  const { forward, text } = stepsOf('b [c]', tensor([[1, 2, 3, 4], [-7, -7, -7, 1]]), index);
  const worked = (name: string) => forward.find((step) => step.name === name)?.worked;
  expect([worked('x'), worked('sum'), worked('variance'), worked('normalized')]).toEqual([x, sum, variance, normalized]);
  expect(forward.every((step) => text.includes(step.formula) && text.includes(step.worked))).toBe(true);
});

test('of many elements shows the first three and the last', () => {
  const { forward } = stepsOf('[c]', tensor(Array.from({ length: 100 }, (_, i) => i)), [7]);
  expect(forward[1]?.worked).toBe('0 + 1 + 2 + … + 99 = 4950');
});

test.each([
  ['an index outside', () => stepsOf(new LayerNorm(4), randn([2, 4]), [2, 0]), 'argument', 'axis 0 takes whole numbers below 2'],
  ['an index of another rank', () => stepsOf(new LayerNorm(4), randn([2, 4]), [0]), 'rank', 'rank 2'],
  ['no tensor', () => stepsOf(new LayerNorm(4), [1, 2, 3, 4] as never, [0]), 'argument', 'stepsOf takes a Tensor'],
  ['integers', () => stepsOf(new LayerNorm(2), tensor([1, 2], { dtype: 'int64' }), [0]), 'dtype', 'expected scalar type Float'],
  ['a layer without sets', () => stepsOf(new LocalResponseNorm(2) as never, randn([1, 2, 3]), [0, 0, 0]), 'argument', 'no pattern'],
  ['running statistics', () => stepsOf(new BatchNorm1d(3).eval(), randn([2, 3]), [0, 0]), 'argument', 'train() first'],
  ['a batch of one', () => stepsOf(new BatchNorm1d(3), randn([1, 3]), [0, 0]), 'too_few_values', 'Expected more than 1 value'],
  ['one position', () => stepsOf(new InstanceNorm1d(3), randn([2, 3, 1]), [0, 0, 0]), 'too_few_values', 'Expected more than 1 value'],
  ['one value a group', () => stepsOf(new GroupNorm(3, 3), randn([1, 3]), [0, 0]), 'too_few_values', 'Expected more than 1 value'],
  ['a weight beside a layer', () => stepsOf(new LayerNorm(4), randn([4]), [0], { weight: randn([4]) }), 'argument', 'has its own weight'],
  ['a weight without a comma', () => stepsOf('b [c]', randn([2, 4]), [0, 0], { weight: randn([4]) }), 'shape', 'add a comma'],
  ['a weight of another shape', () => stepsOf('b [c], c', randn([2, 4]), [0, 0], { weight: randn([3]) }), 'shape', '4 is needed'],
  ['a gradient of another shape', () => stepsOf('b [c]', randn([2, 4]), [0, 0], { gradOutput: randn([2]) }), 'shape', '2 × 4 is needed'],
  ['dtypes that differ', () => stepsOf('b [c]', randn([2, 4]), [0, 0], { gradOutput: randn([2, 4], { dtype: 'float64' }) }), 'dtype', ''],
  ['another variance', () => stepsOf('b [c]', randn([2, 4]), [0, 0], { variance: 'sample' as never }), 'argument', "'mean' or 'unbiased'"],
  ['a variance of rms', () => stepsOf(new RMSNorm(4), randn([4]), [0], { variance: 'unbiased' }), 'argument', 'takes rms'],
  ['the way back of a mistake', () => stepsOf('[c]', randn([4]), [0], { variance: 'unbiased', gradOutput: randn([4]) }), 'argument', 'leave variance'],
])('refuses %s', (_, run, code, message) => {
  const error = refusal(run);
  expect([error.code, error.message]).toEqual([code, expect.stringContaining(message)]);
});
