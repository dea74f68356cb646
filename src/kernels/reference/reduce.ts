// Reductions over the runs of a plan. May import plan and kernels.

import type { Runs } from '../../plan.js';
import type { Reals, ReduceOp } from '../kernels.js';

/** out[set] = op of the set's elements. */
export function reduce(op: ReduceOp, x: Reals, runs: Runs, out: Reals): void {
  const n = runs.r0 * runs.r1;
  for (let set = 0; set < runs.k0 * runs.k1; set++) {
    const values = elements(x, runs, set);
    out[set] = reductions[op](values, n);
  }
}

const reductions: Readonly<Record<ReduceOp, (values: Float64Array, n: number) => number>> = {
  sum,
  mean: (values, n) => sum(values) / n,
  max: (values) => values.reduce((largest, value) => Math.max(largest, value), -Infinity),
  min: (values) => values.reduce((least, value) => Math.min(least, value), Infinity),
  l2: (values) => length(values),
  variance: (values, n) => squaredDeviations(values, n) / n,
  unbiased_variance: (values, n) => squaredDeviations(values, n) / (n - 1),
};

/** Visits the elements of a set in memory order. */
export function forEach({ r0, k1, r1 }: Runs, set: number, visit: (e: number) => void): void {
  const i0 = Math.floor(set / k1);
  for (let j0 = 0; j0 < r0; j0++) {
    const start = ((i0 * r0 + j0) * k1 + (set % k1)) * r1;
    for (let e = start; e < start + r1; e++) visit(e);
  }
}

/** A copy of the elements of a set. */
export function elements(x: Reals, runs: Runs, set: number): Float64Array {
  const values = new Float64Array(runs.r0 * runs.r1);
  let i = 0;
  forEach(runs, set, (e) => {
    values[i++] = x[e]!;
  });
  return values;
}

function sum(values: Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

function squaredDeviations(values: Float64Array, n: number): number {
  const mean = sum(values) / n;
  let squares = 0;
  let rest = 0;
  for (const value of values) {
    squares += (value - mean) ** 2;
    rest += value - mean;
  }
  return Math.max(0, squares - (rest * rest) / n);
}

/** √Σx², of scaled elements where squares would overflow or vanish. */
function length(values: Float64Array): number {
  let squares = 0;
  for (const value of values) squares += value * value;
  if (squares > 1e-290 && squares < Infinity) return Math.sqrt(squares);
  return Number.isNaN(squares) ? NaN : Math.hypot(...chunked(values));
}

/** Lengths of pieces short enough to be arguments of one call. */
function chunked(values: Float64Array): number[] {
  const lengths: number[] = [];
  for (let i = 0; i < values.length; i += 1024) lengths.push(Math.hypot(...values.subarray(i, i + 1024)));
  return lengths;
}
