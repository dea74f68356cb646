// Sizes that do not fit the pattern or the tensor, each refused with the number, the limit and the way out.
import { expect, test } from 'vitest';
import { KeelError } from '../src/errors.js';
import { layout, setOf } from '../src/plan.js';
import { divisorsOf } from '../src/sizes.js';

test.each<[code: string, ask: () => unknown, message: string[]]>([
  ['indivisible', () => layout('b (g [c]) [s...]', [2, 6, 4, 5], { g: 4 }), [
    'axis 1 has size 6, which does not divide into g = 4',
    '  b (g [c]) [s...]',
    '     ^',
    '  tensor: 2 × 6 × 4 × 5',
    '  choose g from 1, 2, 3, 6',
  ]],
  ['indivisible', () => layout('b (g h [c])', [2, 12], { g: 2, h: 4 }), [
    'axis 1 has size 12, which does not divide into g × h = 2 × 4',
    '  b (g h [c])',
    '     ^^^',
    '  tensor: 2 × 12',
    '  choose g × h from 1, 2, 3, 4, 6, 12',
  ]],
  ['indivisible', () => layout('(g [c])', [720720], { g: 17 }), [
    'axis 0 has size 720720, which does not divide into g = 17',
    '  (g [c])',
    '   ^',
    '  tensor: 720720',
    '  choose g from 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 21, 22, …',
  ]],
  ['shape', () => layout('b (g [c])', [2, 6], { g: 2, c: 2 }), [
    'axis 1 has size 6, but g × c = 2 × 2',
    '  b (g [c])',
    '     ^^^^',
    '  tensor: 2 × 6',
    '  leave g or c out, to be inferred',
  ]],
  ['shape', () => layout('b s... [c], c', [2, 6, 5], { c: 8 }), [
    'axis 2 has size 5, but c = 8',
    '  b s... [c], c',
    '          ^',
    '  tensor: 2 × 6 × 5',
    '  leave c out, to be inferred',
  ]],
  ['shape', () => layout('b () c', [2, 3, 4]), [
    'axis 1 has size 3, but () is an axis of size 1',
    '  b () c',
    '    ^^',
    '  tensor: 2 × 3 × 4',
    '  give the axis a name',
  ]],
  ['uninferable', () => layout('b (g [c])', [2, 6]), [
    'axis 1 has size 6, from which g and c cannot be inferred',
    '  b (g [c])',
    '     ^^^^',
    '  tensor: 2 × 6',
    '  give all of them but one: g from 1, 2, 3, 6',
  ]],
  ['uninferable', () => layout('b (g [c] d)', [2, 0], { g: 2 }), [
    'axis 1 has size 0, from which c and d cannot be inferred',
    '  b (g [c] d)',
    '        ^^^^',
    '  tensor: 2 × 0',
    '  give all of them but one',
  ]],
  ['rank', () => layout('b c [h w]', [2, 6, 4]), [
    'the pattern has 4 axes, but the tensor has 3',
    '  b c [h w]',
    '  ^^^^^^^^^',
    '  tensor: 2 × 6 × 4',
    '  an ellipsis such as s... stands for any number of axes',
  ]],
  ['rank', () => layout('b [c], c', [2, 6, 4]), [
    'the pattern has 2 axes, but the tensor has 3',
    '  b [c], c',
    '  ^^^^^^^^',
    '  tensor: 2 × 6 × 4',
    '  an ellipsis such as s... stands for any number of axes',
  ]],
  ['rank', () => layout('[a]', []), [
    'the pattern has 1 axis, but the tensor has 0',
    '  [a]',
    '  ^^^',
    '  tensor: scalar',
    '  an ellipsis such as s... stands for any number of axes',
  ]],
  ['rank', () => layout('b [c] s..., c', [2]), [
    'the pattern has at least 2 axes, but the tensor has 1',
    '  b [c] s..., c',
    '  ^^^^^^^^^^^^^',
    '  tensor: 2',
    '  only an ellipsis such as s... stands for any number of axes',
  ]],
  ['name', () => layout('b (g [c])', [2, 6], { g: 2, h: 3 }), [
    'h = 3 is given, but no axis has that name',
    '  b (g [c])',
    '  ^^^^^^^^^',
    '  choose from b, g, c',
  ]],
  ['name', () => layout('b [s...]', [2, 6], { s: 6 }), [
    's = 6 is given, but an ellipsis takes its sizes from the tensor',
    '  b [s...]',
    '     ^^^^',
    '  choose from b',
  ]],
  ['name', () => layout('[s...]', [2, 6], { t: 6 }), [
    't = 6 is given, but no axis has that name',
    '  [s...]',
    '  ^^^^^^',
    '  give no sizes',
  ]],
  ['size', () => layout('b (g [c])', [2, 6], { g: NaN }), ['g = NaN is given; sizes of axes are whole numbers from 1']],
  ['size', () => layout('b (g [c])', [2, 6], { g: 0 }), ['g = 0 is given; sizes of axes are whole numbers from 1']],
  ['size', () => layout('b (g [c])', [2, 6], { g: 1.5 }), ['g = 1.5 is given; sizes of axes are whole numbers from 1']],
  ['size', () => layout('b [c]', [2, -1]), ['axis 1 of the shape 2 × -1 is -1; sizes are whole numbers from 0']],
  ['size', () => layout('b [c]', [NaN, 2]), ['axis 0 of the shape NaN × 2 is NaN; sizes are whole numbers from 0']],
  ['size', () => layout('b [c]', [2 ** 30, 2 ** 30]), [
    '1073741824 × 1073741824 has 1152921504606847000 elements; the limit is 2³²: give a smaller shape',
  ]],
  ['rank', () => setOf(layout('b [c]', [2, 3]), [1]), [
    'the index [1] has length 1, but the tensor (2 × 3) has rank 2; give one number for each axis',
  ]],
  ['argument', () => setOf(layout('b [c]', [2, 3]), [1, 3]), [
    'the index [1, 3] lies outside of the tensor (2 × 3): axis 1 takes whole numbers below 3',
  ]],
  ['argument', () => setOf(layout('b [c]', [2, 3]), [-1, 0]), [
    'the index [-1, 0] lies outside of the tensor (2 × 3): axis 0 takes whole numbers below 2',
  ]],
])('%s: %s', (code, ask, message) => {
  expect(ask).toThrow(expect.objectContaining({ name: `KeelError [${code}]`, code, message: message.join('\n') }));
});

test('divisorsOf', () => {
  expect([1, 6, 16, 13, 0].map((n) => divisorsOf(n))).toEqual([[1], [1, 2, 3, 6], [1, 2, 4, 8, 16], [1, 13], []]);
  expect(divisorsOf(2 ** 32 - 5)).toEqual([1, 2 ** 32 - 5]);
  expect(divisorsOf(2 ** 53)).toHaveLength(34);
});

test('a size that is no number is refused also where the layout is known', () => {
  layout('b (g [c])', [2, 6], { g: 3 });
  // What a caller without types may pass.
  expect(() => Reflect.apply(layout, null, ['b (g [c])', [2, 6], { g: '3' }])).toThrow(KeelError);
  expect(() => Reflect.apply(layout, null, ['b (g [c])', [2, '6'], { g: 3 }])).toThrow(KeelError);
});
