// Softmax and its logarithm. May import kernels, plan, create, tensor, autograd, check, movement, elementwise and reduce.

import { record } from '../autograd.js';
import { empty } from '../create.js';
import { denseOf } from '../kernels/dense.js';
import { reduction } from '../plan.js';
import type { Tensor } from '../tensor.js';
import { checkFloats, dimension } from './check.js';
import { exp, mul, sub } from './elementwise.js';
import { sum } from './reduce.js';

/**
 * exp(x) / Σ exp(x) along dim; dx = y·(dy − Σ dy·y).
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softmax.html
 * @example
 * softmax(tensor([0, 0]), 0).toArray(); // [0.5, 0.5]
 */
export function softmax(x: Tensor, dim: number): Tensor {
  return along(x, dim, false, (dy, y) => mul(y, sub(dy, sum(mul(dy, y), dim, { keepdim: true }))));
}

/**
 * log softmax along dim; dx = dy − exp(y)·Σ dy.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.log_softmax.html
 * @example
 * logSoftmax(tensor([[1, 2], [3, 4]]), -1).shape; // [2, 2]
 */
export function logSoftmax(x: Tensor, dim: number): Tensor {
  return along(x, dim, true, (dy, y) => sub(dy, mul(exp(y), sum(dy, dim, { keepdim: true }))));
}

function along(x: Tensor, dim: number, log: boolean, dx: (dy: Tensor, y: Tensor) => Tensor): Tensor {
  const name = log ? 'LogSoftmax' : 'Softmax';
  checkFloats(name, [x]);
  const axis = dimension(dim, x.rank);
  const { runs } = reduction(x.shape, x.shape.map((_, i) => i === axis));
  const y = empty(x.shape, x.dtype, x);
  denseOf(y.storage.kernels).softmax(x.storage.handle, runs, log, y.storage.handle);
  record({
    name: `${name}Backward`,
    inputs: [x],
    outputs: [y],
    saved: [y],
    backward: ([dy], [saved]) => [dy ? dx(dy, saved) : null],
  });
  return y;
}
