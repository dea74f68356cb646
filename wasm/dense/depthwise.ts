// Depthwise convolutions: each channel under a kernel of its own, on planes with zeros around them.

import { clear, copyRow, fillPlane, paddedBytes, Padding } from './conv';
import { correlate10, correlate3, correlate7, quad, strips } from './taps';

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
  /** Positions of a tap, and bytes of a padded plane from one to the next. */
  gridDepth: f64;
  gridHeight: f64;
  gridWidth: f64;
  stepDepth: f64;
  stepHeight: f64;
  /** Bytes of the result's plane from one position to the next, to the first, and in all. */
  outDepth: f64;
  outHeight: f64;
  outWidth: f64;
  outStart: f64;
  outPlane: f64;
  /** Where taps are rows and columns at the pitch of the positions: how many; else 0. */
  tapRows: f64;
  tapColumns: f64;
  /** Bytes from one tap of a row to the next. */
  tapStep: f64;
}

/** Strips of eight positions whose sums meet in float32 before they go to float64. */
const MOST_STRIPS = 512;
/** Taps are summed ten at a time, or in rows by three: how many there may be too many. */
const PADDING_TAPS = 10;

/** Where each strip reads, writes, and how many of its positions there are; the last strip repeated to a multiple of four. */
function listStrips(a: DepthwiseArgs, list: usize): i32 {
  const depth = <i32>a.gridDepth, height = <i32>a.gridHeight, width = <i32>a.gridWidth;
  let count = 0;
  for (let d = 0; d < depth; d++) {
    for (let h = 0; h < height; h++) {
      const base = <usize>d * <usize>a.stepDepth + <usize>h * <usize>a.stepHeight;
      const out = <usize>a.outStart + <usize>d * <usize>a.outDepth + <usize>h * <usize>a.outHeight;
      for (let w = 0; w < width; w += 8, count++, list += 12) {
        store<u32>(list, base + (<usize>w << 2));
        store<u32>(list, out + <usize>w * <usize>a.outWidth, 4);
        store<i32>(list, min(8, width - w), 8);
      }
    }
  }
  for (; count % 4 != 0; count++, list += 12) memory.copy(list, list - 12, 12);
  return count;
}

/** Rows below a plane that a block of four rows may read, whose results are dropped, and the end of a strip. */
@inline
function slackBytes(a: DepthwiseArgs): usize {
  return 6 * (<usize>a.paddedWidth << 2) + 64;
}

/** Each channel under its own kernel. Items: batch × channels. */
export function depthwise(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<DepthwiseArgs>(args);
  const taps = <usize>a.taps, table = <usize>a.tapTable;
  const image = <usize>(a.depth * a.height * a.width) << 2, bytes = paddedBytes(a);
  const weights = scratch + 128, plane = weights + (taps << 2), list = plane + bytes + slackBytes(a);
  const end = a.tapRows == 0 ? list + <usize>listStrips(a, list) * 12 : list;
  clear(plane, bytes);
  for (let item = from; item < to; item++) {
    fillPlane(a, <usize>a.image + image * item, plane);
    const kernel = <usize>a.kernel + (<usize>(item % <i32>a.channels * <i32>a.kernelSize) << 2);
    for (let t: usize = 0; t < taps << 2; t += 4) {
      store<f32>(weights + t, load<f32>(kernel + (<usize>load<u32>(table + (taps << 2) + t) << 2)));
    }
    const out = <usize>a.result + <usize>a.outPlane * item;
    if (a.tapRows == 0) sweepStrips(a, weights, plane, list, end, out, scratch);
    else sweepQuads(a, weights, plane, out, scratch);
  }
}

/** One plane, any taps. `tile` holds sums that do not lie together. */
function sweepStrips(a: DepthwiseArgs, weights: usize, plane: usize, list: usize, end: usize, out: usize, tile: usize): void {
  const table = <usize>a.tapTable, last = weights + (<usize>a.taps << 2), outWidth = <usize>a.outWidth;
  for (let s = list; s < end; s += 48) {
    const isWhole = outWidth == 4 && load<i32>(s, 8) + load<i32>(s, 20) + load<i32>(s, 32) + load<i32>(s, 44) == 32;
    const p0 = plane + load<u32>(s), p1 = plane + load<u32>(s, 12), p2 = plane + load<u32>(s, 24), p3 = plane + load<u32>(s, 36);
    if (isWhole) {
      const o0 = out + load<u32>(s, 4), o1 = out + load<u32>(s, 16), o2 = out + load<u32>(s, 28), o3 = out + load<u32>(s, 40);
      strips(table, weights, last, p0, p1, p2, p3, o0, o1, o2, o3);
      continue;
    }
    strips(table, weights, last, p0, p1, p2, p3, tile, tile + 32, tile + 64, tile + 96);
    for (let i: usize = 0; i < 4; i++) {
      const strip = s + i * 12, live = load<i32>(strip, 8), o = out + load<u32>(strip, 4);
      for (let j = 0; j < live; j++) store<f32>(o + <usize>j * outWidth, load<f32>(tile + (i << 5) + (<usize>j << 2)));
    }
  }
}

/** One plane, taps in rows. */
function sweepQuads(a: DepthwiseArgs, weights: usize, plane: usize, out: usize, tile: usize): void {
  const height = <i32>a.gridHeight, width = <i32>a.gridWidth, pitch = <usize>a.stepHeight, step = <usize>a.tapStep;
  const rows = <i32>a.tapRows, span = <usize>a.tapColumns * step, line = <usize>a.outHeight;
  const start = plane + load<u32>(<usize>a.tapTable);
  for (let h = 0; h < height; h += 4) {
    let p = start + <usize>h * pitch, to = out + <usize>h * line;
    for (let w = 0; w < width; w += 8, p += 32, to += 32) {
      const live = min(4, height - h), across = min(8, width - w), isWhole = live == 4 && across == 8;
      quad(p, pitch, step, span, weights, rows, isWhole ? to : tile, isWhole ? line : 32);
      if (isWhole) continue;
      for (let i = 0; i < live; i++) copyRow(to + <usize>i * line, tile + (<usize>i << 5), across);
    }
  }
}

/** The gradient of each channel's kernel; `result` is dy. Items: channels. */
export function depthwiseKernel(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<DepthwiseArgs>(args);
  const taps = <i32>a.taps, padded = taps + PADDING_TAPS + 2 * <i32>a.tapColumns, channels = <i32>a.channels;
  const image = <usize>(a.depth * a.height * a.width) << 2, bytes = paddedBytes(a) + slackBytes(a);
  const perRow = (<i32>a.gridWidth + 7) / 8, rows = <i32>a.gridDepth * <i32>a.gridHeight, dyBytes = <usize>((rows + 3) / 4 * perRow) << 7;
  const sums = scratch, table = sums + (<usize>padded << 3), dy = table + (<usize>padded << 2);
  const plane = dy + dyBytes, list = plane + bytes;
  memory.copy(table, <usize>a.tapTable, <usize>taps << 2);
  for (let t = taps; t < padded; t++) store<u32>(table + (<usize>t << 2), load<u32>(table));
  if (a.tapRows == 0) listStrips(a, list);
  clear(plane, bytes);
  clear(dy, dyBytes);
  for (let channel = from; channel < to; channel++) {
    clear(sums, <usize>padded << 3);
    for (let n = 0, batch = <i32>a.batch; n < batch; n++) {
      const at = n * channels + channel;
      fillPlane(a, <usize>a.image + image * at, plane);
      copyStrips(a, <usize>a.result + <usize>a.outPlane * at, dy);
      if (a.tapRows == 0) correlateStrips(a, table, list, dy, plane, sums);
      else correlateRows(a, table, dy, plane, sums);
    }
    const out = <usize>a.kernel + (<usize>(channel * taps) << 2);
    for (let t: usize = 0; t < <usize>taps; t++) store<f32>(out + (t << 2), <f32>load<f64>(sums + (t << 3)));
  }
}

/** Copies dy to strips of eight, the last of a row filled up by the zeros there; four rows interleaved where taps are rows. */
function copyStrips(a: DepthwiseArgs, from: usize, to: usize): void {
  const width = <i32>a.gridWidth, rows = <i32>a.gridDepth * <i32>a.gridHeight, perRow = (width + 7) / 8;
  for (let row = 0; row < rows; row++, from += <usize>width << 2) {
    if (a.tapRows == 0) {
      copyRow(to + (<usize>(row * perRow) << 5), from, width);
    } else {
      let strip = to + (<usize>(row / 4 * perRow) << 7) + (<usize>(row % 4) << 5);
      for (let w = 0; w < width; w += 8, strip += 128) copyRow(strip, from + (<usize>w << 2), min(8, width - w));
    }
  }
}

function correlateStrips(a: DepthwiseArgs, table: usize, list: usize, dy: usize, plane: usize, sums: usize): void {
  const count = <i32>a.gridDepth * <i32>a.gridHeight * ((<i32>a.gridWidth + 7) / 8), taps = <usize>a.taps;
  for (let s = 0; s < count; s += MOST_STRIPS) {
    const first = list + <usize>s * 12, end = list + <usize>min(count, s + MOST_STRIPS) * 12;
    for (let t: usize = 0; t < taps; t += 10) correlate10(table + (t << 2), first, end, dy + (<usize>s << 5), plane, sums + (t << 3));
  }
}

function correlateRows(a: DepthwiseArgs, table: usize, dy: usize, plane: usize, sums: usize): void {
  const blocks = (<i32>a.gridHeight + 3) / 4, perBlock = (<i32>a.gridWidth + 7) / 8, pitch = <usize>a.stepHeight;
  const rows = <i32>a.tapRows, columns = <i32>a.tapColumns, next = <usize>columns << 3;
  const most = max(1, MOST_STRIPS / 4 / perBlock);
  for (let block = 0; block < blocks; block += most) {
    const count = min(most, blocks - block), g = dy + (<usize>(block * perBlock) << 7), p = plane + <usize>(block << 2) * pitch;
    for (let row = 0; row < rows; row += rows - row >= 7 ? 7 : 3) {
      for (let column = 0; column < columns; column++) {
        const tap = <usize>(row * columns + column);
        const q = p + load<u32>(table + (<usize>(row * columns) << 2)) + <usize>column * <usize>a.tapStep;
        if (rows - row >= 7) correlate7(q, pitch, g, count, perBlock, sums + (tap << 3), next);
        else correlate3(q, pitch, g, count, perBlock, sums + (tap << 3), next);
      }
    }
  }
}
