// Running statistics: which are given, and how a batch moves them. May import errors, autograd, tensor and ops.

import { detach, noGrad } from '../autograd.js';
import { KeelError } from '../errors.js';
import { checkFloats } from '../ops/check.js';
import { add, mul } from '../ops/elementwise.js';
import { copyInto, reshape } from '../ops/movement.js';
import { mean } from '../ops/reduce.js';
import { scope, sizeOf, type Tensor } from '../tensor.js';

/** PyTorch folds the batch into the channels and counts N·C of each. */
export function checkInstanceLengths(
  vectors: Readonly<Record<string, Tensor | null>>,
  batch: number,
  channels: number,
): void {
  for (const [name, vector] of Object.entries(vectors)) {
    if (vector === null || (vector.rank === 1 && vector.size === channels)) continue;
    throw new KeelError(
      'shape',
      `${name} should contain ${batch * channels} elements not ${batch * vector.size}: ${channels} channels for each ` +
        `of ${batch} samples, and ${vector.size} values given`,
      { vector: name, expected: channels, got: vector.shape },
    );
  }
}

/** Mean and variance, which come in pairs. */
export interface Running {
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/** Both running statistics or neither, and both where nothing else gives the statistics. */
export function pair(
  x: Tensor,
  mean: Tensor | null,
  variance: Tensor | null,
  need: 'either' | 'evaluation' | 'instance',
): Running | null {
  if (mean !== null && variance !== null) {
    checkFloats('norm', [x, mean, variance]);
    return { mean, variance };
  }
  if (need === 'instance') {
    const message = 'Expected running_mean and running_var to be defined when use_input_stats is false';
    throw new KeelError('no_statistics', message);
  }
  if (need === 'evaluation') {
    const name = mean === null ? 'running_mean' : 'running_var';
    throw new KeelError('no_statistics', `${name} must be defined in evaluation mode`, { missing: name });
  }
  if (mean === null && variance === null) return null;
  throw new KeelError('no_statistics', 'running_mean and running_var must either both be None or neither be None');
}

/** running ← (1 − momentum)·running + momentum·(average over all but the last axis), the variance times n/(n − 1). */
export function moveRunning(
  running: Running,
  momentum: number,
  batch: Running,
  shape: readonly number[],
  n: number,
): void {
  if (sizeOf(shape) === 0 || n === 0) return;
  noGrad(() =>
    scope(() => {
      move(running.mean, reshape(batch.mean, shape), momentum);
      move(running.variance, mul(reshape(batch.variance, shape), n / (n - 1)), momentum);
    }),
  );
}

function move(held: Tensor, fresh: Tensor, momentum: number): void {
  const average = fresh.rank === 1 ? fresh : mean(fresh, 0);
  copyInto(held, add(mul(detach(held), 1 - momentum), mul(average, momentum)));
}
