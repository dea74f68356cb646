// Scaled dot-product attention, and the masks that it adds. May import errors, sizes, create, tensor, ops and nn.

import { constant, tensor } from '../../create.js';
import { KeelError, showShape } from '../../errors.js';
import { broadcastShape, checkFloats, checkTensors } from '../../ops/check.js';
import { add, eq, mul, where } from '../../ops/elementwise.js';
import { matmul, matmulTransposed } from '../../ops/matmul.js';
import { toBackend } from '../../ops/movement.js';
import { max } from '../../ops/reduce.js';
import { softmax } from '../../ops/softmax.js';
import { checkShape } from '../../sizes.js';
import { scope, type Tensor } from '../../tensor.js';
import { checkNumber, checkProbability, optionsOf } from '../check.js';
import { dropout } from '../layers.js';

/** What {@link scaledDotProductAttention} takes beside queries, keys and values. */
export interface SDPAOptions {
  /** Of a shape that broadcasts to (..., L, S). Bool: true takes part. Float: added to the scores. Default null: none. */
  readonly attnMask?: Tensor | null;
  /** Probability that a weight is dropped; always applied, as this function has no mode. Default 0. */
  readonly dropoutP?: number;
  /** Query i sees keys 0 to i only. Default false. */
  readonly isCausal?: boolean;
  /** What the scores are multiplied by. Default null: 1/√E. */
  readonly scale?: number | null;
}

/**
 * softmax(scale·q·kᵀ + mask)·v over the last two axes. A query whose keys are all masked gives zeros.
 *
 * @param q (..., L, E), float32 or float64
 * @param k (..., S, E); leading axes broadcast
 * @param v (..., S, Ev); the result is (..., L, Ev)
 * @throws KeelError [shape] where the shapes do not fit; [dtype] for a mask that is neither bool nor float; [argument] for
 *   a mask together with isCausal, or a dropout outside 0..1.
 * @see https://arxiv.org/abs/1706.03762
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html
 * @example
 * scaledDotProductAttention(randn([2, 8, 5, 4]), randn([2, 8, 7, 4]), randn([2, 8, 7, 4])).shape; // [2, 8, 5, 4]
 */
export function scaledDotProductAttention(q: Tensor, k: Tensor, v: Tensor, options: SDPAOptions = {}): Tensor {
  const settings = optionsOf('scaledDotProductAttention', options, {
    attnMask: null, dropoutP: 0, isCausal: false, scale: null,
  });
  const { attnMask, dropoutP, isCausal, scale } = settings;
  const scores = checkOperandShapes(q, k, v);
  checkProbability('dropout', dropoutP);
  if (scale !== null) checkNumber('scale', scale);
  if (attnMask !== null) {
    if (isCausal) {
      const message = 'Explicit attn_mask should not be set when is_causal=True: leave one of the two out';
      throw new KeelError('argument', message, { isCausal });
    }
    checkMaskKind('attn_mask', attnMask, q);
    checkMaskShape(attnMask, scores);
  }
  const [queries = 0, keys = 0] = scores.slice(-2);
  return scope(() => {
    if (isCausal) return attend(q, k, v, { mask: toBackend(causalMask(queries, keys), q.dtype, q), dropoutP, scale }).y;
    if (attnMask === null) return attend(q, k, v, { mask: null, dropoutP, scale }).y;
    const added = attnMask.dtype === 'bool' ? where(attnMask, constant(0, q.dtype, q), -Infinity) : attnMask;
    return attendSafely(q, k, v, { mask: added, dropoutP, scale });
  });
}

/** How queries meet keys. */
export interface Meeting {
  /** Added to the scores: broadcasts to their shape. */
  readonly mask: Tensor | null;
  readonly dropoutP: number;
  /** Null: 1/√E. */
  readonly scale: number | null;
}

/** y and the weights that it is made of; a query whose keys are all masked is NaN. */
export function attend(q: Tensor, k: Tensor, v: Tensor, { mask, dropoutP, scale }: Meeting): { y: Tensor; weights: Tensor } {
  return scope(() => {
    // Queries are fewer than scores.
    const scores = matmulTransposed(mul(q, scale ?? 1 / Math.sqrt(q.shape.at(-1) ?? 1)), k);
    const weights = dropout(softmax(mask === null ? scores : add(scores, mask), -1), dropoutP);
    return { y: matmul(weights, v), weights };
  });
}

/** y of {@link attend}, but zeros for a query whose keys are all masked. */
export function attendSafely(q: Tensor, k: Tensor, v: Tensor, { mask, ...rest }: Meeting): Tensor {
  if (mask === null || mask.size === 0) return attend(q, k, v, { mask, ...rest }).y;
  return scope(() => {
    // Such a query sees all keys instead, and its result goes: no NaN reaches a gradient.
    const isDead = eq(max(mask, -1, { keepdim: true }), -Infinity);
    return where(isDead, 0, attend(q, k, v, { mask: where(isDead, 0, mask), ...rest }).y);
  });
}

/** 0 where query i may see key j ≤ i, −∞ elsewhere. */
export function causalMask(queries: number, keys: number): Tensor {
  checkShape([queries, keys]);
  const values = new Float32Array(queries * keys);
  for (let i = 0; i < queries; i++) values.fill(-Infinity, i * keys + Math.min(i + 1, keys), (i + 1) * keys);
  return tensor(values, [queries, keys]);
}

/** Refuses a mask of another dtype than bool and that of the queries, or any float one where they are not known yet. */
export function checkMaskKind(name: string, mask: Tensor, query: Tensor | null = null): void {
  checkTensors(name, [mask]);
  if (mask.dtype !== 'int64') {
    if (query === null || mask.dtype === 'bool' || mask.dtype === query.dtype) return;
    const message =
      `Expected ${name} dtype to be bool or float or to match query dtype, but got ${name}.dtype: ${mask.dtype} and ` +
      `query.dtype: ${query.dtype} instead: convert one with .to()`;
    throw new KeelError('dtype', message, { mask: name, dtype: mask.dtype, query: query.dtype });
  }
  const message = `only bool and floating types of ${name} are supported, got ${mask.dtype}: compare it, as in mask.ne(0)`;
  throw new KeelError('dtype', message, { mask: name, dtype: mask.dtype });
}

function checkMaskShape(mask: Tensor, scores: readonly number[]): void {
  const fits =
    mask.rank <= scores.length &&
    mask.shape.every((extent, i) => extent === 1 || extent === scores[i + scores.length - mask.rank]);
  if (fits) return;
  throw new KeelError(
    'shape',
    `The expanded size of the tensor must match the existing size at non-singleton dimensions: attn_mask of ` +
      `${showShape(mask.shape)} does not broadcast to the scores' ${showShape(scores)}, (..., queries, keys)`,
    { mask: mask.shape, scores },
  );
}

/** The shape of the scores. */
function checkOperandShapes(q: Tensor, k: Tensor, v: Tensor): number[] {
  checkFloats('scaled_dot_product_attention', [q, k, v]);
  const shapes = [q, k, v].map(({ shape }) => shape);
  if (shapes.some((shape) => shape.length < 2)) {
    const message = `Expected query, key, value to all be at least 2 dimensional, but got ${shapes.map(showShape).join(', ')}`;
    throw new KeelError('rank', message, { shapes });
  }
  const [[l = 0, e], [s = 0, f], [t]] = [q.shape.slice(-2), k.shape.slice(-2), v.shape.slice(-2)];
  if (e !== f || s !== t) {
    throw new KeelError(
      'shape',
      `query ${showShape(q.shape)}, key ${showShape(k.shape)} and value ${showShape(v.shape)} do not meet: query and key end ` +
        'in one number of features, key and value have one number of tokens',
      { shapes },
    );
  }
  const batch = broadcastShape(shapes.map((shape) => shape.slice(0, -2)));
  return [...batch, l, s];
}
