// Matrix products, and whatever else is one by the right index maps: how they are cut into tiles and threads.
// May import kernels and machine.

import type { MatmulCall } from '../kernels.js';
import { dense } from './dense.wasm.js';
import type { Machine } from './machine.js';

/** Offsets of an index as a number of mixed radix, most significant digit first: its extents (the first is free), steps in bytes. */
export interface IndexMap {
  readonly extents: readonly [number, number, number];
  readonly steps: readonly [number, number, number, number];
}

/** A matrix of each member of a batch. */
export interface Side {
  readonly at: number;
  /** Bytes from one member of the batch to the next. */
  readonly step: number;
  readonly rows: IndexMap;
  readonly columns: IndexMap;
}

/** out = left·right for each of `matrices`, m×k by k×n. */
export interface Product {
  readonly matrices: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly left: Side;
  readonly right: Side;
  readonly out: Side;
  /** Parts of k with a plane of sums each, and bytes from one plane to the next. */
  readonly parts?: number;
  readonly partStep?: number;
  /** Adds to what is there. */
  readonly accumulate?: boolean;
}

/** Least multiplications for several threads. */
const PARALLEL = 1 << 20;
/** Most multiplications of a matrix that stays one item. */
const SMALL = 1 << 22;
const MOST_BLOCK = 512;
/** Columns that wasm/dense/gemm.ts packs at a time. */
const COLUMNS = 64;
const MOST_PACKED_BYTES = 1 << 28;

/** An index whose neighbours lie `step` bytes apart. */
export function every(step: number): IndexMap {
  return { extents: [1, 1, 2 ** 30], steps: [0, 0, 0, step] };
}

/** A batch of matrix products. A sum's order depends on k alone. */
export function matmul(machine: Machine, call: MatmulCall<number>): void {
  const { n, k, stepA, stepB, transposeA, transposeB } = call;
  // Rows of a batch that meets one matrix are rows of one product.
  const isOne = stepB === 0 && !transposeA && (stepA === call.m * k || call.batch === 1);
  const [matrices, m] = isOne ? [1, call.m * call.batch] : [call.batch, call.m];
  const [rowA, columnA] = transposeA ? [4, 4 * m] : [4 * k, 4];
  const [rowB, columnB] = transposeB ? [4, 4 * k] : [4 * n, 4];
  const ordered: Product = {
    matrices, m, n, k,
    left: { at: call.a, step: 4 * stepA, rows: every(rowA), columns: every(columnA) },
    right: { at: call.b, step: 4 * stepB, rows: every(rowB), columns: every(columnB) },
    out: { at: call.out, step: 4 * m * n, rows: every(4 * n), columns: every(4) },
  };
  product(machine, m > n ? transposed(ordered) : ordered);
}

/** The same products and sums with the operands exchanged: what repeats in every tile is to be the smaller one. */
function transposed(job: Product): Product {
  const { m, n, left, right, out } = job;
  return { ...job, m: n, n: m, left: turned(right), right: turned(left), out: turned(out) };
}

/** The transpose of each matrix. */
export function turned({ at, step, rows, columns }: Side): Side {
  return { at, step, rows: columns, columns: rows };
}

/** Length of the blocks that a sum over k is made of. */
export function blockLength(k: number): number {
  const blocks = Math.ceil(k / MOST_BLOCK);
  return blocks === 0 ? 1 : Math.ceil(k / blocks / 4) * 4;
}

/** Runs a product. With one part and one block length, an element's bits depend on its row, its column and k alone. */
export function product(machine: Machine, job: Product): void {
  const { matrices, m, n, k, left, right, out, parts = 1 } = job;
  if (matrices * m * n === 0) return;
  // Panels are 4 rows by 8 columns: few columns had better be rows.
  if (n < 4 && m > n) return product(machine, transposed(job));
  const block = blockLength(k);
  const work = matrices * m * n * Math.max(k, 1);
  const parallel = work >= PARALLEL;
  const panelBytes = 4 * roundUp(m, 4) * k;
  const lefts = left.step === 0 ? 1 : matrices;
  const { rowTile, columnTile, isPacked } = tiles(job, lefts * panelBytes);
  const packed = isPacked ? machine.temporary(lefts * panelBytes) : 0;
  const rowsInPackItem = 32;
  const blocksInPart = Math.ceil(Math.max(1, Math.ceil(k / block)) / parts);
  const args = [
    m, n, k, block, rowTile, columnTile, left.at, right.at, out.at, left.step, right.step, out.step,
    packed, left.step === 0 ? 0 : panelBytes, parts, blocksInPart, job.partStep ?? 0, job.accumulate === true ? 1 : 0, rowsInPackItem,
  ];
  for (const { rows, columns } of [left, right, out]) args.push(...rows.extents, ...rows.steps, ...columns.extents, ...columns.steps);
  if (isPacked) {
    const items = lefts * Math.ceil(m / rowsInPackItem);
    machine.launch(dense, 'packLeft', args, { items, grain: 1, parallel, scratch: 4 * (rowsInPackItem + block) });
  }
  const items = matrices * parts * Math.ceil(m / rowTile) * Math.ceil(n / columnTile);
  const height = Math.min(rowTile, roundUp(m, 4));
  const scratch = 128 + 4 * (block + height + 2 * COLUMNS + block * COLUMNS + (isPacked ? 0 : height * block));
  machine.launch(dense, 'product', args, { items, grain: Math.ceil((items * PARALLEL) / (4 * work)), parallel, scratch });
}

/** Rows and columns of an item by the sizes of the product, and whether all its left panels are packed beforehand. */
function tiles({ matrices, m, n, k, parts = 1 }: Product, packedBytes: number) {
  const each = m * n * k;
  if (parts === 1 && each <= SMALL && (matrices >= 4 || each < PARALLEL)) {
    return { rowTile: roundUp(m, 4), columnTile: roundUp(n, 8), isPacked: false };
  }
  if (parts > 1 || packedBytes > MOST_PACKED_BYTES) return { rowTile: even(m, 256, 4), columnTile: even(n, 256, 8), isPacked: false };
  const columnTile = even(n, Math.min(COLUMNS, Math.max(16, n / 8)), 8);
  return { rowTile: roundUp(m, 4), columnTile, isPacked: k > 0 && columnTile < n };
}

/** The least multiple of `unit` that cuts `extent` into as few tiles as `most` does. */
function even(extent: number, most: number, unit: number): number {
  return roundUp(Math.ceil(extent / Math.ceil(extent / most)), unit);
}

function roundUp(n: number, to: number): number {
  return Math.ceil(n / to) * to;
}
