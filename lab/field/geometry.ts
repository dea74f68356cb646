// Where a tensor's elements are drawn: as blocks of sheets of cells, and as a strip in memory order. Imports nothing.

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The most elements that are drawn one by one. */
export const MOST_CELLS = 10_000;

/**
 * A tensor as blocks side by side: the last axis runs to the right, the one before it down, the one before that from sheet to
 * sheet, and all others from block to block.
 */
export interface BlockLayout {
  readonly width: number;
  readonly height: number;
  /** The edge of a cell. */
  readonly cell: number;
  readonly columns: number;
  readonly rows: number;
  readonly sheets: number;
  readonly blocks: number;
  /** From one sheet to the one behind it. */
  readonly step: Point;
  /** Where each block begins: the corner of its front sheet. */
  readonly origins: readonly Point[];
}

/** Cells lean: to the right they sink by this share of the edge, which makes a sheet of a grid. */
export const LEAN = 0.16;
/** The share of the edge that a cell is thick. */
export const THICK = 0.18;

const GAP = 1.4;
const LEAST_CELL = 3;

/** The blocks of a shape in this much room; the height follows. */
export function blockLayout(shape: readonly number[], room: number, largest = 44): BlockLayout {
  const [columns = 1, rows = 1, sheets = 1, ...outer] = shape.toReversed();
  const blocks = outer.reduce((product, extent) => product * extent, 1);
  // In edges of a cell: sheets stand apart by a whole sheet where there are few, closer where there are many.
  const dx = sheets === 1 ? 0 : Math.min(columns * 0.42 + 0.9, Math.max(0.7, 14 / (sheets - 1)));
  const dy = sheets === 1 ? 0 : Math.min(rows * 0.5 + 0.6, Math.max(0.6, 9 / (sheets - 1)));
  const wide = columns + (sheets - 1) * dx + GAP;
  const high = rows + columns * LEAN + (sheets - 1) * dy + GAP;
  const beside = [1, 2, 3, 4, 6, 8].filter((n) => n <= Math.max(1, blocks));
  const across = beside.reduce((best, n) => (edge(room, wide, n, largest) * 1.05 >= edge(room, wide, best, largest) ? n : best), 1);
  const cell = Math.max(LEAST_CELL, edge(room, wide, across, largest));
  const origins = Array.from({ length: blocks }, (_, i): Point => ({
    x: ((i % across) * wide + GAP / 2) * cell,
    y: (Math.floor(i / across) * high + (sheets - 1) * dy + GAP / 2) * cell,
  }));
  return {
    width: across * wide * cell,
    height: Math.ceil(blocks / across) * high * cell,
    cell, columns, rows, sheets, blocks,
    step: { x: dx * cell, y: -dy * cell },
    origins,
  };
}

function edge(room: number, wide: number, across: number, largest: number): number {
  return Math.min(largest, room / (wide * across));
}

/** The upper left corner of an element's cell. */
export function cornerOf(layout: BlockLayout, element: number): Point {
  const { columns, rows, sheets, cell, step, origins } = layout;
  const column = element % columns;
  const row = Math.floor(element / columns) % rows;
  const sheet = Math.floor(element / (columns * rows)) % sheets;
  const origin = origins[Math.floor(element / (columns * rows * sheets))] ?? { x: 0, y: 0 };
  return {
    x: origin.x + sheet * step.x + column * cell,
    y: origin.y + sheet * step.y + (row + column * LEAN) * cell,
  };
}

/** The element under a point, the front sheet first; null where there is none. */
export function elementAt(layout: BlockLayout, point: Point): number | null {
  const { columns, rows, sheets, cell, step, origins } = layout;
  for (let block = 0; block < origins.length; block++) {
    const origin = origins[block];
    if (origin === undefined) continue;
    for (let sheet = 0; sheet < sheets; sheet++) {
      const column = Math.floor((point.x - origin.x - sheet * step.x) / cell);
      const row = Math.floor((point.y - origin.y - sheet * step.y) / cell - ((point.x - origin.x - sheet * step.x) / cell) * LEAN);
      if (column < 0 || column >= columns || row < 0 || row >= rows) continue;
      return ((block * sheets + sheet) * rows + row) * columns + column;
    }
  }
  return null;
}

/** The strip: all elements in memory order, in lines of as many cells as there is room for, each a whole number of rows. */
export interface StripLayout {
  readonly width: number;
  readonly height: number;
  readonly cell: number;
  readonly perLine: number;
  readonly size: number;
}

export function stripLayout(shape: readonly number[], room: number, largest = 26): StripLayout {
  const size = shape.reduce((product, extent) => product * extent, 1);
  const row = shape.at(-1) ?? 1;
  const smallest = size > 2000 ? 4 : size > 400 ? 8 : 14;
  const most = Math.max(1, Math.floor(room / smallest));
  const perLine = row >= most ? most : Math.min(size, Math.floor(most / row) * row);
  const cell = Math.max(LEAST_CELL, Math.min(largest, room / perLine));
  return { width: perLine * cell, height: Math.ceil(size / perLine) * cell * 1.25, cell, perLine, size };
}

export function stripCorner({ perLine, cell }: StripLayout, element: number): Point {
  return { x: (element % perLine) * cell, y: Math.floor(element / perLine) * cell * 1.25 };
}

export function stripElementAt({ perLine, cell, size }: StripLayout, { x, y }: Point): number | null {
  const column = Math.floor(x / cell);
  const element = Math.floor(y / (cell * 1.25)) * perLine + column;
  return column >= 0 && column < perLine && element >= 0 && element < size ? element : null;
}

/** An element's index along each axis. */
export function indexOf(element: number, shape: readonly number[]): number[] {
  let rest = element;
  return shape.toReversed().map((extent) => {
    const i = rest % extent;
    rest = (rest - i) / extent;
    return i;
  }).toReversed();
}
