// Whether a computed tensor is the expected one within its limits. May import 'evenkeel/io' (types).

import type { Elements } from 'evenkeel/io';

export interface Limits {
  readonly rtol: number;
  readonly atol: number;
  /** Takes atol's place in the stricter count; null: the output has none. */
  readonly strictAtol: number | null;
}

export interface Comparison {
  readonly ok: boolean;
  readonly strict: boolean;
  /** At the element furthest beyond its limit, or nearest to it. */
  readonly error: number;
  readonly limit: number;
  /** What is wrong there; null where nothing is. */
  readonly problem: string | null;
}

/**
 * Passes if shape and dtype are equal and |a − e| ≤ atol + rtol·|e| for each element where e is finite; where it is
 * not, a has to be the same: NaN, or the same infinity. Integers have to be equal.
 */
export function compare(actual: Elements | undefined, expected: Elements | undefined, limits: Limits): Comparison {
  if (expected === undefined) return failure('the suite holds no such tensor');
  if (actual === undefined) return failure('not computed');
  if (actual.dtype !== expected.dtype) return failure(`dtype is ${actual.dtype}, expected ${expected.dtype}`);
  if (String(actual.shape) !== String(expected.shape) || actual.shape.length !== expected.shape.length) {
    return failure(`shape is [${actual.shape.join(', ')}], expected [${expected.shape.join(', ')}]`);
  }
  const worst = furthest(actual, expected, limits.rtol, limits.atol);
  const strict = limits.strictAtol === null ? worst : furthest(actual, expected, limits.rtol, limits.strictAtol);
  const { error, limit, index } = worst.ok ? strict : worst;
  const values = `${actual.data[index]}, expected ${expected.data[index]}`;
  const problem = strict.ok && worst.ok ? null : `at ${place(index, actual.shape)}: ${values}`;
  return { ok: worst.ok, strict: worst.ok && strict.ok, error, limit, problem };
}

function failure(problem: string): Comparison {
  return { ok: false, strict: false, error: NaN, limit: NaN, problem };
}

/** The element with the largest error for its limit; one beyond its limit before any within. */
function furthest(actual: Elements, expected: Elements, rtol: number, atol: number) {
  let worst = { ok: true, ratio: -1, error: 0, limit: atol, index: 0 };
  for (let index = 0; index < expected.data.length; index++) {
    const e = expected.data[index]!;
    const error = distance(actual.data[index]!, e);
    const limit = Number.isFinite(Number(e)) ? atol + rtol * Math.abs(Number(e)) : 0;
    const ok = error <= limit;
    const ratio = error === 0 ? 0 : Number.isNaN(error) ? Infinity : error / limit;
    if (ok === worst.ok ? ratio > worst.ratio : worst.ok) worst = { ok, ratio, error, limit, index };
  }
  return worst;
}

/** |a − e|; 0 for the same value, NaN included, and NaN where only one of the two is finite. */
function distance(a: number | bigint, e: number | bigint): number {
  if (typeof a === 'bigint' || typeof e === 'bigint') return a === e ? 0 : Math.abs(Number(a) - Number(e)) || 1;
  if (a === e || (Number.isNaN(a) && Number.isNaN(e))) return 0;
  return Number.isFinite(a) && Number.isFinite(e) ? Math.abs(a - e) : NaN;
}

function place(index: number, shape: readonly number[]): string {
  let rest = index;
  const coordinates = shape.toReversed().map((extent) => {
    const coordinate = rest % extent;
    rest = Math.floor(rest / extent);
    return coordinate;
  });
  return `[${coordinates.toReversed().join(', ')}]`;
}
