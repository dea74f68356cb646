// Files written as their parts come: byte for byte what NumPy and the reference writer make of the same elements, counted to
// the last, and never half a file.

import { readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ones, tensor, type Tensor } from 'evenkeel';
import { fileChunks, load, open, readNpy, readNpz, replaceFile, save, writeNpy, writeSafetensors, type TensorPart } from 'evenkeel/io';
import { afterAll, describe, expect, test } from 'vitest';
import { refusesFile } from './refusal.js';

const { read: numpys, written: { files, stream, safetensors: every } } = JSON.parse(readFileSync(new URL('arrays/expected.json', import.meta.url), 'utf8'));
const folder = await mkdtemp(join(tmpdir(), 'evenkeel-'));
afterAll(() => rm(folder, { recursive: true }));

/** The arrays that NumPy wrote, in chunks of two elements. */
const parts = new Map<string, TensorPart>();
for (const [name, { file }] of Object.entries<{ file: string }>(files)) {
  const opened = await open(Buffer.from(file, 'base64'));
  const { shape, format, order = 'C' } = opened.entries.get('array') ?? { shape: [], format: 'F32' };
  const size = shape.reduce((product, extent) => product * extent, 1);
  const chunks = async function* () {
    for (let begin = 0; begin < size; begin += 2) yield opened.readRange('array', begin, Math.min(size, begin + 2));
  };
  parts.set(name, { shape, format, order, chunks });
}

describe('files that come in chunks', () => {
  test.each([...parts])('.npy of %s is that of numpy.save, byte for byte', async (name, part) => {
    const bytes = await joined(fileChunks('npy', new Map([[name, part]])));
    expect(bytes.toString('base64')).toBe(files[name].file);
  });

  test.each(['|i1', '<i2', '<i4', '|u1', '<u2', '<u4'])('.npy of %s is that of numpy.save, byte for byte', async (descriptor) => {
    const { file }: { file: string } = numpys[descriptor];
    const opened = await open(Buffer.from(file, 'base64'));
    const { shape, format } = opened.entries.get('array') ?? { shape: [], format: 'F32' };
    const chunks = async function* () {
      yield opened.read('array');
    };
    const bytes = await joined(fileChunks('npy', new Map([['x', { shape, format, chunks }]])));
    expect(bytes.toString('base64')).toBe(file);
  });

  // Of each format the first beyond either end, and the last within.
  test.each([
    ['I8', 128n, -129n, 127n], ['I16', 32768n, -32769n, -32768n], ['I32', 2n ** 31n, -(2n ** 40n), -(2n ** 31n)],
    ['U8', 256n, -1n, 255n], ['U16', 65536n, -1n, 65535n], ['U32', 2n ** 32n, -1n, 2n ** 32n - 1n],
  ] as const)('%s holds neither %i nor %i', async (format, above, below, within) => {
    const bytesFor = (value: bigint) => joined(fileChunks('npy', new Map([['x', partOf(tensor([value]), format)]])));
    for (const value of [above, below]) await expect(bytesFor(value)).rejects.toThrow(`'x' has ${value}, which ${format} does not hold: write I64`);
    expect(readNpy(await bytesFor(within)).item()).toBe(Number(within));
  });

  test('.npz is that of numpy.savez to a pipe, byte for byte', async () => {
    const bytes = await joined(fileChunks('npz', parts));
    expect(bytes.toString('base64')).toBe(stream);
    expect((await readNpz(bytes)).size).toBe(parts.size);
  });

  test.each(['float32', 'float16', 'bfloat16'] as const)('safetensors of %s is that of the reference writer, byte for byte', async (floats) => {
    const format = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' } as const;
    const read = await load(fileURLToPath(new URL('io/float32.safetensors', import.meta.url)));
    const own = { float64: 'F64', int64: 'I64', bool: 'BOOL', float32: format[floats] } as const;
    const given = new Map([...read].map(([name, x]) => [name, partOf(x, own[x.dtype])] as const));
    const expected = await readFile(new URL(`io/${floats}.safetensors`, import.meta.url));
    expect(Buffer.compare(await joined(fileChunks('safetensors', given)), expected)).toBe(0);
  });

  test('safetensors of every format is that of the reference writer, byte for byte', async () => {
    const bytes = Buffer.from(every, 'base64');
    const file = await open(bytes);
    const given = await Promise.all(file.keys().map(async (name) => [name, partOf(await file.read(name), file.entries.get(name)?.format ?? 'F32')] as const));
    expect(Buffer.compare(await joined(fileChunks('safetensors', new Map(given), { metadata: {} })), bytes)).toBe(0);
    expect(new Set([...file.entries.values()].map(({ format }) => format)).size).toBe(12);
  });

  test('metadata is as given', async () => {
    const bytes = await joined(fileChunks('safetensors', new Map([['x', partOf(ones([2]), 'F32')]]), { metadata: { made: 'here' } }));
    expect(Buffer.compare(bytes, writeSafetensors(new Map([['x', ones([2])]]), { metadata: { made: 'here' } }))).toBe(0);
  });

  test('nothing is asked for before its turn', async () => {
    const asked: string[] = [];
    const lazy = (name: string): TensorPart => ({
      shape: [2],
      format: 'F32',
      chunks: async function* () {
        asked.push(name);
        yield ones([2]);
      },
    });
    const iterator = fileChunks('safetensors', new Map(['a', 'b'].map((name) => [name, lazy(name)])))[Symbol.asyncIterator]();
    await iterator.next();
    expect(asked).toEqual([]);
    await iterator.next();
    expect(asked).toEqual(['a']);
  });
});

describe('what a file does not take is refused at once', () => {
  const two = new Map([['x', partOf(ones([2]), 'F32')], ['y', partOf(ones([2]), 'F32')]]);
  const one = (part: Partial<TensorPart>, name = 'x') => new Map([[name, { ...partOf(ones([2]), 'F32'), ...part }]]);
  const rows = [
    ['two tensors for .npy', 'npy', two, 'argument', 'a .npy file holds one tensor, got 2'],
    ['bfloat16 for .npy', 'npy', one({ format: 'BF16' }), 'argument', 'NumPy has no BF16'],
    ['bfloat16 for .npz', 'npz', one({ format: 'BF16' }), 'argument', 'NumPy has no BF16'],
    // What JavaScript can say.
    ['complex numbers', 'safetensors', one({ format: 'C64' as 'F64' }), 'argument', "'x' cannot be written as C64: choose from F64, F32"],
    ['Fortran order for safetensors', 'safetensors', one({ order: 'F' }), 'argument', "'x' cannot be written in order F to .safetensors"],
    ['a name that climbs', 'npz', one({}, '../x'), 'name', "'../x' has '.', '..'"],
    ['a reserved name', 'safetensors', one({}, '__metadata__'), 'name', "'__metadata__' is reserved"],
  ] as const;

  test.each(rows)('%s', (_, kind, given, code, message) => {
    expect(() => fileChunks(kind, given)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }));
  });

  test('another kind', () => {
    // What JavaScript can call.
    expect(() => fileChunks('pth' as 'npy', two)).toThrow("files are made as npy, npz or safetensors, got the string 'pth'");
  });
});

describe('elements are counted', () => {
  const kinds = ['npy', 'npz', 'safetensors'] as const;
  const rows = [
    ['too few', [ones([2]), ones([3])], 'shape', "the chunks of 'x' have 5 of the 6 elements of shape [2, 3]"],
    ['none', [], 'shape', "the chunks of 'x' have 0 of the 6 elements"],
    ['too many', [ones([6]), ones([1])], 'shape', "the chunks of 'x' have more than the 6 elements of shape [2, 3]"],
    ['another dtype', [ones([6], { dtype: 'float64' })], 'dtype', "'x' is written as F32, of float32 tensors, and a chunk is float64"],
  ] as const;

  test.each(kinds.flatMap((kind) => rows.map((row) => [kind, ...row] as const)))('.%s: %s', async (kind, what, chunks, code, message) => {
    const path = join(folder, `${kind} ${what}`);
    await writeFile(path, 'old');
    const part: TensorPart = { shape: [2, 3], format: 'F32', chunks: () => each(chunks) };
    const writing = replaceFile(path, fileChunks(kind, new Map([['x', part]])));
    await expect(writing).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
    expect(await readFile(path, 'utf8')).toBe('old');
  });
});

describe('replaceFile', () => {
  const bytes = writeNpy(ones([4]));

  test('leaves the old file whole and nothing else when it is aborted between chunks', async () => {
    const path = await place('between');
    const controller = new AbortController();
    const chunks = (async function* () {
      yield bytes;
      controller.abort(new Error('enough'));
      yield bytes;
    })();
    await expect(replaceFile(path, chunks, { signal: controller.signal })).rejects.toThrow('enough');
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(join(path, '..'))).toEqual(['x.npy']);
  });

  test('also while a chunk never comes', async () => {
    const path = await place('never');
    const controller = new AbortController();
    const chunks = (async function* () {
      yield bytes;
      setTimeout(() => controller.abort(), 20);
      await new Promise(() => undefined);
    })();
    await expect(replaceFile(path, chunks, { signal: controller.signal })).rejects.toMatchObject({ name: 'AbortError' });
    expect(await readdir(join(path, '..'))).toEqual(['x.npy']);
  });

  test('writes nothing once it is aborted, and ends what makes the chunks', async () => {
    const path = await place('before');
    await expect(replaceFile(path, each([bytes]), { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
    await expect(save(path, { x: ones([2]) }, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
    expect(await readFile(path, 'utf8')).toBe('old');
    let isEnded = false;
    const controller = new AbortController();
    const chunks = (async function* () {
      try {
        for (;;) {
          controller.abort();
          yield bytes;
        }
      } finally {
        isEnded = true;
      }
    })();
    await expect(replaceFile(path, chunks, { signal: controller.signal })).rejects.toMatchObject({ name: 'AbortError' });
    expect(isEnded).toBe(true);
  });

  test('is as ever with a signal that is quiet', async () => {
    const path = await place('quiet');
    await save(path, { x: ones([4]) }, { signal: new AbortController().signal });
    expect(readNpy(await readFile(path)).toArray()).toEqual([1, 1, 1, 1]);
    expect(await readdir(join(path, '..'))).toEqual(['x.npy']);
  });

  test('what makes the chunks may fail', async () => {
    const path = await place('failing');
    const chunks = async function* () {
      yield bytes;
      yield* fileChunks('npy', new Map([['x', partOf((await load(join(folder, 'none'))).get('x') ?? ones([1]), 'F32')]]));
    };
    // Its error says what it is about.
    await refusesFile(() => replaceFile(path, chunks()), `cannot read '${join(folder, 'none')}': no such file or directory`);
    await refusesFile(() => replaceFile(path, chunks(), { signal: new AbortController().signal }), 'cannot read');
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(join(path, '..'))).toEqual(['x.npy']);
  });

  test('keeps permissions, and what a link leads to', async () => {
    const path = await place('private');
    await chmod(path, 0o600);
    const link = join(folder, 'link.npy');
    await symlink(path, link);
    await replaceFile(link, each([bytes]));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(Buffer.compare(await readFile(path), bytes)).toBe(0);
  });

  test.each([
    ['a device', () => '/dev/null', 'it is a device or a pipe'],
    ['a folder', () => folder, 'it is a folder'],
    ['no folder', () => join(folder, 'none', 'x.npy'), 'no such file or directory'],
  ])('%s is not replaced', async (_, path, message) => {
    await refusesFile(() => replaceFile(path(), each([bytes])), `cannot write '${path()}': ${message}`);
  });
});

/** An old file in a folder of its own. */
async function place(name: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  await writeFile(join(path, 'x.npy'), 'old');
  return join(path, 'x.npy');
}

function partOf(x: Tensor, format: TensorPart['format']): TensorPart {
  return { shape: x.shape, format, chunks: () => each([x]) };
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

async function joined(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}
