// A tensor as chunks that fit memory: stretches of its elements, each all of some inner digits. Imports digits alone.

import { kept, shared, volume, type Digit } from './digits.js';

/** Where a tensor is cut: into stretches along one digit. */
export interface Split {
  readonly digits: readonly Digit[];
  /** The digit that is cut; those before it have one value in each chunk, those behind it all of theirs. */
  readonly at: number;
  /** Values of it in a chunk, fewer in the last. */
  readonly step: number;
  /** Whether a set lies in more than one chunk. */
  readonly crosses: boolean;
}

/** A stretch of elements in memory order. */
export interface Chunk {
  readonly begin: number;
  readonly end: number;
  /** The values of the digits before the cut one. */
  readonly outer: readonly number[];
  /** The first value of the cut digit, and how many there are. */
  readonly start: number;
  readonly count: number;
}

/** Cuts where what lies below fits `most` elements. */
export function splitOf(digits: readonly Digit[], most: number): Split {
  let at = digits.length - 1;
  let rest = 1;
  while (at > 0 && rest * (digits[at]?.size ?? 1) <= most) rest *= digits[at--]?.size ?? 1;
  const { size, isShared } = digits[at] ?? { size: 1, isShared: false };
  const step = Math.max(1, Math.min(size, Math.floor(most / Math.max(1, rest))));
  const crosses = (isShared && step < size) || digits.slice(0, at).some((digit) => digit.isShared && digit.size > 1);
  return { digits, at, step, crosses };
}

/** The chunks in memory order, each made when its turn comes. */
export function* chunksOf({ digits, at, step }: Split): Generator<Chunk> {
  const outer = digits.slice(0, at);
  const size = digits[at]?.size ?? 1;
  const rest = volume(digits.slice(at + 1));
  const outers = volume(outer);
  if (rest === 0) return;
  for (let i = 0; i < outers; i++) {
    for (let start = 0; start < size; start += step) {
      const count = Math.min(step, size - start);
      const begin = (i * size + start) * rest;
      yield { begin, end: begin + count * rest, outer: valuesOf(i, outer), start, count };
    }
  }
}

/** The digits of a chunk's own elements. */
export function within({ digits, at }: Split, { count }: Pick<Chunk, 'count'>): Digit[] {
  return digits.slice(at).map((digit, i) => (i === 0 ? { ...digit, size: count } : digit));
}

/** The sets of a chunk, which lie side by side among those of the tensor. */
export function setsOf(split: Split, chunk: Chunk): { readonly first: number; readonly count: number } {
  const { digits, at } = split;
  const inner = kept(within(split, chunk));
  // The place of the chunk's first element among the sets; digits behind the cut are 0.
  let first = 0;
  for (const [i, digit] of digits.entries()) if (!digit.isShared) first = first * digit.size + valueAt(chunk, i, at);
  return { first, count: volume(inner) };
}

/** How many elements of each set of a chunk lie in chunks before it. */
export function seenBefore({ digits, at }: Split, chunk: Chunk): number {
  let seen = 0;
  for (const [i, digit] of digits.entries()) if (digit.isShared) seen = seen * digit.size + valueAt(chunk, i, at);
  return seen;
}

/** How many elements of each of its sets a chunk holds. */
export function elementsIn(split: Split, chunk: Chunk): number {
  return volume(shared(within(split, chunk)));
}

/** A chunk's first value of digit i. */
export function valueAt({ outer, start }: Chunk, i: number, at: number): number {
  if (i === at) return start;
  return outer[i] ?? 0;
}

/** The digits' values at a place. */
export function valuesOf(place: number, digits: readonly { readonly size: number }[]): number[] {
  let rest = place;
  return digits
    .toReversed()
    .map(({ size }) => {
      const value = rest % size;
      rest = (rest - value) / size;
      return value;
    })
    .toReversed();
}
