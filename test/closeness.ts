// Whether numbers are those expected, by the oracle's rule: NaN where NaN is, the same infinities, the rest in limits.
import type { Elements } from 'evenkeel/io';

export interface Limits {
  readonly rtol: number;
  readonly atol: number;
  readonly strict_atol?: number;
}

/** Null where all are within limits, or what the first one outside is. */
export function closeness(
  got: Elements['data'],
  expected: Elements['data'],
  { rtol, atol, strict_atol: strictAtol = atol }: Limits = { rtol: 0, atol: 0 },
  strict = false,
): string | null {
  if (got.length !== expected.length) return `${got.length} elements, ${expected.length} expected`;
  const limit = strict ? strictAtol : atol;
  for (let i = 0; i < got.length; i++) {
    const [a, e] = [Number(got[i]), Number(expected[i])];
    const within = Number.isFinite(e) ? Math.abs(a - e) <= limit + rtol * Math.abs(e) : Object.is(a, e);
    if (!within) return `element ${i} is ${a}, ${e} ± ${limit + rtol * Math.abs(e)} expected`;
  }
  return null;
}
