// Training states in a file: what comes back, how it lies there, what is refused; and files that cannot be written.
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Linear, memory, ones, SGD, tensor, zeros, type Tensor } from 'evenkeel';
import { load, loadCheckpoint, open, readSafetensors, save, saveCheckpoint, writeCheckpoint, writeNpy, writeSafetensors } from 'evenkeel/io';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { dict, pth, tensorOps, text } from '../tools/fuzz/archive.js';
import { refusesFile } from './refusal.js';

const file = (name: string): string => fileURLToPath(new URL(`io/${name}`, import.meta.url));
const folder = await fs.mkdtemp(join(tmpdir(), 'evenkeel-'));
afterAll(() => fs.rm(folder, { recursive: true }));
const path = join(folder, 'run.safetensors');

/** A value with the elements in place of tensors. */
function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('storage' in value) {
    const { dtype, shape, data } = value as Tensor;
    return { dtype, shape, data };
  }
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [plain(key), plain(item)]));
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

const tiedTensor = ones([2]);

describe('what comes back', () => {
  const rows: readonly (readonly [what: string, values: object])[] = [
    ['nothing', {}],
    ['numbers to the last bit', { a: [0.1, 1 / 3, 5e-324, 2 ** 53, -1.7976931348623157e308], b: [NaN, Infinity, -Infinity, -0, 0] }],
    ['texts, booleans, null, bigints', { a: 'é\u{10000}\ud800"\\', b: '', c: [true, false, null], d: 2n ** 70n, e: -1n }],
    ['lists of lists', { a: [[], [[1], {}], new Map()] }],
    ['Maps, by texts, numbers and more', { a: new Map<unknown, unknown>([['x', 1], [0, ones([1])], [null, new Map([[NaN, [2]]])]]) }],
    ['a Map outermost', new Map<string, unknown>([['epoch', 3], ['model', new Map([['w', ones([2])]])]])],
    ['tensors of every dtype', { f: tensor([1.5, NaN]), d: ones([2, 3], { dtype: 'float64' }), i: tensor(new BigInt64Array([2n ** 63n - 1n]), [1]), b: tensor([true, false]), e: zeros([3, 0]), s: ones([]) }],
    ['keys with dots, whose paths meet', { a: { 'b.c': ones([1]), b: { c: zeros([1]) } }, 'a.b': { c: ones([2]) }, 'a.b.c~2': ones([3]) }],
    ['keys that look as the file spells tensors', { a: { $tensor: 'x' }, b: { $map: [[1, 2]], $number: 'NaN' }, $object: ones([1]) }],
    ['the same tensor twice', { a: tiedTensor, b: [tiedTensor] }],
    ['an object without a prototype', { a: Object.assign(Object.create(null), { b: 1 }) }],
  ];
  test.each(rows)('%s', async (_, values) => {
    await saveCheckpoint(path, values);
    const read = await loadCheckpoint<object>(path);
    expect(plain(read)).toStrictEqual(plain(values));
    expect(Buffer.compare(writeCheckpoint(values), await fs.readFile(path))).toBe(0);
    expect(plain(await loadCheckpoint(writeCheckpoint(values)))).toStrictEqual(plain(values));
  });

  test('keys that mean something, in their order', async () => {
    const json = '{"2":4,"10":3,"__proto__":1,"constructor":{"toJSON":2},"":{"":5}}';
    await saveCheckpoint(path, JSON.parse(json));
    expect(JSON.stringify(await loadCheckpoint(path))).toBe(json);
  });

  test('and leaves as many tensors as the file has', async () => {
    await saveCheckpoint(path, { a: ones([1]), b: [ones([2])] });
    const before = memory().tensors;
    await loadCheckpoint(path);
    expect(memory().tensors).toBe(before + 2);
  });
});

test('other readers find every tensor under its path', async () => {
  const model = new Linear(2, 1);
  const optimizer = new SGD(model.parameters(), { lr: 0.5, momentum: 0.9 });
  model.forward(ones([1, 2])).sum().backward();
  optimizer.step();
  await saveCheckpoint(path, { model: model.stateDict(), optimizer: optimizer.stateDict(), epoch: 3 });
  const names = ['model.bias', 'model.weight', 'optimizer.state.0.momentum_buffer', 'optimizer.state.1.momentum_buffer'];
  expect([...(await load(path)).keys()]).toEqual(names);
  const { metadata } = await open(await fs.readFile(path));
  expect(metadata['format']).toBe('pt');
  expect(JSON.parse(metadata['evenkeel.checkpoint'] ?? '')).toMatchObject({
    version: 1,
    value: {
      model: { $map: [['weight', { $tensor: 'model.weight' }], ['bias', { $tensor: 'model.bias' }]] },
      optimizer: { state: { 0: { momentum_buffer: { $tensor: names[2] } } }, param_groups: [{ lr: 0.5, params: [0, 1] }] },
      epoch: 3,
    },
  });
});

const cyclic: Record<string, unknown> = { a: 1 };
cyclic['deep'] = [{ again: cyclic }];
const gone = ones([1]);
gone.dispose();
const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);

test.each([
  ['a function', { a: { b: [1, () => 1] } }, 'argument', "'a.b.1' is a function: a checkpoint takes tensors, numbers, texts, booleans, null, and arrays"],
  ['undefined', { a: undefined }, 'argument', "'a' is undefined"],
  ['a hole in a list', { a: Array(2) }, 'argument', "'a.0' is undefined"],
  ['a date', { a: new Date(0) }, 'argument', "'a' is a Date"],
  ['a typed array', { a: new Float32Array(2) }, 'argument', "'a' is a Float32Array"],
  ['a set', { a: new Set() }, 'argument', "'a' is a Set"],
  ['a symbol', { a: Symbol('s') }, 'argument', "'a' is the symbol Symbol(s)"],
  ['a model', { model: new Linear(1, 1) }, 'argument', "'model' is a Linear: give its stateDict()"],
  ['what holds itself', cyclic, 'argument', "'deep.0.again' is held by itself: break the cycle"],
  ['what nests too deep', { a: nested(64) }, 'argument', 'nests deeper than 64 levels'],
  ['a disposed tensor', { a: new Map([['w', gone]]) }, 'disposed', "'a.w' is a disposed tensor: save before dispose()"],
  ['a key of a Map that is none', { a: new Map([[() => 1, 1]]) }, 'argument', "'a key of a' is a function"],
  ['a reserved name', { __metadata__: ones([1]) }, 'name', "'__metadata__' is reserved"],
  ['a tensor', ones([1]), 'argument', 'a checkpoint takes values by name, such as { model: model.stateDict() }, got a Tensor'],
  ['a list', [1], 'argument', 'got a list'],
  ['nothing', null, 'argument', 'got null'],
] as const)('saveCheckpoint refuses %s before anything is written', async (_, values, code, message) => {
  await fs.rm(path, { force: true });
  // What JavaScript can call.
  await expect(saveCheckpoint(path, values as object)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  expect(await fs.readdir(folder)).not.toContain('run.safetensors');
});

test('a checkpoint of another kind of file', async () => {
  await expect(saveCheckpoint('run.pth', {})).rejects.toMatchObject({ code: 'argument', message: "a checkpoint is a safetensors file: end 'run.pth' in .safetensors" });
});

/** A file with this for its description. */
function described(json: string, tensors: Readonly<Record<string, Tensor>> = {}): Uint8Array {
  return writeSafetensors(new Map(Object.entries(tensors)), { metadata: { 'evenkeel.checkpoint': json } });
}

describe('loadCheckpoint refuses', () => {
  const value = (json: string): Uint8Array => described(`{"version":1,"value":${json}}`, { w: ones([1]) });

  test.each([
    ['tensors alone', writeSafetensors(new Map([['w', ones([1])]])), "it has tensors alone, and no entry 'evenkeel.checkpoint' as saveCheckpoint writes it: read it with load()"],
    ['a later version', described('{"version":2,"value":{}}'), "has version 2, and 1 is read"],
    ['no version', described('[]'), 'has version undefined'],
    ['no JSON', described('{'), 'it is not JSON'],
    ['a tensor that is not there', value('{"a":{"$tensor":"x"}}'), "has a tensor 'x' that is not there"],
    ['a tensor by number', value('{"a":{"$tensor":1}}'), 'has {"$tensor":1}, which saveCheckpoint does not write'],
    ['a number that is none', value('{"a":{"$number":"7"}}'), 'has {"$number":"7"}'],
    ['pairs that are none', value('{"a":{"$map":[[1]]}}'), 'has {"$map":[[1]]}'],
    ['another kind', value('{"a":{"$function":"alert()"}}'), 'has {"$function":"alert()"}'],
    ['a bigint without end', value(`{"a":{"$bigint":"${'9'.repeat(5001)}"}}`), 'has {"$bigint":"999'],
    ['what nests a million deep', value(`${'['.repeat(1e6)}${']'.repeat(1e6)}`), 'nests deeper than'],
    ['a key twice', value('{"a":1,"a":2}'), "duplicate key 'a'"],
  ])('%s, and keeps nothing', async (_, bytes, message) => {
    const before = memory().tensors;
    await refusesFile(() => loadCheckpoint(bytes), message);
    expect(memory().tensors).toBe(before);
  });

  test('a .npy file, and no file', async () => {
    await expect(loadCheckpoint(writeNpy(ones([1])))).rejects.toMatchObject({ code: 'argument', message: expect.stringContaining('use load()') });
    await refusesFile(() => loadCheckpoint(join(folder, 'none.safetensors')), `cannot read '${join(folder, 'none.safetensors')}'`);
  });
});

describe('whole values of .pth files', () => {
  const eight = new Uint8Array(8);

  test('a script\'s', async () => {
    const { epoch, best, big, raw, none, done, history, seen, dtype, model, optimizer, ...others } = await loadCheckpoint(file('training.pth'));
    expect({ epoch, best, big, none, done, history, dtype, raw, name: others['name'], device: others['device'], size: others['size'] }).toEqual({
      epoch: 3, best: 0.5, big: 2n ** 70n, none: null, done: true, history: [1.5, 2.5], dtype: 'torch.float32', raw: '\x00ÿ', name: 'é', device: 'cuda', size: [2, 3],
    });
    expect(new Set(seen as number[])).toEqual(new Set([1, 2]));
    expect([...model.keys()].slice(0, 2)).toEqual(['fc.weight', 'fc.bias']);
    expect(Object.keys(optimizer.state)).toEqual(['0', '1', '2', '3']);
  });

  test('settings that are not read are named', async () => {
    expect(await loadCheckpoint(file('settings.pth'))).toMatchObject({ args: { unread: 'argparse.Namespace' } });
  });

  test.each([
    ['a lone tensor', `\x80\x02${tensorOps()}.`, { dtype: 'float32', shape: [2], data: new Float32Array(2) }],
    ['keys that are spelled alike', `\x80\x02}K\x01K\x02s${text('1')}K\x03s.`, new Map<unknown, unknown>([[1, 2], ['1', 3]])],
    ['bytes', `\x80\x03}${text('a')}C\x02\x00\xffs.`, { a: { 0: 0, 1: 255 } }],
    ['keys of other kinds', '\x80\x02}NK\x01s.', new Map([[null, 1]])],
  ])('%s', async (_, pickle, expected) => {
    expect(plain(await loadCheckpoint(pth(pickle, { 0: eight })))).toEqual(expected);
  });

  // Each list holds the one before twice; and one holds itself.
  const doubled = `\x80\x02(]q\x00${'](h\x00h\x00eq\x00'.repeat(60)}l.`;
  test('lists of lists twice, twice, ... are made once', async () => {
    const lists = await loadCheckpoint<unknown[][]>(pth(doubled));
    expect(lists).toHaveLength(61);
    lists.slice(1).forEach((list, i) => expect(list.every((item) => item === lists[i])).toBe(true));
  });
  test.each([
    ['a list in itself', '\x80\x02]q\x00h\x00a.', "'0' is held by itself"],
    ['a million lists', `\x80\x02${']'.repeat(1e6)}${'a'.repeat(1e6 - 1)}.`, 'nests deeper than 64 levels'],
    ['a missing storage', dict('w', tensorOps()), "'w' lies in record"],
  ])('%s is refused', async (_, pickle, message) => {
    await refusesFile(() => loadCheckpoint(pth(pickle)), message);
  });
});

describe('ways out', () => {
  test.each([
    ["an optimizer's state as entry", () => load(file('training.pth'), { entry: 'optimizer' }), "'optimizer' is an optimizer's state, no dict of tensors: read it with loadCheckpoint(), for optimizer.loadStateDict()"],
    ["an optimizer's state alone", () => load(file('optimizer.pth')), "it is an optimizer's, which loadCheckpoint() reads"],
    ['a nested state to save', () => save(path, new SGD([ones([1])]).stateDict() as never), "got a value of class Object as 'state': what is nested is for saveCheckpoint"],
  ])('%s', async (_, call, message) => {
    await expect(call()).rejects.toThrow(message);
  });
});

/** Node's file system, of which one call fails. */
function failing(method: 'writeFile' | 'sync' | 'close' | 'rename', code: string, after = 0): { readonly written: number[] } {
  const seen: { readonly written: number[] } = { written: [] };
  const fail = async (): Promise<never> => {
    throw Object.assign(new Error(`${code}: stub`), { code });
  };
  const stub = {
    ...fs,
    rename: method === 'rename' ? fail : fs.rename,
    open: async (...args: Parameters<typeof fs.open>) => {
      const handle = await fs.open(...args);
      return {
        sync: () => (method === 'sync' ? fail() : handle.sync()),
        close: async () => {
          await handle.close();
          if (method === 'close') await fail();
        },
        writeFile: async (bytes: Uint8Array) => {
          seen.written.push(bytes.length);
          if (method === 'writeFile' && seen.written.length > after) await fail();
          await handle.writeFile(bytes);
        },
      };
    },
  };
  vi.spyOn(process, 'getBuiltinModule').mockImplementation(() => stub as never);
  return seen;
}

describe('a file that cannot be written', () => {
  afterEach(() => vi.restoreAllMocks());
  const old = writeSafetensors(new Map([['old', ones([1])]]));
  const values = { a: ones([64]), b: ones([32]), c: ones([16]) };

  const writers = [
    ['save', (to: string) => save(to, values)],
    ['saveCheckpoint', (to: string) => saveCheckpoint(to, values)],
  ] as const;
  const faults = [
    ['the disk is full at once', 'writeFile', 'ENOSPC', 'no space left on the disk', 0],
    ['the disk is full after two tensors', 'writeFile', 'ENOSPC', 'no space left on the disk', 3],
    ['the disk fails as it is flushed', 'sync', 'EIO', 'the disk reports an error', 0],
    ['the disk fails as the file is closed', 'close', 'EIO', 'the disk reports an error', 0],
    ['the name cannot be taken', 'rename', 'EACCES', 'permission denied', 0],
  ] as const;
  test.each(writers.flatMap(([name, write]) => faults.map(([what, ...fault]) => [name, what, write, ...fault] as const)))(
    '%s, where %s, leaves the old file and nothing else',
    async (_, __, write, method, code, words, after) => {
      const place = await fs.mkdtemp(join(folder, 'fault-'));
      const to = join(place, 'x.safetensors');
      await fs.writeFile(to, old);
      failing(method, code, after);
      await refusesFile(() => write(to), `cannot write '${to}': ${words} (${code})`);
      expect(await fs.readdir(place)).toEqual(['x.safetensors']);
      expect(Buffer.compare(await fs.readFile(to), old)).toBe(0);
    },
  );

  test.each(writers)('%s over a folder leaves nothing behind', async (name, write) => {
    const place = join(folder, name);
    await fs.mkdir(join(place, 'x.safetensors'), { recursive: true });
    await refusesFile(() => write(join(place, 'x.safetensors')), 'cannot write');
    expect(await fs.readdir(place)).toEqual(['x.safetensors']);
  });

  test.each(writers)('%s writes tensor by tensor', async (_, write) => {
    const { written } = failing('rename', 'EACCES');
    await refusesFile(() => write(path), 'EACCES');
    expect(written.slice(1, 4)).toEqual([256, 128, 64]);
  });

  test.each(writers)('%s refuses a tensor that changes or goes meanwhile', async (_, write) => {
    const to = join(await fs.mkdtemp(join(folder, 'changed-')), 'x.safetensors');
    await fs.writeFile(to, old);
    const [saving, error] = [write(to), { code: 'modified', message: expect.stringContaining('was written to while the file was being written: await save() first') }];
    values.c.add_(1);
    await expect(saving).rejects.toMatchObject(error);
    expect(readSafetensors(await fs.readFile(to)).has('old')).toBe(true);
    expect(await fs.readdir(join(to, '..'))).toEqual(['x.safetensors']);
  });
});
