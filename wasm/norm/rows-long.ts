// Rows too long for the first caches, in blocks that any thread may take: sweep the blocks of some rows, settle the rows,
// write the blocks. Sums are float32 within a block and float64 across blocks, in their order.

import { BackwardArgs, ForwardArgs } from './args';
import { generalBackward, generalForward } from './general';
import { add, hsum } from './lanes';
import { biasOf, BLOCK, NEAR, squares, startSums, stepOf, sum, sweep, weightOf, write } from './rows';
import { coefficients, flush, isUsual, rstdOf, shift, slope, takeSums, within } from './rows-backward';
import { AGAIN, pilotOfSet, SETTLED, settle } from './settle';

/**
 * Items are blocks of rows from extra2 on. Σu and Σu² of each go to extra3, two float64 each. The rows that extra4, an int32
 * for each, calls AGAIN are swept; extra5 is 0 in the first round, which sweeps about 0.
 */
export function longSweep(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<ForwardArgs>(args), bytes = <usize>a.r0 << 2, blocks = blocksOf(bytes);
  for (let item = from; item < to; item++) {
    const row = item / blocks, at = <usize>(item % blocks) * BLOCK;
    if (load<i32>(<usize>a.extra4 + (<usize>row << 2)) != AGAIN) continue;
    const start = (<usize>a.extra2 + row) * bytes, length = min(bytes - at, BLOCK);
    const k = pilotOf(a, <i32>a.extra2 + row);
    if (a.residual != 0 && a.extra5 == 0) add(<usize>a.x + start + at, <usize>a.residual + start + at, <usize>a.sum + start + at, length);
    startSums();
    sweep(<usize>(a.sum != 0 ? a.sum : a.x) + start + at, length, <f32>k);
    store<f64>(<usize>a.extra3 + (<usize>item << 4), sum);
    store<f64>(<usize>a.extra3 + (<usize>item << 4), squares, 8);
  }
}

/** Items are rows from extra2 on: leaves in extra4 what became of each. */
export function longSettle(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<ForwardArgs>(args), blocks = blocksOf(<usize>a.r0 << 2);
  for (let item = from; item < to; item++) {
    const row = <i32>a.extra2 + item, verdict = <usize>a.extra4 + (<usize>item << 2);
    if (load<i32>(verdict) != AGAIN) continue;
    let s: f64 = 0, q: f64 = 0, sums = <usize>a.extra3 + (<usize>(item * blocks) << 4);
    for (let i = 0; i < blocks; i++, sums += 16) {
      s += load<f64>(sums);
      q += load<f64>(sums, 8);
    }
    const what = settle(a, row, pilotOf(a, row), s, q, 1 / a.r0, a.extra5 == 0 ? NEAR : 4);
    store<i32>(verdict, what);
    // Where the next sweep starts; the statistics that stand overwrite it.
    if (what == AGAIN) store<f32>(<usize>a.saved + (<usize>row << 2), <f32>pilotOfSet);
  }
}

/** Items are blocks of the extra5 rows from extra2 on, those of one column after one another, which share parameters: y. */
export function longWrite(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<ForwardArgs>(args), bytes = <usize>a.r0 << 2, rows = <i32>a.extra5;
  const sets = <usize>a.k0 << 2, weightStep = stepOf(a.weight), biasStep = stepOf(a.bias);
  for (let item = from; item < to; item++) {
    const row = item % rows, set = <i32>a.extra2 + row, at = <usize>(item / rows) * BLOCK;
    if (load<i32>(<usize>a.extra4 + (<usize>row << 2)) != SETTLED) {
      if (at == 0) generalForward(a, set);
      continue;
    }
    const saved = <usize>a.saved + (<usize>set << 2), start = <usize>set * bytes + at, parameter = start % (max(<usize>a.affine, 1) << 2);
    write(
      <usize>(a.sum != 0 ? a.sum : a.x) + start, <usize>a.y + start,
      weightOf(a) + (weightStep != 0 ? parameter : 0), biasOf(a) + (biasStep != 0 ? parameter : 0), min(bytes - at, BLOCK),
      weightStep, biasStep, load<f32>(saved), load<f32>(saved + sets), abs(load<f32>(saved + 2 * sets)),
    );
  }
}

/**
 * Items are columns of blocks of the extra4 rows from extra3 on. Σg and Σg·h of each block of a row go to extra0, two float64
 * each. What those rows add to dweight and dbias joins the planes extra1 and extra2.
 */
export function longBackwardSweep(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<BackwardArgs>(args), bytes = <usize>a.r0 << 2, blocks = blocksOf(bytes), sets = <usize>a.k0 << 2;
  const weight = <usize>(a.weight != 0 ? a.weight : a.extra5), weightStep = stepOf(a.weight);
  memory.fill(scratch, 0, 2 * BLOCK);
  for (let item = from; item < to; item++) {
    const at = <usize>item * BLOCK, length = min(bytes - at, BLOCK);
    const parameter = (<usize>a.extra3 * bytes + at) % (max(<usize>a.affine, 1) << 2);
    for (let i = 0; i < <i32>a.extra4; i++) {
      const row = <i32>a.extra3 + i, start = <usize>row * bytes + at, statistics = <usize>a.saved + (<usize>row << 2);
      if (!isUsual(abs(rstdOf(a, row)))) continue;
      sweepBack(
        <usize>a.x + start, <usize>a.dy + start, weight + (weightStep != 0 ? parameter : 0), scratch, length, weightStep,
        statistics, sets, <usize>a.extra0 + (<usize>(i * blocks + item) << 4),
      );
    }
    flush(scratch, within(<usize>a.extra1, 2 * parameter), within(<usize>a.extra2, 2 * parameter), length);
  }
}

/** Items are rows from extra3 on: puts slope and shift of each where its sums began, NaN for rows that are done with. */
export function longBackwardSettle(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<BackwardArgs>(args), blocks = blocksOf(<usize>a.r0 << 2);
  for (let item = from; item < to; item++) {
    const row = <i32>a.extra3 + item, sums = <usize>a.extra0 + (<usize>(item * blocks) << 4);
    const isSwept = isUsual(abs(rstdOf(a, row)));
    if (isSwept) takeSums(sums, blocks);
    const isFit = isSwept && coefficients(a, rstdOf(a, row), 1 / a.r0);
    store<f64>(sums, isFit ? <f64>slope : NaN);
    store<f64>(sums, <f64>shift, 8);
    if (!isFit) generalBackward(a, row, isSwept ? 0 : <usize>a.extra1, isSwept ? 0 : <usize>a.extra2);
  }
}

/** Items are blocks of the extra4 rows from extra3 on, those of one column after one another: dx. */
export function longBackwardWrite(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<BackwardArgs>(args), bytes = <usize>a.r0 << 2, blocks = blocksOf(bytes), sets = <usize>a.k0 << 2;
  const weight = <usize>(a.weight != 0 ? a.weight : a.extra5), weightStep = stepOf(a.weight), rows = <i32>a.extra4;
  for (let item = from; item < to; item++) {
    const i = item % rows, row = <i32>a.extra3 + i, at = <usize>(item / rows) * BLOCK, length = min(bytes - at, BLOCK);
    const coefficients = <usize>a.extra0 + (<usize>(i * blocks) << 4), slope = load<f64>(coefficients);
    if (slope != slope) continue;
    const start = <usize>row * bytes + at, parameter = start % (max(<usize>a.affine, 1) << 2), dx = <usize>a.dx + start;
    writeBlock(
      <usize>a.x + start, <usize>a.dy + start, weight + (weightStep != 0 ? parameter : 0), dx, length, weightStep,
      <usize>a.saved + (<usize>row << 2), sets, <f32>slope, <f32>load<f64>(coefficients, 8),
    );
    if (a.dsum != 0) add(dx, <usize>a.dsum + start, dx, length);
  }
}

function blocksOf(bytes: usize): i32 {
  return <i32>((bytes + BLOCK - 1) / BLOCK);
}

/** What a row's sweep subtracts from x: 0 in the first round, then what that showed to be near the mean. */
function pilotOf(a: ForwardArgs, row: i32): f64 {
  const pilots = <usize>(a.extra5 != 0 ? a.saved : a.givenMean);
  return pilots != 0 ? <f64>load<f32>(pilots + (<usize>row << 2)) : 0;
}

/** Σg and Σg·h, and dy and dy · h added to the sums of the parameters' gradients. */
function sweepBack(
  x: usize, dy: usize, w: usize, gradients: usize, bytes: usize, weightStep: usize, statistics: usize, plane: usize, sums: usize,
): void {
  const k = v128.load32_splat(statistics), c = v128.load32_splat(statistics + plane);
  const r = f32x4.abs(v128.load32_splat(statistics + 2 * plane));
  const end = x + bytes, end4 = x + (bytes & ~15);
  let s = f32x4.splat(0), q = s;
  while (x < end4) {
    const d = v128.load(dy), h = f32x4.mul(f32x4.sub(f32x4.sub(v128.load(x), k), c), r), g = f32x4.mul(d, v128.load(w));
    v128.store(gradients, f32x4.add(v128.load(gradients), d));
    v128.store(gradients, f32x4.add(v128.load(gradients, 16), f32x4.mul(d, h)), 16);
    s = f32x4.add(s, g);
    q = f32x4.add(q, f32x4.mul(g, h));
    x += 16;
    dy += 16;
    gradients += 32;
    w += weightStep >> 2;
  }
  let sumG = hsum(s), sumGH = hsum(q);
  while (x < end) {
    const d = load<f32>(dy), g = d * load<f32>(w);
    const h = (load<f32>(x) - f32x4.extract_lane(k, 0) - f32x4.extract_lane(c, 0)) * f32x4.extract_lane(r, 0);
    store<f32>(gradients, load<f32>(gradients) + d);
    store<f32>(gradients, load<f32>(gradients, 4) + d * h, 4);
    sumG += <f64>g;
    sumGH += <f64>g * <f64>h;
    x += 4;
    dy += 4;
    gradients += 8;
    w += weightStep >> 4;
  }
  store<f64>(sums, sumG);
  store<f64>(sums, sumGH, 8);
}

/** dx = dy · weight · rstd - (h · slope + shift). */
function writeBlock(
  x: usize, dy: usize, w: usize, dx: usize, bytes: usize, weightStep: usize, statistics: usize, plane: usize, A: f32, B: f32,
): void {
  const kf = load<f32>(statistics), cf = load<f32>(statistics + plane), rf = abs(load<f32>(statistics + 2 * plane));
  const k = f32x4.splat(kf), c = f32x4.splat(cf), r = f32x4.splat(rf), av = f32x4.splat(A), bv = f32x4.splat(B);
  const end = x + bytes, end4 = x + (bytes & ~15);
  while (x < end4) {
    const h = f32x4.mul(f32x4.sub(f32x4.sub(v128.load(x), k), c), r), g = f32x4.mul(v128.load(dy), v128.load(w));
    v128.store(dx, f32x4.sub(f32x4.mul(g, r), f32x4.add(f32x4.mul(h, av), bv)));
    x += 16;
    dy += 16;
    dx += 16;
    w += weightStep >> 2;
  }
  while (x < end) {
    const h = (load<f32>(x) - kf - cf) * rf;
    store<f32>(dx, load<f32>(dy) * load<f32>(w) * rf - (h * A + B));
    x += 4;
    dy += 4;
    dx += 4;
    w += weightStep >> 4;
  }
}
