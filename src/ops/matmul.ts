// Matrix products. May import errors, kernels, create, tensor, autograd, check, movement and elementwise.

import { record } from '../autograd.js';
import { empty } from '../create.js';
import { KeelError, showShape } from '../errors.js';
import { denseOf } from '../kernels/dense.js';
import { sameShape, scope, sizeOf, type Tensor } from '../tensor.js';
import { broadcastShape, checkFloats, checkSameShape } from './check.js';
import { add } from './elementwise.js';
import { expand, reshape, sumTo } from './movement.js';

/**
 * Matrix product of the last two axes, the others broadcast; a vector counts as a row on the left, a column on the right.
 * dA = dY·Bᵀ, dB = Aᵀ·dY.
 *
 * @throws KeelError [shape] when the inner extents differ or an operand is a scalar; [dtype]; [backend].
 * @see https://docs.pytorch.org/docs/stable/generated/torch.matmul.html
 * @example
 * matmul(tensor([[1, 2], [3, 4]]), tensor([1, 1])).toArray(); // [3, 7]
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  return scope(() => multiply(a, b, false));
}

/** a·bᵀ as {@link matmul} of the two last axes of b exchanged, without moving them: (*, m, k) and (*, n, k) give (*, m, n). */
export function matmulTransposed(a: Tensor, b: Tensor): Tensor {
  return scope(() => multiply(a, b, true));
}

function multiply(a: Tensor, b: Tensor, transposeB: boolean): Tensor {
  checkFloats('matmul', [a, b]);
  if (a.rank === 0 || b.rank === 0) {
    throw new KeelError(
      'shape',
      `both arguments to matmul need to be at least 1D, but they are ${a.rank}D and ${b.rank}D: use mul for scalars`,
      { a: a.shape, b: b.shape },
    );
  }
  const left = a.rank === 1 ? reshape(a, [1, a.size]) : a;
  const column = transposeB ? [1, b.size] : [b.size, 1];
  const right = b.rank === 1 ? reshape(b, column) : b;
  const [m, k] = left.shape.slice(-2);
  const [k2, n] = transposeB ? right.shape.slice(-2).reverse() : right.shape.slice(-2);
  if (k !== k2) {
    throw new KeelError(
      'shape',
      `mat1 and mat2 shapes cannot be multiplied (${m}x${k} and ${k2}x${n}): ${showShape(a.shape)} by ${showShape(b.shape)}`,
      { a: a.shape, b: b.shape },
    );
  }
  const batch = broadcastShape([left.shape.slice(0, -2), right.shape.slice(0, -2)]);
  const y = product(toBatch(left, batch), toBatch(right, batch), false, transposeB);
  const rows = a.rank === 1 ? [] : [m ?? 1];
  const columns = b.rank === 1 ? [] : [n ?? 1];
  return reshape(y, [...batch, ...rows, ...columns]);
}

/**
 * x·Wᵀ + b over the last axis: (*, in) with W (out, in) and b (out) gives (*, out).
 *
 * @throws KeelError [shape] when x's last extent is not W's second, or b has another shape than (out).
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.linear.html
 * @example
 * linear(tensor([1, 2]), tensor([[3, 4]]), tensor([5])).toArray(); // [16]
 */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  checkFloats('linear', bias === null ? [x, weight] : [x, weight, bias]);
  const [outFeatures = 1, inFeatures = 1] = weight.shape;
  if (x.rank === 0) {
    const message = `both arguments to linear need to be at least 1D, but they are 0D and ${weight.rank}D: (*, ${inFeatures})`;
    throw new KeelError('rank', message, { x: x.shape, weight: weight.shape });
  }
  if (weight.rank !== 2 || x.shape.at(-1) !== inFeatures) {
    const rows = sizeOf(x.shape.slice(0, -1));
    throw new KeelError(
      'shape',
      `mat1 and mat2 shapes cannot be multiplied (${rows}x${x.shape.at(-1) ?? 0} and ${inFeatures}x${outFeatures}): ` +
        `x of ${showShape(x.shape)} with a weight of ${showShape(weight.shape)}`,
      { x: x.shape, weight: weight.shape },
    );
  }
  if (bias !== null) checkSameShape('linear: bias', bias, [outFeatures]);
  return scope(() => {
    const leading = x.shape.slice(0, -1);
    const rows = product(reshape(x, [1, sizeOf(leading), inFeatures]), reshape(weight, [1, ...weight.shape]), false, true);
    const y = reshape(rows, [...leading, outFeatures]);
    return bias === null ? y : add(y, bias);
  });
}

/** Operands as (batch, rows, columns); one matrix for a whole batch stays one. */
function toBatch(x: Tensor, batch: readonly number[]): Tensor {
  const own = x.shape.slice(0, -2);
  const matrix = x.shape.slice(-2);
  if (sizeOf(own) === 1) return reshape(x, [1, ...matrix]);
  const full = sameShape(own, batch) ? x : expand(x, [...batch, ...matrix]);
  return reshape(full, [sizeOf(batch), ...matrix]);
}

/** Batched product of (batch or 1, m, k) and (batch or 1, k, n), either one stored transposed. */
function product(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor {
  const [batchA = 1, rowsA = 1, columnsA = 1] = a.shape;
  const [batchB = 1, rowsB = 1, columnsB = 1] = b.shape;
  const batch = batchA === 1 ? batchB : batchA;
  const [m, k] = transposeA ? [columnsA, rowsA] : [rowsA, columnsA];
  const n = transposeB ? rowsB : columnsB;
  const y = empty([batch, m, n], a.dtype, a);
  denseOf(y.storage.kernels).matmul({
    a: a.storage.handle,
    b: b.storage.handle,
    out: y.storage.handle,
    batch,
    m,
    n,
    k,
    stepA: batchA === 1 ? 0 : m * k,
    stepB: batchB === 1 ? 0 : k * n,
    transposeA,
    transposeB,
  });
  const needs = { a: a.requiresGrad, b: b.requiresGrad };
  record({
    name: 'MatmulBackward',
    inputs: [a, b],
    outputs: [y],
    saved: [a, b],
    backward: ([dy], [x, w]) => {
      if (!dy) return [];
      const dx = () => (transposeA ? product(w, dy, transposeB, true) : product(dy, w, false, !transposeB));
      const dw = () => (transposeB ? product(dy, x, true, transposeA) : product(x, dy, !transposeA, false));
      return [needs.a ? sumTo(dx(), x.shape) : null, needs.b ? sumTo(dw(), w.shape) : null];
    },
  });
  return y;
}
