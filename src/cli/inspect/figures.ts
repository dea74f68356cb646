// Numbers and histograms in a few characters. May import evenkeel's types.

import type { Histogram, InspectedTensor } from 'evenkeel/inspect';

const blocks = '▁▂▃▄▅▆▇█';

/** A block for each bin, or so many of them, as high as its count beside the greatest; one that has any is above the ground. */
export function histogramOf({ counts }: Histogram, width: number): string {
  const step = counts.length / width;
  const sums = Array.from({ length: width }, (_, i) =>
    counts.slice(i * step, (i + 1) * step).reduce((sum, count) => sum + count, 0),
  );
  const most = Math.max(...sums);
  return sums.map((sum) => blocks[sum === 0 ? 0 : Math.max(1, Math.round((7 * sum) / most))] ?? '').join('');
}

/** Histogram and range: `▁▂▅█▅▂▁▁ 0.52…1.31`; the number alone where all are one. */
export function cellOf(tensor: InspectedTensor | undefined, width: number): string {
  if (tensor === undefined) return '';
  const { histogram, min, max, nans, infinities } = tensor;
  if (tensor.count === 0) return 'empty';
  if (histogram === null || min === null || max === null) return nans >= infinities ? 'NaN' : 'infinite';
  return min === max ? short(min) : `${histogramOf(histogram, width)} ${short(min)}…${short(max)}`;
}

/** Three digits: `0.0523`, `1.2e-7`. */
export function short(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude === 0 || (magnitude >= 1e-3 && magnitude < 1e5)) return String(Number(value.toPrecision(3)));
  return value.toExponential(1).replace('.0e', 'e').replace('e+', 'e');
}

/** `1e-5`, which is 0.00001 otherwise. */
export function showEps(eps: number): string {
  return eps < 1e-2 ? eps.toExponential() : String(eps);
}

/** `20 000` */
export function showCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ' ');
}
