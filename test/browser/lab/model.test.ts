// Screen 9: files of every kind as the command line reads them, what is flagged, broken files, and large ones by ranges.
import { mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { ones } from 'evenkeel';
import { inspect } from 'evenkeel/inspect';
import { save } from 'evenkeel/io';
import type { Route } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { evenkeel } from '../../cli/cli.js';
import { openLab, stop, type Lab } from './page.js';

let folder = '';
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'keel-lab-'))));
afterAll(async () => {
  await stop();
  await rm(folder, { recursive: true });
});

const choose = ({ page }: Lab, ...paths: string[]) => page.getByLabel('or choose a file').setInputFiles(paths);

/** What the button saves. */
async function downloaded({ page }: Lab): Promise<unknown> {
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: /^Download/ }).click()]);
  return JSON.parse(await readFile(await download.path(), 'utf8'));
}

/** What the command line says, but for the fields that are its own. */
async function ofCommandLine(path: string): Promise<unknown> {
  const { out } = await evenkeel(['inspect', path, '--json']);
  // The document is an object.
  const { version: _version, command: _command, failed: _failed, ...inspection } = JSON.parse(out) as Record<string, unknown>;
  return { ...inspection, file: basename(path) };
}

describe('the numbers are those of evenkeel inspect --json', () => {
  test.each([
    'test/models/resnet_bn.pth', 'test/models/resnet_gn.onnx', 'test/models/vit.safetensors', 'test/models/vit.onnx', 'test/models/convnext_timm.pth',
    'test/models/mlp_weightnorm.pth', 'test/models/encoder.safetensors', 'test/models/rms_hybrid.onnx', 'test/models/broken/nan_poisoned.safetensors',
    'test/inspect/zoo.pth', 'test/inspect/zoo17.onnx', 'lab/samples/faulty.safetensors',
  ])('%s', async (path) => {
    const lab = await openLab('#model');
    await choose(lab, path);
    await expect.poll(() => lab.text('file'), { timeout: 20_000 }).toBe(`In ${basename(path)}`);
    await expect.poll(() => lab.page.getByText('· a sample').count()).toBe(0);
    const inspection = await inspect(path);
    expect(await lab.number('layers')).toBe(inspection.layers.length);
    expect(await downloaded(lab)).toEqual(await ofCommandLine(path));
    expect([lab.complaints, lab.strangers]).toEqual([[], []]);
    await lab.close();
  });
});

test('the sample has a fault of every kind, each with its level, place and what to do', async () => {
  const lab = await openLab('#model');
  expect([await lab.text('file'), await lab.number('layers'), await lab.text('levels')]).toEqual(['In faulty.safetensors', 6, '5 errors, 4 warnings']);
  const { flags, layers } = await inspect('lab/samples/faulty.safetensors');
  const items = await lab.page.locator('.flags').last().locator('li').allTextContents();
  expect(items).toHaveLength(flags.length);
  flags.forEach(({ name, level, path, tensor, message }, i) => {
    for (const part of [name, level, tensor ?? path ?? '', message]) expect(items[i]).toContain(part);
  });
  const counts = layers[0]?.tensors[0]?.histogram?.counts.join(', ');
  expect(await lab.text('weight-bn1')).toBe(`bn1.weight: 16 bins from −0.0002 to 1.13, elements in each: ${counts}−0.0002 … 1.13`);
  expect(await lab.text('bias-layer2.0.bn2')).toContain('1 NaN1 infinite');
  expect(await lab.text('running_var-layer1.0.bn2')).toBe('all 1');
  await lab.close();
});

test('the sound sample is flagged nowhere, and its eps is in the file', async () => {
  const lab = await openLab('#model');
  await lab.page.getByRole('button', { name: /the same network as trained/ }).click();
  await lab.page.getByTestId('no-flags').waitFor();
  expect(await lab.text('eps-bn1')).toBe('1e−5');
  expect(lab.hash()).toBe('#model?sample=resnet');
  await lab.close();
});

test('by keyboard: a layer opens to its figures; flagged layers alone; the address has both', async () => {
  const lab = await openLab('#model?sample=resnet');
  await lab.page.getByTestId('no-flags').waitFor();
  await lab.page.getByLabel('Show').selectOption('flagged');
  expect(await lab.page.getByTestId('kind-bn1').count()).toBe(0);
  await lab.page.getByRole('button', { name: /planted faults/ }).focus();
  await lab.page.keyboard.press('Enter');
  await expect.poll(() => lab.text('file')).toBe('In faulty.safetensors');
  await lab.page.getByLabel('Show').selectOption('flagged');
  await lab.page.getByRole('button', { name: 'layer2.0.bn1', exact: true }).focus();
  await lab.page.keyboard.press('Enter');
  expect(lab.hash()).toBe('#model?filter=flagged&layer=layer2.0.bn1&sample=faulty');
  await lab.page.reload();
  const sheet = lab.page.getByRole('region', { name: 'layer2.0.bn1' });
  expect(await sheet.textContent()).toContain('the root gives NaN');
  expect(await sheet.getByRole('row').count()).toBe(5);
  await lab.page.getByLabel('or choose a file').focus();
  expect(await lab.page.evaluate(() => document.activeElement?.getAttribute('type'))).toBe('file');
  await lab.close();
});

/** A file dropped from elsewhere, as the system hands it over. */
async function drop({ page }: Lab, name: string, bytes: Uint8Array): Promise<void> {
  const transfer = await page.evaluateHandle(({ name, bytes }) => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(bytes)], name));
    return data;
  }, { name, bytes: [...bytes] });
  await page.locator('h1').dispatchEvent('drop', { dataTransfer: transfer });
}

const broken = (await readdir('test/models/broken')).filter((name) => /\.(safetensors|pth|npy)$/.test(name) && !/nan_poisoned|shared_storage|fortran/.test(name));

describe('broken files and files of other kinds, dropped: the library says what is wrong, and the page goes on', () => {
  test.each([...broken.map((name) => [name, `test/models/broken/${name}`]), ['README.md', 'README.md'], ['icon.svg', 'lab/public/icon.svg']])('%s', async (name, path) => {
    const bytes = await readFile(path);
    const said = await inspect(new File([bytes], name)).then(() => null, (error: unknown) => (error instanceof Error ? error.message : ''));
    expect(said).toContain(name);
    const lab = await openLab('#model');
    expect(await lab.number('layers')).toBe(6);
    await drop(lab, name, bytes);
    // Newer engines say more of JSON that is none.
    expect((await lab.page.getByRole('alert').textContent())?.replace(/ \(line \d+ column \d+\)$/, '')).toBe(said);
    await drop(lab, 'mlp.pth', await readFile('test/models/mlp_weightnorm.pth'));
    await expect.poll(() => lab.text('file')).toBe('In mlp.pth');
    expect(await lab.page.getByRole('alert').count()).toBe(0);
    expect([lab.complaints, lab.strangers]).toEqual([[], []]);
    await lab.close();
  });
});

test('a file without norms, and an empty drop', async () => {
  const lab = await openLab('#model');
  await choose(lab, 'data/digits_images.npy');
  await lab.page.getByText('No norm layer in this file.').waitFor();
  await lab.page.locator('.drop').dispatchEvent('drop', { dataTransfer: await lab.page.evaluateHandle(() => new DataTransfer()) });
  expect(await lab.number('layers')).toBe(0);
  await lab.close();
});

test('a config.json beside the model has the eps; one that is none is refused', async () => {
  await writeFile(join(folder, 'config.json'), '{ "layer_norm_eps": 1e-12 }');
  await writeFile(join(folder, 'bad.json'), '[1, 2');
  const lab = await openLab('#model');
  await choose(lab, 'test/models/vit.safetensors', join(folder, 'config.json'));
  await expect.poll(() => lab.text('file')).toBe('In vit.safetensors');
  expect(await lab.page.locator('[data-testid^="eps-"]').first().textContent()).toBe('1e−12');
  await choose(lab, 'test/models/vit.safetensors', join(folder, 'bad.json'));
  expect(await lab.page.getByRole('alert').textContent()).toMatch(/'bad.json' is no configuration/);
  await lab.close();
});

/** The worker keeps an account of what it reads of files. */
async function countBytes(route: Route): Promise<void> {
  const response = await route.fetch();
  const account = `globalThis.bytesRead = 0;
    const slice = Blob.prototype.slice;
    Blob.prototype.slice = function (begin, end) { globalThis.bytesRead += end - begin; return slice.call(this, begin, end); };`;
  await route.fulfill({ response, body: `${account}\n${await response.text()}` });
}

test('of a file of 4 GiB only the norms are read, where that is asked for; a reading can be stopped', async () => {
  const path = join(folder, 'large.safetensors');
  const elements = 2 ** 30;
  const entries = {
    'norm.weight': { dtype: 'F32', shape: [4], data_offsets: [0, 16] }, 'norm.bias': { dtype: 'F32', shape: [4], data_offsets: [16, 32] },
    'embed.weight': { dtype: 'F32', shape: [elements], data_offsets: [32, 32 + 4 * elements] },
  };
  const header = Buffer.from(JSON.stringify(entries).padEnd(400));
  const file = await open(path, 'w');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  await file.write(Buffer.concat([length, header, Buffer.from(Float32Array.of(1, 2, 3, 4, 0, 0, 0, 0).buffer)]));
  // A hole: no disk is taken.
  await file.truncate(8 + header.length + 32 + 4 * elements);
  await file.close();
  const lab = await openLab('#model?scan=norms', { before: async (context) => void (await context.route(/worker-[^/]*\.js$/, countBytes)) });
  await choose(lab, path);
  await expect.poll(() => lab.text('file'), { timeout: 10_000 }).toBe('In large.safetensors');
  const worker = lab.page.workers().find((each) => each.url().includes('worker-'));
  expect(await worker?.evaluate(() => Reflect.get(globalThis, 'bytesRead'))).toBeLessThan(2 ** 20);
  expect(await lab.text('weight-norm')).toContain('1 … 4');
  await lab.page.getByLabel('Search for NaN and infinity').selectOption('all');
  await lab.page.getByTestId('reading').getByRole('progressbar').waitFor();
  await lab.page.getByTestId('reading').getByRole('button', { name: 'Stop' }).click();
  await expect.poll(() => lab.page.getByTestId('reading').count()).toBe(0);
  expect(await lab.text('file')).toBe('In large.safetensors');
  await lab.close();
});

test('of very many layers some are drawn at first', async () => {
  const path = join(folder, 'many.safetensors');
  await save(path, new Map(Array.from({ length: 150 }, (_, i) => [`blocks.${i}.norm.weight`, ones([3])] as const)));
  const lab = await openLab('#model');
  await choose(lab, path);
  await expect.poll(() => lab.number('layers')).toBe(150);
  expect(await lab.page.locator('.layers tbody').count()).toBe(40);
  for (const n of [40, 40, 30]) await lab.page.getByRole('button', { name: `Show ${n} more` }).click();
  expect(await lab.page.locator('.layers tbody').count()).toBe(150);
  await lab.close();
});

test('what was seen is copied as a command', async () => {
  const lab = await openLab('#model', { before: (context) => context.grantPermissions(['clipboard-read', 'clipboard-write']) });
  await choose(lab, 'test/models/vit.onnx');
  await expect.poll(() => lab.text('file')).toBe('In vit.onnx');
  await lab.page.getByRole('button', { name: 'command line' }).click();
  await lab.page.getByRole('button', { name: 'command line ✓' }).waitFor();
  expect(await lab.page.evaluate(() => navigator.clipboard.readText())).toBe('npx evenkeel inspect vit.onnx --all');
  await lab.close();
});
