// SGD and Adam on WASM. May import kernels, machine and the reference backend, whose factors it takes.

import type { AdamUpdate, SGDUpdate } from '../kernels.js';
import { adamFactors } from '../reference/update.js';
import { dense } from './dense.wasm.js';
import type { Machine } from './machine.js';

/** Least elements for several threads. */
const PARALLEL = 1 << 15;

/** A step; operands are addresses of float32, null where there is no momentum. */
export function sgd(machine: Machine, call: SGDUpdate<number>): void {
  const { x, dx, buffer, isFirst, nesterov, maximize, weightDecay, momentum, dampening, lr } = call;
  const flags = [Number(isFirst), Number(nesterov), maximize ? -1 : 1];
  launch(machine, 'sgd', [x, dx, buffer ?? 0, ...flags, weightDecay, momentum, 1 - dampening, lr], call.length);
}

/** A step; operands are addresses of float32, null where there is no peak. */
export function adam(machine: Machine, call: AdamUpdate<number>): void {
  const { x, dx, m, v, peak } = call;
  const { sign, coupled, kept, new1, beta2, new2, stepSize, unbias, eps } = adamFactors(call);
  const factors = [sign, coupled, kept, new1, beta2, new2, stepSize, unbias, eps];
  launch(machine, 'adam', [x, dx, m, v, peak ?? 0, ...factors], call.length);
}

function launch(machine: Machine, kernel: 'sgd' | 'adam', args: readonly number[], length: number): void {
  machine.launch(dense, kernel, args, { items: length, grain: PARALLEL / 4, parallel: length >= PARALLEL, scratch: 0 });
}
