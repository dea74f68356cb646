// ONNX models as files: elements in files beside them, and models larger than memory.

import { mkdir, mkdtemp, open as openFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { load, open, openOnnx } from 'evenkeel/io';
import { afterAll, describe, expect, test } from 'vitest';
import { attribute, bytesOfModel, hex, message, node, pair, tensorProto } from './onnx/build.js';
import { refusesFile } from './refusal.js';

const folder = await mkdtemp(join(tmpdir(), 'evenkeel-onnx-'));
afterAll(() => rm(folder, { recursive: true }));

/** A model of one initializer, two floats that lie where these entries say. */
function beside(...external: [key: string, value: string][]): Uint8Array {
  const externalData = external.map(([key, value]) => pair(key, value));
  return bytesOfModel({ initializer: [tensorProto({ name: 'w', dims: [2n], dataType: 1, dataLocation: 1, externalData })] });
}

function varint(value: number): number[] {
  return [...message([1, value])].slice(1);
}

describe('elements in files beside the model', () => {
  const values = Float32Array.of(1, 2, 3, 4);
  const place = async (external: [string, string][]) => {
    await mkdir(join(folder, 'inside', 'deeper'), { recursive: true });
    for (const path of ['weights.bin', 'inside/weights.bin', 'inside/deeper/weights.bin']) await writeFile(join(folder, path), values);
    const path = join(folder, 'inside', 'model.onnx');
    await writeFile(path, beside(...external));
    return path;
  };

  const rows = [
    ['the first of them', [['location', 'weights.bin'], ['length', '8']], [1, 2]],
    ['from an offset on', [['location', 'weights.bin'], ['offset', '4'], ['length', '8'], ['checksum', 'unread']], [2, 3]],
    ['without a length', [['location', 'weights.bin'], ['offset', '8']], [3, 4]],
    ['in a folder below', [['location', './deeper/weights.bin'], ['length', '8']], [1, 2]],
  ] as const;

  test.each(rows)('%s', async (_, external, expected) => {
    const path = await place(external.map(([key, value]) => [key, value]));
    const opened = await openOnnx(path);
    expect(opened.graph.initializers.get('w')?.location).toBe(external[0][1]);
    expect((await opened.read('w')).toArray()).toEqual(expected);
    await opened.close();
    for (const source of [path, pathToFileURL(path)]) expect((await load(source)).get('w')?.toArray()).toEqual(expected);
    const file = await open(path);
    expect((await file.readRange('w', 1, 2)).toArray()).toEqual(expected.slice(1));
    await file.close();
  });

  const refused = [
    ['an absolute path', [['location', '/etc/passwd']], "'/etc/passwd' is refused: it may lie outside the folder"],
    ['the folder above', [['location', '../weights.bin']], "'../weights.bin' is refused"],
    ['the folder above, later', [['location', 'deeper/../../weights.bin']], 'is refused'],
    ['a path of Windows', [['location', 'C:\\weights.bin']], 'is refused'],
    ['a NUL', [['location', 'weights.bin\0.txt']], 'is refused'],
    ['no location', [['offset', '0']], "'' is refused"],
    ['a link that leads outside', [['location', 'link.bin']], "'link.bin' is refused: it may lie outside the folder of the file that names it, as a link"],
    ['a folder that is a link', [['location', 'linked/weights.bin']], 'is refused'],
    ['an offset beyond the file', [['location', 'weights.bin'], ['offset', '12']], "'w' lies beyond its file: bytes 12 to 20 of 'weights.bin', which has 16"],
    ['an offset of 2⁵³', [['location', 'weights.bin'], ['offset', String(2 ** 53)]], 'no whole number'],
    ['a negative offset', [['location', 'weights.bin'], ['offset', '-4']], "the offset of 'w' in 'weights.bin' is '-4', no whole number"],
    ['another length', [['location', 'weights.bin'], ['length', '12']], '8 bytes needed, 12 given'],
    ['a file that is not there', [['location', 'missing.bin']], 'ENOENT'],
    ['a folder', [['location', 'deeper']], 'EISDIR'],
  ] as const;

  test('one stretch of a file is not that of any number of initializers', async () => {
    const externalData = [pair('location', 'large.bin')];
    const shared = (count: number) => bytesOfModel({
      initializer: Array.from({ length: count }, (_, i) => tensorProto({ name: `w${i}`, dims: [2n ** 18n], dataType: 1, dataLocation: 1, externalData })),
    });
    await writeFile(join(folder, 'large.bin'), new Uint8Array(2 ** 20));
    const path = join(folder, 'shared.onnx');
    await writeFile(path, shared(3));
    expect((await load(path)).size).toBe(3);
    await writeFile(path, shared(80));
    await refusesFile(() => load(path), "its initializers would take 83886080 bytes of 'large.bin', which is too much for a file of 1048576");
  });

  test.each(refused)('%s', async (_, external, words) => {
    const path = await place(external.map(([key, value]) => [key, value]));
    await symlink('../weights.bin', join(folder, 'inside', 'link.bin')).catch(() => null);
    await symlink('..', join(folder, 'inside', 'linked')).catch(() => null);
    await refusesFile(() => load(path), words);
    await refusesFile(() => load(path), `cannot read '${path}': `);
  });

  test('bytes lead to no other file', async () => {
    const opened = await openOnnx(beside(['location', 'weights.bin']));
    await refusesFile(() => opened.read('w'), "the elements are in another file, 'weights.bin', to which bytes do not lead");
  });
});

describe('models larger than memory', () => {
  /** What is read of a file. */
  class Counted extends Blob {
    read = 0;
    override slice(begin = 0, end = 0): Blob {
      this.read += end - begin;
      return super.slice(begin, end);
    }
  }

  test('opening steps over weights, and reading one of them touches no other', async () => {
    const weights = Array.from({ length: 8 }, (_, i) => tensorProto({ name: `w${i}`, dims: [2n ** 20n], dataType: 1, rawData: new Uint8Array(2 ** 22).fill(i) }));
    const constant = node({ opType: 'Constant', attribute: [attribute({ name: 'value', type: 4, t: tensorProto({ dims: [2n ** 22n], dataType: 2, rawData: new Uint8Array(2 ** 22) }) })] });
    const file = new Counted([new Uint8Array(bytesOfModel({ initializer: weights, node: [constant] }))]);
    const opened = await openOnnx(file);
    expect(file.size).toBeGreaterThan(9 * 2 ** 22);
    expect(file.read).toBeLessThan(2 ** 20);
    file.read = 0;
    expect((await opened.read('w3')).size).toBe(2 ** 20);
    expect(file.read).toBe(2 ** 22);
  });

  test('raw_data of 4 GB, in a file that is full of holes', async () => {
    const path = join(folder, 'holes.onnx');
    const [bytes, length] = [2 ** 32, hex('80 80 80 80 10')];
    const tensor = new Uint8Array([...message([1, 2 ** 30], [2, 1], [8, 'huge']), 0x4a, ...length]);
    const after = message([5, message([1, 1], [2, 1], [8, 'w'], [9, hex('0000803f')])], [2, 'graph']);
    const graphHead = [0x2a, ...varint(tensor.length + bytes)];
    const head = [...message([1, 8]), 0x3a, ...varint(graphHead.length + tensor.length + bytes + after.length), ...graphHead, ...tensor];
    const file = await openFile(path, 'w');
    await file.write(new Uint8Array(head), 0, head.length, 0);
    await file.write(after, 0, after.length, head.length + bytes);
    await file.close();
    const opened = await openOnnx(path);
    expect(opened.graph.name).toBe('graph');
    expect(opened.graph.initializers.get('huge')?.shape).toEqual([2 ** 30]);
    expect((await opened.read('w')).toArray()).toEqual([1]);
    await opened.close();
    const initializers = await open(path);
    expect((await initializers.readRange('huge', 2 ** 30 - 2, 2 ** 30)).toArray()).toEqual([0, 0]);
    await initializers.close();
  });
});
