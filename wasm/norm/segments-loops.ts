// Inner loops over one block: consecutive floats, at least 4, whose parameter is one value; "along" where each has its own.
// Sums come back as a pair of float64. Two vectors a turn; the last vector overlaps what is done already: its lanes are masked
// out of sums, and results are written twice, from what was loaded before the first store, for y may be x.

// @ts-ignore: decorator
@inline
function pairOf(s: v128, q: v128): v128 {
  const even = f64x2.add(f64x2.promote_low_f32x4(s), f64x2.promote_low_f32x4(i64x2.shuffle(s, s, 1, 0)));
  const odd = f64x2.add(f64x2.promote_low_f32x4(q), f64x2.promote_low_f32x4(i64x2.shuffle(q, q, 1, 0)));
  return f64x2.add(i64x2.shuffle(even, odd, 0, 2), i64x2.shuffle(even, odd, 1, 3));
}

/** The lanes of the last vector that whole vectors from the start leave over. */
// @ts-ignore: decorator
@inline
function leftOver(bytes: usize): v128 {
  return i32x4.gt_s(i32x4.splat(<i32>bytes & 12), i32x4(12, 8, 4, 0));
}

// @ts-ignore: decorator
@inline
function scaled(x: v128, k: v128, a: v128, b: v128): v128 {
  return f32x4.add(f32x4.mul(f32x4.sub(x, k), a), b);
}

/** Σu and Σu² of u = x - k. */
export function sweep(x: usize, bytes: usize, center: f32): v128 {
  const end = x + bytes, k = f32x4.splat(center);
  let s0 = f32x4.splat(0), s1 = s0, q0 = s0, q1 = s0;
  for (const e = x + (bytes & ~31); x < e; x += 32) {
    const u0 = f32x4.sub(v128.load(x), k), u1 = f32x4.sub(v128.load(x, 16), k);
    s0 = f32x4.add(s0, u0);
    s1 = f32x4.add(s1, u1);
    q0 = f32x4.add(q0, f32x4.mul(u0, u0));
    q1 = f32x4.add(q1, f32x4.mul(u1, u1));
  }
  if (bytes & 16) {
    const u = f32x4.sub(v128.load(x), k);
    s0 = f32x4.add(s0, u);
    q0 = f32x4.add(q0, f32x4.mul(u, u));
  }
  const u = v128.and(f32x4.sub(v128.load(end - 16), k), leftOver(bytes));
  return pairOf(f32x4.add(f32x4.add(s0, u), s1), f32x4.add(f32x4.add(q0, f32x4.mul(u, u)), q1));
}

/** y = (x - k)a + b. */
export function apply(x: usize, y: usize, bytes: usize, center: f32, slope: f32, shift: f32): void {
  const end = x + bytes, last = v128.load(end - 16), lastY = y + bytes - 16;
  const k = f32x4.splat(center), a = f32x4.splat(slope), b = f32x4.splat(shift);
  for (const e = x + (bytes & ~31); x < e; x += 32, y += 32) {
    v128.store(y, scaled(v128.load(x), k, a, b));
    v128.store(y, scaled(v128.load(x, 16), k, a, b), 16);
  }
  if (bytes & 16) v128.store(y, scaled(v128.load(x), k, a, b));
  v128.store(lastY, scaled(last, k, a, b));
}

/** Both in one loop, for loads from memory then overlap with stores: y from x, and the sums of the next block. */
export function applySweep(
  x: usize, y: usize, bytes: usize, center: f32, slope: f32, shift: f32, next: usize, nextCenter: f32,
): v128 {
  const end = next + bytes, last = v128.load(x + bytes - 16), lastY = y + bytes - 16;
  const k = f32x4.splat(center), a = f32x4.splat(slope), b = f32x4.splat(shift), kn = f32x4.splat(nextCenter);
  let s0 = f32x4.splat(0), s1 = s0, q0 = s0, q1 = s0;
  for (const e = next + (bytes & ~31); next < e; x += 32, y += 32, next += 32) {
    const u0 = f32x4.sub(v128.load(next), kn), u1 = f32x4.sub(v128.load(next, 16), kn);
    v128.store(y, scaled(v128.load(x), k, a, b));
    v128.store(y, scaled(v128.load(x, 16), k, a, b), 16);
    s0 = f32x4.add(s0, u0);
    s1 = f32x4.add(s1, u1);
    q0 = f32x4.add(q0, f32x4.mul(u0, u0));
    q1 = f32x4.add(q1, f32x4.mul(u1, u1));
  }
  if (bytes & 16) {
    const u = f32x4.sub(v128.load(next), kn);
    s0 = f32x4.add(s0, u);
    q0 = f32x4.add(q0, f32x4.mul(u, u));
    v128.store(y, scaled(v128.load(x), k, a, b));
  }
  v128.store(lastY, scaled(last, k, a, b));
  const u = v128.and(f32x4.sub(v128.load(end - 16), kn), leftOver(bytes));
  return pairOf(f32x4.add(f32x4.add(s0, u), s1), f32x4.add(f32x4.add(q0, f32x4.mul(u, u)), q1));
}

// @ts-ignore: decorator
@inline
function gradient(dy: v128, x: v128, k: v128, a: v128, slope: v128, shift: v128): v128 {
  return f32x4.sub(f32x4.mul(dy, a), f32x4.add(f32x4.mul(f32x4.sub(x, k), slope), shift));
}

/** Σdy and Σdy·u of u = x - k. */
export function sweepBack(x: usize, dy: usize, bytes: usize, center: f32): v128 {
  const end = x + bytes, lastDy = dy + bytes - 16, k = f32x4.splat(center);
  let s0 = f32x4.splat(0), s1 = s0, q0 = s0, q1 = s0;
  for (const e = x + (bytes & ~31); x < e; x += 32, dy += 32) {
    const d0 = v128.load(dy), d1 = v128.load(dy, 16);
    s0 = f32x4.add(s0, d0);
    s1 = f32x4.add(s1, d1);
    q0 = f32x4.add(q0, f32x4.mul(d0, f32x4.sub(v128.load(x), k)));
    q1 = f32x4.add(q1, f32x4.mul(d1, f32x4.sub(v128.load(x, 16), k)));
  }
  if (bytes & 16) {
    const d = v128.load(dy);
    s0 = f32x4.add(s0, d);
    q0 = f32x4.add(q0, f32x4.mul(d, f32x4.sub(v128.load(x), k)));
  }
  const mask = leftOver(bytes), d = v128.and(v128.load(lastDy), mask);
  const u = v128.and(f32x4.sub(v128.load(end - 16), k), mask);
  return pairOf(f32x4.add(f32x4.add(s0, d), s1), f32x4.add(f32x4.add(q0, f32x4.mul(d, u)), q1));
}

/** dx = dy·a - (u·slope + shift) of one block, and the sums of the next one. */
export function applySweepBack(
  x: usize, dy: usize, dx: usize, bytes: usize, center: f32, scale: f32, slope: f32, shift: f32,
  next: usize, nextDy: usize, nextCenter: f32,
): v128 {
  const end = x + bytes, endDy = dy + bytes, lastDx = dx + bytes - 16;
  const endNext = next + bytes, endNextDy = nextDy + bytes;
  const k = f32x4.splat(center), a = f32x4.splat(scale), A = f32x4.splat(slope), B = f32x4.splat(shift);
  const kn = f32x4.splat(nextCenter);
  let s0 = f32x4.splat(0), s1 = s0, q0 = s0, q1 = s0;
  for (const e = x + (bytes & ~31); x < e; x += 32, dy += 32, dx += 32, next += 32, nextDy += 32) {
    const d0 = v128.load(nextDy), d1 = v128.load(nextDy, 16);
    s0 = f32x4.add(s0, d0);
    s1 = f32x4.add(s1, d1);
    q0 = f32x4.add(q0, f32x4.mul(d0, f32x4.sub(v128.load(next), kn)));
    q1 = f32x4.add(q1, f32x4.mul(d1, f32x4.sub(v128.load(next, 16), kn)));
    v128.store(dx, gradient(v128.load(dy), v128.load(x), k, a, A, B));
    v128.store(dx, gradient(v128.load(dy, 16), v128.load(x, 16), k, a, A, B), 16);
  }
  if (bytes & 16) {
    const d = v128.load(nextDy);
    s0 = f32x4.add(s0, d);
    q0 = f32x4.add(q0, f32x4.mul(d, f32x4.sub(v128.load(next), kn)));
    v128.store(dx, gradient(v128.load(dy), v128.load(x), k, a, A, B));
  }
  v128.store(lastDx, gradient(v128.load(endDy - 16), v128.load(end - 16), k, a, A, B));
  const mask = leftOver(bytes), d = v128.and(v128.load(endNextDy - 16), mask);
  const u = v128.and(f32x4.sub(v128.load(endNext - 16), kn), mask);
  return pairOf(f32x4.add(f32x4.add(s0, d), s1), f32x4.add(f32x4.add(q0, f32x4.mul(d, u)), q1));
}

/** y = ((x - k) - cm)·rstd·w + b, with a w and b for each element. */
export function applyAlong(x: usize, y: usize, bytes: usize, center: f32, remainder: f32, scale: f32, w: usize, b: usize): void {
  const k = f32x4.splat(center), cm = f32x4.splat(remainder), r = f32x4.splat(scale), end = bytes - 16, last = v128.load(x + end);
  for (let o: usize = 0; o < end; o += 16) {
    const normalized = f32x4.mul(f32x4.sub(f32x4.sub(v128.load(x + o), k), cm), r);
    v128.store(y + o, f32x4.add(f32x4.mul(normalized, v128.load(w + o)), v128.load(b + o)));
  }
  const normalized = f32x4.mul(f32x4.sub(f32x4.sub(last, k), cm), r);
  v128.store(y + end, f32x4.add(f32x4.mul(normalized, v128.load(w + end)), v128.load(b + end)));
}

/** Adds Σdy·u and Σdy of each column over rows that are `step` apart to pairs of float64. */
export function sweepAlong(x: usize, dy: usize, bytes: usize, rows: usize, step: usize, center: f32, pairs: usize): void {
  const k = f32x4.splat(center), end = bytes - 16;
  for (let o: usize = 0; o < bytes; o += 16) {
    const at = min(o, end), stop = at + rows * step;
    let s = f32x4.splat(0), q = s;
    for (let p = at; p < stop; p += step) {
      const d = v128.load(dy + p);
      s = f32x4.add(s, d);
      q = f32x4.add(q, f32x4.mul(d, f32x4.sub(v128.load(x + p), k)));
    }
    if (o > end) {
      const mask = leftOver(bytes);
      s = v128.and(s, mask);
      q = v128.and(q, mask);
    }
    const low = i32x4.shuffle(q, s, 0, 4, 1, 5), high = i32x4.shuffle(q, s, 2, 6, 3, 7), pair = pairs + 4 * at;
    v128.store(pair, f64x2.add(v128.load(pair), f64x2.promote_low_f32x4(low)));
    v128.store(pair, f64x2.add(v128.load(pair, 16), f64x2.promote_low_f32x4(i64x2.shuffle(low, low, 1, 0))), 16);
    v128.store(pair, f64x2.add(v128.load(pair, 32), f64x2.promote_low_f32x4(high)), 32);
    v128.store(pair, f64x2.add(v128.load(pair, 48), f64x2.promote_low_f32x4(i64x2.shuffle(high, high, 1, 0))), 48);
  }
}

/** dx = dy·w·rstd - (u·slope + shift), with a w for each element. */
export function applyBackAlong(
  x: usize, dy: usize, dx: usize, bytes: usize, center: f32, scale: f32, slope: f32, shift: f32, w: usize,
): void {
  const k = f32x4.splat(center), r = f32x4.splat(scale), A = f32x4.splat(slope), B = f32x4.splat(shift), end = bytes - 16;
  for (let o: usize = 0; o < bytes; o += 16) {
    const at = min(o, end);
    v128.store(dx + at, gradient(v128.load(dy + at), v128.load(x + at), k, f32x4.mul(v128.load(w + at), r), A, B));
  }
}
