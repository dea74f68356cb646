// Contiguous rows with parameters along them, forward: LayerNorm and RMSNorm over the last axes. One loop writes a row
// while it sweeps the next, so that reads from memory overlap with arithmetic and stores.

import { ForwardArgs } from './args';
import { generalForward } from './general';
import { hsum, pilot } from './lanes';
import { AGAIN, correction, isPiloted, pilotOfSet, reciprocal, settle, UNFIT } from './settle';

/** Longest run of elements whose sums stay in float32. */
export const BLOCK = 4096;
/** Sweeps about ever better pilots, after which a row goes to float64. */
export const MOST_SWEEPS = 4;
/** Between the scratch rows: equal offsets in a page would share cache sets. */
export const PAD = 192;

/** Sums of a sweep: Σu and Σu². */
export let sum: f64 = 0;
export let squares: f64 = 0;

/** Items are rows. extra0 and extra1 are the addresses of ones and zeros, for a missing weight and bias. */
export function rowsForward(args: usize, from: i32, to: i32, scratch: usize): void {
  forward(changetype<ForwardArgs>(args), from, to, scratch, false);
}

/** The same of x + residual, which is written to `sum`. */
export function rowsForwardAdd(args: usize, from: i32, to: i32, scratch: usize): void {
  forward(changetype<ForwardArgs>(args), from, to, scratch, true);
}

// @ts-ignore: decorator
@inline
function forward(a: ForwardArgs, from: i32, to: i32, deviations: usize, adds: bool): void {
  const width = <i32>a.r0, bytes = <usize>width << 2, affine = <usize>a.affine << 2;
  const x = <usize>a.x, residual = <usize>a.residual, total = <usize>a.sum, y = <usize>a.y;
  const weight = weightOf(a), bias = biasOf(a), weightStep = stepOf(a.weight), biasStep = stepOf(a.bias);
  // Where the output goes while no row waits to be written.
  const nowhere = deviations + bytes + PAD;
  memory.fill(deviations, 0, bytes);
  let out = nowhere, at: usize = 0, c: f32 = 0, r: f32 = 0;

  for (let row = from; row < to; row++) {
    const start = <usize>row * bytes;
    let k: f64 = isPiloted(a) ? firstPilot(x + start, width) : givenPilot(a, row);
    if (adds && isPiloted(a)) k = <f64><f32>(k + firstPilot(residual + start, width));
    let verdict = AGAIN;
    for (let sweeps = 0; verdict == AGAIN && sweeps < MOST_SWEEPS; sweeps++) {
      sum = squares = 0;
      for (let i: usize = 0; i < bytes; i += BLOCK * 4) {
        sweepAndWrite(
          x + start + i, residual + start + i, total + start + i, deviations + i, out + i,
          weight + (weightStep != 0 ? at + i : 0), bias + (biasStep != 0 ? at + i : 0), min(bytes - i, BLOCK * 4), weightStep, biasStep, <f32>k, c, r, adds,
        );
      }
      out = nowhere;
      verdict = settle(a, row, k, sum, squares);
      k = pilotOfSet;
    }
    if (verdict != 0) {
      generalForward(a, row);
    } else {
      c = <f32>correction;
      r = <f32>reciprocal;
      out = y + start;
      at = affine > bytes ? start % affine : 0;
    }
  }
  if (out != nowhere) {
    write(deviations, out, weight + (weightStep != 0 ? at : 0), bias + (biasStep != 0 ? at : 0), bytes, weightStep, biasStep, 0, c, r);
  }
}

/**
 * Sweeps a block of a row, u = x - k, and leaves u where it found that of the row before, whose
 * y = (u - c) · r · weight + bias it writes.
 */
// @ts-ignore: decorator
@inline
function sweepAndWrite(
  x: usize, residual: usize, total: usize, u: usize, y: usize, w: usize, b: usize,
  bytes: usize, weightStep: usize, biasStep: usize, kf: f32, cf: f32, rf: f32, adds: bool,
): void {
  const k = f32x4.splat(kf), c = f32x4.splat(cf), r = f32x4.splat(rf);
  const end = u + bytes, end16 = u + (bytes & ~63), end4 = u + (bytes & ~15);
  let s0 = f32x4.splat(0), s1 = s0, q0 = s0, q1 = s0;
  while (u < end16) {
    let x0 = v128.load(x);
    if (adds) {
      x0 = f32x4.add(x0, v128.load(residual));
      v128.store(total, x0);
    }
    const o0 = v128.load(u), n0 = f32x4.sub(x0, k);
    v128.store(u, n0);
    v128.store(y, f32x4.add(f32x4.mul(f32x4.mul(f32x4.sub(o0, c), r), v128.load(w)), v128.load(b)));
    s0 = f32x4.add(s0, n0);
    q0 = f32x4.add(q0, f32x4.mul(n0, n0));
    let x1 = v128.load(x, 16);
    if (adds) {
      x1 = f32x4.add(x1, v128.load(residual, 16));
      v128.store(total, x1, 16);
    }
    const o1 = v128.load(u, 16), n1 = f32x4.sub(x1, k);
    v128.store(u, n1, 16);
    v128.store(y, f32x4.add(f32x4.mul(f32x4.mul(f32x4.sub(o1, c), r), v128.load(w, 16)), v128.load(b, 16)), 16);
    s1 = f32x4.add(s1, n1);
    q1 = f32x4.add(q1, f32x4.mul(n1, n1));
    let x2 = v128.load(x, 32);
    if (adds) {
      x2 = f32x4.add(x2, v128.load(residual, 32));
      v128.store(total, x2, 32);
    }
    const o2 = v128.load(u, 32), n2 = f32x4.sub(x2, k);
    v128.store(u, n2, 32);
    v128.store(y, f32x4.add(f32x4.mul(f32x4.mul(f32x4.sub(o2, c), r), v128.load(w, 32)), v128.load(b, 32)), 32);
    s0 = f32x4.add(s0, n2);
    q0 = f32x4.add(q0, f32x4.mul(n2, n2));
    let x3 = v128.load(x, 48);
    if (adds) {
      x3 = f32x4.add(x3, v128.load(residual, 48));
      v128.store(total, x3, 48);
    }
    const o3 = v128.load(u, 48), n3 = f32x4.sub(x3, k);
    v128.store(u, n3, 48);
    v128.store(y, f32x4.add(f32x4.mul(f32x4.mul(f32x4.sub(o3, c), r), v128.load(w, 48)), v128.load(b, 48)), 48);
    s1 = f32x4.add(s1, n3);
    q1 = f32x4.add(q1, f32x4.mul(n3, n3));
    x += 64;
    u += 64;
    y += 64;
    w += weightStep;
    b += biasStep;
    if (adds) {
      residual += 64;
      total += 64;
    }
  }
  while (u < end4) {
    let v = v128.load(x);
    if (adds) {
      v = f32x4.add(v, v128.load(residual));
      v128.store(total, v);
    }
    const o = v128.load(u), n = f32x4.sub(v, k);
    v128.store(u, n);
    v128.store(y, f32x4.add(f32x4.mul(f32x4.mul(f32x4.sub(o, c), r), v128.load(w)), v128.load(b)));
    s0 = f32x4.add(s0, n);
    q0 = f32x4.add(q0, f32x4.mul(n, n));
    x += 16;
    u += 16;
    y += 16;
    w += weightStep >> 2;
    b += biasStep >> 2;
    if (adds) {
      residual += 16;
      total += 16;
    }
  }
  sum += hsum(f32x4.add(s0, s1));
  squares += hsum(f32x4.add(q0, q1));
  while (u < end) {
    let v = load<f32>(x);
    if (adds) {
      v += load<f32>(residual);
      store<f32>(total, v);
      residual += 4;
      total += 4;
    }
    const o = load<f32>(u), n = v - kf;
    store<f32>(u, n);
    store<f32>(y, (o - cf) * rf * load<f32>(w) + load<f32>(b));
    sum += <f64>n;
    squares += <f64>n * <f64>n;
    x += 4;
    u += 4;
    y += 4;
    w += weightStep >> 4;
    b += biasStep >> 4;
  }
}

/** y = ((x - k) - c) · r · weight + bias. */
export function write(
  x: usize, y: usize, w: usize, b: usize, bytes: usize, weightStep: usize, biasStep: usize, kf: f32, cf: f32, rf: f32,
): void {
  const k = f32x4.splat(kf), c = f32x4.splat(cf), r = f32x4.splat(rf);
  const end = x + bytes, end8 = x + (bytes & ~31);
  while (x < end8) {
    const u0 = f32x4.sub(v128.load(x), k), u1 = f32x4.sub(v128.load(x, 16), k);
    v128.store(y, f32x4.add(f32x4.mul(f32x4.mul(f32x4.sub(u0, c), r), v128.load(w)), v128.load(b)));
    v128.store(y, f32x4.add(f32x4.mul(f32x4.mul(f32x4.sub(u1, c), r), v128.load(w, 16)), v128.load(b, 16)), 16);
    x += 32;
    y += 32;
    w += weightStep >> 1;
    b += biasStep >> 1;
  }
  while (x < end) {
    store<f32>(y, (load<f32>(x) - kf - cf) * rf * load<f32>(w) + load<f32>(b));
    x += 4;
    y += 4;
    w += weightStep >> 4;
    b += biasStep >> 4;
  }
}

/** The first elements' mean: they are in one line of the cache, and a row about to be swept is not in it yet. */
// @ts-ignore: decorator
@inline
function firstPilot(p: usize, n: i32): f64 {
  if (n < 16) return <f64><f32>pilot(p, n);
  const first = f32x4.add(f32x4.add(v128.load(p), v128.load(p, 16)), f32x4.add(v128.load(p, 32), v128.load(p, 48)));
  return <f64><f32>(hsum(first) * 0.0625);
}

/** Where a sweep that is not about a pilot starts. */
// @ts-ignore: decorator
@inline
export function givenPilot(a: ForwardArgs, row: i32): f64 {
  return a.givenMean != 0 ? <f64>load<f32>(<usize>a.givenMean + (<usize>row << 2)) : 0;
}

/** The weight, or ones that are read without stepping. */
// @ts-ignore: decorator
@inline
export function weightOf(a: ForwardArgs): usize {
  return <usize>(a.weight != 0 ? a.weight : a.extra0);
}

// @ts-ignore: decorator
@inline
export function biasOf(a: ForwardArgs): usize {
  return <usize>(a.bias != 0 ? a.bias : a.extra1);
}

/** Bytes from the parameters of 16 elements to the next. */
// @ts-ignore: decorator
@inline
export function stepOf(parameters: f64): usize {
  return parameters != 0 ? 64 : 0;
}
