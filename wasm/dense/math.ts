// Elementary functions of four float32, to 2e-7 of their values or of 1. Minimax coefficients by Lawson's iteration on
// Chebyshev points, those of ratios on the linearized problem. They lie in memory, as engines build a vector constant
// anew in every turn of a loop, in three instructions.

const EXP = 0, LOG = 8, TANH = 20, ERF = 26, ERFC = 33, GELU = 43, SLOPE = 56, PLAIN = 72, GATE = 81, EXP2 = 91;
const table = memory.data<f32>([
  // e^r = 1 + r + r²·(...) for |r| <= ln 2 / 2; before that 1.5·2^23, log2 e, and ln 2 in two parts.
  12582912, 1.44269504, 0.693359375, -2.12194440e-4, 0.499992013, 0.166671336, 0.0418944992, 0.00831204932,
  // log(1 + f) = f - f²/2 + f³·(...) for sqrt(1/2) <= 1 + f < sqrt(2); then 2^23 and two bounds.
  0.333333135, -0.250000089, 0.200021192, -0.166679963, 0.142195523, -0.124055877, 0.118881643, -0.116756596, 0.0674664527,
  8388608, 1.17549435e-38, 5.96e-8,
  // tanh x = x + x³·(...) for |x| <= 0.63; then where that ends.
  -0.333332777, 0.133313313, -0.0537300073, 0.0206061732, -0.00566697353, 0.625,
  // erf x = x·(...) of x² for |x| <= 0.95, then where that ends; log(1 - erf x) up to 4, then that.
  1.12837911, -0.376124471, 0.112813205, -0.0267488658, 0.00496750884, -0.000586208946, 0.92,
  0.000170550164, -1.12949514, -0.633386672, -0.108236596, 0.0250914805, -0.00416052062, 0.000432301662, -2.09094324e-05, 4, -4,
  // Φ(x) - 1/2 = x·P(x²)/Q(x²) within ±bound, where it rounds to 1/2; Q begins with x^10.
  5.1999993, -5.1999993, 11.770204544067383, 639.4409790039062, 10830.6884765625, 98465.765625, 765558.625,
  229.35296630859375, 5400.91650390625, 73637.1796875, 566632.6875, 1918972.875, 0,
  // Φ(x) + x·φ(x) - 1/2, likewise; Q begins with x^14.
  6.0000024, -6.0000024, 9.91243839263916, 180.7409210205078, 36826.76171875, -68083.40625, 15588950, -39846760, 862979008,
  114.82705688476562, 7465.71484375, 191088.609375, 3482346.5, 41945012, 310588864, 1081583616,
  // 0, 1, 1/2, -2, infinity, NaN; the bounds of exp and of its quick form.
  0, 1, 0.5, -2, Infinity, NaN, 89, -104, -88,
  // Gates: the bound of x and its opposite, p, q and 3q; sigmoid(x), then tanh's GELU.
  1e18, -1e18, 1, 0, 0, 13, -13, 1.59576917, 0.0713548163, 0.214064449,
  // 2^f = 1 + f·(...) for |f| <= 1/2.
  0.693147004, 0.240222424, 0.0555073358, 0.00967151299, 0.00132647273,
]);

// @ts-ignore: decorator
@inline
function k(i: usize): v128 {
  return v128.load32_splat(table + (i << 2));
}

// @ts-ignore: decorator
@inline
export function one(): v128 {
  return k(PLAIN + 1);
}

/** a·b + c. */
// @ts-ignore: decorator
@inline
function mad(a: v128, b: v128, c: v128): v128 {
  return f32x4.add(f32x4.mul(a, b), c);
}

/** x within two entries of the table; NaN stays. */
// @ts-ignore: decorator
@inline
function within(x: v128, highest: usize, least: usize): v128 {
  return f32x4.pmax(f32x4.pmin(x, k(highest)), k(least));
}

// @ts-ignore: decorator
@inline
export function exp4(v: v128): v128 {
  const x = within(v, PLAIN + 6, PLAIN + 7);
  // The sum rounds to a whole n, which is then in its low bits.
  const count = mad(x, k(EXP + 1), k(EXP)), n = f32x4.sub(count, k(EXP));
  const r = f32x4.sub(f32x4.sub(x, f32x4.mul(n, k(EXP + 2))), f32x4.mul(n, k(EXP + 3)));
  let p = mad(r, k(EXP + 7), k(EXP + 6));
  p = mad(r, p, k(EXP + 5));
  p = mad(r, p, k(EXP + 4));
  const y = f32x4.add(mad(f32x4.mul(r, r), p, r), one());
  // In two steps, as 2^128 is no float32, nor 2^-150; products, as sums of bits would make numbers of NaNs.
  const whole = i32x4.sub(count, k(EXP)), half = i32x4.shr_s(whole, 1);
  return f32x4.mul(f32x4.mul(y, power4(half)), power4(i32x4.sub(whole, half)));
}

/** 2^n. */
// @ts-ignore: decorator
@inline
function power4(n: v128): v128 {
  return i32x4.add(i32x4.shl(n, 23), one());
}

/** exp for x <= 0 by 2^t, t = x·log2 e as rounded, which costs as much as the rounding of x; 0 for what would be subnormal. */
// @ts-ignore: decorator
@inline
export function expNegative4(x: v128): v128 {
  // At the bound n is -127, whose power comes out as 0.
  const t = f32x4.mul(f32x4.pmax(x, k(PLAIN + 8)), k(EXP + 1));
  const count = f32x4.add(t, k(EXP)), f = f32x4.sub(t, f32x4.sub(count, k(EXP)));
  let p = mad(f, k(EXP2 + 4), k(EXP2 + 3));
  p = mad(f, p, k(EXP2 + 2));
  p = mad(f, p, k(EXP2 + 1));
  p = mad(f, p, k(EXP2));
  return f32x4.mul(mad(f, p, one()), power4(count));
}

// @ts-ignore: decorator
@inline
function log4(x: v128): v128 {
  const small = f32x4.lt(x, k(LOG + 10));
  const bits = i32x4.sub(v128.bitselect(f32x4.mul(x, k(LOG + 9)), x, small), i32x4.splat(0x3f3504f3));
  const e = f32x4.convert_i32x4_s(i32x4.sub(i32x4.shr_s(bits, 23), v128.and(small, i32x4.splat(23))));
  const f = f32x4.sub(i32x4.add(v128.and(bits, i32x4.splat(0x7fffff)), i32x4.splat(0x3f3504f3)), one());
  const z = f32x4.mul(f, f);
  let p = mad(f, k(LOG + 8), k(LOG + 7));
  p = mad(f, p, k(LOG + 6));
  p = mad(f, p, k(LOG + 5));
  p = mad(f, p, k(LOG + 4));
  p = mad(f, p, k(LOG + 3));
  p = mad(f, p, k(LOG + 2));
  p = mad(f, p, k(LOG + 1));
  p = mad(f, p, k(LOG));
  p = mad(e, k(EXP + 3), f32x4.mul(f32x4.mul(f, z), p));
  p = mad(e, k(EXP + 2), f32x4.add(f, f32x4.sub(p, f32x4.mul(z, k(PLAIN + 2)))));
  p = v128.bitselect(p, k(PLAIN + 5), f32x4.ge(x, k(PLAIN)));
  p = v128.bitselect(x, p, f32x4.eq(x, k(PLAIN + 4)));
  return v128.bitselect(f32x4.neg(k(PLAIN + 4)), p, f32x4.eq(x, k(PLAIN)));
}

/** log(shift + x) for a shift of 0 or 1: log u + (x - (u - shift))/u, where u is the sum rounded. */
// @ts-ignore: decorator
@inline
export function logShifted4(x: v128, shift: v128): v128 {
  const u = f32x4.add(x, shift);
  const large = f32x4.sub(shift, f32x4.sub(u, x)), small = f32x4.sub(x, f32x4.sub(u, shift));
  const lost = f32x4.div(v128.bitselect(large, small, f32x4.ge(x, one())), u);
  const isPlain = v128.and(f32x4.gt(u, k(PLAIN)), f32x4.lt(u, k(PLAIN + 4)));
  const y = f32x4.add(log4(u), v128.and(lost, isPlain));
  return v128.bitselect(x, y, f32x4.lt(f32x4.abs(x), f32x4.mul(shift, k(LOG + 11))));
}

/** y with the sign of x. */
// @ts-ignore: decorator
@inline
function withSign(y: v128, x: v128): v128 {
  return v128.bitselect(x, y, i32x4.splat(0x80000000));
}

// @ts-ignore: decorator
@inline
export function tanh4(x: v128): v128 {
  const z = f32x4.abs(x), t = f32x4.mul(x, x);
  let p = mad(t, k(TANH + 4), k(TANH + 3));
  p = mad(t, p, k(TANH + 2));
  p = mad(t, p, k(TANH + 1));
  p = mad(t, p, k(TANH));
  const small = mad(f32x4.mul(x, t), p, x);
  const e = expNegative4(f32x4.mul(z, k(PLAIN + 3)));
  const large = f32x4.div(f32x4.sub(one(), e), f32x4.add(one(), e));
  return withSign(v128.bitselect(large, small, f32x4.gt(z, k(TANH + 5))), x);
}

// @ts-ignore: decorator
@inline
function sigmoid4(x: v128): v128 {
  const e = exp4(f32x4.neg(f32x4.abs(x)));
  return f32x4.div(v128.bitselect(one(), e, f32x4.ge(x, k(PLAIN))), f32x4.add(e, one()));
}

/** sigmoid of x or, in tanh's GELU, of 2·sqrt(2/π)·(x + 0.044715·x³), as c·(p + q·c²) of x within bounds that lose nothing. */
// @ts-ignore: decorator
@inline
export function gate4(x: v128, isTanh: bool): v128 {
  const at: usize = isTanh ? GATE + 5 : GATE;
  const c = within(x, at, at + 1);
  return sigmoid4(f32x4.mul(c, mad(f32x4.mul(c, c), k(at + 3), k(at + 2))));
}

/** The slope of x times that: s·(1 + (1 - s)·c·(p + 3·q·c²)). */
// @ts-ignore: decorator
@inline
export function gateSlope4(x: v128, isTanh: bool): v128 {
  const at: usize = isTanh ? GATE + 5 : GATE;
  const c = within(x, at, at + 1), t = f32x4.mul(c, c);
  const v = f32x4.mul(c, mad(t, k(at + 3), k(at + 2)));
  const inner = f32x4.mul(c, mad(t, k(at + 4), k(at + 2)));
  // Both s and 1 - s as they are: a difference would be left with a few bits.
  const e = exp4(f32x4.neg(f32x4.abs(v))), share = f32x4.div(one(), f32x4.add(e, one())), rest = f32x4.mul(e, share);
  const isPositive = f32x4.ge(v, k(PLAIN));
  const s = v128.bitselect(share, rest, isPositive), other = v128.bitselect(rest, share, isPositive);
  // NaN at infinity, where PyTorch's formula has infinity times 0.
  const plain = f32x4.add(f32x4.sub(x, x), one());
  return f32x4.mul(s, f32x4.add(f32x4.mul(other, inner), plain));
}

// @ts-ignore: decorator
@inline
export function erf4(v: v128): v128 {
  const x = within(v, ERFC + 8, ERFC + 9), z = f32x4.abs(x), t = f32x4.mul(x, x);
  let p = mad(t, k(ERF + 5), k(ERF + 4));
  p = mad(t, p, k(ERF + 3));
  p = mad(t, p, k(ERF + 2));
  p = mad(t, p, k(ERF + 1));
  p = mad(t, p, k(ERF));
  let q = mad(z, k(ERFC + 7), k(ERFC + 6));
  q = mad(z, q, k(ERFC + 5));
  q = mad(z, q, k(ERFC + 4));
  q = mad(z, q, k(ERFC + 3));
  q = mad(z, q, k(ERFC + 2));
  q = mad(z, q, k(ERFC + 1));
  q = mad(z, q, k(ERFC));
  const large = f32x4.sub(one(), expNegative4(q));
  return v128.bitselect(withSign(large, x), f32x4.mul(x, p), f32x4.gt(z, k(ERF + 6)));
}

/** x·Φ(x). */
// @ts-ignore: decorator
@inline
export function gelu4(x: v128): v128 {
  const c = within(x, GELU, GELU + 1), t = f32x4.mul(c, c);
  let p = mad(t, k(GELU + 2), k(GELU + 3));
  p = mad(t, p, k(GELU + 4));
  p = mad(t, p, k(GELU + 5));
  p = mad(t, p, k(GELU + 6));
  let q = f32x4.add(t, k(GELU + 7));
  q = mad(t, q, k(GELU + 8));
  q = mad(t, q, k(GELU + 9));
  q = mad(t, q, k(GELU + 10));
  q = mad(t, q, k(GELU + 11));
  return f32x4.mul(x, f32x4.add(f32x4.div(f32x4.mul(c, p), q), k(PLAIN + 2)));
}

/** Φ(x) + x·φ(x), the slope of x·Φ(x). */
// @ts-ignore: decorator
@inline
export function geluSlope4(x: v128): v128 {
  const c = within(x, SLOPE, SLOPE + 1), t = f32x4.mul(c, c);
  let p = mad(t, k(SLOPE + 2), k(SLOPE + 3));
  p = mad(t, p, k(SLOPE + 4));
  p = mad(t, p, k(SLOPE + 5));
  p = mad(t, p, k(SLOPE + 6));
  p = mad(t, p, k(SLOPE + 7));
  p = mad(t, p, k(SLOPE + 8));
  let q = f32x4.add(t, k(SLOPE + 9));
  q = mad(t, q, k(SLOPE + 10));
  q = mad(t, q, k(SLOPE + 11));
  q = mad(t, q, k(SLOPE + 12));
  q = mad(t, q, k(SLOPE + 13));
  q = mad(t, q, k(SLOPE + 14));
  q = mad(t, q, k(SLOPE + 15));
  // NaN at infinity, where PyTorch's formula has infinity times 0.
  const half = f32x4.add(f32x4.sub(x, x), k(PLAIN + 2));
  return f32x4.add(f32x4.div(f32x4.mul(c, p), q), half);
}
