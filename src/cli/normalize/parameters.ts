// The part of a parameter that a chunk needs. May import 'evenkeel'.

import type { Tensor } from 'evenkeel';
import { parametric, type Digit } from './digits.js';
import type { Chunk, Split } from './split.js';

/** The values of a parameter for the elements of a chunk, an axis for each digit of the chunk that it varies along. */
export function partFor(split: Split, chunk: Chunk, parameter: Tensor | null): Tensor | null {
  if (parameter === null) return null;
  const { digits, at } = split;
  const along = parametric(digits);
  let part = parameter.reshape(along.map(({ size }) => size));
  for (const [axis, digit] of along.entries()) {
    const [start, count] = rangeOf(digits.indexOf(digit), digit, chunk, at);
    if (count < digit.size) part = part.slice(axis, start, start + count);
  }
  const inner = along.filter((digit) => digits.indexOf(digit) >= at);
  return part.reshape(inner.map((digit) => rangeOf(digits.indexOf(digit), digit, chunk, at)[1]));
}

function rangeOf(i: number, { size }: Digit, { outer, start, count }: Chunk, at: number): readonly [start: number, count: number] {
  if (i < at) return [outer[i] ?? 0, 1];
  return i === at ? [start, count] : [0, size];
}
