// Stretches with parameters along them, the same ones for all of a set: group norm with channels last. The sets of a slab lie
// side by side in memory and are gone through together. Offsets and lengths are in bytes.

import { BackwardArgs, ForwardArgs } from './args';
import {
  affine, aimBack, blockAlong, center, cm, isConstant, K, k1, MOST, open, r1, rstd, run, runs, runStep, settleBack, settleSet, shift,
  slope, startingPoint, startOf, stretch, sweepStretch, weight, x,
} from './segments';
import { applyBackAlong, sweepAlong } from './segments-loops';

/** Rows that all sets of a slab go through before the next ones: the sets lie side by side in memory. */
const ROWS: usize = 32;

/** Items are slabs: the sets that lie side by side, with parameters along their stretches. Scratch has 32 bytes for each. */
export function segmentForwardAlong(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<ForwardArgs>(args);
  open(a, a.weight, a.saved);
  const step = k1 == 1 ? stretch : runStep, rows = k1 == 1 ? run / stretch : runs;
  for (let set = <usize>from * k1; set < <usize>to * k1; set += k1) {
    const first = startOf(set);
    for (let i: usize = 0; i < k1; i++) {
      v128.store(scratch + (i << 5), f64x2.splat(0));
      store<f32>(scratch + (i << 5), startingPoint(a, set + i), 16);
    }
    for (let j: usize = 0; j < rows && a.givenMean == 0; j += ROWS) {
      for (let i: usize = 0; i < k1; i++) {
        const state = scratch + (i << 5), k = load<f32>(state, 16), end = min(rows, j + ROWS);
        let total = v128.load(state);
        for (let r = j; r < end; r++) total = f64x2.add(total, sweepStretch(first + r * step + i * r1, k));
        v128.store(state, total);
      }
    }
    for (let i: usize = 0; i < k1; i++) {
      const state = scratch + (i << 5);
      store<i32>(state, settleSet(a, set + i, load<f32>(state, 16), v128.load(state)), 16);
    }
    for (let j: usize = 0; j < rows; j += ROWS) {
      for (let i: usize = 0; i < k1; i++) {
        if (!load<i32>(scratch + (i << 5), 16)) continue;
        for (let r = j, end = min(rows, j + ROWS); r < end; r++) {
          const o = first + r * step + i * r1;
          blockAlong(a, (set + i) << 2, o, o, stretch);
        }
      }
    }
  }
}

/**
 * Items are slabs, as above; extra2 has two float64 for each element of a set's stretch, or is 0; scratch has as many for a
 * slab, and two for each parameter.
 */
export function segmentBackwardAlong(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<BackwardArgs>(args);
  open(changetype<ForwardArgs>(args), a.weight, a.saved);
  const step = k1 == 1 ? stretch : runStep, rows = k1 == 1 ? run / stretch : runs, dy = <usize>a.dy, dx = <usize>a.dx;
  const bytes = stretch << 2;
  for (let set = <usize>from * k1; set < <usize>to * k1; set += k1) {
    const first = startOf(set), pairs = a.extra2 != 0 ? <usize>a.extra2 + set * bytes : scratch;
    memory.fill(pairs, 0, k1 * bytes);
    for (let j: usize = 0; j < rows; j += ROWS) {
      for (let i: usize = 0, o = first + j * step; i < k1; i++, o += r1) {
        sweepAlong(x + o, dy + o, stretch, min(ROWS, rows - j), step, load<f32>(K + ((set + i) << 2)), pairs + i * bytes);
      }
    }
    for (let i: usize = 0; i < k1; i++) settleAlong(a, set + i, pairs + i * bytes, scratch + k1 * bytes);
    if (dx == 0) continue;
    for (let j: usize = 0; j < rows; j += ROWS) {
      for (let i: usize = 0; i < k1; i++) {
        const o = first + i * r1, at = (set + i) << 2, w = weight + (((o >> 2) % affine) << 2), r = abs(load<f32>(rstd + at));
        aimBack(a, at, o);
        if (slope != slope) continue;
        for (let p = o + j * step, end = o + min(rows, j + ROWS) * step; p < end; p += step) {
          applyBackAlong(x + p, dy + p, dx + p, stretch, center, r, slope, shift, w);
        }
      }
    }
  }
}

/** A set's coefficients from its pairs, Σdy·u and Σdy, which become Σdy·x̂ and Σdy. */
function settleAlong(a: BackwardArgs, set: usize, pairs: usize, planes: usize): void {
  const at = set << 2, w = weight + (((startOf(set) >> 2) % affine) << 2);
  const remainder = <f64>load<f32>(cm + at), r = <f64>abs(load<f32>(rstd + at));
  let sumH: f64 = 0, sumHX: f64 = 0;
  for (let c: usize = 0; c < stretch; c += 4, pairs += 16) {
    const d = load<f64>(pairs, 8), dX = (load<f64>(pairs) - remainder * d) * r;
    store<f64>(pairs, dX);
    sumH += <f64>load<f32>(w + c) * d;
    sumHX += <f64>load<f32>(w + c) * dX;
  }
  const isFit = max(abs(sumH), abs(sumHX)) < MOST;
  settleBack(a, set, sumH, sumHX, planes);
  // Constants have coefficients of 0.
  if (isFit && isConstant(at)) store<u64>(<usize>a.extra0 + (set << 3), 0);
}
