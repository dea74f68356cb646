// What fold says. May import evenkeel and neighbours.

import type { FoldedPair, KeptNorm } from 'evenkeel/fold';
import type { KeyLayout } from 'evenkeel/nn';
import type { Terminal } from '../terminal.js';
import { printable, table, widthOf, wrap } from '../text.js';

/** What was read, and where the result goes. */
export interface Job {
  /** As the user gave it. */
  readonly name: string;
  readonly path: string;
  readonly out: string | null;
  readonly overwrite: boolean;
}

/** What was folded and kept. */
export interface Report {
  readonly input: string;
  /** null where nothing was written. */
  readonly output: string | null;
  readonly layout: KeyLayout | null;
  readonly eps: number | null;
  readonly pairs: readonly FoldedPair[];
  readonly kept: readonly KeptNorm[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly beside: readonly string[];
}

export function textOf(report: Report, isEpsGiven: boolean, { columns, paint }: Terminal): string[] {
  const { input, output, layout, pairs, kept, added, removed, beside, eps } = report;
  const model = layout === null ? '' : `, ${layout.model} of ${layout.layout}`;
  const what = pairs.length === 0 ? 'nothing can be folded' : `${counted(pairs.length, 'pair')} ${output === null ? 'can be folded' : 'folded'}`;
  const lines = pairLines(pairs, columns);
  const isBatch = pairs.some(({ kind }) => kind.includes('batch-norm'));
  return [
    ...wrap(`${input}${model}: ${what}, ${counted(kept.length, 'norm')} kept`, columns, '  '),
    ...(pairs.length === 0 ? [] : ['', paint('bold', lines[0] ?? ''), ...lines.slice(1)]),
    ...(kept.length === 0 ? [] : ['', paint('bold', 'kept')]),
    ...reasons(kept).flatMap(([reason, norms]) => wrap(`${norms.map(printable).join(', ')}: ${printable(reason)}`, columns, '  ')),
    '',
    ...(isBatch && eps !== null && !isEpsGiven ? wrap(`batch norms were taken to have eps ${short(eps)}, which is not in the file: --eps gives another`, columns, '  ') : []),
    ...(added.length + removed.length === 0 ? [] : wrap(keysLine(added, removed), columns, '  ')),
    ...(beside.length === 0 ? [] : wrap(`needs ${beside.map(printable).join(', ')} beside it`, columns, '  ')),
    output === null ? 'nothing was written' : `${output}: written`,
  ];
}

/** A pair in each; without its kind where the names would not fit beside it. */
function pairLines(pairs: readonly FoldedPair[], columns: number): string[] {
  const rows = pairs.map(({ norm, into, largestDifference, tolerance, kind }) => [
    printable(norm), printable(into), scientific(largestDifference), scientific(tolerance), kind,
  ]);
  const head = ['norm', 'into', 'difference', 'limit', 'kind'];
  const align = ['left', 'left', 'right', 'right', 'left'] as const;
  const lines = table([head, ...rows], { columns: Infinity, align });
  if (lines.every((line) => widthOf(line) <= columns)) return lines;
  return table([head, ...rows].map((row) => row.slice(0, -1)), { columns, align, shrink: [1, 0] });
}

/** Norms that are kept for the same reason, in one line. */
function reasons(kept: readonly KeptNorm[]): (readonly [reason: string, norms: readonly string[]])[] {
  const norms = new Map<string, string[]>();
  for (const { norm, reason } of kept) {
    const same = norms.get(reason);
    if (same === undefined) norms.set(reason, [norm]);
    else same.push(norm);
  }
  return [...norms];
}

function keysLine(added: readonly string[], removed: readonly string[]): string {
  const facts = [
    ...(added.length === 0 ? [] : [`${counted(added.length, 'bias', 'biases')} came (${firstOf(added)})`]),
    ...(removed.length === 0 ? [] : [`${counted(removed.length, 'key')} of batch norms went (${firstOf(removed)})`]),
  ];
  return facts.join(', ');
}

function firstOf(keys: readonly string[]): string {
  return `${keys.slice(0, 3).map(printable).join(', ')}${keys.length > 3 ? ', ...' : ''}`;
}

function counted(count: number, one: string, several = `${one}s`): string {
  return `${count} ${count === 1 ? one : several}`;
}

/** `1e-5` */
function short(value: number): string {
  return Math.abs(value) < 1e-3 ? value.toExponential() : String(value);
}

function scientific(value: number): string {
  return value === 0 ? '0' : value.toExponential(1);
}
