// Figures of one tensor, in float64, over its finite elements. May import types of tensor.

import type { Tensor } from '../tensor.js';
import type { Histogram } from './inspection.js';

/** Below this, an element is near zero: what it scales is cut to a thousandth. */
export const NEAR_ZERO = 1e-3;

const BINS = 16;

type Data = Tensor['data'];

/** What `InspectedTensor` has beside names and shape. */
export interface Summary {
  readonly count: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  readonly deviation: number | null;
  readonly nans: number;
  readonly infinities: number;
  readonly nearZero: number;
  readonly histogram: Histogram | null;
}

/** Where the elements are that are no numbers: how many, and the flat index of the first. */
export interface NotFinite {
  readonly nans: number;
  readonly firstNaN: number;
  readonly infinities: number;
  readonly firstInfinity: number;
}

/** Counts NaN and infinity, and finds the first of each; `from` is the flat index of the first element. */
export function scan(data: Data, from = 0): NotFinite {
  let [nans, firstNaN, infinities, firstInfinity] = [0, -1, 0, -1];
  if (data instanceof Float32Array || data instanceof Float64Array) {
    for (let i = 0; i < data.length; i++) {
      const x = data[i]!;
      // Finite numbers alone are 0 from themselves.
      if (x - x === 0) continue;
      if (x === x) {
        if (infinities++ === 0) firstInfinity = from + i;
      } else if (nans++ === 0) firstNaN = from + i;
    }
  }
  return { nans, firstNaN, infinities, firstInfinity };
}

/** Sums the counts of parts of a tensor, in order. */
export function joined(a: NotFinite, b: NotFinite): NotFinite {
  return {
    nans: a.nans + b.nans,
    firstNaN: a.nans > 0 ? a.firstNaN : b.firstNaN,
    infinities: a.infinities + b.infinities,
    firstInfinity: a.infinities > 0 ? a.firstInfinity : b.firstInfinity,
  };
}

export function summarize(data: Data): Summary {
  const { nans, infinities } = scan(data);
  const { length: count } = data;
  const finite = count - nans - infinities;
  let [min, max, nearZero] = [Infinity, -Infinity, 0];
  for (let i = 0; i < count; i++) {
    const x = Number(data[i]);
    if (!Number.isFinite(x)) continue;
    if (x < min) min = x;
    if (x > max) max = x;
    if (Math.abs(x) < NEAR_ZERO) nearZero++;
  }
  if (finite === 0) {
    return { count, min: null, max: null, mean: null, deviation: null, nans, infinities, nearZero, histogram: null };
  }
  const scale = scaleOf(Math.max(Math.abs(min), Math.abs(max)));
  const { mean, deviation, counts } = moments(data, { finite, min, max, scale });
  const histogram = { from: min, to: max, counts };
  return { count, min, max, mean: mean * scale, deviation: deviation * scale, nans, infinities, nearZero, histogram };
}

/** 1, or a power of two that brings what would overflow or vanish when squared to about 1. */
function scaleOf(largest: number): number {
  if (largest === 0 || (largest > 1e-150 && largest < 1e150)) return 1;
  return 2 ** Math.max(Math.floor(Math.log2(largest)), -1022);
}

interface Range {
  readonly finite: number;
  readonly min: number;
  readonly max: number;
  readonly scale: number;
}

/** Mean and deviation in units of the scale, in two sweeps, and the counts of bins. */
function moments(data: Data, { finite, min, max, scale }: Range): { mean: number; deviation: number; counts: number[] } {
  const low = min / scale;
  const width = (max / scale - low) / BINS;
  const counts = Array.from({ length: BINS }, () => 0);
  let sum = 0;
  for (let i = 0; i < data.length; i++) {
    const x = Number(data[i]) / scale;
    if (!Number.isFinite(x)) continue;
    sum += x;
    const bin = width === 0 ? 0 : Math.min(BINS - 1, Math.floor((x - low) / width));
    counts[bin]! += 1;
  }
  const mean = sum / finite;
  let squares = 0;
  for (let i = 0; i < data.length; i++) {
    const d = Number(data[i]) / scale - mean;
    if (Number.isFinite(d)) squares += d * d;
  }
  return { mean, deviation: Math.sqrt(squares / finite), counts };
}
