// A tile of columns: its arrays in a thread's scratch, and the loops run over its blocks of rows, odd columns included.
import {
  addGradientsByColumn, addGradientsByRow, addMoments, writeByColumn, writeByRow, writeGradients,
} from './columns-loops';

/** Rows that are summed in float32 before the sums go to float64. */
const BLOCK: i32 = 256;

// Arrays of float32, one value per column: pilots, sums of a block, coefficients, zeros, and which columns are done apart.
export let K: usize = 0, r: usize = 0, c: usize = 0, A: usize = 0, B: usize = 0, mark: usize = 0;
let zeros: usize = 0, s: usize = 0, q: usize = 0;
/** Sums in float64, one value per column. */
export let S: usize = 0, Q: usize = 0;
// Arrays of float32, one value per row of a block.
let wRow: usize = 0, bRow: usize = 0, dwRow: usize = 0, dbRow: usize = 0;
// Odd columns of a block, packed four to a row.
let oddX: usize = 0, oddDy: usize = 0;

/** Lays a tile's arrays out; the driver knows how much they take. */
export function placeTile(scratch: usize, width: i32): void {
  const bytes = planeBytes(width);
  K = scratch;
  r = K + bytes;
  c = r + bytes;
  zeros = c + bytes;
  s = zeros + bytes;
  q = s + bytes;
  A = q + bytes;
  B = A + bytes;
  mark = B + bytes;
  S = mark + bytes;
  Q = S + 2 * bytes;
  wRow = Q + 2 * bytes;
  bRow = wRow + 4 * (BLOCK + 16);
  dwRow = bRow + 4 * (BLOCK + 16);
  dbRow = dwRow + 4 * (BLOCK + 16);
  oddX = dbRow + 4 * (BLOCK + 16);
  oddDy = oddX + 16 * BLOCK;
  // Lanes beyond the last column stay 0.
  memory.fill(scratch, 0, s - scratch);
}

/** Bytes of one float32 for each of `columns`, never a multiple of 4 kB: loads would wait for stores that far from them. */
export function planeBytes(columns: i32): usize {
  return (((<usize>columns + 15) >> 4) << 6) + 64;
}

/**
 * Makes arrays and sums those of plane i0 and one of its chunks, in memory that all threads share: five arrays of `bytes` for
 * each plane, two of float64 for each chunk.
 */
export function placePlane(arrays: f64, sums: f64, i0: i32, chunk: i32, bytes: usize): void {
  K = <usize>arrays + <usize>i0 * 5 * bytes;
  r = K + bytes;
  c = A = r + bytes;
  B = A + bytes;
  mark = B + bytes;
  S = <usize>sums + <usize>chunk * 4 * bytes;
  Q = S + 2 * bytes;
}

/** Adds the sums of a plane's other chunks to the first one's, in order. */
export function addChunks(chunks: i32, bytes: usize): void {
  const size: usize = 4 * bytes;
  for (let chunk = 1; chunk < chunks; chunk++) {
    const from = S + <usize>chunk * size;
    for (let i: usize = 0; i < size; i += 16) v128.store(S + i, f64x2.add(v128.load(S + i), v128.load(from + i)));
  }
}

/** Bytes of the whole vectors in `width` columns. */
// @ts-ignore: decorator
@inline
function whole(width: i32): usize {
  return (<usize>width >> 2) << 4;
}

/** Gathers the odd columns of rows four to a row, and zeros beyond them. */
function pack(from: usize, rows: i32, stride: usize, count: i32, to: usize): void {
  for (let j = 0; j < rows; j++, from += stride, to += 16) {
    let v = v128.load32_zero(from);
    if (count > 1) v = v128.load32_lane(from, v, 1, 4);
    if (count > 2) v = v128.load32_lane(from, v, 2, 8);
    v128.store(to, v);
  }
}

function unpack(from: usize, to: usize, rows: i32, stride: usize, count: i32): void {
  for (let j = 0; j < rows; j++, from += 16, to += stride) {
    store<f32>(to, load<f32>(from));
    if (count > 1) store<f32>(to, load<f32>(from, 4), 4);
    if (count > 2) store<f32>(to, load<f32>(from, 8), 8);
  }
}

/** Sets K to the mean of four rows spread over the column, or to 0. */
export function setPilots(x: usize, rows: i32, stride: usize, width: i32, isShifted: bool): void {
  const step = <usize>(rows >> 2) * stride, bytes = whole(width), end = <usize>width << 2, quarter = f32x4.splat(0.25);
  if (!isShifted) {
    memory.fill(K, 0, end);
    return;
  }
  for (let i: usize = 0; i < end; i += i < bytes ? 16 : 4) {
    const p = x + i, p2 = p + 2 * step, p3 = p2 + step;
    if (i < bytes) {
      const near = f32x4.add(v128.load(p), v128.load(p + step)), far = f32x4.add(v128.load(p2), v128.load(p3));
      v128.store(K + i, f32x4.mul(f32x4.add(near, far), quarter));
    } else {
      store<f32>(K + i, (load<f32>(p) + load<f32>(p + step) + (load<f32>(p2) + load<f32>(p3))) * 0.25);
    }
  }
}

/** Σ(x−K) and Σ(x−K)² of rows × width in S and Q. */
export function sumMoments(x: usize, rows: i32, stride: usize, width: i32): void {
  const bytes = whole(width), odd = width & 3;
  clearSums(width);
  for (let j = 0; j < rows; j += BLOCK) {
    const n = min(rows - j, BLOCK), p = x + <usize>j * stride;
    addMoments(p, n, stride, bytes, K, s, q);
    if (odd != 0) {
      pack(p + bytes, n, stride, odd, oddX);
      addMoments(oddX, n, 16, 16, K + bytes, s + bytes, q + bytes);
    }
    flush(width);
  }
}

/** Σ dy and Σ dy·(x−K) of rows × width in S and Q. */
export function sumGradientsByColumn(x: usize, dy: usize, rows: i32, stride: usize, width: i32): void {
  const bytes = whole(width), odd = width & 3;
  clearSums(width);
  for (let j = 0; j < rows; j += BLOCK) {
    const n = min(rows - j, BLOCK), at = <usize>j * stride;
    addGradientsByColumn(x + at, dy + at, n, stride, bytes, K, s, q);
    if (odd != 0) {
      packBoth(x + at + bytes, dy + at + bytes, n, stride, odd);
      addGradientsByColumn(oddX, oddDy, n, 16, 16, K + bytes, s + bytes, q + bytes);
    }
    flush(width);
  }
}

/**
 * Σ dy·w and Σ dy·w·x̂ of rows × width in S and Q; Σ dy·x̂ and Σ dy of its rows, of which `first` is the number in the
 * tensor, added to float64 planes of one value per parameter, 0 for none.
 */
export function sumGradientsByRow(
  x: usize, dy: usize, first: i32, rows: i32, stride: usize, width: i32, dweight: usize, dbias: usize,
): void {
  const bytes = whole(width), odd = width & 3, k = K + bytes;
  clearSums(width);
  for (let j = 0; j < rows; j += BLOCK) {
    const n = min(rows - j, BLOCK), at = <usize>j * stride;
    loadRows(first + j, n);
    memory.fill(dwRow, 0, oddX - dwRow);
    addGradientsByRow(x + at, dy + at, n, stride, bytes, K, r, c, s, q, wRow, dwRow, dbRow, zeros);
    if (odd != 0) {
      packBoth(x + at + bytes, dy + at + bytes, n, stride, odd);
      addGradientsByRow(oddX, oddDy, n, 16, 16, k, r + bytes, c + bytes, s + bytes, q + bytes, wRow, dwRow, dbRow, zeros);
    }
    flush(width);
    if (dweight != 0) addRows(dwRow, first + j, n, dweight);
    if (dbias != 0) addRows(dbRow, first + j, n, dbias);
  }
}

/** y of rows × width from pilots and coefficients, but for the columns that are marked. */
export function write(
  x: usize, y: usize, first: i32, rows: i32, stride: usize, width: i32, byColumn: bool, hasMarks: bool,
): void {
  for (let from = 0, to = 0; from < width; from = to) {
    to = endOfRun(from, width, hasMarks);
    if (isMarked(from, hasMarks)) continue;
    const at = <usize>from << 2, bytes = whole(to - from), odd = (to - from) & 3;
    const k = K + at, rv = r + at, cv = c + at;
    for (let j = 0; j < rows; j += BLOCK) {
      const n = min(rows - j, BLOCK), p = x + <usize>j * stride + at, o = y + <usize>j * stride + at;
      if (odd != 0) pack(p + bytes, n, stride, odd, oddX);
      if (byColumn) {
        writeByColumn(p, o, n, stride, bytes, k, rv, cv);
        if (odd != 0) writeByColumn(oddX, oddX, n, 16, 16, k + bytes, rv + bytes, cv + bytes);
      } else {
        loadRows(first + j, n);
        writeByRow(p, o, n, stride, bytes, k, rv, cv, wRow, bRow);
        if (odd != 0) writeByRow(oddX, oddX, n, 16, 16, k + bytes, rv + bytes, cv + bytes, wRow, bRow);
      }
      if (odd != 0) unpack(oddX, o + bytes, n, stride, odd);
    }
  }
}

/** dx of rows × width, but for the columns that are marked; `step` is 0 where x is left out. */
export function writeDx(
  x: usize, step: usize, dy: usize, dx: usize, first: i32, rows: i32, stride: usize, width: i32, hasMarks: bool,
): void {
  for (let from = 0, to = 0; from < width; from = to) {
    to = endOfRun(from, width, hasMarks);
    if (isMarked(from, hasMarks)) continue;
    const at = <usize>from << 2, bytes = whole(to - from), odd = (to - from) & 3, k = K + at;
    for (let j = 0; j < rows; j += BLOCK) {
      const n = min(rows - j, BLOCK), down = <usize>j * stride + at;
      const p = x + <usize>j * step + at, g = dy + down, o = dx + down;
      loadRows(first + j, n);
      writeGradients(p, step, g, o, n, stride, bytes, k, r + at, A + at, B + at, wRow);
      if (odd == 0) continue;
      pack(p + bytes, n, step, odd, oddX);
      pack(g + bytes, n, stride, odd, oddDy);
      const end = at + bytes;
      writeGradients(oddX, 16, oddDy, oddDy, n, 16, 16, K + end, r + end, A + end, B + end, wRow);
      unpack(oddDy, o + bytes, n, stride, odd);
    }
  }
}

// @ts-ignore: decorator
@inline
function isMarked(column: i32, hasMarks: bool): bool {
  return hasMarks && load<f32>(mark + (<usize>column << 2)) != 0;
}

/** The end of the columns from `from` on that are all marked or all not. */
function endOfRun(from: i32, width: i32, hasMarks: bool): i32 {
  if (!hasMarks) return width;
  const kind = isMarked(from, true);
  let to = from + 1;
  while (to < width && isMarked(to, true) == kind) to++;
  return to;
}

let weight: usize = 0, bias: usize = 0, affine: i32 = 1, repeat: i32 = 1;
let loadedFirst: i32 = 0, loadedRows: i32 = 0;

/** Says what {@link loadRows} loads: one of `affine` parameters for each `repeat` rows, or 1 and 0 where there are none. */
export function setRowParameters(weightAt: usize, biasAt: usize, count: i32, rows: i32): void {
  weight = weightAt;
  bias = biasAt;
  affine = max(count, 1);
  repeat = max(rows, 1);
  loadedRows = 0;
}

/** Brings the parameters of rows, `first` and the ones after it, to wRow and bRow. */
function loadRows(first: i32, rows: i32): void {
  let rest = first % repeat, parameter = (first / repeat) % affine;
  const start = parameter * repeat + rest;
  if (loadedFirst == start && loadedRows == rows) return;
  loadedFirst = start;
  loadedRows = rows;
  for (let j = 0; j < rows; j++) {
    const at = <usize>parameter << 2, to = <usize>j << 2;
    store<f32>(wRow + to, weight != 0 ? load<f32>(weight + at) : 1);
    store<f32>(bRow + to, bias != 0 ? load<f32>(bias + at) : 0);
    if (++rest < repeat) continue;
    rest = 0;
    if (++parameter == affine) parameter = 0;
  }
  // A row beyond the last has a weight that takes no part.
  store<f32>(wRow + (<usize>rows << 2), 0);
}

/** Adds the rows' values to those of their parameters. */
function addRows(values: usize, first: i32, rows: i32, plane: usize): void {
  let rest = first % repeat, parameter = (first / repeat) % affine;
  for (let j = 0; j < rows; j++) {
    const to = plane + (<usize>parameter << 3);
    store<f64>(to, load<f64>(to) + <f64>load<f32>(values + (<usize>j << 2)));
    if (++rest < repeat) continue;
    rest = 0;
    if (++parameter == affine) parameter = 0;
  }
}

function packBoth(x: usize, dy: usize, rows: i32, stride: usize, odd: i32): void {
  pack(x, rows, stride, odd, oddX);
  pack(dy, rows, stride, odd, oddDy);
}

function clearSums(width: i32): void {
  const bytes = ((<usize>width + 3) >> 2) << 5;
  memory.fill(S, 0, bytes);
  memory.fill(Q, 0, bytes);
  memory.fill(s, 0, bytes >> 1);
  memory.fill(q, 0, bytes >> 1);
}

/** Adds s and q to S and Q and clears them. */
function flush(width: i32): void {
  flushTo(S, s, width);
  flushTo(Q, q, width);
}

function flushTo(sums: usize, part: usize, width: i32): void {
  const end = part + (<usize>width << 2);
  for (; part < end; part += 8, sums += 16) {
    v128.store(sums, f64x2.add(v128.load(sums), f64x2.promote_low_f32x4(v128.load64_zero(part))));
    store<u64>(part, 0);
  }
}
