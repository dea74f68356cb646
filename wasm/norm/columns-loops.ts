// The loops that touch every element of rows × columns, four columns at a time: `bytes` of a row are whole vectors, and K,
// sums and coefficients are arrays of one float32 per column. Odd columns come here packed, see columns-parts.ts.

/** Adds Σ(x−K) and Σ(x−K)² of the rows to s and q, in trees of eight rows. */
export function addMoments(x: usize, rows: i32, stride: usize, bytes: usize, K: usize, s: usize, q: usize): void {
  for (let j = 0; j < rows; j += 8) {
    // Rows that are missing read the pilots: they deviate by 0.
    const p0 = x + <usize>j * stride;
    const p1 = j + 1 < rows ? p0 + stride : K, p2 = j + 2 < rows ? p0 + 2 * stride : K, p3 = j + 3 < rows ? p0 + 3 * stride : K;
    const p4 = j + 4 < rows ? p0 + 4 * stride : K, p5 = j + 5 < rows ? p0 + 5 * stride : K, p6 = j + 6 < rows ? p0 + 6 * stride : K;
    const p7 = j + 7 < rows ? p0 + 7 * stride : K;
    for (let i: usize = 0; i < bytes; i += 16) {
      const k = v128.load(K + i);
      const u0 = f32x4.sub(v128.load(p0 + i), k), u1 = f32x4.sub(v128.load(p1 + i), k);
      const u2 = f32x4.sub(v128.load(p2 + i), k), u3 = f32x4.sub(v128.load(p3 + i), k);
      const low = f32x4.add(f32x4.add(u0, u1), f32x4.add(u2, u3));
      const lowSquares = f32x4.add(
        f32x4.add(f32x4.mul(u0, u0), f32x4.mul(u1, u1)),
        f32x4.add(f32x4.mul(u2, u2), f32x4.mul(u3, u3)),
      );
      const u4 = f32x4.sub(v128.load(p4 + i), k), u5 = f32x4.sub(v128.load(p5 + i), k);
      const u6 = f32x4.sub(v128.load(p6 + i), k), u7 = f32x4.sub(v128.load(p7 + i), k);
      const high = f32x4.add(f32x4.add(u4, u5), f32x4.add(u6, u7));
      const highSquares = f32x4.add(
        f32x4.add(f32x4.mul(u4, u4), f32x4.mul(u5, u5)),
        f32x4.add(f32x4.mul(u6, u6), f32x4.mul(u7, u7)),
      );
      v128.store(s + i, f32x4.add(v128.load(s + i), f32x4.add(low, high)));
      v128.store(q + i, f32x4.add(v128.load(q + i), f32x4.add(lowSquares, highSquares)));
    }
  }
}

/** y = ((x−K)·r + c)·w + b with w and b of the row. */
export function writeByRow(
  x: usize, y: usize, rows: i32, stride: usize, bytes: usize, K: usize, r: usize, c: usize, w: usize, b: usize,
): void {
  for (let j = 0; j < rows; j += 2) {
    // A missing row is the last one again. In place that is right because both are read before either is written.
    const next = j + 1 < rows ? stride : 0;
    const p = x + <usize>j * stride, o = y + <usize>j * stride, wj = w + (<usize>j << 2), bj = b + (<usize>j << 2);
    const p1 = p + next, o1 = o + next, at = next != 0 ? 4 : 0;
    const w0 = v128.load32_splat(wj), w1 = v128.load32_splat(wj + at), b0 = v128.load32_splat(bj), b1 = v128.load32_splat(bj + at);
    for (let i: usize = 0; i < bytes; i += 16) {
      const k = v128.load(K + i), rv = v128.load(r + i), cv = v128.load(c + i);
      const h0 = f32x4.add(f32x4.mul(f32x4.sub(v128.load(p + i), k), rv), cv);
      const h1 = f32x4.add(f32x4.mul(f32x4.sub(v128.load(p1 + i), k), rv), cv);
      v128.store(o + i, f32x4.add(f32x4.mul(h0, w0), b0));
      v128.store(o1 + i, f32x4.add(f32x4.mul(h1, w1), b1));
    }
  }
}

/** y = (x−K)·r + c. */
export function writeByColumn(
  x: usize, y: usize, rows: i32, stride: usize, bytes: usize, K: usize, r: usize, c: usize,
): void {
  for (let j = 0; j < rows; j += 4) {
    const p = x + <usize>j * stride, o = y + <usize>j * stride;
    const d1 = j + 1 < rows ? stride : 0, d2 = j + 2 < rows ? d1 + stride : d1, d3 = j + 3 < rows ? d2 + stride : d2;
    for (let i: usize = 0; i < bytes; i += 16) {
      const k = v128.load(K + i), rv = v128.load(r + i), cv = v128.load(c + i);
      const pi = p + i, oi = o + i;
      const u0 = f32x4.sub(v128.load(pi), k), u1 = f32x4.sub(v128.load(pi + d1), k);
      const u2 = f32x4.sub(v128.load(pi + d2), k), u3 = f32x4.sub(v128.load(pi + d3), k);
      v128.store(oi, f32x4.add(f32x4.mul(u0, rv), cv));
      v128.store(oi + d1, f32x4.add(f32x4.mul(u1, rv), cv));
      v128.store(oi + d2, f32x4.add(f32x4.mul(u2, rv), cv));
      v128.store(oi + d3, f32x4.add(f32x4.mul(u3, rv), cv));
    }
  }
}

/**
 * With x̂ = (x−K)·r + c adds Σ dy·w and Σ dy·w·x̂ of the rows to s and q, and Σ dy·x̂ and Σ dy of each row's columns to
 * float32 arrays of one value per row. `zeros` is a row of them.
 */
export function addGradientsByRow(
  x: usize, dy: usize, rows: i32, stride: usize, bytes: usize, K: usize, r: usize, c: usize, s: usize, q: usize, w: usize,
  dw: usize, db: usize, zeros: usize,
): void {
  for (let j = 0; j < rows; j += 2) {
    const p0 = x + <usize>j * stride, g0 = dy + <usize>j * stride, at = <usize>j << 2;
    const p1 = j + 1 < rows ? p0 + stride : K, g1 = j + 1 < rows ? g0 + stride : zeros;
    const w0 = v128.load32_splat(w + at), w1 = v128.load32_splat(w + at, 4);
    let dw0 = f32x4.splat(0), dw1 = dw0, db0 = dw0, db1 = dw0;
    for (let i: usize = 0; i < bytes; i += 16) {
      const k = v128.load(K + i), rv = v128.load(r + i), cv = v128.load(c + i);
      const d0 = v128.load(g0 + i), d1 = v128.load(g1 + i);
      const t0 = f32x4.mul(d0, f32x4.add(f32x4.mul(f32x4.sub(v128.load(p0 + i), k), rv), cv));
      const t1 = f32x4.mul(d1, f32x4.add(f32x4.mul(f32x4.sub(v128.load(p1 + i), k), rv), cv));
      dw0 = f32x4.add(dw0, t0);
      dw1 = f32x4.add(dw1, t1);
      db0 = f32x4.add(db0, d0);
      db1 = f32x4.add(db1, d1);
      v128.store(s + i, f32x4.add(v128.load(s + i), f32x4.add(f32x4.mul(d0, w0), f32x4.mul(d1, w1))));
      v128.store(q + i, f32x4.add(v128.load(q + i), f32x4.add(f32x4.mul(t0, w0), f32x4.mul(t1, w1))));
    }
    addLanes(dw + at, dw0);
    addLanes(dw + at + 4, dw1);
    addLanes(db + at, db0);
    addLanes(db + at + 4, db1);
  }
}

function addLanes(to: usize, v: v128): void {
  const low = f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1), high = f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3);
  store<f32>(to, load<f32>(to) + (low + high));
}

/** Adds Σ dy and Σ dy·(x−K) of the rows to s and q. `zeros` is a row of them. */
export function addGradientsByColumn(
  x: usize, dy: usize, rows: i32, stride: usize, bytes: usize, K: usize, s: usize, q: usize, zeros: usize,
): void {
  for (let j = 0; j < rows; j += 4) {
    const p0 = x + <usize>j * stride, g0 = dy + <usize>j * stride;
    const p1 = j + 1 < rows ? p0 + stride : K, p2 = j + 2 < rows ? p0 + 2 * stride : K, p3 = j + 3 < rows ? p0 + 3 * stride : K;
    const g1 = j + 1 < rows ? g0 + stride : zeros, g2 = j + 2 < rows ? g0 + 2 * stride : zeros;
    const g3 = j + 3 < rows ? g0 + 3 * stride : zeros;
    for (let i: usize = 0; i < bytes; i += 16) {
      const k = v128.load(K + i);
      const d0 = v128.load(g0 + i), d1 = v128.load(g1 + i), d2 = v128.load(g2 + i), d3 = v128.load(g3 + i);
      v128.store(s + i, f32x4.add(v128.load(s + i), f32x4.add(f32x4.add(d0, d1), f32x4.add(d2, d3))));
      const t0 = f32x4.mul(d0, f32x4.sub(v128.load(p0 + i), k)), t1 = f32x4.mul(d1, f32x4.sub(v128.load(p1 + i), k));
      const t2 = f32x4.mul(d2, f32x4.sub(v128.load(p2 + i), k)), t3 = f32x4.mul(d3, f32x4.sub(v128.load(p3 + i), k));
      v128.store(q + i, f32x4.add(v128.load(q + i), f32x4.add(f32x4.add(t0, t1), f32x4.add(t2, t3))));
    }
  }
}

/** dx = dy·w·r − ((x−K)·A + B) with w of the row. A step of 0 from one row of x to the next leaves x out. */
export function writeGradients(
  x: usize, step: usize, dy: usize, dx: usize, rows: i32, stride: usize, bytes: usize, K: usize, r: usize, A: usize, B: usize,
  w: usize,
): void {
  for (let j = 0; j < rows; j += 2) {
    const isLast = j + 1 == rows;
    const p = x + <usize>j * step, g = dy + <usize>j * stride, o = dx + <usize>j * stride, wj = w + (<usize>j << 2);
    const p1 = isLast ? p : p + step, g1 = isLast ? g : g + stride, o1 = isLast ? o : o + stride;
    const w0 = v128.load32_splat(wj), w1 = v128.load32_splat(isLast ? wj : wj + 4);
    for (let i: usize = 0; i < bytes; i += 16) {
      const k = v128.load(K + i), rv = v128.load(r + i), Av = v128.load(A + i), Bv = v128.load(B + i);
      const g0v = f32x4.mul(f32x4.mul(v128.load(g + i), w0), rv), g1v = f32x4.mul(f32x4.mul(v128.load(g1 + i), w1), rv);
      const h0 = f32x4.add(f32x4.mul(f32x4.sub(v128.load(p + i), k), Av), Bv);
      const h1 = f32x4.add(f32x4.mul(f32x4.sub(v128.load(p1 + i), k), Av), Bv);
      v128.store(o + i, f32x4.sub(g0v, h0));
      v128.store(o1 + i, f32x4.sub(g1v, h1));
    }
  }
}
