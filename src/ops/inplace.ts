// Arithmetic that writes into its first operand, for updates by hand. It is never recorded.
// May import errors, tensor, autograd, check, movement and elementwise.

import { isRecorded, noGrad } from '../autograd.js';
import { KeelError, showShape } from '../errors.js';
import { sameShape, scope, Tensor } from '../tensor.js';
import { broadcastShape, checkBackend, checkFloats } from './check.js';
import { add, div, mul, sub, type Operand } from './elementwise.js';
import { copyInto } from './movement.js';

/**
 * Writes the elements of `source`, broadcast and in x's dtype, into x, and returns x.
 *
 * @throws KeelError [graph] where x or the source requires a gradient outside {@link noGrad}; [shape] where the source
 *   does not broadcast to x.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.copy_.html
 * @example
 * zeros([2]).copy_(ones([1])).toArray(); // [1, 1]
 */
export function copy_<T extends Tensor>(x: T, source: Tensor): T {
  // Each for itself: elements may come from another backend, and in another dtype.
  for (const operand of [x, source]) checkBackend('copy_', [operand]);
  checkTarget('copy_', x, source);
  copyInto(x, source);
  return x;
}

/**
 * x ← x + other, and returns x.
 *
 * @throws KeelError as {@link copy_}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.add_.html
 * @example
 * ones([2]).add_(1).toArray(); // [2, 2]
 */
export function add_<T extends Tensor>(x: T, other: Operand): T {
  return write('add_', x, other, add);
}

/**
 * x ← x − other, and returns x.
 *
 * @throws KeelError as {@link copy_}.
 * @example
 * noGrad(() => weight.sub_(weight.grad.mul(0.1))); // a step of gradient descent
 */
export function sub_<T extends Tensor>(x: T, other: Operand): T {
  return write('sub_', x, other, sub);
}

/**
 * x ← x · other, and returns x.
 *
 * @throws KeelError as {@link copy_}.
 * @example
 * ones([2]).mul_(3).toArray(); // [3, 3]
 */
export function mul_<T extends Tensor>(x: T, other: Operand): T {
  return write('mul_', x, other, mul);
}

/**
 * x ← x / other, and returns x.
 *
 * @throws KeelError as {@link copy_}.
 * @example
 * ones([2]).div_(4).toArray(); // [0.25, 0.25]
 */
export function div_<T extends Tensor>(x: T, other: Operand): T {
  return write('div_', x, other, div);
}

function write<T extends Tensor>(name: string, x: T, other: Operand, f: (a: Tensor, b: Operand) => Tensor): T {
  checkFloats(name, other instanceof Tensor ? [x, other] : [x]);
  checkTarget(name, x, other);
  noGrad(() => scope(() => copyInto(x, f(x, other))));
  return x;
}

function checkTarget(name: string, x: Tensor, other: Operand): void {
  const source = other instanceof Tensor ? other : null;
  if (isRecorded([x, source])) {
    throw new KeelError(
      'graph',
      `${x.requiresGrad && x.variable.node === null ? 'a leaf Variable that requires grad is being used in an in-place operation: ' : ''}` +
        `${name} is not recorded; call it inside noGrad, or use the operation that returns a new tensor`,
      { operation: name },
    );
  }
  if (source === null || sameShape(broadcastShape([x.shape, source.shape]), x.shape)) return;
  throw new KeelError(
    'shape',
    `${name}: output with shape [${x.shape.join(', ')}] doesn't match the broadcast shape ` +
      `[${broadcastShape([x.shape, source.shape]).join(', ')}] of ${showShape(x.shape)} and ${showShape(source.shape)}`,
    { shape: x.shape, other: source.shape },
  );
}
