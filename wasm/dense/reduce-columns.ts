// Reductions of sets of every k1-th element: four rows a turn into sums of each column, which wait in scratch.

import { MAX, MIN, ReduceArgs, take, VARIANCE } from './reduce';

/** Rows that are summed in float32. */
const SHORT = 128;

/** An item is `width` columns of a part of the rows. */
export function reduceColumns(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<ReduceArgs>(args);
  const op = <i32>a.op, r0 = <i32>a.r0, k1 = <i32>a.k1, parts = <i32>a.parts, width = <i32>a.width;
  const length = <i32>a.length, tiles = (k1 + width - 1) / width, step = <usize>k1 << 2;
  const plane = <usize>width << 2;
  // Planes of a width: pilots, float32 sums of them and of their squares, float64 ones.
  const sums = scratch + plane, squares = sums + plane, totals = squares + plane;
  const isExtreme = op == MAX || op == MIN;
  for (let item = from; item < to; item++) {
    const column = item % tiles * width, columns = min(width, k1 - column);
    const part = item / tiles % parts, i0 = item / tiles / parts;
    const x = <usize>a.x + (<usize>(i0 * r0 * k1 + column) << 2);
    const bytes = <usize>columns << 2;
    if (op >= VARIANCE) pilots(scratch, x, bytes, step, r0);
    else memory.fill(scratch, 0, bytes);
    memory.fill(totals, 0, plane << 2);
    if (isExtreme) for (let i: usize = 0; i < bytes; i += 4) store<f32>(sums + i, -Infinity);
    for (let j = part * length, last = min(r0, j + length); j < last; j += SHORT) {
      const end = min(last, j + SHORT);
      if (!isExtreme) memory.fill(sums, 0, plane << 1);
      for (let row = j; row < end; row += 4) {
        const p = x + <usize>row * step;
        // A row that is missing counts as equal to the pilot, or to the first.
        const none = isExtreme ? p : scratch;
        const q = row + 1 < end ? p + step : none, r = row + 2 < end ? p + 2 * step : none;
        const s = row + 3 < end ? p + 3 * step : none;
        if (isExtreme) extremes(sums, bytes, p, q, r, s, op == MIN);
        else addRows(scratch, plane, bytes, p, q, r, s);
      }
      if (!isExtreme) settle(sums, totals, columns, plane);
    }
    for (let i = 0; i < columns; i++) {
      const at = <usize>i << 3, sum = isExtreme ? <f64>load<f32>(sums + (at >> 1)) : load<f64>(totals + at);
      take(a, i0 * k1 + column + i, part, sum, load<f64>(totals + at + (plane << 1)));
    }
  }
}

/** The mean of four rows, for each column. */
function pilots(out: usize, x: usize, bytes: usize, step: usize, r0: i32): void {
  const quarter = <usize>(r0 >> 2) * step;
  for (let i: usize = 0; i < bytes; i += 4, x += 4) {
    const a = load<f32>(x) + load<f32>(x + quarter), b = load<f32>(x + 2 * quarter) + load<f32>(x + 3 * quarter);
    store<f32>(out + i, (a + b) * 0.25);
  }
}

/** Planes of pilots, sums and sums of squares lie one after another. */
function addRows(k: usize, plane: usize, bytes: usize, p: usize, q: usize, r: usize, s: usize): void {
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) {
    const pilot = v128.load(k + i), sums = k + plane + i, squares = sums + plane;
    const a = f32x4.sub(v128.load(p + i), pilot), b = f32x4.sub(v128.load(q + i), pilot);
    const c = f32x4.sub(v128.load(r + i), pilot), d = f32x4.sub(v128.load(s + i), pilot);
    v128.store(sums, f32x4.add(v128.load(sums), f32x4.add(f32x4.add(a, b), f32x4.add(c, d))));
    const ab = f32x4.add(f32x4.mul(a, a), f32x4.mul(b, b)), cd = f32x4.add(f32x4.mul(c, c), f32x4.mul(d, d));
    v128.store(squares, f32x4.add(v128.load(squares), f32x4.add(ab, cd)));
  }
  for (; i < bytes; i += 4) {
    const pilot = load<f32>(k + i), sums = k + plane + i, squares = sums + plane;
    const a = load<f32>(p + i) - pilot, b = load<f32>(q + i) - pilot;
    const c = load<f32>(r + i) - pilot, d = load<f32>(s + i) - pilot;
    store<f32>(sums, load<f32>(sums) + (a + b + (c + d)));
    store<f32>(squares, load<f32>(squares) + (a * a + b * b + (c * c + d * d)));
  }
}

function extremes(sums: usize, bytes: usize, p: usize, q: usize, r: usize, s: usize, isLeast: bool): void {
  const flip = i32x4.splat(isLeast ? 0x80000000 : 0);
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) {
    const a = f32x4.max(v128.xor(v128.load(p + i), flip), v128.xor(v128.load(q + i), flip));
    const b = f32x4.max(v128.xor(v128.load(r + i), flip), v128.xor(v128.load(s + i), flip));
    v128.store(sums + i, f32x4.max(v128.load(sums + i), f32x4.max(a, b)));
  }
  for (; i < bytes; i += 4) {
    const a = v128.load32_splat(p + i), b = v128.load32_splat(q + i), c = v128.load32_splat(r + i), d = v128.load32_splat(s + i);
    const m = f32x4.max(f32x4.max(v128.xor(a, flip), v128.xor(b, flip)), f32x4.max(v128.xor(c, flip), v128.xor(d, flip)));
    store<f32>(sums + i, max(load<f32>(sums + i), f32x4.extract_lane(m, 0)));
  }
}

/** Adds the float32 sums of both kinds to the float64 ones. */
function settle(sums: usize, totals: usize, columns: i32, plane: usize): void {
  for (let i = 0; i < columns; i++, sums += 4, totals += 8) {
    store<f64>(totals, load<f64>(totals) + <f64>load<f32>(sums));
    const squares = totals + (plane << 1);
    store<f64>(squares, load<f64>(squares) + <f64>load<f32>(sums + plane));
  }
}
