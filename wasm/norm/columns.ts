// Columns: k0 planes of r0 rows × k1 columns, one statistic per column. One scale and shift per row (LayerNorm2d on
// channels first), one per column (BatchNorm on channels last), or none.
// Tile kernels take columns that fit the cache: sum, finish, write. With very many rows chunks of rows are summed by one
// launch and written by another, and `finish` runs between them.
import { ForwardArgs } from './args';
import {
  addChunks, c, K, mark, placePlane, placeTile, planeBytes, Q, r, S, setPilots, setRowParameters, sumMoments, write,
} from './columns-tile';
import { generalForward, L2, MOMENTS, saveStatistics } from './general';

/** Sweeps about better pilots before a column is done apart. */
const SWEEPS: i32 = 4;
/** Bounds of what float32 multiplies without loss: 2^±100. */
export const LEAST: f64 = 7.888609052210118e-31, MOST: f64 = 1.2676506002282294e30;

/** Items are tiles of extra0 columns; extra1 says whether parameters go by column. */
export function columnsForward(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<ForwardArgs>(args);
  const r0 = <i32>a.r0, k1 = <i32>a.k1, tile = <i32>a.extra0, tiles = (k1 + tile - 1) / tile, byColumn = a.extra1 != 0;
  const isMoments = <i32>a.statistics == MOMENTS, stride = <usize>k1 << 2;
  placeTile(scratch, tile);
  setRowParameters(<usize>a.weight, <usize>a.bias, <i32>a.affine, <i32>(a.inner / a.k1));
  for (let item = from; item < to; item++) {
    const i0 = item / tiles, first = (item % tiles) * tile, width = min(tile, k1 - first);
    const at = (<usize>i0 * <usize>r0 * <usize>k1 + <usize>first) << 2, x = <usize>a.x + at;
    if (a.givenMean == 0) {
      setPilots(x, r0, stride, width, isMoments);
      for (let sweep = 0; sweep < SWEEPS; sweep++) {
        sumMoments(x, r0, stride, width);
        if (!isMoments || !movePilots(a.r0, width)) break;
      }
    }
    const hasMarks = finish(a, i0 * k1 + first, first, width, byColumn);
    write(x, <usize>a.y + at, i0 * r0, r0, stride, width, byColumn, hasMarks);
  }
}

/** Items are planes: pilots of all their columns. extra3 points to the planes' arrays. */
export function columnsPilots(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<ForwardArgs>(args);
  const k1 = <i32>a.k1, bytes = planeBytes(k1);
  for (let i0 = from; i0 < to; i0++) {
    placePlane(a.extra3, a.extra2, i0, 0, bytes);
    memory.fill(K, 0, bytes);
    const x = <usize>a.x + ((<usize>(i0 * <i32>a.r0) * <usize>k1) << 2);
    setPilots(x, <i32>a.r0, <usize>k1 << 2, k1, <i32>a.statistics == MOMENTS);
  }
}

/** Items are chunks of extra0 rows: their sums go to extra2. */
export function columnsSums(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<ForwardArgs>(args);
  const r0 = <i32>a.r0, k1 = <i32>a.k1, chunk = <i32>a.extra0, chunks = (r0 + chunk - 1) / chunk, bytes = planeBytes(k1);
  placeTile(scratch, k1);
  for (let item = from; item < to; item++) {
    const i0 = item / chunks, j0 = (item % chunks) * chunk;
    placePlane(a.extra3, a.extra2, i0, item, bytes);
    const x = <usize>a.x + ((<usize>(i0 * r0 + j0) * <usize>k1) << 2);
    sumMoments(x, min(chunk, r0 - j0), <usize>k1 << 2, k1);
  }
}

/**
 * Statistics and coefficients of all planes, from their chunks' sums. Leaves in the int32 at extra4: 1 where pilots moved and
 * the chunks have to be summed again, which extra5 allows, 2 where columns are marked, else 0. Of one item.
 */
export function columnsFinish(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<ForwardArgs>(args);
  const k0 = <i32>a.k0, k1 = <i32>a.k1, chunk = <i32>a.extra0, chunks = (<i32>a.r0 + chunk - 1) / chunk, bytes = planeBytes(k1);
  let found = 0;
  if (a.givenMean == 0) {
    for (let i0 = 0; i0 < k0; i0++) {
      placePlane(a.extra3, a.extra2, i0, i0 * chunks, bytes);
      addChunks(chunks, bytes);
      if (<i32>a.statistics == MOMENTS && a.extra5 != 0 && movePilots(a.r0, k1)) found = 1;
    }
  }
  if (found == 0) {
    for (let i0 = 0; i0 < k0; i0++) {
      placePlane(a.extra3, a.extra2, i0, i0 * chunks, bytes);
      if (finish(a, i0 * k1, 0, k1, true)) found = 2;
    }
  }
  store<i32>(<usize>a.extra4, found);
}

/** Items are chunks of extra0 rows: y. */
export function columnsWrite(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<ForwardArgs>(args);
  const r0 = <i32>a.r0, k1 = <i32>a.k1, chunk = <i32>a.extra0, chunks = (r0 + chunk - 1) / chunk, bytes = planeBytes(k1);
  placeTile(scratch, 0);
  for (let item = from; item < to; item++) {
    // Backwards: what was summed last is still in the cache.
    const i = <i32>a.k0 * chunks - 1 - item, i0 = i / chunks, j0 = (i % chunks) * chunk;
    placePlane(a.extra3, a.extra2, i0, 0, bytes);
    const at = (<usize>(i0 * r0 + j0) * <usize>k1) << 2, rows = min(chunk, r0 - j0);
    write(<usize>a.x + at, <usize>a.y + at, 0, rows, <usize>k1 << 2, k1, true, load<i32>(<usize>a.extra4) != 0);
  }
}

/** Moves pilots more than four deviations from their column's mean to the mean; says whether there were any. */
function movePilots(n: f64, width: i32): bool {
  const inverse = f64x2.splat(1 / n), zero = f64x2.splat(0), sixteen = f64x2.splat(16);
  let far = zero;
  for (let i: usize = 0; i < <usize>width << 3; i += 16) {
    const sum = v128.load(S + i), shift = f64x2.mul(sum, inverse), square = f64x2.mul(sum, shift);
    far = v128.or(far, f64x2.gt(square, f64x2.mul(sixteen, f64x2.max(f64x2.sub(v128.load(Q + i), square), zero))));
  }
  if (!v128.any_true(far)) return false;
  let hasMoved = false;
  for (let i = 0; i < width; i++) {
    const at = <usize>i << 2, sum = load<f64>(S + 2 * at);
    const square = sum * (sum * (1 / n));
    if (!(square > 16 * max<f64>(load<f64>(Q + 2 * at) - square, 0))) continue;
    store<f32>(K + at, <f32>(<f64>load<f32>(K + at) + sum / n));
    hasMoved = true;
  }
  return hasMoved;
}

/**
 * Statistics of `width` columns, of which `set` and `column` number the first: saved ones, requested ones and
 * coefficients in K, r and c. Columns beyond float32's comfort are done here and marked; says whether there were any.
 */
function finish(a: ForwardArgs, set: i32, column: i32, width: i32, byColumn: bool): bool {
  const isConsecutive = !byColumn || (a.weight == 0 && a.bias == 0) || (a.inner == 1 && a.affine == a.k1);
  let hasMarks = false;
  memory.fill(mark, 0, <usize>width << 2);
  for (let i = 0; i < width; ) {
    if (a.givenMean == 0 && isConsecutive) i = finishPairs(a, set, column, i, width, byColumn);
    if (i < width && finishOne(a, set + i, column + i, <usize>i << 2, byColumn)) hasMarks = true;
    i++;
  }
  return hasMarks;
}

/** Does comfortable pairs of columns whose parameters follow one another, from the i-th on; returns where they end. */
function finishPairs(a: ForwardArgs, set: i32, column: i32, i: i32, width: i32, byColumn: bool): i32 {
  const kind = <i32>a.statistics, eps = a.eps, sets = <usize>(a.k0 * a.k1) << 2, saved = <usize>a.saved + (<usize>set << 2);
  const shift = f64x2.splat(shiftOf(kind, a.r0)), share = f64x2.splat(shareOf(kind, a.r0)), one = f64x2.splat(1);
  const added = f64x2.splat(kind == L2 ? 0 : eps), least = f64x2.splat(leastOf(kind, eps)), zero = f64x2.splat(0);
  const clamp = f64x2.splat(kind == L2 ? eps : 0);
  const sixteen = f64x2.splat(16), most = f64x2.splat(Infinity);
  const weight = byColumn && a.weight != 0 ? <usize>a.weight + (<usize>column << 2) : 0;
  const bias = byColumn && a.bias != 0 ? <usize>a.bias + (<usize>column << 2) : 0;
  const outMean = <usize>a.mean, outVariance = <usize>a.variance, outRstd = <usize>a.rstd;
  for (; i + 1 < width; i += 2) {
    const at = <usize>i << 2, sum = v128.load(S + 2 * at), k = pairOf(K + at);
    const cm = f64x2.mul(sum, shift), square = f64x2.mul(sum, cm);
    const m2 = f64x2.max(f64x2.sub(v128.load(Q + 2 * at), square), zero), variance = f64x2.mul(m2, share);
    const scale = f64x2.sqrt(f64x2.add(variance, added)), rstd = f64x2.div(one, scale);
    const isNear = v128.and(f64x2.lt(m2, most), f64x2.le(square, f64x2.mul(sixteen, m2)));
    const isLarge = v128.and(f64x2.ge(variance, least), f64x2.ge(scale, clamp));
    if (!i64x2.all_true(v128.and(isNear, isLarge))) return i;
    const factor = weight != 0 ? f64x2.mul(rstd, pairOf(weight + at)) : rstd, size = f64x2.abs(factor);
    const isFit = v128.and(f64x2.gt(size, f64x2.splat(LEAST)), f64x2.lt(size, f64x2.splat(MOST)));
    if (!i64x2.all_true(v128.or(isFit, f64x2.eq(size, zero)))) return i;
    const mean = f64x2.add(k, cm), pilot = f32x4.demote_f64x2_zero(mean);
    const rest = f64x2.sub(mean, f64x2.promote_low_f32x4(pilot)), to = saved + at;
    storePair(K + at, mean);
    storePair(r + at, factor);
    storePair(c + at, f64x2.sub(bias != 0 ? pairOf(bias + at) : zero, f64x2.mul(rest, factor)));
    storePair(to, mean);
    storePair(to + sets, rest);
    storePair(to + 2 * sets, rstd);
    const out = (<usize>set << 2) + at;
    if (outMean != 0) storePair(outMean + out, mean);
    if (outVariance != 0) storePair(outVariance + out, variance);
    if (outRstd != 0) storePair(outRstd + out, rstd);
  }
  return i;
}

/** Two float32 as float64. */
// @ts-ignore: decorator
@inline
export function pairOf(at: usize): v128 {
  return f64x2.promote_low_f32x4(v128.load64_zero(at));
}

/** Two float64 as float32. */
// @ts-ignore: decorator
@inline
export function storePair(at: usize, v: v128): void {
  v128.store64_lane(at, f32x4.demote_f64x2_zero(v), 0);
}

/** Does the column at byte `at` of the arrays; says whether it was marked. */
function finishOne(a: ForwardArgs, set: i32, column: i32, at: usize, byColumn: bool): bool {
  const kind = <i32>a.statistics, eps = a.eps, weight = <usize>a.weight, bias = <usize>a.bias, isGiven = a.givenMean != 0;
  let mean: f64, variance: f64, isMarked = false;
  if (isGiven) {
    mean = <f64>load<f32>(<usize>a.givenMean + (<usize>set << 2));
    variance = <f64>load<f32>(<usize>a.givenVariance + (<usize>set << 2));
  } else {
    const sum = load<f64>(S + 2 * at), cm = sum * shiftOf(kind, a.r0), square = sum * cm;
    const m2 = max<f64>(load<f64>(Q + 2 * at) - square, 0);
    mean = <f64>load<f32>(K + at) + cm;
    variance = m2 * shareOf(kind, a.r0);
    // Also where a sum is NaN or infinite.
    isMarked = !(m2 < Infinity) || variance < leastOf(kind, eps) || (kind == MOMENTS && square > 16 * m2);
  }
  let scale = sqrt(kind == L2 && !isGiven ? variance : variance + eps), isConstant = isGiven;
  if (kind == L2 && scale < eps && !isGiven) {
    scale = eps;
    isConstant = true;
  }
  const rstd = 1 / scale, pilot = <f32>mean;
  let factor = rstd, offset: f64 = 0;
  if (byColumn) {
    const parameter = <usize>parameterOf(a.affine, a.inner, column) << 2;
    if (weight != 0) factor *= <f64>load<f32>(weight + parameter);
    if (bias != 0) offset = <f64>load<f32>(bias + parameter);
  }
  if (isMarked || !isComfortable(rstd) || !(factor == 0 || isComfortable(factor))) {
    generalForward(a, set);
    store<f32>(mark + at, 1);
    return true;
  }
  store<f32>(K + at, pilot);
  store<f32>(r + at, <f32>factor);
  store<f32>(c + at, <f32>(offset - (mean - <f64>pilot) * factor));
  saveStatistics(a, set, mean, variance, rstd, isConstant);
  return false;
}

/** What makes Σ(x−K) the mean of x−K, where it counts. */
// @ts-ignore: decorator
@inline
export function shiftOf(kind: i32, n: f64): f64 {
  return kind == MOMENTS ? 1 / n : 0;
}

/** What makes a sum over a set what statistics of this kind take of it. */
// @ts-ignore: decorator
@inline
export function shareOf(kind: i32, n: f64): f64 {
  return kind == L2 ? 1 : 1 / n;
}

/** The least variance whose squares have not vanished; anything will do beside a large eps. */
// @ts-ignore: decorator
@inline
function leastOf(kind: i32, eps: f64): f64 {
  return (kind == L2 ? eps * eps : eps) > 8e-25 ? 0 : LEAST;
}

/** Whether float32 holds a coefficient and its products without loss. */
// @ts-ignore: decorator
@inline
export function isComfortable(v: f64): bool {
  return abs(v) > LEAST && abs(v) < MOST;
}

/** The parameter of a column where parameters go by column. */
export function parameterOf(affine: f64, inner: f64, column: i32): i32 {
  return affine > 1 ? (column / <i32>inner) % <i32>affine : 0;
}
