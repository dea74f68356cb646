// The set of an element in words, and sets as letters: both against the sets themselves.
import fc from 'fast-check';
import { BatchNorm1d, BatchNorm2d, drawSets, explain, GroupNorm, InstanceNorm1d, LayerNorm, LayerNorm2d, RMSNorm } from 'evenkeel';
import { describe, expect, test } from 'vitest';
import { meaning, samples, walk } from '../tools/fuzz/samples.js';
import { refusal } from './refusal.js';

const seed = 20190608;
const partition = (of: readonly number[]): string => of.map((set) => of.indexOf(set)).join();

describe('an element in words', () => {
  test.each([
    [explain(new GroupNorm(3, 6), [2, 6, 2]), [1, 2, 0], 'x[1, 2, 0] shares its mean with 3 others: sample 1, channels 2–3, all positions'],
    [explain(new GroupNorm(2, 8), [2, 8, 3, 3]), [0, 5, 1, 1], 'x[0, 5, 1, 1] shares its mean with 35 others: sample 0, channels 4–7, all positions'],
    [explain(new BatchNorm1d(3), [2, 3, 4]), [0, 1, 1], 'x[0, 1, 1] shares its mean with 7 others: all samples, channel 1, all positions'],
    [explain(new BatchNorm1d(2).eval(), [1, 2, 2]), [0, 1, 0], 'x[0, 1, 0] shares its running mean with 1 other: all samples, channel 1, all positions'],
    [explain(new LayerNorm(4), [2, 3, 4]), [1, 2, 3], 'x[1, 2, 3] shares its mean with 3 others: place (1, 2), all features'],
    [explain(new LayerNorm([3, 4]), [2, 3, 4]), [1, 2, 3], 'x[1, 2, 3] shares its mean with 11 others: sample 1, all rows, all columns'],
    [explain(new LayerNorm2d(3), [2, 3, 2, 2]), [1, 2, 1, 0], 'x[1, 2, 1, 0] shares its mean with 2 others: sample 1, all channels, row 1, column 0'],
    [explain(new RMSNorm(1), [2, 1]), [0, 0], 'x[0, 0] shares its root mean square with no other element'],
    [explain('b ([g] c)', [2, 6], { g: 3 }), [1, 4], 'x[1, 4] shares its mean with 2 others: sample 1, channels 0, 2, 4'],
    [explain('b ([g] c)', [1, 64], { g: 8 }), [0, 11], 'x[0, 11] shares its mean with 7 others: sample 0, channels 3, 11, 19, ..., 59'],
    [explain('[a] (d [e]) z', [2, 6, 3], { e: 3, statistics: 'l2' }), [1, 4, 2], 'x[1, 4, 2] shares its norm with 5 others: all of a, (d e) = 3–5, z = 2'],
    [explain('[a] () ', [2, 1]), [1, 0], 'x[1, 0] shares its mean with 1 other: all of a, axis 1 = 0'],
    [explain('', []), [], 'x[] shares its mean with no other element'],
  ])('%#', (explanation, index, sentence) => {
    expect(explanation.describe(index)).toBe(sentence);
  });

  test('counts the others of its set', () => {
    fc.assert(
      fc.property(samples, fc.nat(), (sample, pick) => {
        const indices = [...walk(sample.shape)];
        const index = indices[pick % Math.max(1, indices.length)];
        if (index === undefined) return;
        const { describe: sentenceFor, setOf } = explain({ pattern: sample.text, ...sample.given }, sample.shape);
        const [, others = '0'] = /with (\d+) other/.exec(sentenceFor(index)) ?? [];
        expect(Number(others)).toBe(setOf(index).length - 1);
      }),
      { seed, numRuns: 200 },
    );
  });

  test.each([[[1, 2], 'rank'], [[0, 3, 0], 'argument'], [null, 'argument']])('refuses %j', (index, code) => {
    expect(refusal(() => explain(new BatchNorm1d(3), [2, 3, 4]).describe(index as never)).code).toBe(code);
  });
});

describe('a drawing', () => {
  test.each([
    ['rows', explain(new InstanceNorm1d(3), [3, 4]), {}, 'a a a a\nb b b b\nc c c c'],
    ['a vector', explain('(a [b])', [6], { a: 3 }), {}, 'a a b b c c'],
    ['a scalar', explain('', []), {}, 'a'],
    ['nothing', explain('a [b]', [2, 0]), {}, ''],
    ['blocks', explain(new InstanceNorm1d(2), [2, 2, 3]), {}, 'x[0]    x[1]\na a a   c c c\nb b b   d d d'],
    ['narrow blocks', explain(new BatchNorm1d(2), [3, 2, 1]), {}, 'x[0]   x[1]   x[2]\na      a      a\nb      b      b'],
    ['blocks that do not fit', explain(new BatchNorm1d(1), [5, 1, 5]), { columns: 22 }, 'x[0]        x[1]\na a a a a   a a a a a\n\nx[2]        x[3]\na a a a a   a a a a a\n\nx[4]\na a a a a'],
    ['images', explain(new LayerNorm2d(2), [2, 2, 2, 2]), {}, 'x[0, 0]   x[0, 1]\na b       a b\nc d       c d\n\nx[1, 0]   x[1, 1]\ne f       e f\ng h       g h'],
    ['an element', explain(new BatchNorm2d(2), [1, 2, 1, 3]), { index: [0, 1, 0, 2] }, 'x[0, 0]   x[0, 1]\n· · ·     b b b'],
    ['close', explain('a [b]', [2, 15]), { columns: 20 }, `${'a'.repeat(15)}\n${'b'.repeat(15)}`],
    ['folded', explain('a [b]', [2, 30]), { columns: 20 }, `${'a'.repeat(18)}\n  ${'a'.repeat(12)}\n${'b'.repeat(18)}\n  ${'b'.repeat(12)}`],
    ['more sets than letters', explain('a', [54]), { columns: 20, index: [53] }, /^·( {2}·){5}\n {2}·.*cb$/s],
  ])('%s', (_, explanation, options, text) => {
    const drawn = drawSets(explanation, options);
    if (typeof text === 'string') expect(drawn.text).toBe(text);
    else expect(drawn.text).toMatch(text);
  });

  test('has the sets of a walk over the elements, a piece for each, and lines that fit', () => {
    fc.assert(
      fc.property(samples, fc.integer({ min: 20, max: 100 }), (sample, columns) => {
        const { statistic } = meaning(sample);
        const { sets, lines, text } = drawSets(explain({ pattern: sample.text, ...sample.given }, sample.shape), { columns });
        expect(partition(sets)).toBe(partition(statistic));
        const letters = new Map<number, Set<string>>();
        for (const part of lines.flat()) {
          if (part.set !== null) letters.set(part.set, (letters.get(part.set) ?? new Set()).add(part.text));
        }
        expect(lines.flat().filter(({ set }) => set !== null)).toHaveLength(sets.length);
        expect([...letters.values()].every((names) => names.size === 1)).toBe(true);
        expect(new Set([...letters.values()].flatMap((names) => [...names])).size).toBe(new Set(sets).size);
        expect(text.split('\n').every((line) => line.length <= columns)).toBe(true);
      }),
      { seed, numRuns: 200 },
    );
  });

  test.each([
    ['a tensor too large', () => drawSets(explain('a [b]', [27, 19])), 'size', '513 elements; at most 512'],
    ['a narrow line', () => drawSets(explain('a', [2]), { columns: 19 }), 'argument', 'columns must be'],
    ['an index outside', () => drawSets(explain('a', [2]), { index: [2] }), 'argument', 'axis 0 takes whole numbers below 2'],
  ])('refuses %s', (_, run, code, message) => {
    const error = refusal(run);
    expect([error.code, error.message]).toEqual([code, expect.stringContaining(message)]);
  });
});
