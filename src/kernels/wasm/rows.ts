// Contiguous rows with parameters along them: LayerNorm, RMSNorm, GroupNorm of N×C. May import plan and kernels.

import type { Plan } from '../../plan.js';
import { backwardArgs, forwardArgs, type NormBackwardJob, type NormJob } from './job.js';
import { ONES, ZEROS, type Machine } from './machine.js';
import { rows as binary } from './rows.wasm.js';

/** From here on a call is worth waking the threads. */
const PARALLEL_FORWARD = 65_536;
const PARALLEL_BACKWARD = 65_536;
/** Elements of one task. */
const TASK = 1 << 14;
/** Elements of a part: a share of the rows with its own sums of the parameters' gradients. */
const PART = 40_000;
const MOST_PARTS = 16;
/** Rows longer than this are cut in blocks, of the size that the kernels have. */
const LONG = 1 << 14;
const BLOCK = 1024;
/** Long rows that are swept before the first of them is written: together they read the parameters once. */
const GROUP = 8;
/** Sweeps about ever better pilots, after which a row is done in float64. */
const MOST_SWEEPS = 4;
/** What longSettle says of a row whose pilot was too far from the mean. */
const AGAIN = 1;
/** Bytes between the rows of scratch. */
const PAD = 192;

/** Shorter rows are left to float64: their results are what is left when equal terms cancel. */
const SHORTEST = 4;

export function fits({ k1, r0, r1, affine, inner }: Plan): boolean {
  return k1 * r1 === 1 && r0 >= SHORTEST && (affine === 0 || (inner === 1 && affine % r0 === 0));
}

export function forward(machine: Machine, job: NormJob): void {
  const { k0: rows, r0: width } = job.plan;
  if (width > LONG) {
    longForward(machine, job);
    return;
  }
  machine.launch(binary, 'rowsForward', [...forwardArgs(job), ONES, ZEROS], {
    items: rows,
    grain: Math.ceil(TASK / width),
    parallel: rows * width >= PARALLEL_FORWARD,
    scratch: 8 * width + PAD,
  });
}

export function backward(machine: Machine, job: NormBackwardJob): void {
  const { k0: rows, r0: width, affine } = job.plan;
  if (width > LONG) {
    longBackward(machine, job);
    return;
  }
  const { classes, classShares, rowShares } = shares(job.plan);
  const plane = (of: number) => (of === 0 ? 0 : machine.temporary(8 * rowShares * affine));
  const args = [...backwardArgs(job), rowShares, plane(job.dweight), plane(job.dbias), classShares, rowShares, ONES];
  machine.launch(binary, 'rowsBackward', args, {
    items: classShares * rowShares,
    grain: 1,
    parallel: rows * width >= PARALLEL_BACKWARD,
    scratch: 12 * width + 8 * Math.ceil(classes / classShares) * width + 4 * PAD,
  });
  reduce(machine, job, args);
}

/**
 * Parts, by the shape alone. Rows r and r + classes have the same parameters: shares of the classes need no planes of
 * their own, shares of the rows within a class do.
 */
function shares({ k0: rows, r0: width, affine }: Plan): { classes: number; classShares: number; rowShares: number } {
  const classes = affine === 0 ? 1 : affine / width;
  const parts = Math.max(1, Math.min(MOST_PARTS, Math.floor((rows * width) / PART)));
  const classShares = Math.min(parts, classes);
  const rowShares = Math.max(1, Math.min(Math.floor(parts / classShares), Math.floor(rows / classes / 8)));
  return { classes, classShares, rowShares };
}

function reduce(machine: Machine, { plan, dweight, dbias }: NormBackwardJob, args: readonly number[]): void {
  if (dweight === 0 && dbias === 0) return;
  machine.launch(binary, 'reduceParts', args, {
    items: plan.affine,
    grain: 4096,
    parallel: plan.affine >= PARALLEL_FORWARD,
    scratch: 0,
  });
}

function longForward(machine: Machine, job: NormJob): void {
  const { k0: rows, r0: width } = job.plan;
  const blocks = Math.ceil(width / BLOCK);
  const most = Math.min(rows, GROUP);
  const sums = machine.temporary(16 * most * blocks);
  const verdicts = machine.temporary(4 * most);
  for (let first = 0; first < rows; first += most) {
    const count = Math.min(most, rows - first);
    const work = { items: count * blocks, grain: 16, parallel: count * width >= PARALLEL_FORWARD, scratch: 0 };
    const args = [...forwardArgs(job), ONES, ZEROS, first, sums, verdicts];
    machine.i32.fill(AGAIN, verdicts / 4, verdicts / 4 + count);
    for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
      machine.launch(binary, 'longSweep', [...args, sweep], work);
      machine.launch(binary, 'longSettle', [...args, sweep], { items: count, grain: count, parallel: false, scratch: 0 });
      if (!machine.i32.subarray(verdicts / 4, verdicts / 4 + count).includes(AGAIN)) break;
    }
    machine.launch(binary, 'longWrite', [...args, count], work);
  }
}

function longBackward(machine: Machine, job: NormBackwardJob): void {
  const { k0: rows, r0: width, affine } = job.plan;
  const blocks = Math.ceil(width / BLOCK);
  // Rows of a group share their parameters' sums, so they must have the same parameters.
  const most = affine > width ? 1 : Math.min(rows, GROUP);
  const sums = machine.temporary(16 * most * blocks);
  const planes = [job.dweight, job.dbias].map((of) => {
    if (of === 0) return 0;
    const plane = machine.temporary(8 * affine);
    machine.f64.fill(0, plane / 8, plane / 8 + affine);
    return plane;
  });
  const scratch = 8 * BLOCK;
  for (let first = 0; first < rows; first += most) {
    const count = Math.min(most, rows - first);
    const parallel = count * width >= PARALLEL_FORWARD;
    const args = [...backwardArgs(job), sums, ...planes, first, count, ONES];
    machine.launch(binary, 'longBackwardSweep', args, { items: blocks, grain: 4, parallel, scratch });
    machine.launch(binary, 'longBackwardSettle', args, { items: count, grain: count, parallel: false, scratch: 0 });
    if (job.dx !== 0) machine.launch(binary, 'longBackwardWrite', args, { items: count * blocks, grain: 16, parallel, scratch: 0 });
  }
  reduce(machine, job, [...backwardArgs(job), 1, ...planes]);
}
