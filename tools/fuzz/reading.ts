// What must hold of every file of tensors, whatever its bytes: refused, or read the same in every way, and again once written.
// May import evenkeel.

import type { Tensor } from 'evenkeel';
import {
  type FileSource, load, open, type OpenFile, readNpy, readNpz, readSafetensors, writeNpy, writeNpz, writeSafetensors,
} from 'evenkeel/io';
import { Dice } from './dice.js';
import type { Naive } from './naive.js';
import { claim, unlessRefused } from './target.js';

type Tensors = ReadonlyMap<string, Tensor>;

/** Whether what a source is read as holds together; tensors are those that `expected` finds, where it finds any. */
export async function checkReading(source: FileSource, expected: (name: string) => Naive | null = () => null): Promise<void> {
  const loaded = await unlessRefused(() => load(source), ['file']);
  const opened = await unlessRefused(() => open(source), ['file']);
  try {
    claim(loaded === null || opened !== null, () => 'it loads and does not open');
    if (opened !== null) await checkOpened(opened, loaded);
    if (loaded === null) return;
    for (const [name, x] of loaded) checkNaive(name, x, expected(name));
    await checkWritten(loaded);
  } finally {
    await opened?.close();
    release(loaded);
  }
}

/** Frees tensors; none for null. */
export function release(tensors: Tensors | null): void {
  for (const x of tensors?.values() ?? []) x.dispose();
}

/** Whether two tensors are equal bit by bit. */
export function isSame(a: Tensor, b: Tensor): boolean {
  const [left, right] = [bytesOf(a), bytesOf(b)];
  return a.dtype === b.dtype && a.shape.join() === b.shape.join() && left.equals(right);
}

async function checkOpened(file: OpenFile, loaded: Tensors | null): Promise<void> {
  const names = file.keys();
  claim(loaded === null || [...loaded.keys()].join('\n') === names.join('\n'), () => 'load and open find other names');
  for (const name of names) {
    const entry = file.entries.get(name);
    claim(entry !== undefined, () => `'${name}' has no entry`);
    const x = await unlessRefused(() => file.read(name), ['file']);
    claim(x !== null || loaded === null, () => `'${name}' loads and is not read`);
    if (x === null) continue;
    try {
      claim(entry?.shape.join() === x.shape.join() && entry.dtype === x.dtype, () => `'${name}' is not as its entry says`);
      const same = loaded?.get(name);
      claim(same === undefined || isSame(same, x), () => `'${name}' is read otherwise than loaded`);
      if (entry?.order !== 'F') await checkRange(file, name, x);
    } finally {
      x.dispose();
    }
  }
}

async function checkRange(file: OpenFile, name: string, x: Tensor): Promise<void> {
  const dice = new Dice(x.size);
  const begin = dice.below(x.size + 1);
  const end = begin + dice.below(x.size - begin + 1);
  const part = await unlessRefused(() => file.readRange(name, begin, end), ['file']);
  claim(part !== null, () => `'${name}' is read whole and not from ${begin} to ${end}`);
  if (part === null) return;
  const width = bytesOf(x).length / Math.max(1, x.size);
  const isPart = bytesOf(part).equals(bytesOf(x).subarray(begin * width, end * width));
  part.dispose();
  claim(isPart, () => `'${name}' from ${begin} to ${end} is not what the whole has there`);
}

function checkNaive(name: string, { data, shape, size }: Tensor, expected: Naive | null): void {
  if (expected === null) return;
  claim(expected.shape.join() === shape.join(), () => `'${name}' has shape ${shape.join()} instead of ${expected.shape.join()}`);
  // All of small tensors, some of large ones.
  for (let i = 0; i < size; i += 1 + (i >> 8)) {
    claim(Object.is(data[i], expected.at(i)), () => `'${name}' has ${data[i]} at ${i} instead of ${expected.at(i)}`);
  }
}

/** What was read, written and read again. A name that a format does not take is refused. */
async function checkWritten(tensors: Tensors): Promise<void> {
  const ways = [
    ['safetensors', () => readSafetensors(writeSafetensors(tensors))],
    ['npz', () => readNpz(writeNpz(tensors))],
    ['npy', () => new Map([...tensors].slice(0, 1).map(([name, x]) => [name, readNpy(writeNpy(x))]))],
  ] as const;
  for (const [format, again] of ways) {
    const read = await unlessRefused<Tensors>(again, ['name', 'argument']);
    for (const [name, x] of read ?? []) {
      const original = tensors.get(name);
      claim(original !== undefined && isSame(original, x), () => `'${name}' is another once written as ${format}`);
    }
    claim(read === null || format === 'npy' || read.size === tensors.size, () => `${format} keeps ${read?.size} of ${tensors.size}`);
    release(read);
  }
}

function bytesOf({ data }: Tensor): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
