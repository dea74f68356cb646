// Reductions on WASM: parts by the extents of a set, never by threads or by how many sets there are. May import plan, kernels
// and machine.

import type { Runs } from '../../plan.js';
import type { ReduceOp } from '../kernels.js';
import { dense } from './dense.wasm.js';
import type { Machine } from './machine.js';

const codes: Readonly<Record<ReduceOp, number>> = {
  sum: 0, mean: 1, max: 2, min: 3, l2: 4, variance: 5, unbiased_variance: 6,
};
/** Elements of a part, and rows of one of columns. */
const PART = 1 << 16;
const ROWS = 256;
/** Columns of an item, and the bytes that one has in scratch. */
const WIDTH = 512;
const COLUMN = 28;
/** Least elements for several threads. */
const PARALLEL = 1 << 17;

/** out[set] = op of the set's elements, both addresses of float32. Sets without elements are left to the reference. */
export function reduce(machine: Machine, op: ReduceOp, x: number, { k0, r0, k1, r1 }: Runs, out: number): boolean {
  const [sets, n] = [k0 * k1, r0 * r1];
  const size = sets * n;
  if (sets === 0) return true;
  if (n === 0) return false;
  const parallel = size >= PARALLEL;
  const isColumns = k1 > 1 && r1 === 1;
  const cut = isColumns ? cutRows(r0) : k1 === 1 ? cutStretches(1, n) : cutStretches(r0, r1);
  const { parts, length, stretches } = cut;
  const sums = parts === 1 ? 0 : machine.temporary(16 * sets * parts);
  const [count, extent] = isColumns || k1 > 1 ? [r0, r1] : [1, n];
  const args = [x, out, codes[op], count, k1, extent, parts, length, stretches, sums, WIDTH];
  const items = isColumns ? k0 * parts * Math.ceil(k1 / WIDTH) : sets * parts;
  const grain = Math.max(1, Math.floor((items * PARALLEL) / size / 4));
  const kernel = isColumns ? 'reduceColumns' : 'reduceSets';
  machine.launch(dense, kernel, args, { items, grain, parallel, scratch: isColumns ? WIDTH * COLUMN : 0 });
  if (parts > 1) machine.launch(dense, 'finishSets', args, { items: sets, grain: 256, parallel, scratch: 0 });
  return true;
}

interface Cut {
  readonly parts: number;
  /** Elements of a stretch, or rows, in a part. */
  readonly length: number;
  /** Stretches in a part. */
  readonly stretches: number;
}

function cutRows(r0: number): Cut {
  const length = r0 <= 2 * ROWS ? r0 : ROWS;
  return { parts: Math.ceil(r0 / length), length, stretches: 1 };
}

function cutStretches(r0: number, r1: number): Cut {
  if (r1 >= PART) return { parts: r0 * Math.ceil(r1 / PART), length: PART, stretches: 1 };
  const stretches = Math.max(1, Math.floor(PART / r1));
  return { parts: Math.ceil(r0 / stretches), length: r1, stretches };
}
