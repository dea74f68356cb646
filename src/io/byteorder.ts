// Elements as other machines and other languages lay them out: bytes in the opposite order, columns first. Imports nothing.

/** Every element's bytes in the opposite order. */
export function reversed(bytes: Uint8Array, width: number): Uint8Array {
  const out = new Uint8Array(bytes.length);
  for (let at = 0; at < out.length; at += width) {
    for (let byte = 0; byte < width; byte++) out[at + byte] = bytes[at + width - 1 - byte]!;
  }
  return out;
}

/** Column-major elements of `width` 1, 2, 4 or 8 bytes in row-major order: these themselves where the two are one. */
export function rowMajor(bytes: Uint8Array, shape: readonly number[], width: number): Uint8Array {
  // Axes of one place change nothing.
  const extents = shape.filter((extent) => extent !== 1);
  if (extents.length < 2 || bytes.length === 0) return bytes;
  const out = new Uint8Array(bytes.length);
  // Moved whole; a copy where the bytes begin between two elements. Elements of 8 bytes as two of 4: no NaN changes its bits.
  const whole = bytes.byteOffset % Math.min(width, 4) === 0 ? bytes : new Uint8Array(bytes);
  transpose(lanesOf(whole, width), lanesOf(out, width), extents, Math.ceil(width / 4));
  return out;
}

function lanesOf({ buffer, byteOffset, length }: Uint8Array, width: number): Lane {
  if (width === 1) return new Uint8Array(buffer, byteOffset, length);
  return width === 2 ? new Uint16Array(buffer, byteOffset, length / 2) : new Uint32Array(buffer, byteOffset, length / 4);
}

type Lane = Uint8Array | Uint16Array | Uint32Array;

/** Rows and columns of a tile, both of which stay in the nearest cache. */
const TILE = 32;

/**
 * The first axis is dense where elements come from, the last where they go: tiles of these two, for each place in the axes
 * between.
 */
function transpose(from: Lane, to: Lane, extents: readonly number[], lanes: number): void {
  const [rows, columns] = [extents[0]!, extents[extents.length - 1]!];
  const middle = extents.slice(1, -1);
  const count = middle.reduce((product, extent) => product * extent, 1);
  const [rowStep, columnStep] = [count * columns * lanes, rows * count * lanes];
  const index = middle.map(() => 0);
  for (let place = 0; place < count; place++) {
    // Column-major and row-major number of the place.
    const source = index.reduceRight((at, i, axis) => at * middle[axis]! + i, 0) * rows * lanes;
    const target = place * columns * lanes;
    for (let row = 0; row < rows; row += TILE) {
      for (let column = 0; column < columns; column += TILE) {
        const [lastRow, lastColumn] = [Math.min(rows, row + TILE), Math.min(columns, column + TILE)];
        for (let i = row; i < lastRow; i++) {
          let at = source + i * lanes + column * columnStep;
          let out = target + i * rowStep + column * lanes;
          for (let j = column; j < lastColumn; j++, at += columnStep) {
            to[out++] = from[at]!;
            if (lanes === 2) to[out++] = from[at + 1]!;
          }
        }
      }
    }
    for (let axis = middle.length - 1; axis >= 0 && ++index[axis]! === middle[axis]; axis--) index[axis] = 0;
  }
}
