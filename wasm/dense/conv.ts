// Convolution beside its products: images with zeros around them, sums of parts.

/** A plane of an image and the zeros around it. Columns of one residue modulo `phases` lie together in a padded row. */
@unmanaged
export class Padding {
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
class SumArgs {
  parts: f64;
  count: f64;
  partStep: f64;
  from: f64;
  to: f64;
  perItem: f64;
}

@inline
export function paddedBytes(a: Padding): usize {
  return <usize>(a.paddedDepth * a.paddedHeight * a.paddedWidth) << 2;
}

@inline
export function clear(from: usize, bytes: usize): void {
  memory.fill(from, 0, bytes);
}

export function copyRow(to: usize, from: usize, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4, to += 16, from += 16) v128.store(to, v128.load(from));
  for (; i < count; i++, to += 4, from += 4) store<u32>(to, load<u32>(from));
}

/** Copies a plane into the middle of its padded one. */
export function fillPlane(a: Padding, from: usize, to: usize): void {
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
      let phase = lowWidth % phases, column = lowWidth / phases, w = 0;
      if (phases == 2) {
        const even = row + (<usize>(phase * perPhase + column) << 2);
        const odd = row + (<usize>(phase == 0 ? perPhase + column : column + 1) << 2);
        for (; w + 8 <= width; w += 8, column += 4) {
          const x = v128.load(from + (<usize>w << 2)), y = v128.load(from + (<usize>w << 2), 16);
          v128.store(even + (<usize>w << 1), i32x4.shuffle(x, y, 0, 2, 4, 6));
          v128.store(odd + (<usize>w << 1), i32x4.shuffle(x, y, 1, 3, 5, 7));
        }
      }
      for (; w < width; w++) {
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
