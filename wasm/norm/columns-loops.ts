// The loops that touch every element of rows × columns, four columns at a time: `bytes` of a row are whole vectors, and K,
// sums and coefficients are arrays of one float32 per column. Odd columns come here packed, see columns-tile.ts.
// Pointers advance together, and other arrays lie at distances from them: V8 makes the least of such addresses.

/** Adds Σ(x−K) and Σ(x−K)² of the rows to s and q, in trees of eight rows. */
export function addMoments(x: usize, rows: i32, stride: usize, bytes: usize, K: usize, s: usize, q: usize): void {
  const s2 = stride + stride, s3 = s2 + stride, s4 = s2 + s2, ds = s - K, dq = q - K, end = K + bytes, whole = rows & ~7;
  for (let j = 0; j < whole; j += 8) {
    for (let k = K, p = x + <usize>j * stride; k < end; k += 16, p += 16) {
      const kv = v128.load(k), p4 = p + s4;
      const u0 = f32x4.sub(v128.load(p), kv), u1 = f32x4.sub(v128.load(p + stride), kv);
      const u2 = f32x4.sub(v128.load(p + s2), kv), u3 = f32x4.sub(v128.load(p + s3), kv);
      const low = f32x4.add(f32x4.add(u0, u1), f32x4.add(u2, u3));
      const lowSquares = f32x4.add(
        f32x4.add(f32x4.mul(u0, u0), f32x4.mul(u1, u1)),
        f32x4.add(f32x4.mul(u2, u2), f32x4.mul(u3, u3)),
      );
      const u4 = f32x4.sub(v128.load(p4), kv), u5 = f32x4.sub(v128.load(p4 + stride), kv);
      const u6 = f32x4.sub(v128.load(p4 + s2), kv), u7 = f32x4.sub(v128.load(p4 + s3), kv);
      const high = f32x4.add(f32x4.add(u4, u5), f32x4.add(u6, u7));
      const highSquares = f32x4.add(
        f32x4.add(f32x4.mul(u4, u4), f32x4.mul(u5, u5)),
        f32x4.add(f32x4.mul(u6, u6), f32x4.mul(u7, u7)),
      );
      v128.store(k + ds, f32x4.add(v128.load(k + ds), f32x4.add(low, high)));
      v128.store(k + dq, f32x4.add(v128.load(k + dq), f32x4.add(lowSquares, highSquares)));
    }
  }
  for (let j = whole; j < rows; j++) {
    for (let k = K, p = x + <usize>j * stride; k < end; k += 16, p += 16) {
      const u = f32x4.sub(v128.load(p), v128.load(k));
      v128.store(k + ds, f32x4.add(v128.load(k + ds), u));
      v128.store(k + dq, f32x4.add(v128.load(k + dq), f32x4.mul(u, u)));
    }
  }
}

/** y = ((x−K)·r + c)·w + b with w and b of the row. */
export function writeByRow(
  x: usize, y: usize, rows: i32, stride: usize, bytes: usize, K: usize, r: usize, c: usize, w: usize, b: usize,
): void {
  const dr = r - K, dc = c - K, dy = y - x, end = K + bytes;
  for (let j = 0; j < rows; j += 2, w += 8, b += 8) {
    // A missing row is the last one again. In place that is right because both are read before either is written.
    const next: usize = j + 1 < rows ? stride : 0, at: usize = j + 1 < rows ? 4 : 0;
    const w0 = v128.load32_splat(w), w1 = v128.load32_splat(w + at), b0 = v128.load32_splat(b), b1 = v128.load32_splat(b + at);
    for (let k = K, p = x + <usize>j * stride; k < end; k += 16, p += 16) {
      const kv = v128.load(k), rv = v128.load(k + dr), cv = v128.load(k + dc), p1 = p + next;
      const h0 = f32x4.add(f32x4.mul(f32x4.sub(v128.load(p), kv), rv), cv);
      const h1 = f32x4.add(f32x4.mul(f32x4.sub(v128.load(p1), kv), rv), cv);
      v128.store(p + dy, f32x4.add(f32x4.mul(h0, w0), b0));
      v128.store(p1 + dy, f32x4.add(f32x4.mul(h1, w1), b1));
    }
  }
}

/** y = (x−K)·r + c. */
export function writeByColumn(
  x: usize, y: usize, rows: i32, stride: usize, bytes: usize, K: usize, r: usize, c: usize,
): void {
  const s2 = stride + stride, s3 = s2 + stride, dr = r - K, dc = c - K, end = K + bytes, whole = rows & ~3;
  for (let j = 0; j < whole; j += 4) {
    for (let k = K, p = x + <usize>j * stride, o = y + <usize>j * stride; k < end; k += 16, p += 16, o += 16) {
      const kv = v128.load(k), rv = v128.load(k + dr), cv = v128.load(k + dc);
      v128.store(o, f32x4.add(f32x4.mul(f32x4.sub(v128.load(p), kv), rv), cv));
      v128.store(o + stride, f32x4.add(f32x4.mul(f32x4.sub(v128.load(p + stride), kv), rv), cv));
      v128.store(o + s2, f32x4.add(f32x4.mul(f32x4.sub(v128.load(p + s2), kv), rv), cv));
      v128.store(o + s3, f32x4.add(f32x4.mul(f32x4.sub(v128.load(p + s3), kv), rv), cv));
    }
  }
  for (let j = whole; j < rows; j++) {
    for (let k = K, p = x + <usize>j * stride, o = y + <usize>j * stride; k < end; k += 16, p += 16, o += 16) {
      v128.store(o, f32x4.add(f32x4.mul(f32x4.sub(v128.load(p), v128.load(k)), v128.load(k + dr)), v128.load(k + dc)));
    }
  }
}

/**
 * With x̂ = (x−K)·r + c adds Σ dy·w and Σ dy·w·x̂ of the rows to s and q, and Σ dy·x̂ and Σ dy of each row's columns
 * to float32 arrays of one value per row. `zeros` is a row of them.
 */
export function addGradientsByRow(
  x: usize, dy: usize, rows: i32, stride: usize, bytes: usize, K: usize, r: usize, c: usize, s: usize, q: usize, w: usize,
  dw: usize, db: usize, zeros: usize,
): void {
  const dr = r - K, dc = c - K, ds = s - K, dq = q - K, end = K + bytes;
  for (let j = 0; j < rows; j += 2, w += 8, dw += 8, db += 8) {
    let p = x + <usize>j * stride, g = dy + <usize>j * stride;
    // A missing row has the pilots for x, which deviate by 0, and a dy of 0.
    const isLast = j + 1 == rows, next = isLast ? K - p : stride, nextDy = isLast ? zeros - g : stride;
    const w0 = v128.load32_splat(w), w1 = v128.load32_splat(w, 4);
    let dw0 = f32x4.splat(0), dw1 = dw0, db0 = dw0, db1 = dw0;
    for (let k = K; k < end; k += 16, p += 16, g += 16) {
      const kv = v128.load(k), rv = v128.load(k + dr), cv = v128.load(k + dc);
      const d0 = v128.load(g), d1 = v128.load(g + nextDy);
      const t0 = f32x4.mul(d0, f32x4.add(f32x4.mul(f32x4.sub(v128.load(p), kv), rv), cv));
      const t1 = f32x4.mul(d1, f32x4.add(f32x4.mul(f32x4.sub(v128.load(p + next), kv), rv), cv));
      dw0 = f32x4.add(dw0, t0);
      dw1 = f32x4.add(dw1, t1);
      db0 = f32x4.add(db0, d0);
      db1 = f32x4.add(db1, d1);
      v128.store(k + ds, f32x4.add(v128.load(k + ds), f32x4.add(f32x4.mul(d0, w0), f32x4.mul(d1, w1))));
      v128.store(k + dq, f32x4.add(v128.load(k + dq), f32x4.add(f32x4.mul(t0, w0), f32x4.mul(t1, w1))));
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

/** Adds Σ dy and Σ dy·(x−K) of the rows to s and q. */
export function addGradientsByColumn(
  x: usize, dy: usize, rows: i32, stride: usize, bytes: usize, K: usize, s: usize, q: usize,
): void {
  const s2 = stride + stride, s3 = s2 + stride, ds = s - K, dq = q - K, end = K + bytes, whole = rows & ~3;
  for (let j = 0; j < whole; j += 4) {
    for (let k = K, p = x + <usize>j * stride, g = dy + <usize>j * stride; k < end; k += 16, p += 16, g += 16) {
      const kv = v128.load(k), d0 = v128.load(g), d1 = v128.load(g + stride), d2 = v128.load(g + s2), d3 = v128.load(g + s3);
      v128.store(k + ds, f32x4.add(v128.load(k + ds), f32x4.add(f32x4.add(d0, d1), f32x4.add(d2, d3))));
      const t0 = f32x4.mul(d0, f32x4.sub(v128.load(p), kv)), t1 = f32x4.mul(d1, f32x4.sub(v128.load(p + stride), kv));
      const t2 = f32x4.mul(d2, f32x4.sub(v128.load(p + s2), kv)), t3 = f32x4.mul(d3, f32x4.sub(v128.load(p + s3), kv));
      v128.store(k + dq, f32x4.add(v128.load(k + dq), f32x4.add(f32x4.add(t0, t1), f32x4.add(t2, t3))));
    }
  }
  for (let j = whole; j < rows; j++) {
    for (let k = K, p = x + <usize>j * stride, g = dy + <usize>j * stride; k < end; k += 16, p += 16, g += 16) {
      const d = v128.load(g);
      v128.store(k + ds, f32x4.add(v128.load(k + ds), d));
      v128.store(k + dq, f32x4.add(v128.load(k + dq), f32x4.mul(d, f32x4.sub(v128.load(p), v128.load(k)))));
    }
  }
}

/** dx = dy·w·r − ((x−K)·A + B) with w of the row. A step of 0 from one row of x to the next leaves x out. */
export function writeGradients(
  x: usize, step: usize, dy: usize, dx: usize, rows: i32, stride: usize, bytes: usize, K: usize, r: usize, A: usize, B: usize,
  w: usize,
): void {
  const dr = r - K, dA = A - K, dB = B - K, dOut = dx - dy, end = K + bytes;
  for (let j = 0; j < rows; j += 2, w += 8) {
    // A missing row is the last one again.
    const isLast = j + 1 == rows, nextX: usize = isLast ? 0 : step, next: usize = isLast ? 0 : stride;
    const w0 = v128.load32_splat(w), w1 = v128.load32_splat(w + (isLast ? 0 : 4));
    for (let k = K, p = x + <usize>j * step, g = dy + <usize>j * stride; k < end; k += 16, p += 16, g += 16) {
      const kv = v128.load(k), rv = v128.load(k + dr), Av = v128.load(k + dA), Bv = v128.load(k + dB), g1 = g + next;
      const d0 = f32x4.mul(f32x4.mul(v128.load(g), w0), rv), d1 = f32x4.mul(f32x4.mul(v128.load(g1), w1), rv);
      const h0 = f32x4.add(f32x4.mul(f32x4.sub(v128.load(p), kv), Av), Bv);
      const h1 = f32x4.add(f32x4.mul(f32x4.sub(v128.load(p + nextX), kv), Av), Bv);
      v128.store(g + dOut, f32x4.sub(d0, h0));
      v128.store(g1 + dOut, f32x4.sub(d1, h1));
    }
  }
}
