// The arithmetic of one set, number by number: forward in the order a hand-written layer takes. May import kernels' types.

import type { Statistics } from '../kernels/kernels.js';

/** How a set is measured: the layer's own way, or a way that hand-written code goes wrong by. */
export interface Manner {
  readonly statistics: Statistics;
  readonly eps: number;
  /** `mean`: Σd²/N, which is right. `unbiased`: Σd²/(N − 1). `difference`: E[x²] − E[x]². */
  readonly variance: 'mean' | 'unbiased' | 'difference';
  /** Where eps is added: in the root, which is right, or to the root. */
  readonly epsilon: 'inside' | 'outside';
  /** Rounds after every operation. */
  readonly round: (value: number) => number;
}

/** All numbers between x and its normalized values. */
export interface Measured {
  readonly sum: number;
  /** 0 where none is taken off. */
  readonly mean: number;
  readonly deviations: readonly number[];
  /** Of the deviations; of x itself where no mean is taken off, or for E[x²] − E[x]². */
  readonly squares: readonly number[];
  readonly sumOfSquares: number;
  /** E[x²] of E[x²] − E[x]². */
  readonly meanSquare: number;
  /** The variance, the mean square of `rms`, or the sum of squares of `l2`. */
  readonly spread: number;
  /** The first of the two: eps added and then the root, or the root and then eps. */
  readonly first: number;
  /** What deviations are divided by. */
  readonly scale: number;
  readonly normalized: readonly number[];
  /** Whether `scale` follows x; an l2 norm below eps does not. */
  readonly follows: boolean;
}

/** Measures and normalizes; sums are taken one after another. */
export function measure(x: readonly number[], manner: Manner): Measured {
  const { statistics, variance, round } = manner;
  const n = x.length;
  const sum = statistics === 'moments' ? total(x, round) : 0;
  const mean = round(sum / n);
  const deviations = x.map((value) => round(value - mean));
  const isDifference = variance === 'difference' && statistics === 'moments';
  const squares = (isDifference ? x : deviations).map((value) => round(value * value));
  const sumOfSquares = total(squares, round);
  const meanSquare = round(sumOfSquares / n);
  const spread = spreadOf(manner, n, { mean, sumOfSquares, meanSquare });
  const { first, scale, follows } = scaleOf(spread, manner);
  const normalized = deviations.map((deviation) => round(deviation / scale));
  return { sum, mean, deviations, squares, sumOfSquares, meanSquare, spread, first, scale, normalized, follows };
}

/** One after another. */
export function total(values: readonly number[], round: (value: number) => number = (value) => value): number {
  return values.reduce((sum, value) => round(sum + value), 0);
}

function spreadOf(
  { statistics, variance, round }: Manner, n: number, { mean, sumOfSquares, meanSquare }: Pick<Measured, 'mean' | 'sumOfSquares' | 'meanSquare'>,
): number {
  if (statistics === 'l2') return sumOfSquares;
  if (statistics === 'rms') return meanSquare;
  switch (variance) {
    case 'mean':
      return meanSquare;
    case 'unbiased':
      return round(sumOfSquares / (n - 1));
    case 'difference':
      return round(meanSquare - round(mean * mean));
    default:
      return variance satisfies never;
  }
}

function scaleOf(spread: number, { statistics, eps, epsilon, round }: Manner): Pick<Measured, 'first' | 'scale' | 'follows'> {
  if (statistics === 'l2') {
    const length = round(Math.sqrt(spread));
    const isShort = length < eps;
    return { first: length, scale: isShort ? eps : length, follows: !isShort };
  }
  const first = epsilon === 'inside' ? round(spread + eps) : round(Math.sqrt(spread));
  return { first, scale: epsilon === 'inside' ? round(Math.sqrt(first)) : round(first + eps), follows: true };
}
