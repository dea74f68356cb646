// Columns, backward: the gradients of what columns.ts computes, in the same shapes of work.
import { BackwardArgs } from './args';
import { isComfortable, LEAST, MOST, parameterOf, shareOf, shiftOf } from './columns';
import {
  A, addChunks, B, c, K, mark, placePlane, placeTile, planeBytes, Q, r, S, setRowParameters, sumGradientsByColumn,
  sumGradientsByRow, writeDx, zeros,
} from './columns-tile';
import { clearedPlane, generalBackward } from './general';

/**
 * Items are parts, extra2 many: equal shares of all tiles of extra0 columns. Where extra1 says that parameters go by column,
 * extra3 and extra4 point to one float64 for each set's dweight and dbias, else to a plane of them for each part; 0 for none.
 */
export function columnsBackward(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<BackwardArgs>(args);
  const r0 = <i32>a.r0, k1 = <i32>a.k1, tile = <i32>a.extra0, tiles = (k1 + tile - 1) / tile, byColumn = a.extra1 != 0;
  const stride = <usize>k1 << 2, parts = <i64>a.extra2, all = <i64>(<i32>a.k0 * tiles);
  placeTile(scratch, tile);
  if (byColumn) setRowParameters(0, 0, 1, 1);
  else setRowParameters(<usize>a.weight, 0, <i32>a.affine, <i32>(a.inner / a.k1));
  for (let part = from; part < to; part++) {
    const dweight: usize = byColumn ? 0 : clearedPlane(a.extra3, part, a.affine);
    const dbias: usize = byColumn ? 0 : clearedPlane(a.extra4, part, a.affine);
    const end = <i32>((all * (part + 1)) / parts);
    for (let item = <i32>((all * part) / parts); item < end; item++) {
      const i0 = item / tiles, column = (item % tiles) * tile, width = min(tile, k1 - column), set = i0 * k1 + column;
      const at = (<usize>(i0 * r0) * <usize>k1 + <usize>column) << 2, x = <usize>a.x + at, dy = <usize>a.dy + at;
      let found: i32;
      if (byColumn) {
        loadPilots(a, set, width, 1);
        sumGradientsByColumn(x, dy, r0, stride, width);
        found = finishByColumn(a, set, column, width, a.extra3, a.extra4);
      } else {
        loadStatistics(a, set, width);
        sumGradientsByRow(x, dy, i0 * r0, r0, stride, width, dweight, dbias);
        found = finishByRow(a, set, width, dweight);
      }
      writeTile(a, at, i0 * r0, r0, width, found);
    }
  }
}

/** Items are planes: their pilots, into the arrays at extra3. */
export function columnsGradientPilots(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<BackwardArgs>(args);
  const k1 = <i32>a.k1, bytes = planeBytes(k1);
  for (let i0 = from; i0 < to; i0++) {
    placePlane(a.extra3, a.extra2, i0, 0, bytes);
    memory.fill(K, 0, bytes);
    loadPilots(a, i0 * k1, k1, 3);
  }
}

/** Items are chunks of extra0 rows: their sums go to extra2. */
export function columnsGradientSums(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<BackwardArgs>(args);
  const r0 = <i32>a.r0, k1 = <i32>a.k1, chunk = <i32>a.extra0, chunks = (r0 + chunk - 1) / chunk, bytes = planeBytes(k1);
  placeTile(scratch, k1);
  for (let item = from; item < to; item++) {
    const i0 = item / chunks, j0 = (item % chunks) * chunk, at = (<usize>(i0 * r0 + j0) * <usize>k1) << 2;
    placePlane(a.extra3, a.extra2, i0, item, bytes);
    sumGradientsByColumn(<usize>a.x + at, <usize>a.dy + at, min(chunk, r0 - j0), <usize>k1 << 2, k1);
  }
}

/**
 * Coefficients of all planes from their chunks' sums, and each set's dweight and dbias at extra4 and extra5, 0 for none.
 * What the columns have in common goes to the int32 behind the last chunk's sums. Of one item.
 */
export function columnsGradientFinish(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<BackwardArgs>(args);
  const k0 = <i32>a.k0, k1 = <i32>a.k1, chunk = <i32>a.extra0, chunks = (<i32>a.r0 + chunk - 1) / chunk, bytes = planeBytes(k1);
  let found = CONSTANT;
  for (let i0 = 0; i0 < k0; i0++) {
    placePlane(a.extra3, a.extra2, i0, i0 * chunks, bytes);
    addChunks(chunks, bytes);
    const each = finishByColumn(a, i0 * k1, 0, k1, a.extra4, a.extra5);
    found = ((found | each) & MARKED) | (found & each & CONSTANT);
  }
  store<i32>(<usize>a.extra2 + <usize>(k0 * chunks) * 4 * bytes, found);
}

/** Items are chunks of extra0 rows: dx. */
export function columnsGradientWrite(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<BackwardArgs>(args);
  const r0 = <i32>a.r0, k1 = <i32>a.k1, chunk = <i32>a.extra0, chunks = (r0 + chunk - 1) / chunk, bytes = planeBytes(k1);
  const all = <i32>a.k0 * chunks, found = load<i32>(<usize>a.extra2 + <usize>all * 4 * bytes);
  placeTile(scratch, k1);
  setRowParameters(0, 0, 1, 1);
  for (let item = from; item < to; item++) {
    // Backwards: what was summed last is still in the cache.
    const i = all - 1 - item, i0 = i / chunks, j0 = (i % chunks) * chunk;
    placePlane(a.extra3, a.extra2, i0, 0, bytes);
    writeTile(a, (<usize>(i0 * r0 + j0) * <usize>k1) << 2, 0, min(chunk, r0 - j0), k1, found);
  }
}

/** Items are parameters that go by column: adds up the sets' values at extra3 and extra4 in order. */
export function columnsParameters(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<BackwardArgs>(args);
  const k0 = <i32>a.k0, k1 = <i32>a.k1, affine = <i32>a.affine, run = affine == 1 ? k1 : <i32>a.inner;
  for (let which = 0; which < 2; which++) {
    const values = <usize>(which == 0 ? a.extra3 : a.extra4), out = <usize>(which == 0 ? a.dweight : a.dbias);
    if (values == 0) continue;
    for (let p = from; p < to; p++) {
      let total: f64 = 0;
      for (let i0 = 0; i0 < k0; i0++) {
        for (let first = p * run; first < k1; first += affine * run) {
          const at = values + (<usize>(i0 * k1 + first) << 3);
          for (let i = 0; i < run; i++) total += load<f64>(at + (<usize>i << 3));
        }
      }
      store<f32>(out + (<usize>p << 2), <f32>total);
    }
  }
}

/** What a finish says of its columns: some are marked; the statistics of all are constants. */
const MARKED = 1, CONSTANT = 2;

/** dx of the rows at byte `at` of x, `first` being their number in the tensor. */
function writeTile(a: BackwardArgs, at: usize, first: i32, rows: i32, width: i32, found: i32): void {
  if (a.dx == 0) return;
  const stride = <usize>a.k1 << 2, isConstant = (found & CONSTANT) != 0;
  // Constants leave x out: 0 times an infinite x would be NaN.
  const x = isConstant ? zeros : <usize>a.x + at, step: usize = isConstant ? 0 : stride;
  writeDx(x, step, <usize>a.dy + at, <usize>a.dx + at, first, rows, stride, width, (found & MARKED) != 0);
}

/** Saved statistics of columns: pilots, or 0 for those at most `near` deviations from it, in K, what is missing to the mean in c, rstd in r. */
function loadPilots(a: BackwardArgs, set: i32, width: i32, near: f32): void {
  const plane = planeOf(a), saved = <usize>a.saved + (<usize>set << 2), end = <usize>width << 2;
  copyPadded(K, saved, end);
  copyPadded(c, saved + plane, end);
  copyPadded(r, saved + 2 * plane, end);
  const most = f32x4.splat(near), dr = r - K, dc = c - K, last = K + end;
  for (let at = K; at < last; at += 16) {
    const k = v128.load(at), isFar = f32x4.gt(f32x4.abs(f32x4.mul(k, v128.load(at + dr))), most);
    v128.store(at, v128.and(k, isFar));
    v128.store(at + dc, f32x4.add(v128.load(at + dc), v128.andnot(k, isFar)));
  }
}

/** Copies columns' values and zeros behind them, as many as a loop may read. */
function copyPadded(to: usize, from: usize, bytes: usize): void {
  memory.fill(to + bytes, 0, 32);
  memory.copy(to, from, bytes);
}

/** Pilots, and r and c of x̂ = (x−K)·r + c; 0 and a mark where float32 is too narrow for them. */
function loadStatistics(a: BackwardArgs, set: i32, width: i32): void {
  loadPilots(a, set, width, 1);
  const least = f32x4.splat(LEAST_RSTD), most = f32x4.splat(MOST_RSTD), one = f32x4.splat(1);
  const dc = c - r, dMark = mark - r, last = r + (<usize>width << 2);
  for (let at = r; at < last; at += 16) {
    const rstd = f32x4.abs(v128.load(at)), isWide = v128.and(f32x4.gt(rstd, least), f32x4.lt(rstd, most));
    v128.store(at + dMark, v128.andnot(one, isWide));
    v128.store(at, v128.and(rstd, isWide));
    v128.store(at + dc, v128.and(f32x4.neg(f32x4.mul(v128.load(at + dc), rstd)), isWide));
  }
}

/** Bytes from one saved plane to the next. */
function planeOf(a: BackwardArgs): usize {
  return <usize>(a.k0 * a.k1) << 2;
}

/** Where float32 holds products of x − K and dy, and the square of rstd: 2^±60. */
const LEAST_RSTD: f32 = 8.67e-19, MOST_RSTD: f32 = 1.15e18;

// @ts-ignore: decorator
@inline
function isNormal(rstd: f32): bool {
  return abs(rstd) > LEAST_RSTD && abs(rstd) < MOST_RSTD;
}

/** Coefficients A and B of columns whose parameters go by row. */
function finishByRow(a: BackwardArgs, set: i32, width: i32, dweight: usize): i32 {
  const kind = <i32>a.statistics, plane = planeOf(a), saved = <usize>a.saved + (<usize>set << 2), signs = saved + 2 * plane;
  const shift = f32x4.splat(<f32>shiftOf(kind, a.r0)), share = f32x4.splat(<f32>shareOf(kind, a.r0)), zero = f32x4.splat(0);
  const least = f32x4.splat(<f32>LEAST), most = f32x4.splat(<f32>MOST);
  let found = CONSTANT;
  for (let i: usize = 0; i < <usize>width << 2; i += 16) {
    const rv = v128.load(r + i), total = fourOf(Q + 2 * i), isBeyond = i32x4.ge_s(i32x4.add(i32x4.splat(<i32>(i >> 2)), i32x4(0, 1, 2, 3)), i32x4.splat(width));
    const isConstant = v128.or(i32x4.shr_s(v128.load(signs + i), 31), isBeyond);
    const product = f32x4.mul(f32x4.mul(total, share), rv), slope = f32x4.mul(product, rv), size = f32x4.abs(slope);
    const mean = f32x4.mul(f32x4.mul(fourOf(S + 2 * i), shift), rv), rest = f32x4.add(mean, f32x4.mul(product, v128.load(c + i)));
    const isFit = v128.or(v128.and(f32x4.gt(size, least), f32x4.lt(size, most)), f32x4.eq(total, zero));
    const isFine = v128.or(v128.and(isFit, f32x4.lt(f32x4.abs(rest), most)), isConstant);
    v128.store(A + i, v128.andnot(slope, isConstant));
    v128.store(B + i, v128.andnot(rest, isConstant));
    if (!i32x4.all_true(isConstant)) found &= MARKED;
    if (i32x4.all_true(v128.and(isFine, f32x4.eq(v128.load(mark + i), zero)))) continue;
    for (let lane: usize = i; lane < min(i + 16, <usize>width << 2); lane += 4) {
      const column = set + <i32>(lane >> 2), isMarked = load<f32>(mark + lane) != 0;
      if (!isMarked && (load<i32>(signs + lane) < 0 || !isUnfit(load<f32>(A + lane), load<f32>(B + lane)))) continue;
      // Its dy is in dbias already; its x̂ was 0 where it was marked before.
      generalBackward(a, column, isMarked ? dweight : 0, 0);
      store<f32>(mark + lane, 1);
      found |= MARKED;
    }
  }
  return found;
}

/** Four float64 as float32. */
// @ts-ignore: decorator
@inline
function fourOf(at: usize): v128 {
  const low = f32x4.demote_f64x2_zero(v128.load(at)), high = f32x4.demote_f64x2_zero(v128.load(at, 16));
  return v128.shuffle<u64>(low, high, 0, 2);
}

/** Coefficients r, A and B of columns whose parameters go by column, and the columns' dweight and dbias. */
function finishByColumn(a: BackwardArgs, set: i32, column: i32, width: i32, dweight: f64, dbias: f64): i32 {
  const kind = <i32>a.statistics, shift = shiftOf(kind, a.r0), share = shareOf(kind, a.r0), plane = planeOf(a);
  const weight = <usize>a.weight;
  let found = CONSTANT, from = <usize>a.saved + plane + (<usize>set << 2);
  let dw = <usize>dweight + (<usize>set << 3), db = <usize>dbias + (<usize>set << 3);
  for (let i = 0; i < width; i++, from += 4, dw += 8, db += 8) {
    const at = <usize>i << 2, rstd = load<f32>(from + plane), scale = <f64>abs(rstd), cm = leftOf(from - plane, plane, at);
    const parameter = <usize>parameterOf(a.affine, a.inner, column + i) << 2;
    const sum = load<f64>(S + 2 * at), product = (load<f64>(Q + 2 * at) - sum * cm) * scale;
    const factor = weight != 0 ? <f64>load<f32>(weight + parameter) * scale : scale;
    let slope: f64 = 0, rest: f64 = 0;
    if (reinterpret<i32>(rstd) >= 0) {
      found &= MARKED;
      slope = factor * scale * product * share;
      rest = factor * sum * shift - slope * cm;
    }
    const isMarked = !isNormal(rstd) || !(abs(product) < Infinity) || isUnfit(slope, rest) || isUnfit(factor, 0);
    if (dweight != 0) store<f64>(dw, isMarked ? 0 : product);
    if (dbias != 0) store<f64>(db, isMarked ? 0 : sum);
    store<f32>(mark + at, <f32>isMarked);
    store<f32>(r + at, <f32>factor);
    store<f32>(A + at, <f32>slope);
    store<f32>(B + at, <f32>rest);
    if (!isMarked) continue;
    // Planes that have the parameter's value at the set's place.
    generalBackward(a, set + i, dweight != 0 ? dw - 2 * parameter : 0, dbias != 0 ? db - 2 * parameter : 0);
    found |= MARKED;
  }
  return found;
}

/** What is missing from the pilot at byte `at` of the arrays to the mean. */
function leftOf(saved: usize, plane: usize, at: usize): f64 {
  return <f64>load<f32>(saved) + <f64>load<f32>(saved + plane) - <f64>load<f32>(K + at);
}

/** Whether float32 cannot hold the coefficients of x − K and 1. */
// @ts-ignore: decorator
@inline
function isUnfit(slope: f64, rest: f64): bool {
  return !(slope == 0 || isComfortable(slope)) || !(abs(rest) < MOST);
}
