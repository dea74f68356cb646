// Contiguous rows, backward: one loop writes dx of a row while it sweeps the next for Σg and Σg·h, with g = dy · weight and
// h = (x - mean) · rstd, and adds dy and dy · h to the sums of the parameters' gradients.

import { BackwardArgs } from './args';
import { generalBackward, L2, MOMENTS } from './general';
import { add, hsum } from './lanes';
import { BLOCK, PAD } from './rows';

/** Rows whose dy and dy · h are added up in float32 before they join the float64 planes. */
const RUN = 64;
/** Outside these, products with rstd may leave the range of float32. */
const LEAST: f64 = 8.271806125530277e-25, MOST: f64 = 1.2089258196146292e24;

/** Coefficients above this leave too little room for their products. */
const LARGEST: f32 = 1e36;

/** Of the row that waits to be written: dx = g · reciprocal - (h · slope + shift). */
let reciprocal: f32 = 0;
export let slope: f32 = 0;
export let shift: f32 = 0;
let sumG: f64 = 0;
let sumGH: f64 = 0;

/**
 * Items are parts. Row r has the parameters of class r % (affine / r0); extra3 shares of the classes times extra4 shares of
 * the rows of each class make a part, and each share of rows has its own planes of float64 for dweight (extra1) and dbias
 * (extra2). extra5 is the address of ones, for a missing weight.
 */
export function rowsBackward(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<BackwardArgs>(args);
  const width = <i32>a.r0, bytes = <usize>width << 2, sets = <i32>a.k0, affine = <i32>a.affine;
  const classes = affine == 0 ? 1 : affine / width, rows = sets / classes;
  const classShares = <i32>a.extra3, rowShares = <i32>a.extra4;
  // In scratch: g and h of the row that waits, a row for output that nobody wants, sums of dy and of dy · h.
  const nowhere = scratch + 2 * bytes + PAD, parameterSums = nowhere + bytes + PAD;
  const weight = <usize>(a.weight != 0 ? a.weight : a.extra5), weightStep: usize = a.weight != 0 ? 32 : 0;
  const x = <usize>a.x, dy = <usize>a.dy, dsum = <usize>a.dsum, saved = <usize>a.saved, plane = <usize>sets << 2, share = 1 / a.r0;
  memory.fill(scratch, 0, 2 * bytes);

  for (let part = from; part < to; part++) {
    const rowShare = part / classShares, classShare = part % classShares;
    const firstClass = startOfShare(classes, classShare, classShares), lastClass = startOfShare(classes, classShare + 1, classShares);
    const offset = <usize>firstClass * bytes, count = <usize>(lastClass - firstClass) * bytes;
    const planes = (<usize>rowShare * <usize>affine) << 3;
    const dweights = within(<usize>a.extra1, planes), dbiases = within(<usize>a.extra2, planes);
    memory.fill(parameterSums, 0, 2 * count);
    if (dweights != 0) memory.fill(dweights + 2 * offset, 0, 2 * count);
    if (dbiases != 0) memory.fill(dbiases + 2 * offset, 0, 2 * count);

    let out = nowhere, added = dsum;
    const end = startOfShare(rows, rowShare + 1, rowShares);
    for (let i = startOfShare(rows, rowShare, rowShares), run = 1; i < end; i++, run++) {
      for (let j = firstClass; j < lastClass; j++) {
        const row = i * classes + j, start = <usize>row * bytes, statistics = saved + (<usize>row << 2);
        const rstd = <f64>load<f32>(statistics + 2 * plane);
        if (!isUsual(abs(rstd))) {
          generalBackward(a, row, dweights, dbiases);
          continue;
        }
        startSums();
        const at = <usize>j * bytes;
        for (let block: usize = 0; block < bytes; block += BLOCK) {
          const sums = parameterSums + 2 * (at - offset + block), w = weight + (weightStep != 0 ? at + block : 0);
          const here = start + block, gh = scratch + 2 * block, length = min(bytes - block, BLOCK);
          if (dsum != 0) {
            sweepAndWriteSum(x + here, dy + here, w, statistics, plane, sums, gh, out + block, added + block, length, weightStep);
          } else {
            sweepAndWriteRow(x + here, dy + here, w, statistics, plane, sums, gh, out + block, 0, length, weightStep, false);
          }
        }
        if (coefficients(a, rstd, share)) {
          out = a.dx != 0 ? <usize>a.dx + start : nowhere;
          added = within(dsum, start);
        } else {
          generalBackward(a, row, 0, 0);
          out = nowhere;
        }
      }
      if (run % RUN == 0 || i + 1 == end) {
        for (let i: usize = 0; i < count; i += bytes) {
          flush(parameterSums + 2 * i, within(dweights, 2 * (offset + i)), within(dbiases, 2 * (offset + i)), bytes);
        }
      }
    }
    if (out != nowhere) write(scratch, out, added, bytes);
  }
}

/** Sweeps a block of a row and leaves g and h where it found those of the row before, whose dx it writes, `adds` with dsum. */
// @ts-ignore: decorator
@inline
function sweepAndWriteRow(
  x: usize, dy: usize, w: usize, statistics: usize, plane: usize, sums: usize, gh: usize, dx: usize, dsum: usize,
  bytes: usize, weightStep: usize, adds: bool,
): void {
  // Splats from memory: of computed values the compiler keeps both scalar and vector, and runs out of registers.
  const k = v128.load32_splat(statistics), cm = v128.load32_splat(statistics + plane);
  const rstd = f32x4.abs(v128.load32_splat(statistics + 2 * plane));
  const r = f32x4.splat(reciprocal), A = f32x4.splat(slope), B = f32x4.splat(shift);
  const end = x + bytes, end8 = x + (bytes & ~31), end4 = x + (bytes & ~15);
  let s = f32x4.splat(0), q = s;
  while (x < end8) {
    const d0 = v128.load(dy), h0 = f32x4.mul(f32x4.sub(f32x4.sub(v128.load(x), k), cm), rstd);
    const dx0 = f32x4.sub(f32x4.mul(v128.load(gh), r), f32x4.add(f32x4.mul(v128.load(gh, 16), A), B));
    v128.store(dx, adds ? f32x4.add(dx0, v128.load(dsum)) : dx0);
    v128.store(sums, f32x4.add(v128.load(sums), d0));
    v128.store(sums, f32x4.add(v128.load(sums, 16), f32x4.mul(d0, h0)), 16);
    const g0 = f32x4.mul(d0, v128.load(w));
    v128.store(gh, g0);
    v128.store(gh, h0, 16);
    s = f32x4.add(s, g0);
    q = f32x4.add(q, f32x4.mul(g0, h0));
    const d1 = v128.load(dy, 16), h1 = f32x4.mul(f32x4.sub(f32x4.sub(v128.load(x, 16), k), cm), rstd);
    const dx1 = f32x4.sub(f32x4.mul(v128.load(gh, 32), r), f32x4.add(f32x4.mul(v128.load(gh, 48), A), B));
    v128.store(dx, adds ? f32x4.add(dx1, v128.load(dsum, 16)) : dx1, 16);
    v128.store(sums, f32x4.add(v128.load(sums, 32), d1), 32);
    v128.store(sums, f32x4.add(v128.load(sums, 48), f32x4.mul(d1, h1)), 48);
    const g1 = f32x4.mul(d1, v128.load(w, 16));
    v128.store(gh, g1, 32);
    v128.store(gh, h1, 48);
    s = f32x4.add(s, g1);
    q = f32x4.add(q, f32x4.mul(g1, h1));
    x += 32;
    dy += 32;
    w += weightStep;
    sums += 64;
    gh += 64;
    dx += 32;
    if (adds) dsum += 32;
  }
  if (x < end4) {
    const d = v128.load(dy), h = f32x4.mul(f32x4.sub(f32x4.sub(v128.load(x), k), cm), rstd), g = f32x4.mul(d, v128.load(w));
    const dx0 = f32x4.sub(f32x4.mul(v128.load(gh), r), f32x4.add(f32x4.mul(v128.load(gh, 16), A), B));
    v128.store(dx, adds ? f32x4.add(dx0, v128.load(dsum)) : dx0);
    v128.store(sums, f32x4.add(v128.load(sums), d));
    v128.store(sums, f32x4.add(v128.load(sums, 16), f32x4.mul(d, h)), 16);
    v128.store(gh, g);
    v128.store(gh, h, 16);
    s = f32x4.add(s, g);
    q = f32x4.add(q, f32x4.mul(g, h));
    x += 16;
    dy += 16;
    w += weightStep >> 1;
    sums += 32;
    gh += 32;
    dx += 16;
    if (adds) dsum += 16;
  }
  sumG += hsum(s);
  sumGH += hsum(q);
  if (x == end) return;
  const kf = load<f32>(statistics), cf = load<f32>(statistics + plane), rf = abs(load<f32>(statistics + 2 * plane));
  while (x < end) {
    const d = load<f32>(dy), h = (load<f32>(x) - kf - cf) * rf, g = d * load<f32>(w);
    const dx0 = load<f32>(gh) * reciprocal - (load<f32>(gh, 4) * slope + shift);
    store<f32>(dx, adds ? dx0 + load<f32>(dsum) : dx0);
    store<f32>(sums, load<f32>(sums) + d);
    store<f32>(sums, load<f32>(sums, 4) + d * h, 4);
    store<f32>(gh, g);
    store<f32>(gh, h, 4);
    sumG += <f64>g;
    sumGH += <f64>g * <f64>h;
    x += 4;
    dy += 4;
    w += weightStep >> 3;
    sums += 8;
    gh += 8;
    dx += 4;
    if (adds) dsum += 4;
  }
}

/** With dsum, a function of its own. The plain sweep stays inline in its caller: as a function it is 15 % slower. */
function sweepAndWriteSum(
  x: usize, dy: usize, w: usize, statistics: usize, plane: usize, sums: usize, gh: usize, dx: usize, dsum: usize,
  bytes: usize, weightStep: usize,
): void {
  sweepAndWriteRow(x, dy, w, statistics, plane, sums, gh, dx, dsum, bytes, weightStep, true);
}

/** dx of the last row. */
function write(gh: usize, dx: usize, dsum: usize, bytes: usize): void {
  const r = f32x4.splat(reciprocal), A = f32x4.splat(slope), B = f32x4.splat(shift);
  let i: usize = 0;
  for (const whole = bytes & ~15; i < whole; i += 16, gh += 32) {
    v128.store(dx + i, f32x4.sub(f32x4.mul(v128.load(gh), r), f32x4.add(f32x4.mul(v128.load(gh, 16), A), B)));
  }
  for (; i < bytes; i += 4, gh += 8) store<f32>(dx + i, load<f32>(gh) * reciprocal - (load<f32>(gh, 4) * slope + shift));
  if (dsum != 0) add(dx, dsum, dx, bytes);
}

function startSums(): void {
  sumG = sumGH = 0;
}

/** Takes the sums of a row as those of its blocks, two float64 each. */
export function takeSums(sums: usize, blocks: i32): void {
  startSums();
  for (const end = sums + (<usize>blocks << 4); sums < end; sums += 16) {
    sumG += load<f64>(sums);
    sumGH += load<f64>(sums, 8);
  }
}

/** A row's rstd, with the sign that says constants. */
export function rstdOf(a: BackwardArgs, row: i32): f64 {
  return <f64>load<f32>(<usize>a.saved + (<usize>row << 2) + (<usize>a.k0 << 3));
}

/** Whether products with rstd stay in the range of float32; false for NaN. */
export function isUsual(rstd: f64): bool {
  return rstd >= LEAST && rstd <= MOST;
}

/** Sets the coefficients of a row's dx from its sums, rstd with its sign, and 1 / n; false where float32 cannot carry them. */
export function coefficients(a: BackwardArgs, rstd: f64, share: f64): bool {
  slope = shift = 0;
  reciprocal = <f32>abs(rstd);
  if (!(abs(sumG) < 3e38 && abs(sumGH) < 3e38)) return false;
  if (rstd < 0) return true;
  slope = <f32>(rstd * sumGH * (a.statistics == L2 ? 1 : share));
  if (a.statistics == MOMENTS) shift = <f32>(rstd * sumG * share);
  return abs(slope) < LARGEST && abs(shift) < LARGEST;
}

/** Adds the sums of dy and dy · h to planes of float64 as far as there are any, and clears them. */
export function flush(sums: usize, dweight: usize, dbias: usize, bytes: usize): void {
  let at = sums;
  let i: usize = 0;
  for (const whole = bytes & ~15; i < whole; i += 16, at += 32) {
    if (dbias != 0) addVector(dbias + 2 * i, v128.load(at));
    if (dweight != 0) addVector(dweight + 2 * i, v128.load(at, 16));
  }
  for (; i < bytes; i += 4, at += 8) {
    if (dbias != 0) store<f64>(dbias + 2 * i, load<f64>(dbias + 2 * i) + <f64>load<f32>(at));
    if (dweight != 0) store<f64>(dweight + 2 * i, load<f64>(dweight + 2 * i) + <f64>load<f32>(at, 4));
  }
  memory.fill(sums, 0, 2 * bytes);
}

/** Adds four float32 to four float64. */
// @ts-ignore: decorator
@inline
function addVector(plane: usize, v: v128): void {
  v128.store(plane, f64x2.add(v128.load(plane), f64x2.promote_low_f32x4(v)));
  v128.store(plane, f64x2.add(v128.load(plane, 16), f64x2.promote_low_f32x4(i64x2.shuffle(v, v, 1, 1))), 16);
}

/** An address in planes; 0 where there are none. */
// @ts-ignore: decorator
@inline
export function within(planes: usize, offset: usize): usize {
  return planes != 0 ? planes + offset : 0;
}

/** Where share i of n things begins. */
function startOfShare(n: i32, i: i32, shares: i32): i32 {
  return <i32>((<i64>n * i) / shares);
}
