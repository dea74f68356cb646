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
const READABLE = 22;

/** Draws all cells; where a set is lifted the others are dim. */
export function drawBlocks(context: CanvasRenderingContext2D, layout: BlockLayout, cells: Cells, lifted: number | null): void {
  const { columns, rows, sheets, blocks } = layout;
  const perSheet = columns * rows;
  for (let block = 0; block < blocks; block++) {
    // From behind: what is in front covers it.
    for (let sheet = sheets - 1; sheet >= 0; sheet--) {
      const first = (block * sheets + sheet) * perSheet;
      for (let i = 0; i < perSheet; i++) {
        const element = first + i;
        if (lifted === null || cells.sets[element] !== lifted) drawCell(context, layout, cells, element, lifted !== null, 0);
      }
    }
  }
  if (lifted === null) return;
  for (let element = cells.sets.length - 1; element >= 0; element--) {
    if (cells.sets[element] === lifted) drawCell(context, layout, cells, element, false, layout.cell * RISE);
  }
}

export function drawStrip(context: CanvasRenderingContext2D, layout: StripLayout, cells: Cells, lifted: number | null): void {
  for (let element = 0; element < layout.size; element++) {
    const { x, y } = stripCorner(layout, element);
    const set = cells.sets[element] ?? 0;
    const isLifted = set === lifted;
    context.globalAlpha = lifted === null || isLifted ? 1 : 0.22;
    const rise = isLifted ? layout.cell * 0.18 : 0;
    const edge = layout.cell - (layout.cell > 8 ? 1 : 0);
    context.fillStyle = colourOf(set, cells.theme);
    context.fillRect(x, y + layout.cell * 0.2 - rise, edge, edge);
    context.save();
    context.translate(x, y + layout.cell * 0.2 - rise);
    drawInside(context, layout.cell, cells, element, set);
    context.restore();
  }
  context.globalAlpha = 1;
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

function drawCell(
  context: CanvasRenderingContext2D, layout: BlockLayout, cells: Cells, element: number, isDim: boolean, rise: number,
): void {
  const set = cells.sets[element] ?? 0;
  const corner = cornerOf(layout, element);
  const at = { x: corner.x, y: corner.y - rise };
  context.globalAlpha = isDim ? 0.18 : 1;
  const faces = facesOf(layout, at);
  faces.forEach((face, i) => {
    if (i > 0 && layout.cell < 7) return;
    context.fillStyle = colourOf(set, cells.theme, i === 0 ? 'face' : 'side');
    context.beginPath();
    face.forEach(({ x, y }, j) => (j === 0 ? context.moveTo(x, y) : context.lineTo(x, y)));
    context.fill();
  });
  if (layout.cell >= READABLE / 2) {
    context.save();
    context.transform(1, LEAN, 0, 1, at.x, at.y);
    drawInside(context, layout.cell * 0.94, cells, element, set);
    context.restore();
  }
  context.globalAlpha = 1;
}

function drawInside(context: CanvasRenderingContext2D, cell: number, { labels, theme }: Cells, element: number, set: number): void {
  const path = cell < READABLE / 2 ? '' : hatchPath(hatchingOf(set), cell);
  const ink = colourOf(set, theme, 'text');
  if (path !== '') {
    context.strokeStyle = ink;
    context.lineWidth = Math.max(1, cell / 16);
    context.lineCap = 'round';
    const alpha = context.globalAlpha;
    context.globalAlpha = alpha * 0.6;
    context.stroke(new Path2D(path));
    context.globalAlpha = alpha;
  }
  if (cell < READABLE) return;
  const text = labels(element);
  context.fillStyle = ink;
  context.font = `600 ${Math.min(13, (cell * 1.7) / Math.max(3, text.length))}px ui-monospace, monospace`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(text, cell / 2, cell / 2, cell * 0.92);
}
