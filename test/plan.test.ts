// Plans against a walk over all elements that knows nothing of plans, and rows of known plans and refusals.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KeelError } from '../src/errors.js';
import { parsePattern } from '../src/notation.js';
import {
  layout, reduction, sameParameters, sameSets, setOf,
  type Layout, type Permutation, type Runs, type Spread,
} from '../src/plan.js';
import { meaning, plainSample, samples, unwoven, walk, wordSizes, type Sample, type Word } from '../tools/fuzz/samples.js';

const seed = 20160721;
const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

// The formulas of the plan, as the design states them.
const statisticOf = ({ r0, k1, r1 }: Runs, e: number): number =>
  Math.floor(e / (r0 * k1 * r1)) * k1 + (Math.floor(e / r1) % k1);

/** Where each element of the permuted copy comes from. */
function permute({ view, order }: Permutation): number[] {
  const stride = view.map((_, dim) => product(view.slice(dim + 1)));
  const places = [...walk(order.map((dim) => view[dim] ?? -1))];
  return places.map((at) => at.reduce((sum, i, k) => sum + i * (stride[order[k] ?? -1] ?? NaN), 0));
}

/** The parameter values, told by their places, that the kernel gets. */
function spreadOut({ view, order, ones, span }: Spread): number[] {
  const values = permute({ view, order });
  expect(product(ones)).toBe(values.length);
  expect(ones.length).toBe(span.length);
  ones.forEach((size, dim) => expect([1, span[dim]]).toContain(size));
  return [...walk(span)].map((at) => {
    const flat = at.reduce((outer, i, dim) => outer * (ones[dim] ?? NaN) + (ones[dim] === 1 ? 0 : i), 0);
    return values[flat] ?? NaN;
  });
}

describe('a layout equals the walk over all elements', () => {
  test('statistics and parameters of every element', () => {
    let permuted = 0;
    let spreads = 0;
    let empty = 0;
    fc.assert(
      fc.property(samples, (sample) => {
        const made = layout(sample.text, sample.shape, sample.given);
        const { plan, permutation, spread } = made;
        const expected = meaning(sample);
        const size = product(sample.shape);
        if (permutation !== null) permuted += 1;
        if (spread !== null) spreads += 1;
        if (size === 0) empty += 1;

        for (const n of Object.values(plan)) expect(Number.isSafeInteger(n) && n >= 0).toBe(true);
        expect(plan.k0 * plan.r0 * plan.k1 * plan.r1).toBe(size);
        expect(plan.k0 * plan.k1).toBe(product(made.statisticShape));
        expect(made.statisticShape).toEqual(sample.words.flatMap(statisticSizes));
        expect(made.parameterShape).toEqual(sample.parameters?.flatMap(wordSizes) ?? null);
        expect(permutation === null).toBe(/^k?r?k?r?$/.test(kindsOf(sample)));

        const source = permutation === null ? range(size) : permute(permutation);
        expect(source.toSorted((a, b) => a - b).join()).toBe(range(size).join());
        expect(source.map((_, p) => statisticOf(plan, p)).join()).toBe(source.map((e) => expected.statistic[e]).join());
        if (expected.parameter === null) {
          expect([plan.affine, plan.inner, spread]).toEqual([0, 1, null]);
        } else {
          const { affine, inner } = plan;
          const values = spread === null ? range(affine) : spreadOut(spread);
          expect(values.length).toBe(affine);
          if (spread === null) expect(affine).toBe(product(made.parameterShape ?? []));
          const { parameter } = expected;
          const got = source.map((_, p) => values[Math.floor(p / inner) % affine]);
          expect(got.join()).toBe(source.map((e) => parameter[e]).join());
        }
      }),
      { seed, numRuns: 1000 },
    );
    // The sweep has been through every branch.
    expect(permuted).toBeGreaterThan(100);
    expect(spreads).toBeGreaterThan(100);
    expect(empty).toBeGreaterThan(100);
  });

  test('setOf', () => {
    fc.assert(
      fc.property(samples, fc.nat(), (sample, pick) => {
        const { statistic } = meaning(sample);
        if (statistic.length === 0) return;
        const e = pick % statistic.length;
        const index = sample.shape.map((size, dim) => Math.floor(e / product(sample.shape.slice(dim + 1))) % size);
        const set = setOf(layout(sample.text, sample.shape, sample.given), index);
        expect(set.join()).toBe(range(statistic.length).filter((i) => statistic[i] === statistic[e]).join());
      }),
      { seed, numRuns: 500 },
    );
  });

  test('reduction over any axes', () => {
    const axes = fc.array(fc.tuple(fc.constantFrom(2, 1, 3, 2, 2, 0), fc.boolean()), { maxLength: 8 });
    fc.assert(
      fc.property(axes, (drawn) => {
        const shape = drawn.map(([size]) => size);
        const reduced = drawn.map(([, isReduced]) => isReduced);
        const { runs, permutation } = reduction(shape, reduced);
        const kept = [...walk(shape)].map((at) => at.filter((_, dim) => reduced[dim] === false).join());
        const numbers = [...new Set(kept)];
        const source = permutation === null ? range(kept.length) : permute(permutation);
        expect(product(Object.values(runs))).toBe(kept.length);
        const expected = source.map((e) => numbers.indexOf(kept[e] ?? ''));
        expect(source.map((_, p) => statisticOf(runs, p)).join()).toBe(expected.join());
      }),
      { seed, numRuns: 500 },
    );
  });

  test('any pattern on any shape gives a layout that fits or a KeelError', () => {
    const sizes = fc.dictionary(fc.constantFrom(...'abcdefgh'), fc.constantFrom(1, 2, 3, 4, 0, -1, 2.5, NaN, 1e300));
    const shapes = fc.array(fc.constantFrom(0, 1, 2, 3, 4, 6, 12, -2, 0.5, NaN, Infinity, 2 ** 40), { maxLength: 8 });
    fc.assert(
      fc.property(samples, shapes, sizes, fc.boolean(), (sample, other, given, isOwn) => {
        const shape = isOwn ? sample.shape : other;
        try {
          const { plan } = layout(sample.text, shape, given);
          expect(plan.k0 * plan.r0 * plan.k1 * plan.r1).toBe(product(shape));
        } catch (error) {
          expect(error).toBeInstanceOf(KeelError);
        }
      }),
      { seed, numRuns: 1000 },
    );
  });
});

describe('sameSets and sameParameters equal the walk', () => {
  test('for every way to cut 32 elements into axes, five runs and axes of size 1 included, and to bracket them', () => {
    const all = shapesOf(32).flatMap((shape) => range(2 ** shape.length).map((bits) => plainSample(shape, bits)));
    const { same, other, wrong } = compare(all, sameSets, ({ statistic }) => statistic.join());
    expect(wrong).toEqual([]);
    expect(Math.min(same, other)).toBeGreaterThan(300);
  });

  test('for every way to cut 12 elements into axes and to list those of the parameter', () => {
    const all = shapesOf(12).flatMap((shape) =>
      [null, ...listings(range(shape.length))].map((listed, bits) => plainSample(shape, bits, listed)),
    );
    const { same, other, wrong } = compare(all, sameParameters, ({ parameter }) => String(parameter));
    expect(wrong).toEqual([]);
    expect(Math.min(same, other)).toBeGreaterThan(300);
  });

  test('for the same axes in other words', () => {
    fc.assert(
      fc.property(samples, (sample) => {
        const plain = unwoven(sample);
        const a = layout(sample.text, sample.shape, sample.given);
        const b = layout(plain.text, plain.shape);
        expect([sameSets(a, b), sameParameters(a, b)]).toEqual([true, true]);
      }),
      { seed, numRuns: 500 },
    );
  });

  test.each<[what: string, a: Layout, b: Layout, sets: boolean, parameters: boolean]>([
    ['InstanceNorm1d(3), LayerNorm(4)', layout('b c [s], c', [2, 3, 4]), layout('b... [c], c', [2, 3, 4]), true, false],
    ['GroupNorm(1, 3), LayerNorm([3, 4])', groupNorm(1), layout('b [c s], c s', [2, 3, 4]), true, false],
    ['GroupNorm(3, 3), InstanceNorm1d(3)', groupNorm(3), layout('b c [s...], c', [2, 3, 4]), true, true],
    ['BatchNorm, InstanceNorm', layout('[b] c [s], c', [2, 3, 4]), layout('b c [s], c', [2, 3, 4]), false, true],
    ['these on one sample', layout('[b] c [s], c', [1, 3, 4]), layout('b c [s], c', [1, 3, 4]), true, true],
    ['other ranks', layout('[a] b', [1, 6]), layout('a b c', [2, 1, 3]), true, true],
    ['other sizes', layout('[a], a', [6]), layout('[a], a', [7]), false, false],
    ['channels first and last', layout('b [c] s, c', [2, 3, 4]), layout('b s [c], c', [2, 4, 3]), false, false],
    ['five runs and two', layout('a [b] c [d] e', [2, 3, 2, 2, 2]), layout('a [b]', [8, 6]), false, true],
    ['one value, one scale', layout('a, a', [1]), layout('a,', [1]), true, true],
    ['no scale, one scale', layout('a', [1]), layout('a,', [1]), true, false],
    ['no elements, one element', layout('[a], a', [0]), layout('[a], a', [1]), false, false],
    ['other sizes, no parameters', layout('[a]', [6]), layout('[a]', [7]), false, false],
    ['no elements, as many parameters', layout('a [b], b', [0, 3]), layout('a [b], a', [3, 0]), true, true],
    ['no elements, other parameters', layout('a [b], a', [0, 3]), layout('[a] b, b', [0, 3]), true, false],
  ])('%s', (_, a, b, sets, parameters) => {
    expect([sameSets(a, b), sameSets(b, a)]).toEqual([sets, sets]);
    expect([sameParameters(a, b), sameParameters(b, a)]).toEqual([parameters, parameters]);
  });
});

// The table of the design with N = 2, C = 6, S = 4 × 5, and its edges.
test.each<[layer: string, pattern: string, shape: number[], sizes: Record<string, number>, plan: string]>([
  // layer, pattern, shape, sizes, k0 r0 k1 r1 affine inner
  ['LayerNorm(6)', 'b... [c], c', [2, 3, 6], {}, '6 6 1 1 6 1'],
  ['LayerNorm([6, 4, 5])', 'b... [c h w], c h w', [2, 6, 4, 5], {}, '2 120 1 1 120 1'],
  ['LayerNorm2d(6)', 'b [c] s..., c', [2, 6, 4, 5], {}, '2 6 20 1 6 20'],
  ['RMSNorm(6)', 'b... [c], c', [2, 6], {}, '2 6 1 1 6 1'],
  ['GroupNorm(3, 6)', 'b (g [c]) [s...], (g c)', [2, 6, 4, 5], { g: 3 }, '6 40 1 1 6 20'],
  ['InstanceNorm2d(6)', 'b c [s...], c', [2, 6, 4, 5], {}, '12 20 1 1 6 20'],
  ['BatchNorm1d(6)', '[b] c [s...], c', [2, 6], {}, '1 2 6 1 6 1'],
  ['BatchNorm2d(6)', '[b] c [s...], c', [2, 6, 4, 5], {}, '1 2 6 20 6 20'],
  ['BatchNorm2d(6), one sample', '[b] c [s...], c', [1, 6, 4, 5], {}, '6 20 1 1 6 20'],
  ['BatchNorm2d(6), channels last', '[b s...] c, c', [2, 4, 5, 6], {}, '1 40 6 1 6 1'],
  ['InstanceNorm2d(6), channels last', 'b [s...] c, c', [2, 4, 5, 6], {}, '2 20 6 1 6 1'],
  ['GroupNorm(3, 6), channels last', 'b [s...] (g [c]), (g c)', [2, 4, 5, 6], { g: 3 }, '2 20 3 2 6 1'],
  ['weight_norm(dim=0)', 'o [i...], o', [4, 3, 2], {}, '4 6 1 1 4 6'],
  ['one scale for all', '[a b],', [4, 3], {}, '1 12 1 1 1 12'],
  ['no parameters', '[a] b', [4, 3], {}, '1 4 3 1 0 1'],
  ['nothing shared', 'a b, b', [4, 3], {}, '12 1 1 1 3 1'],
  ['a scalar', '', [], {}, '1 1 1 1 0 1'],
  ['a scalar with a scale', ',', [], {}, '1 1 1 1 1 1'],
  ['no sample', 'b... [c], c', [0, 4], {}, '0 4 1 1 4 1'],
  ['no channel', 'b... [c], c', [2, 0], {}, '2 0 1 1 0 1'],
  ['no pixel', '[b] c [s...], c', [2, 3, 0], {}, '1 2 3 0 3 1'],
  ['no channel in groups', 'b (g [c]), (g c)', [2, 0], { g: 4 }, '8 0 1 1 0 1'],
  ['one scale for nothing', 'a [b],', [2, 0], {}, '2 0 1 1 1 1'],
])('the plan of %s', (_, pattern, shape, sizes, expected) => {
  const { plan, permutation, spread } = layout(pattern, shape, sizes);
  const { k0, r0, k1, r1, affine, inner } = plan;
  expect([k0, r0, k1, r1, affine, inner].join(' ')).toBe(expected);
  expect([permutation, spread]).toEqual([null, null]);
});

test.each<[pattern: string, shape: number[], plan: string, order: number[] | null, spread: Spread | null]>([
  ['a [b] c [d] e, b e', [2, 3, 4, 5, 6], '48 15 1 1 18 5', [0, 2, 4, 1, 3], {
    view: [3, 6],
    order: [1, 0],
    ones: [6, 3],
    span: [6, 3],
  }],
  ['a [b] c [d] e, e b', [2, 3, 4, 5, 6], '48 15 1 1 18 5', [0, 2, 4, 1, 3], null],
  ['[a] b [c] d, d', [2, 3, 4, 5], '15 8 1 1 5 8', [1, 3, 0, 2], null],
  ['a [b] c [d] e, b', [2, 3, 1, 5, 6], '2 15 6 1 3 30', null, null],
  ['a [b c], a c', [2, 3, 4], '2 12 1 1 24 1', null, {
    view: [2, 4],
    order: [0, 1],
    ones: [2, 1, 4],
    span: [2, 3, 4],
  }],
])('%s on %j permutes and spreads no more than it must', (pattern, shape, expected, order, spread) => {
  const made = layout(pattern, shape);
  const { k0, r0, k1, r1, affine, inner } = made.plan;
  expect([k0, r0, k1, r1, affine, inner].join(' ')).toBe(expected);
  expect(made.permutation).toEqual(order === null ? null : { view: shape, order });
  expect(made.spread).toEqual(spread);
});

describe('the cache', () => {
  test('gives the same layout for the same pattern, shape and sizes, and only for these', () => {
    const first = layout('b (g [c])', [2, 6], { g: 3 });
    expect(layout('b (g [c])', [2, 6], { g: 3 })).toBe(first);
    expect(layout(parsePattern('b (g [c])'), [2, 6], { g: 3 })).toBe(first);
    expect(layout('b (g [c])', [2, 6], { g: 2 }).plan).toMatchObject({ k0: 4, r0: 3 });
    expect(layout('b (g [c])', [2, 6], { c: 3 }).plan).toMatchObject({ k0: 4, r0: 3 });
    expect(layout('b (g [c])', [26, 6], { g: 3 }).plan).toMatchObject({ k0: 78, r0: 2 });
    expect(layout('b ([g] c)', [2, 6], { g: 3 }).plan).toMatchObject({ k0: 2, r0: 3, k1: 2 });
  });

  test('holds nothing that the caller may change', () => {
    const shape = [2, 6];
    const { plan } = layout('b [c]', shape);
    shape[1] = 7;
    expect(layout('b [c]', [2, 6])).toMatchObject({ shape: [2, 6], plan });
  });

  test('is bounded', () => {
    const first = layout('a [b]', [2, 3]);
    for (let n = 0; n < 5000; n++) layout('a [b]', [n, 3]);
    expect(layout('a [b]', [2, 3])).not.toBe(first);
    expect(layout('a [b]', [2, 3])).toEqual(first);
  });
});

const groupNorm = (g: number): Layout => layout('b (g [c]) [s...], (g c)', [2, 3, 4], { g });

const statisticSizes = ({ kind, parts }: Word): number[] =>
  wordSizes({ kind, parts: parts.map((part) => (part.reduced ? { ...part, sizes: part.sizes.map(() => 1) } : part)) });

/** The runs in memory order: k for kept, r for reduced. */
function kindsOf({ words }: Sample): string {
  const parts = words.flatMap((word) => word.parts);
  const wide = parts.flatMap(({ sizes, reduced }) => sizes.filter((size) => size !== 1).map(() => reduced));
  const kinds = wide.map((reduced) => (reduced ? 'r' : 'k'));
  return kinds.filter((kind, i) => kind !== kinds[i - 1]).join('');
}

/** Every way to cut n elements into axes, one or two axes also with one of size 1 among them. */
function shapesOf(n: number): number[][] {
  const cuts = (left: number): number[][] => {
    const divisors = range(left + 1).filter((d) => d > 1 && left % d === 0);
    return left === 1 ? [[]] : divisors.flatMap((d) => cuts(left / d).map((rest) => [d, ...rest]));
  };
  const shapes = cuts(n);
  const short = shapes.filter((shape) => shape.length < 3);
  return [...shapes, ...short.map((shape) => shape.toSpliced(shape.length >> 1, 0, 1))];
}

/** Every way to list some of the items, in every order. */
function listings(items: readonly number[]): number[][] {
  const after = (item: number): number[][] => listings(items.filter((other) => other !== item));
  return [[], ...items.flatMap((item) => after(item).map((rest) => [item, ...rest]))];
}

/** A verdict on all pairs: how many are the same, how many are not, and about which it is wrong. */
function compare(
  all: readonly Sample[],
  verdict: (a: Layout, b: Layout) => boolean,
  key: (means: ReturnType<typeof meaning>) => string,
): { same: number; other: number; wrong: string[] } {
  const known = all.map((sample) => {
    return { ...sample, key: key(meaning(sample)), made: layout(sample.text, sample.shape) };
  });
  const counts = { same: 0, other: 0, wrong: new Array<string>() };
  known.forEach((a, i) => {
    for (const b of known.slice(i)) {
      const isSame = a.key === b.key;
      counts[isSame ? 'same' : 'other'] += 1;
      if (verdict(a.made, b.made) !== isSame) counts.wrong.push(`${a.text} on ${a.shape}, ${b.text} on ${b.shape}`);
    }
  });
  return counts;
}
