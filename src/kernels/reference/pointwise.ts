// Elementwise functions over strided operands. May import erf and kernels.

import { erf } from '../../erf.js';
import { int64Of } from '../int64.js';
import type { Data, PointwiseOp, Strided } from '../kernels.js';

type Elementwise = (a: number, b: number, c: number) => number;

const functions: Readonly<Record<PointwiseOp, Elementwise>> = {
  copy: (a) => a,
  neg: (a) => -a,
  abs: Math.abs,
  // 0 for NaN and for -0, as in PyTorch.
  sign: (a) => Number(a > 0) - Number(a < 0),
  exp: Math.exp,
  log: Math.log,
  log1p: Math.log1p,
  sqrt: Math.sqrt,
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  sigmoid,
  erf,
  // NaN stays NaN, as in PyTorch.
  relu: (a) => (a <= 0 ? 0 : a),
  floor: Math.floor,
  not: (a) => Number(a === 0),
  gelu: (x) => x * normal(x),
  gelu_tanh: (x) => x * sigmoid(2 * tanhArgument(x)),
  silu: (x) => x * sigmoid(x),
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  pow,
  maximum: (a, b) => Math.max(a, b),
  minimum: (a, b) => Math.min(a, b),
  eq: (a, b) => Number(a === b),
  ne: (a, b) => Number(a !== b),
  lt: (a, b) => Number(a < b),
  le: (a, b) => Number(a <= b),
  gt: (a, b) => Number(a > b),
  ge: (a, b) => Number(a >= b),
  and: (a, b) => Number(a !== 0 && b !== 0),
  or: (a, b) => Number(a !== 0 || b !== 0),
  gelu_backward: (dy, x) => dy * (normal(x) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI)),
  gelu_tanh_backward: (dy, x) => {
    const s = sigmoid(2 * tanhArgument(x));
    return dy * s * (1 + (1 - s) * x * 2 * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x));
  },
  silu_backward: (dy, x) => dy * sigmoid(x) * (1 + x * (1 - sigmoid(x))),
  where: (a, b, c) => (a !== 0 ? b : c),
};

/** out[...] = op(inputs[0][...], inputs[1][...], ...) over every index of `shape`. */
export function pointwise(
  op: PointwiseOp,
  shape: readonly number[],
  inputs: readonly Strided<Data>[],
  out: Strided<Data>,
): void {
  const f = functions[op];
  const exact = out.data instanceof BigInt64Array;
  const [a, b, c] = [operand(inputs[0], exact), operand(inputs[1], exact), operand(inputs[2], exact)];
  const set = writer(out.data);

  function walk(axis: number, atA: number, atB: number, atC: number, atOut: number): void {
    if (axis === shape.length) {
      set(atOut, f(a.get(atA), b.get(atB), c.get(atC)));
      return;
    }
    const [stepA, stepB, stepC] = [a.strides[axis] ?? 0, b.strides[axis] ?? 0, c.strides[axis] ?? 0];
    const stepOut = out.strides[axis]!;
    for (let i = 0; i < shape[axis]!; i++) {
      walk(axis + 1, atA + i * stepA, atB + i * stepB, atC + i * stepC, atOut + i * stepOut);
    }
  }
  walk(0, a.offset, b.offset, c.offset, out.offset);
}

/** An operand with its reader; one that the function does not take reads as 0. */
function operand(input: Strided<Data> | undefined, exact: boolean) {
  return input === undefined
    ? { get: () => 0, offset: 0, strides: [] }
    : { get: reader(input.data, exact), offset: input.offset, strides: input.strides };
}

function reader(data: Data, exact: boolean): (at: number) => number {
  if (!(data instanceof BigInt64Array)) return (at) => data[at]!;
  // From int64 to int64 only `copy` and `where` run, which pass a bigint through; as a number it would lose digits.
  return exact ? (at) => data[at]! as unknown as number : (at) => Number(data[at]!);
}

function writer(data: Data): (at: number, value: number) => void {
  if (data instanceof BigInt64Array) {
    return (at, value) => {
      data[at] = int64Of(value);
    };
  }
  if (data instanceof Uint8Array) {
    return (at, value) => {
      data[at] = value === 0 ? 0 : 1;
    };
  }
  return (at, value) => {
    data[at] = value;
  };
}

/** C's pow, which PyTorch follows: JavaScript gives NaN for 1 to the power of NaN or ±Infinity. */
function pow(base: number, exponent: number): number {
  return base === 1 || (base === -1 && Math.abs(exponent) === Infinity) ? 1 : base ** exponent;
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** The share of a normal distribution below x. */
function normal(x: number): number {
  return (1 + erf(x * Math.SQRT1_2)) / 2;
}

/** What GELU by tanh takes the tanh of; (1 + tanh u)/2 is sigmoid(2u). */
function tanhArgument(x: number): number {
  return Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);
}
