// Matrix product of operands whose elements lie where index maps say: matrices, transposed ones, images under a kernel.
// out[row, column] = Σ left[row, k]·right[k, column], summed in the order of k within blocks, then over blocks.
// Left panels are 4 rows wide, right panels 8 columns; a thread packs what it multiplies into its scratch.

import { areRuns, bytesOf, IndexMap, isRun, offsets, packLanes, packRight } from './panels';
import { multiply, multiplyAcross, multiplyRow, scatter } from './tiles';

// Bytes of an index map, and of ProductArgs, which the maps follow.
const MAP: usize = 56;
const MAPS: usize = 152;

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
  rowsInPackItem: f64;
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
      if (rows == 1) {
        sweepRow(panels, q, length, width, right, ks, columnTable, out, rowTable, outTable, scratch, add);
        continue;
      }
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
      const isWhole = j + 8 <= columns && areRuns(to, 8, true);
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

/** One row, whose right operand is read where it lies: the same sums in the same order. */
function sweepRow(
  p: usize, q: usize, length: i32, columns: i32, right: usize, ks: usize, lanes: usize, out: usize, row: usize, outs: usize, tile: usize,
  add: bool,
): void {
  const isAcross = length % 4 == 0 && areRuns(ks, length, false);
  for (let j = 0; j < columns;) {
    const at = lanes + (<usize>j << 2);
    let width = 8;
    if (j + 32 <= columns && areRuns(at, 32, true)) {
      multiplyRow(p, right + load<u32>(at), ks, length, tile);
      width = 32;
    } else if (isAcross && !isRun(at)) {
      multiplyAcross(p, right, at, ks, length, tile);
    } else {
      packRight(q, right, at, ks, length);
      multiply(p, q, length, tile, tile + 32, tile + 64, tile + 96, false);
    }
    for (let i: usize = 0; i < <usize>width; i += 8) {
      scatter(tile + (i << 2), out, row, outs + (<usize>j << 2) + (i << 2), 1, min(8, columns - j - <i32>i), add);
    }
    j += width;
  }
}
