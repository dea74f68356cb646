// Copies of float32: consecutive ones, and those that exchange axes, in blocks of 16 columns.

@unmanaged
class CopyArgs {
  x: f64;
  y: f64;
}

/** Words [from, to) of y from x. */
export function copyWords(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<CopyArgs>(args), start = <usize>from << 2;
  memory.copy(<usize>a.y + start, <usize>a.x + start, <usize>(to - from) << 2);
}

/** y[i·stepY + j] = x[i + j·stepX] for i < rows and j < columns, for every index of the axes around them. */
@unmanaged
class TransposeArgs {
  x: f64;
  y: f64;
  rows: f64;
  columns: f64;
  stepX: f64;
  stepY: f64;
  /** Columns of an item; rows have 16. */
  width: f64;
  axes: f64;
  /** Extents of the other axes, then their steps in x and in y, six slots each; of an item i the last axis runs fastest. */
  extents: f64;
}

const BLOCK = 16, MOST_AXES = 6;
/** Bytes from which a call of memory.copy pays. */
const LONG: usize = 2048;

/** y[j] = x[j] for j < columns, for every index of the axes around: rows [from, to), of which the last axis counts fastest. */
export function copyRows(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<TransposeArgs>(args), bytes = <usize>a.columns << 2, axes = <i32>a.axes;
  const last = args + offsetof<TransposeArgs>('extents') + (<usize>(axes - 1) << 3);
  const extent = <i32>load<f64>(last);
  const stepX = <usize>(<i32>load<f64>(last, MOST_AXES * 8) << 2), stepY = <usize>(<i32>load<f64>(last, MOST_AXES * 16) << 2);
  for (let item = from; item < to; ) {
    let x = <usize>a.x + around(args, axes, item, MOST_AXES * 8), y = <usize>a.y + around(args, axes, item, MOST_AXES * 16);
    for (const stop = min(to, item - item % extent + extent); item < stop; item++, x += stepX, y += stepY) {
      if (bytes >= LONG) memory.copy(y, x, bytes);
      else copyRow(y, x, bytes);
    }
  }
}

function copyRow(y: usize, x: usize, bytes: usize): void {
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) v128.store(y + i, v128.load(x + i));
  for (; i < bytes; i += 4) store<i32>(y + i, load<i32>(x + i));
}

/** Bytes to an index of the axes around, by the steps at `steps` from their extents. */
function around(args: usize, axes: i32, index: i32, steps: usize): usize {
  let bytes: usize = 0;
  for (let axis = axes - 1; axis >= 0; axis--) {
    const slot = args + offsetof<TransposeArgs>('extents') + (<usize>axis << 3);
    const extent = <i32>load<f64>(slot), outer = index / extent;
    bytes += <usize>(((index - outer * extent) * <i32>load<f64>(slot + steps)) << 2);
    index = outer;
  }
  return bytes;
}

/** An item is a block of rows and columns. */
export function transpose(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<TransposeArgs>(args);
  const rows = <i32>a.rows, columns = <i32>a.columns, width = <i32>a.width, axes = <i32>a.axes;
  const stepX = <usize>(<i32>a.stepX << 2), stepY = <usize>(<i32>a.stepY << 2);
  const blocks = (rows + BLOCK - 1) / BLOCK, strips = (columns + width - 1) / width;
  for (let item = from; item < to; item++) {
    const i = item % blocks * BLOCK;
    let outer = item / blocks;
    const j = outer % strips * width;
    outer /= strips;
    const x = <usize>a.x + (<usize>i << 2) + <usize>j * stepX + around(args, axes, outer, MOST_AXES * 8);
    const y = <usize>a.y + <usize>i * stepY + (<usize>j << 2) + around(args, axes, outer, MOST_AXES * 16);
    block(x, y, min(BLOCK, rows - i), min(width, columns - j), stepX, stepY);
  }
}

function block(x: usize, y: usize, rows: i32, columns: i32, stepX: usize, stepY: usize): void {
  const whole = columns & ~3;
  for (let j = 0; j < whole; j += 4, x += stepX << 2, y += 16) {
    let p = x, q = y, i = 0;
    for (; i + 4 <= rows; i += 4, p += 16, q += stepY << 2) {
      const a = v128.load(p), b = v128.load(p + stepX), c = v128.load(p + 2 * stepX), d = v128.load(p + 3 * stepX);
      const ab = i32x4.shuffle(a, b, 0, 4, 1, 5), cd = i32x4.shuffle(c, d, 0, 4, 1, 5);
      const ef = i32x4.shuffle(a, b, 2, 6, 3, 7), gh = i32x4.shuffle(c, d, 2, 6, 3, 7);
      v128.store(q, i64x2.shuffle(ab, cd, 0, 2));
      v128.store(q + stepY, i64x2.shuffle(ab, cd, 1, 3));
      v128.store(q + 2 * stepY, i64x2.shuffle(ef, gh, 0, 2));
      v128.store(q + 3 * stepY, i64x2.shuffle(ef, gh, 1, 3));
    }
    for (; i < rows; i++, p += 4, q += stepY) {
      for (let s: usize = 0; s < 4; s++) store<f32>(q + (s << 2), load<f32>(p + s * stepX));
    }
  }
  for (let j = whole; j < columns; j++, x += stepX, y += 4) {
    for (let i = 0, p = x, q = y; i < rows; i++, p += 4, q += stepY) store<f32>(q, load<f32>(p));
  }
}
