// Every plan by plain float64 loops: what the fast kernels fall back on, and where rows they find uncomfortable go.
// float32 values neither overflow nor vanish when squared in float64, so nothing is rescaled here.

import { BackwardArgs, ForwardArgs, PlanArgs } from './args';

export const MOMENTS = 0, RMS = 1, L2 = 2;

/** y of one set, its saved statistics and those asked for. */
export function generalForward(a: ForwardArgs, set: i32): void {
  const eps = a.eps, kind = <i32>a.statistics;
  if (a.residual != 0) addResidual(a, set);
  const x = <usize>(a.sum != 0 ? a.sum : a.x);
  const n = a.r0 * a.r1;
  let scale: f64, variance: f64;
  let isConstant = a.givenMean != 0;
  if (isConstant) {
    mean = <f64>load<f32>(<usize>a.givenMean + (<usize>set << 2));
    variance = <f64>load<f32>(<usize>a.givenVariance + (<usize>set << 2));
    scale = sqrt<f64>(variance + eps);
  } else {
    measure(a, x, set, kind);
    variance = kind == L2 ? squares : squares / n;
    scale = sqrt<f64>(kind == L2 ? squares : variance + eps);
    if (kind == L2 && scale < eps) {
      scale = eps;
      isConstant = true;
    }
  }
  saveStatistics(a, set, mean, variance, 1 / scale, isConstant);

  const y = <usize>a.y, weight = <usize>a.weight, bias = <usize>a.bias;
  const r0 = <i32>a.r0, r1 = <i32>a.r1, step = startOf(a, set, 1) - startOf(a, set, 0);
  let start = startOf(a, set, 0);
  for (let j0 = 0; j0 < r0; j0++, start += step) {
    for (let e = start; e < start + r1; ) {
      const end = cut(a, e, start + r1);
      let at = parameterAt;
      for (; e < end; e++, at += parameterStep) {
        let v = (<f64>load<f32>(x + (<usize>e << 2)) - mean) / scale;
        if (weight != 0) v *= <f64>load<f32>(weight + at);
        if (bias != 0) v += <f64>load<f32>(bias + at);
        store<f32>(y + (<usize>e << 2), <f32>v);
      }
    }
  }
}

/** dx of one set; its part of dweight and dbias is added to planes of float64, one value for each parameter, 0 for none. */
export function generalBackward(a: BackwardArgs, set: i32, dweight: usize, dbias: usize): void {
  const kind = <i32>a.statistics, sets = <usize>(a.k0 * a.k1);
  const saved = <usize>a.saved + (<usize>set << 2);
  const x = <usize>a.x, dy = <usize>a.dy, dx = <usize>a.dx, dsum = <usize>a.dsum, weight = <usize>a.weight;
  const signed = load<f32>(saved + (sets << 3));
  const isConstant = reinterpret<i32>(signed) < 0;
  const n = a.r0 * a.r1;
  let scale = 1 / abs(<f64>signed);
  mean = <f64>load<f32>(saved) + <f64>load<f32>(saved + (sets << 2));
  if (!isConstant) {
    // Once more, and exact: where terms cancel, the saved float32 would leave its rounding behind.
    measure(a, x, set, kind);
    scale = sqrt<f64>(kind == L2 ? squares : squares / n + a.eps);
  }

  const r0 = <i32>a.r0, r1 = <i32>a.r1, first = startOf(a, set, 0), step = startOf(a, set, 1) - first;
  let sumH: f64 = 0, sumHX: f64 = 0;
  for (let j0 = 0, start = first; j0 < r0; j0++, start += step) {
    for (let e = start; e < start + r1; ) {
      const end = cut(a, e, start + r1);
      let at = parameterAt;
      for (; e < end; e++, at += parameterStep) {
        const d = <f64>load<f32>(dy + (<usize>e << 2));
        const dHat = d * ((<f64>load<f32>(x + (<usize>e << 2)) - mean) / scale);
        const w = weight != 0 ? <f64>load<f32>(weight + at) : 1;
        sumH += d * w;
        sumHX += dHat * w;
        if (dweight != 0) add(dweight + (at << 1), dHat);
        if (dbias != 0) add(dbias + (at << 1), d);
      }
    }
  }
  if (dx == 0) return;
  const shift = isConstant || kind != MOMENTS ? 0 : sumH / n;
  const slope = isConstant ? 0 : kind == L2 ? sumHX : sumHX / n;
  for (let j0 = 0, start = first; j0 < r0; j0++, start += step) {
    for (let e = start; e < start + r1; ) {
      const end = cut(a, e, start + r1);
      let at = parameterAt;
      for (; e < end; e++, at += parameterStep) {
        let h = <f64>load<f32>(dy + (<usize>e << 2));
        if (weight != 0) h *= <f64>load<f32>(weight + at);
        // Constants leave x out: 0 times an infinite x would be NaN.
        if (!isConstant) h -= shift + (<f64>load<f32>(x + (<usize>e << 2)) - mean) / scale * slope;
        h /= scale;
        if (dsum != 0) h += <f64>load<f32>(dsum + (<usize>e << 2));
        store<f32>(dx + (<usize>e << 2), <f32>h);
      }
    }
  }
}

/** Items are sets. */
export function generalForwardSets(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<ForwardArgs>(args);
  for (let set = from; set < to; set++) generalForward(a, set);
}

/** Items are parts: extra0 many, each with its own planes of float64 for dweight (extra1) and dbias (extra2), 0 for none. */
export function generalBackwardParts(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<BackwardArgs>(args);
  for (let part = from; part < to; part++) {
    const dweight = clearedPlane(a.extra1, part, a.affine), dbias = clearedPlane(a.extra2, part, a.affine);
    const end = partStart(a, part + 1);
    for (let set = partStart(a, part); set < end; set++) generalBackward(a, set, dweight, dbias);
  }
}

/** Items are parameters: adds up the parts' planes in order. */
export function reduceParts(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<BackwardArgs>(args);
  const parts = <i32>a.extra0, bytes = <usize>a.affine << 3;
  for (let which = 0; which < 2; which++) {
    const planes = <usize>(which == 0 ? a.extra1 : a.extra2), out = <usize>(which == 0 ? a.dweight : a.dbias);
    if (planes == 0 || out == 0) continue;
    let p = from;
    for (; p + 2 <= to; p += 2) {
      let totals = f64x2.splat(0), at = planes + (<usize>p << 3);
      for (let part = 0; part < parts; part++, at += bytes) totals = f64x2.add(totals, v128.load(at));
      v128.store64_lane(out + (<usize>p << 2), f32x4.demote_f64x2_zero(totals), 0);
    }
    for (; p < to; p++) {
      let total: f64 = 0, at = planes + (<usize>p << 3);
      for (let part = 0; part < parts; part++, at += bytes) total += load<f64>(at);
      store<f32>(out + (<usize>p << 2), <f32>total);
    }
  }
}

/** First set of a part: parts are equal shares of all sets, whoever works on them. */
export function partStart(a: BackwardArgs, part: i32): i32 {
  return <i32>((<i64>(a.k0 * a.k1) * part) / <i64>a.extra0);
}

/** The part's plane of float64, set to zero; 0 where there are no planes. */
export function clearedPlane(planes: f64, part: i32, affine: f64): usize {
  if (planes == 0) return 0;
  const bytes = <usize>affine << 3, plane = <usize>planes + <usize>part * bytes;
  memory.fill(plane, 0, bytes);
  return plane;
}

/** Adds to a float64. */
// @ts-ignore: decorator
@inline
function add(at: usize, v: f64): void {
  store<f64>(at, load<f64>(at) + v);
}

/** Writes K, cm and rstd, and the statistics that were asked for. */
export function saveStatistics(a: ForwardArgs, set: i32, mean: f64, variance: f64, rstd: f64, isConstant: bool): void {
  const at = <usize>set << 2, sets = <usize>(a.k0 * a.k1), saved = <usize>a.saved + at;
  const k = <f32>mean;
  store<f32>(saved, k);
  // An infinite mean has no remainder.
  store<f32>(saved + (sets << 2), <f32>(mean - <f64>k));
  store<u32>(saved + (sets << 3), signedRstd(rstd, isConstant));
  if (a.mean != 0) store<f32>(<usize>a.mean + at, k);
  if (a.variance != 0) store<f32>(<usize>a.variance + at, <f32>variance);
  if (a.rstd != 0) store<f32>(<usize>a.rstd + at, <f32>rstd);
}

/** Bits of rstd with the sign that says constants: by bits, for a NaN's sign is nobody's. */
export function signedRstd(rstd: f64, isConstant: bool): u32 {
  return (reinterpret<u32>(<f32>rstd) & 0x7fffffff) | (<u32>isConstant << 31);
}

let mean: f64 = 0;
let squares: f64 = 0;

/**
 * Sets `mean` and `squares`, the sum of squared deviations from it; rms and l2 take them from 0.
 */
function measure(a: PlanArgs, x: usize, set: i32, kind: i32): void {
  const n = a.r0 * a.r1;
  const r0 = <i32>a.r0, bytes = <usize>a.r1 << 2, first = startOf(a, set, 0), step = startOf(a, set, 1) - first;
  mean = 0;
  if (kind == MOMENTS) {
    for (let j0 = 0, start = first; j0 < r0; j0++, start += step) {
      const end = x + (<usize>start << 2) + bytes;
      for (let p = end - bytes; p < end; p += 4) mean += <f64>load<f32>(p);
    }
    mean /= n;
  }
  // The rounding error of the mean is the mean of the deviations; a constant set ends at squares of exactly 0.
  for (let turn = 0; turn < 3; turn++) {
    let rest: f64 = 0;
    squares = 0;
    for (let j0 = 0, start = first; j0 < r0; j0++, start += step) {
      const end = x + (<usize>start << 2) + bytes;
      for (let p = end - bytes; p < end; p += 4) {
        const deviation = <f64>load<f32>(p) - mean;
        rest += deviation;
        squares += deviation * deviation;
      }
    }
    if (kind != MOMENTS || rest == 0) return;
    const better = mean + rest / n;
    if (better == mean) return;
    // An infinite mean stays what it is; its squares are NaN already.
    if (better == better) mean = better;
  }
}

/** sum = x + residual on one set. */
function addResidual(a: ForwardArgs, set: i32): void {
  const x = <usize>a.x, residual = <usize>a.residual, sum = <usize>a.sum, r0 = <i32>a.r0, bytes = <usize>a.r1 << 2;
  for (let j0 = 0; j0 < r0; j0++) {
    const start = <usize>startOf(a, set, j0) << 2;
    for (let at = start; at < start + bytes; at += 4) store<f32>(sum + at, load<f32>(x + at) + load<f32>(residual + at));
  }
}

/** First element of a set's stretch j0. */
function startOf(a: PlanArgs, set: i32, j0: i32): i32 {
  const k1 = <i32>a.k1;
  return (((set / k1) * <i32>a.r0 + j0) * k1 + (set % k1)) * <i32>a.r1;
}

/** What {@link cut} found: bytes from the first parameter to that of e, and from one element's to the next one's. */
let parameterAt: usize = 0;
let parameterStep: usize = 0;

/** The end of the elements from e whose parameters are one, or follow one another. */
function cut(a: PlanArgs, e: i32, end: i32): i32 {
  const affine = <i32>a.affine, inner = <i32>a.inner;
  if (affine == 0) {
    parameterAt = parameterStep = 0;
    return end;
  }
  const parameter = (e / inner) % affine;
  parameterAt = <usize>parameter << 2;
  parameterStep = inner == 1 ? 4 : 0;
  return min(end, inner == 1 ? e + affine - parameter : e + inner - (e % inner));
}
