// Inner loops over one block: consecutive floats, at least 4, whose parameter is one value; "along" where each has its own.
// Sums come back as a pair of float64. The last vector overlaps what is done already: its lanes are masked out of sums, and
// results are written twice, from what was loaded before the first store, for y may be x. Where nothing is subtracted from x
// four vectors go at once; vectors alternate between two sums in either loop, so both give the same bits.

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

/** Σu and Σu² of u = x - k over rows that are `step` apart. */
export function sweep(x: usize, bytes: usize, center: f32, rows: usize = 1, step: usize = 0): v128 {
  const k = f32x4.splat(center), mask = leftOver(bytes);
  let s0 = f32x4.splat(0), s1 = s0, q0 = s0, q1 = s0;
  for (; rows > 0; rows--, x += step) {
    const end = x + bytes;
    let p = x;
    if (center == 0) {
      for (const e = p + (bytes & ~63); p < e; p += 64) {
        const u0 = v128.load(p), u1 = v128.load(p, 16), u2 = v128.load(p, 32), u3 = v128.load(p, 48);
        s0 = f32x4.add(f32x4.add(s0, u0), u2);
        s1 = f32x4.add(f32x4.add(s1, u1), u3);
        q0 = f32x4.add(f32x4.add(q0, f32x4.mul(u0, u0)), f32x4.mul(u2, u2));
        q1 = f32x4.add(f32x4.add(q1, f32x4.mul(u1, u1)), f32x4.mul(u3, u3));
      }
    }
    for (const e = end - 15; p < e; p += 16) {
      const u = f32x4.sub(v128.load(p), k), s = f32x4.add(s0, u), q = f32x4.add(q0, f32x4.mul(u, u));
      s0 = s1;
      q0 = q1;
      s1 = s;
      q1 = q;
    }
    if (bytes & 12) {
      const u = v128.and(f32x4.sub(v128.load(end - 16), k), mask);
      s0 = f32x4.add(s0, u);
      q0 = f32x4.add(q0, f32x4.mul(u, u));
    }
  }
  return pairOf(f32x4.add(s0, s1), f32x4.add(q0, q1));
}

/** y = (x - k)a + b. */
export function apply(x: usize, y: usize, bytes: usize, center: f32, slope: f32, shift: f32): void {
  const end = x + bytes, last = v128.load(end - 16), lastY = y + bytes - 16;
  const k = f32x4.splat(center), a = f32x4.splat(slope), b = f32x4.splat(shift);
  if (center == 0) {
    for (const e = x + (bytes & ~63); x < e; x += 64, y += 64) {
      v128.store(y, f32x4.add(f32x4.mul(v128.load(x), a), b));
      v128.store(y, f32x4.add(f32x4.mul(v128.load(x, 16), a), b), 16);
      v128.store(y, f32x4.add(f32x4.mul(v128.load(x, 32), a), b), 32);
      v128.store(y, f32x4.add(f32x4.mul(v128.load(x, 48), a), b), 48);
    }
  }
  for (const e = end - 15; x < e; x += 16, y += 16) v128.store(y, scaled(v128.load(x), k, a, b));
  v128.store(lastY, scaled(last, k, a, b));
}

/** Both in one loop, for loads from memory then overlap with stores: y from x, and the sums of the next block. */
export function applySweep(
  x: usize, y: usize, bytes: usize, center: f32, slope: f32, shift: f32, next: usize, nextCenter: f32,
): v128 {
  const end = next + bytes, last = v128.load(x + bytes - 16), lastY = y + bytes - 16;
  const k = f32x4.splat(center), a = f32x4.splat(slope), b = f32x4.splat(shift), kn = f32x4.splat(nextCenter);
  let s0 = f32x4.splat(0), s1 = s0, q0 = s0, q1 = s0;
  if (center == 0 && nextCenter == 0) {
    for (const e = next + (bytes & ~63); next < e; x += 64, y += 64, next += 64) {
      const u0 = v128.load(next), u1 = v128.load(next, 16), u2 = v128.load(next, 32), u3 = v128.load(next, 48);
      v128.store(y, f32x4.add(f32x4.mul(v128.load(x), a), b));
      v128.store(y, f32x4.add(f32x4.mul(v128.load(x, 16), a), b), 16);
      v128.store(y, f32x4.add(f32x4.mul(v128.load(x, 32), a), b), 32);
      v128.store(y, f32x4.add(f32x4.mul(v128.load(x, 48), a), b), 48);
      s0 = f32x4.add(f32x4.add(s0, u0), u2);
      s1 = f32x4.add(f32x4.add(s1, u1), u3);
      q0 = f32x4.add(f32x4.add(q0, f32x4.mul(u0, u0)), f32x4.mul(u2, u2));
      q1 = f32x4.add(f32x4.add(q1, f32x4.mul(u1, u1)), f32x4.mul(u3, u3));
    }
  }
  for (const e = end - 15; next < e; x += 16, y += 16, next += 16) {
    const u = f32x4.sub(v128.load(next), kn), s = f32x4.add(s0, u), q = f32x4.add(q0, f32x4.mul(u, u));
    v128.store(y, scaled(v128.load(x), k, a, b));
    s0 = s1;
    q0 = q1;
    s1 = s;
    q1 = q;
  }
  v128.store(lastY, scaled(last, k, a, b));
  if (bytes & 12) {
    const u = v128.and(f32x4.sub(v128.load(end - 16), kn), leftOver(bytes));
    s0 = f32x4.add(s0, u);
    q0 = f32x4.add(q0, f32x4.mul(u, u));
  }
  return pairOf(f32x4.add(s0, s1), f32x4.add(q0, q1));
}

// @ts-ignore: decorator
@inline
function gradient(dy: v128, x: v128, k: v128, a: v128, slope: v128, shift: v128): v128 {
  return f32x4.sub(f32x4.mul(dy, a), f32x4.add(f32x4.mul(f32x4.sub(x, k), slope), shift));
}

// @ts-ignore: decorator
@inline
function near(dy: v128, x: v128, a: v128, slope: v128, shift: v128): v128 {
  return f32x4.sub(f32x4.mul(dy, a), f32x4.add(f32x4.mul(x, slope), shift));
}

/** Σdy and Σdy·u of u = x - k. */
export function sweepBack(x: usize, dy: usize, bytes: usize, center: f32): v128 {
  const end = x + bytes, lastDy = dy + bytes - 16, k = f32x4.splat(center);
  let s0 = f32x4.splat(0), s1 = s0, q0 = s0, q1 = s0;
  for (const e = end - 15; x < e; x += 16, dy += 16) {
    const d = v128.load(dy), s = f32x4.add(s0, d), q = f32x4.add(q0, f32x4.mul(d, f32x4.sub(v128.load(x), k)));
    s0 = s1;
    q0 = q1;
    s1 = s;
    q1 = q;
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
  if (center == 0 && nextCenter == 0) {
    for (const e = x + (bytes & ~63); x < e; x += 64, dy += 64, dx += 64, next += 64, nextDy += 64) {
      const d0 = v128.load(nextDy), d1 = v128.load(nextDy, 16), d2 = v128.load(nextDy, 32), d3 = v128.load(nextDy, 48);
      s0 = f32x4.add(f32x4.add(s0, d0), d2);
      s1 = f32x4.add(f32x4.add(s1, d1), d3);
      q0 = f32x4.add(f32x4.add(q0, f32x4.mul(d0, v128.load(next))), f32x4.mul(d2, v128.load(next, 32)));
      q1 = f32x4.add(f32x4.add(q1, f32x4.mul(d1, v128.load(next, 16))), f32x4.mul(d3, v128.load(next, 48)));
      v128.store(dx, near(v128.load(dy), v128.load(x), a, A, B));
      v128.store(dx, near(v128.load(dy, 16), v128.load(x, 16), a, A, B), 16);
      v128.store(dx, near(v128.load(dy, 32), v128.load(x, 32), a, A, B), 32);
      v128.store(dx, near(v128.load(dy, 48), v128.load(x, 48), a, A, B), 48);
    }
  }
  for (const e = end - 15; x < e; x += 16, dy += 16, dx += 16, next += 16, nextDy += 16) {
    const d = v128.load(nextDy), s = f32x4.add(s0, d), q = f32x4.add(q0, f32x4.mul(d, f32x4.sub(v128.load(next), kn)));
    v128.store(dx, gradient(v128.load(dy), v128.load(x), k, a, A, B));
    s0 = s1;
    q0 = q1;
    s1 = s;
    q1 = q;
  }
  v128.store(lastDx, gradient(v128.load(endDy - 16), v128.load(end - 16), k, a, A, B));
  const mask = leftOver(bytes), d = v128.and(v128.load(endNextDy - 16), mask);
  const u = v128.and(f32x4.sub(v128.load(endNext - 16), kn), mask);
  return pairOf(f32x4.add(f32x4.add(s0, d), s1), f32x4.add(f32x4.add(q0, f32x4.mul(d, u)), q1));
}

/** The scales and shifts of a stretch, W = w·rstd and B = b - w·(what is left of the mean)·rstd; `to` has room for both. */
export function prepareAlong(w: usize, b: usize, bytes: usize, scale: f32, remainder: f32, to: usize): void {
  const r = f32x4.splat(scale), c = f32x4.splat(remainder), end = bytes - 16;
  for (let o: usize = 0; o < bytes; o += 16) {
    const at = min(o, end), v = v128.load(w + at);
    v128.store(to + at, f32x4.mul(v, r));
    v128.store(to + bytes + at, f32x4.sub(v128.load(b + at), f32x4.mul(v, c)));
  }
}

/** y = (x - k)·W + B over rows that are `step` apart. */
export function applyAlong(x: usize, y: usize, bytes: usize, center: f32, w: usize, rows: usize, step: usize): void {
  const k = f32x4.splat(center), end = bytes - 32, b = w + bytes;
  for (; rows > 0; rows--, x += step, y += step) {
    const last0 = v128.load(x + end), last1 = v128.load(x + end, 16);
    for (let o: usize = 0; o < end; o += 32) {
      const u0 = f32x4.sub(v128.load(x + o), k), u1 = f32x4.sub(v128.load(x + o, 16), k);
      v128.store(y + o, f32x4.add(f32x4.mul(u0, v128.load(w + o)), v128.load(b + o)));
      v128.store(y + o, f32x4.add(f32x4.mul(u1, v128.load(w + o, 16)), v128.load(b + o, 16)), 16);
    }
    v128.store(y + end, f32x4.add(f32x4.mul(f32x4.sub(last0, k), v128.load(w + end)), v128.load(b + end)));
    v128.store(y + end, f32x4.add(f32x4.mul(f32x4.sub(last1, k), v128.load(w + end, 16)), v128.load(b + end, 16)), 16);
  }
}

/** Adds Σdy·u and Σdy of each column over rows that are `step` apart to pairs of float64. */
export function sweepAlong(x: usize, dy: usize, bytes: usize, rows: usize, step: usize, center: f32, pairs: usize): void {
  const k = f32x4.splat(center), end = bytes - 16;
  for (let o: usize = 0; o < bytes; o += 16) {
    const at = min(o, end), stop = x + at + rows * step, pair = pairs + 4 * at;
    let s = f32x4.splat(0), q = s;
    for (let p = x + at, d = dy + at; p < stop; p += step, d += step) {
      const v = v128.load(d);
      s = f32x4.add(s, v);
      q = f32x4.add(q, f32x4.mul(v, f32x4.sub(v128.load(p), k)));
    }
    if (o > end) {
      const mask = leftOver(bytes);
      s = v128.and(s, mask);
      q = v128.and(q, mask);
    }
    const low = i32x4.shuffle(q, s, 0, 4, 1, 5), high = i32x4.shuffle(q, s, 2, 6, 3, 7);
    v128.store(pair, f64x2.add(v128.load(pair), f64x2.promote_low_f32x4(low)));
    v128.store(pair, f64x2.add(v128.load(pair, 16), f64x2.promote_low_f32x4(i64x2.shuffle(low, low, 1, 0))), 16);
    v128.store(pair, f64x2.add(v128.load(pair, 32), f64x2.promote_low_f32x4(high)), 32);
    v128.store(pair, f64x2.add(v128.load(pair, 48), f64x2.promote_low_f32x4(i64x2.shuffle(high, high, 1, 0))), 48);
  }
}

/** dx = dy·w·rstd - (u·slope + shift), with a w for each element, over rows that are `step` apart. */
export function applyBackAlong(
  x: usize, dy: usize, dx: usize, bytes: usize, center: f32, scale: f32, slope: f32, shift: f32, w: usize, rows: usize, step: usize,
): void {
  const k = f32x4.splat(center), r = f32x4.splat(scale), A = f32x4.splat(slope), B = f32x4.splat(shift), end = bytes - 16;
  for (; rows > 0; rows--, x += step, dy += step, dx += step) {
    for (let o: usize = 0; o < bytes; o += 16) {
      const at = min(o, end), scaled = f32x4.mul(v128.load(w + at), r);
      v128.store(dx + at, gradient(v128.load(dy + at), v128.load(x + at), k, scaled, A, B));
    }
  }
}
