// How far the elements of two tensors are apart, chunk by chunk. May import evenkeel.

import type { Tensor } from 'evenkeel';
import { ulpsBetween, type FloatFormat } from './ulps.js';

type Data = Tensor['data'];

/** What is found of all elements that were seen. */
export interface Distance {
  readonly elements: number;
  /** Elements that are not equal; two NaNs are. */
  readonly different: number;
  /** Elements that are NaN on one side only. */
  readonly nans: number;
  /** The largest absolute difference; NaNs aside. */
  readonly largest: number;
  /** The largest difference as a part of the larger magnitude of the two; it may be of another element. */
  readonly relative: number;
  /** The largest difference of finite numbers in units in the last place; null of whole numbers. */
  readonly ulps: number | null;
  /** Where the largest difference is, or the first NaN where there are no others: a place in memory; null if all are equal. */
  readonly at: number | null;
  /** The two elements there; bigints of int64. */
  readonly values: Values | null;
}

type Values = readonly [a: number | bigint, b: number | bigint];

/** Sees chunks of both tensors in order. */
export class Distances {
  private elements = 0;
  private different = 0;
  private nans = 0;
  private largest = 0;
  private relative = 0;
  private ulps = 0;
  private worst: { readonly at: number; readonly values: Values } | null = null;
  private firstNaN: { readonly at: number; readonly values: Values } | null = null;

  /** @param format in whose units the difference is measured; null for whole numbers */
  constructor(private readonly format: FloatFormat | null) {}

  /** The next elements of both: as many. */
  add(a: Data, b: Data): void {
    for (let i = 0; i < a.length; i++) {
      // Chunks are as long as each other.
      if (a[i] !== b[i]) this.differ(a[i]!, b[i]!, this.elements + i);
    }
    this.elements += a.length;
  }

  result(): Distance {
    const { elements, different, nans, largest, relative } = this;
    const found = this.worst ?? this.firstNaN;
    return {
      elements, different, nans, largest, relative, ulps: this.format === null ? null : this.ulps, at: found?.at ?? null,
      values: found?.values ?? null,
    };
  }

  private differ(a: number | bigint, b: number | bigint, at: number): void {
    const values = [a, b] as const;
    const [x, y] = [Number(a), Number(b)];
    if (typeof a === 'bigint' && typeof b === 'bigint') return this.count(Number(a > b ? a - b : b - a), values, at);
    // A whole number against a fraction.
    if (x === y) return;
    if (Number.isNaN(x) || Number.isNaN(y)) {
      if (Number.isNaN(x) && Number.isNaN(y)) return;
      this.different += 1;
      this.nans += 1;
      this.firstNaN ??= { at, values };
      return;
    }
    this.count(Math.abs(x - y), values, at);
    if (this.format !== null && Number.isFinite(x) && Number.isFinite(y)) this.ulps = Math.max(this.ulps, ulpsBetween(x, y, this.format));
  }

  private count(difference: number, values: Values, at: number): void {
    this.different += 1;
    const magnitude = Math.max(Math.abs(Number(values[0])), Math.abs(Number(values[1])));
    this.relative = Math.max(this.relative, magnitude === Infinity ? Infinity : difference / magnitude);
    if (difference <= this.largest && this.worst !== null) return;
    this.largest = difference;
    this.worst = { at, values };
  }
}

/** The index of a place in memory, rows first or columns first. */
export function indexAt(at: number, shape: readonly number[], order: 'C' | 'F'): number[] {
  const index: number[] = [];
  let rest = at;
  for (const size of order === 'C' ? shape.toReversed() : shape) {
    index.push(rest % size);
    rest = Math.floor(rest / size);
  }
  return order === 'C' ? index.reverse() : index;
}
