// Contiguous rows with parameters along them, forward: LayerNorm and RMSNorm over the last axes. One loop writes a row
// while it sweeps the next, so that reads from memory overlap with arithmetic and stores.

import { ForwardArgs } from './args';
import { generalForward } from './general';
import { hsum, subtract } from './lanes';
import { AGAIN, correction, pilotOfSet, reciprocal, settle } from './settle';

/** Bytes whose sums stay in float32: of equal numbers, longer sums are off by more than an ulp. */
export const BLOCK: usize = 4096;
/** Sweeps about ever better pilots, after which a row goes to float64. */
const MOST_SWEEPS = 4;
/** Variances in the square of a mean that a sweep about 0 may leave: more would cost digits of the variance. */
export const NEAR: f64 = 0.25;
/** Between the scratch rows: equal offsets in a page would share cache sets. */
export const PAD = 192;

/** Sums of a row's sweep: Σu and Σu². */
export let sum: f64 = 0;
export let squares: f64 = 0;

/**
 * Items are rows. Where there is a residual, x + residual is written to `sum` and is what counts. extra0 and extra1 are the
 * addresses of ones and zeros, for a missing weight and bias. A row is swept about 0; if its mean turns out to be far from
 * there, once more about that, and its deviations are kept in scratch until it is written.
 */
export function rowsForward(args: usize, from: i32, to: i32, deviations: usize): void {
  const a = changetype<ForwardArgs>(args);
  const bytes = <usize>a.r0 << 2, affine = <usize>a.affine << 2;
  const x = <usize>(a.residual != 0 ? a.sum : a.x), y = <usize>a.y, given = <usize>a.givenMean;
  const weight = weightOf(a), bias = biasOf(a), weightStep = stepOf(a.weight), biasStep = stepOf(a.bias);
  // Where the output goes while no row waits to be written.
  const nowhere = deviations + bytes + PAD, share = 1 / a.r0;
  // What waits to be written, 0 for nothing, and where to.
  let waiting: usize = 0, out: usize = 0, at: usize = 0, c: f32 = 0, r: f32 = 0;

  for (let row = from; row < to; row++) {
    const start = <usize>row * bytes;
    sum = squares = 0;
    for (let block: usize = 0; block < bytes; block += BLOCK) {
      const w = weight + (weightStep != 0 ? at + block : 0), b = bias + (biasStep != 0 ? at + block : 0);
      const here = start + block, length = min(bytes - block, BLOCK);
      if (a.residual != 0) {
        const from = (waiting != 0 ? waiting : deviations) + block, to = (waiting != 0 ? out : nowhere) + block;
        addSweepAndWrite(<usize>a.x + here, <usize>a.residual + here, x + here, from, to, w, b, length, weightStep, biasStep, c, r);
      } else if (waiting != 0) {
        sweepAndWrite(x + here, waiting + block, out + block, w, b, length, weightStep, biasStep, c, r);
      } else {
        sweep(x + here, length, 0);
      }
    }
    waiting = x + start;
    let verdict = settle(a, row, given != 0 ? <f64>load<f32>(given + (<usize>row << 2)) : 0, sum, squares, share, NEAR);
    for (let sweeps = 1; verdict == AGAIN && sweeps < MOST_SWEEPS; sweeps++) {
      const k = <f32>pilotOfSet;
      sum = squares = 0;
      for (let block: usize = 0; block < bytes; block += BLOCK) sweep(x + start + block, min(bytes - block, BLOCK), k);
      verdict = settle(a, row, pilotOfSet, sum, squares, share);
      if (verdict != AGAIN) subtract(x + start, k, deviations, bytes);
      waiting = deviations;
    }
    if (verdict != 0) {
      generalForward(a, row);
      waiting = 0;
    } else {
      c = <f32>(given != 0 ? pilotOfSet : correction);
      r = <f32>reciprocal;
      out = y + start;
      at = affine > bytes ? start % affine : 0;
    }
  }
  if (waiting != 0) {
    write(waiting, out, weight + (weightStep != 0 ? at : 0), bias + (biasStep != 0 ? at : 0), bytes, weightStep, biasStep, 0, c, r);
  }
}

/** Sweeps a block of a row about 0 while it writes that of the row before, y = (from - c) · r · weight + bias. */
function sweepAndWrite(
  x: usize, from: usize, y: usize, w: usize, b: usize,
  bytes: usize, weightStep: usize, biasStep: usize, cf: f32, rf: f32,
): void {
  const c = f32x4.splat(cf), r = f32x4.splat(rf);
  const end = x + bytes, whole = x + (bytes & ~63), end4 = x + (bytes & ~15);
  let s0 = f32x4.splat(0), s1 = s0, q0 = s0, q1 = s0;
  while (x < whole) {
    const u0 = v128.load(x);
    v128.store(y, f32x4.add(f32x4.mul(f32x4.mul(f32x4.sub(v128.load(from), c), r), v128.load(w)), v128.load(b)));
    s0 = f32x4.add(s0, u0);
    q0 = f32x4.add(q0, f32x4.mul(u0, u0));
    const u1 = v128.load(x, 16);
    v128.store(y, f32x4.add(f32x4.mul(f32x4.mul(f32x4.sub(v128.load(from, 16), c), r), v128.load(w, 16)), v128.load(b, 16)), 16);
    s1 = f32x4.add(s1, u1);
    q1 = f32x4.add(q1, f32x4.mul(u1, u1));
    const u2 = v128.load(x, 32);
    v128.store(y, f32x4.add(f32x4.mul(f32x4.mul(f32x4.sub(v128.load(from, 32), c), r), v128.load(w, 32)), v128.load(b, 32)), 32);
    s0 = f32x4.add(s0, u2);
    q0 = f32x4.add(q0, f32x4.mul(u2, u2));
    const u3 = v128.load(x, 48);
    v128.store(y, f32x4.add(f32x4.mul(f32x4.mul(f32x4.sub(v128.load(from, 48), c), r), v128.load(w, 48)), v128.load(b, 48)), 48);
    s1 = f32x4.add(s1, u3);
    q1 = f32x4.add(q1, f32x4.mul(u3, u3));
    x += 64;
    from += 64;
    y += 64;
    w += weightStep;
    b += biasStep;
  }
  while (x < end4) {
    const u = v128.load(x);
    v128.store(y, f32x4.add(f32x4.mul(f32x4.mul(f32x4.sub(v128.load(from), c), r), v128.load(w)), v128.load(b)));
    s0 = f32x4.add(s0, u);
    q0 = f32x4.add(q0, f32x4.mul(u, u));
    x += 16;
    from += 16;
    y += 16;
    w += weightStep >> 2;
    b += biasStep >> 2;
  }
  addUp(f32x4.add(s0, s1), f32x4.add(q0, q1));
  while (x < end) {
    const u = load<f32>(x);
    store<f32>(y, (load<f32>(from) - cf) * rf * load<f32>(w) + load<f32>(b));
    sum += <f64>u;
    squares += <f64>u * <f64>u;
    x += 4;
    from += 4;
    y += 4;
    w += weightStep >> 4;
    b += biasStep >> 4;
  }
}

/** As {@link sweepAndWrite}, of x + residual, which it leaves in `total`. */
function addSweepAndWrite(
  x: usize, residual: usize, total: usize, from: usize, y: usize, w: usize, b: usize,
  bytes: usize, weightStep: usize, biasStep: usize, cf: f32, rf: f32,
): void {
  const c = f32x4.splat(cf), r = f32x4.splat(rf);
  const end = x + bytes, end4 = x + (bytes & ~15);
  let s = f32x4.splat(0), q = s;
  while (x < end4) {
    const u = f32x4.add(v128.load(x), v128.load(residual));
    v128.store(total, u);
    v128.store(y, f32x4.add(f32x4.mul(f32x4.mul(f32x4.sub(v128.load(from), c), r), v128.load(w)), v128.load(b)));
    s = f32x4.add(s, u);
    q = f32x4.add(q, f32x4.mul(u, u));
    x += 16;
    residual += 16;
    total += 16;
    from += 16;
    y += 16;
    w += weightStep >> 2;
    b += biasStep >> 2;
  }
  addUp(s, q);
  while (x < end) {
    const u = load<f32>(x) + load<f32>(residual);
    store<f32>(total, u);
    store<f32>(y, (load<f32>(from) - cf) * rf * load<f32>(w) + load<f32>(b));
    sum += <f64>u;
    squares += <f64>u * <f64>u;
    x += 4;
    residual += 4;
    total += 4;
    from += 4;
    y += 4;
    w += weightStep >> 4;
    b += biasStep >> 4;
  }
}

/** Adds Σu and Σu² of u = x - k over a block to the sums, as {@link sweepAndWrite} does. */
export function sweep(x: usize, bytes: usize, kf: f32): void {
  const k = f32x4.splat(kf), end = x + bytes, end16 = x + (bytes & ~63), end4 = x + (bytes & ~15);
  let s0 = f32x4.splat(0), s1 = s0, q0 = s0, q1 = s0;
  for (; x < end16; x += 32) {
    const u0 = f32x4.sub(v128.load(x), k), u1 = f32x4.sub(v128.load(x, 16), k);
    s0 = f32x4.add(s0, u0);
    s1 = f32x4.add(s1, u1);
    q0 = f32x4.add(q0, f32x4.mul(u0, u0));
    q1 = f32x4.add(q1, f32x4.mul(u1, u1));
  }
  for (; x < end4; x += 16) {
    const u = f32x4.sub(v128.load(x), k);
    s0 = f32x4.add(s0, u);
    q0 = f32x4.add(q0, f32x4.mul(u, u));
  }
  addUp(f32x4.add(s0, s1), f32x4.add(q0, q1));
  for (; x < end; x += 4) {
    const u = <f64>(load<f32>(x) - kf);
    sum += u;
    squares += u * u;
  }
}

function addUp(s: v128, q: v128): void {
  sum += hsum(s);
  squares += hsum(q);
}

/** Starts the sums of a row anew. */
export function startSums(): void {
  sum = squares = 0;
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
