// Sets made of stretches: a stretch is a run of consecutive floats with one scale and one shift. Batch norm has N of them in
// a set, group norm C/G, instance norm one. Sets are done one after the other, y of one while the next is swept; few large
// ones are cut into blocks for threads. Both add the same sums of the same blocks in the same order.
// Offsets and lengths are in bytes.

import { BackwardArgs, ForwardArgs } from './args';
import { generalBackward, generalForward, L2, MOMENTS } from './general';
import { apply, applyAlong, applySweep, applySweepBack, prepareAlong, sweep, sweepBack } from './segments-loops';
import { AGAIN, isPiloted, pilotOfSet, settle, SETTLED } from './settle';

/** 1024 floats, whose sums are float32; the last block of a stretch has less than twice as many. */
const BLOCK: usize = 4096;
/** Short rows of a block at most: sets that lie side by side take turns. */
const ROWS: usize = 32;
/** Sums below this may have lost products to underflow; coefficients outside of these have lost digits, or will. */
const FAINT: f64 = 1e-27, LEAST: f64 = 1e-33;
export const MOST: f64 = 1e30;
/** Deviations up to which a mean costs no digits where x is not taken from it. */
const NEAR: f32 = 1;

// A set is `runs` runs of `run` bytes, `runStep` apart; a run is whole stretches, and those whole blocks.
export let runs: usize = 0, run: usize = 0, runStep: usize = 0, stretch: usize = 0;
export let k1: usize = 0, r1: usize = 0, affine: usize = 0;
let setStep: usize = 0, inner: usize = 0, blocks: usize = 0;
/** Whether all stretches of a set have the same parameter. */
let isLone: bool = false;
/** Whether each element of a stretch has its own. Then a set is rows, and blocks are some of them, or a long one. */
let isAlong: bool = false;
export let rows: usize = 0, rowStep: usize = 0, chunk: usize = 0;
// Addresses of operands; those of the three planes of saved statistics.
export let x: usize = 0, weight: usize = 0, K: usize = 0, cm: usize = 0, rstd: usize = 0;

/** The plan and x are at the same places in both kinds of arguments. */
export function open(a: ForwardArgs, weights: f64, saved: f64): void {
  const r0 = <usize>a.r0, plane = <usize>(a.k0 * a.k1) << 2;
  k1 = <usize>a.k1;
  r1 = <usize>a.r1 << 2;
  affine = <usize>a.affine;
  inner = <usize>a.inner << 2;
  runStep = k1 * r1;
  setStep = r0 * runStep;
  runs = k1 == 1 ? 1 : r0;
  run = k1 == 1 ? setStep : r1;
  isAlong = affine > 1 && inner == 4;
  stretch = affine == 0 ? run : min(run, isAlong ? affine << 2 : inner);
  blocks = max<usize>(1, stretch / BLOCK);
  rows = k1 == 1 ? run / stretch : runs;
  rowStep = k1 == 1 ? stretch : runStep;
  chunk = stretch < BLOCK ? min(ROWS, (2 * BLOCK) / stretch) : 1;
  isLone = affine < 2 || (stretch == run && runStep % (affine * inner) == 0);
  x = <usize>a.x;
  weight = <usize>weights;
  K = <usize>saved;
  cm = K + plane;
  rstd = cm + plane;
}

export function startOf(set: usize): usize {
  return (set / k1) * setStep + (set % k1) * r1;
}

/** Four times the set that a stretch belongs to. */
function setOf(o: usize): usize {
  return ((o / setStep) * k1 + ((o / r1) % k1)) << 2;
}

function lengthOf(block: usize): usize {
  return block == blocks - 1 ? stretch - block * BLOCK : BLOCK;
}

/** The parameter of a stretch, or what stands for it. */
function parameter(values: usize, o: usize, missing: f64): f64 {
  return values == 0 ? missing : <f64>load<f32>(values + (((o / inner) % affine) << 2));
}

// Of what is written: y = (x - center)·slope + shift, or dx = dy·scale - ((x - center)·slope + shift).
export let center: f32 = 0, slope: f32 = 0, shift: f32 = 0;
let scale: f32 = 0;

/** `at` is four times the set. */
function aim(at: usize, o: usize, bias: f64): void {
  const remainder = <f64>load<f32>(cm + at), b = parameter(<usize>bias, o, 0);
  const a = <f64>abs(load<f32>(rstd + at)) * parameter(weight, o, 1);
  center = load<f32>(K + at);
  slope = <f32>a;
  // An infinite rstd leaves the shift alone where the mean is exact.
  shift = <f32>(remainder == 0 ? b : b - remainder * a);
}

/**
 * Σu and Σu² of a set about k, while y of the set `before` is written, if that is not negative. The sums of blocks are in
 * `partial`, if that is not 0.
 */
function sweepSet(a: ForwardArgs, set: usize, k: f32, before: i32, partial: usize): v128 {
  const first = startOf(set), back: usize = before < 0 ? 0 : startOf(<usize>before) - first, y = <usize>a.y + back;
  let total = f64x2.splat(0);
  if (isAlong) {
    for (let j: usize = 0, block = partial + set * chunksOf() * 16; j < rows; j += chunk, block += 16) {
      total = f64x2.add(total, partial != 0 ? v128.load(block) : sweepRows(first, j, k));
    }
    return total;
  }
  for (let j: usize = 0, start = first; j < runs; j++, start += runStep) {
    for (let o = start; o < start + run; o += stretch) {
      let sums = f64x2.splat(0);
      if (before >= 0 && (o == first || !isLone)) aim(<usize>before << 2, o + back, a.bias);
      for (let b: usize = 0, p = o; b < blocks; b++, p += BLOCK) {
        const n = lengthOf(b);
        let s: v128;
        if (partial != 0) s = v128.load(partial + (((o / stretch) * blocks + b) << 4));
        else if (before < 0) s = sweep(x + p, n, k);
        else s = applySweep(x + p + back, y + p, n, center, slope, shift, x + p, k);
        sums = f64x2.add(sums, s);
      }
      total = f64x2.add(total, sums);
    }
  }
  return total;
}

/** Blocks of a set's rows. */
function chunksOf(): usize {
  return (rows + chunk - 1) / chunk;
}

/** The sums of a block of rows: from row j of the set that starts at o. */
export function sweepRows(o: usize, j: usize, k: f32): v128 {
  const p = x + o + j * rowStep;
  if (chunk > 1) return sweep(p, stretch, k, min(chunk, rows - j), rowStep);
  let sums = f64x2.splat(0);
  for (let b: usize = 0; b < blocks; b++) sums = f64x2.add(sums, sweep(p + b * BLOCK, lengthOf(b), k));
  return sums;
}

/** Scales and shifts along a set's rows, at an address with room for both. */
export function prepare(a: ForwardArgs, set: usize, to: usize): void {
  const at = set << 2, c = ((startOf(set) >> 2) % affine) << 2, r = abs(load<f32>(rstd + at)), remainder = <f64>load<f32>(cm + at);
  // An infinite rstd leaves the shift alone where the mean is exact.
  prepareAlong(weight + c, <usize>a.bias + c, stretch, r, remainder == 0 ? 0 : <f32>(remainder * r), to);
}

/** y of a block of rows. */
export function writeRows(a: ForwardArgs, set: usize, j: usize, prepared: usize): void {
  const p = startOf(set) + j * rowStep;
  applyAlong(x + p, <usize>a.y + p, stretch, load<f32>(K + (set << 2)), prepared, min(chunk, rows - j), rowStep);
}

/** Statistics from the sums about 0, or from those about the mean; false where y is written in float64. */
export function settleSet(a: ForwardArgs, set: usize, sums: v128): bool {
  const share = 1 / (a.r0 * a.r1), at = set << 2;
  let k: f32 = a.givenMean != 0 ? load<f32>(<usize>a.givenMean + at) : 0;
  for (let turn = 0; turn < 6; turn++) {
    const verdict = settle(a, <i32>set, <f64>k, f64x2.extract_lane(sums, 0), f64x2.extract_lane(sums, 1), share);
    if (verdict == SETTLED) {
      const mean = load<f32>(K + at);
      // Then x need not be taken from the mean first.
      if (abs(mean * load<f32>(rstd + at)) <= NEAR) {
        store<f32>(cm + at, mean);
        store<f32>(K + at, 0);
        return true;
      }
      if (k != 0 || !isPiloted(a)) return true;
      k = mean;
    } else {
      if (verdict != AGAIN) break;
      k = <f32>pilotOfSet;
    }
    sums = sweepSet(a, set, k, -1, 0);
  }
  generalForward(a, <i32>set);
  return false;
}

/**
 * Items are sets. Of few large ones extra0 is a plane of int32, whether y is still to be written, and extra1 one of two
 * float64 for each block, its sums, or 0 where statistics are given.
 */
export function segmentForward(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<ForwardArgs>(args), waits = <usize>a.extra0;
  open(a, a.weight, a.saved);
  let before = -1;
  for (let set = from; set < to; set++) {
    before = settleSet(a, set, a.givenMean != 0 ? f64x2.splat(0) : sweepSet(a, set, 0, before, <usize>a.extra1)) ? set : -1;
    if (waits == 0) continue;
    store<i32>(waits + (<usize>set << 2), before + 1);
    before = -1;
  }
  // The last set is swept once more for what the loop does beside it.
  if (before >= 0) sweepSet(a, before, 0, before, 0);
}

/** Items are blocks in the order of memory, or of sets and their rows: their sums, or y where extra2 is not 0. */
export function segmentBlocks(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<ForwardArgs>(args), waits = <usize>a.extra0, isSweep = a.extra2 == 0;
  let prepared: usize = -1;
  open(a, a.weight, a.saved);
  const ofSet = chunksOf();
  for (let item: usize = from; item < <usize>to; item++) {
    const sums = <usize>a.extra1 + (item << 4);
    if (isAlong) {
      const set = item / ofSet, j = (item % ofSet) * chunk;
      if (isSweep) {
        v128.store(sums, sweepRows(startOf(set), j, 0));
      } else if (load<i32>(waits + (set << 2))) {
        if (prepared != set) prepare(a, set, scratch);
        prepared = set;
        writeRows(a, set, j, scratch);
      }
      continue;
    }
    const b = item % blocks, o = (item / blocks) * stretch, p = o + b * BLOCK, set = setOf(o);
    if (isSweep) {
      v128.store(sums, sweep(x + p, lengthOf(b), 0));
      continue;
    }
    // The rest of a stretch at once.
    const count = min(blocks - b, <usize>to - item);
    item += count - 1;
    if (!load<i32>(waits + set)) continue;
    aim(set, o, a.bias);
    apply(x + p, <usize>a.y + p, (count - 1) * BLOCK + lengthOf(b + count - 1), center, slope, shift);
  }
}

// Backward: extra0 has the slope and shift of each set, whose slope is NaN where dx is written already; extra1 the sums of
// blocks, as above; extra2 two float64 for each stretch, Σdy·x̂ and Σdy, or 0 where nobody asks for them.

export function aimBack(a: BackwardArgs, at: usize, o: usize): void {
  const coefficients = <usize>a.extra0 + 2 * at;
  center = load<f32>(K + at);
  scale = <f32>(<f64>abs(load<f32>(rstd + at)) * parameter(weight, o, 1));
  slope = load<f32>(coefficients);
  shift = load<f32>(coefficients, 4);
}

/** Whether a set's statistics are constants; `at` is four times the set. */
export function isConstant(at: usize): bool {
  return load<i32>(rstd + at) < 0;
}

/** The sums of a block, and its dx where that needs none. */
function sweepBlock(a: BackwardArgs, at: usize, o: usize, p: usize, n: usize): v128 {
  const dy = <usize>a.dy + p, dx = <usize>a.dx + p, k = load<f32>(K + at);
  if (a.dx == 0 || !isConstant(at)) return sweepBack(x + p, dy, n, k);
  aimBack(a, at, o);
  if (a.extra2 != 0) return applySweepBack(x + p, dy, dx, n, k, scale, 0, 0, x + p, dy, k);
  apply(dy, dx, n, 0, scale, 0);
  return f64x2.splat(0);
}

// Of the set that was swept last: Σh and Σh·x̂ of h = dy·weight.
let sumH: f64 = 0, sumHX: f64 = 0;

/** Sums of a set, while dx of the set `before` is written, if that is not negative. */
function sweepSetBack(a: BackwardArgs, set: usize, before: i32, partial: usize): void {
  const first = startOf(set), back: usize = before < 0 ? 0 : startOf(<usize>before) - first, at = set << 2;
  const remainder = <f64>load<f32>(cm + at), r = <f64>abs(load<f32>(rstd + at)), k = load<f32>(K + at);
  const dy = <usize>a.dy, dx = <usize>a.dx + back;
  let w: f64 = 0;
  sumH = sumHX = 0;
  for (let j: usize = 0, start = first; j < runs; j++, start += runStep) {
    for (let o = start; o < start + run; o += stretch) {
      const isNew = o == first || !isLone, number = o / stretch;
      if (isNew) w = parameter(weight, o, 1);
      if (isNew && before >= 0) aimBack(a, <usize>before << 2, o + back);
      let sums = f64x2.splat(0);
      for (let b: usize = 0, p = o; b < blocks; b++, p += BLOCK) {
        const n = lengthOf(b), q = p + back;
        let s: v128;
        if (partial != 0) s = v128.load(partial + ((number * blocks + b) << 4));
        else if (before < 0) s = sweepBlock(a, at, o, p, n);
        else s = applySweepBack(x + q, dy + q, dx + p, n, center, scale, slope, shift, x + p, dy + p, k);
        sums = f64x2.add(sums, s);
      }
      const d = f64x2.extract_lane(sums, 0), dX = (f64x2.extract_lane(sums, 1) - remainder * d) * r;
      sumH += w * d;
      sumHX += w * dX;
      if (a.extra2 != 0) v128.store(<usize>a.extra2 + (number << 4), f64x2.replace_lane(f64x2.splat(dX), 1, d));
    }
  }
}

/** Coefficients from the sums; false where dx is done: with the sums, or in float64. */
export function settleBack(a: BackwardArgs, set: usize, sumH: f64, sumHX: f64, planes: usize): bool {
  const kind = <i32>a.statistics, n = a.r0 * a.r1, at = set << 2, coefficients = <usize>a.extra0 + (set << 3);
  const r = <f64>abs(load<f32>(rstd + at)), size = max(abs(sumH), abs(sumHX));
  const A = r * r * (kind == L2 ? sumHX : sumHX / n);
  const B = (kind == MOMENTS ? (r * sumH) / n : 0) - A * <f64>load<f32>(cm + at);
  const isFit =
    isConstant(at) ||
    ((size == 0 || size > r * FAINT) && r > 1e-20 && r < 1e16 && max(abs(A), abs(B)) < MOST && (A == 0 || abs(A) > LEAST));
  store<f32>(coefficients, <f32>A);
  store<f32>(coefficients, <f32>B, 4);
  if (isFit && size < MOST && !isConstant(at)) return a.dx != 0;
  if (!(isFit && size < MOST)) rescueBack(a, set, planes);
  store<f32>(coefficients, NaN);
  return false;
}

/** The loops in float64. Their sums for a parameter become those of the set's first stretch that has it. */
function rescueBack(a: BackwardArgs, set: usize, planes: usize): void {
  const bytes = affine << 3, isWanted = a.extra2 != 0;
  memory.fill(planes, 0, 2 * bytes);
  generalBackward(a, <i32>set, isWanted ? planes : 0, isWanted ? planes + bytes : 0);
  if (!isWanted) return;
  if (isAlong) {
    const first = planes + (((startOf(set) >> 2) % affine) << 3), pairs = <usize>a.extra2 + set * stretch * 4;
    for (let c: usize = 0; c < stretch << 1; c += 8) {
      store<f64>(pairs + 2 * c, load<f64>(first + c));
      store<f64>(pairs + 2 * c, load<f64>(first + c + bytes), 8);
    }
    return;
  }
  for (let j: usize = 0, start = startOf(set); j < runs; j++, start += runStep) {
    for (let o = start; o < start + run; o += stretch) {
      const p = planes + (((o / inner) % affine) << 3), pair = <usize>a.extra2 + ((o / stretch) << 4);
      store<f64>(pair, load<f64>(p));
      store<f64>(pair, load<f64>(p + bytes), 8);
      store<f64>(p, 0);
      store<f64>(p + bytes, 0);
    }
  }
}

/** Items are sets; scratch holds two float64 for each parameter. */
export function segmentBackward(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<BackwardArgs>(args), partial = <usize>a.extra1;
  open(changetype<ForwardArgs>(args), a.weight, a.saved);
  let before = -1;
  for (let set = from; set <= to; set++) {
    if (before >= 0 && (set == to || isConstant(<usize>set << 2))) {
      sweepSetBack(a, before, before, 0);
      before = -1;
    }
    if (set == to) return;
    sweepSetBack(a, set, before, partial);
    before = settleBack(a, set, sumH, sumHX, scratch) && partial == 0 ? set : -1;
  }
}

/** Items are blocks in the order of memory: their sums, or dx where extra3 is not 0. */
export function segmentBlocksBack(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<BackwardArgs>(args);
  open(changetype<ForwardArgs>(args), a.weight, a.saved);
  for (let item: usize = from; item < <usize>to; item++) {
    const b = item % blocks, o = (item / blocks) * stretch, p = o + b * BLOCK, n = lengthOf(b), set = setOf(o);
    if (a.extra3 == 0) {
      v128.store(<usize>a.extra1 + (item << 4), sweepBlock(a, set, o, p, n));
      continue;
    }
    aimBack(a, set, o);
    const dy = <usize>a.dy + p;
    if (slope == slope) applySweepBack(x + p, dy, <usize>a.dx + p, n, center, scale, slope, shift, x + p, dy, center);
  }
}

/** Items are parameters: dweight and dbias from the sums of stretches. */
export function segmentReduce(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<BackwardArgs>(args);
  open(changetype<ForwardArgs>(args), a.weight, a.saved);
  const pairs = isAlong ? <usize>(a.k0 * a.k1) * (stretch >> 2) : (<usize>a.k0 * setStep) / stretch;
  const end = <usize>a.extra2 + (pairs << 4), inside: usize = isAlong ? 16 : (inner / stretch) << 4;
  for (let c: usize = from; c < <usize>to; c++) {
    let total = f64x2.splat(0);
    for (let p = <usize>a.extra2 + c * inside; p < end; p += affine * inside) {
      for (let q = p; q < p + inside; q += 16) total = f64x2.add(total, v128.load(q));
    }
    if (a.dweight != 0) store<f32>(<usize>a.dweight + (c << 2), <f32>f64x2.extract_lane(total, 0));
    if (a.dbias != 0) store<f32>(<usize>a.dbias + (c << 2), <f32>f64x2.extract_lane(total, 1));
  }
}
