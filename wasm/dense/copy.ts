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

/** An item is a block of rows and columns. */
export function transpose(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<TransposeArgs>(args);
  const rows = <i32>a.rows, columns = <i32>a.columns, width = <i32>a.width, axes = <i32>a.axes;
  const stepX = <usize>(<i32>a.stepX << 2), stepY = <usize>(<i32>a.stepY << 2);
  const blocks = (rows + BLOCK - 1) / BLOCK, strips = (columns + width - 1) / width;
  const extents = args + offsetof<TransposeArgs>('extents');
  for (let item = from; item < to; item++) {
    const i = item % blocks * BLOCK;
    let outer = item / blocks;
    const j = outer % strips * width;
    outer /= strips;
    let x = <usize>a.x + (<usize>i << 2) + <usize>j * stepX, y = <usize>a.y + <usize>i * stepY + (<usize>j << 2);
    for (let axis = axes - 1; axis >= 0; axis--) {
      const slot = extents + (<usize>axis << 3);
      const extent = <i32>load<f64>(slot), at = outer % extent;
      outer /= extent;
      x += <usize>((at * <i32>load<f64>(slot, MOST_AXES * 8)) << 2);
      y += <usize>((at * <i32>load<f64>(slot, MOST_AXES * 16)) << 2);
    }
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
