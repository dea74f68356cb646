// Limits on gradients. May import errors, autograd, ops, nn and tensor.

import { noGrad } from '../autograd.js';
import { KeelError, showGiven } from '../errors.js';
import type { Reals } from '../kernels/kernels.js';
import { checkNumber, optionsOf } from '../nn/check.js';
import { checkBackend } from '../ops/check.js';
import { clamp } from '../ops/elementwise.js';
import { mul_ } from '../ops/inplace.js';
import { copyInto } from '../ops/movement.js';
import { scope, Tensor } from '../tensor.js';

/** Options of {@link clipGradNorm_}. */
export interface ClipGradNormOptions {
  /** p of the norm, above 0 or Infinity. Default 2. */
  readonly normType?: number;
  /** Refuse a norm that is NaN or infinite instead of scaling by it. Default false. */
  readonly errorIfNonfinite?: boolean;
}

/**
 * Scales all gradients by min(1, maxNorm/(‖g‖ + 1e-6)), in place, ‖g‖ being the norm of all of them as one vector.
 * Returns ‖g‖ before, accumulated in float64; 0 where no parameter has a gradient.
 *
 * A norm that is NaN or infinite makes gradients NaN, or zeros and NaN, as in PyTorch.
 *
 * @param parameters tensors, or one; those without a gradient are passed over
 * @throws KeelError [argument] for what is no tensor, a normType not above 0, a maxNorm that is no number, and, with
 *   `errorIfNonfinite`, a norm that is not finite; [disposed]. Nothing has been scaled then.
 * @see https://arxiv.org/abs/1211.5063
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html
 * @example
 * loss.backward();
 * clipGradNorm_(model.parameters(), 1);
 * optimizer.step();
 */
export function clipGradNorm_(
  parameters: Tensor | Iterable<Tensor>,
  maxNorm: number,
  options: ClipGradNormOptions = {},
): number {
  const { normType, errorIfNonfinite } = optionsOf('clipGradNorm_', options, { normType: 2, errorIfNonfinite: false });
  checkNumber('maxNorm', maxNorm);
  if (!(typeof normType === 'number' && normType > 0)) {
    throw new KeelError('argument', `normType is a number above 0, or Infinity; got ${String(normType)}`, { normType });
  }
  const gradients = gradientsOf('clipGradNorm_', parameters);
  const total = totalNorm(gradients, normType);
  if (errorIfNonfinite && !Number.isFinite(total)) {
    throw new KeelError(
      'argument',
      `The total norm of order ${normType} for gradients from \`parameters\` is non-finite, so it cannot be clipped: it is ` +
        `${total}. To disable this error and scale the gradients by the non-finite norm anyway, set errorIfNonfinite: false`,
      { total, normType },
    );
  }
  const ratio = maxNorm / (total + 1e-6);
  // A NaN is not below 1 and scales too.
  if (!(ratio >= 1)) noGrad(() => gradients.forEach((gradient) => mul_(gradient, ratio)));
  return total;
}

/**
 * Limits every element of every gradient to −clipValue..clipValue, in place.
 *
 * @throws KeelError [argument] for what is no tensor and a clipValue that is no number; [disposed].
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_value_.html
 * @example
 * clipGradValue_(model.parameters(), 0.5);
 */
export function clipGradValue_(parameters: Tensor | Iterable<Tensor>, clipValue: number): void {
  checkNumber('clipValue', clipValue);
  const gradients = gradientsOf('clipGradValue_', parameters);
  noGrad(() => {
    for (const gradient of gradients) scope(() => copyInto(gradient, clamp(gradient, { min: -clipValue, max: clipValue })));
  });
}

function gradientsOf(name: string, parameters: Tensor | Iterable<Tensor>): Tensor[] {
  const isList = typeof parameters === 'object' && parameters !== null && Symbol.iterator in parameters;
  const given = isList ? [...parameters] : [parameters];
  const gradients = given.flatMap((parameter) => {
    if (parameter instanceof Tensor) return parameter.variable.grad ?? [];
    const message = `${name} takes tensors, got ${showGiven(parameter)}: give model.parameters()`;
    throw new KeelError('argument', message, { given: parameter });
  });
  // Disposed ones are refused before any is written.
  for (const gradient of gradients) checkBackend(name, [gradient]);
  return gradients;
}

function totalNorm(gradients: readonly Tensor[], p: number): number {
  const norm = normOver(gradients, p, 1);
  // Powers of float64 elements may leave its range: they are divided by the largest first.
  const isSafe = p === Infinity || (norm > 1e-150 && norm < Infinity) || Number.isNaN(norm);
  if (isSafe) return norm;
  const largest = normOver(gradients, Infinity, 1);
  return largest === 0 || !Number.isFinite(largest) ? largest : largest * normOver(gradients, p, largest);
}

function normOver(gradients: readonly Tensor[], p: number, scale: number): number {
  let total = 0;
  for (const gradient of gradients) {
    // A gradient has its parameter's dtype, which only floats have.
    const data = gradient.data as Reals;
    total = p === Infinity ? Math.max(total, largestOf(data)) : total + powersOf(data, p, scale);
  }
  if (p === 2) return Math.sqrt(total);
  return p === Infinity ? total : total ** (1 / p);
}

function largestOf(data: Reals): number {
  let largest = 0;
  for (let i = 0; i < data.length; i++) largest = Math.max(largest, Math.abs(data[i]!));
  return largest;
}

function powersOf(data: Reals, p: number, scale: number): number {
  if (p === 2 && scale === 1) return squaresOf(data);
  let total = 0;
  for (let i = 0; i < data.length; i++) total += Math.abs(data[i]! / scale) ** p;
  return total;
}

/** Four sums: each addition to one would wait for the one before. */
function squaresOf(data: Reals): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  const whole = data.length - (data.length % 4);
  for (let i = 0; i < whole; i += 4) {
    a += data[i]! * data[i]!;
    b += data[i + 1]! * data[i + 1]!;
    c += data[i + 2]! * data[i + 2]!;
    d += data[i + 3]! * data[i + 3]!;
  }
  for (let i = whole; i < data.length; i++) a += data[i]! * data[i]!;
  return a + b + (c + d);
}
