// Normalization on WASM: which family of kernels a plan goes to, by its extents alone.
// May import plan, kernels and the families.

import type { NormBackwardCall, NormCall } from '../kernels.js';
import type { Plan } from '../../plan.js';
import { backward, forward } from './general.js';
import type { NormBackwardJob, NormJob } from './job.js';
import type { Machine } from './machine.js';
import { withOperands, type Block } from './operands.js';
import * as rows from './rows.js';

/** Kernels for plans of one kind. */
export interface Family {
  /** Whether a plan is of this kind. */
  fits(plan: Plan): boolean;
  forward(machine: Machine, job: NormJob): void;
  backward(machine: Machine, job: NormBackwardJob): void;
}

const families: Family[] = [rows];
const general: Pick<Family, 'forward' | 'backward'> = { forward, backward };

/** Brings families beside that of the rows, once each. */
export function addFamilies(...more: readonly Family[]): void {
  for (const family of more) if (!families.includes(family)) families.push(family);
}

function familyOf(plan: Plan, isFused: boolean): Pick<Family, 'forward' | 'backward'> {
  if (isFused) return rows.fits(plan) ? rows : general;
  return families.find((family) => family.fits(plan)) ?? general;
}

export function norm(call: NormCall<Block>): void {
  const { plan, statistics, eps } = call;
  withOperands((operands) => {
    const { machine } = operands;
    const job = {
      plan,
      statistics,
      eps,
      x: operands.input(call.x),
      residual: operands.input(call.residual),
      weight: operands.input(call.weight),
      bias: operands.input(call.bias),
      givenMean: operands.input(call.given?.mean ?? null),
      givenVariance: operands.input(call.given?.variance ?? null),
      y: operands.output(call.y),
      sum: operands.output(call.sum),
      mean: operands.output(call.mean),
      variance: operands.output(call.variance),
      rstd: operands.output(call.rstd),
      saved: call.saved === null ? machine.temporary(12 * plan.k0 * plan.k1) : operands.output(call.saved),
    };
    familyOf(plan, job.residual !== 0).forward(machine, job);
  });
}

export function normBackward(call: NormBackwardCall<Block>): void {
  const { plan, statistics, eps } = call;
  withOperands((operands) => {
    const job = {
      plan,
      statistics,
      eps,
      x: operands.input(call.x),
      dy: operands.input(call.dy),
      dsum: operands.input(call.dsum),
      weight: operands.input(call.weight),
      saved: operands.input(call.saved),
      dx: operands.output(call.dx),
      dweight: operands.output(call.dweight),
      dbias: operands.output(call.dbias),
    };
    familyOf(plan, job.dsum !== 0).backward(operands.machine, job);
  });
}
