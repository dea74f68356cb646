// Local response norm of a tensor of any size, some samples at a time. May import 'evenkeel'.

import { KeelError, localResponseNorm, scope, type Tensor } from 'evenkeel';
import type { Order } from './digits.js';
import type { Split } from './split.js';

/** Elements of which the intermediate results fit memory. */
const MOST_ELEMENTS = 2 ** 23;

/**
 * Whole samples of (N, C, *), or all of an array in Fortran order, whose samples lie scattered.
 *
 * @throws KeelError [rank]; [memory] for a sample that is too large.
 */
export function windowSplit(shape: readonly number[], order: Order, most: number): Split {
  if (shape.length < 3) {
    const message = `Expected 3D or higher dimensionality input (got ${shape.length} dimensions): (N, C, *)`;
    throw new KeelError('rank', message, { shape });
  }
  const [samples = 1, ...rest] = shape;
  const sample = rest.reduce((product, extent) => product * extent, 1);
  const together = order === 'F' ? samples : Math.max(1, Math.min(samples, Math.floor(most / Math.max(1, sample))));
  if (together * sample > MOST_ELEMENTS) throw tooLarge(together * sample, order);
  const digits = shape.map((size, axis) => ({ size, isShared: true, parameter: null, axis }));
  if (order === 'F') digits.reverse();
  return { digits, at: 0, step: order === 'F' ? (shape.at(-1) ?? 1) : together, crosses: false };
}

/** The windows of some samples. */
export function windowed(x: Tensor, shape: readonly number[], order: Order, size: number): Tensor {
  const [, ...rest] = shape;
  return scope(() => {
    if (order === 'C') return localResponseNorm(x.reshape([-1, ...rest]), size).reshape([x.size]);
    const reversed = shape.map((_, axis) => shape.length - 1 - axis);
    const y = localResponseNorm(x.reshape(shape.toReversed()).permute(reversed), size);
    return y.permute(reversed).reshape([x.size]);
  });
}

function tooLarge(elements: number, order: Order): KeelError {
  const [what, way] =
    order === 'F'
      ? ['an array in Fortran order', 'write it in C order, so that samples can be read one by one']
      : ['a sample', 'split it along its positions: windows go along the channels'];
  const message = `local-response-norm needs ${what} in memory: it has ${elements} elements, ${MOST_ELEMENTS} at most; ${way}`;
  return new KeelError('memory', message, { elements, limit: MOST_ELEMENTS });
}
