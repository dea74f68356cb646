// What compare found, as lines for a terminal. Imports its neighbours and the frame.

import { dtypeNames, showExtents } from '../normalize/report.js';
import type { Terminal } from '../terminal.js';
import { labelled, printable, table, wrap } from '../text.js';
import type { Distance } from './distance.js';
import type { Compared } from './files.js';
import type { LayersCompared } from './layers.js';

type Page = Pick<Terminal, 'columns' | 'paint'>;

/** The verdict, what becomes of parameters, all that differs, and by how much on the data. */
export function layersLines({ verdict, distance, refusal }: LayersCompared, label: string, { columns, paint }: Page): string[] {
  const { same, reason, carry, differences } = verdict;
  const opening = same ? 'the same computation' : 'not the same computation';
  const [first = '', ...more] = wrap(`${opening}: ${reason}`, columns);
  const on = label === 'random numbers' ? 'on random numbers' : `on ${printable(label)}`;
  // What the parameters differ in, the carry says with the way out.
  const others = differences.filter(({ in: what, text }) => text !== reason && what !== 'parameters');
  return [
    first.replace(opening, paint(same ? 'green' : 'red', opening)),
    ...more,
    ...labelled([
      ['parameters', carry],
      ...others.map(({ in: what, text }) => [what, text] as const),
      ...(distance === null ? [] : [[on, distanceText(distance, distance.index)] as const]),
      ...(refusal === null ? [] : [[on, `not computed: ${refusal}`] as const]),
    ], columns),
  ];
}

function distanceText({ largest, relative, nans, values, different }: Distance, index: readonly number[] | null): string {
  if (different === 0 || values === null || index === null) return 'no difference';
  const missing = nans === 0 ? '' : `; NaN in one of the two: ${nans}`;
  const [a, b] = both(values);
  return `largest difference ${short(largest)} at [${index.join(', ')}]: ${a} and ${b}; relative ${short(relative)}${missing}`;
}

/** Every tensor that differs in a row, and how many do not. */
export function filesLines(found: readonly Compared[], [a, b]: readonly [string, string], tolerance: number | null, page: Page): string[] {
  const { columns, paint } = page;
  const far = found.filter(({ differs }) => differs);
  const equal = found.length - far.length;
  const near = tolerance === null ? 'equal' : `equal or within ${short(tolerance)}`;
  if (far.length === 0) {
    const which = found.length === 0 ? 'no tensors in either' : `${tensors(found.length)}, ${found.length === 1 ? '' : 'all '}${near}`;
    return wrap(`${paint('green', which)}: ${printable(a)} and ${printable(b)}`, columns);
  }
  const rows = far.filter(({ distance }) => distance !== null);
  const reshaped = far.filter((tensor) => tensor.distance === null && tensor.a !== null && tensor.b !== null);
  const lines = [
    ...reshaped.map((tensor) => `${printable(tensor.name)}: ${showExtents(tensor.a?.shape ?? [])} in A, ${showExtents(tensor.b?.shape ?? [])} in B`),
    ...rows.filter((tensor) => tensor.a?.format !== tensor.b?.format).map(dtypeText),
    ...rows.flatMap(({ name, distance }) => (distance === null || distance.nans === 0 ? [] : [`${printable(name)}: NaN in one of the two: ${distance.nans}`])),
    ...onlyIn('A', far.filter((tensor) => tensor.b === null)),
    ...onlyIn('B', far.filter((tensor) => tensor.a === null)),
  ];
  return [
    ...wrap(`A is ${printable(a)}, B is ${printable(b)}`, columns),
    '',
    ...(rows.length === 0 ? [] : tableOf([headings, ...rows.map(rowOf)], columns)),
    ...lines.flatMap((line) => wrap(line, columns, '  ')),
    '',
    paint('red', `${far.length} of ${tensors(found.length)} differ${far.length === 1 ? 's' : ''}`) + (equal === 0 ? '' : `, ${equal} ${near}`),
  ];
}

const tensors = (n: number): string => `${n} tensor${n === 1 ? '' : 's'}`;

const headings = ['tensor', 'differ', 'largest', 'relative', 'ulps', 'at', 'A', 'B'];
const align = ['left', 'right', 'right', 'right', 'right', 'left', 'right', 'right'] as const;

/** A narrow terminal has no room for the elements themselves. */
function tableOf(rows: readonly (readonly string[])[], columns: number): string[] {
  return table(columns < 72 ? rows.map((row) => row.slice(0, -2)) : rows, { columns, align, shrink: [0, 6, 7, 5] });
}

function rowOf({ name, distance, index }: Compared): string[] {
  const { different = 0, elements = 0, largest = 0, relative = 0, ulps = null, nans = 0, values = null } = distance ?? {};
  const isNaN = nans > 0 && nans === different;
  const [a, b] = values === null ? ['-', '-'] : both(values);
  return [
    printable(name),
    `${different}/${elements}`,
    isNaN ? 'NaN' : short(largest),
    isNaN ? 'NaN' : short(relative),
    ulps === null || isNaN || largest === Infinity ? '-' : short(ulps),
    index === null ? '-' : `[${index.join(', ')}]`,
    a,
    b,
  ];
}

/** `only in A: 12 tensors: a, b, c and 9 more` */
function onlyIn(file: string, missing: readonly Compared[]): string[] {
  if (missing.length === 0) return [];
  const names = missing.slice(0, MOST_NAMED).map(({ name }) => printable(name)).join(', ');
  const more = missing.length > MOST_NAMED ? ` and ${missing.length - MOST_NAMED} more` : '';
  return [`only in ${file}, ${tensors(missing.length)}: ${names}${more}`];
}

const MOST_NAMED = 6;

function dtypeText({ name, a, b }: Compared): string {
  const [inA, inB] = [a, b].map((entry) => (entry === null ? '' : dtypeNames[entry.format]));
  return `${printable(name)}: ${inA} in A, ${inB} in B`;
}

/** Two numbers with as many digits as tell them apart. */
function both([a, b]: NonNullable<Distance['values']>): [string, string] {
  const digits = [4, 6, 9, 17].find((count) => short(a, count) !== short(b, count)) ?? 17;
  return [short(a, digits), short(b, digits)];
}

/** So many digits; whole numbers as they are. */
function short(value: number | bigint, digits = 4): string {
  if (typeof value === 'bigint') return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return String(value);
  return Number.isFinite(value) ? String(Number(value.toPrecision(digits))) : String(value);
}
