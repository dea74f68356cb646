// Archives with bytes changed, from a seed: a checksum stands between a flipped bit and a wrong number. fuzz.test.ts has the rest.

import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { KeelError, memory, type Tensor } from 'evenkeel';
import { load } from 'evenkeel/io';
import { describe, expect, test } from 'vitest';
import { pth } from '../tools/fuzz/archive.js';
import { mutateBytes } from '../tools/fuzz/bytes.js';
import { Dice } from '../tools/fuzz/dice.js';

const folder = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const files = [
  ...['shared_storage.pth', 'nan_poisoned.safetensors', 'fortran_order.npy'].map((name) => `models/broken/${name}`),
  ...['mlp_weightnorm.pth', 'mlp_weightnorm.safetensors'].map((name) => `models/${name}`),
  ...(await readdir(folder('io'))).filter((name) => /\.(pth|npz|safetensors)$/.test(name)).map((name) => `io/${name}`),
];

// Of views, only the part that a tensor needs is read, which no checksum covers.
const isChecked = (name: string) => name.endsWith('.pth') && !name.includes('views');

describe('mutated files', () => {
  test.each(files)('%s', async (name) => {
    const bytes = await readFile(folder(name));
    const whole = await outcome(bytes);
    const before = memory().tensors;
    for (let seed = 0; seed < 100; seed++) {
      const mutated = mutateBytes(bytes, new Dice(seed));
      const read = await outcome(mutated);
      // A checksum stands between a flipped bit and a wrong number.
      if (isChecked(name) && read !== null) expect(read, `seed ${seed}`).toEqual(whole);
    }
    expect(memory().tensors).toBe(before);
  });
});

describe('mutated pickles with their checksums right', () => {
  test.each(['training', 'views', 'protocol4', 'several', 'whole_module'])('%s', async (name) => {
    const bytes = await readFile(folder(`io/${name}.pth`));
    const pickle = pickleOf(bytes);
    const storages = Object.fromEntries(Array.from({ length: 30 }, (_, key) => [String(key), new Uint8Array(96)]));
    const reads = [];
    for (let seed = 0; seed < 200; seed++) reads.push(await outcome(pth(mutateBytes(pickle, new Dice(seed)), storages)));
    expect(reads.filter((read) => read === null).length).toBeGreaterThan(0);
  });
});

/** The tensors of a file as text, gone again; null where it is refused. Anything else fails the test. */
async function outcome(bytes: Uint8Array): Promise<Record<string, string> | null> {
  const started = process.memoryUsage().arrayBuffers;
  try {
    const tensors = await load(bytes, {});
    const texts = Object.fromEntries([...tensors].map(([key, x]) => [key, textOf(x)]));
    for (const x of tensors.values()) x.dispose();
    return texts;
  } catch (error) {
    expect(error).toBeInstanceOf(KeelError);
    return null;
  } finally {
    expect(process.memoryUsage().arrayBuffers - started).toBeLessThan(2 ** 24);
  }
}

function textOf(x: Tensor): string {
  return `${x.dtype} ${x.shape.join()} ${x.data.join()}`;
}

/** The first record of an archive as torch.save writes it, which stores data.pkl first. */
function pickleOf(archive: Uint8Array): Uint8Array {
  const view = new DataView(archive.buffer, archive.byteOffset, archive.byteLength);
  const start = 30 + view.getUint16(26, true) + view.getUint16(28, true);
  const end = Buffer.from(archive).indexOf('PK\u0007\u0008', start);
  return archive.subarray(start, end);
}
