// The statistics of the bench. Imports nothing.

export interface Spread {
  readonly samples: number;
  readonly median: number;
  /** Half of the samples lie between the two quartiles. */
  readonly q1: number;
  readonly q3: number;
}

/** Quartiles by linear interpolation between the samples, as numpy's percentile. */
export function spreadOf(samples: readonly number[]): Spread {
  const sorted = samples.toSorted((a, b) => a - b);
  return { samples: samples.length, median: quantile(sorted, 0.5), q1: quantile(sorted, 0.25), q3: quantile(sorted, 0.75) };
}

function quantile(sorted: readonly number[], part: number): number {
  const at = part * (sorted.length - 1);
  const low = sorted[Math.floor(at)] ?? NaN;
  const high = sorted[Math.ceil(at)] ?? NaN;
  return low + (high - low) * (at - Math.floor(at));
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
