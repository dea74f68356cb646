// Convolution beside its matrix product: images with zeros around them, depthwise kernels, sums of parts.

/** A plane of an image and the zeros around it. Columns of one residue modulo `phases` lie together in a padded row. */
@unmanaged
class Padding {
  depth: f64;
  height: f64;
  width: f64;
  lowDepth: f64;
  lowHeight: f64;
  lowWidth: f64;
  paddedDepth: f64;
  paddedHeight: f64;
  /** A multiple of `phases`. */
  paddedWidth: f64;
  phases: f64;
}

@unmanaged
class PadArgs extends Padding {
  from: f64;
  to: f64;
}

@unmanaged
class DepthwiseArgs extends Padding {
  batch: f64;
  channels: f64;
  image: f64;
  /** Elements of a channel's kernel, and the addresses of it and of the result (or, for the kernel's gradient, of dy). */
  kernelSize: f64;
  kernel: f64;
  result: f64;
  /** Taps, the table of their offsets in a padded plane and, behind it, of their places in the kernel. */
  taps: f64;
  tapTable: f64;
  /** Positions of a tap, bytes of a padded plane from one to the next, and to the first. */
  gridDepth: f64;
  gridHeight: f64;
  gridWidth: f64;
  stepDepth: f64;
  stepHeight: f64;
  start: f64;
  /** Bytes of the result's plane from one position to the next, to the first, and in all. */
  outDepth: f64;
  outHeight: f64;
  outWidth: f64;
  outStart: f64;
  outPlane: f64;
}

@unmanaged
class SumArgs {
  parts: f64;
  count: f64;
  partStep: f64;
  from: f64;
  to: f64;
  perItem: f64;
}

/** Strips of eight positions whose sums meet in float32 before they go to float64. */
const MOST_STRIPS = 512;
/** Taps whose sums are in registers together. */
const TAPS = 10;

@inline
function paddedBytes(a: Padding): usize {
  return <usize>(a.paddedDepth * a.paddedHeight * a.paddedWidth) << 2;
}

@inline
function clear(from: usize, bytes: usize): void {
  memory.fill(from, 0, bytes);
}

function copyRow(to: usize, from: usize, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4, to += 16, from += 16) v128.store(to, v128.load(from));
  for (; i < count; i++, to += 4, from += 4) store<u32>(to, load<u32>(from));
}

/** Copies a plane into the middle of its padded one. */
function fillPlane(a: Padding, from: usize, to: usize): void {
  const depth = <i32>a.depth, height = <i32>a.height, width = <i32>a.width, phases = <i32>a.phases;
  const lowDepth = <i32>a.lowDepth, lowHeight = <i32>a.lowHeight, lowWidth = <i32>a.lowWidth;
  const paddedHeight = <i32>a.paddedHeight, paddedWidth = <i32>a.paddedWidth, perPhase = paddedWidth / phases;
  for (let d = 0; d < depth; d++) {
    for (let h = 0; h < height; h++, from += <usize>width << 2) {
      const row = to + (<usize>(((d + lowDepth) * paddedHeight + h + lowHeight) * paddedWidth) << 2);
      if (phases == 1) {
        copyRow(row + (<usize>lowWidth << 2), from, width);
        continue;
      }
      let phase = lowWidth % phases, column = lowWidth / phases;
      for (let w = 0; w < width; w++) {
        store<u32>(row + (<usize>(phase * perPhase + column) << 2), load<u32>(from + (<usize>w << 2)));
        if (++phase == phases) {
          phase = 0;
          column++;
        }
      }
    }
  }
}

/** Images with zeros around them. Items: planes. */
export function padPlanes(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<PadArgs>(args);
  const plane = <usize>(a.depth * a.height * a.width) << 2, padded = paddedBytes(a);
  for (let item = from; item < to; item++) {
    const target = <usize>a.to + padded * item;
    clear(target, padded);
    fillPlane(a, <usize>a.from + plane * item, target);
  }
}

/** Sums over the taps at four strips of eight positions. */
function strips(
  taps: usize, weights: usize, end: usize, p0: usize, p1: usize, p2: usize, p3: usize, o0: usize, o1: usize, o2: usize, o3: usize,
): void {
  const zero = f32x4.splat(0);
  let c00 = zero, c01 = zero, c10 = zero, c11 = zero, c20 = zero, c21 = zero, c30 = zero, c31 = zero;
  for (; weights < end; weights += 4, taps += 4) {
    const w = v128.load32_splat(weights), at = <usize>load<u32>(taps);
    const q0 = p0 + at, q1 = p1 + at, q2 = p2 + at, q3 = p3 + at;
    c00 = f32x4.add(c00, f32x4.mul(w, v128.load(q0)));
    c01 = f32x4.add(c01, f32x4.mul(w, v128.load(q0, 16)));
    c10 = f32x4.add(c10, f32x4.mul(w, v128.load(q1)));
    c11 = f32x4.add(c11, f32x4.mul(w, v128.load(q1, 16)));
    c20 = f32x4.add(c20, f32x4.mul(w, v128.load(q2)));
    c21 = f32x4.add(c21, f32x4.mul(w, v128.load(q2, 16)));
    c30 = f32x4.add(c30, f32x4.mul(w, v128.load(q3)));
    c31 = f32x4.add(c31, f32x4.mul(w, v128.load(q3, 16)));
  }
  v128.store(o0, c00);
  v128.store(o0, c01, 16);
  v128.store(o1, c10);
  v128.store(o1, c11, 16);
  v128.store(o2, c20);
  v128.store(o2, c21, 16);
  v128.store(o3, c30);
  v128.store(o3, c31, 16);
}

/** Where each strip reads, writes, and how many of its positions there are; the last strip repeated to a multiple of four. */
function listStrips(a: DepthwiseArgs, list: usize): i32 {
  const depth = <i32>a.gridDepth, height = <i32>a.gridHeight, width = <i32>a.gridWidth;
  let count = 0;
  for (let d = 0; d < depth; d++) {
    for (let h = 0; h < height; h++) {
      const base = <usize>a.start + d * <usize>a.stepDepth + h * <usize>a.stepHeight;
      const out = <usize>a.outStart + d * <usize>a.outDepth + h * <usize>a.outHeight;
      for (let w = 0; w < width; w += 8, count++, list += 12) {
        store<u32>(list, base + (<usize>w << 2));
        store<u32>(list, out + w * <usize>a.outWidth, 4);
        store<i32>(list, min(8, width - w), 8);
      }
    }
  }
  for (; count % 4 != 0; count++, list += 12) memory.copy(list, list - 12, 12);
  return count;
}

/** Each channel under its own kernel. Items: batch × channels. */
export function depthwise(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<DepthwiseArgs>(args);
  const taps = <usize>a.taps, table = <usize>a.tapTable, outWidth = <usize>a.outWidth;
  const image = <usize>(a.depth * a.height * a.width) << 2, bytes = paddedBytes(a);
  const weights = scratch + 128, plane = weights + (taps << 2), list = plane + bytes + 64;
  const count = listStrips(a, list), end = list + <usize>count * 12;
  clear(plane, bytes);
  for (let item = from; item < to; item++) {
    fillPlane(a, <usize>a.image + image * item, plane);
    const kernel = <usize>a.kernel + (<usize>(item % <i32>a.channels * <i32>a.kernelSize) << 2);
    for (let t: usize = 0; t < taps << 2; t += 4) {
      store<f32>(weights + t, load<f32>(kernel + (<usize>load<u32>(table + (taps << 2) + t) << 2)));
    }
    const out = <usize>a.result + <usize>a.outPlane * item;
    for (let s = list; s < end; s += 48) {
      const isWhole = outWidth == 4 && load<i32>(s, 8) + load<i32>(s, 20) + load<i32>(s, 32) + load<i32>(s, 44) == 32;
      const p0 = plane + load<u32>(s), p1 = plane + load<u32>(s, 12), p2 = plane + load<u32>(s, 24), p3 = plane + load<u32>(s, 36);
      if (isWhole) {
        const o0 = out + load<u32>(s, 4), o1 = out + load<u32>(s, 16), o2 = out + load<u32>(s, 28), o3 = out + load<u32>(s, 40);
        strips(table, weights, weights + (taps << 2), p0, p1, p2, p3, o0, o1, o2, o3);
        continue;
      }
      strips(table, weights, weights + (taps << 2), p0, p1, p2, p3, scratch, scratch + 32, scratch + 64, scratch + 96);
      for (let i: usize = 0; i < 4; i++) {
        const strip = s + i * 12, live = load<i32>(strip, 8), o = out + load<u32>(strip, 4);
        for (let j = 0; j < live; j++) store<f32>(o + j * outWidth, load<f32>(scratch + (i << 5) + (<usize>j << 2)));
      }
    }
  }
}

/** Adds image·dy over the strips to the sums of ten taps, four lanes each. */
function correlate(taps: usize, list: usize, end: usize, dy: usize, plane: usize, sums: usize): void {
  const zero = f32x4.splat(0);
  let s0 = zero, s1 = zero, s2 = zero, s3 = zero, s4 = zero, s5 = zero, s6 = zero, s7 = zero, s8 = zero, s9 = zero;
  for (; list < end; list += 12, dy += 32) {
    const p = plane + load<u32>(list), g0 = v128.load(dy), g1 = v128.load(dy, 16);
    let q = p + load<u32>(taps);
    s0 = f32x4.add(f32x4.add(s0, f32x4.mul(g0, v128.load(q))), f32x4.mul(g1, v128.load(q, 16)));
    q = p + load<u32>(taps, 4);
    s1 = f32x4.add(f32x4.add(s1, f32x4.mul(g0, v128.load(q))), f32x4.mul(g1, v128.load(q, 16)));
    q = p + load<u32>(taps, 8);
    s2 = f32x4.add(f32x4.add(s2, f32x4.mul(g0, v128.load(q))), f32x4.mul(g1, v128.load(q, 16)));
    q = p + load<u32>(taps, 12);
    s3 = f32x4.add(f32x4.add(s3, f32x4.mul(g0, v128.load(q))), f32x4.mul(g1, v128.load(q, 16)));
    q = p + load<u32>(taps, 16);
    s4 = f32x4.add(f32x4.add(s4, f32x4.mul(g0, v128.load(q))), f32x4.mul(g1, v128.load(q, 16)));
    q = p + load<u32>(taps, 20);
    s5 = f32x4.add(f32x4.add(s5, f32x4.mul(g0, v128.load(q))), f32x4.mul(g1, v128.load(q, 16)));
    q = p + load<u32>(taps, 24);
    s6 = f32x4.add(f32x4.add(s6, f32x4.mul(g0, v128.load(q))), f32x4.mul(g1, v128.load(q, 16)));
    q = p + load<u32>(taps, 28);
    s7 = f32x4.add(f32x4.add(s7, f32x4.mul(g0, v128.load(q))), f32x4.mul(g1, v128.load(q, 16)));
    q = p + load<u32>(taps, 32);
    s8 = f32x4.add(f32x4.add(s8, f32x4.mul(g0, v128.load(q))), f32x4.mul(g1, v128.load(q, 16)));
    q = p + load<u32>(taps, 36);
    s9 = f32x4.add(f32x4.add(s9, f32x4.mul(g0, v128.load(q))), f32x4.mul(g1, v128.load(q, 16)));
  }
  addLanes(sums, s0);
  addLanes(sums + 8, s1);
  addLanes(sums + 16, s2);
  addLanes(sums + 24, s3);
  addLanes(sums + 32, s4);
  addLanes(sums + 40, s5);
  addLanes(sums + 48, s6);
  addLanes(sums + 56, s7);
  addLanes(sums + 64, s8);
  addLanes(sums + 72, s9);
}

function addLanes(to: usize, x: v128): void {
  const pairs = f64x2.add(f64x2.promote_low_f32x4(x), f64x2.promote_low_f32x4(i64x2.shuffle(x, x, 1, 0)));
  store<f64>(to, load<f64>(to) + f64x2.extract_lane(pairs, 0) + f64x2.extract_lane(pairs, 1));
}

/** The gradient of each channel's kernel; `result` is dy. Items: channels. */
export function depthwiseKernel(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<DepthwiseArgs>(args);
  const taps = <i32>a.taps, channels = <i32>a.channels, width = <i32>a.gridWidth, rows = <i32>a.gridDepth * <i32>a.gridHeight;
  const perRow = (width + 7) / 8, listed = rows * perRow, padded = (taps + TAPS - 1) / TAPS * TAPS;
  const image = <usize>(a.depth * a.height * a.width) << 2, bytes = paddedBytes(a);
  const sums = scratch, table = sums + (<usize>padded << 3), dy = table + (<usize>padded << 2);
  const plane = dy + (<usize>listed << 5), list = plane + bytes + 64;
  memory.copy(table, <usize>a.tapTable, <usize>taps << 2);
  for (let t = taps; t < padded; t++) store<u32>(table + (<usize>t << 2), load<u32>(table));
  listStrips(a, list);
  clear(plane, bytes + 64);
  clear(dy, <usize>listed << 5);
  for (let channel = from; channel < to; channel++) {
    clear(sums, <usize>padded << 3);
    for (let n = 0, batch = <i32>a.batch; n < batch; n++) {
      const at = n * channels + channel;
      fillPlane(a, <usize>a.image + image * at, plane);
      const g = <usize>a.result + <usize>a.outPlane * at;
      for (let row = 0; row < rows; row++) copyRow(dy + (<usize>(row * perRow) << 5), g + (<usize>(row * width) << 2), width);
      for (let s = 0; s < listed; s += MOST_STRIPS) {
        const first = list + <usize>s * 12, end = list + <usize>min(listed, s + MOST_STRIPS) * 12;
        for (let t: usize = 0; t < <usize>padded; t += TAPS) {
          correlate(table + (t << 2), first, end, dy + (<usize>s << 5), plane, sums + (t << 3));
        }
      }
    }
    const out = <usize>a.kernel + (<usize>(channel * taps) << 2);
    for (let t: usize = 0; t < <usize>taps; t++) store<f32>(out + (t << 2), <f32>load<f64>(sums + (t << 3)));
  }
}

/** Sums planes of parts in order. Items: stretches of `perItem` elements. */
export function sumParts(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<SumArgs>(args);
  const parts = <i32>a.parts, perItem = <i32>a.perItem, step = <usize>a.partStep;
  const end = min(<i32>a.count, to * perItem);
  for (let i = from * perItem; i < end; i++) {
    let at = <usize>a.from + (<usize>i << 2), sum: f64 = 0;
    for (let part = 0; part < parts; part++, at += step) sum += load<f32>(at);
    store<f32>(<usize>a.to + (<usize>i << 2), <f32>sum);
  }
}

/** Writes 0 or NaN: the sum of x·0 over an array, 0 where all are finite. One item. */
export function probeFinite(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<SumArgs>(args);
  const zero = f32x4.splat(0);
  let p = <usize>a.from, sum = zero;
  const end = p + (<usize>a.count << 2);
  for (; p + 16 <= end; p += 16) sum = f32x4.add(sum, f32x4.mul(v128.load(p), zero));
  for (; p < end; p += 4) sum = f32x4.add(sum, f32x4.mul(v128.load32_zero(p), zero));
  const pairs = f32x4.add(sum, i64x2.shuffle(sum, sum, 1, 0));
  store<f32>(<usize>a.to, f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1));
}
