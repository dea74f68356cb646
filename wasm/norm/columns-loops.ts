// The loops that touch every element of rows × columns, four columns at a time: `bytes` of a row are whole vectors, and
// sums and coefficients are arrays of one float32 per column. Odd columns and deviations from pilots come here from a
// copy, see columns-tile.ts; so x has a step of its own from row to row.
// Rows of one turn share the columns' values. Addresses are added up one from another: few stay in registers.

/** Adds Σx and Σx² of the rows to s and q, in trees of eight rows. */
export function addMoments(x: usize, step: usize, rows: i32, bytes: usize, s: usize, q: usize): void {
  const dq = q - s, end = s + bytes, whole = rows & ~7;
  for (let j = 0; j < whole; j += 8) {
    for (let k = s, p = x + <usize>j * step; k < end; k += 16, p += 16) {
      let p1 = p + step, p2 = p1 + step, p3 = p2 + step;
      const a = v128.load(p), b = v128.load(p1), c = v128.load(p2), d = v128.load(p3);
      const low = sum4(a, b, c, d), lowSquares = dot4(a, b, c, d, a, b, c, d), p4 = p3 + step;
      p1 = p4 + step;
      p2 = p1 + step;
      p3 = p2 + step;
      const e = v128.load(p4), f = v128.load(p1), g = v128.load(p2), h = v128.load(p3);
      v128.store(k, f32x4.add(v128.load(k), f32x4.add(low, sum4(e, f, g, h))));
      v128.store(k + dq, f32x4.add(v128.load(k + dq), f32x4.add(lowSquares, dot4(e, f, g, h, e, f, g, h))));
    }
  }
  for (let j = whole; j < rows; j++) {
    for (let k = s, p = x + <usize>j * step; k < end; k += 16, p += 16) {
      const a = v128.load(p);
      v128.store(k, f32x4.add(v128.load(k), a));
      v128.store(k + dq, f32x4.add(v128.load(k + dq), f32x4.mul(a, a)));
    }
  }
}

// @ts-ignore: decorator
@inline
function sum4(a: v128, b: v128, c: v128, d: v128): v128 {
  return f32x4.add(f32x4.add(a, b), f32x4.add(c, d));
}

// @ts-ignore: decorator
@inline
function dot4(a: v128, b: v128, c: v128, d: v128, e: v128, f: v128, g: v128, h: v128): v128 {
  return sum4(f32x4.mul(a, e), f32x4.mul(b, f), f32x4.mul(c, g), f32x4.mul(d, h));
}

/** y = (x·r + c)·w + b with w and b of the row. */
export function writeByRow(
  x: usize, step: usize, y: usize, stride: usize, rows: i32, bytes: usize, r: usize, c: usize, w: usize, b: usize,
): void {
  const dc = c - r, end = r + bytes;
  for (let j = 0; j < rows; ) {
    // Four rows, or each of the last ones four times, in place too: all are read before one is written.
    const isWhole = rows - j >= 4, sx: usize = isWhole ? step : 0, sy: usize = isWhole ? stride : 0, at: usize = isWhole ? 4 : 0;
    const w1 = w + at, w2 = w1 + at, b1 = b + at, b2 = b1 + at;
    const wa = v128.load32_splat(w), wb = v128.load32_splat(w1), wc = v128.load32_splat(w2), wd = v128.load32_splat(w2 + at);
    const ba = v128.load32_splat(b), bb = v128.load32_splat(b1), bc = v128.load32_splat(b2), bd = v128.load32_splat(b2 + at);
    for (let k = r, p = x + <usize>j * step, o = y + <usize>j * stride; k < end; k += 16, p += 16, o += 16) {
      const p1 = p + sx, p2 = p1 + sx, p3 = p2 + sx, o1 = o + sy, o2 = o1 + sy, o3 = o2 + sy;
      const r0 = v128.load(k), c0 = v128.load(k + dc);
      const x0 = v128.load(p), x1 = v128.load(p1), x2 = v128.load(p2), x3 = v128.load(p3);
      v128.store(o, scale(scale(x0, r0, c0), wa, ba));
      v128.store(o1, scale(scale(x1, r0, c0), wb, bb));
      v128.store(o2, scale(scale(x2, r0, c0), wc, bc));
      v128.store(o3, scale(scale(x3, r0, c0), wd, bd));
    }
    const done = isWhole ? 4 : 1;
    j += done;
    w += done << 2;
    b += done << 2;
  }
}

// @ts-ignore: decorator
@inline
function scale(x: v128, r: v128, c: v128): v128 {
  return f32x4.add(f32x4.mul(x, r), c);
}

/** y = x·r + c. */
export function writeByColumn(
  x: usize, step: usize, y: usize, stride: usize, rows: i32, bytes: usize, r: usize, c: usize,
): void {
  const dc = c - r, end = r + bytes;
  for (let j = 0; j < rows; ) {
    const isWhole = rows - j >= 4, sx: usize = isWhole ? step : 0, sy: usize = isWhole ? stride : 0;
    for (let k = r, p = x + <usize>j * step, o = y + <usize>j * stride; k < end; k += 16, p += 16, o += 16) {
      const p1 = p + sx, p2 = p1 + sx, p3 = p2 + sx, o1 = o + sy, o2 = o1 + sy, o3 = o2 + sy;
      const r0 = v128.load(k), c0 = v128.load(k + dc);
      const x0 = v128.load(p), x1 = v128.load(p1), x2 = v128.load(p2), x3 = v128.load(p3);
      v128.store(o, scale(x0, r0, c0));
      v128.store(o1, scale(x1, r0, c0));
      v128.store(o2, scale(x2, r0, c0));
      v128.store(o3, scale(x3, r0, c0));
    }
    j += isWhole ? 4 : 1;
  }
}

/**
 * With x̂ = x·r + c adds Σ dy·w and Σ dy·w·x̂ of the rows to s and q, and Σ dy·x̂ and Σ dy of each row's columns to
 * float32 arrays of one value per row. `zeros` is a row of them.
 */
export function addGradientsByRow(
  x: usize, step: usize, dy: usize, stride: usize, rows: i32, bytes: usize, r: usize, c: usize, s: usize, q: usize, w: usize,
  dw: usize, db: usize, zeros: usize,
): void {
  const dc = c - r, ds = s - r, dq = q - r, end = r + bytes;
  for (let j = 0; j < rows; j += 2, w += 8, dw += 8, db += 8) {
    let p = x + <usize>j * step, g = dy + <usize>j * stride;
    // A missing row is of zeros.
    const isLast = j + 1 == rows, next = isLast ? zeros - p : step, nextDy = isLast ? zeros - g : stride;
    const w0 = v128.load32_splat(w), w1 = v128.load32_splat(w, 4);
    let dw0 = f32x4.splat(0), dw1 = dw0, db0 = dw0, db1 = dw0;
    for (let k = r; k < end; k += 16, p += 16, g += 16) {
      const ks = k + ds, kq = k + dq, p1 = p + next, g1 = g + nextDy;
      const rv = v128.load(k), cv = v128.load(k + dc), d0 = v128.load(g), d1 = v128.load(g1);
      const t0 = f32x4.mul(d0, scale(v128.load(p), rv, cv)), t1 = f32x4.mul(d1, scale(v128.load(p1), rv, cv));
      dw0 = f32x4.add(dw0, t0);
      dw1 = f32x4.add(dw1, t1);
      db0 = f32x4.add(db0, d0);
      db1 = f32x4.add(db1, d1);
      v128.store(ks, f32x4.add(v128.load(ks), f32x4.add(f32x4.mul(d0, w0), f32x4.mul(d1, w1))));
      v128.store(kq, f32x4.add(v128.load(kq), f32x4.add(f32x4.mul(t0, w0), f32x4.mul(t1, w1))));
    }
    addLanes(dw, dw0);
    addLanes(dw + 4, dw1);
    addLanes(db, db0);
    addLanes(db + 4, db1);
  }
}

function addLanes(to: usize, v: v128): void {
  const low = f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1), high = f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3);
  store<f32>(to, load<f32>(to) + (low + high));
}

/** Adds Σ dy and Σ dy·x of the rows to s and q. */
export function addGradientsByColumn(
  x: usize, step: usize, dy: usize, stride: usize, rows: i32, bytes: usize, s: usize, q: usize,
): void {
  const dq = q - s, end = s + bytes, whole = rows & ~3;
  for (let j = 0; j < whole; j += 4) {
    for (let k = s, p = x + <usize>j * step, g = dy + <usize>j * stride; k < end; k += 16, p += 16, g += 16) {
      const p1 = p + step, p2 = p1 + step, p3 = p2 + step, g1 = g + stride, g2 = g1 + stride, g3 = g2 + stride, kq = k + dq;
      const a = v128.load(g), b = v128.load(g1), c = v128.load(g2), d = v128.load(g3);
      v128.store(k, f32x4.add(v128.load(k), sum4(a, b, c, d)));
      const t = dot4(a, b, c, d, v128.load(p), v128.load(p1), v128.load(p2), v128.load(p3));
      v128.store(kq, f32x4.add(v128.load(kq), t));
    }
  }
  for (let j = whole; j < rows; j++) {
    for (let k = s, p = x + <usize>j * step, g = dy + <usize>j * stride; k < end; k += 16, p += 16, g += 16) {
      const d = v128.load(g);
      v128.store(k, f32x4.add(v128.load(k), d));
      v128.store(k + dq, f32x4.add(v128.load(k + dq), f32x4.mul(d, v128.load(p))));
    }
  }
}

/** dx = dy·w·r − (x·A + B) with w of the row. */
export function writeGradients(
  x: usize, step: usize, dy: usize, dx: usize, stride: usize, rows: i32, bytes: usize, r: usize, A: usize, B: usize, w: usize,
): void {
  const dA = A - r, dB = B - r, out = dx - dy, end = r + bytes;
  for (let j = 0; j < rows; ) {
    // Two rows, or the last one twice.
    const isWhole = rows - j >= 2, sx: usize = isWhole ? step : 0, sy: usize = isWhole ? stride : 0;
    const w0 = v128.load32_splat(w), w1 = v128.load32_splat(w + (isWhole ? 4 : 0));
    for (let k = r, p = x + <usize>j * step, g = dy + <usize>j * stride; k < end; k += 16, p += 16, g += 16) {
      const p1 = p + sx, g1 = g + sy;
      const rv = v128.load(k), Av = v128.load(k + dA), Bv = v128.load(k + dB);
      const d0 = f32x4.mul(f32x4.mul(v128.load(g), w0), rv), d1 = f32x4.mul(f32x4.mul(v128.load(g1), w1), rv);
      v128.store(g + out, f32x4.sub(d0, scale(v128.load(p), Av, Bv)));
      v128.store(g1 + out, f32x4.sub(d1, scale(v128.load(p1), Av, Bv)));
    }
    j += 2;
    w += 8;
  }
}

/** The rows' deviations from pilots. */
export function subtractPilots(x: usize, step: usize, rows: i32, bytes: usize, K: usize, to: usize, stride: usize): void {
  for (let j = 0; j < rows; j++, x += step, to += stride) {
    for (let i: usize = 0; i < bytes; i += 16) v128.store(to + i, f32x4.sub(v128.load(x + i), v128.load(K + i)));
  }
}
