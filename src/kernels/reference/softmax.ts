// Softmax over the runs of a plan, and rows picked by an index. May import plan and kernels.

import type { Runs } from '../../plan.js';
import type { Reals } from '../kernels.js';
import { elements, forEach } from './reduce.js';

/** exp(x) / Σ exp(x) over each set, or its logarithm; the largest element is taken off first. */
export function softmax(x: Reals, runs: Runs, log: boolean, out: Reals): void {
  for (let set = 0; set < runs.k0 * runs.k1; set++) {
    const values = elements(x, runs, set);
    const largest = values.reduce((most, value) => Math.max(most, value), -Infinity);
    let total = 0;
    for (const value of values) total += Math.exp(value - largest);
    const logTotal = Math.log(total);
    let i = 0;
    forEach(runs, set, (e) => {
      const shifted = values[i++]! - largest;
      out[e] = log ? shifted - logTotal : Math.exp(shifted) / total;
    });
  }
}

/** out[i] = table[index[i]], rows of `width`. */
export function gather(table: Reals, index: BigInt64Array, width: number, out: Reals): void {
  index.forEach((row, i) => {
    out.set(table.subarray(Number(row) * width, (Number(row) + 1) * width), i * width);
  });
}

/** table[index[i]] += rows[i]; sums of a row are rounded once. */
export function scatterAdd(rows: Reals, index: BigInt64Array, width: number, table: Reals): void {
  const sums = Float64Array.from(table);
  index.forEach((row, i) => {
    for (let j = 0; j < width; j++) sums[Number(row) * width + j]! += rows[i * width + j]!;
  });
  table.set(sums);
}
