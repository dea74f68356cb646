// The options of norm, typed from the literal of its pattern; and what the fields of layers take.
import { BatchNorm1d, LayerNorm, norm, normWithStatistics, Parameter, type Tensor } from 'evenkeel';
import { test } from 'vitest';

declare const x: Tensor;

test('a factor that the pattern names has a size', () => {
  norm(x, 'b (g [c]) [s...], (g c)', { g: 3 });
  norm(x, 'b (g [c]) [s...], (g c)', { g: 3, c: 2, eps: 1e-6, statistics: 'rms', weight: x, bias: null, out: x });
  norm(x, 'b [c]');
  normWithStatistics(x, '(b c) [s...]', { b: 2 });
});

test('one that it does not name is refused', () => {
  // @ts-expect-error: the pattern has no factor h
  norm(x, 'b (g [c]) [s...], (g c)', { h: 3 });
  // @ts-expect-error: an ellipsis has as many sizes as axes, and takes none
  norm(x, 'b (g [c]) [s...]', { s: 3 });
  // @ts-expect-error: sizes are numbers
  norm(x, 'b (g [c])', { g: '3' });
  // @ts-expect-error: no such statistics
  norm(x, 'b [c]', { statistics: 'median' });
  // @ts-expect-error: the statistics go with a result of their own
  normWithStatistics(x, 'b [c]', { out: x });
});

test('a pattern that is no literal takes any size', () => {
  const pattern: string = 'b (g [c])';
  norm(x, pattern, { g: 3 });
});

test('a plain tensor is no parameter and no buffer of a layer', () => {
  const layer = new LayerNorm(2);
  layer.weight = new Parameter(x);
  // @ts-expect-error: it would drop out of the state
  layer.weight = x;
  // @ts-expect-error: so would this
  new BatchNorm1d(2).runningMean = x;
});
