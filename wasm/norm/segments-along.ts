// Stretches with parameters along them, the same ones for all of a set: group norm with channels last. The sets of a slab lie
// side by side in memory and are gone through together. Offsets and lengths are in bytes.

import { BackwardArgs, ForwardArgs } from './args';
import {
  affine, aimBack, center, chunk, cm, isConstant, K, k1, MOST, open, prepare, r1, rows, rowStep, rstd, settleBack, settleSet, shift,
  slope, startOf, stretch, sweepRows, weight, writeRows, x,
} from './segments';
import { applyBackAlong, sweepAlong } from './segments-loops';

/** Rows that a column is summed over at once: as many as the first cache keeps at a distance of a power of two. */
const ROWS: usize = 16;

/** Items are slabs: the sets that lie side by side, with parameters along their stretches. Scratch has a state for each. */
export function segmentForwardAlong(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<ForwardArgs>(args);
  open(a, a.weight, a.saved);
  // Sums; then whether y is still to be written, with which scales and shifts.
  const bytes = 32 + 2 * stretch;
  for (let set = <usize>from * k1; set < <usize>to * k1; set += k1) {
    const first = startOf(set);
    for (let i: usize = 0, state = scratch; i < k1; i++, state += bytes) v128.store(state, f64x2.splat(0));
    for (let j: usize = 0; j < rows && a.givenMean == 0; j += chunk) {
      touch(x + first + j * rowStep, min(chunk, rows - j) * rowStep);
      for (let i: usize = 0, state = scratch; i < k1; i++, state += bytes) {
        v128.store(state, f64x2.add(v128.load(state), sweepRows(first + i * r1, j, 0)));
      }
    }
    for (let i: usize = 0, state = scratch; i < k1; i++, state += bytes) {
      const isFit = settleSet(a, set + i, v128.load(state));
      store<i32>(state, isFit, 16);
      if (isFit) prepare(a, set + i, state + 32);
    }
    for (let j: usize = 0; j < rows; j += chunk) {
      for (let i: usize = 0, state = scratch; i < k1; i++, state += bytes) {
        if (load<i32>(state, 16)) writeRows(a, set + i, j, state + 32);
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
  const dy = <usize>a.dy, dx = <usize>a.dx, step = rowStep, bytes = stretch << 2;
  for (let set = <usize>from * k1; set < <usize>to * k1; set += k1) {
    const first = startOf(set), pairs = a.extra2 != 0 ? <usize>a.extra2 + set * bytes : scratch;
    memory.fill(pairs, 0, k1 * bytes);
    for (let j: usize = 0; j < rows; j += ROWS) {
      touch(x + first + j * step, min(ROWS, rows - j) * step);
      touch(dy + first + j * step, min(ROWS, rows - j) * step);
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
        const p = o + j * step;
        applyBackAlong(x + p, dy + p, dx + p, stretch, center, r, slope, shift, w, min(ROWS, rows - j), step);
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

/** Reads rows in the order of memory: columns and sets side by side go through them in an order that no prefetcher foresees. */
function touch(p: usize, bytes: usize): void {
  for (const end = p + bytes; p < end; p += 64) load<u8>(p);
}
