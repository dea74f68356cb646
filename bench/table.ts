// The bench as text. May import contestant, files, result, row.

import { passes, type Pass } from './contestant.js';
import type { FileResult } from './files.js';
import type { Timing } from './measure.js';
import { averageOf, medianOf, type PeerResult, type Result } from './result.js';
import type { Row } from './row.js';

const NAME = 36;
const PASS = 8;
const CELL = 10;
const families: Readonly<Record<Exclude<Row['family'], 'call'>, string>> = {
  norm: 'norms', rms: 'RMSNorm', add: 'Add & Norm', dense: 'dense', block: 'blocks', job: 'jobs',
};
const shortPass: Readonly<Record<Pass, string>> = {
  forward: 'fwd', 'forward+backward': 'fwd+bwd', 'training step': 'step', epoch: 'epoch',
};

/** The two lines over the columns. */
export function headLines(peers: readonly string[]): string[] {
  const own = ['µs', '± half', 'GB/s', 'GFLOP/s', '% of copy'];
  const blank = ''.padEnd(NAME + PASS + CELL * own.length);
  return [
    `${blank}  time of each peer / time of evenkeel`,
    `${'row'.padEnd(NAME)}${'pass'.padEnd(PASS)}${cells(own)}  ${cells(peers.map(shortName))}`,
  ];
}

export function resultLine(result: Result): string {
  const { own } = result;
  const times = 'error' in own ? ['failed', '-'] : [number(own.median), number((own.q3 - own.q1) / 2)];
  const share = result.copyShare === null ? '-' : `${(100 * result.copyShare).toFixed(0)}`;
  const rates = [number(result.gigabytesPerSecond), number(result.gigaflops), share];
    const name = result.row.length < NAME ? result.row : `${result.row.slice(0, NAME - 2)}…`;
  return `${name.padEnd(NAME)}${shortPass[result.pass].padEnd(PASS)}${cells([...times, ...rates])}  ${cells(result.peers.map(ratioCell))}`;
}

/** What does not fit into a column: failures, results that differ, and what stands beside the row. */
export function remarks(result: Result): string[] {
  const found: string[] = [];
  if ('error' in result.own) found.push(`evenkeel failed: ${result.own.error}`);
  for (const { name, timing, differs } of result.peers) {
    if (timing !== null && 'error' in timing) found.push(`${name} failed: ${timing.error}`);
    if (differs !== null) found.push(`! ${name} computed something else: ${differs}`);
  }
  const own = medianOf(result.own);
  const other = medianOf(result.beside?.timing ?? null);
  if (result.beside !== null && own !== null && other !== null) {
    const more = result.family === 'call' ? `: ${number(own - other)} µs over it` : '';
    found.push(`${number(own / other)}× the time of ${result.beside.name} (${number(other)} µs)${more}`);
  }
  return found.map((line) => `    ${line}`);
}

/** One line: how the peer compares over all rows that it took part in; null where no mean is to be had. */
export function summaryLine(peer: string, version: string, results: readonly Result[]): string | null {
  const parts = Object.entries(families).flatMap(([family, label]) => {
    // The keys are the families.
    const found = passes.flatMap((pass) => {
      const text = averageText(results, peer, family as Row['family'], pass);
      return text === null ? [] : [text];
    });
    return found.length > 0 ? [`${label} ${found.join(', ')}`] : [];
  });
  return parts.length > 0 ? `${peer} ${version}: ${parts.join('; ')}` : null;
}

function averageText(results: readonly Result[], peer: string, family: Row['family'], pass: Pass): string | null {
  const average = averageOf(results, peer, family, pass);
  if (average === null) return null;
  const { mean, worst, rows } = average;
  const least = rows > 1 ? ` (worst ${number(worst.ratio)}×, ${worst.row})` : '';
  return `${pass} ${number(mean)}×${least}`;
}

function ratioCell({ timing, ratio, differs }: PeerResult): string {
  if (timing !== null && 'error' in timing) return 'failed';
  return ratio === null ? '-' : `${number(ratio)}×${differs === null ? '' : '!'}`;
}

function cells(texts: readonly string[]): string {
  return texts.map((text) => text.padStart(CELL)).join('');
}

function shortName(peer: string): string {
  return peer.replace('onnxruntime', 'ort');
}

/** What a row about files says: bytes of the file by seconds, beside a copy of it, and PyTorch. */
export function fileLine({ row, bytes, own, copy, pytorch }: FileResult): string {
  const [micros, copied, theirs] = [medianOf(own), medianOf(copy), medianOf(pytorch?.timing ?? null)];
  if (micros === null) return `${row}: ${millis(own)}`;
  const share = copied === null ? '' : `, ${((100 * copied) / micros).toFixed(0)} % of the speed of a copy (${millis(copy)})`;
  const peer = pytorch === null ? '' : `; PyTorch ${pytorch.version} ${theirs === null ? millis(pytorch.timing) : `${number(theirs / micros)}×`}`;
  return `${row}: ${millis(own)}, ${number(bytes / micros)} MB/s${share}${peer}`;
}

/** Three digits that count, two of small numbers, and all before the point. */
export function number(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return '-';
  const size = Math.abs(value);
  if (size < 0.0995 && size > 0) return value.toPrecision(2);
  return value.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
}

/** Of a run's length or a figure in milliseconds. */
export function millis(timing: Timing): string {
  return 'error' in timing ? `failed: ${timing.error}` : `${number(timing.median / 1000)} ms`;
}
