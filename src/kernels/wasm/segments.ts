// Sets of stretches that have one scale and one shift each: batch, group and instance norm with channels first.
// May import plan and the binary's job.

import type { Plan } from '../../plan.js';
import { backwardArgs, forwardArgs, type NormBackwardJob, type NormJob } from './job.js';
import type { Machine, Work } from './machine.js';
import { strided as binary } from './strided.wasm.js';

/** Floats of a block, and rows of one at most; the binary's own numbers. */
const BLOCK = 1024;
const ROWS = 32;
/** Shorter stretches are not worth their coefficients. */
const SHORTEST = 8;
const SHORTEST_ALONG = 16;
/** Elements from which on threads gain, and of a task at least. */
const WORTH = { forward: 1 << 16, backward: 150_000, task: 1 << 14 };
/** Sets of more elements are cut where there are too few for the threads. */
const CUT = 1 << 16;

/** Whether stretches of a length that pays have one parameter each, or none, or lie along the same ones throughout a set. */
export function fits(plan: Plan): boolean {
  const { k1, r1, affine } = plan;
  return isAlong(plan)
    ? stretchOf(plan) >= SHORTEST_ALONG && (k1 === 1 || (affine >= r1 && (k1 * r1) % affine === 0))
    : stretchOf(plan) >= SHORTEST;
}

function isAlong({ affine, inner }: Plan): boolean {
  return affine > 1 && inner === 1;
}

export function forward(machine: Machine, given: NormJob): void {
  const { plan } = given;
  const job = isAlong(plan) ? { ...given, weight: filled(machine, plan, given.weight, 1), bias: filled(machine, plan, given.bias, 0) } : given;
  const cut = cutOf(plan, machine, WORTH.forward);
  if (isAlong(plan) && !cut.pays) {
    machine.launch(binary, 'segmentForwardAlong', forwardArgs(job), { ...slabsOf(plan, cut), scratch: plan.k1 * (32 + 8 * stretchOf(plan)) });
    return;
  }
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
  if (isAlong(plan)) {
    backwardAlong(machine, job);
    return;
  }
  const cut = cutOf(plan, machine, WORTH.backward);
  const wanted = job.dweight !== 0 || job.dbias !== 0;
  const sums = cut.pays ? machine.temporary(16 * cut.blocks.items) : 0;
  const pairs = wanted ? machine.temporary(16 * (sizeOf(plan) / stretchOf(plan))) : 0;
  const args = [...backwardArgs(job), machine.temporary(8 * cut.sets.items), sums, pairs];
  const ofSets = { ...cut.sets, scratch: 16 * plan.affine };
  if (cut.pays) machine.launch(binary, 'segmentBlocksBack', [...args, 0], cut.blocks);
  machine.launch(binary, 'segmentBackward', args, ofSets);
  if (cut.pays && job.dx !== 0) machine.launch(binary, 'segmentBlocksBack', [...args, 1], cut.blocks);
  if (wanted) reduce(machine, plan, args, sizeOf(plan) / stretchOf(plan));
}

function backwardAlong(machine: Machine, job: NormBackwardJob): void {
  const { plan } = job;
  const cut = cutOf(plan, machine, WORTH.backward);
  const { sets } = cut;
  const stretch = stretchOf(plan);
  const wanted = job.dweight !== 0 || job.dbias !== 0;
  const pairs = wanted ? machine.temporary(16 * sets.items * stretch) : 0;
  const weight = filled(machine, plan, job.weight, 1);
  const args = [...backwardArgs({ ...job, weight }), machine.temporary(8 * sets.items), 0, pairs];
  machine.launch(binary, 'segmentBackwardAlong', args, { ...slabsOf(plan, cut), scratch: 16 * (plan.k1 * stretch + plan.affine) });
  if (wanted) reduce(machine, plan, args, sets.items * stretch);
}

/** Sets that lie side by side go together. */
function slabsOf({ k0, k1 }: Plan, { sets }: Cut): Work {
  return { ...sets, items: k0, grain: Math.ceil(sets.grain / k1) };
}

/** dweight and dbias. A parameter's sums are added in order by one thread. */
function reduce(machine: Machine, { affine }: Plan, args: readonly number[], pairs: number): void {
  const grain = Math.ceil(WORTH.task / Math.max(1, pairs / affine));
  machine.launch(binary, 'segmentReduce', args, { items: affine, grain, parallel: pairs >= WORTH.forward, scratch: 0 });
}

/** The parameters at an address, or as many constants. */
function filled(machine: Machine, { affine }: Plan, address: number, value: number): number {
  if (address !== 0) return address;
  const constants = machine.temporary(4 * affine);
  machine.f32.fill(value, constants / 4, constants / 4 + affine);
  return constants;
}

function stretchOf({ r0, k1, r1, affine, inner }: Plan): number {
  const run = k1 === 1 ? r0 * r1 : r1;
  return affine === 0 ? run : Math.min(run, inner === 1 ? affine : inner);
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
  const rows = stretch < BLOCK ? Math.min(ROWS, Math.floor((2 * BLOCK) / stretch)) : 1;
  const items = isAlong(plan) ? sets * Math.ceil(ofSet / stretch / rows) : (size / stretch) * perStretch;
  const least = Math.ceil(WORTH.task / ofSet);
  return {
    sets: { items: sets, grain: Math.max(least, Math.ceil(sets / (3 * threads))), parallel, scratch: 0 },
    blocks: { items, grain: Math.ceil((WORTH.task * items) / size), parallel, scratch: isAlong(plan) ? 8 * stretch : 0 },
    pays: parallel && ofSet >= CUT && sets < 2 * threads,
  };
}
