// Softmax on WASM: how the work is cut. May import plan and machine.

import type { Runs } from '../../plan.js';
import { dense } from './dense.wasm.js';
import type { Machine } from './machine.js';

/** Least elements for several threads. */
const PARALLEL = 1 << 14;

/** Softmax, or its logarithm, over each set; x and out are addresses of float32, and may be the same. */
export function softmax(machine: Machine, x: number, { k0, r0, k1, r1 }: Runs, log: boolean, out: number): void {
  const size = k0 * r0 * k1 * r1;
  if (size === 0) return;
  const parallel = size >= PARALLEL;
  const of = (items: number) => ({ items, grain: Math.max(1, Math.floor((items * PARALLEL) / size / 4)), parallel });
  if (k1 > 1 && r1 === 1) {
    // Wide enough for whole pages, narrow enough for a tile to stay in the cache.
    const width = Math.min(1024, Math.max(64, 16 * Math.floor(8192 / r0)));
    const work = { ...of(k0 * Math.ceil(k1 / width)), scratch: 20 * width };
    machine.launch(dense, 'softmaxColumns', [x, out, r0, k1, r1, log ? 1 : 0, width], work);
    return;
  }
  const [stretches, length] = k1 === 1 ? [1, r0 * r1] : [r0, r1];
  machine.launch(dense, 'softmaxSets', [x, out, stretches, k1, length, log ? 1 : 0, 0], { ...of(k0 * k1), scratch: 0 });
}
