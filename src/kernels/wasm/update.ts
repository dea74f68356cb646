// Adam on WASM. May import kernels, machine and the reference backend, whose factors it takes.

import type { AdamUpdate } from '../kernels.js';
import { adamFactors } from '../reference/update.js';
import { dense } from './dense.wasm.js';
import type { Machine } from './machine.js';

/** Least elements for several threads. */
const PARALLEL = 1 << 15;

/** A step; operands are addresses of float32, and 0 is no peak. */
export function adam(machine: Machine, call: AdamUpdate<number>): void {
  const { x, dx, m, v, peak, length } = call;
  const { sign, coupled, kept, new1, beta2, new2, stepSize, unbias, eps } = adamFactors(call);
  const args = [x, dx, m, v, peak ?? 0, sign, coupled, kept, new1, beta2, new2, stepSize, unbias, eps];
  machine.launch(dense, 'adam', args, { items: length, grain: PARALLEL / 4, parallel: length >= PARALLEL, scratch: 0 });
}
