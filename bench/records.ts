// Results as lines of a CSV file, one for each contestant of a row. May import result.

import { appendFileSync, existsSync } from 'node:fs';
import type { Machine } from './machine.js';
import type { Timing } from './measure.js';
import type { Result } from './result.js';

export interface Setting {
  readonly machine: Machine;
  readonly threads: number;
  readonly backend: string;
  readonly version: string;
}

export const columns = [
  'date', 'commit', 'cpu', 'cores', 'memory', 'node', 'threads', 'row', 'pass', 'contestant', 'version', 'samples', 'median_us',
  'q1_us', 'q3_us', 'gigabytes_per_second', 'copy_share', 'ratio',
] as const;

type Fields = Readonly<Record<(typeof columns)[number], string | number>>;

/** Adds the lines of a result to the file, which is made with its head where it is not there. */
export function appendRecords(path: string | URL, setting: Setting, result: Result): void {
  const lines = recordsOf(setting, result).map((fields) => columns.map((column) => quoted(fields[column])).join(','));
  const head = existsSync(path) ? [] : [columns.join(',')];
  appendFileSync(path, [...head, ...lines, ''].join('\n'));
}

function recordsOf({ machine, threads, backend, version }: Setting, result: Result): Fields[] {
  const { own, copies, beside, peers } = result;
  const fields = (contestant: string, of: string, timing: Timing | null, extra: Partial<Fields> = {}): Fields[] =>
    timing === null || 'error' in timing
      ? []
      : [{
          ...machine, threads, row: result.row, pass: result.pass, contestant, version: of,
          samples: timing.samples, median_us: digits(timing.median), q1_us: digits(timing.q1), q3_us: digits(timing.q3),
          gigabytes_per_second: '', copy_share: '', ratio: '', ...extra,
        }];
  return [
    ...fields(`evenkeel ${backend}`, version, own, {
      gigabytes_per_second: digits(result.gigabytesPerSecond),
      copy_share: digits(result.copyShare),
    }),
    ...fields('memory.copy', '', copies.memoryCopy),
    ...fields('SIMD copy', '', copies.simdLoop),
    ...(beside === null ? [] : fields(`evenkeel ${backend}: ${beside.name}`, version, beside.timing)),
    ...peers.flatMap((peer) => fields(peer.name, peer.version, peer.timing, { ratio: digits(peer.ratio) })),
  ];
}

function digits(value: number | null): string {
  return value === null ? '' : value.toPrecision(4);
}

function quoted(value: string | number): string {
  const text = String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
