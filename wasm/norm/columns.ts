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

/** Whether the mean deviates from the pilot by more than four standard deviations. */
// @ts-ignore: decorator
@inline
function isFarFrom(sum: f64, squares: f64, n: f64): bool {
  const shift = sum / n;
  return shift * sum > 16 * max<f64>(squares - sum * shift, 0);
}

/** Moves pilots that were too far from their column's mean to the mean; says whether there were any. */
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
    if (!isFarFrom(sum, load<f64>(Q + 2 * at), n)) continue;
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
  const kind = <i32>a.statistics, eps = a.eps, n = a.r0, isGiven = a.givenMean != 0;
  const shift = kind == MOMENTS ? 1 / n : 0, share = kind == L2 ? 1 : 1 / n;
  // Squares that vanish do not matter beside an eps of this size.
  const isBare = !((kind == L2 ? eps * eps : eps) > 8e-25);
  const weight = <usize>a.weight, bias = <usize>a.bias;
  let hasMarks = false;
  for (let i = 0; i < width; i++) {
    const at = <usize>i << 2, given = (<usize>set << 2) + at;
    let mean: f64, variance: f64, isMarked = false;
    if (isGiven) {
      mean = <f64>load<f32>(<usize>a.givenMean + given);
      variance = <f64>load<f32>(<usize>a.givenVariance + given);
    } else {
      const sum = load<f64>(S + 2 * at), squares = load<f64>(Q + 2 * at);
      const m2 = max<f64>(squares - sum * sum * shift, 0);
      mean = <f64>load<f32>(K + at) + sum * shift;
      variance = m2 * share;
      // Also where a sum is NaN or infinite.
      isMarked = !(m2 < Infinity) || (isBare && variance < LEAST) || (kind == MOMENTS && isFarFrom(sum, squares, n));
    }
    let scale = sqrt(kind == L2 && !isGiven ? variance : variance + eps), isConstant = isGiven;
    if (kind == L2 && scale < eps && !isGiven) {
      scale = eps;
      isConstant = true;
    }
    const rstd = 1 / scale, pilot = <f32>mean;
    let factor = rstd, offset: f64 = 0;
    if (byColumn) {
      const parameter = <usize>parameterOf(a.affine, a.inner, column + i) << 2;
      if (weight != 0) factor *= <f64>load<f32>(weight + parameter);
      if (bias != 0) offset = <f64>load<f32>(bias + parameter);
    }
    offset -= (mean - <f64>pilot) * factor;
    if (isMarked || !isComfortable(rstd) || !(factor == 0 || isComfortable(factor))) {
      generalForward(a, set + i);
      store<f32>(mark + at, 1);
      hasMarks = true;
      continue;
    }
    store<f32>(mark + at, 0);
    store<f32>(K + at, pilot);
    store<f32>(r + at, <f32>factor);
    store<f32>(c + at, <f32>offset);
    saveStatistics(a, set + i, mean, variance, rstd, isConstant);
  }
  return hasMarks;
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
