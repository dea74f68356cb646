// Models that PyTorch trained, rebuilt from their JSON: every checkpoint on every backend computes what PyTorch does, within
// the tolerances that lie beside it, and names as many test images right.
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { backends, noGrad, useBackend, type Tensor } from 'evenkeel';
import { load } from 'evenkeel/io';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildModel } from '../tools/model/build.js';
import { judge } from '../tools/model/judge.js';
import { elementsOf, modelsIn, runCheckpoint, runModels } from '../tools/model/run.js';

const folder = fileURLToPath(new URL('models', import.meta.url));
const data = fileURLToPath(new URL('../data', import.meta.url));
const models = await modelsIn(folder);
const present = readdirSync(folder);

const rows = models.flatMap((model) =>
  model.files
    .flatMap((name) => [`${name}.pth`, `${name}.safetensors`])
    .filter((file) => present.includes(file))
    .map((file) => ({ file, model })),
);

test('every checkpoint has its row', () => {
  const checkpoints = present.filter((file) => /(?<!expected)\.(pth|safetensors)$/.test(file));
  expect(rows.map(({ file }) => file).sort()).toEqual(checkpoints.sort());
  expect(rows.length).toBeGreaterThanOrEqual(18);
});

describe.each(backends())('%s', (backend) => {
  beforeAll(() => {
    const before = useBackend(backend);
    return () => useBackend(before);
  });

  test.each(rows)('$file', async ({ file, model }) => {
    const expected = await elementsOf(join(folder, `${model.name}.expected.safetensors`));
    const { layout, results } = await runCheckpoint(model, join(folder, file), expected);
    expect([...results.keys()]).toEqual([...expected.keys()]);
    expect(judge(expected, results, model.json).filter(({ problem }) => problem !== null)).toEqual([]);
    const named = /convnext_(timm|torchvision)/.exec(file)?.[1] ?? null;
    expect(layout).toBe(named);
  });
});

test.each(rows)('$file: test accuracy, give or take an image', async ({ file, model }) => {
  const [images, labels] = [await arrayOf('digits_images.npy'), await arrayOf('digits_labels.npy')];
  const network = buildModel(model).eval();
  network.loadStateDict(await load(join(folder, file)));
  const [, ...extents] = model.json.list('input_shape').map(Number);
  const x = images.slice(0, 1437).to('float32').div(16).reshape([-1, ...extents]);
  const logits = noGrad(() => network.forward(x)).toArray() as number[][];
  const right = logits.filter((row, i) => row.indexOf(Math.max(...row)) === Number(labels.data[1437 + i]));
  expect(Math.abs(right.length - model.json.number('test_accuracy') * 360)).toBeLessThanOrEqual(1.1);
});

describe('npm run model', () => {
  const out = mkdtempSync(join(tmpdir(), 'keel-models-'));
  afterAll(() => rmSync(out, { recursive: true }));

  test('writes what it computes under the same keys, a file for each checkpoint', async () => {
    const lines: string[] = [];
    expect(await runModels(folder, out, (line) => lines.push(line))).toBe(true);
    expect(lines).toHaveLength(rows.length);
    const names = new Set(rows.map(({ file }) => file.replace(/\.\w+$/, '.safetensors')));
    expect(readdirSync(out).sort()).toEqual([...names].sort());
    for (const { name, files } of models) {
      const expected = await elementsOf(join(folder, `${name}.expected.safetensors`));
      for (const file of files) {
        const written = await elementsOf(join(out, `${file}.safetensors`));
        const facts = (elements: typeof written) => [...elements].map(([key, { dtype, shape }]) => [key, dtype, shape]).sort();
        expect(facts(written)).toEqual(facts(expected));
      }
    }
  });

  test('a model that cannot be run fails by itself', async () => {
    const half = mkdtempSync(join(tmpdir(), 'keel-models-'));
    for (const file of ['vit.json', 'vit.pth', 'vit.expected.safetensors', 'encoder.json']) copyFileSync(join(folder, file), join(half, file));
    const lines: string[] = [];
    expect(await runModels(half, null, (line) => lines.push(line))).toBe(false);
    rmSync(half, { recursive: true });
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^encoder: cannot read .*encoder\.expected\.safetensors.*FAILED$/);
    expect(lines[1]).toMatch(/^vit\.pth: grad\/\* \(44\) \S+ %, logits \S+ %.*%$/);
  });

  test('a folder without models', async () => {
    await expect(runModels(join(folder, 'broken'), null, () => {})).rejects.toThrow('holds no models');
    await expect(runModels(join(folder, 'absent'), null, () => {})).rejects.toThrow('there is no folder');
    await expect(runModels(join(folder, 'vit.json'), null, () => {})).rejects.toThrow('there is no folder');
  });

  test('a file that is not JSON is named', async () => {
    const half = mkdtempSync(join(tmpdir(), 'keel-models-'));
    writeFileSync(join(half, 'cut.json'), '{"name": "cut"');
    await expect(runModels(half, null, () => {})).rejects.toThrow(/cut\.json is not JSON/);
    rmSync(half, { recursive: true });
  });
});

describe('the judge', () => {
  const [model] = models;
  if (model === undefined) throw new Error('there are models');

  test.each(['logits', 'train/loss', 'norm/norm', 'grad/head.bias'])('finds %s off by more than it may be, and missing', async (name) => {
    const expected = await elementsOf(join(folder, `${model.name}.expected.safetensors`));
    expect(judge(expected, expected, model.json).every(({ worst, problem }) => worst === 0 && problem === null)).toBe(true);
    const wanted = expected.get(name);
    if (wanted === undefined) throw new Error(`${name} is stored`);
    const data = Float32Array.from(wanted.data, Number);
    data[0] = (data[0] ?? 0) + 3e-5 * Math.max(...data.map(Math.abs), name.startsWith('grad') ? 0.2 : 0);
    const names = (results: typeof expected) =>
      judge(expected, results, model.json).flatMap((finding) => (finding.problem === null ? [] : [finding.name]));
    expect(names(new Map([...expected, [name, { ...wanted, data }]]))).toEqual([name]);
    expect(names(new Map([...expected].filter(([key]) => key !== name)))).toEqual([name]);
  });
});

async function arrayOf(file: string): Promise<Tensor> {
  const array = (await load(join(data, file))).get('array');
  if (array === undefined) throw new Error(`${file} holds an array`);
  return array;
}
