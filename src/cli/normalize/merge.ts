// Statistics of sets that lie in several chunks, merged from those of their parts in float64. May import 'evenkeel'.

import { normWithStatistics, scope, type Statistics, type Tensor } from 'evenkeel';
import { kept, patternOf, volume, type Digit } from './digits.js';
import { elementsIn, seenBefore, setsOf, within, type Chunk, type Split } from './split.js';

/** A mean in float32 may be off by 2⁻²⁴ of itself: beyond so many deviations it is taken off, and the rest averaged. */
const MOST_DEVIATIONS = 4;
/** Reciprocals of lengths that float32 holds in full. */
const LEAST_NORMAL = 2 ** -126;
/** A variance below this counts beside no eps but those that are smaller still. */
const NO_VARIANCE = 1e-60;

/**
 * Mean and length ‖x − mean‖ of every set; of `rms` and `l2` the length ‖x‖, the mean 0. Parts a and b make
 *
 *     mean = mean_a + δ·n_b/n    length² = length_a² + length_b² + δ²·n_a·n_b/n    δ = mean_b − mean_a
 *
 * of which the root is taken at once, so that no square overflows.
 *
 * @see Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for computing sample variances, 1979
 */
export class SetStatistics {
  readonly mean: Float64Array;
  readonly length: Float64Array;
  readonly #statistics: Statistics;
  readonly #eps: number;

  constructor(digits: readonly Digit[], statistics: Statistics, eps: number) {
    const sets = volume(kept(digits));
    this.mean = new Float64Array(sets);
    this.length = new Float64Array(sets);
    this.#statistics = statistics;
    this.#eps = eps;
  }

  /** Merges in the sets of a chunk, whose elements are `x`, in the order of the chunks. */
  add(split: Split, chunk: Chunk, x: Tensor): void {
    const digits = within(split, chunk);
    const elements = elementsIn(split, chunk);
    const part = partOf(x.reshape(digits.map(({ size }) => size)), patternOf(digits, false), elements, this.#statistics, this.#eps);
    const { first, count } = setsOf(split, chunk);
    const seen = seenBefore(split, chunk);
    const total = seen + elements;
    const { mean, length } = this;
    for (let i = 0; i < count; i++) {
      const set = first + i;
      if (seen === 0) {
        mean[set] = part.mean[i]!;
        length[set] = part.length[i]!;
        continue;
      }
      const delta = part.mean[i]! - mean[set]!;
      length[set] = together(length[set]!, part.length[i]!, delta * Math.sqrt((seen / total) * elements));
      mean[set]! += delta * (elements / total);
    }
  }
}

/** √(a² + b² + c²); NaN if one of them is, where Math.hypot would rather see infinity. */
function together(a: number, b: number, c: number): number {
  return Number.isNaN(a + b + c) ? NaN : Math.hypot(a, b, c);
}

interface Part {
  readonly mean: ArrayLike<number>;
  readonly length: ArrayLike<number>;
}

/** Statistics of the sets of a tensor, with all that float64 holds of them. */
function partOf(x: Tensor, pattern: string, elements: number, statistics: Statistics, eps: number): Part {
  return scope(() => {
    const found = read(normWithStatistics(x, pattern, { statistics, eps: 0 }), statistics);
    if (x.dtype === 'float64') return asPart(found, elements, statistics);
    if (found.rstd.some((rstd) => rstd < LEAST_NORMAL && rstd > 0) || (eps < NO_VARIANCE && found.rstd.includes(Infinity))) {
      return asPart(read(normWithStatistics(x.to('float64'), pattern, { statistics, eps: 0 }), statistics), elements, statistics);
    }
    if (!found.mean.some((mean, i) => isFar(mean, found.rstd[i] ?? 0))) return asPart(found, elements, statistics);
    const centred = x.sub(found.tensor);
    const rest = read(normWithStatistics(centred, pattern, { statistics, eps: 0 }), statistics);
    return asPart({ rstd: rest.rstd, mean: found.mean.map((mean, i) => mean + (rest.mean[i] ?? 0)) }, elements, statistics);
  });
}

function isFar(mean: number, rstd: number): boolean {
  return Math.abs(mean) * rstd > MOST_DEVIATIONS && rstd < Infinity;
}

function read({ mean, rstd }: { readonly mean: Tensor; readonly rstd: Tensor }, statistics: Statistics) {
  const rstds = Float64Array.from(rstd.data, Number);
  return { tensor: mean, rstd: rstds, mean: statistics === 'moments' ? Float64Array.from(mean.data, Number) : new Float64Array(rstds.length) };
}

function asPart({ mean, rstd }: { readonly mean: Float64Array; readonly rstd: Float64Array }, elements: number, statistics: Statistics): Part {
  const scale = statistics === 'l2' ? 1 : Math.sqrt(elements);
  return { mean, length: rstd.map((each) => scale / each) };
}
