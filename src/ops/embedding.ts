// Rows of a table picked by an index. May import errors, kernels, create, tensor, autograd, check and movement.

import { record } from '../autograd.js';
import { empty } from '../create.js';
import { KeelError, showShape } from '../errors.js';
import { denseOf } from '../kernels/dense.js';
import type { Tensor } from '../tensor.js';
import { checkBackend, checkFloats, checkTensors } from './check.js';
import { besideFloats, fill } from './movement.js';

/**
 * weight[index]: an int64 index (*) into a table (V, D) gives (*, D); gradients of equal indices add up.
 *
 * @throws KeelError [dtype] for an index that is not int64; [dimension] for one outside 0..V−1.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.embedding.html
 * @example
 * embedding(tensor([1n, 0n]), tensor([[1, 2], [3, 4]])).toArray(); // [[3, 4], [1, 2]]
 */
export function embedding(index: Tensor, weight: Tensor): Tensor {
  checkTensors('embedding', [index, weight]);
  checkFloats('embedding', [weight]);
  const [rows = 0, width = 0] = weight.shape;
  if (weight.rank !== 2) {
    throw new KeelError('rank', `embedding: 'weight' must be 2-D, got ${showShape(weight.shape)}`, { weight: weight.shape });
  }
  if (index.dtype !== 'int64') {
    throw new KeelError(
      'dtype',
      `Expected tensor for argument 'indices' to have scalar type Long; but got ${index.dtype} instead: make it int64`,
      { dtype: index.dtype },
    );
  }
  for (const at of index.data) {
    if (Number(at) >= 0 && Number(at) < rows) continue;
    throw new KeelError('dimension', `embedding: index out of range in self: ${at} in a table of ${rows} rows`, { index: at, rows });
  }
  const near = besideFloats(index, weight);
  checkBackend('embedding', [near, weight]);
  return pick(weight, near, width);
}

/** Rows of a table of `width` at an int64 index that is known to be within it; gradients of equal indices add up. */
export function pick(table: Tensor, index: Tensor, width: number): Tensor {
  const y = empty([...index.shape, width], table.dtype, table);
  denseOf(y.storage.kernels).gather(table.storage.handle, index.storage.handle, width, y.storage.handle);
  const shape = table.shape;
  record({
    name: 'EmbeddingBackward',
    inputs: [table],
    outputs: [y],
    saved: [index],
    backward: ([dy], [saved]) => [dy ? addRows(dy, saved, width, shape) : null],
  });
  return y;
}

/** Zeros of the table's shape with each row of dy added at its index. */
export function addRows(rows: Tensor, index: Tensor, width: number, shape: readonly number[]): Tensor {
  const table = empty(shape, rows.dtype, rows);
  fill(table, 0);
  denseOf(table.storage.kernels).scatterAdd(rows.storage.handle, index.storage.handle, width, table.storage.handle);
  record({
    name: 'ScatterAddBackward',
    inputs: [rows],
    outputs: [table],
    saved: [index],
    backward: ([dy], [saved]) => [dy ? pick(dy, saved, width) : null],
  });
  return table;
}
