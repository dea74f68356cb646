// The notation: what patterns mean, that print and parse undo each other, that any text is parsed or refused.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KeelError } from '../src/errors.js';
import { factorsOf, namesOf, parsePattern, printPattern, type Pattern } from '../src/notation.js';
import { samples } from '../tools/fuzz/samples.js';

const seed = 20160721;

const marked = ({ name, reduced }: { name: string; reduced: boolean }): string => (reduced ? `[${name}]` : name);

/** A pattern without its text and spans; brackets as a flag. */
function meaningOf({ axes, parameters }: Pattern): unknown {
  return {
    axes: axes.map((axis) => [axis.kind, factorsOf(axis).map(marked)]),
    parameters: parameters?.map((axis) => [axis.kind, namesOf(axis).map(({ name }) => name)]) ?? null,
  };
}

test.each<[text: string, axes: unknown, parameters: unknown, printed: string]>([
  ['', [], null, ''],
  [' , ', [], [], ','],
  ['b... [c], c', [['ellipsis', ['b']], ['axis', ['[c]']]], [['axis', ['c']]], 'b... [c], c'],
  [
    'b(g[c])[s...],(g c)',
    [['axis', ['b']], ['group', ['g', '[c]']], ['ellipsis', ['[s]']]],
    [['group', ['g', 'c']]],
    'b (g [c]) [s...], (g c)',
  ],
  ['[a][b] [ c ]', [['axis', ['[a]']], ['axis', ['[b]']], ['axis', ['[c]']]], null, '[a b c]'],
  ['([a] [b])', [['group', ['[a]', '[b]']]], null, '[(a b)]'],
  ['[(a b) s...]', [['group', ['[a]', '[b]']], ['ellipsis', ['[s]']]], null, '[(a b) s...]'],
  ['a [] b ([])', [['axis', ['a']], ['axis', ['b']], ['group', []]], null, 'a b ()'],
  ['[()] (), ()', [['group', []], ['group', []]], [['group', []]], '() (), ()'],
  [
    's...t\t\n_1,t s...',
    [['ellipsis', ['s']], ['axis', ['t']], ['axis', ['_1']]],
    [['axis', ['t']], ['ellipsis', ['s']]],
    's... t _1, t s...',
  ],
  ['constructor,', [['axis', ['constructor']]], [], 'constructor,'],
])('%j', (text, axes, parameters, printed) => {
  expect(meaningOf(parsePattern(text))).toEqual({ axes, parameters });
  expect(printPattern(parsePattern(text))).toBe(printed);
});

test('spans point at the names', () => {
  const { text, axes, parameters } = parsePattern('b  (g [cc]) s..., (g cc) s...');
  const cut = ({ start, end }: { start: number; end: number }): string => text.slice(start, end);
  expect(axes.map((axis) => cut(axis.kind === 'group' ? axis.at : axis.factor.at))).toEqual(['b', '(g [cc])', 's...']);
  expect(axes.flatMap(factorsOf).map(({ at }) => cut(at))).toEqual(['b', 'g', 'cc', 's...']);
  expect((parameters ?? []).map(({ at }) => cut(at))).toEqual(['(g cc)', 's...']);
  expect((parameters ?? []).flatMap(namesOf).map(({ at }) => cut(at))).toEqual(['g', 'cc', 's...']);
});

test('the same text gives the same object', () => {
  expect(parsePattern('x [y]')).toBe(parsePattern('x [y]'));
  expect(parsePattern('x [y]')).not.toBe(parsePattern('x  [y]'));
});

test('the cache is bounded', () => {
  const first = parsePattern('x [y]');
  for (let i = 0; i < 2000; i++) parsePattern(`x [y${i}]`);
  expect(parsePattern('x [y]')).not.toBe(first);
  expect(parsePattern('x [y]')).toEqual(first);
});

/** Whether a text is a pattern; then its print is stable, else the refusal is a KeelError. */
function isPattern(text: string): boolean {
  try {
    const printed = printPattern(parsePattern(text));
    expect(printPattern(parsePattern(printed))).toBe(printed);
    return true;
  } catch (error) {
    if (error instanceof KeelError) return false;
    throw error;
  }
}

describe('parse and print', () => {
  test('undo each other', () => {
    fc.assert(
      fc.property(samples, ({ text, words, parameters }) => {
        const pattern = parsePattern(text);
        expect(meaningOf(pattern)).toEqual({
          axes: words.map(({ kind, parts }) => [kind, parts.map(marked)]),
          parameters: parameters?.map(({ kind, parts }) => [kind, parts.map(({ name }) => name)]) ?? null,
        });
        const printed = printPattern(pattern);
        expect(meaningOf(parsePattern(printed))).toEqual(meaningOf(pattern));
        expect(printPattern(parsePattern(printed))).toBe(printed);
        expect(printed).not.toMatch(/\s\s|^\s|\s$|\[\]|\] ?\[/);
      }),
      { seed, numRuns: 1000 },
    );
  });

  test('take any text or refuse it', () => {
    const marks = fc.constantFrom('a', 'b', 's...', '...', '.', '[', ']', '(', ')', ',', ' ', ' ', '\n', '3', 'eps');
    const anyPoint = fc.nat(0x10ffff).map((point) => String.fromCodePoint(point));
    const garbage = fc.array(marks, { maxLength: 12 }).map((all) => all.join(''));
    const texts = fc.oneof(garbage, garbage, fc.string({ unit: anyPoint, maxLength: 12 }));
    const verdicts = fc.sample(texts, { seed, numRuns: 3000 }).map(isPattern);
    expect(verdicts).toContain(true);
    expect(verdicts).toContain(false);
  });

  test('take a valid pattern with one slip or refuse it', () => {
    let parsed = 0;
    let refused = 0;
    fc.assert(
      fc.property(samples, fc.nat(), fc.nat(2), fc.constantFrom(...'[](),. a'), ({ text }, pick, cut, add) => {
        const at = pick % (text.length + 1);
        if (isPattern(text.slice(0, at) + add + text.slice(at + cut))) parsed += 1;
        else refused += 1;
      }),
      { seed, numRuns: 1000 },
    );
    expect(Math.min(parsed, refused)).toBeGreaterThan(100);
  });

  test.each(['[', ']', '(', ')', '()', '[]', ',', '.', '...', 'a', 'a ', 'a...', ' ', '9', '😀', '\0', '(a', '[a'])(
    'take 1000 characters of %j or refuse them at once',
    (unit) => {
      const start = performance.now();
      isPattern(unit.repeat(1000).slice(0, 1000));
      expect(performance.now() - start).toBeLessThan(500);
    },
  );
});

// Under the message stand the pattern and the caret, then the way out.
test.each<[code: string, text: string, message: string, caret: string, hint: string]>([
  ['syntax', 'b [c h', 'the bracket is never closed', '  ^', 'write ] after what it encloses'],
  ['syntax', 'a [b, b', 'the bracket is never closed', '  ^', 'write ] after what it encloses'],
  ['syntax', 'b (c h', 'the parenthesis is never closed', '  ^', 'write ) after the factors'],
  ['syntax', '(a, b)', 'the parenthesis is never closed', '^', 'write ) after the factors'],
  ['syntax', 'a, (b', 'the parenthesis is never closed', '   ^', 'write ) after the factors'],
  ['syntax', 'b c] h', 'the bracket was never opened', '   ^', 'write [ before what it encloses'],
  ['syntax', 'b c) h', 'the parenthesis was never opened', '   ^', 'write ( before the factors'],
  ['syntax', '([a) b]', 'a bracket and a parenthesis cross', '   ^', 'put one inside the other: ([a] b) or [(a b)]'],
  ['syntax', '[(a] b)', 'a bracket and a parenthesis cross', '   ^', 'put one inside the other: ([a] b) or [(a b)]'],
  ['syntax', '[a [b]]', 'a bracket within brackets', '   ^', 'close the first one before it'],
  ['syntax', '[a ([b])]', 'a bracket within brackets', '    ^', 'close the first one before it'],
  ['syntax', '((a) b)', 'parentheses within parentheses', ' ^', 'write all in one: (a b c)'],
  ['syntax', 'b ...', 'the ellipsis has no name', '  ^^^', 'give it a name: s...'],
  ['syntax', 'b s ...', 'the ellipsis has no name', '    ^^^', 'give it a name: s...'],
  ['syntax', 'a... b...', 'a second ellipsis', '     ^^^^', 'name its axes, or put them into the first'],
  ['syntax', '(a b...)', 'an ellipsis in parentheses', '   ^^^^', 'write names alone: (g c)'],
  ['syntax', 'a, b, c', 'a second comma', '    ^', 'one comma parts the axes from those of the parameters'],
  ['syntax', 'a [b], [a]', 'a bracket after the comma', '       ^', 'mark what shares statistics before it'],
  ['syntax', 'a, b]', 'a bracket after the comma', '    ^', 'mark what shares statistics before it'],
  ['syntax', 'b 32', '32 is no name', '  ^^', 'name the axis; the sizes of factors are options: { g: 4 }'],
  ['syntax', 'b 3c', '3 is no name', '  ^', 'name the axis; the sizes of factors are options: { g: 4 }'],
  ['syntax', 'b c%', '% means nothing in a pattern', '   ^', 'write names, s..., [ ], ( ) and one comma'],
  ['syntax', 'a.. b', '. means nothing in a pattern', ' ^', 'write names, s..., [ ], ( ) and one comma'],
  ['syntax', 'b é', 'U+00E9 means nothing in a pattern', '  ^', 'write names, s..., [ ], ( ) and one comma'],
  ['syntax', 'b 😀', 'U+1F600 means nothing in a pattern', '  ^^', 'write names, s..., [ ], ( ) and one comma'],
  ['name', 'a b a', 'a names two axes', '    ^', 'give each a name of its own'],
  ['name', 'a (b a)', 'a names two axes', '     ^', 'give each a name of its own'],
  ['name', 'a a...', 'a names two axes', '  ^^^^', 'give each a name of its own'],
  ['name', 'a, d', 'there is no axis d before the comma', '   ^', 'choose from a'],
  ['name', ', d', 'there is no axis d before the comma', '  ^', 'the pattern has no axes'],
  ['name', 's..., s', 's is an ellipsis before the comma', '      ^', 'write s...'],
  ['name', 's..., (s)', 's is an ellipsis before the comma', '       ^', 'take it out of the parentheses'],
  ['name', 's, s...', 's is a single axis before the comma', '   ^^^^', 'write s without the dots'],
  ['name', 'a b, (a b) a', 'a names two parameter axes', '           ^', 'name it once'],
  ['name', 'a [weight]', 'weight is an option, not an axis', '   ^^^^^^', 'rename the axis'],
])('%s: %s', (code, text, message, caret, hint) => {
  const full = `${message}\n  ${text}\n  ${caret}\n  ${hint}`;
  expect(() => parsePattern(text)).toThrow(
    expect.objectContaining({ name: `KeelError [${code}]`, code, message: full }),
  );
});

test.each(['statistics', 'weight', 'bias', 'eps', 'out', 'backend'])('%s, an option, names no axis', (name) => {
  expect(() => parsePattern(`a [${name}]`)).toThrow(expect.objectContaining({ code: 'name' }));
  expect(() => parsePattern(`a (b ${name}...)`)).toThrow(KeelError);
});

test('line breaks and control characters do not move the caret', () => {
  const message = 'U+001B means nothing in a pattern\n  a b  c\n     ^\n  write names, s..., [ ], ( ) and one comma';
  expect(() => parsePattern('a\nb\u001b c')).toThrow(expect.objectContaining({ code: 'syntax', message }));
});

test('refuses 1001 characters, and what is no text', () => {
  const message = 'the pattern has 1001 characters; at most 1000 are allowed';
  expect(() => parsePattern('a'.repeat(1001))).toThrow(expect.objectContaining({ code: 'syntax', message }));
  expect(() => Reflect.apply(parsePattern, null, [42])).toThrow(
    expect.objectContaining({ code: 'argument', message: "a pattern is a text such as 'b [c], c', but got 42" }),
  );
});
