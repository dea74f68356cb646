// What takes part in a row: something that can be timed, and the numbers it works on. May import rows.

import { performance } from 'node:perf_hooks';
import { constants, type Row, type Work } from './rows.js';

export type Pass = 'forward' | 'forward+backward';

export interface Contestant {
  /** Runs so many calls; gives the time of one in µs. */
  sample(calls: number): Promise<number>;
  /** Elements of the pass's result at these places: those of y, or of x's gradient; null where there is none. */
  probe(places: readonly number[]): Promise<readonly number[]> | null;
  close(): void | Promise<void>;
}

/** One of the columns: evenkeel in another form, or someone else's library. */
export interface Peer {
  readonly name: string;
  readonly version: string;
  /** A contestant for the row, or null where the peer has nothing like it. */
  enter(row: Row, pass: Pass, numbers: Numbers): Promise<Contestant | null>;
  close(): void | Promise<void>;
}

/** A peer that is not there, and the command that gets it. */
export interface Missing {
  readonly name: string;
  readonly why: string;
  readonly command: string;
}

/** The values of a row's inputs, and of the gradient `dy` of its output. */
export type Numbers = (name: string) => Float32Array;

/** Times a function that runs at once. */
export async function timeCalls(calls: number, run: () => void): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < calls; i++) run();
  return ((performance.now() - start) * 1000) / calls;
}

/** Times a function that is waited for. */
export async function timeAwaited(calls: number, run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < calls; i++) await run();
  return ((performance.now() - start) * 1000) / calls;
}

/** What a name's values are: value = scale·wave + shift. Those of a scale lie about 1, variances are positive. */
export function valuesOf(name: string): { readonly scale: number; readonly shift: number } {
  if (!constants.includes(name)) return { scale: 1, shift: 0 };
  return { scale: 0.25, shift: name === 'w' || name === 'runningVar' ? 1 : 0 };
}

/** Multiples of the golden ratio modulo 1, spread over [−1, 1): every process can make the same ones. */
export function wave(length: number, seed: number, { scale, shift }: { scale: number; shift: number }): Float32Array {
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    const turn = (Math.imul(i + seed * 1013, 2654435769) >>> 0) / 2 ** 31 - 1;
    values[i] = scale * turn + shift;
  }
  return values;
}

/** The numbers of a row, each array made when it is first asked for. */
export function numbersOf(work: Work): Numbers {
  const known = new Map<string, Float32Array>();
  const shapes: Readonly<Record<string, readonly number[]>> = { ...work.inputs, dy: work.output };
  return (name) => {
    const made = known.get(name) ?? wave(lengthOf(shapes[name] ?? []), seedOf(work, name), valuesOf(name));
    known.set(name, made);
    return made;
  };
}

export function seedOf(work: Work, name: string): number {
  return [...Object.keys(work.inputs), 'dy'].indexOf(name);
}

export function lengthOf(shape: readonly number[]): number {
  return shape.reduce((n, extent) => n * extent, 1);
}

/** Some places in a pass's result, y or x's gradient: its ends and between. */
export function placesIn(work: Work, pass: Pass): number[] {
  const length = lengthOf(pass === 'forward' ? work.output : (work.inputs['x'] ?? []));
  return [0, 0.21, 0.5, 0.83, 1].map((part) => Math.floor(part * (length - 1)));
}

export function passesOf({ recorded }: Work): readonly Pass[] {
  return recorded ? ['forward'] : ['forward', 'forward+backward'];
}
