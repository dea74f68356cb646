// Elementwise arithmetic with PyTorch's broadcasting: each function lies beside its derivative, which is made of the
// same functions and so can be differentiated again. May import errors, kernels, create, tensor, autograd, check and movement.

import { noGrad, record, useArithmetic } from '../autograd.js';
import { constant, empty } from '../create.js';
import { KeelError, showGiven } from '../errors.js';
import type { BinaryOp, PointwiseOp, UnaryOp } from '../kernels/kernels.js';
import { sameShape, scope, Tensor } from '../tensor.js';
import { broadcastShape, checkBackend, checkDtype, checkFloats, checkTensors } from './check.js';
import { besideFloats, clone, contiguous, copyInto, fill, runPointwise, stretched, sumTo, to } from './movement.js';

/** A tensor, or a number that broadcasts to the other operand. */
export type Operand = Tensor | number;

useArithmetic({
  add: (a, b) => add(a, b),
  addInto: (a, b) => scope(() => copyInto(a, add(a, b))),
  copy: clone,
  onesLike: (x) => {
    const y = empty(x.shape, x.dtype, x);
    fill(y, 1);
    return y;
  },
});

/** −x; dx = −dy. */
export function neg(x: Tensor): Tensor {
  return unary('neg', x, 'nothing', (dy) => neg(dy));
}

/** |x|; dx = dy·sign x. */
export function abs(x: Tensor): Tensor {
  return unary('abs', x, 'x', (dy, saved) => mul(dy, sign(saved)));
}

/** −1, 0 or 1; dx = 0. */
export function sign(x: Tensor): Tensor {
  return unary('sign', x, 'nothing', (dy) => mul(dy, 0));
}

/** eˣ; dx = dy·y. */
export function exp(x: Tensor): Tensor {
  return unary('exp', x, 'y', (dy, y) => mul(dy, y));
}

/** Natural logarithm; dx = dy/x. */
export function log(x: Tensor): Tensor {
  return unary('log', x, 'x', (dy, saved) => div(dy, saved));
}

/** log(1 + x), right for small x; dx = dy/(1 + x). */
export function log1p(x: Tensor): Tensor {
  return unary('log1p', x, 'x', (dy, saved) => div(dy, add(saved, 1)));
}

/** √x; dx = dy/2y. */
export function sqrt(x: Tensor): Tensor {
  return unary('sqrt', x, 'y', (dy, y) => div(dy, mul(y, 2)));
}

/** 1/√x. */
export function rsqrt(x: Tensor): Tensor {
  return scope(() => div(1, sqrt(x)));
}

/** x². */
export function square(x: Tensor): Tensor {
  return mul(x, x);
}

/** 1/x. */
export function reciprocal(x: Tensor): Tensor {
  return div(1, x);
}

/** Sine; dx = dy·cos x. */
export function sin(x: Tensor): Tensor {
  return unary('sin', x, 'x', (dy, saved) => mul(dy, cos(saved)));
}

/** Cosine; dx = −dy·sin x. */
export function cos(x: Tensor): Tensor {
  return unary('cos', x, 'x', (dy, saved) => neg(mul(dy, sin(saved))));
}

/** Hyperbolic tangent; dx = dy·(1 − y²). */
export function tanh(x: Tensor): Tensor {
  return unary('tanh', x, 'y', (dy, y) => mul(dy, sub(1, square(y))));
}

/** 1/(1 + e⁻ˣ); dx = dy·y·(1 − y). */
export function sigmoid(x: Tensor): Tensor {
  return unary('sigmoid', x, 'y', (dy, y) => mul(dy, mul(y, sub(1, y))));
}

/** Error function 2/√π ∫₀ˣ e^(−t²) dt; dx = dy·2/√π·e^(−x²). */
export function erf(x: Tensor): Tensor {
  return unary('erf', x, 'x', (dy, saved) => mul(dy, mul(exp(neg(square(saved))), 2 / Math.sqrt(Math.PI))));
}

/** max(x, 0); dx = dy but where x ≤ 0. */
export function relu(x: Tensor): Tensor {
  return unary('relu', x, 'x', (dy, saved) => where(le(saved, 0), 0, dy));
}

/** Largest whole number not above x; dx = 0. */
export function floor(x: Tensor): Tensor {
  return unary('floor', x, 'nothing', (dy) => mul(dy, 0));
}

/** a + b; da = db = dy. */
export function add(a: Operand, b: Operand): Tensor {
  return binary('add', a, b, 'nothing', (dy) => [() => dy, () => dy]);
}

/** a − b; da = dy, db = −dy. */
export function sub(a: Operand, b: Operand): Tensor {
  return binary('sub', a, b, 'nothing', (dy) => [() => dy, () => neg(dy)]);
}

/** a·b; da = dy·b, db = dy·a. */
export function mul(a: Operand, b: Operand): Tensor {
  return binary('mul', a, b, 'operands', (dy, x, y) => [() => mul(dy, y), () => mul(dy, x)]);
}

/** a/b; da = dy/b, db = −dy·a/b². */
export function div(a: Operand, b: Operand): Tensor {
  return binary('div', a, b, 'operands', (dy, x, y) => [() => div(dy, y), () => neg(mul(div(dy, y), div(x, y)))]);
}

/** aᵇ; da = dy·b·aᵇ⁻¹, 0 where b = 0; db = dy·aᵇ·ln a, 0 where a = 0 and b ≥ 0. */
export function pow(a: Operand, b: Operand): Tensor {
  return binary('pow', a, b, 'operands', (dy, x, y) => [
    () => {
      const flat = eq(y, 0);
      // Where b = 0 the slope of x⁻¹, which may be infinite, must not reach the second derivative.
      return mul(dy, where(flat, 0, mul(y, pow(where(flat, 1, x), sub(y, 1)))));
    },
    () => mul(dy, where(and(eq(x, 0), ge(y, 0)), 0, mul(pow(x, y), log(x)))),
  ]);
}

/** The larger of two, NaN where either is; equal operands share the gradient evenly. */
export function maximum(a: Operand, b: Operand): Tensor {
  return binary('maximum', a, b, 'operands', (dy, x, y) => [() => mul(dy, portion(x, y)), () => mul(dy, portion(y, x))]);
}

/** The smaller of two, NaN where either is; equal operands share the gradient evenly. */
export function minimum(a: Operand, b: Operand): Tensor {
  return binary('minimum', a, b, 'operands', (dy, x, y) => [() => mul(dy, portion(y, x)), () => mul(dy, portion(x, y))]);
}

/** a = b, as bool. */
export function eq(a: Operand, b: Operand): Tensor {
  return compare('eq', a, b);
}

/** a ≠ b, as bool. */
export function ne(a: Operand, b: Operand): Tensor {
  return compare('ne', a, b);
}

/** a < b, as bool. */
export function lt(a: Operand, b: Operand): Tensor {
  return compare('lt', a, b);
}

/** a ≤ b, as bool. */
export function le(a: Operand, b: Operand): Tensor {
  return compare('le', a, b);
}

/** a > b, as bool. */
export function gt(a: Operand, b: Operand): Tensor {
  return compare('gt', a, b);
}

/** a ≥ b, as bool. */
export function ge(a: Operand, b: Operand): Tensor {
  return compare('ge', a, b);
}

/** Both true: of bools. */
export function and(a: Tensor, b: Tensor): Tensor {
  return logic('and', [a, b]);
}

/** Either true: of bools. */
export function or(a: Tensor, b: Tensor): Tensor {
  return logic('or', [a, b]);
}

/** The other truth value: of bools. */
export function not(a: Tensor): Tensor {
  return logic('not', [a]);
}

/**
 * a where the condition holds, b elsewhere; the gradient goes the same way.
 *
 * @throws KeelError [dtype] when the condition is no bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.where.html
 * @example
 * where(tensor([true, false]), tensor([1, 2]), 0).toArray(); // [1, 0]
 */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  checkTensors('where', [condition]);
  if (condition.dtype !== 'bool') {
    throw new KeelError('dtype', `where expected condition to be a boolean tensor, but got ${condition.dtype}: compare first`, {
      dtype: condition.dtype,
    });
  }
  const [x, y] = operands('where', a, b, condition);
  checkDtype('where', [x, y]);
  const out = evaluate('where', [besideFloats(condition, x), x, y], x.dtype);
  const shapes = [x.shape, y.shape] as const;
  record({
    name: 'WhereBackward',
    inputs: [x, y],
    outputs: [out],
    saved: [condition],
    backward: ([dy], [chosen]) =>
      dy && chosen ? [sumTo(where(chosen, dy, 0), shapes[0]), sumTo(where(chosen, 0, dy), shapes[1])] : [],
  });
  disposeConstants([a, b], [x, y]);
  return out;
}

/**
 * x limited to at least `min` and at most `max`; dx = dy where it is within.
 *
 * @throws KeelError [argument] when neither limit is given.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.clamp.html
 * @example
 * tensor([-2, 0.5, 3]).clamp({ min: 0, max: 1 }).toArray(); // [0, 0.5, 1]
 */
export function clamp(x: Tensor, limits: { min?: number; max?: number }): Tensor {
  const { min = -Infinity, max = Infinity } = limits ?? {};
  if (limits?.min === undefined && limits?.max === undefined) {
    const message = "clamp: At least one of 'min' or 'max' must be given, as in x.clamp({ min: 0 })";
    throw new KeelError('argument', message, { limits });
  }
  const y = noGrad(() => scope(() => minimum(maximum(x, min), max)));
  record({
    name: 'ClampBackward',
    inputs: [x],
    outputs: [y],
    saved: [x],
    // A NaN stays, but is not within.
    backward: ([dy], [saved]) => [dy ? where(and(ge(saved, min), le(saved, max)), dy, 0) : null],
  });
  return y;
}

function unary(op: UnaryOp, x: Tensor, save: 'x' | 'y' | 'nothing', dx: (dy: Tensor, saved: Tensor) => Tensor): Tensor {
  checkFloats(op, [x]);
  const y = evaluate(op, [x], x.dtype);
  record({
    name: nodeName(op),
    inputs: [x],
    outputs: [y],
    saved: save === 'x' ? [x] : save === 'y' ? [y] : [],
    // What saves nothing does not look at it.
    backward: ([dy], [saved]) => [dy ? dx(dy, saved ?? dy) : null],
  });
  return y;
}

/** Gradients of the two operands before they are summed to the operands' shapes; only those needed are computed. */
type Partials = (dy: Tensor, a: Tensor, b: Tensor) => [() => Tensor, () => Tensor];

function binary(op: BinaryOp, a: Operand, b: Operand, save: 'operands' | 'nothing', partials: Partials): Tensor {
  const [x, y] = operands(op, a, b);
  checkFloats(op, [x, y]);
  const out = evaluate(op, [x, y], x.dtype);
  const needs = [x.requiresGrad, y.requiresGrad];
  const shapes = [x.shape, y.shape];
  record({
    name: nodeName(op),
    inputs: [x, y],
    outputs: [out],
    // What saves nothing does not look at it.
    saved: save === 'operands' ? [x, y] : [],
    backward: ([dy], [savedX, savedY]) =>
      dy ? partials(dy, savedX ?? dy, savedY ?? dy).map((partial, i) => (needs[i] ? sumTo(partial(), shapes[i] ?? []) : null)) : [],
  });
  disposeConstants([a, b], [x, y]);
  return out;
}

/** 0 where a < b, a half where they are equal, 1 elsewhere: PyTorch gives both of a NaN and its partner the whole. */
function portion(a: Tensor, b: Tensor): Tensor {
  return sub(sub(1, to(lt(a, b), a.dtype)), mul(to(eq(a, b), a.dtype), 0.5));
}

function compare(op: BinaryOp, a: Operand, b: Operand): Tensor {
  const [x, y] = operands(op, a, b);
  checkBackend(op, [x, y]);
  checkDtype(op, [x, y]);
  const out = evaluate(op, [x, y], 'bool');
  disposeConstants([a, b], [x, y]);
  return out;
}

function logic(op: PointwiseOp, inputs: readonly Tensor[]): Tensor {
  checkBackend(op, inputs);
  for (const { dtype } of inputs) {
    if (dtype !== 'bool') throw new KeelError('dtype', `${op} takes bools, got ${dtype}: compare with 0 first`, { dtype });
  }
  return evaluate(op, inputs, 'bool');
}

function operands(op: PointwiseOp, a: Operand, b: Operand, like?: Tensor): [Tensor, Tensor] {
  const model = a instanceof Tensor ? a : b instanceof Tensor ? b : null;
  const asTensor = (operand: Operand): Tensor => {
    if (operand instanceof Tensor) return operand;
    if (typeof operand !== 'number') {
      throw new KeelError('argument', `${op} takes tensors and numbers, got ${showGiven(operand)}`, { operation: op });
    }
    if (model !== null) return constant(operand, model.dtype, model);
    if (like !== undefined) return constant(operand, 'float32', like);
    throw new KeelError('argument', `${op} needs a tensor among its operands, got ${String(a)} and ${String(b)}`, { a, b });
  };
  return [asTensor(a), asTensor(b)];
}

/** Gives back the scalars that stood for numbers; what the tape saved of them stays. */
function disposeConstants(given: readonly Operand[], used: readonly Tensor[]): void {
  used.forEach((tensor, i) => {
    if (tensor !== given[i]) tensor.dispose();
  });
}

function evaluate(op: PointwiseOp, inputs: readonly Tensor[], dtype: Tensor['dtype']): Tensor {
  checkBackend(op, inputs);
  const shapes = inputs.map((input) => input.shape);
  const [first] = shapes;
  const shape = first !== undefined && shapes.every((other) => sameShape(other, first)) ? first : broadcastShape(shapes);
  const y = empty(shape, dtype, inputs[0]);
  runPointwise(
    op,
    inputs.map((input) => [input, stretched(input.shape, shape)] as const),
    [y, contiguous(shape)],
    shape,
  );
  return y;
}

function nodeName(op: PointwiseOp): string {
  return `${op.charAt(0).toUpperCase()}${op.slice(1)}Backward`;
}
