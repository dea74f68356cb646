// Columns: planes of rows with a statistic per column. LayerNorm2d, and batch and instance norm on channels-last data.
// May import plan and the binary's job.

import type { Plan } from '../../plan.js';
import { backwardArgs, forwardArgs, type NormBackwardJob, type NormJob } from './job.js';
import type { Machine, Work } from './machine.js';
import { strided as binary } from './strided.wasm.js';

/** Fewer columns fill no vectors. */
const FEWEST = 4;
/** Elements from which on threads gain, and of a task at least. */
const WORTH = { forward: 1 << 16, backward: 150_000, task: 1 << 14 };
/** Rows from which on chunks of them are summed apart, if parameters allow it. */
const MANY_ROWS = 1024;
/** Elements of a tile, whose second touch comes out of the cache, and bounds of its width. */
const TILE = { elements: 310_000, least: 64, most: 4096, wanted: 4 };
/** Shares of the tiles with their own sums of the parameters' gradients. */
const MOST_PARTS = 16;
/** Turns of sums about better pilots. */
const SWEEPS = 4;
/** Rows of a block and the size of its arrays, the binary's own numbers. */
const BLOCK = 256;

/** Whether each parameter, if there are any, belongs to whole rows, or to whole columns of all rows. */
export function fits(plan: Plan): boolean {
  const { k0, r0, k1, r1, inner } = plan;
  return r1 === 1 && k1 >= FEWEST && r0 > 1 && k0 > 0 && (goesByColumn(plan) || inner % k1 === 0);
}

export function forward(machine: Machine, job: NormJob): void {
  const { plan } = job;
  const parallel = sizeOf(plan) >= WORTH.forward;
  if (!hasChunks(plan)) {
    const tiles = tilesOf(plan);
    const args = [...forwardArgs(job), tiles.width, Number(goesByColumn(plan))];
    machine.launch(binary, 'columnsForward', args, { ...tiles.work, parallel });
    return;
  }
  const chunks = chunksOf(plan, parallel);
  const { sums, arrays } = planesOf(machine, plan, chunks.work.items);
  const found = machine.temporary(4);
  const argsOf = (mayRepeat: boolean) => [...forwardArgs(job), chunks.rows, 0, sums, arrays, found, Number(mayRepeat)];
  const args = argsOf(true);
  if (job.givenMean === 0) {
    machine.launch(binary, 'columnsPilots', args, chunks.planes);
    for (let sweep = 1; sweep < SWEEPS; sweep++) {
      machine.launch(binary, 'columnsSums', args, chunks.work);
      machine.launch(binary, 'columnsFinish', args, chunks.finish);
      if (machine.i32[found / 4] !== AGAIN) break;
    }
    if (machine.i32[found / 4] === AGAIN) machine.launch(binary, 'columnsSums', args, chunks.work);
  }
  if (job.givenMean !== 0 || machine.i32[found / 4] === AGAIN) machine.launch(binary, 'columnsFinish', argsOf(false), chunks.finish);
  machine.launch(binary, 'columnsWrite', args, chunks.work);
}

export function backward(machine: Machine, job: NormBackwardJob): void {
  const { plan } = job;
  const parallel = sizeOf(plan) >= WORTH.backward;
  const byColumn = goesByColumn(plan);
  const wantsParameters = plan.affine > 0 && (job.dweight !== 0 || job.dbias !== 0);
  const planeOf = (gradient: number, values: number) => (wantsParameters && gradient !== 0 ? machine.temporary(8 * values) : 0);
  const ofSets = { items: plan.affine, grain: 1, parallel: false, scratch: 0 };
  const base = backwardArgs(job);
  const sets = plan.k0 * plan.k1;

  if (byColumn && hasChunks(plan)) {
    const chunks = chunksOf(plan, parallel);
    const { sums, arrays } = planesOf(machine, plan, chunks.work.items);
    const dweight = planeOf(job.dweight, sets);
    const dbias = planeOf(job.dbias, sets);
    const args = [...base, chunks.rows, 0, sums, arrays, dweight, dbias];
    machine.launch(binary, 'columnsGradientPilots', args, chunks.planes);
    machine.launch(binary, 'columnsGradientSums', args, chunks.work);
    machine.launch(binary, 'columnsGradientFinish', args, one);
    if (job.dx !== 0) machine.launch(binary, 'columnsGradientWrite', args, chunks.work);
    if (wantsParameters) machine.launch(binary, 'columnsParameters', [...base, 0, 0, 0, dweight, dbias], ofSets);
    return;
  }
  const tiles = tilesOf(plan);
  const parts = Math.min(tiles.work.items, byColumn ? tiles.work.items : MOST_PARTS);
  const values = byColumn ? sets : parts * plan.affine;
  const dweight = planeOf(job.dweight, values);
  const dbias = planeOf(job.dbias, values);
  const args = [...base, tiles.width, Number(byColumn), parts, dweight, dbias];
  machine.launch(binary, 'columnsBackward', args, { items: parts, grain: 1, parallel, scratch: tiles.work.scratch });
  if (!wantsParameters) return;
  if (byColumn) machine.launch(binary, 'columnsParameters', args, ofSets);
  else machine.launch(binary, 'columnsReduceParts', [...base, parts, dweight, dbias], ofSets);
}

/** What columnsFinish leaves where chunks have to be summed about better pilots. */
const AGAIN = 1;
const one: Work = { items: 1, grain: 1, parallel: false, scratch: 0 };

function sizeOf({ k0, r0, k1, r1 }: Plan): number {
  return k0 * r0 * k1 * r1;
}

function goesByColumn({ k1, affine, inner }: Plan): boolean {
  return affine <= 1 || k1 % (affine * inner) === 0;
}

/** By the extents of a set alone: a column's result must not depend on how many there are. */
function hasChunks(plan: Plan): boolean {
  return goesByColumn(plan) && plan.r0 >= MANY_ROWS;
}

function tilesOf({ k0, r0, k1 }: Plan): { readonly width: number; readonly work: Work } {
  const widest = Math.min(TILE.most, Math.max(TILE.least, Math.floor(TILE.elements / r0)));
  const needed = Math.ceil(k1 / widest);
  // Enough for threads to share, but none narrower than the least.
  const across = Math.max(needed, Math.min(Math.ceil(TILE.wanted / k0), Math.floor(k1 / TILE.least)));
  const width = Math.ceil(k1 / across / 16) * 16;
  const items = k0 * Math.ceil(k1 / width);
  const grain = Math.ceil(WORTH.task / (r0 * width));
  return { width, work: { items, grain, parallel: false, scratch: scratchOf(width) } };
}

interface Chunks {
  readonly rows: number;
  readonly work: Work;
  readonly planes: Work;
  readonly finish: Work;
}

function chunksOf({ k0, r0, k1 }: Plan, parallel: boolean): Chunks {
  const rows = r0 < 8 * MANY_ROWS ? BLOCK : 4 * BLOCK;
  const items = k0 * Math.ceil(r0 / rows);
  const grain = Math.ceil(WORTH.task / (rows * k1));
  const scratch = scratchOf(k1);
  return { rows, work: { items, grain, parallel, scratch }, planes: { ...one, items: k0, grain: k0, scratch }, finish: { ...one, scratch } };
}

/** Sums of the chunks with room for a word behind them, and arrays of the planes. */
function planesOf(machine: Machine, { k0, k1 }: Plan, chunks: number): { readonly sums: number; readonly arrays: number } {
  return { sums: machine.temporary(chunks * 4 * planeBytes(k1) + 8), arrays: machine.temporary(k0 * 5 * planeBytes(k1)) };
}

/** Bytes of one float32 for each column, as the binary lays them out. */
function planeBytes(columns: number): number {
  return Math.ceil(columns / 16) * 64 + 64;
}

/** Of a tile: nine arrays of float32, two of float64 and eight rows by column, four by row of a block, two of odd columns. */
function scratchOf(columns: number): number {
  return 21 * planeBytes(columns) + 4 * 4 * (BLOCK + 16) + 2 * 16 * BLOCK;
}
