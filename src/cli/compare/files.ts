// Two files tensor by tensor, chunk by chunk. May import evenkeel and evenkeel/io.

import { KeelError, type Tensor } from 'evenkeel';
import type { OpenFile, TensorEntry } from 'evenkeel/io';
import { didYouMean } from '../suggest.js';
import type { Terminal } from '../terminal.js';
import { Distances, indexAt, type Distance } from './distance.js';
import { coarser, isFloat } from './ulps.js';

/** A tensor of both files, or of one. */
export interface Compared {
  /** As in the first file, or where it is only in the second, as there. */
  readonly name: string;
  /** null in the file that lacks it. */
  readonly a: TensorEntry | null;
  readonly b: TensorEntry | null;
  /** null where a shape is another, or one is missing. */
  readonly distance: Distance | null;
  /** Of the largest difference. */
  readonly index: readonly number[] | null;
  /** Beyond the tolerance: another shape, a missing tensor, NaN on one side; without a tolerance another dtype too. */
  readonly differs: boolean;
}

export interface CompareOptions {
  /** These tensors only; all if there are none. */
  readonly entries: readonly string[];
  /** The largest difference of elements that is none; null: none is, nor is another dtype. */
  readonly tolerance: number | null;
}

/**
 * Compares all tensors by name; where both files hold a single one, those two.
 *
 * @throws KeelError [argument] for an entry that neither file holds; [file] where one cannot be read.
 */
export async function compareFiles(a: OpenFile, b: OpenFile, options: CompareOptions, terminal: Terminal): Promise<Compared[]> {
  const pairs = pairsOf(a, b, options.entries);
  const total = pairs.reduce((sum, { entryA, entryB }) => sum + (entryB === null ? 0 : sizeOf(entryA)), 0);
  const found: Compared[] = [];
  let done = 0;
  for (const pair of pairs) {
    const { name, entryA, entryB } = pair;
    const isSameShape = entryA !== null && entryB !== null && entryA.shape.join() === entryB.shape.join();
    if (!isSameShape) {
      found.push({ name, a: entryA, b: entryB, distance: null, index: null, differs: true });
      continue;
    }
    const { order, distance } = await distanceOf(a, b, pair, terminal, (elements) => terminal.progress('comparing', done + elements, total));
    done += distance.elements;
    const { at, largest, nans, different } = distance;
    const { tolerance } = options;
    const isFar = tolerance === null ? different > 0 || entryA.format !== entryB.format : largest > tolerance || nans > 0;
    found.push({
      name, a: entryA, b: entryB, distance, index: at === null ? null : indexAt(at, entryA.shape, order), differs: isFar,
    });
  }
  return found;
}

interface Pair {
  readonly name: string;
  readonly nameB: string;
  readonly entryA: TensorEntry | null;
  readonly entryB: TensorEntry | null;
}

function pairsOf(a: OpenFile, b: OpenFile, chosen: readonly string[]): Pair[] {
  const [keysA, keysB] = [a.keys(), b.keys()];
  const [onlyA, onlyB] = [keysA, keysB];
  if (chosen.length === 0 && keysA.length === 1 && keysB.length === 1) {
    const [name = '', nameB = ''] = [onlyA[0], onlyB[0]];
    return [{ name, nameB, entryA: a.entries.get(name) ?? null, entryB: b.entries.get(nameB) ?? null }];
  }
  const names = [...new Set([...keysA, ...keysB])];
  const unknown = chosen.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    const message = `neither file holds a tensor '${unknown}'${didYouMean(unknown, names)}`;
    throw new KeelError('argument', message, { entry: unknown });
  }
  return (chosen.length === 0 ? names : chosen).map((name) => ({
    name, nameB: name, entryA: a.entries.get(name) ?? null, entryB: b.entries.get(name) ?? null,
  }));
}

/** Elements of both that are in memory at a time. */
const CHUNK = 2 ** 19;

async function distanceOf(
  a: OpenFile, b: OpenFile, { name, nameB, entryA, entryB }: Pair, { signal }: Terminal, progress: (done: number) => void,
): Promise<{ order: 'C' | 'F'; distance: Distance }> {
  const [formatA, formatB] = [entryA?.format ?? 'F32', entryB?.format ?? 'F32'];
  const distances = new Distances(isFloat(formatA) && isFloat(formatB) ? coarser(formatA, formatB) : null);
  const [orderA, orderB] = [entryA?.order ?? 'C', entryB?.order ?? 'C'];
  if (orderA !== orderB) {
    // Ranges of the two are of other elements: whole tensors have one order.
    add(distances, await a.read(name), await b.read(nameB));
    return { order: 'C', distance: distances.result() };
  }
  const size = sizeOf(entryA);
  for (let begin = 0; begin < size; begin += CHUNK) {
    signal.throwIfAborted();
    progress(begin);
    const end = Math.min(size, begin + CHUNK);
    add(distances, await a.readRange(name, begin, end), await b.readRange(nameB, begin, end));
  }
  return { order: orderA, distance: distances.result() };
}

function add(distances: Distances, x: Tensor, y: Tensor): void {
  try {
    distances.add(x.data, y.data);
  } finally {
    x.dispose();
    y.dispose();
  }
}

function sizeOf(entry: TensorEntry | null): number {
  return (entry?.shape ?? [0]).reduce((a, b) => a * b, 1);
}
