// Softmax and its logarithm. Sums are of float32 in blocks and of float64 across them. For the logarithm, terms that are 1 are
// counted apart: where the largest outweighs all others, as in the loss of a network that is sure, it is log(1 + their sum).

import { expNegative4 } from './math';
import { log2 } from './math-scalar';

@unmanaged
class SoftmaxArgs {
  x: f64;
  y: f64;
  /** A set has r0 stretches of r1 elements, k1·r1 apart; sets of one i0 begin r1 apart. */
  r0: f64;
  k1: f64;
  r1: f64;
  log: f64;
  /** Columns of an item. */
  width: f64;
}

const LN2: f64 = 0.6931471805599453;
/** Elements, and rows of columns, that are summed in float32. */
const SHORT = 1024, ROWS = 128;

/** Sets of consecutive stretches. A NaN is never the largest, and reaches every element through the sum. */
export function softmaxSets(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<SoftmaxArgs>(args);
  const r0 = <i32>a.r0, k1 = <i32>a.k1, r1 = <i32>a.r1, bytes = <usize>r1 << 2, step = <usize>k1 * bytes;
  for (let set = from; set < to; set++) {
    const start = (<usize>(set / k1) * <usize>r0 * <usize>k1 + <usize>(set % k1)) * bytes;
    const x = <usize>a.x + start, y = <usize>a.y + start;
    let largest: f32 = -Infinity;
    for (let j = 0, p = x; j < r0; j++, p += step) largest = max(largest, largestOf(p, bytes));
    let total: f64 = 0;
    const isLog = a.log != 0;
    for (let j = 0, at: usize = 0; j < r0; j++, at += step) total += exponentials(x + at, y + at, bytes, largest, isLog);
    const scale = f32x4.splat(<f32>(isLog ? log2(total) * LN2 : 1 / total));
    for (let j = 0, at: usize = 0; j < r0; j++, at += step) finish(x + at, y + at, bytes, f32x4.splat(largest), scale, isLog);
  }
}

function largestOf(x: usize, bytes: usize): f32 {
  const end = x + bytes, whole = x + (bytes & ~31);
  let m = f32x4.splat(-Infinity), m2 = m;
  for (; x < whole; x += 32) {
    m = f32x4.pmax(m, v128.load(x));
    m2 = f32x4.pmax(m2, v128.load(x, 16));
  }
  m = f32x4.pmax(m, m2);
  let largest = max(
    max(f32x4.extract_lane(m, 0), f32x4.extract_lane(m, 1)), max(f32x4.extract_lane(m, 2), f32x4.extract_lane(m, 3)),
  );
  for (; x < end; x += 4) {
    const v = load<f32>(x);
    if (v > largest) largest = v;
  }
  return largest;
}

/** Σ exp(x - largest), its terms in y unless only the sum is wanted. */
function exponentials(x: usize, y: usize, bytes: usize, largest: f32, isLog: bool): f64 {
  const end = x + bytes;
  let total: f64 = isLog ? sumOfTerms(x, bytes & ~31, largest) : terms(x, y, bytes & ~31, largest);
  y += bytes & ~31;
  for (x += bytes & ~31; x < end; x += 4, y += 4) {
    const e = exp(load<f32>(x) - largest);
    if (!isLog) store<f32>(y, e);
    total += e;
  }
  return total;
}

function terms(x: usize, y: usize, bytes: usize, largest: f32): f64 {
  const shift = f32x4.splat(largest);
  let total: f64 = 0;
  for (const end = x + bytes; x < end; ) {
    let s = f32x4.splat(0), s2 = s;
    for (const stop = min(end, x + (SHORT << 2)); x < stop; x += 32, y += 32) {
      const e = expNegative4(f32x4.sub(v128.load(x), shift)), e2 = expNegative4(f32x4.sub(v128.load(x, 16), shift));
      v128.store(y, e);
      v128.store(y, e2, 16);
      s = f32x4.add(s, e);
      s2 = f32x4.add(s2, e2);
    }
    total += sumOf(f32x4.add(s, s2));
  }
  return total;
}

function sumOfTerms(x: usize, bytes: usize, largest: f32): f64 {
  const shift = f32x4.splat(largest), one = f32x4.splat(1);
  let total: f64 = 0, ones = i32x4.splat(0);
  for (const end = x + bytes; x < end; ) {
    let s = f32x4.splat(0), s2 = s;
    for (const stop = min(end, x + (SHORT << 2)); x < stop; x += 32) {
      const e = expNegative4(f32x4.sub(v128.load(x), shift)), e2 = expNegative4(f32x4.sub(v128.load(x, 16), shift));
      const is1 = f32x4.eq(e, one), is1too = f32x4.eq(e2, one);
      ones = i32x4.sub(i32x4.sub(ones, is1), is1too);
      s = f32x4.add(s, v128.andnot(e, is1));
      s2 = f32x4.add(s2, v128.andnot(e2, is1too));
    }
    total += sumOf(f32x4.add(s, s2));
  }
  return total + sumOf(f32x4.convert_i32x4_s(ones));
}

function exp(x: f32): f32 {
  return f32x4.extract_lane(expNegative4(f32x4.splat(x)), 0);
}

/** y·scale, or x - shift - scale. */
function finish(x: usize, y: usize, bytes: usize, shift: v128, scale: v128, isLog: bool): void {
  const end = y + bytes, whole = y + (bytes & ~15);
  if (isLog) {
    for (; y < whole; x += 16, y += 16) v128.store(y, f32x4.sub(f32x4.sub(v128.load(x), shift), scale));
    for (; y < end; x += 4, y += 4) {
      store<f32>(y, load<f32>(x) - f32x4.extract_lane(shift, 0) - f32x4.extract_lane(scale, 0));
    }
    return;
  }
  for (; y < whole; y += 16) v128.store(y, f32x4.mul(v128.load(y), scale));
  for (; y < end; y += 4) store<f32>(y, load<f32>(y) * f32x4.extract_lane(scale, 0));
}

function sumOf(v: v128): f64 {
  return (
    <f64>f32x4.extract_lane(v, 0) + <f64>f32x4.extract_lane(v, 1) +
    (<f64>f32x4.extract_lane(v, 2) + <f64>f32x4.extract_lane(v, 3))
  );
}

/** Sets of every k1-th element: an item is `width` columns, whose extremes and sums wait in scratch. */
export function softmaxColumns(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<SoftmaxArgs>(args);
  const r0 = <i32>a.r0, k1 = <i32>a.k1, width = <i32>a.width, tiles = (k1 + width - 1) / width;
  const step = <usize>k1 << 2;
  for (let item = from; item < to; item++) {
    const column = item % tiles * width, columns = min(width, k1 - column);
    const start = (<usize>(item / tiles) * <usize>r0 * <usize>k1 + <usize>column) << 2;
    const end = scratch + (<usize>columns << 2);
    // Planes of a width: the largest, float32 sums, float64 sums, and how many terms of the logarithm's sum are 1.
    const sums = <usize>width << 2, totals = sums << 1, ones = sums << 2, one = f32x4.splat(1);
    const x = <usize>a.x + start, y = <usize>a.y + start, isLog = a.log != 0;
    memory.copy(scratch, x, <usize>columns << 2);
    memory.fill(scratch + sums, 0, 4 * sums);
    for (let j = 1, row = x + step; j < r0; j++, row += step) {
      let p = scratch, q = row;
      for (; p + 16 <= end; p += 16, q += 16) v128.store(p, f32x4.pmax(v128.load(p), v128.load(q)));
      for (; p < end; p += 4, q += 4) if (load<f32>(q) > load<f32>(p)) store<f32>(p, load<f32>(q));
    }
    for (let j = 0, at: usize = 0; j < r0; j++, at += step) {
      let p = scratch, q = x + at, z = y + at;
      for (; p + 16 <= end; p += 16, q += 16, z += 16) {
        let e = expNegative4(f32x4.sub(v128.load(q), v128.load(p)));
        if (isLog) {
          const is1 = f32x4.eq(e, one);
          v128.store(p + ones, i32x4.sub(v128.load(p + ones), is1));
          e = v128.andnot(e, is1);
        } else {
          v128.store(z, e);
        }
        v128.store(p + sums, f32x4.add(v128.load(p + sums), e));
      }
      for (; p < end; p += 4, q += 4, z += 4) {
        const e = exp(load<f32>(q) - load<f32>(p));
        if (!isLog) store<f32>(z, e);
        if (isLog && e == 1) store<i32>(p + ones, load<i32>(p + ones) + 1);
        else store<f32>(p + sums, load<f32>(p + sums) + e);
      }
      if (j % ROWS == ROWS - 1 || j == r0 - 1) settle(scratch + sums, scratch + totals, scratch + ones, columns, j == r0 - 1, isLog);
    }
    for (let j = 0, at: usize = 0; j < r0; j++, at += step) {
      let p = scratch, q = x + at, z = y + at;
      for (; p + 16 <= end; p += 16, q += 16, z += 16) {
        const scale = v128.load(p + sums);
        v128.store(z, isLog ? f32x4.sub(f32x4.sub(v128.load(q), v128.load(p)), scale) : f32x4.mul(v128.load(z), scale));
      }
      for (; p < end; p += 4, q += 4, z += 4) {
        const scale = load<f32>(p + sums);
        store<f32>(z, isLog ? load<f32>(q) - load<f32>(p) - scale : load<f32>(z) * scale);
      }
    }
  }
}

/** Moves float32 sums into float64 ones; at last puts the factors, or logarithms, in their place. */
function settle(sums: usize, totals: usize, ones: usize, columns: i32, isLast: bool, isLog: bool): void {
  for (let i = 0; i < columns; i++, sums += 4, totals += 8, ones += 4) {
    const total = load<f64>(totals) + <f64>load<f32>(sums);
    store<f64>(totals, total);
    store<f32>(sums, isLast ? <f32>(isLog ? log2(total + <f64>load<i32>(ones)) * LN2 : 1 / total) : 0);
  }
}
