// Sets of stretches that have one scale and one shift each: batch, group and instance norm with channels first.
// May import plan and the binary's job.

import type { Plan } from '../../plan.js';
import { backwardArgs, forwardArgs, type NormBackwardJob, type NormJob } from './job.js';
import type { Machine, Work } from './machine.js';
import { norm as binary } from './norm.wasm.js';

/** Floats of a block; the binary's own number. */
const BLOCK = 2048;
/** Shorter stretches are not worth their coefficients. */
const SHORTEST = 8;
/** Elements from which on threads gain, and of a task at least. */
const WORTH = { forward: 1 << 16, backward: 150_000, task: 1 << 14 };
/** Sets of more elements are cut where there are too few for the threads. */
const CUT = 1 << 16;

/** Whether each parameter, if there are any, belongs to whole stretches of a length that pays. */
export function fits(plan: Plan): boolean {
  const { affine, inner } = plan;
  return (affine < 2 || inner > 1) && stretchOf(plan) >= SHORTEST;
}

export function forward(machine: Machine, job: NormJob): void {
  const { plan } = job;
  const cut = cutOf(plan, machine, WORTH.forward);
  if (job.givenMean === 0 && !cut.pays) {
    machine.launch(binary, 'segmentForward', [...forwardArgs(job), 0, 0], cut.sets);
    return;
  }
  const sums = job.givenMean === 0 ? machine.temporary(16 * cut.blocks.items) : 0;
  const args = [...forwardArgs(job), machine.temporary(4 * cut.sets.items), sums];
  if (sums !== 0) machine.launch(binary, 'segmentBlocks', [...args, 0], cut.blocks);
  machine.launch(binary, 'segmentForward', args, cut.sets);
  machine.launch(binary, 'segmentBlocks', [...args, 1], cut.blocks);
}

export function backward(machine: Machine, job: NormBackwardJob): void {
  const { plan } = job;
  const cut = cutOf(plan, machine, WORTH.backward);
  const wanted = job.dweight !== 0 || job.dbias !== 0;
  const sums = cut.pays ? machine.temporary(16 * cut.blocks.items) : 0;
  const pairs = wanted ? machine.temporary(16 * (sizeOf(plan) / stretchOf(plan))) : 0;
  const args = [...backwardArgs(job), machine.temporary(8 * cut.sets.items), sums, pairs];
  const ofSets = { ...cut.sets, scratch: 16 * plan.affine };
  if (cut.pays) machine.launch(binary, 'segmentBlocksBack', [...args, 0], cut.blocks);
  machine.launch(binary, 'segmentBackward', args, ofSets);
  if (cut.pays && job.dx !== 0) machine.launch(binary, 'segmentBlocksBack', [...args, 1], cut.blocks);
  if (!wanted) return;
  // A parameter's sums are added in order by one thread.
  const grain = Math.max(1, Math.ceil(WORTH.task / Math.max(1, sizeOf(plan) / stretchOf(plan) / plan.affine)));
  machine.launch(binary, 'segmentReduce', args, { items: plan.affine, grain, parallel: true, scratch: 0 });
}

function stretchOf({ r0, k1, r1, affine, inner }: Plan): number {
  const run = k1 === 1 ? r0 * r1 : r1;
  return affine === 0 ? run : Math.min(run, inner);
}

function sizeOf({ k0, r0, k1, r1 }: Plan): number {
  return k0 * r0 * k1 * r1;
}

interface Cut {
  readonly sets: Work;
  readonly blocks: Work;
  /** Whether threads share sets: there are fewer of them than keep all busy. The results are the same. */
  readonly pays: boolean;
}

function cutOf(plan: Plan, { threads }: Machine, worth: number): Cut {
  const size = sizeOf(plan);
  const sets = plan.k0 * plan.k1;
  const ofSet = plan.r0 * plan.r1;
  const parallel = threads > 1 && size >= worth;
  const stretch = stretchOf(plan);
  const perStretch = Math.max(1, Math.floor(stretch / BLOCK));
  const items = (size / stretch) * perStretch;
  const least = Math.ceil(WORTH.task / ofSet);
  return {
    sets: { items: sets, grain: Math.max(least, Math.ceil(sets / (3 * threads))), parallel, scratch: 0 },
    blocks: { items, grain: Math.ceil(WORTH.task / (stretch / perStretch)), parallel, scratch: 0 },
    pays: parallel && ofSet >= CUT && sets < 2 * threads,
  };
}
