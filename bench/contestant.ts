// What takes part in a row: something that can be timed, and the numbers it works on. May import row.

import { performance } from 'node:perf_hooks';
import { count, isStored, type Row, type Shape, type Work } from './row.js';

/** A training step is forward, backward and a step of AdamW; an epoch is one for every batch of x. */
export const passes = ['forward', 'forward+backward', 'training step', 'epoch'] as const;
export type Pass = (typeof passes)[number];

export interface Contestant {
  /** Runs so many calls; gives the time of one in µs. */
  sample(calls: number): Promise<number>;
  /**
   * Elements of the pass's result at these places: those of y, or of x's gradient; null where there is none. After a
   * training step or an epoch from the row's numbers, those of y with the parameters that it leaves.
   */
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

/** What a name's values are: value = scale·noise + shift. */
export interface Values {
  readonly scale: number;
  readonly shift: number;
}

/** Scales lie about 1, variances are positive; weights of a module give sums of their inputs' size, as PyTorch's do. */
export function valuesOf(work: Work, name: string): Values {
  if (!isStored(work, name)) return { scale: 1, shift: 0 };
  const shape = work.inputs[name] ?? [];
  if (typeof work.own !== 'function' && shape.length > 1) return { scale: 1 / Math.sqrt(count(shape.slice(1))), shift: 0 };
  return { scale: 0.25, shift: /^b$|bias$|Mean$/.test(name) ? 0 : 1 };
}

/** Hashes of 0, 1, ... spread over [−1, 1): every process can make the same ones. */
export function noise(length: number, seed: number, { scale, shift }: Values): Float32Array {
  const values = new Float32Array(length);
  const start = Math.imul(seed, 0x85ebca77);
  for (let i = 0; i < length; i++) {
    const turned = Math.imul(i, 0x9e3779b1) + start;
    const mixed = Math.imul(turned ^ (turned >>> 15), 0x2c1b3c6d);
    values[i] = scale * (((mixed ^ (mixed >>> 12)) >>> 0) / 2 ** 31 - 1) + shift;
  }
  return values;
}

/** The numbers of a row, each array made when it is first asked for. */
export function numbersOf(work: Work): Numbers {
  const known = new Map<string, Float32Array>();
  const shapes: Readonly<Record<string, Shape>> = { ...work.inputs, dy: work.output };
  return (name) => {
    const made = known.get(name) ?? noise(count(shapes[name] ?? []), seedOf(work, name), valuesOf(work, name));
    known.set(name, made);
    return made;
  };
}

export function seedOf(work: Work, name: string): number {
  return [...Object.keys(work.inputs), 'dy'].indexOf(name);
}

/** Some places in a pass's result, y or x's gradient: its ends and between. */
export function placesIn(work: Work, pass: Pass): number[] {
  const length = count(pass === 'forward+backward' ? (work.inputs['x'] ?? []) : work.output);
  return [0, 0.21, 0.5, 0.83, 1].map((part) => Math.floor(part * (length - 1)));
}

export function passesOf({ own, recorded, batch }: Work): readonly Pass[] {
  if (recorded) return ['forward'];
  if (batch !== null) return ['epoch'];
  return typeof own === 'function' ? ['forward', 'forward+backward'] : ['forward', 'training step'];
}
