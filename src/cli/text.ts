// Text for a terminal: its width, lines that fit, columns. Imports node: only.

import { stripVTControlCharacters } from 'node:util';

/** Columns that a text takes: none for what combines, two for East Asian characters and emoji. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of stripVTControlCharacters(text)) width += combining.test(character) ? 0 : wide.test(character) ? 2 : 1;
  return width;
}

const combining = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
const wide = /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]$/u;

/** A name out of a file, without what would move the cursor, ring, or reverse the line: such characters are escaped. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (c) => {
    const code = c.codePointAt(0) ?? 0;
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });
}

/** Padded with spaces to so many columns. */
function pad(text: string, columns: number, align: 'left' | 'right' = 'left'): string {
  const spaces = ' '.repeat(Math.max(0, columns - widthOf(text)));
  return align === 'left' ? text + spaces : spaces + text;
}

/** Shortened in its middle to so many columns. Of painted text the paint is lost. */
export function clip(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  if (columns < 2) return '…'.slice(0, columns);
  const characters = [...stripVTControlCharacters(text)];
  const head = take(characters, Math.ceil((columns - 1) / 2));
  const tail = take(characters.toReversed(), columns - 1 - widthOf(head.join(''))).toReversed();
  return `${head.join('')}…${tail.join('')}`;
}

function take(characters: readonly string[], columns: number): string[] {
  let left = columns;
  const end = characters.findIndex((character) => (left -= widthOf(character)) < 0);
  return characters.slice(0, end < 0 ? undefined : end);
}

/** Lines of at most so many columns, broken at spaces; those after the first begin with `indent`. */
export function wrap(text: string, columns: number, indent = ''): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && widthOf(longer) > columns) {
      lines.push(line);
      line = indent + word;
    } else line = longer;
  }
  return [...lines, line];
}

/** A label and what it says, in as many lines as it takes: the label in a column of its own. */
export function labelled(rows: readonly (readonly [label: string, text: string])[], columns: number): string[] {
  const width = Math.max(0, ...rows.map(([label]) => widthOf(label)));
  return rows.flatMap(([label, text]) => {
    const room = columns - width - 4;
    // A narrow terminal has the text under the label.
    if (room < 24) return [`  ${label}`, ...wrap(text, columns - 6).map((line) => `      ${line}`)];
    return wrap(text, room).map((line, i) => `  ${pad(i === 0 ? label : '', width)}  ${line}`);
  });
}

/** How {@link table} lays out. */
export interface TableOptions {
  /** Of the terminal. */
  readonly columns: number;
  /** Of each column; left by default. */
  readonly align?: readonly ('left' | 'right')[];
  /** The columns that are shortened where all do not fit, the widest first; column 0 by default. */
  readonly shrink?: readonly number[];
}

/** Rows in columns, two spaces between; the first row may be headings. Cells that do not fit are shortened in their middle. */
export function table(rows: readonly (readonly string[])[], { columns, align = [], shrink = [0] }: TableOptions): string[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, i) => Math.max(0, ...rows.map((row) => widthOf(row[i] ?? ''))));
  let excess = widths.reduce((sum, width) => sum + width + 2, -2) - columns;
  const widest = (): number => shrink.reduce((found, i) => ((widths[i] ?? 0) > (widths[found] ?? 0) ? i : found), shrink[0] ?? 0);
  for (let i = widest(); excess > 0 && (widths[i] ?? 0) > LEAST; i = widest()) {
    widths[i] = (widths[i] ?? 0) - 1;
    excess--;
  }
  return rows.map((row) => row.map((cell, i) => pad(clip(cell, widths[i] ?? 0), widths[i] ?? 0, align[i])).join('  ').trimEnd());
}

/** Columns that a shortened cell keeps. */
const LEAST = 8;

/** `12.3 kB`, `4.1 GB`: powers of 1000, as disks count. */
export function showBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return power === 0 ? `${bytes} B` : `${(bytes / 1000 ** power).toFixed(1)} ${units[power] ?? ''}`;
}
