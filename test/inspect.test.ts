// Inspections of stored models: every norm that PyTorch's own list of modules has, with its figures by NumPy.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { memory, tensor } from 'evenkeel';
import { inspect, type InspectedNorm, type Inspection } from 'evenkeel/inspect';
import { open, writeSafetensors } from 'evenkeel/io';
import { afterAll, describe, expect, test } from 'vitest';
import { inspectState, kindsIn, stateFile } from './inspect/files.js';

const folder = mkdtempSync(join(tmpdir(), 'evenkeel-inspect-'));
afterAll(() => rmSync(folder, { recursive: true }));
const stored = (name: string) => fileURLToPath(new URL(`models/${name}`, import.meta.url));
const jsonOf = (path: string | URL) => JSON.parse(readFileSync(path, 'utf8'));

/** A norm as PyTorch prints it: `BatchNorm2d(16, eps=1e-05, ...)`. */
interface Printed {
  readonly path: string;
  readonly kind: string;
  readonly width: number;
  readonly eps: number;
  readonly groups: number | null;
}

function printedNorms(json: { readonly modules: Readonly<Record<string, string>> }): Printed[] {
  return Object.entries(json.modules).flatMap(([path, text]) => {
    const [, kind, sizes = '', eps] = /^(\w*Norm\w*)\(([^=]*), eps=([^,)]+)/.exec(text) ?? [];
    const numbers = sizes.match(/\d+/g)?.map(Number) ?? [];
    if (kind === undefined) return [];
    const groups = kind === 'GroupNorm' ? (numbers[0] ?? 0) : null;
    return [{ path, kind, width: numbers.at(-1) ?? 0, eps: Number(eps), groups }];
  });
}

/** The path of a norm in one of ConvNeXt's layouts. */
function pathIn(layout: string, path: string): string {
  const { columns, rows } = jsonOf(stored('convnext.json')).key_map;
  const row = rows.find(([key]: readonly string[]) => key === `${path}.weight`);
  return row[columns.indexOf(layout)].replace(/\.weight$/, '');
}

const normsOnly = ({ layers }: Inspection) => layers.filter(({ candidates: [kind] }) => kind !== 'LayerScale');
const epsOf = ({ layers }: Inspection): (readonly [InspectedNorm['epsFrom'], number | null])[] =>
  layers.map(({ epsFrom, eps }) => [epsFrom, eps]);
const byPath = (layers: readonly { readonly path: string }[]) => layers.map(({ path }) => path).sort();

describe('state dicts of trained models', () => {
  const models = ['resnet_bn', 'resnet_gn', 'vit', 'encoder', 'rms_hybrid', 'convnext_facebook', 'convnext_timm', 'convnext_torchvision'];
  const rows = models.flatMap((name) => ['safetensors', 'pth'].map((extension) => [name, extension] as const));

  test.each(rows)('%s.%s', async (name, extension) => {
    const [model = '', layout = ''] = name.startsWith('convnext') ? name.split('_') : [name];
    const json = jsonOf(stored(`${model}.json`));
    const file = stored(`${name}.${extension}`);
    const printed = printedNorms(json).map((norm) => ({ ...norm, path: layout === '' ? norm.path : pathIn(layout, norm.path) }));
    const plain = await inspect(file);
    const configured = await inspect(file, { config: json.config });
    expect(byPath(normsOnly(plain))).toEqual(byPath(printed));
    for (const { path, kind, width, eps, groups } of printed) {
      const layer = plain.layers.find((each) => each.path === path);
      expect(layer).toMatchObject({ width, eps: null, epsFrom: 'not stored', groups: null });
      expect(layer?.candidates).toContain(kind);
      const known = configured.layers.find((each) => each.path === path);
      expect(known).toMatchObject({ width, eps, epsFrom: 'config', groups });
      if (groups !== null) expect(known?.kind).toBe(kind);
    }
    expect(plain.flags).toEqual([]);
    expect(configured).toMatchObject({ flags: [], config: 'given', file, kind: extension });
    // Plain data.
    expect(JSON.parse(JSON.stringify(configured))).toEqual(configured);
  });

  test.each([
    ['resnet_bn', 'BatchNorm2d', 'layer2.0.downsample.1', 'layer2.0.downsample.0', null, 'before'],
    ['resnet_gn', 'LayerNorm or GroupNorm', 'bn1', 'conv1', null, 'unknown'],
    ['vit', 'LayerNorm', 'blocks.1.norm1', null, 'blocks.1.attn.qkv', 'after'],
    ['convnext_facebook', 'LayerNorm2d', 'downsample_layers.1.0', null, 'downsample_layers.1.1', 'after'],
    ['convnext_timm', 'LayerNorm', 'stages.1.blocks.0.norm', 'stages.1.blocks.0.conv_dw', 'stages.1.blocks.0.mlp.fc1', 'after'],
    ['convnext_torchvision', 'LayerScale', 'features.3.1.layer_scale', 'features.3.1.block.5', null, 'before'],
    // The norms of its blocks stand elsewhere than those of the model that has the same names.
    ['rms_hybrid', 'RMSNorm or LayerNorm', 'blocks.0.norm2', null, null, 'unknown'],
    ['encoder', 'LayerNorm', 'encoder.layers.0.norm1', null, null, 'unknown'],
    ['mlp_weightnorm', 'weight_norm', 'fc1', null, null, 'itself'],
    ['mlp_weightnorm', 'spectral_norm', 'fc2', null, null, 'itself'],
  ])('%s has a %s at %s', async (name, kind, path, follows, precedes, foldable) => {
    const { layers } = await inspect(stored(`${name}.safetensors`));
    expect(layers.find((layer) => layer.path === path)).toMatchObject({ kind, follows, precedes, foldable });
  });

  test('layers come in the order of the model where its layout is known', async () => {
    const { layers } = await inspect(stored('convnext_timm.safetensors'), { scan: 'norms' });
    expect(layers.map(({ path }) => path).filter((path) => !path.endsWith('gamma'))).toEqual([
      'stem.1', 'stages.0.blocks.0.norm', 'stages.0.blocks.1.norm', 'stages.1.downsample.0', 'stages.1.blocks.0.norm',
      'stages.1.blocks.1.norm', 'head.norm',
    ]);
  });
});

describe('ONNX graphs of trained models', () => {
  const rows = [
    ['resnet_bn', 13, { BatchNorm2d: 6 }],
    ['resnet_gn', 13, { GroupNorm: 6 }],
    ['vit', 17, { LayerNorm: 7 }],
    ['encoder', 17, { LayerNorm: 4 }],
    ['rms_hybrid', 14, { RMSNorm: 5 }],
    ['convnext', 15, { LayerNorm2d: 2, LayerNorm: 5, LayerScale: 4 }],
  ] as const;

  test.each(rows)('%s', async (name, opset, kinds) => {
    const inspection = await inspect(stored(`${name}.onnx`));
    const printed = printedNorms(jsonOf(stored(`${name}.json`)));
    expect(byPath(normsOnly(inspection))).toEqual(byPath(printed));
    for (const { path, kind, width, eps, groups } of printed) {
      const layer = inspection.layers.find((each) => each.path === path);
      expect(layer).toMatchObject({ kind, candidates: [kind], width, eps, epsFrom: 'file', groups });
    }
    const counts: Record<string, number> = {};
    for (const { kind } of inspection.layers) counts[kind] = (counts[kind] ?? 0) + 1;
    expect(counts).toEqual(kinds);
    expect(inspection).toMatchObject({ kind: 'onnx', opset, flags: [], config: null });
  });

  test('a bias that two layers share is read for both', async () => {
    const { layers } = await inspect(stored('resnet_bn.onnx'));
    const last = layers.find(({ path }) => path === 'layer2.0.downsample.1');
    expect(last?.tensors.map(({ key }) => key)).toContain('layer2.0.bn2.bias');
  });
});

describe('figures', () => {
  const { figures } = jsonOf(new URL('inspect/expected.json', import.meta.url));

  test.each(Object.keys(figures).filter((name) => Object.keys(figures[name]).length > 0))('of %s', async (name) => {
    const { layers } = await inspect(stored(`${name}.safetensors`));
    const seen: string[] = [];
    for (const { key, histogram, nans, infinities, ...rest } of layers.flatMap(({ tensors }) => tensors)) {
      const expected = figures[name][key];
      if (expected === undefined) continue;
      seen.push(key);
      const { counts, ...numbers } = expected;
      expect([key, nans, infinities, histogram?.counts]).toEqual([key, 0, 0, counts]);
      for (const [figure, value] of Object.entries<number>(numbers)) {
        expect([key, figure, Reflect.get(rest, figure)]).toEqual([key, figure, expect.closeTo(value, 12)]);
      }
    }
    expect(seen.sort()).toEqual(Object.keys(figures[name]).sort());
  });

  const large = 1.5e308;
  test.each([
    ['finite elements only', [NaN, 1, Infinity, 3, -Infinity], { count: 5, min: 1, max: 3, mean: 2, deviation: 1, nans: 1, infinities: 2 }],
    ['none finite', [NaN, Infinity], { min: null, max: null, mean: null, deviation: null, histogram: null }],
    ['none', [], { count: 0, min: null, mean: null, histogram: null }],
    ['one', [5], { min: 5, max: 5, mean: 5, deviation: 0, histogram: { from: 5, to: 5, counts: [1, ...Array.from({ length: 15 }, () => 0)] } }],
    ['squares that overflow', [large, -large], { mean: 0, deviation: large, histogram: { from: -large, to: large, counts: [1, ...Array.from({ length: 14 }, () => 0), 1] } }],
    ['squares that vanish', [1e-310, 3e-310], { mean: 2e-310, deviation: 1e-310, nearZero: 2 }],
    ['a large mean', [1e9, 1e9 + 2], { mean: 1e9 + 1, deviation: 1 }],
  ])('of %s', async (_, values, expected) => {
    const file = writeSafetensors(new Map([['norm.weight', tensor(values, [values.length], { dtype: 'float64' })]]));
    const { layers } = await inspect(file);
    expect(layers[0]?.tensors[0]).toMatchObject(expected);
  });

  test('of 16-bit floats are those of the numbers they are', async () => {
    const file = writeSafetensors(new Map([['norm.weight', tensor([1, 2.5])]]), { floats: 'bfloat16' });
    expect((await inspect(file)).layers[0]?.tensors[0]).toMatchObject({ format: 'BF16', mean: 1.75 });
  });
});

describe('where it looks', () => {
  const bytes = stateFile({ 'norm.weight': [4], 'norm.bias': [4] });

  test('a config.json beside the file', async () => {
    const path = join(folder, 'model.safetensors');
    writeFileSync(path, bytes);
    expect(epsOf(await inspect(path))).toEqual([['not stored', null]]);
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ model_type: 'something', layer_norm_eps: 1e-7 }));
    for (const source of [path, pathToFileURL(path)]) {
      const found = await inspect(source);
      expect(epsOf(found)).toEqual([['config', 1e-7]]);
      expect(found.config).toContain('config.json');
    }
    expect(epsOf(await inspect(path, { config: null }))).toEqual([['not stored', null]]);
    expect(epsOf(await inspect(path, { config: { layer_norm_eps: 1e-3 } }))).toEqual([['config', 1e-3]]);
    writeFileSync(join(folder, 'config.json'), '{');
    await expect(inspect(path)).rejects.toMatchObject({ code: 'file', message: expect.stringContaining('is not JSON') });
    rmSync(join(folder, 'config.json'));
  });

  test('a folder of shards, and the config.json in it', async () => {
    const shards = join(folder, 'shards');
    mkdirSync(shards);
    writeFileSync(join(shards, 'a.safetensors'), bytes);
    writeFileSync(join(shards, 'b.safetensors'), stateFile({ 'last_norm.weight': [4], 'last_norm.bias': [4] }));
    const map = Object.fromEntries(['norm', 'last_norm'].flatMap((name, i) => ['weight', 'bias'].map((each) => [`${name}.${each}`, `${'ab'[i]}.safetensors`])));
    writeFileSync(join(shards, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: map }));
    // Beside the folder, and not the model's.
    writeFileSync(join(folder, 'config.json'), '{"eps": 1}');
    expect(await inspect(shards)).toMatchObject({ kind: 'shards', config: null, layers: [{ path: 'norm' }, { path: 'last_norm' }] });
    rmSync(join(folder, 'config.json'));
    writeFileSync(join(shards, 'config.json'), '{"eps": 2e-5}');
    for (const source of [shards, `${shards}/`, pathToFileURL(shards), join(shards, 'model.safetensors.index.json')]) {
      expect(epsOf(await inspect(source))).toEqual([['config', 2e-5], ['config', 2e-5]]);
    }
  });

  test('every part of a large tensor', async () => {
    const values = new Float32Array(2 ** 22 + 8);
    for (const at of [2 ** 22 - 1, 2 ** 22 + 5]) values[at] = NaN;
    values[2 ** 22] = Infinity;
    const x = tensor(values, [3, values.length / 3]);
    const { flags } = await inspect(writeSafetensors(new Map([['fc.weight', x]])));
    const columns = values.length / 3;
    const indexOf = (at: number) => [Math.floor(at / columns), at % columns];
    expect(flags.map(({ name, count, index }) => [name, count, index])).toEqual([
      ['nan', 2, indexOf(2 ** 22 - 1)], ['infinity', 1, indexOf(2 ** 22)],
    ]);
    x.dispose();
  });

  test.each([
    ['the fields of a part', { text_config: { layer_norm_epsilon: 1e-12 } }, 1e-12],
    ['a field for another kind', { rms_norm_eps: 1e-6 }, null],
    ['what is no number', { layer_norm_eps: '1e-6' }, null],
    ['what is no eps', { layer_norm_eps: -1 }, null],
  ])('%s', async (_, config, expected) => {
    expect(epsOf(await inspect(bytes, { config }))).toEqual([[expected === null ? 'not stored' : 'config', expected]]);
  });

  test('an open file, which stays open', async () => {
    const file = await open(bytes);
    expect(kindsIn(await inspect(file))).toEqual(['norm: LayerNorm']);
    expect((await file.read('norm.weight')).size).toBe(4);
    await file.close();
  });

  test('one of several dicts of a checkpoint', async () => {
    const path = fileURLToPath(new URL('io/several.pth', import.meta.url));
    expect(await inspect(path, { entry: 'model' })).toMatchObject({ kind: 'pth' });
    await expect(inspect(path)).rejects.toThrow(/several dicts of tensors/);
  });

  test('tells how far it is, and stops when it is told to', async () => {
    const steps: number[] = [];
    const { elements } = await inspect(stored('resnet_bn.pth'), { progress: (done, total) => steps.push(done / total) });
    expect(steps.at(-1)).toBe(1);
    expect(steps.toSorted((a, b) => a - b)).toEqual(steps);
    expect(elements).toBe(20_000);
    const reason = new Error('enough');
    await expect(inspect(stored('resnet_bn.pth'), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test('leaves no tensors behind', async () => {
    const before = memory().tensors;
    for (const name of ['resnet_bn.pth', 'convnext.onnx', 'broken/nan_poisoned.safetensors']) await inspect(stored(name));
    expect(memory().tensors).toBe(before);
  });
});

describe('refused', () => {
  test.each([
    ['another option', { eps: 1 }, 'inspect has no option eps'],
    ['another scan', { scan: 'none' }, "scan is 'all' or 'norms', got 'none'"],
    ['a configuration that is none', { config: 3 }, 'config is what JSON.parse makes of a config.json, got the number 3'],
  ])('%s', async (_, options, message) => {
    // Not of the type, on purpose.
    const call = inspectState({ 'norm.weight': [2] }, options as never);
    await expect(call).rejects.toMatchObject({ code: 'argument', message: expect.stringContaining(message) });
  });

  test('a file that is broken', async () => {
    await expect(inspect(stored('broken/overlap.safetensors'))).rejects.toMatchObject({
      code: 'file',
      message: expect.stringContaining('tensors overlap'),
    });
  });
});
