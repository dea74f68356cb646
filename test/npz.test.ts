// NumPy's archives: .npz files as NumPy writes them, byte for byte, by range, and those that hide something.

import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { constants, deflateRawSync } from 'node:zlib';
import { memory, ones, tensor, type Tensor, zeros } from 'evenkeel';
import { load, loadCheckpoint, open, readNpy, readNpz, readPth, save, writeNpy, writeNpz } from 'evenkeel/io';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { type RecordOf, zip } from '../tools/fuzz/archive.js';
import { refusesFile } from './refusal.js';

const expected = JSON.parse(readFileSync(new URL('arrays/expected.json', import.meta.url), 'utf8'));
const files: Readonly<Record<string, string>> = expected.npz.files;
const folder = await mkdtemp(join(tmpdir(), 'evenkeel-'));
afterAll(() => rm(folder, { recursive: true }));

/** A Blob that tells which parts of it were read. */
class Watched extends Blob {
  readonly parts: number[] = [];
  override slice(begin = 0, end = this.size): Blob {
    this.parts.push(end - begin);
    return super.slice(begin, end);
  }
}

describe('archives as NumPy writes them', () => {
  test.each(Object.entries(files))('%s', async (_, file) => {
    const bytes = Buffer.from(file, 'base64');
    const opened = await open(new Blob([bytes]));
    expect(opened.kind).toBe('npz');
    expect(opened.keys()).toEqual(Object.keys(expected.npz.arrays));
    for (const arrays of [await readNpz(bytes), await load(bytes)]) {
      expect([...arrays.keys()]).toEqual(opened.keys());
      for (const [name, x] of arrays) {
        const { shape, values, order, ordered = values } = expected.npz.arrays[name];
        expect(x.shape).toEqual(shape);
        expect(texts(x)).toEqual(values);
        expect(texts(await opened.read(name))).toEqual(values);
        expect(opened.entries.get(name)).toMatchObject({ shape, order });
        const half = Math.floor(x.size / 2);
        const parts = [await opened.readRange(name, 0, half), await opened.readRange(name, half, x.size)];
        expect(parts.flatMap(texts)).toEqual(ordered);
      }
    }
    await opened.close();
  });

  test('one of nothing', async () => {
    const bytes = Buffer.from(expected.npz.nothing, 'base64');
    expect((await readNpz(bytes)).size).toBe(0);
    expect((await load(new File([bytes], 'x.npz'))).size).toBe(0);
    expect(Buffer.compare(writeNpz(new Map()), bytes)).toBe(0);
  });
});

describe('archives as evenkeel writes them', () => {
  const { files: arrays, npz } = expected.written;
  const own = new Map(
    Object.keys(arrays).filter((name) => name !== 'F16' && name !== 'Fortran').map((name) => [name, readNpy(Buffer.from(arrays[name].file, 'base64'))] as const),
  );

  test('are those of numpy.savez, byte for byte', async () => {
    expect(Buffer.from(writeNpz(own)).toString('base64')).toBe(npz);
    const path = join(folder, 'own.npz');
    await save(path, own);
    expect((await readFile(path)).toString('base64')).toBe(npz);
  });

  test('are so too where there is no Node to sum them up', async () => {
    vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined);
    try {
      expect(Buffer.from(writeNpz(own)).toString('base64')).toBe(npz);
      expect((await readNpz(Buffer.from(files['deflated'] ?? '', 'base64'))).size).toBe(8);
    } finally {
      vi.restoreAllMocks();
    }
  });

  test.each([...own])('.npy of %s is that of numpy.save, byte for byte', (name, x) => {
    expect(Buffer.from(writeNpy(x)).toString('base64')).toBe(arrays[name].file);
  });

  test.each(['../x', '/x', 'a/../b', 'a\\b', 'C:/x', 'a\0', '', 'a//b', './x'])('the name %j is refused', async (name) => {
    const map = new Map([[name, ones([1])]]);
    expect(() => writeNpz(map)).toThrow(expect.objectContaining({ code: 'name' }));
    await expect(save(join(folder, 'x.npz'), map)).rejects.toMatchObject({ code: 'name' });
  });

  test('take no options of safetensors, and tensors that stay as they are', async () => {
    const call = save(join(folder, 'x.npz'), { x: zeros([1]) }, { floats: 'float16' });
    await expect(call).rejects.toMatchObject({ code: 'argument', message: expect.stringContaining('a .npz file takes no options') });
    const [x, y] = [zeros([1]), zeros([1])];
    const saving = save(join(folder, 'x.npz'), { x, y });
    y.add_(1);
    await expect(saving).rejects.toMatchObject({ code: 'modified' });
  });
});

describe('archives that hide something', () => {
  const npy = writeNpy(ones([2]));
  const x = { name: 'x.npy', content: npy };
  const huge = writeNpy({ dtype: 'float32', shape: [2 ** 40], data: new Float32Array(2) });
  const bomb = Buffer.concat([npy, new Uint8Array(2 ** 26)]);
  const rows: readonly (readonly [what: string, records: readonly RecordOf[], message: string])[] = [
    ['a name that climbs', [{ ...x, name: '../x.npy' }], "the name of record '../x.npy' has '.', '..' or nothing between its slashes"],
    ['a name that climbs later', [x, { ...x, name: 'a/../../x.npy' }], "'a/../../x.npy' has '.', '..'"],
    ['an absolute name', [{ ...x, name: '/etc/x.npy' }], "'/etc/x.npy' is an absolute path"],
    ['a backslash', [{ ...x, name: '..\\x.npy' }], 'has a backslash'],
    ['a drive', [{ ...x, name: 'c:/x.npy' }], 'begins with a drive'],
    ['a NUL', [{ ...x, name: 'x.npy\0.npy' }], 'has a NUL'],
    ['a folder', [x, { name: 'a/', content: new Uint8Array(0) }], "the name of record 'a/' is that of a folder"],
    ['another file', [x, { name: 'readme.txt', content: npy }], "record 'readme.txt' is no .npy file"],
    ['no array', [{ name: 'x.npy', content: new TextEncoder().encode('one, two, three') }], 'not a .npy file'],
    ['a larger array than the record', [{ name: 'x.npy', content: huge }], '4398046511104 bytes needed, 8 given'],
    ['a larger array than the deflated record', [{ name: 'x.npy', content: huge, method: 8 }], '4398046511104 bytes needed, 8 given'],
    ['a smaller array than the record', [{ name: 'x.npy', content: bomb, method: 8 }], `8 bytes needed, ${2 ** 26 + 8} given`],
    ['a bomb', [{ name: 'x.npy', content: bomb, method: 8, size: npy.length }], `record 'x.npy' inflates to more than the ${npy.length} bytes`],
    ['a record that ends early', [{ name: 'x.npy', content: npy.subarray(0, -1), method: 8, size: npy.length }], `inflates to ${npy.length - 1} of the`],
    ['what does not inflate', [{ name: 'x.npy', content: npy, method: 8, packed: 20 }], 'does not inflate'],
    ['a damaged record', [{ ...x, crc: 5 }], "record 'x.npy' is damaged: its CRC-32 is"],
    ['a damaged deflated record', [{ ...x, method: 8, crc: 5 }], "record 'x.npy' is damaged: its CRC-32 is"],
    ['a header of another name', [{ ...x, localName: 'y.npy' }], 'contradicts the directory'],
    ['an object array', [{ name: 'x.npy', content: Buffer.from(expected.refused.objects, 'base64') }], 'object arrays are refused'],
  ];

  test.each(rows)('%s', async (_, records, message) => {
    const before = memory().tensors;
    await refusesFile(() => readNpz(zip(records)), message);
    await refusesFile(() => load(zip(records)), message);
    expect(memory().tensors).toBeLessThanOrEqual(before);
  });

  test.each([['stored', {}], ['deflated', { method: 8 }]])('damage of a %s record is found where it is read in order to its end', async (_, how) => {
    const file = await open(zip([{ ...x, ...how, crc: 5 }]));
    expect((await file.readRange('x', 0, 1)).toArray()).toEqual([1]);
    await refusesFile(() => file.readRange('x', 1, 2), "record 'x.npy' is damaged");
    // Not where it is left out.
    const other = await open(zip([{ ...x, crc: 5 }]));
    expect((await other.readRange('x', 1, 2)).toArray()).toEqual([1]);
  });

  test('what is no checkpoint', async () => {
    await refusesFile(() => readPth(zip([x])), 'it is a .npz archive, which holds arrays and no pickle: read it with load()');
    await refusesFile(() => loadCheckpoint(zip([x])), 'it is a .npz archive');
    await expect(load(zip([x]), { entry: 'model' })).rejects.toMatchObject({ code: 'argument', message: 'entry chooses a dict of a .pth file, and the kind of this one is npz' });
    await refusesFile(() => load(zip([])), 'a zip archive without data.pkl');
    await refusesFile(() => load(fileURLToPath(new URL('io/expected.json', import.meta.url))), 'it is neither');
  });

  test('one that is cut anywhere', async () => {
    const whole = Buffer.from(files['stored'] ?? '', 'base64');
    for (let length = 2; length < whole.length; length += 97) {
      await expect(load(whole.subarray(0, length))).rejects.toMatchObject({ code: 'file', data: { problem: 'corrupt' } });
    }
  });
});

describe('ranges of deflated records', () => {
  // Halves of random bits: it deflates to no less.
  const data = Float32Array.from({ length: 2 ** 19 }, (_, i) => Math.sin(i * 12.9898) * 43758.5453);
  const content = writeNpy(tensor(data, [data.length]));
  const packed = deflateRawSync(content).length;
  const archive = zip([{ name: 'a.npy', content, method: 8 }, { name: 'b.npy', content, method: 8 }]);
  const count = data.length;

  test('read no more than they need, and go on where the last ended', async () => {
    const blob = new Watched([Uint8Array.from(archive)]);
    const file = await open(blob);
    blob.parts.length = 0;
    const step = count / 16;
    for (let begin = 0; begin < count; begin += step) {
      const part = await file.readRange('a', begin, begin + step);
      // Not toEqual, which takes a second for a megabyte.
      expect(Buffer.compare(Buffer.from((await part.read()).buffer), Buffer.from(data.buffer, 4 * begin, 4 * step))).toBe(0);
      part.dispose();
      // A sixteenth of it, and what the decompressor has ahead.
      expect(sum(blob.parts)).toBeLessThan((packed * (begin + step)) / count + 2 ** 19);
    }
    expect(sum(blob.parts)).toBeLessThanOrEqual(packed);
    expect(Math.max(...blob.parts)).toBe(2 ** 18);
  });

  test('come backwards, of two at a time, and all at once', async () => {
    const file = await open(archive);
    const ranges = [[5, 10], [2, 7], [count - 3, count], [0, 1], [count, count], [300_000, 300_003]] as const;
    for (const [begin, end] of ranges) {
      for (const name of ['a', 'b']) expect((await file.readRange(name, begin, end)).data).toEqual(data.subarray(begin, end));
    }
    const all = await Promise.all(ranges.map(([begin, end]) => file.readRange('a', begin, end)));
    expect(all.map((x) => x.data)).toEqual(ranges.map(([begin, end]) => data.subarray(begin, end)));
    await file.close();
  });

  test('of a gigabyte of zeros take a few bytes', async () => {
    // Deflated in parts that are alike: a block of zeros, and again, and again.
    const shape = [2 ** 28];
    const head = writeNpy({ dtype: 'float32', shape, data: new Float32Array(0) });
    const unended = { finishFlush: constants.Z_SYNC_FLUSH };
    const block = deflateRawSync(new Uint8Array(2 ** 24), unended);
    const stream = Buffer.concat([deflateRawSync(head, unended), ...Array.from({ length: 64 }, () => block), deflateRawSync(new Uint8Array(0))]);
    const size = head.length + 2 ** 30;
    // Stored by the helper, deflated by what its headers say.
    const bytes = zip([{ name: 'x.npy', content: stream, size, crc: 0 }]);
    for (const at of [8, bytes.length - 22 - 46 - 5 + 10]) bytes[at] = 8;
    const file = await open(bytes);
    const before = process.memoryUsage().rss;
    expect((await file.readRange('x', 2 ** 25, 2 ** 25 + 3)).toArray()).toEqual([0, 0, 0]);
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 27);
    await file.close();
  });
});

/** Elements as Python prints them. */
function texts(x: Tensor): string[] {
  return [...x.data].map((each) => {
    if (x.dtype === 'bool') return Number(each) === 1 ? 'True' : 'False';
    return x.dtype === 'int64' || !Number.isInteger(each) ? String(each) : `${String(each)}.0`;
  });
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, each) => total + each, 0);
}
