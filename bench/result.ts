// One line of the bench: what was measured of a row's pass, and what follows from it. May import row, statistics.

import type { Pass } from './contestant.js';
import type { Timing } from './measure.js';
import { count, type Row } from './row.js';
import { geometricMean, type Spread } from './statistics.js';

export interface PeerResult {
  readonly name: string;
  readonly version: string;
  /** null where the peer has nothing like the row. */
  readonly timing: Timing | null;
  /** The peer's time over evenkeel's: above 1, evenkeel is faster. */
  readonly ratio: number | null;
  /** What it computed where evenkeel computed something else. */
  readonly differs: string | null;
}

export interface Result {
  readonly row: string;
  readonly family: Row['family'];
  readonly pass: Pass;
  readonly own: Timing;
  readonly gigabytesPerSecond: number | null;
  readonly gigaflops: number | null;
  /** Of the bandwidth of a copy of x, see {@link copyTime}. */
  readonly copyShare: number | null;
  readonly copies: { readonly memoryCopy: Timing | null; readonly simdLoop: Timing | null };
  readonly beside: { readonly name: string; readonly timing: Timing } | null;
  readonly peers: readonly PeerResult[];
}

/** Up to here memory.copy and a loop store alike; above, memory.copy has stores past the cache, which WebAssembly lacks. */
const LOOP_ONLY = 64e6;

/** Bytes that the pass cannot do without moving, and the operations of its matrix work. */
export function workOf(row: Row, pass: Pass): { readonly bytes: number; readonly flops: number | null } {
  const learns = pass !== 'forward';
  const sweeps = row.sweeps.forward + (learns ? row.sweeps.backward : 0);
  return { bytes: sweeps * bytesOfX(row), flops: row.flops === null ? null : row.flops * (learns ? 3 : 1) };
}

export function bytesOfX(row: Row): number {
  return 4 * count(row.inputs['x'] ?? []);
}

/** The time of the copy that counts: the faster one, and the loop beyond 64 MB. */
export function copyTime(bytes: number, { memoryCopy, simdLoop }: Result['copies']): number | null {
  if (simdLoop === null || 'error' in simdLoop) return null;
  if (bytes > LOOP_ONLY || memoryCopy === null || 'error' in memoryCopy) return simdLoop.median;
  return Math.min(simdLoop.median, memoryCopy.median);
}

export function resultOf(
  row: Row,
  pass: Pass,
  own: Timing,
  copies: Result['copies'],
  beside: Result['beside'],
  peers: readonly Omit<PeerResult, 'ratio'>[],
): Result {
  const { bytes, flops } = workOf(row, pass);
  const micros = medianOf(own);
  const copy = copyTime(bytesOfX(row), copies);
  // A copy moves every byte twice: it is read and written.
  const copied = copy === null ? null : (2 * bytesOfX(row)) / copy;
  return {
    row: row.name,
    family: row.family,
    pass,
    own,
    gigabytesPerSecond: micros === null ? null : bytes / micros / 1e3,
    gigaflops: micros === null || flops === null ? null : flops / micros / 1e3,
    copyShare: micros === null || copied === null || flops !== null ? null : bytes / micros / copied,
    copies,
    beside,
    peers: peers.map((peer) => {
      const theirs = medianOf(peer.timing);
      return { ...peer, ratio: micros === null || theirs === null ? null : theirs / micros };
    }),
  };
}

export function medianOf(timing: Timing | null): number | null {
  return timing === null || 'error' in timing ? null : (timing satisfies Spread).median;
}

export interface Average {
  readonly rows: number;
  readonly mean: number;
  readonly worst: { readonly ratio: number; readonly row: string };
}

/** The geometric mean of a peer's ratios over the rows of a family, and its worst row; null where there are none. */
export function averageOf(results: readonly Result[], peer: string, family: Row['family'], pass: Pass): Average | null {
  const ratios = results
    .filter((result) => result.family === family && result.pass === pass)
    .flatMap(({ row, peers }) => {
      const { ratio = null, differs = null } = peers.find(({ name }) => name === peer) ?? {};
      return ratio === null || differs !== null ? [] : [{ row, ratio }];
    })
    .sort((a, b) => a.ratio - b.ratio);
  const [worst] = ratios;
  return worst ? { rows: ratios.length, mean: geometricMean(ratios.map(({ ratio }) => ratio)), worst } : null;
}
