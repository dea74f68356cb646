// Whole checkpoints: every model in both formats, files read by range from disk and server, and what safetensors says of itself.

import { mkdtemp, open as openPath, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { full, memory, tensor, type Tensor } from 'evenkeel';
import { load, open, readSafetensors, save, writeSafetensors } from 'evenkeel/io';
import { afterAll, describe, expect, test } from 'vitest';
import { refusesFile } from './refusal.js';

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'evenkeel-'));
afterAll(() => rm(folder, { recursive: true }));

const pth = new Uint8Array(await readFile(here('models/vit.pth')));
const names = (await readdir(here('models'))).filter((name) => name.endsWith('.pth')).map((name) => name.slice(0, -4));

interface Key {
  readonly key: string;
  readonly shape: readonly number[];
  readonly dtype: string;
}

/** The keys that a model's JSON lists; one ConvNeXt has three layouts. */
async function keysOf(name: string): Promise<readonly Key[]> {
  const [model = '', layout] = name.startsWith('convnext') ? name.split('_') : [name];
  const json = JSON.parse(await readFile(here(`models/${model}.json`), 'utf8'));
  return layout === undefined ? json.keys : json.layouts[layout].keys;
}

describe('each model holds the same tensors as .pth and as safetensors', () => {
  test.each(names)('%s', async (name) => {
    const keys = await keysOf(name);
    const fromTorch = await load(here(`models/${name}.pth`));
    const safe = await load(here(`models/${name}.safetensors`));
    expect([...fromTorch].map(([key, { shape, dtype }]) => ({ key, shape, dtype }))).toEqual(keys);
    expect([...safe.keys()].sort()).toEqual([...fromTorch.keys()].sort());
    for (const [key, x] of fromTorch) same(safe.get(key), x);
  });
});

describe('floats of 16 bits', () => {
  const kinds = ['float16', 'bfloat16'] as const;
  const codes = Uint16Array.from({ length: 65536 }, (_, code) => code);
  const isNaN16 = { float16: (code: number) => (code & 0x7fff) > 0x7c00, bfloat16: (code: number) => (code & 0x7fff) > 0x7f80 };

  test.each(kinds)('all 65 536 codes of %s survive float32', (floats) => {
    const dtype = floats === 'float16' ? 'F16' : 'BF16';
    const file = safetensors({ x: { dtype, shape: [65536], data_offsets: [0, 131072] } }, new Uint8Array(codes.buffer));
    const read = readSafetensors(file);
    const values = read.get('x')?.data ?? [];
    expect(codes.filter((code) => Number.isNaN(values[code]) !== isNaN16[floats](code))).toHaveLength(0);
    expect(Buffer.compare(writeSafetensors(read, { floats, metadata: {} }), file)).toBe(0);
  });

  test.each(['float32', ...kinds] as const)('%s is written byte for byte as PyTorch and the reference writer do', async (floats) => {
    const state = readSafetensors(await readFile(here('io/float32.safetensors')));
    expect(Buffer.compare(writeSafetensors(state, { floats }), await readFile(here(`io/${floats}.safetensors`)))).toBe(0);
  });

  test.each(kinds)('a NaN stays one in %s, whatever its bits', (floats) => {
    const bits = Uint32Array.of(0x7f800001, 0xff800001, 0x7fffffff, 0x7f808000, 0xffc00000);
    const x = tensor(new Float32Array(bits.buffer), [5]);
    const read = readSafetensors(writeSafetensors(new Map([['x', x]]), { floats }));
    expect(Array.from(read.get('x')?.data ?? [], Number)).toEqual([NaN, NaN, NaN, NaN, NaN]);
  });

  test('save passes its options on', async () => {
    const path = join(folder, 'half.safetensors');
    await save(path, { x: full([3], 1 / 3), n: full([1], 7, { dtype: 'int64' }) }, { floats: 'bfloat16', metadata: { made: 'here' } });
    const file = await open(path);
    expect(file.metadata).toEqual({ made: 'here' });
    expect(Object.fromEntries(file.entries)).toMatchObject({
      n: { shape: [1], dtype: 'int64', format: 'I64' },
      x: { shape: [3], dtype: 'float32', format: 'BF16' },
    });
    expect((await file.read('x')).toArray()).toEqual([0.333984375, 0.333984375, 0.333984375]);
    await file.close();
  });

  test.each([
    ['an unknown kind', { floats: 'float8' }, 'floats must be one of float32, float16, bfloat16'],
    ['an unknown option', { dtype: 'float16' }, "no option is called 'dtype'"],
    ['metadata of numbers', { metadata: { epoch: 3 } }, "metadata takes strings by name; 'epoch' is the number 3"],
    ['metadata of nothing', { metadata: null }, "'metadata' is null"],
  ])('%s is refused', async (_, options, message) => {
    // What JavaScript can call.
    const call = save(join(folder, 'x.safetensors'), { x: full([1], 1) }, options as object);
    await expect(call).rejects.toMatchObject({ code: 'argument', message: expect.stringContaining(message) });
  });
});

describe('metadata of safetensors', () => {
  test("is { format: 'pt' } unless given, and kept out where empty", async () => {
    const tensors = new Map([['x', full([1], 1)]]);
    expect((await open(writeSafetensors(tensors))).metadata).toEqual({ format: 'pt' });
    expect((await open(writeSafetensors(tensors, { metadata: {} }))).metadata).toEqual({});
    expect(new TextDecoder().decode(writeSafetensors(tensors, { metadata: {} }))).not.toContain('__metadata__');
  });

  test('that is no object of strings is refused', async () => {
    await refusesFile(() => open(safetensors({ __metadata__: { a: 1 } })), '__metadata__ is not an object of strings');
  });
});

describe('files are read by range', () => {
  /** A Blob that tells which parts of it were read. */
  class Watched extends Blob {
    readonly parts: number[] = [];
    override slice(begin = 0, end = this.size): Blob {
      this.parts.push(end - begin);
      return super.slice(begin, end);
    }
  }

  const tensors = { small: full([2], 1), large: full([2 ** 18], 2) };

  test('safetensors: open reads the header, read a tensor', async () => {
    const blob = new Watched([Uint8Array.from(writeSafetensors(new Map(Object.entries(tensors))))]);
    const file = await open(blob);
    expect(Math.max(...blob.parts)).toBeLessThan(1000);
    blob.parts.length = 0;
    same(await file.read('small'), tensors.small);
    expect(blob.parts).toEqual([8]);
    same(await file.read('large'), tensors.large);
    expect(blob.parts).toEqual([8, 2 ** 20]);
  });

  test('.pth: open reads directory and pickle, read a storage', async () => {
    const blob = new Watched([await readFile(here('models/vit.pth'))]);
    const file = await open(blob);
    // The longest is the end, where an archive's comment may be.
    expect(Math.max(...blob.parts)).toBeLessThan(2 ** 16 + 100);
    blob.parts.length = 0;
    same(await file.read('head.weight'), (await load(here('models/vit.safetensors'))).get('head.weight'));
    expect(blob.parts.at(-1)).toBe(4 * (await file.read('head.weight')).size);
    expect(Math.max(...blob.parts)).toBe(blob.parts.at(-1));
  });

  test.each(['dtypes.pth', 'views.pth', 'deflated.pth', 'float16.safetensors', 'bfloat16.safetensors', 'float32.safetensors', 'arrays.npz'])(
    '%s: ranges of each tensor are what read gives',
    async (name) => {
      const file = await open(here(`io/${name}`));
      expect(file.kind).toBe(name.split('.')[1]);
      for (const key of file.keys()) {
        const x = await file.read(key);
        const cuts = [0, Math.floor(x.size / 3), Math.floor(x.size / 3), x.size];
        const parts = await Promise.all(cuts.slice(1).map((end, i) => file.readRange(key, cuts[i] ?? 0, end)));
        expect(parts.flatMap(({ data }) => [...data])).toEqual([...x.data]);
        expect(parts.every(({ dtype, shape }) => dtype === x.dtype && shape.length === 1)).toBe(true);
      }
      await file.close();
    },
  );

  test('load never holds more than one tensor of the file', async () => {
    const blob = new Watched([Uint8Array.from(writeSafetensors(new Map(Object.entries(tensors))))]);
    expect((await load(blob)).size).toBe(2);
    expect(Math.max(...blob.parts)).toBe(2 ** 20);
  });

  test('a file larger than memory', async () => {
    const path = join(folder, 'huge.safetensors');
    const [count, bytes] = [40, 2 ** 30];
    const header = Object.fromEntries(
      Array.from({ length: count }, (_, i) => [`x${i}`, { dtype: 'F32', shape: [bytes / 4], data_offsets: [i * bytes, (i + 1) * bytes] }]),
    );
    const last = { last: { dtype: 'I64', shape: [], data_offsets: [count * bytes, count * bytes + 8] } };
    const start = safetensors({ ...header, ...last });
    // Forty GiB of a hole, and a number after it.
    const disk = await openPath(path, 'w');
    await disk.write(start, 0, start.length, 0);
    await disk.write(Uint8Array.of(42, 0, 0, 0, 0, 0, 0, 0), 0, 8, start.length + count * bytes);
    await disk.close();
    const file = await open(path);
    expect(file.keys()).toHaveLength(count + 1);
    expect((await file.read('last')).item()).toBe(42);
    await file.close();
    await rm(path);
  });

  test('what is not there, and what is no longer open', async () => {
    const file = await open(here('models/vit.pth'));
    await expect(file.read('tail')).rejects.toMatchObject({ code: 'argument', message: expect.stringContaining("no tensor is called 'tail'") });
    await file.close();
    await file.close();
    await expect(file.read('head.weight')).rejects.toMatchObject({ code: 'disposed' });
  });

  test('a tensor that is refused takes those before it along', async () => {
    const header = { a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] }, b: { dtype: 'BOOL', shape: [1], data_offsets: [8, 9] } };
    const before = memory().tensors;
    await refusesFile(() => load(safetensors(header, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 2))), 'a bool is 0 or 1');
    expect(memory().tensors).toBe(before);
  });
});

describe('files on a server', () => {
  const vit = here('models/vit.safetensors');

  test('are opened by range requests', async () => {
    const bytes = await readFile(vit);
    const asked: string[] = [];
    await serving((request, response) => {
      asked.push(request.headers.range ?? 'all');
      sendRange(bytes, request, response);
    }, async (url) => {
      const file = await open(url);
      expect(asked).toEqual(['bytes=0-0', 'bytes=0-511', 'bytes=0-7', expect.stringMatching(/^bytes=8-\d+$/)]);
      same(await file.read('head.bias'), (await load(vit)).get('head.bias'));
      expect(asked).toHaveLength(5);
    });
  });

  test.each([
    ['ignores ranges', (_: IncomingMessage, response: ServerResponse) => response.end(pth), 'the server does not answer range requests, which open() needs: load()'],
    ['hides Content-Range', (_: IncomingMessage, response: ServerResponse) => response.writeHead(206).end('P'), 'without a readable Content-Range'],
    ['has no such file', (_: IncomingMessage, response: ServerResponse) => response.writeHead(404).end('none'), 'the server answered 404'],
    ['has an empty file', (_: IncomingMessage, response: ServerResponse) => response.writeHead(416).end(), 'the file is empty'],
    ['sends too little', (_: IncomingMessage, response: ServerResponse) => response.writeHead(206, { 'content-range': 'bytes 0-0/50' }).end(), 'the server sent 0 bytes, asked for 1'],
  ])('open refuses one that %s', async (_, answer, message) => {
    await serving(answer, (url) => refusesFile(() => open(url), message));
  });

  test('load needs no ranges', async () => {
    await serving((_, response) => response.end(pth), async (url) => {
      expect((await load(url)).size).toBe((await load(pth)).size);
    });
  });

  test('a file that changes while it is open', async () => {
    let etag = 'one';
    await serving((request, response) => sendRange(pth, request, response, etag), async (url) => {
      const file = await open(url);
      etag = 'two';
      await refusesFile(() => file.read('head.bias'), 'the file on the server changed while it was read');
    });
  });

  test('load reads a large one in parts', async () => {
    const shape = [2 ** 21];
    const header = Object.fromEntries(
      Array.from({ length: 9 }, (_, i) => [`x${i}`, { dtype: 'F32', shape, data_offsets: [i * 2 ** 23, (i + 1) * 2 ** 23] }]),
    );
    const bytes = safetensors(header, new Uint8Array(9 * 2 ** 23).fill(1));
    const ones = new Float32Array(Uint8Array.of(1, 1, 1, 1).buffer)[0];
    const parts: number[] = [];
    await serving((request, response) => {
      const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
      if (first !== undefined) parts.push(Number(last) - Number(first) + 1);
      sendRange(bytes, request, response);
    }, async (url) => {
      const tensors = await load(url);
      expect([...tensors.keys()]).toEqual(Object.keys(header));
      for (const x of tensors.values()) {
        expect([x.data[0], x.data.at(-1)]).toEqual([ones, ones]);
        x.dispose();
      }
      expect(Math.max(...parts)).toBeLessThanOrEqual(2 ** 23);
      expect(parts.length).toBeLessThan(14);
    });
  });
});

type Answer = (request: IncomingMessage, response: ServerResponse) => unknown;

async function serving(answer: Answer, f: (url: string) => Promise<unknown>): Promise<void> {
  const server = createServer(answer);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  try {
    await f(`http://127.0.0.1:${typeof address === 'object' ? address?.port : address}/file`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** Answers as a server of files does. */
function sendRange(bytes: Uint8Array, { headers }: IncomingMessage, response: ServerResponse, etag = 'one'): void {
  response.setHeader('accept-ranges', 'bytes');
  response.setHeader('etag', etag);
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
  const part = first === undefined ? bytes : bytes.subarray(Number(first), Number(last) + 1);
  response.setHeader('content-length', part.length);
  if (first !== undefined) response.writeHead(206, { 'content-range': `bytes ${first}-${last}/${bytes.length}` });
  response.end(part);
}

function same(actual: Tensor | undefined, expected: Tensor | undefined): void {
  expect(actual).toMatchObject({ dtype: expected?.dtype, shape: expected?.shape });
  expect(actual?.data).toStrictEqual(expected?.data);
}

/** A safetensors file of a header and bytes of data, padded as the reference writer does. */
function safetensors(header: object, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const json = JSON.stringify(header);
  const text = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / 8) * 8));
  const file = new Uint8Array(8 + text.length + data.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  file.set(data, 8 + text.length);
  return file;
}
