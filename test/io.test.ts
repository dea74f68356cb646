// Files: what is read and written, bit for bit, and what is refused with its facts.

import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { full, KeelError, memory, tensor, zeros, type Tensor } from 'evenkeel';
import { load, open, readNpy, readSafetensors, save, writeNpy, writeSafetensors } from 'evenkeel/io';
import { afterAll, describe, expect, test } from 'vitest';
import { refusesFile } from './refusal.js';

const data = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'evenkeel-'));
afterAll(() => rm(folder, { recursive: true }));

describe('files of another kind are refused by what they are', () => {
  const cut = 'not a complete zip archive: its end is missing';
  const tar = `sys_info${'\x00'.repeat(249)}ustar\x0000`;
  const rows = [
    ['empty.npy', '', 'the file is empty'],
    ['text.npy', 'one, two, three and four', 'it is not a .npy file'],
    ['arrays.npz', 'PK\x03\x04 and more', cut],
    ['model.pt', 'PK\x03\x04 and more', cut],
    ['zipped.npy', 'PK\x03\x04 and more', cut],
    ['data.json', '{"shape": [2, 3], "data": []}', 'it is neither .npy nor .npz nor safetensors nor .pth'],
    ['text.safetensors', 'one, two, three and four', 'it is neither .npy nor .npz nor safetensors nor .pth'],
    ['short.safetensors', 'one', 'it is neither .npy nor .npz nor safetensors nor .pth'],
    ['text.pth', 'one, two, three and four', 'it is not a zip archive as torch.save writes'],
    ['missing.pth', '\n<!DOCTYPE html><title>404</title>', 'it is a web page or an error in XML'],
    ['denied.safetensors', '<?xml version="1.0"?><Error>', 'it is a web page or an error in XML'],
    ['pointer.pth', 'version https://git-lfs.github.com/spec/v1\noid', "it is a pointer of Git LFS instead of the file: fetch it with 'git lfs pull'"],
    ['old.pth', tar, "it is a tar archive, PyTorch's format up to 0.1.10"],
    ['model.onnx', '\x08\x08\x12\x07pytorch', 'it is no ONNX model: it has no graph'],
    ['model.h5', '\x89HDF', 'it is an HDF5 file'],
    ['model.gguf', 'GGUF\x03', 'it is a GGUF file'],
    ['model.pth.gz', '\x1f\x8b\x08', 'it is compressed by gzip'],
  ] as const;

  test.each(rows)('%s', async (name, text, message) => {
    const path = join(folder, name);
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
    await writeFile(path, bytes);
    await refusesFile(() => load(path), `cannot read '${path}': ${message}`);
    await refusesFile(() => load(new File([bytes], name)), `cannot read '${name}': ${message}`);
    if (!name.startsWith('text.')) await refusesFile(() => load(bytes), message);
  });

  test('a source that is none', async () => {
    // What JavaScript can call.
    await expect(load(5 as unknown as string)).rejects.toMatchObject({ code: 'argument', message: expect.stringContaining('load takes a path, a URL, a Blob or bytes, got the number 5') });
  });
});

// Lengths of headers that begin as a pickle, a zip archive and an ONNX model do.
test.each([0x280, 0x4b50, 0x120108])('a safetensors file with %i bytes of header is one', async (length) => {
  const tensors = new Map([['x', tensor([1, 2])]]);
  const bare = headerLength(writeSafetensors(tensors, { metadata: { a: '' } }));
  const padded = writeSafetensors(tensors, { metadata: { a: 'a'.repeat(length - bare) } });
  expect(headerLength(padded)).toBe(length);
  expect((await load(padded)).get('x')?.toArray()).toEqual([1, 2]);
});

function headerLength(file: Uint8Array): number {
  return Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
}

describe('malformed safetensors', () => {
  // What is wrong, the header, the bytes of data, the message.
  const rows = [
    ['a header that is no object', '[1]', [], 'not a JSON object'],
    ['an entry that is no object', '{"a":1}', [], "'a' is not described by a JSON object"],
    ['a dtype that no tensor holds', entry('F4', '"shape":[2],"data_offsets":[0,1]'), [0], 'dtype F4 is not supported'],
    ['half a dimension', entry('U8', '"shape":[1.5],"data_offsets":[0,1]'), [0], 'bad dimension'],
    ['offsets that run backwards', entry('U8', '"shape":[],"data_offsets":[1,0]'), [0], 'bad data_offsets [1,0]'],
    ['no offsets', entry('U8', '"shape":[]'), [], 'bad data_offsets'],
    ['a gap', entry('U8', '"shape":[],"data_offsets":[1,2]'), [0, 0], 'bytes 0 to 1 of the data belong to no tensor'],
    ['bytes left over', entry('U8', '"shape":[],"data_offsets":[0,1]'), [0, 0], 'bytes 1 to 2 of the data'],
    ['a bool of 2', entry('BOOL', '"shape":[2],"data_offsets":[0,2]'), [1, 2], 'element 1 is the byte 2'],
    ['a dtype that is an object', '{"a":{"dtype":{"toString":1},"shape":[],"data_offsets":[0,0]}}', [], 'unknown dtype {"toString":1} in \'a\''],
    ['a shape of a thousand words', `{"a":{"dtype":"U8","shape":[${'"x",'.repeat(1000)}1]}}`, [], `its shape is ["x",${'"x",'.repeat(49).slice(0, -2)}`],
    ['65 axes', entry('U8', `"shape":[${'1,'.repeat(64)}1],"data_offsets":[0,1]`), [0], "'a' has 65 axes, 64 at most"],
    ['lists nested a million deep', `{"a":${'['.repeat(1e6)}${']'.repeat(1e6)}}`, [], 'the header nests deeper than 16'],
    ['a dtype nested as deep', `{"a":{"dtype":${'['.repeat(1e6)}${']'.repeat(1e6)}}}`, [], 'the header nests deeper than 16'],
    ['a name of five million escapes', `{"${'\\n'.repeat(5e6)}":1}`, [], 'is not described by a JSON object'],
    ['a string without an end', '{"a', [], 'header is not JSON'],
    ['a key that is no string', '{a:1}', [], 'header is not JSON'],
    ['a repeated field', entry('U8', '"shape":[],"shape":[],"data_offsets":[0,1]'), [0], "duplicate key 'shape'"],
  ] as const;

  test.each(rows)('%s', async (_, json, bytes, message) => {
    await refusesFile(() => readSafetensors(safetensors(json, bytes)), message);
  });

  test('no header length, and a header that is no UTF-8', async () => {
    await refusesFile(() => readSafetensors(new Uint8Array(3)), '8 bytes of header length; this one has 3 bytes');
    await refusesFile(() => readSafetensors(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0xff)), 'header is not JSON');
  });

  test('a tensor that is refused takes those before it along', async () => {
    const before = memory().tensors;
    const json = '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"BOOL","shape":[1],"data_offsets":[1,2]}}';
    await refusesFile(() => readSafetensors(safetensors(json, [1, 2])), 'a bool is 0 or 1');
    expect(memory().tensors).toBe(before);
  });

  test('a reserved name is not written', () => {
    expect(() => writeSafetensors(new Map([['__metadata__', zeros([1])]]))).toThrow(KeelError);
  });
});

describe('malformed .npy', () => {
  // What is wrong, the header, how many bytes of data, the message.
  const rows = [
    ['no shape', "{'descr': '<f4', 'fortran_order': False, }", 0, 'malformed .npy header'],
    ['no dtype', "{'fortran_order': False, 'shape': (), }", 0, 'no dtype'],
    ['a negative extent', header("'<f4'", '(-1,)'), 0, 'malformed .npy header'],
    ['a structured dtype', header("[('x', '<f4')]", '(1,)'), 4, 'structured arrays are refused'],
    ['complex numbers', header("'<c8'", '(1,)'), 8, "dtype '<c8' is not supported: it is complex: save x.real and x.imag"],
    ['uint64', header("'<u8'", '(1,)'), 8, "dtype '<u8' is not supported"],
    ['too many bytes', header("'<f4'", '(1,)'), 8, '4 bytes needed, 8 given'],
  ] as const;

  test.each(rows)('%s', async (_, text, count, message) => {
    await refusesFile(() => readNpy(npy(text, new Uint8Array(count))), message);
  });

  test('no magic, and a version that does not exist', async () => {
    await refusesFile(() => readNpy(new Uint8Array(20)), 'not a .npy file');
    await refusesFile(() => readNpy(npy(header("'<f4'", '()'), new Uint8Array(4), 4)), 'version 4 is not supported');
  });
});

const special = new Float32Array([0, -0, 1e-45, NaN, Infinity, -Infinity]);
const tensors: readonly [string, Tensor][] = [
  ['float32, every kind of value', tensor(special, [2, 3])],
  ['float64', tensor(new Float64Array([Math.PI, 5e-324]), [2])],
  ['int64 beyond 2⁵³', tensor(new BigInt64Array([2n ** 63n - 1n, -(2n ** 63n)]), [2])],
  ['bool', tensor([true, false, true])],
  ['a scalar', full([], 3)],
  ['no elements', zeros([3, 0, 2])],
];

describe('what is written is read back bit for bit', () => {
  test.each(tensors)('.npy: %s', (_, x) => {
    same(readNpy(writeNpy(x)), x);
  });

  test('safetensors: all of them, in the reference order', () => {
    const read = readSafetensors(writeSafetensors(new Map(tensors)));
    expect(new Set(read.keys())).toEqual(new Set(tensors.map(([name]) => name)));
    expect([...read.values()].map(({ dtype }) => dtype)).toEqual([
      'int64', 'float64', 'float32', 'float32', 'float32', 'bool',
    ]);
    for (const [name, x] of tensors) same(read.get(name), x);
  });

  test('safetensors: names that look like integers, or mean something in JSON and JavaScript', () => {
    const names = ['10', '2', '__proto__', 'constructor', 'a"b\\', '\u0000', 'é.weight'];
    const read = readSafetensors(writeSafetensors(new Map(names.map((name) => [name, zeros([1])]))));
    expect([...read.keys()]).toEqual([...names].sort());
  });

  test('a file of the reference writer is written byte for byte', async () => {
    const bytes = await readFile(data('oracle/torch-rng.safetensors'));
    const { metadata } = await open(bytes);
    expect(Buffer.compare(writeSafetensors(readSafetensors(bytes), { metadata }), bytes)).toBe(0);
  });
});

describe('formats that no dtype is equal to convert exactly', () => {
  const rows = [
    ['F16', [0x3c00, 0xc000, 0x7bff, 0x0001, 0x8000, 0x7c00, 0x7e00], [1, -2, 65504, 2 ** -24, -0, Infinity, NaN]],
    ['BF16', [0x3f80, 0xc000, 0x7f7f, 0x0001, 0xff80, 0x7fc0], [1, -2, 255 * 2 ** 120, 2 ** -133, -Infinity, NaN]],
    ['I16', [1, 0xffff, 0x8000], [1n, -1n, -32768n]],
    ['U16', [1, 0xffff], [1n, 65535n]],
  ] as const;

  test.each(rows)('%s', (dtype, bits, values) => {
    const bytes = new Uint8Array(Uint16Array.from(bits).buffer);
    const json = entry(dtype, `"shape":[${bits.length}],"data_offsets":[0,${bytes.length}]`);
    const read = readSafetensors(safetensors(json, [...bytes]));
    expect([...(read.get('a')?.data ?? [])]).toEqual([...values]);
  });
});

describe('.npy variants', () => {
  const bytes = Uint8Array.of(0, 1, 0, 2, 255, 255);
  const matrix = [[0, 1, 0], [2, 255, 255]];
  const rows = [
    ['big-endian int16', npy(header("'>i2'", '(3,)'), bytes), 'int64', [1, 2, -1]],
    ['version 2', npy(header("'|u1'", '(2, 3)'), bytes, 2), 'int64', matrix],
    ['version 3, Fortran order', npy(header("'|u1'", '(2, 3)', 'True'), bytes, 3), 'int64', [[0, 0, 255], [1, 2, 255]]],
    ['other spacing', npy("{'shape':(2,3),'fortran_order':False,'descr':'|u1'}", bytes), 'int64', matrix],
    ['half precision', npy(header("'<f2'", '(1,)'), Uint8Array.of(0, 0x3c)), 'float32', [1]],
    ['a scalar', npy(header("'|b1'", '()'), Uint8Array.of(1)), 'bool', true],
  ] as const;

  test.each(rows)('%s', (_, file, dtype, values) => {
    const x = readNpy(file);
    expect(x.dtype).toBe(dtype);
    expect(x.toArray()).toEqual(values);
  });
});

describe('files', () => {
  test('the photographs', async () => {
    const photos = (await load(data('../data/photos_nchw.npy'))).get('array');
    expect(photos).toMatchObject({ dtype: 'int64', shape: [3, 3, 224, 224] });
  });

  const sources = [
    ['a path', (path: string) => path],
    ['a file URL', (path: string) => pathToFileURL(path)],
    ['a file URL as text', (path: string) => pathToFileURL(path).href],
    ['a Blob', async (path: string) => new Blob([await readFile(path)])],
    ['an ArrayBuffer', async (path: string) => Uint8Array.from(await readFile(path)).buffer],
    ['bytes', (path: string) => readFile(path)],
  ] as const;

  test.each(sources)('load from %s what save wrote', async (kind, source) => {
    const path = join(folder, `${kind}.safetensors`);
    await save(kind === 'a file URL' ? pathToFileURL(path) : path, new Map(tensors));
    const read = await load(await source(path));
    for (const [name, x] of tensors) same(read.get(name), x);
  });

  test('load from a server, or its refusal', async () => {
    const bytes = writeNpy(full([2], 7));
    const server = createServer(({ url }, response) => {
      response.writeHead(url === '/x.npy' ? 200 : 404).end(url === '/x.npy' ? bytes : 'none');
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const address = server.address();
    const origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : address}`;
    try {
      same((await load(`${origin}/x.npy`)).get('array'), full([2], 7));
      await refusesFile(() => load(new URL('y.npy', origin)), `cannot read '${origin}/y.npy': the server answered 404`);
    } finally {
      server.close();
    }
  });

  test('save replaces a file and leaves nothing else behind', async () => {
    const path = join(folder, 'replaced', 'x.npy');
    await refusesFile(() => save(path, new Map([['x', zeros([2])]])), `cannot write '${path}'`);
    await mkdir(join(folder, 'replaced'));
    await save(path, new Map([['x', zeros([2])]]));
    await save(path, new Map([['x', full([2], 7)]]));
    expect((await load(path)).get('array')?.toArray()).toEqual([7, 7]);
    expect(await readdir(join(folder, 'replaced'))).toEqual(['x.npy']);
  });

  test('save through a link writes what it leads to', async () => {
    const [path, link] = [join(folder, 'linked.npy'), join(folder, 'link.npy')];
    await save(path, { x: zeros([2]) });
    await symlink('linked.npy', link);
    await save(link, { x: full([2], 7) });
    expect((await load(path)).get('array')?.toArray()).toEqual([7, 7]);
    expect((await lstat(link)).isSymbolicLink()).toBe(true);
  });

  test('save takes a plain object as well as a Map', async () => {
    const path = join(folder, 'record.safetensors');
    await save(path, { a: full([2], 7), b: zeros([1]) });
    const read = await load(path);
    expect([...read.keys()]).toEqual(['a', 'b']);
    same(read.get('a'), full([2], 7));
  });

  test.each([
    ['a tensor', zeros([2]), 'got a value of class Tensor'],
    ['an array', [zeros([2])], 'got a value of class Array'],
    ['nothing', null, 'got null'],
    ['a number in an object', { x: 5 }, "got a number as 'x'"],
    ['an array in a Map', new Map([['x', [1, 2]]]), "got a value of class Array as 'x'"],
  ])('save refuses %s', async (_, given, message) => {
    // What JavaScript can call.
    const call = save(join(folder, 'x.npy'), given as unknown as Record<string, Tensor>);
    await expect(call).rejects.toMatchObject({ code: 'argument', message: expect.stringContaining(message) });
  });

  test.each([
    ['an unknown extension', 'x.bin', 1, "cannot tell the format of 'x.bin'"],
    ['a .pth', 'x.pth', 1, "PyTorch's own format is read and not written: end it in .safetensors, which safetensors.torch.load_file reads"],
    ['two tensors as .npy', 'x.npy', 2, 'a .npy file holds one tensor, got 2'],
  ])('save refuses %s', async (_, name, count, message) => {
    const map = new Map(Array.from({ length: count }, (_none, i) => [`t${i}`, zeros([1])] as const));
    const expected = { code: 'argument', message: expect.stringContaining(message) };
    await expect(save(name, map)).rejects.toMatchObject(expected);
  });

  test('options of safetensors are none of .npy', async () => {
    const call = save(join(folder, 'x.npy'), { x: zeros([1]) }, { floats: 'float16' });
    await expect(call).rejects.toMatchObject({ code: 'argument', message: expect.stringContaining('a .npy file takes no options') });
  });

  test('a path that does not exist, and one that is a folder', async () => {
    await refusesFile(() => load(join(folder, 'none.npy')), 'no such file');
    await refusesFile(() => load(folder), 'it is a folder');
  });
});

function same(actual: Tensor | undefined, expected: Tensor): void {
  expect(actual).toMatchObject({ dtype: expected.dtype, shape: expected.shape });
  expect(actual?.data).toStrictEqual(expected.data);
}

function entry(dtype: string, rest: string): string {
  return `{"a":{"dtype":"${dtype}",${rest}}}`;
}

function header(descr: string, shape: string, fortran: 'True' | 'False' = 'False'): string {
  return `{'descr': ${descr}, 'fortran_order': ${fortran}, 'shape': ${shape}, }`;
}

/** A safetensors file of a header and bytes of data. */
function safetensors(json: string, bytes: readonly number[]): Uint8Array {
  const text = new TextEncoder().encode(json);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(text.length), true);
  return Uint8Array.from([...length, ...text, ...bytes]);
}

/** A .npy file of a header and its elements. */
function npy(dict: string, elements: Uint8Array, version = 1): Uint8Array {
  const text = new TextEncoder().encode(dict);
  const length = [text.length & 255, text.length >> 8, ...(version === 1 ? [] : [0, 0])];
  return Uint8Array.from([0x93, ...new TextEncoder().encode('NUMPY'), version, 0, ...length, ...text, ...elements]);
}
