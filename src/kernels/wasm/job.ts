// What the norm kernels are asked for, in addresses of their memory; 0 where an operand is absent.
// May import plan and kernels.

import type { Plan } from '../../plan.js';
import type { Statistics } from '../kernels.js';

/** A forward pass. */
export interface NormJob {
  readonly plan: Plan;
  readonly statistics: Statistics;
  readonly eps: number;
  readonly x: number;
  /** What is added to x before it is normalized, and where that sum goes. */
  readonly residual: number;
  readonly sum: number;
  readonly weight: number;
  readonly bias: number;
  readonly givenMean: number;
  readonly givenVariance: number;
  readonly y: number;
  readonly mean: number;
  readonly variance: number;
  readonly rstd: number;
  /** Three planes of one float32 for each set: K, cm and rstd, where the mean is K + cm. Never absent. */
  readonly saved: number;
}

/** A backward pass. */
export interface NormBackwardJob {
  readonly plan: Plan;
  readonly statistics: Statistics;
  readonly eps: number;
  readonly x: number;
  readonly dy: number;
  /** The gradient of the sum that was normalized, beside what comes through y. */
  readonly dsum: number;
  readonly weight: number;
  readonly saved: number;
  readonly dx: number;
  readonly dweight: number;
  readonly dbias: number;
}

const kinds: Readonly<Record<Statistics, number>> = { moments: 0, rms: 1, l2: 2 };

/** The slots of a forward kernel's arguments, in order; a driver adds its own at the end. */
export function forwardArgs({ plan, ...job }: NormJob): number[] {
  const { k0, r0, k1, r1, affine, inner } = plan;
  return [
    k0, r0, k1, r1, affine, inner, kinds[job.statistics], job.eps, job.x, job.residual, job.weight, job.bias,
    job.givenMean, job.givenVariance, job.y, job.sum, job.mean, job.variance, job.rstd, job.saved,
  ];
}

/** The slots of a backward kernel's arguments, in order; a driver adds its own at the end. */
export function backwardArgs({ plan, ...job }: NormBackwardJob): number[] {
  const { k0, r0, k1, r1, affine, inner } = plan;
  return [
    k0, r0, k1, r1, affine, inner, kinds[job.statistics], job.eps, job.x, job.dy, job.dsum, job.weight, job.saved, job.dx,
    job.dweight, job.dbias,
  ];
}
