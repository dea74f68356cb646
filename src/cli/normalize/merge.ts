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

  /** @param eps what the variance is about to be added to: far below it, nothing need be told apart */
  constructor(digits: readonly Digit[], statistics: Statistics, eps: number) {
    const sets = volume(kept(digits));
    this.mean = new Float64Array(sets);
    this.length = new Float64Array(sets);
    this.#statistics = statistics;
    // Of l2 eps is the least length, and parts of a set must not have it each.
    this.#eps = Math.max(0, statistics === 'l2' ? eps * 1e-6 : eps);
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

/** √(a² + b² + c²) without a square that overflows; NaN if one of them is. Math.hypot takes ten times as long. */
function together(a: number, b: number, c: number): number {
  const most = Math.max(Math.abs(a), Math.abs(b), Math.abs(c));
  if (most === 0 || most === Infinity || Number.isNaN(most)) return most;
  const [x, y, z] = [a / most, b / most, c / most];
  return most * Math.sqrt(x * x + y * y + z * z);
}

interface Part {
  readonly mean: ArrayLike<number>;
  readonly length: ArrayLike<number>;
}

/** Statistics of the sets of a tensor, with all that float64 holds of them. */
function partOf(x: Tensor, pattern: string, elements: number, statistics: Statistics, eps: number): Part {
  // Not with an eps of 0, with which kernels look twice at constant sets.
  const measure = (part: Tensor) => read(normWithStatistics(part, pattern, { statistics, eps }), statistics);
  const partWith = ({ mean, rstd }: Read): Part => ({ mean, length: lengthsOf(rstd, elements, statistics, eps) });
  return scope(() => {
    const found = measure(x);
    if (x.dtype === 'float64') return partWith(found);
    const isOutside = found.rstd.some((rstd) => rstd < LEAST_NORMAL && rstd > 0) || (eps < NO_VARIANCE && found.rstd.includes(Infinity));
    if (isOutside) return partWith(measure(x.to('float64')));
    if (!found.mean.some((mean, i) => isFar(mean, found.rstd[i] ?? 0))) return partWith(found);
    const rest = measure(x.sub(found.tensor));
    return partWith({ ...rest, mean: found.mean.map((mean, i) => mean + (rest.mean[i] ?? 0)) });
  });
}

function isFar(mean: number, rstd: number): boolean {
  return Math.abs(mean) * rstd > MOST_DEVIATIONS && rstd < Infinity;
}

interface Read {
  readonly tensor: Tensor;
  readonly mean: Float64Array;
  readonly rstd: Float64Array;
}

function read({ mean, rstd }: { readonly mean: Tensor; readonly rstd: Tensor }, statistics: Statistics): Read {
  const rstds = numbersOf(rstd);
  return { tensor: mean, rstd: rstds, mean: statistics === 'moments' ? numbersOf(mean) : new Float64Array(rstds.length) };
}

/** Statistics are floats; the constructor copies them, where from() would call Number for each. */
function numbersOf({ data }: Tensor): Float64Array {
  return data instanceof Float32Array || data instanceof Float64Array ? new Float64Array(data) : Float64Array.from(data, Number);
}

/** Lengths of which the reciprocals, with eps, are known. */
function lengthsOf(rstds: Float64Array, elements: number, statistics: Statistics, eps: number): Float64Array {
  if (statistics === 'l2') return rstds.map((rstd) => 1 / rstd);
  const root = Math.sqrt(eps);
  return rstds.map((rstd) => {
    const deviation = 1 / rstd;
    // √(deviation² − eps), without squares; so near to eps it is float32's rounding.
    const isNothing = deviation - root < root * 2 ** -22;
    return isNothing ? 0 : Math.sqrt(elements) * Math.sqrt(deviation - root) * Math.sqrt(deviation + root);
  });
}
