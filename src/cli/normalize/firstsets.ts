// The first sets of a tensor, before and after: what the table shows. Imports its neighbours alone.

import type { Tensor } from 'evenkeel';
import { kept, shared, volume, type Digit } from './digits.js';
import { SetStatistics } from './merge.js';
import { valuesOf, within, type Chunk, type Split } from './split.js';

/** Mean and deviation of a set. */
export interface Moments {
  readonly mean: number;
  readonly std: number;
}

export interface SetRow {
  /** An index for each axis, 0 where all of it is shared. */
  readonly index: readonly number[];
  readonly before: Moments;
  readonly after: Moments;
}

/** How many sets are shown. */
const MOST = 8;
/** What is normalized has a variance near 1, or none. */
const LEAST_VARIANCE = 1e-12;

/** Gathers mean and deviation of the first sets from chunks, in their order. */
export class FirstSets {
  readonly #split: Split;
  readonly #whole: readonly Digit[];
  readonly #before: SetStatistics;
  readonly #after: SetStatistics;
  /** Of all sets, where they are known. */
  #known: SetStatistics | null = null;

  constructor(split: Split) {
    this.#whole = split.digits;
    this.#split = { ...split, digits: restricted(split.digits) };
    this.#before = new SetStatistics(this.#split.digits, 'moments', 0);
    this.#after = new SetStatistics(this.#split.digits, 'moments', LEAST_VARIANCE);
  }

  /** Means and deviations of all sets before, which then need not be gathered. */
  know(statistics: SetStatistics | null): void {
    this.#known = statistics;
  }

  /** Whether a chunk holds elements of them. */
  isIn({ outer, start }: Chunk): boolean {
    const { digits, at } = this.#split;
    return digits.slice(0, at + 1).every((digit, i) => (i === at ? start : (outer[i] ?? 0)) < digit.size);
  }

  /** Takes in a chunk's elements, as they were and as they became. */
  add(whole: Split, chunk: Chunk, x: Tensor, y: Tensor): void {
    if (!this.isIn(chunk)) return;
    const size = this.#split.digits[this.#split.at]?.size ?? 1;
    const part = { ...chunk, count: Math.min(chunk.count, size - chunk.start) };
    const sizes = within(whole, chunk).map((digit) => digit.size);
    const wanted = within(this.#split, part).map((digit) => digit.size);
    const both = [[this.#before, x], [this.#after, y]] as const;
    for (const [statistics, tensor] of this.#known === null ? both : both.slice(1)) {
      let firsts = tensor.reshape(sizes);
      for (const [dim, end] of wanted.entries()) if (end < (sizes[dim] ?? 0)) firsts = firsts.slice(dim, 0, end);
      statistics.add(this.#split, part, firsts);
    }
  }

  rows(): SetRow[] {
    const { digits } = this.#split;
    const elements = volume(shared(digits));
    const along = kept(digits);
    const momentsOf = ({ mean, length }: SetStatistics, set: number): Moments => {
      return { mean: mean[set] ?? NaN, std: (length[set] ?? NaN) / Math.sqrt(elements) };
    };
    return Array.from({ length: Math.min(MOST, volume(along)) }, (_, set) => ({
      index: indexOf(valuesOf(set, along), this.#whole),
      before: momentsOf(this.#known ?? this.#before, set),
      after: momentsOf(this.#after, set),
    }));
  }
}

/** The digits with so few values that enough sets are left, and not many more. */
function restricted(digits: readonly Digit[]): Digit[] {
  let found = 1;
  return digits
    .toReversed()
    .map((digit) => {
      if (digit.isShared) return digit;
      const size = Math.min(digit.size, Math.ceil(MOST / Math.max(1, found)));
      found *= size;
      return { ...digit, size };
    })
    .toReversed();
}

/** The values of the kept digits, joined to an index for each axis. */
function indexOf(values: readonly number[], digits: readonly Digit[]): number[] {
  const index: number[] = [];
  const left = [...values];
  for (const { axis, size, isShared } of digits) {
    index[axis] ??= 0;
    if (!isShared) index[axis] = index[axis] * size + (left.shift() ?? 0);
  }
  return index;
}
