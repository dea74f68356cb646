// Activations made of elementwise operations, and those that have kernels of their own. May import errors, kernels, create,
// tensor, autograd, check, movement and elementwise.

import { isCreatingGraph, noGrad, record } from '../autograd.js';
import { empty } from '../create.js';
import { KeelError } from '../errors.js';
import type { BinaryOp, UnaryOp } from '../kernels/kernels.js';
import { scope, type Tensor } from '../tensor.js';
import { checkFloats } from './check.js';
import {
  abs, add, clamp, div, erf, exp, ge, gt, le, log1p, maximum, mul, neg, or, sigmoid, sub, where,
} from './elementwise.js';
import { contiguous, runPointwise } from './movement.js';

/**
 * x·Φ(x): with the error function (`none`), or with its approximation by tanh; dx = dy·(Φ(x) + x·Φ′(x)).
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.gelu.html
 * @example
 * gelu(tensor([-1, 0, 1]));
 */
export function gelu(x: Tensor, approximate: 'none' | 'tanh' = 'none'): Tensor {
  checkFloats('gelu', [x]);
  switch (approximate) {
    case 'none':
      return fused('gelu', 'gelu_backward', x, geluSlope);
    case 'tanh':
      return fused('gelu_tanh', 'gelu_tanh_backward', x, geluTanhSlope);
    default:
      throw new KeelError('argument', `approximate argument must be either none or tanh, got '${String(approximate)}'`, {
        approximate,
      });
  }
}

/**
 * x·sigmoid(x); with s the sigmoid, dx = dy·s·(1 + x·(1 − s)).
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.silu.html
 * @example
 * silu(tensor([-1, 0, 1]));
 */
export function silu(x: Tensor): Tensor {
  checkFloats('silu', [x]);
  return fused('silu', 'silu_backward', x, (saved) => {
    const s = sigmoid(saved);
    return mul(s, add(mul(saved, sub(1, s)), 1));
  });
}

/**
 * x where positive, slope·x elsewhere.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.leaky_relu.html
 * @example
 * leakyRelu(tensor([-2, 3]), 0.5).toArray(); // [-1, 3]
 */
export function leakyRelu(x: Tensor, negativeSlope = 0.01): Tensor {
  checkFloats('leakyRelu', [x]);
  return scope(() => where(gt(x, 0), x, mul(x, negativeSlope)));
}

/**
 * x where positive, alpha·(eˣ − 1) elsewhere.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.elu.html
 * @example
 * elu(tensor([-1, 2]));
 */
export function elu(x: Tensor, alpha = 1): Tensor {
  checkFloats('elu', [x]);
  // exp of a large positive x must not overflow where it is not used: its gradient would be 0·∞.
  return scope(() => where(le(x, 0), mul(sub(exp(where(le(x, 0), x, 0)), 1), alpha), x));
}

/**
 * x limited to 0..6; dx = 0 at the limits too.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.relu6.html
 * @example
 * relu6(tensor([-1, 3, 8])).toArray(); // [0, 3, 6]
 */
export function relu6(x: Tensor): Tensor {
  checkFloats('relu6', [x]);
  return scope(() => where(or(le(x, 0), ge(x, 6)), noGrad(() => clamp(x, { min: 0, max: 6 })), x));
}

/**
 * log(1 + e^(beta·x))/beta, and x itself where beta·x > threshold; dx = dy·sigmoid(beta·x), and dy there.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softplus.html
 * @example
 * softplus(tensor([0, 30])).toArray(); // [0.6931471824645996, 30]
 */
export function softplus(x: Tensor, beta = 1, threshold = 20): Tensor {
  checkFloats('softplus', [x]);
  const y = noGrad(() => scope(() => {
    const scaled = mul(x, beta);
    const smooth = div(add(maximum(scaled, 0), log1p(exp(neg(abs(scaled))))), beta);
    return where(gt(scaled, threshold), x, smooth);
  }));
  record({
    name: 'SoftplusBackward',
    inputs: [x],
    outputs: [y],
    saved: [x],
    backward: ([dy], [saved]) => {
      if (!dy) return [];
      const scaled = mul(saved, beta);
      return [where(gt(scaled, threshold), dy, mul(dy, sigmoid(scaled)))];
    },
  });
  return y;
}

/** One sweep forward, and one backward unless that must be recorded: then dy·slope, of operations that can be. */
function fused(op: UnaryOp, backwardOp: BinaryOp, x: Tensor, slope: (x: Tensor) => Tensor): Tensor {
  const y = sweep(op, [x]);
  record({
    name: `${op.charAt(0).toUpperCase()}${op.slice(1)}Backward`,
    inputs: [x],
    outputs: [y],
    saved: [x],
    backward: ([dy], [saved]) => {
      if (!dy) return [];
      return [isCreatingGraph() ? mul(dy, slope(saved)) : sweep(backwardOp, [dy, saved])];
    },
  });
  return y;
}

/** An elementwise function of operands of one shape. Not recorded. */
function sweep(op: UnaryOp | BinaryOp, inputs: readonly [Tensor, ...Tensor[]]): Tensor {
  const [{ shape, dtype }] = inputs;
  const y = empty(shape, dtype, inputs[0]);
  const layout = contiguous(shape);
  runPointwise(op, inputs.map((input) => [input, layout] as const), [y, layout], shape);
  return y;
}

/** Φ(x) + x·Φ′(x). */
function geluSlope(x: Tensor): Tensor {
  const share = mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5);
  return add(share, mul(x, mul(exp(mul(mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI))));
}

/** The slope of x·s for s = sigmoid(2u), u = √(2/π)·(x + 0.044715·x³): s·(1 + (1 − s)·x·2u′). */
function geluTanhSlope(x: Tensor): Tensor {
  const [c, xx] = [2 * Math.sqrt(2 / Math.PI), mul(x, x)];
  const s = sigmoid(mul(mul(x, add(mul(xx, 0.044715), 1)), c));
  return mul(s, add(mul(sub(1, s), mul(mul(x, add(mul(xx, 3 * 0.044715), 1)), c)), 1));
}
