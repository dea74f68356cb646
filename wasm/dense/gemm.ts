// Matrix product of operands whose elements lie where index maps say: matrices, transposed ones, images under a kernel.
// out[row, column] = Σ left[row, k]·right[k, column], summed in the order of k within blocks, then over blocks.
// Left panels are 4 rows wide, right panels 8 columns; a thread packs what it multiplies into its scratch.

/** Offset in bytes of index i = ((d0·extent1 + d1)·extent2 + d2)·extent3 + d3: Σ digit·stride. */
@unmanaged
class IndexMap {
  extent1: f64;
  extent2: f64;
  extent3: f64;
  stride0: f64;
  stride1: f64;
  stride2: f64;
  stride3: f64;
}

// Bytes between the index maps that follow one another in ProductArgs.
const MAP: usize = 56;
const MAPS: usize = 176;

@unmanaged
class ProductArgs {
  m: f64;
  n: f64;
  k: f64;
  /** Length of a block of k. */
  block: f64;
  /** Rows and columns of an item, multiples of 4 and of 8. */
  rowTile: f64;
  columnTile: f64;
  left: f64;
  right: f64;
  out: f64;
  /** Bytes from one matrix of a batch to the next. */
  leftStep: f64;
  rightStep: f64;
  outStep: f64;
  /** All left panels, where `packLeft` has made them; else 0. */
  packed: f64;
  packedStep: f64;
  /** Parts that the blocks of k are split into, each with a plane of sums of its own. */
  parts: f64;
  blocksInPart: f64;
  partStep: f64;
  /** 1: add to what `out` holds. */
  accumulate: f64;
  matrices: f64;
  rowsInPackItem: f64;
  unused0: f64;
  unused1: f64;
}

/** Right columns packed at a time, left rows swept at a time: both stay in the second cache. */
const COLUMNS = 64;
const ROWS = 96;

@inline
function mapOf(args: usize, index: usize): IndexMap {
  return changetype<IndexMap>(args + MAPS + index * MAP);
}

@inline
function roundUp(n: i32, to: i32): i32 {
  return (n + to - 1) / to * to;
}

@inline
function bytesOf(value: f64): usize {
  return <usize>(<i64>value);
}

/** Writes the offsets of indices [from, from + count), the last one repeated up to `padded`. */
function offsets(table: usize, map: IndexMap, from: i32, count: i32, padded: i32): void {
  const e1 = <i32>map.extent1, e2 = <i32>map.extent2, e3 = <i32>map.extent3;
  const s0 = bytesOf(map.stride0), s1 = bytesOf(map.stride1), s2 = bytesOf(map.stride2), s3 = bytesOf(map.stride3);
  let d3 = from % e3, rest = from / e3;
  let d2 = rest % e2;
  rest /= e2;
  let d1 = rest % e1, d0 = rest / e1;
  const end = table + (<usize>count << 2);
  while (table < end) {
    let offset = <usize>d0 * s0 + <usize>d1 * s1 + <usize>d2 * s2 + <usize>d3 * s3;
    const run = min(<i32>((end - table) >> 2), e3 - d3), stop = table + (<usize>run << 2);
    d3 += run;
    for (; table < stop; table += 4) {
      store<u32>(table, <u32>offset);
      offset += s3;
    }
    if (d3 < e3) break;
    d3 = 0;
    if (++d2 < e2) continue;
    d2 = 0;
    if (++d1 < e1) continue;
    d1 = 0;
    d0++;
  }
  const last = count > 0 ? load<u32>(end - 4) : 0;
  for (let i = 0; i < padded - count; i++) store<u32>(end + (<usize>i << 2), last);
}

/** Whether four offsets are those of neighbours. */
@inline
function isRun(table: usize): bool {
  const steps = i32x4.sub(v128.load(table), v128.load32_splat(table));
  return i32x4.all_true(i32x4.eq(steps, i32x4(0, 4, 8, 12)));
}

/** Packs four lanes for `count` values of k, each four to `to`, `step` bytes apart. */
function packLanes(to: usize, step: usize, from: usize, lanes: usize, ks: usize, count: i32): void {
  const end = ks + (<usize>count << 2);
  const p0 = from + load<u32>(lanes), p1 = from + load<u32>(lanes, 4);
  const p2 = from + load<u32>(lanes, 8), p3 = from + load<u32>(lanes, 12);
  if (isRun(lanes)) {
    for (; ks < end; ks += 4, to += step) v128.store(to, v128.load(p0 + load<u32>(ks)));
    return;
  }
  while (ks < end) {
    if (ks + 16 <= end && isRun(ks)) {
      const at = <usize>load<u32>(ks);
      const x0 = v128.load(p0 + at), x1 = v128.load(p1 + at), x2 = v128.load(p2 + at), x3 = v128.load(p3 + at);
      const a = i32x4.shuffle(x0, x1, 0, 4, 1, 5), b = i32x4.shuffle(x2, x3, 0, 4, 1, 5);
      const c = i32x4.shuffle(x0, x1, 2, 6, 3, 7), d = i32x4.shuffle(x2, x3, 2, 6, 3, 7);
      v128.store(to, i64x2.shuffle(a, b, 0, 2));
      v128.store(to + step, i64x2.shuffle(a, b, 1, 3));
      v128.store(to + 2 * step, i64x2.shuffle(c, d, 0, 2));
      v128.store(to + 3 * step, i64x2.shuffle(c, d, 1, 3));
      ks += 16;
      to += 4 * step;
    } else {
      const at = <usize>load<u32>(ks);
      const x0 = load<u32>(p0 + at), x1 = load<u32>(p1 + at), x2 = load<u32>(p2 + at), x3 = load<u32>(p3 + at);
      store<u32>(to, x0);
      store<u32>(to, x1, 4);
      store<u32>(to, x2, 8);
      store<u32>(to, x3, 12);
      ks += 4;
      to += step;
    }
  }
}

/** Packs a right panel: eight lanes. */
function packRight(to: usize, from: usize, lanes: usize, ks: usize, count: i32): void {
  if (isRun(lanes) && isRun(lanes + 16) && load<u32>(lanes, 16) - load<u32>(lanes) == 16) {
    const p = from + load<u32>(lanes), end = ks + (<usize>count << 2);
    for (; ks < end; ks += 4, to += 32) {
      const at = p + load<u32>(ks);
      v128.store(to, v128.load(at));
      v128.store(to, v128.load(at, 16), 16);
    }
    return;
  }
  packLanes(to, 32, from, lanes, ks, count);
  packLanes(to + 16, 32, from, lanes + 16, ks, count);
}

@inline
function put(to: usize, x: v128, y: v128, add: bool): void {
  if (add) {
    v128.store(to, f32x4.add(v128.load(to), x));
    v128.store(to, f32x4.add(v128.load(to, 16), y), 16);
  } else {
    v128.store(to, x);
    v128.store(to, y, 16);
  }
}

/** Four rows by eight columns: the product of two panels, written to or added to a row at each address. */
function multiply(p: usize, q: usize, count: i32, r0: usize, r1: usize, r2: usize, r3: usize, add: bool): void {
  const zero = f32x4.splat(0);
  let c00 = zero, c01 = zero, c10 = zero, c11 = zero, c20 = zero, c21 = zero, c30 = zero, c31 = zero;
  const end = q + (<usize>count << 5);
  while (q < end) {
    const q0 = v128.load(q), q1 = v128.load(q, 16);
    const a0 = v128.load32_splat(p);
    c00 = f32x4.add(c00, f32x4.mul(a0, q0));
    c01 = f32x4.add(c01, f32x4.mul(a0, q1));
    const a1 = v128.load32_splat(p, 4);
    c10 = f32x4.add(c10, f32x4.mul(a1, q0));
    c11 = f32x4.add(c11, f32x4.mul(a1, q1));
    const a2 = v128.load32_splat(p, 8);
    c20 = f32x4.add(c20, f32x4.mul(a2, q0));
    c21 = f32x4.add(c21, f32x4.mul(a2, q1));
    const a3 = v128.load32_splat(p, 12);
    c30 = f32x4.add(c30, f32x4.mul(a3, q0));
    c31 = f32x4.add(c31, f32x4.mul(a3, q1));
    p += 16;
    q += 32;
  }
  put(r0, c00, c01, add);
  put(r1, c10, c11, add);
  put(r2, c20, c21, add);
  put(r3, c30, c31, add);
}

/** Writes a finished 4×8 tile to where its rows and columns lie. */
function scatter(tile: usize, out: usize, rows: usize, columns: usize, height: i32, width: i32, add: bool): void {
  if (height == 4 && isRun(rows)) {
    const to = out + load<u32>(rows);
    for (let half = 0; half < width; half += 4, tile += 16, columns += 16) {
      const x0 = v128.load(tile), x1 = v128.load(tile, 32), x2 = v128.load(tile, 64), x3 = v128.load(tile, 96);
      const a = i32x4.shuffle(x0, x1, 0, 4, 1, 5), b = i32x4.shuffle(x2, x3, 0, 4, 1, 5);
      const c = i32x4.shuffle(x0, x1, 2, 6, 3, 7), d = i32x4.shuffle(x2, x3, 2, 6, 3, 7);
      putColumn(to + load<u32>(columns), i64x2.shuffle(a, b, 0, 2), add);
      if (half + 1 < width) putColumn(to + load<u32>(columns, 4), i64x2.shuffle(a, b, 1, 3), add);
      if (half + 2 < width) putColumn(to + load<u32>(columns, 8), i64x2.shuffle(c, d, 0, 2), add);
      if (half + 3 < width) putColumn(to + load<u32>(columns, 12), i64x2.shuffle(c, d, 1, 3), add);
    }
    return;
  }
  for (let i = 0; i < height; i++, tile += 32, rows += 4) {
    const to = out + load<u32>(rows);
    for (let j = 0; j < width; j++) {
      const at = to + load<u32>(columns + (<usize>j << 2)), value = load<f32>(tile + (<usize>j << 2));
      store<f32>(at, add ? load<f32>(at) + value : value);
    }
  }
}

@inline
function putColumn(to: usize, x: v128, add: bool): void {
  v128.store(to, add ? f32x4.add(v128.load(to), x) : x);
}

/** Packs left panels once for all tiles of columns. Items: matrices × groups of rows. */
export function packLeft(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<ProductArgs>(args);
  const m = <i32>a.m, k = <i32>a.k, block = <i32>a.block, group = <i32>a.rowsInPackItem;
  const groups = (m + group - 1) / group, padded = roundUp(m, 4);
  const rows = scratch, ks = scratch + (<usize>group << 2);
  for (let item = from; item < to; item++) {
    const matrix = item / groups, first = item % groups * group, count = min(group, m - first);
    const left = <usize>a.left + bytesOf(a.leftStep) * matrix;
    const packed = <usize>a.packed + bytesOf(a.packedStep) * matrix;
    offsets(rows, mapOf(args, 0), first, count, roundUp(count, 4));
    for (let k0 = 0; k0 < k; k0 += block) {
      const length = min(block, k - k0);
      offsets(ks, mapOf(args, 1), k0, length, length);
      let panel = packed + (<usize>(k0 * padded + first * length) << 2);
      for (let row = 0; row < count; row += 4, panel += <usize>length << 4) {
        packLanes(panel, 16, left, rows + (<usize>row << 2), ks, length);
      }
    }
  }
}

/** Items: matrices × parts of k × tiles of rows × tiles of columns. */
export function product(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<ProductArgs>(args);
  const m = <i32>a.m, n = <i32>a.n, rowTile = <i32>a.rowTile, columnTile = <i32>a.columnTile, parts = <i32>a.parts;
  const rowTiles = (m + rowTile - 1) / rowTile, columnTiles = (n + columnTile - 1) / columnTile;
  for (let item = from; item < to; item++) {
    const column = item % columnTiles * columnTile;
    let rest = item / columnTiles;
    const row = rest % rowTiles * rowTile;
    rest /= rowTiles;
    productTile(args, rest / parts, rest % parts, row, min(m, row + rowTile), column, min(n, column + columnTile), scratch);
  }
}

function productTile(
  args: usize, matrix: i32, part: i32, row: i32, rowEnd: i32, column: i32, columnEnd: i32, scratch: usize,
): void {
  const a = changetype<ProductArgs>(args);
  const k = <i32>a.k, block = <i32>a.block, rows = rowEnd - row, height = roundUp(rows, 4);
  const right = <usize>a.right + bytesOf(a.rightStep) * matrix;
  const out = <usize>a.out + bytesOf(a.outStep) * matrix + bytesOf(a.partStep) * part;
  const ks = scratch + 128, rowTable = ks + (<usize>block << 2);
  const columnTable = rowTable + (<usize>height << 2), outTable = columnTable + (COLUMNS << 2);
  const q = outTable + (COLUMNS << 2), p = q + <usize>(block * COLUMNS << 2);
  offsets(rowTable, mapOf(args, 4), row, rows, height);
  const blocks = max(1, (k + block - 1) / block), first = part * <i32>a.blocksInPart;
  const last = min(blocks, first + <i32>a.blocksInPart);
  for (let b = first; b < last; b++) {
    const k0 = b * block, length = min(block, k - k0);
    const add = b > first || a.accumulate != 0;
    let panels = p;
    if (a.packed != 0) {
      panels = <usize>a.packed + bytesOf(a.packedStep) * matrix + (<usize>(k0 * roundUp(<i32>a.m, 4) + row * length) << 2);
    } else {
      const left = <usize>a.left + bytesOf(a.leftStep) * matrix;
      offsets(ks, mapOf(args, 1), k0, length, length);
      for (let i = 0; i < height; i += 4) {
        offsets(columnTable, mapOf(args, 0), row + i, min(4, rows - i), 4);
        packLanes(p + (<usize>(i * length) << 2), 16, left, columnTable, ks, length);
      }
    }
    offsets(ks, mapOf(args, 2), k0, length, length);
    for (let j = column; j < columnEnd; j += COLUMNS) {
      const width = min(COLUMNS, columnEnd - j), padded = roundUp(width, 8);
      offsets(columnTable, mapOf(args, 3), j, width, padded);
      offsets(outTable, mapOf(args, 5), j, width, padded);
      for (let i = 0; i < padded; i += 8) {
        packRight(q + (<usize>(i * length) << 2), right, columnTable + (<usize>i << 2), ks, length);
      }
      sweep(panels, q, length, rows, width, out, rowTable, outTable, scratch, add);
    }
  }
}

/** Multiplies packed left panels by packed right ones. `tile` holds 4×8 sums that do not lie together. */
function sweep(
  p: usize, q: usize, length: i32, rows: i32, columns: i32, out: usize, rowTable: usize, outTable: usize, tile: usize, add: bool,
): void {
  const left = <usize>length << 4;
  for (let i0 = 0; i0 < rows; i0 += ROWS) {
    const i1 = min(rows, i0 + ROWS);
    for (let j = 0; j < columns; j += 8) {
      const to = outTable + (<usize>j << 2), panel = q + (<usize>(j * length) << 2);
      const isWhole = j + 8 <= columns && isRun(to) && isRun(to + 16) && load<u32>(to, 16) - load<u32>(to) == 16;
      const at = out + load<u32>(to);
      let rowPanel = p + (<usize>(i0 * length) << 2), r = rowTable + (<usize>i0 << 2);
      for (let i = i0; i < i1; i += 4, rowPanel += left, r += 16) {
        if (isWhole && i + 4 <= rows) {
          multiply(rowPanel, panel, length, at + load<u32>(r), at + load<u32>(r, 4), at + load<u32>(r, 8), at + load<u32>(r, 12), add);
        } else {
          multiply(rowPanel, panel, length, tile, tile + 32, tile + 64, tile + 96, false);
          scatter(tile, out, r, to, min(4, rows - i), min(8, columns - j), add);
        }
      }
    }
  }
}
