// Axes added, dropped, swapped, repeated and cut: thin over movement. May import errors, sizes, tensor, check and
// movement.

import { KeelError, showGiven, showShape } from '../errors.js';
import { checkShape } from '../sizes.js';
import { scope, type Tensor } from '../tensor.js';
import { checkList, dimension, dimensionMask } from './check.js';
import { cat, expand, permute, reshape, span, take } from './movement.js';

/**
 * Two axes swapped.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.transpose.html
 * @example
 * tensor([[1, 2], [3, 4]]).transpose(0, 1).toArray(); // [[1, 3], [2, 4]]
 */
export function transpose(x: Tensor, dim0: number, dim1: number): Tensor {
  const [a, b] = [dimension(dim0, x.rank), dimension(dim1, x.rank)];
  const order = x.shape.map((_, axis) => (axis === a ? b : axis === b ? a : axis));
  return permute(x, order);
}

/**
 * A new axis of extent 1 at `dim`.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.unsqueeze.html
 * @example
 * zeros([2, 3]).unsqueeze(-1).shape; // [2, 3, 1]
 */
export function unsqueeze(x: Tensor, dim: number): Tensor {
  const at = dimension(dim, x.rank + 1);
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

/**
 * Axes of extent 1 dropped: all of them, or those of `dims`.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.squeeze.html
 * @example
 * zeros([2, 1, 3, 1]).squeeze().shape; // [2, 3]
 */
export function squeeze(x: Tensor, dims?: number | readonly number[]): Tensor {
  const mask = dimensionMask(dims, x.rank);
  return reshape(x, x.shape.filter((extent, axis) => extent !== 1 || mask[axis] !== true));
}

/**
 * Axes from `start` to `end` made one.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.flatten.html
 * @example
 * zeros([2, 3, 4]).flatten(1).shape; // [2, 12]
 */
export function flatten(x: Tensor, start = 0, end = -1): Tensor {
  const [from, last] = [dimension(start, x.rank), dimension(end, x.rank)];
  if (from > last) {
    throw new KeelError('dimension', `flatten() has invalid args: start_dim ${start} cannot come after end_dim ${end}`, {
      start,
      end,
    });
  }
  const merged = x.shape.slice(from, last + 1).reduce((product, extent) => product * extent, 1);
  return reshape(x, [...x.shape.slice(0, from), merged, ...x.shape.slice(last + 1)]);
}

/**
 * x repeated `counts` times along each axis, new leading ones included.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.repeat.html
 * @example
 * tensor([1, 2]).repeat([2, 2]).toArray(); // [[1, 2, 1, 2], [1, 2, 1, 2]]
 */
export function repeat(x: Tensor, counts: readonly number[]): Tensor {
  const missing = checkShape(counts).length - x.rank;
  if (missing < 0) {
    throw new KeelError(
      'argument',
      'Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor: ' +
        `[${counts.join(', ')}] for ${showShape(x.shape)}`,
      { counts, shape: x.shape },
    );
  }
  const shape = [...counts.slice(0, missing).map(() => 1), ...x.shape];
  const paired = shape.flatMap((extent) => [1, extent]);
  const target = shape.flatMap((extent, axis) => [counts[axis] ?? 1, extent]);
  const result = shape.map((extent, axis) => extent * (counts[axis] ?? 1));
  return scope(() => reshape(expand(reshape(x, paired), target), result));
}

/**
 * Tensors of equal shape along a new axis.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.stack.html
 * @example
 * stack([zeros([3]), ones([3])], 1).shape; // [3, 2]
 */
export function stack(tensors: readonly Tensor[], dim = 0): Tensor {
  checkList('stack', tensors);
  return scope(() => cat(tensors.map((x) => unsqueeze(x, dim)), dim));
}

/**
 * Pieces along `dim`: of one size, the last one smaller, or of the sizes listed.
 *
 * @throws KeelError [argument] when the sizes do not add up to the extent.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.split.html
 * @example
 * linspace(0, 4, 5).split([2, 3]).map((piece) => piece.toArray()); // [[0, 1], [2, 3, 4]]
 */
export function split(x: Tensor, sizes: number | readonly number[], dim = 0): Tensor[] {
  const axis = dimension(dim, x.rank);
  const extent = x.shape[axis] ?? 1;
  const list = Array.isArray(sizes) ? sizes : evenly(extent, sizes);
  const total = list.reduce((held, size) => held + size, 0);
  if (total !== extent || list.some((size) => !Number.isInteger(size) || size < 0)) {
    throw new KeelError(
      'argument',
      `split_with_sizes expects split_sizes to sum exactly to ${extent} (input tensor's size at dimension ${axis}), but got ` +
        `split_sizes=[${list.join(', ')}]`,
      { sizes: list, extent, dim: axis },
    );
  }
  let at = 0;
  return list.map((size) => {
    const piece = take(x, { ...span(x.shape, axis, at), shape: x.shape.map((held, i) => (i === axis ? size : held)) });
    at += size;
    return piece;
  });
}

/**
 * At most `chunks` pieces of equal size along `dim`, the last one smaller.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.chunk.html
 * @example
 * zeros([7]).chunk(3).map((piece) => piece.size); // [3, 3, 1]
 */
export function chunk(x: Tensor, chunks: number, dim = 0): Tensor[] {
  const extent = x.shape[dimension(dim, x.rank)] ?? 1;
  if (!Number.isInteger(chunks) || chunks < 1) {
    throw new KeelError('argument', `chunk expects \`chunks\` to be greater than 0, got: ${chunks}`, { chunks });
  }
  if (extent === 0) return split(x, new Array<number>(chunks).fill(0), dim);
  return split(x, Math.ceil(extent / chunks), dim);
}

/**
 * Elements `start`, `start + step`, ... below `end` along `dim`, as Python's `x[start:end:step]`: negative bounds count
 * from the end, bounds outside are cut.
 *
 * @throws KeelError [argument] for a step below 1, or a bound that is no whole number.
 * @example
 * linspace(0, 5, 6).slice(0, 1, -1, 2).toArray(); // [1, 3]
 */
export function slice(x: Tensor, dim: number, start = 0, end = Infinity, step = 1): Tensor {
  const axis = dimension(dim, x.rank);
  const extent = x.shape[axis] ?? 1;
  if (!Number.isInteger(step) || step < 1) {
    throw new KeelError('argument', `slice step must be positive, got ${step}`, { step });
  }
  if (![start, end].every((at) => Number.isInteger(at) || Math.abs(at) === Infinity)) {
    throw new KeelError('argument', `slice indices must be integers, got ${start} and ${end}`, { start, end });
  }
  const bound = (at: number) => Math.max(0, Math.min(extent, at < 0 ? at + extent : at));
  const from = bound(start);
  const length = Math.max(0, Math.ceil((bound(end) - from) / step));
  const region = span(x.shape, axis, from);
  return take(x, {
    start: region.start,
    step: region.step.map((held, i) => (i === axis ? step : held)),
    shape: x.shape.map((held, i) => (i === axis ? length : held)),
  });
}

/**
 * The elements at one index along `dim`, that axis dropped.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.select.html
 * @example
 * tensor([[1, 2], [3, 4]]).select(1, -1).toArray(); // [2, 4]
 */
export function select(x: Tensor, dim: number, index: number): Tensor {
  const axis = dimension(dim, x.rank);
  const extent = x.shape[axis] ?? 0;
  if (x.rank === 0 || !Number.isInteger(index) || index < -extent || index >= extent) {
    throw new KeelError(
      'dimension',
      `index ${index} is out of bounds for dimension ${axis} with size ${extent}`,
      { index, dim: axis, extent },
    );
  }
  const at = index < 0 ? index + extent : index;
  return scope(() => reshape(slice(x, axis, at, at + 1), x.shape.filter((_, i) => i !== axis)));
}

function evenly(extent: number, size: number | readonly number[]): number[] {
  if (typeof size !== 'number' || !Number.isInteger(size) || size < Math.min(1, extent)) {
    const wanted = `a list, or a whole number from ${Math.min(1, extent)}`;
    throw new KeelError('argument', `split expects split_size be ${wanted}, but got ${showGiven(size)}`, { size });
  }
  const count = Math.max(1, Math.ceil(extent / Math.max(1, size)));
  return Array.from({ length: count }, (_, i) => Math.min(size, extent - i * size));
}
