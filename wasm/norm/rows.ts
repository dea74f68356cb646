// Contiguous rows with parameters along them, forward: LayerNorm and RMSNorm over the last axes. One loop writes a row
// while it sweeps the next, so that reads from memory overlap with arithmetic and stores.

import { ForwardArgs } from './args';
import { generalForward } from './general';
import { add, hsum, pilot } from './lanes';
import { AGAIN, correction, isPiloted, pilotOfSet, reciprocal, settle, UNFIT } from './settle';

/** Bytes whose sums stay in float32: of equal numbers, longer sums are off by more than an ulp. */
export const BLOCK: usize = 4096;
/** Sweeps about ever better pilots, after which a row goes to float64. */
export const MOST_SWEEPS = 4;
/** Between the scratch rows: equal offsets in a page would share cache sets. */
export const PAD = 192;

/** Sums of a sweep: Σu and Σu². */
export let sum: f64 = 0;
export let squares: f64 = 0;

/**
 * Items are rows. Where there is a residual, x + residual is written to `sum` and is what counts. extra0 and extra1 are the
 * addresses of ones and zeros, for a missing weight and bias.
 */
export function rowsForward(args: usize, from: i32, to: i32, deviations: usize): void {
  const a = changetype<ForwardArgs>(args);
  const width = <i32>a.r0, bytes = <usize>width << 2, affine = <usize>a.affine << 2;
  const x = <usize>(a.residual != 0 ? a.sum : a.x), y = <usize>a.y;
  const weight = weightOf(a), bias = biasOf(a), weightStep = stepOf(a.weight), biasStep = stepOf(a.bias);
  // Where the output goes while no row waits to be written.
  const nowhere = deviations + bytes + PAD;
  const share = 1 / a.r0;
  memory.fill(deviations, 0, bytes);
  let out = nowhere, at: usize = 0, c: f32 = 0, r: f32 = 0;

  for (let row = from; row < to; row++) {
    const start = <usize>row * bytes;
    // One row after the other: the sum is read back from the first cache.
    if (a.residual != 0) add(<usize>a.x + start, <usize>a.residual + start, x + start, bytes);
    let k: f64 = isPiloted(a) ? firstPilot(x + start, width) : givenPilot(a, row);
    let verdict = AGAIN;
    for (let sweeps = 0; verdict == AGAIN && sweeps < MOST_SWEEPS; sweeps++) {
      sum = squares = 0;
      for (let block: usize = 0; block < bytes; block += BLOCK) {
        sweepAndWrite(
          x + start + block, deviations + block, out + block,
          weight + (weightStep != 0 ? at + block : 0), bias + (biasStep != 0 ? at + block : 0),
          min(bytes - block, BLOCK), weightStep, biasStep, f32x4.splat(<f32>k), f32x4.splat(c), f32x4.splat(r),
        );
      }
      out = nowhere;
      verdict = settle(a, row, k, sum, squares, share);
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
  x: usize, u: usize, y: usize, w: usize, b: usize,
  bytes: usize, weightStep: usize, biasStep: usize, k: v128, c: v128, r: v128,
): void {
  const end = u + bytes, end16 = u + (bytes & ~63), end4 = u + (bytes & ~15);
  let s0 = f32x4.splat(0), s1 = s0, q0 = s0, q1 = s0;
  while (u < end16) {
    const o0 = v128.load(u), n0 = f32x4.sub(v128.load(x), k);
    v128.store(u, n0);
    v128.store(y, f32x4.add(f32x4.mul(f32x4.mul(f32x4.sub(o0, c), r), v128.load(w)), v128.load(b)));
    s0 = f32x4.add(s0, n0);
    q0 = f32x4.add(q0, f32x4.mul(n0, n0));
    const o1 = v128.load(u, 16), n1 = f32x4.sub(v128.load(x, 16), k);
    v128.store(u, n1, 16);
    v128.store(y, f32x4.add(f32x4.mul(f32x4.mul(f32x4.sub(o1, c), r), v128.load(w, 16)), v128.load(b, 16)), 16);
    s1 = f32x4.add(s1, n1);
    q1 = f32x4.add(q1, f32x4.mul(n1, n1));
    const o2 = v128.load(u, 32), n2 = f32x4.sub(v128.load(x, 32), k);
    v128.store(u, n2, 32);
    v128.store(y, f32x4.add(f32x4.mul(f32x4.mul(f32x4.sub(o2, c), r), v128.load(w, 32)), v128.load(b, 32)), 32);
    s0 = f32x4.add(s0, n2);
    q0 = f32x4.add(q0, f32x4.mul(n2, n2));
    const o3 = v128.load(u, 48), n3 = f32x4.sub(v128.load(x, 48), k);
    v128.store(u, n3, 48);
    v128.store(y, f32x4.add(f32x4.mul(f32x4.mul(f32x4.sub(o3, c), r), v128.load(w, 48)), v128.load(b, 48)), 48);
    s1 = f32x4.add(s1, n3);
    q1 = f32x4.add(q1, f32x4.mul(n3, n3));
    x += 64;
    u += 64;
    y += 64;
    w += weightStep;
    b += biasStep;
  }
  while (u < end4) {
    const o = v128.load(u), n = f32x4.sub(v128.load(x), k);
    v128.store(u, n);
    v128.store(y, f32x4.add(f32x4.mul(f32x4.mul(f32x4.sub(o, c), r), v128.load(w)), v128.load(b)));
    s0 = f32x4.add(s0, n);
    q0 = f32x4.add(q0, f32x4.mul(n, n));
    x += 16;
    u += 16;
    y += 16;
    w += weightStep >> 2;
    b += biasStep >> 2;
  }
  sum += hsum(f32x4.add(s0, s1));
  squares += hsum(f32x4.add(q0, q1));
  while (u < end) {
    const o = load<f32>(u), n = load<f32>(x) - f32x4.extract_lane(k, 0);
    store<f32>(u, n);
    store<f32>(y, (o - f32x4.extract_lane(c, 0)) * f32x4.extract_lane(r, 0) * load<f32>(w) + load<f32>(b));
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
