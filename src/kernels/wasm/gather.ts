// Rows of a table by index on WASM. May import machine.

import { dense } from './dense.wasm.js';
import type { Machine } from './machine.js';

/** A table of `height` rows of `width` float32, `count` int64 indices and as many rows; addresses and numbers. */
export interface RowsJob {
  readonly table: number;
  readonly height: number;
  readonly width: number;
  readonly index: number;
  readonly count: number;
  readonly rows: number;
}

/** Least elements for several threads. */
const PARALLEL = 1 << 17;

/** rows[i] = table[index[i]]. */
export function gather(machine: Machine, job: RowsJob): void {
  machine.launch(dense, 'gather', argsOf(job, 0, 0), work(job, job.count));
}

/** table[index[i]] += rows[i]; the sums of a row are made in float64, in the order of i, and rounded once. */
export function scatterAdd(machine: Machine, job: RowsJob): void {
  const args = argsOf(job, machine.temporary(4 * job.height + 1), machine.temporary(4 * job.count + 1));
  machine.launch(dense, 'listRows', args, { items: 1, grain: 1, parallel: false, scratch: 0 });
  machine.launch(dense, 'scatterAdd', args, { ...work(job, job.height), scratch: 8 * job.width });
}

function argsOf({ table, index, width, rows, height, count }: RowsJob, heads: number, next: number): number[] {
  return [table, index, 4 * width, rows, height, count, heads, next];
}

function work({ count, width }: RowsJob, items: number) {
  const grain = Math.max(1, Math.floor(PARALLEL / 4 / Math.max(1, width)));
  return { items, grain, parallel: count * width >= PARALLEL, scratch: 0 };
}
