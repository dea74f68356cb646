// Attention's heads: features of tokens cut into a matrix for each head, and joined again. The two are each other's
// backward. May import create, tensor, autograd and movement.

import { record } from '../autograd.js';
import { empty } from '../create.js';
import type { Tensor } from '../tensor.js';
import { contiguous, fill, runPointwise, type Placement } from './movement.js';

/** How tokens lie before they are cut. */
export interface HeadLayout {
  readonly heads: number;
  /** Blocks of heads·D features, one after another: 3 where queries, keys and values are packed. */
  readonly parts: number;
  /** (N, T, features), else (T, N, features). */
  readonly batchFirst: boolean;
}

/**
 * Tokens (N, T, parts·heads·D), or (T, N, ...), as `parts` tensors (N, heads, T, D): one copy of each element, where a
 * reshape, a permutation and slices make two. Rank and divisibility are the caller's to check.
 */
export function splitHeads(x: Tensor, layout: HeadLayout): Tensor[] {
  const [first = 0, second = 0, features = 0] = x.shape;
  const [n, t] = layout.batchFirst ? [first, second] : [second, first];
  const shape = [n, layout.heads, t, features / (layout.parts * layout.heads)];
  const pieces = Array.from({ length: layout.parts }, (_, part) => {
    const y = empty(shape, x.dtype, x);
    runPointwise('copy', [[x, placed(shape, part, layout)]], [y, contiguous(shape)], shape);
    return y;
  });
  record({
    name: 'SplitHeadsBackward',
    inputs: [x],
    outputs: pieces,
    backward: (dys) => [joinHeads(dys, shape, layout)],
  });
  return pieces;
}

/** The tokens that {@link splitHeads} cut into pieces of `shape`; zeros where a piece is null. */
export function joinHeads(pieces: readonly (Tensor | null)[], shape: readonly number[], layout: HeadLayout): Tensor {
  const like = pieces.find((piece) => piece !== null);
  const [n = 0, heads = 0, t = 0, depth = 0] = shape;
  const features = layout.parts * heads * depth;
  const y = empty(layout.batchFirst ? [n, t, features] : [t, n, features], like?.dtype ?? 'float32', like);
  if (pieces.some((piece) => piece === null)) fill(y, 0);
  pieces.forEach((piece, part) => {
    if (piece !== null) runPointwise('copy', [[piece, contiguous(shape)]], [y, placed(shape, part, layout)], shape);
  });
  record({
    name: 'JoinHeadsBackward',
    inputs: pieces,
    outputs: [y],
    backward: ([dy]) => (dy ? splitHeads(dy, layout) : []),
  });
  return y;
}

/** Where a piece (N, heads, T, D) lies among the tokens. */
function placed([n = 0, heads = 0, t = 0, depth = 0]: readonly number[], part: number, layout: HeadLayout): Placement {
  const features = layout.parts * heads * depth;
  const [sample, token] = layout.batchFirst ? [t * features, features] : [features, n * features];
  return { offset: part * heads * depth, strides: [sample, depth, token, 1] };
}
