// Where the largest or least element stands. May import errors, create, tensor, autograd, check, elementwise, movement and
// reduce.

import { noGrad } from '../autograd.js';
import { arange } from '../create.js';
import { KeelError, showShape } from '../errors.js';
import { scope, type Tensor } from '../tensor.js';
import { checkFloats, dimension } from './check.js';
import { eq, ne, or, where } from './elementwise.js';
import { reshape, to, toBackend } from './movement.js';
import { max, min, type ReduceOptions } from './reduce.js';

/**
 * The index of the largest element along `dim`, of the first where several are equal, as int64; over all elements, counted
 * row by row, without a dim. A NaN is larger than any number. It has no gradient.
 *
 * @throws KeelError [dimension] for an axis that x lacks; [shape] over no elements; [size] over more than 2²⁴, whose indices
 *   float32 does not hold; [dtype] for int64 and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.argmax.html
 * @example
 * argmax(tensor([[1, 5, 2], [7, 0, 7]]), -1).toArray(); // [1, 0]
 */
export function argmax(x: Tensor, dim: number | null = null, options: ReduceOptions = {}): Tensor {
  return place('argmax', max, x, dim, options);
}

/**
 * The index of the least element, as {@link argmax}; a NaN is less than any number here.
 *
 * @throws KeelError as {@link argmax}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.argmin.html
 * @example
 * argmin(tensor([3, 1, 2])).item(); // 1
 */
export function argmin(x: Tensor, dim: number | null = null, options: ReduceOptions = {}): Tensor {
  return place('argmin', min, x, dim, options);
}

function place(name: string, extreme: typeof max, x: Tensor, dim: number | null, options: ReduceOptions): Tensor {
  checkFloats(name, [x]);
  const axis = dim === null ? null : dimension(dim, x.rank);
  const along = axis === null ? x.size : (x.shape[axis] ?? 1);
  if (along === 0) {
    const message = `${name}(): Expected reduction dim to be specified for input.numel() == 0 (${showShape(x.shape)})`;
    throw new KeelError('shape', `${message}: no elements have no place`, { shape: x.shape });
  }
  if (along > 2 ** 24) {
    const message = `${name}() goes over 16777216 elements at most, got ${along}: take it of parts, with split()`;
    throw new KeelError('size', message, { elements: along });
  }
  return noGrad(() => scope(() => {
    const rows = axis === null || x.rank === 0 ? reshape(x, [x.size]) : x;
    const at = axis ?? 0;
    const found = or(eq(rows, extreme(rows, at, { keepdim: true })), ne(rows, rows));
    const places = reshape(arange(along), rows.shape.map((_, i) => (i === at ? along : 1)));
    const first = min(where(found, toBackend(places, rows.dtype, rows), along), at, options);
    const index = to(first, 'int64');
    // Over all elements what is kept has x's rank.
    return axis === null && options.keepdim === true ? reshape(index, x.shape.map(() => 1)) : x.rank === 0 ? reshape(index, []) : index;
  }));
}
