// Sets made of stretches: a stretch is a run of S consecutive floats with one scale and one shift. Batch norm has N of them
// in a set, group norm C/G, instance norm one. Small sets are done whole, y of one while the next is swept; few large ones
// are cut into blocks for threads. Both add the same sums of the same blocks in the same order.

import { BackwardArgs, ForwardArgs } from './args';
import { generalBackward, generalForward, L2, MOMENTS } from './general';
import { hsum } from './lanes';
import { apply, applyBack, applySweep, applySweepBack, sweep, sweepBack } from './segments-loops';
import { AGAIN, isPiloted, pilotOfSet, settle, SETTLED } from './settle';

/** Floats of a block, whose sums are float32; the last one of a stretch has less than twice as many. */
const BLOCK: i32 = 2048;
/** Sums below this may have lost products to underflow. */
const FAINT: f64 = 1e-27;
const LARGE: f64 = 1e30;

// A set is `runs` runs of `run` consecutive floats, `runStep` apart; a run is whole stretches, and those whole blocks.
let runs: i32 = 0, run: i32 = 0, runStep: i32 = 0;
let stretch: i32 = 0, blocks: i32 = 0;
let k1: i32 = 0, r1: i32 = 0, setStep: i32 = 0, affine: i32 = 0, inner: i32 = 0;

/** Both kinds of arguments begin with the plan. */
function measurePlan(a: ForwardArgs): void {
  k1 = <i32>a.k1;
  r1 = <i32>a.r1;
  affine = <i32>a.affine;
  inner = <i32>a.inner;
  const r0 = <i32>a.r0;
  setStep = r0 * k1 * r1;
  runs = k1 == 1 ? 1 : r0;
  run = k1 == 1 ? setStep : r1;
  runStep = k1 * r1;
  stretch = affine == 0 ? run : min(run, inner);
  blocks = max(1, stretch / BLOCK);
}

/** First element of a set. */
function startOf(set: i32): i32 {
  return (set / k1) * setStep + (set % k1) * r1;
}

/** The set that a stretch belongs to, by its first element. */
function setOf(e: i32): i32 {
  return (e / setStep) * k1 + ((e / r1) % k1);
}

/** The address of an element. */
// @ts-ignore: decorator
@inline
function at(floats: f64, e: i32): usize {
  return <usize>floats + (<usize>e << 2);
}

// @ts-ignore: decorator
@inline
function lengthOf(block: i32): i32 {
  return block == blocks - 1 ? stretch - block * BLOCK : BLOCK;
}

/** The parameter of a stretch, or what stands for it. */
// @ts-ignore: decorator
@inline
function parameter(values: f64, e: i32, missing: f64): f64 {
  return values == 0 ? missing : <f64>load<f32>(at(values, (e / inner) % affine));
}

/** What a set's sweep starts from: a mean of 16 elements from the ends of its first run and of its middle one. */
function pilot(a: ForwardArgs, set: i32): f32 {
  if (!isPiloted(a)) return 0;
  const first = at(a.x, startOf(set)), middle = first + (<usize>((runs >> 1) * runStep) << 2), bytes = <usize>run << 2;
  const ends = f32x4.add(v128.load(first), v128.load(first + bytes - 16));
  return <f32>(hsum(f32x4.add(ends, f32x4.add(v128.load(middle + ((bytes >> 1) & ~3) - 8), v128.load(middle + bytes - 16)))) * 0.0625);
}

// Of the stretch that is written: y = (x - center)·slope + shift; dx = dy·scale - ((x - center)·slope + shift).
let center: f32 = 0, scale: f32 = 0, slope: f32 = 0, shift: f32 = 0;

function aim(a: ForwardArgs, set: i32, e: i32): void {
  const sets = <i32>(a.k0 * a.k1);
  const cm = <f64>load<f32>(at(a.saved, sets + set)), w = parameter(a.weight, e, 1), b = parameter(a.bias, e, 0);
  const rstd = <f64>abs(load<f32>(at(a.saved, 2 * sets + set))) * w;
  center = load<f32>(at(a.saved, set));
  slope = <f32>rstd;
  // An infinite rstd leaves the shift alone where the mean is exact.
  shift = <f32>(cm == 0 ? b : b - cm * rstd);
}

/** Σu and Σu² of a set about k, while y of the set `before` is written, if that is not negative. */
function sweepSet(a: ForwardArgs, set: i32, k: f32, before: i32): v128 {
  const first = startOf(set), back = before < 0 ? 0 : startOf(before) - first;
  let total = f64x2.splat(0);
  for (let j = 0, start = first; j < runs; j++, start += runStep) {
    for (let e = start; e < start + run; e += stretch) {
      let sums = f64x2.splat(0);
      if (before >= 0) aim(a, before, e + back);
      for (let b = 0, p = e; b < blocks; b++, p += BLOCK) {
        const n = lengthOf(b), x = at(a.x, p), o = p + back;
        sums = f64x2.add(
          sums,
          before < 0 ? sweep(x, n, k) : applySweep(at(a.x, o), at(a.y, o), n, center, slope, shift, x, k),
        );
      }
      total = f64x2.add(total, sums);
    }
  }
  return total;
}

/** Statistics from the sums about k; false where y is written already, in float64. */
function settleSet(a: ForwardArgs, set: i32, k: f32, sums: v128): bool {
  let verdict = settle(a, set, <f64>k, f64x2.extract_lane(sums, 0), f64x2.extract_lane(sums, 1));
  for (let turn = 0; verdict == AGAIN && turn < 6; turn++) {
    k = <f32>pilotOfSet;
    sums = sweepSet(a, set, k, -1);
    verdict = settle(a, set, <f64>k, f64x2.extract_lane(sums, 0), f64x2.extract_lane(sums, 1));
  }
  if (verdict != SETTLED) generalForward(a, set);
  return verdict == SETTLED;
}

/** Items are sets. */
export function segmentForward(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<ForwardArgs>(args);
  measurePlan(a);
  let before = -1;
  for (let set = from; set < to; set++) {
    const k = pilot(a, set);
    before = settleSet(a, set, k, sweepSet(a, set, k, before)) ? set : -1;
  }
  if (before < 0) return;
  const start = startOf(before);
  for (let j = 0; j < runs; j++) {
    for (let e = start + j * runStep, end = e + run; e < end; e += stretch) {
      aim(a, before, e);
      apply(at(a.x, e), at(a.y, e), stretch, center, slope, shift);
    }
  }
}

// Few large sets: extra0 has one int32 for each set, whether y is written already, and extra1 two float64 for each block.

/** Items are blocks, in the order of memory: their sums. */
export function segmentSums(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<ForwardArgs>(args);
  measurePlan(a);
  for (let item = from; item < to; item++) {
    const b = item % blocks, e = (item / blocks) * stretch;
    v128.store(<usize>a.extra1 + (<usize>item << 4), sweep(at(a.x, e + b * BLOCK), lengthOf(b), pilot(a, setOf(e))));
  }
}

/** Items are sets: statistics, given ones or from the sums of blocks. */
export function segmentSettle(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<ForwardArgs>(args);
  measurePlan(a);
  for (let set = from; set < to; set++) {
    const isGiven = a.givenMean != 0, first = startOf(set);
    const k = isGiven ? load<f32>(at(a.givenMean, set)) : pilot(a, set);
    let total = f64x2.splat(0);
    for (let j = 0, start = first; j < runs && !isGiven; j++, start += runStep) {
      for (let e = start; e < start + run; e += stretch) total = f64x2.add(total, stretchSums(a.extra1, e));
    }
    store<i32>(at(a.extra0, set), settleSet(a, set, k, total));
  }
}

/** The sums of a stretch from those of its blocks. */
function stretchSums(sums: f64, e: i32): v128 {
  let total = f64x2.splat(0), p = <usize>sums + (<usize>((e / stretch) * blocks) << 4);
  for (let b = 0; b < blocks; b++, p += 16) total = f64x2.add(total, v128.load(p));
  return total;
}

/** Items are blocks: y. */
export function segmentApply(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<ForwardArgs>(args);
  measurePlan(a);
  for (let item = from; item < to; item++) {
    const b = item % blocks, e = (item / blocks) * stretch, set = setOf(e), p = e + b * BLOCK;
    if (load<i32>(at(a.extra0, set)) == 0) continue;
    aim(a, set, e);
    apply(at(a.x, p), at(a.y, p), lengthOf(b), center, slope, shift);
  }
}

/** Where dx is written: the block's own sums are those of `next` in one loop. */
function aimBack(a: BackwardArgs, set: i32, e: i32): void {
  const sets = <i32>(a.k0 * a.k1);
  center = load<f32>(at(a.saved, set));
  scale = <f32>(<f64>abs(load<f32>(at(a.saved, 2 * sets + set))) * parameter(a.weight, e, 1));
  slope = load<f32>(at(a.extra0, 2 * set));
  shift = load<f32>(at(a.extra0, 2 * set + 1));
}
