// convert: what is written, against the stored files and the library; dtypes, metadata, and files that must stay as they are.
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ones, tensor } from 'evenkeel';
import { load, open, save, writeSafetensors, type Elements } from 'evenkeel/io';
import { convertWeightNorm } from 'evenkeel/nn';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { evenkeel, exampleFolder } from './cli.js';

let folder = '';
beforeAll(async () => {
  folder = await exampleFolder();
});
afterAll(() => rm(folder, { recursive: true }));

const at = (name: string) => join(folder, name);
const convert = async (line: string) => evenkeel(['convert', ...line.split(' ')], { cwd: folder });

async function expectSame(name: string, expected: ReadonlyMap<string, Elements>): Promise<void> {
  const got = await load(at(name));
  expect([...got.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [key, x] of got) {
    const { shape, dtype, data } = expected.get(key) ?? x;
    expect([key, x.shape, x.dtype, [...x.data]]).toEqual([key, shape, dtype, [...data]]);
  }
}

test.each([
  ['resnet.pth same.safetensors', 'resnet.safetensors'],
  ['convnext.pth facebook.safetensors --to facebook', '../convnext_facebook.safetensors'],
  ['facebook.safetensors torchvision.safetensors --to torchvision', '../convnext_torchvision.safetensors'],
  ['torchvision.safetensors timm.safetensors --to timm', '../convnext_timm.safetensors'],
])('%s is as %s', async (line, stored) => {
  const { exit, err } = await convert(line);
  expect([exit, err]).toEqual([0, '']);
  const path = stored.startsWith('../') ? new URL(`../models/${stored.slice(3)}`, import.meta.url) : at(stored);
  await expectSame(line.split(' ')[1] ?? '', await load(path));
});

test.each(['old', 'parametrized', 'plain'] as const)('--weight-norm %s', async (form) => {
  expect(await convert(`mlp.pth wn-${form}.safetensors --weight-norm ${form}`)).toMatchObject({ exit: 0, err: '' });
  await expectSame(`wn-${form}.safetensors`, convertWeightNorm(await load(at('mlp.pth')), form));
});

test('names and weight_norm at once', async () => {
  const given = await load(at('convnext.pth'));
  const weight = given.get('stages.0.blocks.0.conv_dw.weight') ?? ones([1]);
  given.delete('stages.0.blocks.0.conv_dw.weight');
  given.set('stages.0.blocks.0.conv_dw.weight_g', ones([weight.shape[0] ?? 0, 1, 1, 1]));
  given.set('stages.0.blocks.0.conv_dw.weight_v', weight);
  await save(at('wn.safetensors'), given);
  for (const [form, ending] of [['old', 'weight_g'], ['parametrized', 'parametrizations.weight.original0'], ['plain', 'weight']]) {
    expect(await convert(`wn.safetensors both.safetensors --to facebook --weight-norm ${form} --overwrite`)).toMatchObject({ exit: 0 });
    expect((await load(at('both.safetensors'))).has(`stages.0.0.dwconv.${ending}`)).toBe(true);
  }
});

test('dtypes and metadata stay', async () => {
  const x = tensor([1, 1 + 2 ** -10, -3]);
  const bools = tensor([true, false]);
  const [doubles, n] = [tensor([0.1, 0.2], { dtype: 'float64' }), tensor(7, { dtype: 'int64' })];
  for (const floats of ['float16', 'bfloat16'] as const) {
    await writeFile(at('half.safetensors'), writeSafetensors(new Map(Object.entries({ x, bools, doubles, n })), { floats, metadata: { origin: 'here' } }));
    expect(await convert('half.safetensors still.safetensors --overwrite')).toMatchObject({ exit: 0 });
    expect(await readFile(at('still.safetensors'))).toEqual(await readFile(at('half.safetensors')));
  }
});

test.each([
  ['float32', ['F32', 'F32', 'I64']],
  ['float16', ['F16', 'F16', 'I64']],
  ['bfloat16', ['BF16', 'BF16', 'I64']],
] as const)('--floats %s', async (floats, [a, b, n]) => {
  await save(at('mixed.safetensors'), { a: tensor([1.00390625 + 2 ** -20]), b: tensor([0.1], { dtype: 'float64' }), n: tensor([3], { dtype: 'int64' }) });
  expect(await convert(`mixed.safetensors rounded.safetensors --floats ${floats} --overwrite`)).toMatchObject({ exit: 0 });
  const file = await open(at('rounded.safetensors'));
  expect([...file.entries].map(([key, { format }]) => [key, format]).sort()).toEqual([['a', a], ['b', b], ['n', n]]);
  const expected = { float32: [1.00390625 + 2 ** -20], float16: [1.00390625], bfloat16: [1.0078125] }[floats];
  expect([...(await file.read('a')).data]).toEqual(expected.map(Math.fround));
  await file.close();
});

test('integers that safetensors is not written with', async () => {
  const { exit, err, out } = await convert('photos.npy photos.safetensors');
  expect([exit, err]).toEqual([0, 'note: uint8 is written as int64\n']);
  expect(out).toContain('photos.npy: 1 tensor, 1 of uint8 as int64');
  await expectSame('photos.safetensors', await load(at('photos.npy')));
});

test('a folder of shards, and more than one stretch', async () => {
  await mkdir(at('shards'));
  const long = Float32Array.from({ length: 2 ** 20 + 5 }, (_, i) => i);
  const parts = { 'a.safetensors': { long: tensor(long) }, 'b.safetensors': { short: tensor([[1, 2], [3, 4]]) } };
  for (const [name, state] of Object.entries(parts)) await save(at(`shards/${name}`), state);
  const index = { metadata: {}, weight_map: { long: 'a.safetensors', short: 'b.safetensors' } };
  await writeFile(at('shards/model.safetensors.index.json'), JSON.stringify(index));
  expect(await convert('shards one.safetensors')).toMatchObject({ exit: 0, err: '' });
  await expectSame('one.safetensors', new Map(Object.entries({ ...parts['a.safetensors'], ...parts['b.safetensors'] })));
  const file = await open(at('one.safetensors'));
  expect(file.metadata).toEqual({ format: 'pt' });
  await file.close();
});

test('JSON', async () => {
  const { out } = await convert('convnext.pth json.safetensors --to torchvision --json');
  const { tensors, ...rest } = JSON.parse(out);
  expect(rest).toEqual({
    version: 1, command: 'convert', input: 'convnext.pth', output: 'json.safetensors', notes: [],
    layout: { model: 'ConvNeXt', from: 'timm', to: 'torchvision' },
  });
  expect(tensors).toContainEqual({
    name: 'features.1.0.layer_scale', shape: [18, 1, 1], dtype: 'float32', from: ['stages.0.blocks.0.gamma'], fromDtype: 'float32',
  });
});

test.each([60, 80, 160])('at %i columns', async (columns) => {
  const { out } = await evenkeel('convert convnext.pth shown.safetensors --to facebook --overwrite'.split(' '), { cwd: folder, columns });
  expect(out.split('\n').filter((line) => line.length > columns)).toEqual([]);
  await expect(out).toMatchFileSnapshot(`snapshots/convert.${columns}.txt`);
});

test.each([
  ['resnet.pth resnet.safetensors', 2, "'resnet.safetensors' exists: give --overwrite"],
  ['resnet.safetensors resnet.safetensors', 2, "'resnet.safetensors' is the file that is read"],
  ['resnet.pth out.pth', 2, 'state dicts are written as .safetensors'],
  ['absent.pth out.safetensors', 2, 'no such file'],
  ['resnet.pth out.safetensors --to facebook', 2, "ResNet has no layout 'facebook'"],
  ['mlp.pth out.safetensors --to timm', 2, 'these are not the keys of any known model'],
  ['resnet.pth out.safetensors --weight-norm old', 2, 'no keys of weight_norm'],
  ['resnet.safetensors out.safetensors --entry model', 2, 'entry'],
  ['cut.safetensors out.safetensors', 3, 'cut.safetensors'],
  ['resnet.pth absent/out.safetensors', 2, 'absent/out.safetensors'],
])('%s: exit code %i', async (line, code, message) => {
  const bytes = await readFile(at('resnet.safetensors'));
  await writeFile(at('cut.safetensors'), bytes.subarray(0, bytes.length - 4));
  const { exit, err } = await convert(line);
  expect(err).toContain(message);
  expect(exit).toBe(code);
  expect(await readFile(at('resnet.safetensors'))).toEqual(bytes);
  await expect(stat(at('out.safetensors'))).rejects.toThrow('ENOENT');
});

test('in place, with --overwrite', async () => {
  await save(at('own.safetensors'), await load(at('convnext.pth')));
  expect(await convert('own.safetensors own.safetensors --to facebook --overwrite')).toMatchObject({ exit: 0 });
  await expectSame('own.safetensors', await load(new URL('../models/convnext_facebook.safetensors', import.meta.url)));
});

test('Ctrl-C leaves nothing', async () => {
  const stop = new AbortController();
  stop.abort();
  const { exit } = await evenkeel(['convert', 'resnet.pth', 'stopped.safetensors'], { cwd: folder, signal: stop.signal });
  expect(exit).toBe(130);
  await expect(stat(at('stopped.safetensors'))).rejects.toThrow('ENOENT');
});
