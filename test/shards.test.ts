// Models in several files: an index and its shards, folders, and indexes that lead elsewhere or do not tell the truth.

import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { full, memory, ones, zeros, type Tensor } from 'evenkeel';
import { load, open, save, writeSafetensors } from 'evenkeel/io';
import { afterAll, describe, expect, test } from 'vitest';
import { pth, dict, tensorOps } from '../tools/fuzz/archive.js';
import { refusesFile } from './refusal.js';

const root = await mkdtemp(join(tmpdir(), 'evenkeel-'));
afterAll(() => rm(root, { recursive: true }));

const first = { a: full([2, 3], 1), b: zeros([4]) };
const second = { c: full([3], 7), '10': ones([1]) };
const map = { a: 'x-1.safetensors', b: 'x-1.safetensors', c: 'sub/x-2.safetensors', '10': 'sub/x-2.safetensors' };

/** A folder of two shards, one below, and the index that is given. */
async function shards(index: unknown = { metadata: { total_size: 56, note: 'n' }, weight_map: map }): Promise<string> {
  const folder = await mkdtemp(join(root, 'model-'));
  await mkdir(join(folder, 'sub'));
  await save(join(folder, 'x-1.safetensors'), first);
  await save(join(folder, 'sub', 'x-2.safetensors'), second);
  await writeFile(join(folder, 'x.safetensors.index.json'), typeof index === 'string' ? index : JSON.stringify(index));
  return folder;
}

describe('shards are one file', () => {
  const folder = shards();
  const sources = [
    ['a folder', (path: string) => path],
    ['a folder with a slash', (path: string) => `${path}/`],
    ['a folder by URL', (path: string) => pathToFileURL(path)],
    ['an index', (path: string) => join(path, 'x.safetensors.index.json')],
    ['an index by URL', (path: string) => `${pathToFileURL(path).href}/x.safetensors.index.json`],
  ] as const;

  test.each(sources)('from %s', async (_, source) => {
    const path = source(await folder);
    const file = await open(path);
    expect(file).toMatchObject({ kind: 'shards', metadata: { total_size: '56', note: 'n' } });
    expect(file.keys().sort()).toEqual(['10', 'a', 'b', 'c']);
    expect(file.entries.get('a')).toMatchObject({ shape: [2, 3], dtype: 'float32', format: 'F32' });
    expect((await file.read('c')).toArray()).toEqual([7, 7, 7]);
    expect((await file.readRange('a', 4, 6)).toArray()).toEqual([1, 1]);
    await file.close();
    await expect(file.read('c')).rejects.toMatchObject({ code: 'disposed' });
    const all = await load(path);
    for (const [name, x] of Object.entries<Tensor>({ ...first, ...second })) expect(all.get(name)?.toArray()).toEqual(x.toArray());
    expect(all.size).toBe(4);
  });

  test('from a server', async () => {
    const files: Readonly<Record<string, Uint8Array>> = {
      '/m/x.safetensors.index.json': Buffer.from(JSON.stringify({ weight_map: map })),
      '/m/x-1.safetensors': writeSafetensors(new Map(Object.entries(first))),
      '/m/sub/x-2.safetensors': writeSafetensors(new Map(Object.entries(second))),
    };
    const server = createServer(({ url, headers }, response) => {
      const bytes = files[url ?? ''] ?? new Uint8Array(0);
      const [, begin, end] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
      if (begin === undefined) return response.end(bytes);
      const part = bytes.subarray(Number(begin), Number(end) + 1);
      return response.writeHead(206, { 'content-range': `bytes ${begin}-${end}/${bytes.length}` }).end(part);
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const address = server.address();
    try {
      const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/m/x.safetensors.index.json`;
      const file = await open(url);
      expect((await file.read('c')).toArray()).toEqual([7, 7, 7]);
      expect((await load(url)).size).toBe(4);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

describe('an index that is wrong', () => {
  const rows = [
    ['no JSON', '{"weight_map":', 'header is not JSON'],
    ['no weight_map', { metadata: {} }, "it has no 'weight_map'"],
    ['a list', { weight_map: [] }, "it has no 'weight_map'"],
    ['a key twice', '{"weight_map":{"a":"x-1.safetensors","a":"x-1.safetensors"}}', "duplicate key 'a'"],
    ['a number for a file', { weight_map: { a: 5 } }, "the index has 'a' in 5, which is no name"],
    ['a shard that climbs', { weight_map: { a: '../x.safetensors' } }, "the name of shard '../x.safetensors' has '.', '..'"],
    ['a shard that climbs later', { weight_map: { a: 'sub/../../x.safetensors' } }, "has '.', '..'"],
    ['an absolute shard', { weight_map: { a: '/etc/x.safetensors' } }, "'/etc/x.safetensors' is an absolute path"],
    ['a drive', { weight_map: { a: 'C:/x.safetensors' } }, 'begins with a drive'],
    ['a backslash', { weight_map: { a: '..\\x.safetensors' } }, 'has a backslash'],
    ['a NUL', { weight_map: { a: 'x.safetensors\0' } }, 'has a NUL'],
    ['a shard of another kind', { weight_map: { a: 'x-1.pth' } }, "shard 'x-1.pth' is no .safetensors file"],
    ['a shard that is a folder', { weight_map: { a: 'sub' } }, "shard 'sub' is no .safetensors file"],
    ['a shard that is not there', { weight_map: { ...map, d: 'x-3.safetensors' } }, "shard 'x-3.safetensors': no such file or directory"],
    ['a key that the shard lacks', { weight_map: { ...map, d: 'x-1.safetensors' } }, "the index has 'd' in shard 'x-1.safetensors', which does not hold it"],
    ['a key that the index lacks', { weight_map: { a: map.a, c: map.c, '10': map.c } }, "shard 'x-1.safetensors' holds 'b', which the index does not have"],
    ['a key in another shard', { weight_map: { ...map, b: map.c } }, "'b' is in shard 'x-1.safetensors', and the index has it in 'sub/x-2.safetensors'"],
  ] as const;

  test.each(rows)('%s', async (_, index, message) => {
    const folder = await shards(index);
    const before = memory().tensors;
    await refusesFile(() => open(folder), `cannot read '${folder}': `);
    await refusesFile(() => load(folder), message);
    expect(memory().tensors).toBeLessThanOrEqual(before);
  });

  test('a shard that is not there is missing, one that is malformed corrupt', async () => {
    const folder = await shards();
    await writeFile(join(folder, 'x-1.safetensors'), 'one');
    await expect(open(folder)).rejects.toMatchObject({ data: { problem: 'corrupt', shard: 'x-1.safetensors' } });
    await rm(join(folder, 'x-1.safetensors'));
    await expect(open(folder)).rejects.toMatchObject({ data: { problem: 'missing', shard: 'x-1.safetensors' } });
  });

  test('a link out of the folder, and one within', async () => {
    const folder = await shards();
    await rm(join(folder, 'x-1.safetensors'));
    await save(join(root, 'outside.safetensors'), first);
    await symlink(join(root, 'outside.safetensors'), join(folder, 'x-1.safetensors'));
    await refusesFile(() => open(folder), "shard 'x-1.safetensors': 'x-1.safetensors' is refused: it may lie outside the folder of the file that names it, as a link leads there: copy the folder");
    await rm(join(folder, 'x-1.safetensors'));
    await save(join(folder, 'inside.safetensors'), first);
    await symlink('inside.safetensors', join(folder, 'x-1.safetensors'));
    expect((await load(folder)).size).toBe(4);
  });

  test('without a place', async () => {
    const bytes = Buffer.from(JSON.stringify({ metadata: {}, weight_map: map }));
    await refusesFile(() => open(bytes), 'an index of shards without a place: open it by its path');
    await expect(open(await shards(), { entry: 'a' })).rejects.toMatchObject({ code: 'argument', message: 'entry chooses a dict of a .pth file, and the kind of this one is shards' });
  });
});

describe('a folder of one file is that file', () => {
  const safe = writeSafetensors(new Map(Object.entries(first)));
  const torch = pth(Buffer.from(dict('w', tensorOps()), 'latin1'), { 0: new Uint8Array(8) });
  const rows = [
    ['a .safetensors', { 'model.safetensors': safe, 'config.json': '{}' }, 'safetensors'],
    ['a .pth', { 'model.pth': torch, 'readme.md': 'x' }, 'pth'],
    ['a .pt', { 'model.pt': torch }, 'pth'],
  ] as const;

  test.each(rows)('%s', async (_, files, kind) => {
    const file = await open(await filled(files));
    expect(file.kind).toBe(kind);
    await file.close();
  });

  const refused = [
    ['nothing', {}, 'there is nothing in it'],
    ['other files', { 'config.json': '{}', 'b.bin': 'x' }, 'it is a folder without .safetensors, .pth or an index of shards; there is b.bin, config.json in it'],
    ['two files', { 'a.safetensors': safe, 'b.pth': torch }, 'it is a folder with several models, a.safetensors, b.pth: open one of them'],
    ['two indexes', { 'a.safetensors.index.json': '{}', 'b.safetensors.index.json': '{}' }, 'several models, a.safetensors.index.json, b.safetensors.index.json'],
    ['many files', Object.fromEntries(Array.from({ length: 10 }, (_none, i) => [`${i}.txt`, ''])), '7.txt, ... in it'],
  ] as const;

  test.each(refused)('%s is refused', async (_, files, message) => {
    const folder = await filled(files);
    await refusesFile(() => open(folder), message);
    await expect(load(folder)).rejects.toMatchObject({ data: { problem: 'unsupported' } });
  });

  test('a link out of the folder is refused', async () => {
    await writeFile(join(root, 'elsewhere.safetensors'), safe);
    const folder = await filled({});
    await symlink(join(root, 'elsewhere.safetensors'), join(folder, 'model.safetensors'));
    await refusesFile(() => open(folder), "'model.safetensors' is refused: it may lie outside the folder");
  });
});

async function filled(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const folder = await mkdtemp(join(root, 'folder-'));
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  return folder;
}
