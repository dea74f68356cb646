// Columns: k0 planes of r0 rows × k1 columns, one statistic per column. One scale and shift per row (LayerNorm2d on
// channels first), one per column (BatchNorm on channels last), or none.
// Tile kernels take columns that fit the cache: sum, finish, write. With very many rows chunks of rows are summed by one
// launch and written by another, and `finish` runs between them.
import { ForwardArgs } from './args';
import {
  addChunks, c, K, mark, placePlane, placeTile, planeBytes, q, Q, r, s, S, setRowParameters, sumMoments, write,
} from './columns-tile';
import { generalForward, L2, MOMENTS, saveStatistics } from './general';

/** Sweeps about 0 and better pilots before a column is done apart. */
const SWEEPS: i32 = 4;
/** Squares of the deviations that 0 may be from a column's mean, 0 where sums are of many blocks, and other pilots. */
const NEAR_ZERO: f64 = 1, NEAR_ZERO_OF_MANY: f64 = 9, NEAR: f64 = 16;
/** Rows that say which columns of many are far from 0. */
const FIRST_ROWS: i32 = 64;
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
    const set = i0 * k1 + first;
    let isInDoubt = false;
    memory.fill(K, 0, <usize>width << 2);
    for (let sweep = 0; sweep < SWEEPS; sweep++) {
      if (a.givenMean == 0) sumMoments(x, r0, stride, width);
      isInDoubt = finish(a, set, first, width, byColumn, NEAR_ZERO);
      if (!isInDoubt || !isMoments || a.givenMean != 0 || !movePilots(a.r0, width, NEAR_ZERO)) break;
    }
    const hasMarks = isInDoubt && settle(a, set, first, width, byColumn);
    write(x, <usize>a.y + at, i0 * r0, r0, stride, width, byColumn, hasMarks);
  }
}

/** Items are planes: pilots of all their columns. extra3 points to the planes' arrays. */
export function columnsPilots(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<ForwardArgs>(args);
  const k1 = <i32>a.k1, bytes = planeBytes(k1);
  placeTile(scratch, k1);
  for (let i0 = from; i0 < to; i0++) {
    placePlane(a.extra3, a.extra2, i0, 0, bytes);
    memory.fill(K, 0, bytes);
    if (<i32>a.statistics != MOMENTS) continue;
    sumMoments(<usize>a.x + ((<usize>(i0 * <i32>a.r0) * <usize>k1) << 2), FIRST_ROWS, <usize>k1 << 2, k1);
    movePilots(FIRST_ROWS, k1, NEAR_ZERO_OF_MANY / 2);
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
  placeTile(scratch, k1);
  if (a.givenMean == 0) {
    for (let i0 = 0; i0 < k0; i0++) {
      placePlane(a.extra3, a.extra2, i0, i0 * chunks, bytes);
      addChunks(chunks, bytes);
      if (<i32>a.statistics == MOMENTS && a.extra5 != 0 && movePilots(a.r0, k1, NEAR_ZERO_OF_MANY)) found = 1;
    }
  }
  if (found == 0) {
    for (let i0 = 0; i0 < k0; i0++) {
      placePlane(a.extra3, a.extra2, i0, i0 * chunks, bytes);
      if (finish(a, i0 * k1, 0, k1, true, NEAR_ZERO_OF_MANY) && settle(a, i0 * k1, 0, k1, true)) found = 2;
    }
  }
  store<i32>(<usize>a.extra4, found);
}

/** Items are chunks of extra0 rows: y. */
export function columnsWrite(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<ForwardArgs>(args);
  const r0 = <i32>a.r0, k1 = <i32>a.k1, chunk = <i32>a.extra0, chunks = (r0 + chunk - 1) / chunk, bytes = planeBytes(k1);
  placeTile(scratch, k1);
  for (let item = from; item < to; item++) {
    // Backwards: what was summed last is still in the cache.
    const i = <i32>a.k0 * chunks - 1 - item, i0 = i / chunks, j0 = (i % chunks) * chunk;
    placePlane(a.extra3, a.extra2, i0, 0, bytes);
    const at = (<usize>(i0 * r0 + j0) * <usize>k1) << 2, rows = min(chunk, r0 - j0);
    write(<usize>a.x + at, <usize>a.y + at, 0, rows, <usize>k1 << 2, k1, true, load<i32>(<usize>a.extra4) != 0);
  }
}

/** Moves pilots too far from their column's mean, in squared deviations, to the mean; says whether there were any. */
function movePilots(n: f64, width: i32, nearZero: f64): bool {
  let hasMoved = false;
  for (let i = 0; i < width; i++) {
    const at = <usize>i << 2, k = <f64>load<f32>(K + at), sum = load<f64>(S + 2 * at), square = sum * (sum * (1 / n));
    if (!(square > (k == 0 ? nearZero : NEAR) * max<f64>(load<f64>(Q + 2 * at) - square, 0))) continue;
    store<f32>(K + at, <f32>(k + sum / n));
    hasMoved = true;
  }
  return hasMoved;
}

/**
 * Statistics of `width` columns, of which `set` and `column` number the first: saved ones, requested ones and coefficients
 * in r and c. Marks columns in doubt, with far pilots or beyond float32's comfort; says whether there may be any.
 */
function finish(a: ForwardArgs, set: i32, column: i32, width: i32, byColumn: bool, most: f64): bool {
  const bytes = <usize>width << 2;
  if (a.givenMean != 0) {
    memory.fill(mark, 1, bytes);
    return true;
  }
  const kind = <i32>a.statistics, eps = a.eps, plane = <usize>(a.k0 * a.k1) << 2, at = <usize>set << 2, saved = <usize>a.saved + at;
  const shift = f64x2.splat(shiftOf(kind, a.r0)), share = f64x2.splat(shareOf(kind, a.r0)), none = f64x2.splat(0);
  // Globals are loaded anew in every turn, so pointers and distances are local.
  const k = K, dS = S - 2 * k, dQ = Q - 2 * k, ds = s - k, dq = q - k, dc = c - k, dr = r - k, dMark = mark - k, end = k + bytes;
  for (let i = k; i < end; i += 8) {
    const sum = v128.load(2 * i + dS), cm = f64x2.mul(sum, shift), m2 = f64x2.sub(v128.load(2 * i + dQ), f64x2.mul(sum, cm));
    const mean = f64x2.add(pairOf(i), cm), first = f32x4.demote_f64x2_zero(mean);
    v128.store64_lane(i + ds, first, 0);
    storePair(i + dq, f64x2.sub(mean, f64x2.promote_low_f32x4(first)));
    storePair(i + dc, cm);
    storePair(i + dr, f64x2.mul(f64x2.pmax(m2, none), share));
  }
  memory.copy(saved, s, bytes);
  memory.copy(saved + plane, q, bytes);
  if (a.mean != 0) memory.copy(<usize>a.mean + at, s, bytes);
  if (a.variance != 0) memory.copy(<usize>a.variance + at, r, bytes);

  const added = f32x4.splat(<f32>(kind == L2 ? 0 : eps)), least = f32x4.splat(<f32>leastOf(kind, eps)), one = f32x4.splat(1);
  const clamp = f32x4.splat(<f32>(kind == L2 ? eps : 0)), zero = f32x4.splat(0), narrow = f32x4.splat(<f32>LEAST);
  const wide = f32x4.splat(<f32>MOST), nearZero = f32x4.splat(<f32>most), near = f32x4.splat(<f32>NEAR);
  let fine = f32x4.eq(zero, zero);
  for (let i = k; i < end; i += 16) {
    const variance = v128.load(i + dr), cm = v128.load(i + dc), scale = f32x4.sqrt(f32x4.add(variance, added));
    const rstd = f32x4.div(one, scale), bound = v128.bitselect(nearZero, near, f32x4.eq(v128.load(i), zero));
    const isNear = v128.and(f32x4.le(f32x4.mul(cm, cm), f32x4.mul(bound, variance)), f32x4.lt(variance, wide));
    const isLarge = v128.and(f32x4.ge(variance, least), f32x4.gt(scale, clamp));
    const isFit = v128.and(f32x4.gt(rstd, narrow), f32x4.lt(rstd, wide)), isFine = v128.and(v128.and(isNear, isLarge), isFit);
    fine = v128.and(fine, isFine);
    v128.store(i + dMark, v128.andnot(one, isFine));
    v128.store(i + dr, rstd);
    v128.store(i + dc, f32x4.neg(f32x4.mul(cm, rstd)));
  }
  memory.copy(saved + 2 * plane, r, bytes);
  if (a.rstd != 0) memory.copy(<usize>a.rstd + at, r, bytes);
  return (byColumn && a.affine > 0 && !applyParameters(a, column, width)) || !i32x4.all_true(fine);
}

/** Brings parameters that go by column into r and c; says whether float32 holds all. */
function applyParameters(a: ForwardArgs, column: i32, width: i32): bool {
  const weight = <usize>a.weight, bias = <usize>a.bias, affine = <i32>a.affine, inner = affine > 1 ? <i32>a.inner : i32.MAX_VALUE;
  let rest = column % inner, parameter = <usize>parameterOf(a.affine, a.inner, column) << 2, isFine = true;
  const end = <usize>affine << 2;
  for (let i: usize = 0; i < <usize>width << 2; i += 4) {
    const w: f32 = weight != 0 ? load<f32>(weight + parameter) : 1, factor = load<f32>(r + i) * w;
    store<f32>(r + i, factor);
    store<f32>(c + i, load<f32>(c + i) * w + (bias != 0 ? load<f32>(bias + parameter) : 0));
    if (factor != 0 && !isComfortable(factor)) {
      store<f32>(mark + i, 1);
      isFine = false;
    }
    if (++rest < inner) continue;
    rest = 0;
    parameter += 4;
    if (parameter == end) parameter = 0;
  }
  return isFine;
}

/** Does the columns in doubt in float64; says whether some stay marked, as they were done apart. */
function settle(a: ForwardArgs, set: i32, column: i32, width: i32, byColumn: bool): bool {
  let hasMarks = false;
  for (let i = 0; i < width; i++) {
    if (load<u32>(mark + (<usize>i << 2)) != 0 && finishOne(a, set + i, column + i, <usize>i << 2, byColumn)) hasMarks = true;
  }
  return hasMarks;
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
  let k: f64 = 0, mean: f64, variance: f64, isMarked = false;
  if (isGiven) {
    mean = <f64>load<f32>(<usize>a.givenMean + (<usize>set << 2));
    variance = <f64>load<f32>(<usize>a.givenVariance + (<usize>set << 2));
  } else {
    const sum = load<f64>(S + 2 * at), cm = sum * shiftOf(kind, a.r0), square = sum * cm;
    const m2 = max<f64>(load<f64>(Q + 2 * at) - square, 0);
    k = <f64>load<f32>(K + at);
    mean = k + cm;
    variance = m2 * shareOf(kind, a.r0);
    // Also where a sum is NaN or infinite.
    isMarked = !(m2 < Infinity) || variance < leastOf(kind, eps) || (kind == MOMENTS && square > NEAR * m2);
  }
  let scale = sqrt(kind == L2 && !isGiven ? variance : variance + eps), isConstant = isGiven;
  if (kind == L2 && scale < eps && !isGiven) {
    scale = eps;
    isConstant = true;
  }
  const rstd = 1 / scale;
  if (isGiven && !(mean * mean <= NEAR_ZERO * (scale * scale))) k = <f64><f32>mean;
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
  store<f32>(mark + at, 0);
  store<f32>(K + at, <f32>k);
  store<f32>(r + at, <f32>factor);
  store<f32>(c + at, <f32>(offset - (mean - k) * factor));
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
