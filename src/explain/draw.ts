// drawSets: the elements of a small tensor as letters, one letter for each set. May import errors, tensor and explain.

import type { Explanation } from '../explain.js';
import { KeelError, showShape } from '../errors.js';
import { optionsOf } from '../nn/check.js';
import { sizeOf } from '../tensor.js';

/** A piece of a line: an element with the number of its set, or what stands around elements. */
export interface DrawnPart {
  readonly text: string;
  readonly set: number | null;
}

/** What {@link drawSets} draws, as JSON can hold it. */
export interface SetDrawing {
  /** The set of every element in memory order; sets are numbered as they first occur. */
  readonly sets: readonly number[];
  /** The pieces of each line, so that sets can be painted. */
  readonly lines: readonly (readonly DrawnPart[])[];
  /** The lines as they are without paint. */
  readonly text: string;
}

/** Options of {@link drawSets}. */
export interface DrawOptions {
  /** The width of a line, from 20. Default 80. */
  readonly columns?: number;
  /** Draws the set of this element alone, the others as dots. Default null. */
  readonly index?: readonly number[] | null;
}

/**
 * The elements of a tensor as letters; those that share a statistic have the same one. The last two axes are rows and
 * columns; the blocks along the axis before them stand side by side where they fit.
 *
 * @throws KeelError [size] above 512 elements; [argument] for columns below 20; the errors of `setOf` for an index.
 * @example
 * drawSets(explain(new InstanceNorm1d(2), [2, 2, 3])).text;
 * // x[0]    x[1]
 * // a a a   c c c
 * // b b b   d d d
 */
export function drawSets(explanation: Explanation, options: DrawOptions = {}): SetDrawing {
  const { shape } = explanation.data;
  const { columns, index } = optionsOf('drawSets', options, { columns: 80, index: null });
  if (!Number.isInteger(columns) || columns < 20) {
    throw new KeelError('argument', `drawSets: columns must be a whole number from 20, got ${String(columns)}`, { columns });
  }
  const size = sizeOf(shape);
  if (size > MOST_DRAWN) {
    const message = `a tensor of ${showShape(shape)} has ${size} elements; at most ${MOST_DRAWN} are drawn: take smaller sizes`;
    throw new KeelError('size', message, { shape, limit: MOST_DRAWN });
  }
  const sets = [...explanation.setNumbers()];
  const [first = []] = index === null ? [] : explanation.setOf(index);
  const shown = index === null ? null : sets[flatOf(shape, first)];
  const letters = Math.max(0, ...sets) < LETTERS.length ? 1 : 2;
  const cells = sets.map((set): DrawnPart => {
    const isShown = shown === null || set === shown;
    return isShown ? { text: nameOf(set, letters), set } : { text: '·'.padEnd(letters), set: null };
  });
  const lines = linesOf(shape, cells, letters, columns);
  return { sets, lines, text: lines.map((line) => line.map(({ text }) => text).join('').trimEnd()).join('\n') };
}

const MOST_DRAWN = 512;
const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** `a`, or two letters where there are more sets than letters. */
function nameOf(set: number, letters: number): string {
  const letter = (i: number): string => LETTERS.charAt(i % 26);
  return letters === 1 ? LETTERS.charAt(set) : letter(Math.floor(set / 26)) + letter(set);
}

function flatOf(shape: readonly number[], index: readonly number[]): number {
  return shape.reduce((flat, size, axis) => flat * size + (index[axis] ?? 0), 0);
}

function indexAt(flat: number, shape: readonly number[]): number[] {
  return shape.map((size, axis) => Math.floor(flat / sizeOf(shape.slice(axis + 1))) % size);
}

const GAP = '   ';

/** Blocks of rows, as many side by side as fit, those of another outer index on lines of their own. */
function linesOf(shape: readonly number[], cells: readonly DrawnPart[], letters: number, columns: number): DrawnPart[][] {
  if (cells.length === 0) return [];
  const [rows = 1, width = 1] = shape.length < 2 ? [1, shape[0]] : shape.slice(-2);
  const outer = shape.slice(0, -2);
  const blocks = sizeOf(outer);
  const groups = outer.at(-1) ?? 1;
  // Two letters without a space after them cannot be told apart.
  const gap = letters > 1 || width * 2 - 1 <= columns ? ' ' : '';
  const label = (block: number): string => (outer.length === 0 ? '' : `x[${indexAt(block, outer).join(', ')}]`);
  const wide = Math.max(label(blocks - 1).length, (letters + gap.length) * width - gap.length);
  const across = Math.max(1, Math.min(groups, Math.floor((columns + GAP.length) / (wide + GAP.length))));
  const lines: DrawnPart[][] = [];
  for (let group = 0; group < blocks; group += groups) {
    for (let first = group; first < group + groups; first += across) {
      const beside = Array.from({ length: Math.min(across, group + groups - first) }, (_, i) => first + i);
      if (lines.length > 0) lines.push([]);
      if (outer.length > 0) lines.push(plainLine(beside.map(label), wide));
      for (let row = 0; row < rows; row++) {
        const parts = beside.map((block) => {
          const start = (block * rows + row) * width;
          return cells.slice(start, start + width);
        });
        lines.push(...foldedLines(parts, gap, wide, letters, columns));
      }
    }
  }
  return lines;
}

function plainLine(labels: readonly string[], wide: number): DrawnPart[] {
  return [{ text: labels.map((label) => label.padEnd(wide)).join(GAP).trimEnd(), set: null }];
}

/** One row of each block; a row that is longer than a line goes on, indented, on the next. */
function foldedLines(
  parts: readonly (readonly DrawnPart[])[], gap: string, wide: number, letters: number, columns: number,
): DrawnPart[][] {
  const [only = []] = parts;
  if (wide <= columns) {
    return [parts.flatMap((row, i): DrawnPart[] => {
      const taken = row.length * (letters + gap.length) - gap.length;
      const isLast = i === parts.length - 1;
      return [...spaced(row, gap), ...(isLast ? [] : [{ text: ' '.repeat(wide - taken) + GAP, set: null }])];
    })];
  }
  const most = Math.floor((columns - 2) / (letters + gap.length));
  return Array.from({ length: Math.ceil(only.length / most) }, (_, i) => {
    const row = spaced(only.slice(i * most, (i + 1) * most), gap);
    return i === 0 ? row : [{ text: '  ', set: null }, ...row];
  });
}

function spaced(row: readonly DrawnPart[], gap: string): DrawnPart[] {
  return row.flatMap((cell, i) => (i === 0 || gap === '' ? [cell] : [{ text: gap, set: null }, cell]));
}
