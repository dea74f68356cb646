// fold: what is written and said of state dicts and graphs, and files that must stay as they are.
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randn, tensor, type Tensor } from 'evenkeel';
import { foldOnnx, foldState } from 'evenkeel/fold';
import { load, open, save, writeSafetensors } from 'evenkeel/io';
import { VisionTransformer } from 'evenkeel/nn';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { evenkeel, exampleFolder } from './cli.js';

let folder = '';
beforeAll(async () => {
  folder = await exampleFolder();
});
afterAll(() => rm(folder, { recursive: true }));

const at = (name: string) => join(folder, name);
const fold = async (line: string) => evenkeel(['fold', ...line.split(' ')], { cwd: folder });
const contents = (state: ReadonlyMap<string, Tensor>) => [...state].map(([key, x]) => [key, x.shape, x.dtype, [...x.data]]).sort();

test.each([
  ['resnet.safetensors', {}],
  ['resnet.pth', {}],
  ['vit.safetensors', {}],
  ['convnext.pth', {}],
  ['resnet.pth --eps 0.1', { eps: 0.1 }],
  ['resnet.pth --pair bn1=conv1 --pair layer1.0.bn1=layer1.0.conv1:conv-batch-norm', { pairs: [['bn1', 'conv1'], ['layer1.0.bn1', 'layer1.0.conv1']] }],
] as const)('%s as foldState', async (line, options) => {
  const { exit, err } = await fold(`${line} -o as-state.safetensors --overwrite`);
  expect([exit, err]).toEqual([0, '']);
  const { state } = foldState(await load(at(line.split(' ')[0] ?? '')), options);
  expect(contents(await load(at('as-state.safetensors')))).toEqual(contents(state));
});

test('a graph as foldOnnx', async () => {
  expect(await fold('resnet.onnx -o graph.onnx')).toMatchObject({ exit: 0, err: '' });
  const { bytes } = await foldOnnx(at('resnet.onnx'));
  expect(Buffer.compare(await readFile(at('graph.onnx')), bytes)).toBe(0);
});

test.each(['float16', 'bfloat16'] as const)('a file of %s stays one, and its metadata', async (floats) => {
  const sizes = { imageSize: 4, patchSize: 2, dim: 8, depth: 1, numHeads: 2, numClasses: 2, qkvBias: false };
  const state = new Map([...new VisionTransformer(sizes).stateDict()].map(([key, x]) => [key, x.rank === 1 ? randn(x.shape) : x] as const));
  await writeFile(at('half.safetensors'), writeSafetensors(state, { floats, metadata: { origin: 'here' } }));
  expect(await fold('half.safetensors -o folded-half.safetensors --overwrite')).toMatchObject({ exit: 0, err: '' });
  const [before, after] = [await open(at('half.safetensors')), await open(at('folded-half.safetensors'))];
  expect(after.metadata).toEqual({ origin: 'here' });
  const format = floats === 'float16' ? 'F16' : 'BF16';
  expect(new Set([...after.entries.values()].map((entry) => entry.format))).toEqual(new Set([format]));
  expect(after.keys().filter((key) => !before.entries.has(key))).toEqual(['blocks.0.attn.qkv.bias']);
  const folded = foldState(await load(at('half.safetensors')), { entries: before.entries });
  expect(contents(await load(at('folded-half.safetensors')))).toEqual(contents(folded.state));
  await before.close();
  await after.close();
});

test('JSON', async () => {
  const { out } = await fold('resnet.pth -o json.safetensors --json');
  const { pairs, removed, ...rest } = JSON.parse(out);
  expect(rest).toEqual({
    version: 1, command: 'fold', input: 'resnet.pth', output: 'json.safetensors', eps: 1e-5, kept: [], beside: [],
    layout: { model: 'ResNet', layout: 'torchvision', prefix: '' },
    added: ['conv1', 'layer1.0.conv1', 'layer1.0.conv2', 'layer2.0.conv1', 'layer2.0.conv2', 'layer2.0.downsample.0'].map((name) => `${name}.bias`),
  });
  expect([pairs.length, removed.length]).toEqual([6, 30]);
  expect(pairs[0]).toMatchObject({ norm: 'bn1', into: 'conv1', kind: 'conv-batch-norm' });
});

test('nothing to fold is exit code 1, and nothing is written', async () => {
  expect(await fold('resnet.pth -o once.safetensors')).toMatchObject({ exit: 0 });
  const { exit, out } = await fold('once.safetensors -o twice.safetensors');
  expect([exit, out]).toEqual([1, 'once.safetensors, ResNet of torchvision: nothing can be folded, 0 norms kept\n\nnothing was written\n']);
  await expect(stat(at('twice.safetensors'))).rejects.toThrow('ENOENT');
});

test.each([60, 80, 160])('at %i columns', async (columns) => {
  for (const [name, line] of [['resnet', 'resnet.pth'], ['convnext', 'convnext.pth -o shown.safetensors --overwrite'], ['named', 'resnet.pth --pair bn1=conv1 --eps 1e-5']]) {
    const { out } = await evenkeel(['fold', ...(line ?? '').split(' ')], { cwd: folder, columns });
    expect(out.split('\n').filter((text) => text.length > columns)).toEqual([]);
    // Differences depend on the machine's sums.
    await expect(out.replaceAll(/\d\.\de[+-]\d+(?=  \d)/g, (number) => '~'.repeat(number.length))).toMatchFileSnapshot(`snapshots/fold-${name}.${columns}.txt`);
  }
});

test.each([
  ['resnet.pth -o resnet.safetensors', 2, "'resnet.safetensors' exists: give --overwrite"],
  ['resnet.safetensors -o resnet.safetensors', 2, "'resnet.safetensors' is the file that is read"],
  ['resnet.onnx -o resnet.onnx', 2, "'resnet.onnx' is the file that is read"],
  ['resnet.pth -o out.onnx', 2, 'is written as .safetensors'],
  ['resnet.onnx -o out.safetensors', 2, 'is written as .onnx'],
  ['resnet.pth --overwrite', 2, 'give -o OUT'],
  ['absent.pth -o out.safetensors', 2, 'no such file'],
  ['absent.onnx -o out.onnx', 2, 'no such file'],
  ['mlp.pth -o out.safetensors', 2, 'these are not the keys of a known model'],
  ['resnet.pth -o out.safetensors --pair bn1', 2, '--pair takes NORM=INTO'],
  ['resnet.pth -o out.safetensors --pair bn1=conv1:conv', 2, 'kinds are conv-batch-norm'],
  ['resnet.pth -o out.safetensors --pair bn1=layer2.0.conv1', 2, 'out_channels=32 and num_features=16'],
  ['resnet.pth -o out.safetensors --pair bn7=conv1', 2, 'no module "bn7"'],
  ['resnet.onnx -o out.onnx --eps 1e-3', 2, '--eps is about state dicts'],
  ['resnet.onnx -o out.onnx --pair a=b', 2, '--pair is about state dicts'],
  ['cut.safetensors -o out.safetensors', 3, 'cut.safetensors'],
  ['tiny.safetensors -o out.safetensors --pair bn=conv', 2, 'do not survive rounding to F16'],
])('%s: exit code %i', async (line, code, message) => {
  const bytes = await readFile(at('resnet.safetensors'));
  await writeFile(at('cut.safetensors'), bytes.subarray(0, bytes.length - 4));
  await writeFile(at('tiny.safetensors'), writeSafetensors(new Map(Object.entries(tiny)), { floats: 'float16' }));
  const { exit, err } = await fold(line);
  expect(err).toContain(message);
  expect(exit).toBe(code);
  expect(await readFile(at('resnet.safetensors'))).toEqual(bytes);
  for (const name of ['out.safetensors', 'out.onnx']) await expect(stat(at(name))).rejects.toThrow('ENOENT');
});

/** A scale that takes the weights out of float16's range. */
const tiny = {
  'conv.weight': tensor([[[[1e-3]]], [[[1e-3]]]]),
  'bn.weight': tensor([1e-5, 1e-5]), 'bn.bias': tensor([0, 0]), 'bn.running_mean': tensor([0, 0]), 'bn.running_var': tensor([1, 1]),
};

test('in place, with --overwrite', async () => {
  await save(at('own.safetensors'), await load(at('resnet.pth')));
  expect(await fold('own.safetensors -o own.safetensors --overwrite')).toMatchObject({ exit: 0 });
  expect((await load(at('own.safetensors'))).has('conv1.bias')).toBe(true);
});

test('Ctrl-C leaves nothing', async () => {
  const stop = new AbortController();
  stop.abort();
  for (const [model, out] of [['resnet.pth', 'stopped.safetensors'], ['resnet.onnx', 'stopped.onnx']] as const) {
    const { exit } = await evenkeel(['fold', model, '-o', out], { cwd: folder, signal: stop.signal });
    expect(exit).toBe(130);
    await expect(stat(at(out))).rejects.toThrow('ENOENT');
  }
});
