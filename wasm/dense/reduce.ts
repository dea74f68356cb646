// Reductions of sets of consecutive stretches. Sums are of float32 about a pilot value in short blocks and of float64 across
// them; where squares overflow, vanish or cancel, a set is done again in float64. A large set is cut into parts by its own
// extents, whose sums are added in order.

@unmanaged
export class ReduceArgs {
  x: f64;
  out: f64;
  op: f64;
  /** A set has r0 stretches of r1 elements, k1·r1 apart; sets of one i0 begin r1 apart. */
  r0: f64;
  k1: f64;
  r1: f64;
  parts: f64;
  /** Elements of a stretch, and stretches, in a part: one of the two is whole. Of columns, rows. */
  length: f64;
  stretches: f64;
  /** Two float64 for each part of each set. */
  sums: f64;
  /** Columns of an item. */
  width: f64;
}

export const SUM = 0, MEAN = 1, MAX = 2, MIN = 3, L2 = 4, VARIANCE = 5;
/** Bytes that are summed in float32. */
const SHORT: usize = 4096;

/** Sums, or the extreme, of what was swept last. */
let first: f64 = 0, second: f64 = 0;

/** An item is a part of a set. */
export function reduceSets(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<ReduceArgs>(args);
  const op = <i32>a.op, parts = <i32>a.parts, r0 = <i32>a.r0, r1 = <i32>a.r1;
  const length = <i32>a.length, stretches = <i32>a.stretches, pieces = (r1 + length - 1) / length;
  const step = <usize>a.k1 * (<usize>r1 << 2);
  for (let item = from; item < to; item++) {
    const set = item / parts, part = item % parts;
    const stretch = part / pieces * stretches, piece = part % pieces * length;
    const bytes = <usize>min(length, r1 - piece) << 2;
    const pilot = op >= VARIANCE ? pilotOf(a, set) : 0;
    first = op == MAX || op == MIN ? -Infinity : 0;
    second = 0;
    let x = startOf(a, set) + <usize>stretch * step + (<usize>piece << 2);
    for (let j = min(stretches, r0 - stretch); j > 0; j--, x += step) {
      if (op == MAX || op == MIN) extreme(x, bytes, op == MIN);
      else sums(x, bytes, pilot);
    }
    keep(a, set, part);
  }
}

/** Sets [from, to) from their parts. */
export function finishSets(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<ReduceArgs>(args);
  const op = <i32>a.op, parts = <i32>a.parts;
  for (let set = from; set < to; set++) {
    first = op == MAX || op == MIN ? -Infinity : 0;
    second = 0;
    for (let p = <usize>a.sums + <usize>set * (<usize>parts << 4), end = p + (<usize>parts << 4); p < end; p += 16) {
      first = op == MAX || op == MIN ? max(first, load<f64>(p)) : first + load<f64>(p);
      second += load<f64>(p, 8);
    }
    finish(a, set);
  }
}

/** Takes the sums of a part. */
export function take(a: ReduceArgs, set: i32, part: i32, sum: f64, squares: f64): void {
  first = sum;
  second = squares;
  keep(a, set, part);
}

function keep(a: ReduceArgs, set: i32, part: i32): void {
  if (a.parts == 1) return finish(a, set);
  const p = <usize>a.sums + (<usize>(set * <i32>a.parts + part) << 4);
  store<f64>(p, first);
  store<f64>(p, second, 8);
}

function finish(a: ReduceArgs, set: i32): void {
  const op = <i32>a.op, n = a.r0 * a.r1;
  let y = op == MIN ? -first : first;
  if (op == SUM || op == MEAN) {
    if (!(abs(first) < Infinity)) exact(a, set, 0);
    y = op == SUM ? first : first / n;
  } else if (op == L2) {
    if (!(second < Infinity) || second < n * 1e-30) exact(a, set, 0);
    y = sqrt(second);
  } else if (op >= VARIANCE) {
    let squares = second - first * (first / n);
    if (!(squares < Infinity) || squares < n * 1e-30 || first * (first / n) > 16 * squares) {
      exact(a, set, 0);
      exact(a, set, first / n);
      squares = max(0, second - first * first / n);
    }
    y = squares / (op == VARIANCE ? n : n - 1);
  }
  store<f32>(<usize>a.out + (<usize>set << 2), <f32>y);
}

function startOf(a: ReduceArgs, set: i32): usize {
  const k1 = <i32>a.k1, i0 = set / k1;
  return <usize>a.x + (<usize>((i0 * <i32>a.r0 * k1 + set % k1) * <i32>a.r1) << 2);
}

/** The mean of elements all over the set, as float32. */
function pilotOf(a: ReduceArgs, set: i32): f32 {
  const r1 = <i32>a.r1, n = <i32>a.r0 * r1, count = min(n, n < 512 ? 4 : 16), step = n / count;
  const start = startOf(a, set), between = (<i32>a.k1 - 1) * r1;
  let total: f64 = 0;
  for (let i = 0, e = 0; i < count; i++, e += step) {
    total += <f64>load<f32>(start + (<usize>(e + (between == 0 ? 0 : e / r1 * between)) << 2));
  }
  return <f32>(total / count);
}

/** Sums about `pilot` in float64. */
function exact(a: ReduceArgs, set: i32, pilot: f64): void {
  const bytes = <usize>a.r1 << 2, step = <usize>a.k1 * bytes;
  let x = startOf(a, set), sum: f64 = 0, squares: f64 = 0;
  for (let j = <i32>a.r0; j > 0; j--, x += step) {
    for (let p = x; p < x + bytes; p += 4) {
      const u = <f64>load<f32>(p) - pilot;
      sum += u;
      squares += u * u;
    }
  }
  first = sum;
  second = squares;
}

function sums(x: usize, bytes: usize, pilot: f32): void {
  const end = x + bytes, k = f32x4.splat(pilot);
  for (const whole = x + (bytes & ~31); x < whole; ) {
    let s = f32x4.splat(0), t = s, q = s, r = s;
    for (const stop = min(whole, x + SHORT); x < stop; x += 32) {
      const u = f32x4.sub(v128.load(x), k), v = f32x4.sub(v128.load(x, 16), k);
      s = f32x4.add(s, u);
      t = f32x4.add(t, v);
      q = f32x4.add(q, f32x4.mul(u, u));
      r = f32x4.add(r, f32x4.mul(v, v));
    }
    first += sumOf(s) + sumOf(t);
    second += sumOf(q) + sumOf(r);
  }
  for (; x < end; x += 4) {
    const u = <f64>(load<f32>(x) - pilot);
    first += u;
    second += u * u;
  }
}

function sumOf(v: v128): f64 {
  const w = f64x2.add(f64x2.promote_low_f32x4(v), f64x2.promote_low_f32x4(i64x2.shuffle(v, v, 1, 1)));
  return f64x2.extract_lane(w, 0) + f64x2.extract_lane(w, 1);
}

/** The largest of the elements or, of the least, the opposite. Of two zeros the positive one is larger. */
function extreme(x: usize, bytes: usize, isLeast: bool): void {
  const start = x, end = x + bytes, flip = i32x4.splat(isLeast ? 0x80000000 : 0);
  let m = f32x4.splat(-Infinity), n = m, bad = f32x4.splat(0);
  for (const whole = x + (bytes & ~31); x < whole; x += 32) {
    const a = v128.xor(v128.load(x), flip), b = v128.xor(v128.load(x, 16), flip);
    m = f32x4.pmax(m, a);
    n = f32x4.pmax(n, b);
    bad = v128.or(bad, v128.or(f32x4.ne(a, a), f32x4.ne(b, b)));
  }
  m = f32x4.max(m, n);
  for (; x < end; x += 4) m = f32x4.max(m, v128.xor(v128.load32_splat(x), flip));
  m = f32x4.max(m, i64x2.shuffle(m, m, 1, 0));
  let largest = max(f32x4.extract_lane(m, 0), f32x4.extract_lane(m, 1));
  if (v128.any_true(bad)) largest = f32.NaN;
  // Those quick comparisons do not tell zeros apart.
  if (largest == 0) {
    for (x = start; x < end; x += 4) largest = max(largest, isLeast ? -load<f32>(x) : load<f32>(x));
  }
  first = max(first, <f64>largest);
}
