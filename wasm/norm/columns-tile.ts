// A tile of columns: its arrays in a thread's scratch, and the loops run over its blocks of rows.
import {
  addGradientsByColumn, addGradientsByRow, addMoments, subtractPilots, writeByColumn, writeByRow, writeGradients,
} from './columns-loops';

/** Rows that are summed in float32 before the sums go to float64. */
const BLOCK: i32 = 256;
/** Rows whose deviations from pilots are copied at a time: the most that a loop takes in one turn. */
const SLICE: i32 = 8;
/** Bytes of a row of odd columns. */
const FOUR: usize = 16;

// Arrays of float32, one value per column: pilots, coefficients, sums of a block, zeros, and which columns are done apart.
export let K: usize = 0, r: usize = 0, c: usize = 0, A: usize = 0, B: usize = 0, mark: usize = 0, zeros: usize = 0;
export let s: usize = 0, q: usize = 0;
/** Sums in float64, one value per column. */
export let S: usize = 0, Q: usize = 0;
// Arrays of float32, one value per row of a block.
let wRow: usize = 0, bRow: usize = 0, dwRow: usize = 0, dbRow: usize = 0;
// Odd columns of a block, packed four to a row, and deviations of a slice.
let oddX: usize = 0, oddDy: usize = 0, room: usize = 0, roomStride: usize = 0;

/** Lays a tile's arrays out; the driver knows how much they take. */
export function placeTile(scratch: usize, width: i32): void {
  const bytes = planeBytes(width);
  K = scratch;
  r = K + bytes;
  c = r + bytes;
  zeros = c + bytes;
  A = zeros + bytes;
  B = A + bytes;
  mark = B + bytes;
  s = mark + bytes;
  q = s + bytes;
  S = q + bytes;
  Q = S + 2 * bytes;
  room = Q + 2 * bytes;
  roomStride = bytes;
  wRow = room + SLICE * bytes;
  bRow = wRow + 4 * (BLOCK + 16);
  dwRow = bRow + 4 * (BLOCK + 16);
  dbRow = dwRow + 4 * (BLOCK + 16);
  oddX = dbRow + 4 * (BLOCK + 16);
  oddDy = oddX + FOUR * BLOCK;
  // Lanes beyond the last column stay 0.
  memory.fill(scratch, 0, A - scratch);
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

/** What is done to the elements of rows × columns. */
const MOMENTS = 0, BY_COLUMN = 1, BY_ROW = 2, Y_BY_COLUMN = 3, Y_BY_ROW = 4, DX = 5;

/** Σ(x−K) and Σ(x−K)² of rows × width in S and Q. */
export function sumMoments(x: usize, rows: i32, stride: usize, width: i32): void {
  sweep(MOMENTS, x, stride, 0, 0, 0, rows, stride, 0, width);
}

/** Σ dy and Σ dy·(x−K) of rows × width in S and Q. */
export function sumGradientsByColumn(x: usize, dy: usize, rows: i32, stride: usize, width: i32): void {
  sweep(BY_COLUMN, x, stride, dy, 0, 0, rows, stride, 0, width);
}

/**
 * With x̂ = (x−K)·r + c, Σ dy·w and Σ dy·w·x̂ of rows × width in S and Q; Σ dy·x̂ and Σ dy of its rows, of which `first` is the
 * number in the tensor, added to float64 planes of one value per parameter, 0 for none.
 */
export function sumGradientsByRow(
  x: usize, dy: usize, first: i32, rows: i32, stride: usize, width: i32, dweight: usize, dbias: usize,
): void {
  dweightPlane = dweight;
  dbiasPlane = dbias;
  sweep(BY_ROW, x, stride, dy, 0, first, rows, stride, 0, width);
}

/** y = ((x−K)·r + c)·w + b of rows × width, but for the columns that are marked. */
export function write(
  x: usize, y: usize, first: i32, rows: i32, stride: usize, width: i32, byColumn: bool, hasMarks: bool,
): void {
  writeRuns(byColumn ? Y_BY_COLUMN : Y_BY_ROW, x, stride, x, y, first, rows, stride, width, hasMarks);
}

/** dx = dy·w·r − ((x−K)·A + B) of rows × width, but for the columns that are marked; `step` is 0 where x is left out. */
export function writeDx(
  x: usize, step: usize, dy: usize, dx: usize, first: i32, rows: i32, stride: usize, width: i32, hasMarks: bool,
): void {
  writeRuns(DX, x, step, dy, dx, first, rows, stride, width, hasMarks);
}

function writeRuns(
  job: i32, x: usize, step: usize, dy: usize, out: usize, first: i32, rows: i32, stride: usize, width: i32, hasMarks: bool,
): void {
  for (let from = 0, to = 0; from < width; from = to) {
    to = endOfRun(from, width, hasMarks);
    if (!isMarked(from, hasMarks)) sweep(job, x, step, dy, out, first, rows, stride, <usize>from << 2, to - from);
  }
}

/** Does a job on `width` columns that lie `at` bytes from the first, in blocks of rows. */
function sweep(
  job: i32, x: usize, step: usize, dy: usize, out: usize, first: i32, rows: i32, stride: usize, at: usize, width: i32,
): void {
  const odd = width & 3, bytes = <usize>(width - odd) << 2, isSum = job <= BY_ROW, hasRows = job != MOMENTS && job != BY_COLUMN;
  // A step of 0 says that coefficients are 0 and x is a row of zeros.
  const isShifted = step != 0 && hasPilots(K + at, width), end = at + bytes;
  if (isSum) clearSums(width);
  x += at;
  dy += at;
  out += at;
  for (let j = 0; j < rows; j += BLOCK) {
    const n = min(rows - j, BLOCK), down = <usize>j * stride, p = x + <usize>j * step;
    if (hasRows) loadRows(first + j, n);
    if (job == BY_ROW) {
      memory.fill(dwRow, 0, 4 * (n + 1));
      memory.fill(dbRow, 0, 4 * (n + 1));
    }
    if (bytes != 0) work(job, p, step, dy + down, out + down, n, stride, bytes, at, isShifted);
    if (odd != 0) {
      memory.fill(oddX, 0, 2 * FOUR * BLOCK);
      copyColumns(p + bytes, step, oddX, FOUR, n, odd);
      if (job == BY_COLUMN || job == BY_ROW || job == DX) copyColumns(dy + down + bytes, stride, oddDy, FOUR, n, odd);
      work(job, oddX, FOUR, oddDy, oddDy, n, FOUR, FOUR, end, isShifted);
      if (!isSum) copyColumns(oddDy, FOUR, out + down + bytes, stride, n, odd);
    }
    if (isSum) {
      flushTo(S, s, width);
      flushTo(Q, q, width);
    }
    if (job == BY_ROW) {
      if (dweightPlane != 0) addRows(dwRow, first + j, n, dweightPlane);
      if (dbiasPlane != 0) addRows(dbRow, first + j, n, dbiasPlane);
    }
  }
}

/** Does a job on rows of a block, in slices where x has to be shifted. */
function work(
  job: i32, x: usize, step: usize, dy: usize, out: usize, rows: i32, stride: usize, bytes: usize, at: usize, isShifted: bool,
): void {
  if (!isShifted) {
    loop(job, x, step, dy, out, rows, stride, bytes, at, 0);
    return;
  }
  for (let j = 0; j < rows; j += SLICE) {
    const n = min(SLICE, rows - j);
    subtractPilots(x, step, n, bytes, K + at, room, roomStride);
    loop(job, room, roomStride, dy, out, n, stride, bytes, at, <usize>j << 2);
    x += SLICE * step;
    dy += SLICE * stride;
    out += SLICE * stride;
  }
}

/** Called from two places, this stays a function: what its callers hold for later leaves the loops their registers. */
function loop(
  job: i32, x: usize, step: usize, dy: usize, out: usize, rows: i32, stride: usize, bytes: usize, at: usize, row: usize,
): void {
  const k = r + at, w = wRow + row;
  if (job == MOMENTS) addMoments(x, step, rows, bytes, s + at, q + at);
  else if (job == BY_COLUMN) addGradientsByColumn(x, step, dy, stride, rows, bytes, s + at, q + at);
  else if (job == BY_ROW) {
    addGradientsByRow(x, step, dy, stride, rows, bytes, k, c + at, s + at, q + at, w, dwRow + row, dbRow + row, zeros);
  } else if (job == Y_BY_COLUMN) writeByColumn(x, step, out, stride, rows, bytes, k, c + at);
  else if (job == Y_BY_ROW) writeByRow(x, step, out, stride, rows, bytes, k, c + at, w, bRow + row);
  else writeGradients(x, step, dy, out, stride, rows, bytes, k, A + at, B + at, w);
}

/** Whether a pilot is not 0. */
function hasPilots(pilots: usize, width: i32): bool {
  for (let i: usize = 0; i < <usize>width << 2; i += 4) if (load<u32>(pilots + i) != 0) return true;
  return false;
}

/** Copies some columns of rows. */
function copyColumns(from: usize, step: usize, to: usize, stride: usize, rows: i32, count: i32): void {
  for (let j = 0; j < rows; j++, from += step, to += stride) {
    for (let i: usize = 0; i < <usize>count << 2; i += 4) store<f32>(to + i, load<f32>(from + i));
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

let dweightPlane: usize = 0, dbiasPlane: usize = 0;
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
  // The weight of a row of zeros beyond the last.
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

function clearSums(width: i32): void {
  const bytes = ((<usize>width + 7) >> 3) << 6;
  memory.fill(S, 0, bytes);
  memory.fill(Q, 0, bytes);
  memory.fill(s, 0, bytes >> 1);
  memory.fill(q, 0, bytes >> 1);
}

/** Adds sums of a block to those in float64 and clears them. */
function flushTo(sums: usize, part: usize, width: i32): void {
  const end = part + (<usize>width << 2);
  const zero = f32x4.splat(0);
  for (; part < end; part += 16, sums += 32) {
    const low = f64x2.promote_low_f32x4(v128.load64_zero(part)), high = f64x2.promote_low_f32x4(v128.load64_zero(part, 8));
    v128.store(sums, f64x2.add(v128.load(sums), low));
    v128.store(sums, f64x2.add(v128.load(sums, 16), high), 16);
    v128.store(part, zero);
  }
}
