// Inner loops of matrix products: four rows by eight columns from packed panels, and one row from where it lies.

import { isRun } from './panels';

@inline
function put(to: usize, x: v128, y: v128, add: bool): void {
  if (add) {
    v128.store(to, f32x4.add(v128.load(to), x));
    v128.store(to, f32x4.add(v128.load(to, 16), y), 16);
  } else {
    v128.store(to, x);
    v128.store(to, y, 16);
  }
}

/** Four rows by eight columns: the product of two panels, written to or added to a row at each address. */
export function multiply(p: usize, q: usize, count: i32, r0: usize, r1: usize, r2: usize, r3: usize, add: bool): void {
  const zero = f32x4.splat(0);
  let c00 = zero, c01 = zero, c10 = zero, c11 = zero, c20 = zero, c21 = zero, c30 = zero, c31 = zero;
  const end = q + (<usize>count << 5);
  while (q < end) {
    const q0 = v128.load(q), q1 = v128.load(q, 16);
    const a0 = v128.load32_splat(p);
    c00 = f32x4.add(c00, f32x4.mul(a0, q0));
    c01 = f32x4.add(c01, f32x4.mul(a0, q1));
    const a1 = v128.load32_splat(p, 4);
    c10 = f32x4.add(c10, f32x4.mul(a1, q0));
    c11 = f32x4.add(c11, f32x4.mul(a1, q1));
    const a2 = v128.load32_splat(p, 8);
    c20 = f32x4.add(c20, f32x4.mul(a2, q0));
    c21 = f32x4.add(c21, f32x4.mul(a2, q1));
    const a3 = v128.load32_splat(p, 12);
    c30 = f32x4.add(c30, f32x4.mul(a3, q0));
    c31 = f32x4.add(c31, f32x4.mul(a3, q1));
    p += 16;
    q += 32;
  }
  put(r0, c00, c01, add);
  put(r1, c10, c11, add);
  put(r2, c20, c21, add);
  put(r3, c30, c31, add);
}

/** Writes a finished 4×8 tile to where its rows and columns lie. */
export function scatter(tile: usize, out: usize, rows: usize, columns: usize, height: i32, width: i32, add: bool): void {
  if (height == 4 && isRun(rows)) {
    const to = out + load<u32>(rows);
    for (let half = 0; half < width; half += 4, tile += 16, columns += 16) {
      const x0 = v128.load(tile), x1 = v128.load(tile, 32), x2 = v128.load(tile, 64), x3 = v128.load(tile, 96);
      const a = i32x4.shuffle(x0, x1, 0, 4, 1, 5), b = i32x4.shuffle(x2, x3, 0, 4, 1, 5);
      const c = i32x4.shuffle(x0, x1, 2, 6, 3, 7), d = i32x4.shuffle(x2, x3, 2, 6, 3, 7);
      putColumn(to + load<u32>(columns), i64x2.shuffle(a, b, 0, 2), add);
      if (half + 1 < width) putColumn(to + load<u32>(columns, 4), i64x2.shuffle(a, b, 1, 3), add);
      if (half + 2 < width) putColumn(to + load<u32>(columns, 8), i64x2.shuffle(c, d, 0, 2), add);
      if (half + 3 < width) putColumn(to + load<u32>(columns, 12), i64x2.shuffle(c, d, 1, 3), add);
    }
    return;
  }
  for (let i = 0; i < height; i++, tile += 32, rows += 4) {
    const to = out + load<u32>(rows);
    for (let j = 0; j < width; j++) {
      const at = to + load<u32>(columns + (<usize>j << 2)), value = load<f32>(tile + (<usize>j << 2));
      store<f32>(at, add ? load<f32>(at) + value : value);
    }
  }
}

@inline
function putColumn(to: usize, x: v128, add: bool): void {
  v128.store(to, add ? f32x4.add(v128.load(to), x) : x);
}

/** One row by 32 columns that lie together. */
export function multiplyRow(p: usize, right: usize, ks: usize, length: i32, tile: usize): void {
  const zero = f32x4.splat(0);
  let c0 = zero, c1 = zero, c2 = zero, c3 = zero, c4 = zero, c5 = zero, c6 = zero, c7 = zero;
  for (const end = ks + (<usize>length << 2); ks < end; ks += 4, p += 16) {
    const a = v128.load32_splat(p), q = right + load<u32>(ks);
    c0 = f32x4.add(c0, f32x4.mul(a, v128.load(q)));
    c1 = f32x4.add(c1, f32x4.mul(a, v128.load(q, 16)));
    c2 = f32x4.add(c2, f32x4.mul(a, v128.load(q, 32)));
    c3 = f32x4.add(c3, f32x4.mul(a, v128.load(q, 48)));
    c4 = f32x4.add(c4, f32x4.mul(a, v128.load(q, 64)));
    c5 = f32x4.add(c5, f32x4.mul(a, v128.load(q, 80)));
    c6 = f32x4.add(c6, f32x4.mul(a, v128.load(q, 96)));
    c7 = f32x4.add(c7, f32x4.mul(a, v128.load(q, 112)));
  }
  put(tile, c0, c1, false);
  put(tile + 32, c2, c3, false);
  put(tile + 64, c4, c5, false);
  put(tile + 96, c6, c7, false);
}

/** One row by eight columns, each of which lies together. */
export function multiplyAcross(p: usize, right: usize, lanes: usize, ks: usize, length: i32, tile: usize): void {
  let c0 = f32x4.splat(0), c1 = c0;
  for (const end = ks + (<usize>length << 2); ks < end; ks += 16, p += 64) {
    const from = right + load<u32>(ks);
    c0 = addAcross(c0, p, from, lanes);
    c1 = addAcross(c1, p, from, lanes + 16);
  }
  put(tile, c0, c1, false);
}

/** Adds four products to each of four columns' sums. */
@inline
function addAcross(sum: v128, p: usize, from: usize, lanes: usize): v128 {
  const x0 = v128.load(from + load<u32>(lanes)), x1 = v128.load(from + load<u32>(lanes, 4));
  const x2 = v128.load(from + load<u32>(lanes, 8)), x3 = v128.load(from + load<u32>(lanes, 12));
  const a = i32x4.shuffle(x0, x1, 0, 4, 1, 5), b = i32x4.shuffle(x2, x3, 0, 4, 1, 5);
  const c = i32x4.shuffle(x0, x1, 2, 6, 3, 7), d = i32x4.shuffle(x2, x3, 2, 6, 3, 7);
  let total = f32x4.add(sum, f32x4.mul(v128.load32_splat(p), i64x2.shuffle(a, b, 0, 2)));
  total = f32x4.add(total, f32x4.mul(v128.load32_splat(p, 16), i64x2.shuffle(a, b, 1, 3)));
  total = f32x4.add(total, f32x4.mul(v128.load32_splat(p, 32), i64x2.shuffle(c, d, 0, 2)));
  return f32x4.add(total, f32x4.mul(v128.load32_splat(p, 48), i64x2.shuffle(c, d, 1, 3)));
}
