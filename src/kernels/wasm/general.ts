// Every plan, set by set in float64: what no faster family takes. May import errors, kernels and the binary's job.

import type { Plan } from '../../plan.js';
import { backwardArgs, forwardArgs, type NormBackwardJob, type NormJob } from './job.js';
import type { Machine } from './machine.js';
import { rows as binary } from './rows.wasm.js';

/** Elements of one task. */
const TASK = 1 << 14;
const MOST_PARTS = 16;

export function forward(machine: Machine, job: NormJob): void {
  const sets = job.plan.k0 * job.plan.k1;
  machine.launch(binary, 'generalForwardSets', forwardArgs(job), { items: sets, grain: grainOf(job.plan), parallel: true, scratch: 0 });
}

export function backward(machine: Machine, job: NormBackwardJob): void {
  const { affine } = job.plan;
  const parts = partsOf(job.plan);
  const plane = (of: number) => (of === 0 ? 0 : machine.temporary(parts * affine * 8));
  const args = [...backwardArgs(job), parts, plane(job.dweight), plane(job.dbias)];
  machine.launch(binary, 'generalBackwardParts', args, { items: parts, grain: 1, parallel: true, scratch: 0 });
  if (job.dweight !== 0 || job.dbias !== 0) {
    machine.launch(binary, 'reduceParts', args, { items: affine, grain: affine, parallel: false, scratch: 0 });
  }
}

function grainOf({ r0, r1 }: Plan): number {
  return Math.max(1, Math.floor(TASK / Math.max(1, r0 * r1)));
}

/** Shares of the sets, by the shape alone: each has its own sums of the parameters' gradients. */
function partsOf(plan: Plan): number {
  return Math.max(1, Math.min(MOST_PARTS, Math.ceil((plan.k0 * plan.k1) / grainOf(plan))));
}
