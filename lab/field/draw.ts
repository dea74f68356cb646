// Cells on a canvas: the blocks and the strip, and a set lifted out of them. May import the field's own files.

import type { Theme } from '../settings.js';
import { colourOf, hatchingOf, hatchPath } from './colours.js';
import { type BlockLayout, cornerOf, LEAN, type StripLayout, stripCorner, THICK, type Point } from './geometry.js';

/** What is drawn: each element's set, and what stands in its cell. */
export interface Cells {
  readonly sets: Int32Array;
  readonly labels: (element: number) => string;
  readonly theme: Theme;
}

/** The share of the edge that a lifted set stands above the others. */
export const RISE = 0.22;

/** Cells smaller than this have no label, smaller than half of it no hatching. */
export const READABLE = 22;

/** How much is left of the others where a set is lifted. */
export const DIM = 0.2;

/** Draws all cells; or those of one set alone, lifted. */
export function drawBlocks(context: CanvasRenderingContext2D, layout: BlockLayout, cells: Cells, lifted: number | null): void {
  const { columns, rows, sheets, blocks } = layout;
  for (let block = 0; block < blocks; block++) {
    // From behind: what is in front covers it.
    for (let sheet = sheets - 1; sheet >= 0; sheet--) {
      for (let row = 0; row < rows; row++) drawRow(context, layout, cells, ((block * sheets + sheet) * rows + row) * columns, lifted);
    }
  }
}

/** A row's sides, then its faces, all of one colour at once: thousands are drawn within a frame. */
function drawRow(context: CanvasRenderingContext2D, layout: BlockLayout, cells: Cells, first: number, lifted: number | null): void {
  const bySet = new Map<number, number[]>();
  for (let element = first; element < first + layout.columns; element++) {
    const set = cells.sets[element] ?? 0;
    if (lifted !== null && set !== lifted) continue;
    const list = bySet.get(set);
    if (list === undefined) bySet.set(set, [element]);
    else list.push(element);
  }
  const rise = lifted === null ? 0 : layout.cell * RISE;
  const raised = (element: number): Point => {
    const { x, y } = cornerOf(layout, element);
    return { x, y: y - rise };
  };
  for (const part of layout.cell < 7 ? (['face'] as const) : (['side', 'face'] as const)) {
    for (const [set, elements] of bySet) {
      context.fillStyle = colourOf(set, cells.theme, part);
      context.beginPath();
      for (const element of elements) {
        const [face = [], ...sides] = facesOf(layout, raised(element));
        for (const polygon of part === 'face' ? [face] : sides) polygon.forEach(({ x, y }, i) => (i === 0 ? context.moveTo(x, y) : context.lineTo(x, y)));
      }
      context.fill('nonzero');
    }
  }
  if (layout.cell < READABLE / 2) return;
  for (const [set, elements] of bySet) {
    for (const element of elements) {
      const { x, y } = raised(element);
      context.save();
      context.transform(1, LEAN, 0, 1, x, y);
      drawInside(context, layout.cell * 0.94, cells, element, set);
      context.restore();
    }
  }
}

/** Draws all cells; or those of one set alone, lifted. */
export function drawStrip(context: CanvasRenderingContext2D, layout: StripLayout, cells: Cells, lifted: number | null): void {
  const edge = layout.cell - (layout.cell > 8 ? 1 : 0);
  const rise = lifted === null ? 0 : layout.cell * 0.18;
  for (let element = 0; element < layout.size; element++) {
    const set = cells.sets[element] ?? 0;
    if (lifted !== null && set !== lifted) continue;
    const { x, y } = stripCorner(layout, element);
    const top = y + layout.cell * 0.2 - rise;
    context.fillStyle = colourOf(set, cells.theme);
    context.fillRect(x, top, edge, edge);
    if (layout.cell < READABLE / 2) continue;
    context.save();
    context.translate(x, top);
    drawInside(context, layout.cell, cells, element, set);
    context.restore();
  }
}

/** A cell's corners: front face, then the side to the right and the one on top. */
export function facesOf({ cell }: BlockLayout, { x, y }: Point): readonly (readonly Point[])[] {
  const edge = cell * 0.94;
  const thick = cell * THICK;
  const sink = edge * LEAN;
  const a = { x, y };
  const b = { x: x + edge, y: y + sink };
  const c = { x: x + edge, y: y + sink + edge };
  const d = { x, y: y + edge };
  const back = (p: Point): Point => ({ x: p.x + thick, y: p.y - thick * 0.8 });
  return [[a, b, c, d], [b, back(b), back(c), c], [a, back(a), back(b), b]];
}

function drawInside(context: CanvasRenderingContext2D, cell: number, { labels, theme }: Cells, element: number, set: number): void {
  const path = hatchOf(set, cell);
  const ink = colourOf(set, theme, 'text');
  if (path !== null) {
    context.strokeStyle = ink;
    context.lineWidth = Math.max(1, cell / 16);
    context.lineCap = 'round';
    context.globalAlpha = 0.6;
    context.stroke(path);
    context.globalAlpha = 1;
  }
  if (cell < READABLE) return;
  const text = labels(element);
  context.fillStyle = ink;
  context.font = `600 ${Math.min(13, (cell * 1.7) / Math.max(3, text.length))}px ui-monospace, monospace`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(text, cell / 2, cell / 2, cell * 0.92);
}

const hatches = new Map<string, Path2D | null>();

function hatchOf(set: number, cell: number): Path2D | null {
  const hatching = hatchingOf(set);
  const key = `${hatching} ${cell}`;
  if (hatches.size > 200) hatches.clear();
  const known = hatches.get(key);
  if (known !== undefined) return known;
  const made = hatching === 'none' ? null : new Path2D(hatchPath(hatching, cell));
  hatches.set(key, made);
  return made;
}
