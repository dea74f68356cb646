// The names that a pattern gives to sizes, read by the compiler from the literal.
import { expectTypeOf, test } from 'vitest';
import type { AxisNames } from '../src/notation.js';

type Sizes<P extends string> = { readonly [Name in AxisNames<P>]?: number };
const sizes = <const P extends string>(_: P, given: Sizes<P>): Sizes<P> => given;

test('names of plain axes and factors', () => {
  expectTypeOf<AxisNames<'b (g [c]) [s...], (g c)'>>().toEqualTypeOf<'b' | 'g' | 'c'>();
  expectTypeOf<AxisNames<'[b]c[h][w] ,c'>>().toEqualTypeOf<'b' | 'c' | 'h' | 'w'>();
  expectTypeOf<AxisNames<'b...(g[c])s,'>>().toEqualTypeOf<'g' | 'c' | 's'>();
  expectTypeOf<AxisNames<'  b\t[c\n_1]  '>>().toEqualTypeOf<'b' | 'c' | '_1'>();
  expectTypeOf<AxisNames<'a (b c d) (e f) [(g h) i] j k l m n o p q r s t u v w x y z'>>().toEqualTypeOf<
    | 'a' | 'b' | 'c' | 'd' | 'e' | 'f' | 'g' | 'h' | 'i' | 'j' | 'k' | 'l' | 'm'
    | 'n' | 'o' | 'p' | 'q' | 'r' | 's' | 't' | 'u' | 'v' | 'w' | 'x' | 'y' | 'z'
  >();
});

test('patterns without names', () => {
  expectTypeOf<AxisNames<''>>().toEqualTypeOf<never>();
  expectTypeOf<AxisNames<','>>().toEqualTypeOf<never>();
  expectTypeOf<AxisNames<'[s...] (), s...'>>().toEqualTypeOf<never>();
});

test('patterns that are no literals', () => {
  expectTypeOf<AxisNames<string>>().toEqualTypeOf<string>();
  expectTypeOf<AxisNames<`b [${string}]`>>().toEqualTypeOf<string>();
  expectTypeOf<AxisNames<'a [b], b' | 'c [d]'>>().toEqualTypeOf<'a' | 'b' | 'c' | 'd'>();
});

test('a size whose name the pattern lacks does not compile', () => {
  sizes('b (g [c]) [s...], (g c)', { g: 4, c: 2 });
  sizes('b (g [c]) [s...], (g c)' as string, { h: 4 });
  // @ts-expect-error h is no axis
  sizes('b (g [c]) [s...], (g c)', { g: 4, h: 4 });
  // @ts-expect-error an ellipsis takes no size
  sizes('b (g [c]) [s...], (g c)', { s: 4 });
  // @ts-expect-error a size is a number
  sizes('b (g [c])', { g: '4' });
});
