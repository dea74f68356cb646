// Screen 3: counts, bytes and values against PyTorch's; the axes of a layer; PyTorch's own errors pasted; the address.
import { readFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { openLab, stop } from './page.js';

interface Raised {
  readonly message: string;
  readonly traceback: string;
}
interface Expected {
  readonly photo: { readonly means: number; readonly bytes: number; readonly at: readonly (readonly [h: number, w: number])[]; readonly values: readonly (readonly number[])[] };
  readonly averages: Readonly<Record<'means' | 'pixel' | 'sample' | 'fromPixel' | 'fromSample', number>>;
  readonly convnext: number;
  readonly errors: Readonly<Record<'image' | 'weight' | 'batch' | 'rank' | 'one' | 'group', Raised>>;
}

// Written by test/browser/lab/generate.py.
const { channels: expected } = JSON.parse(readFileSync(new URL('expected.json', import.meta.url), 'utf8')) as { channels: Expected };
afterAll(stop);

test.each<[layout: string, apart: RegExp]>([['first', /6 elements apart, 24 bytes/], ['last', /side by side/]])('a photograph, channels %s', async (layout, apart) => {
  const lab = await openLab(`#channels?layout=${layout}`);
  const { means, bytes, at, values } = expected.photo;
  expect([await lab.number('in-place-means'), await lab.number('permuted-means')]).toEqual([means, means]);
  expect([await lab.number('in-place-copied'), await lab.number('permuted-copied')]).toEqual([0, bytes]);
  expect(await lab.number('routes-difference')).toBeLessThan(1e-5);
  expect(await lab.text('reach')).toMatch(apart);
  const drawn = await lab.page.getByRole('img', { name: /^Each pixel normalized/ }).evaluate((canvas: HTMLCanvasElement, places) => {
    const { data } = canvas.getContext('2d')?.getImageData(0, 0, 224, 224) ?? { data: new Uint8ClampedArray() };
    return places.map(([h, w]) => [0, 1, 2].map((c) => data[4 * (224 * h + w) + c] ?? -1));
  }, at);
  // Black is −1.5, white 1.5.
  const wanted = values.flat().map((value) => Math.min(255, Math.max(0, (value + 1.5) * 85)));
  expect(drawn.flat().every((level, i) => Math.abs(level - (wanted[i] ?? NaN)) <= 1)).toBe(true);
  expect([lab.complaints, lab.strangers]).toEqual([[], []]);
  await lab.close();
});

test('LayerNorm(8) on 100 × 96 × 8 × 8 averages over the width', async () => {
  const lab = await openLab('#channels');
  const { means, pixel, sample, fromPixel, fromSample } = expected.averages;
  expect(await lab.number('averages-count')).toBe(means);
  expect([await lab.number('meant-pixel'), await lab.number('meant-sample')]).toEqual([pixel, sample]);
  expect(Math.abs((await lab.number('meant-difference-pixel')) - fromPixel)).toBeLessThan(0.006);
  expect(Math.abs((await lab.number('meant-difference-sample')) - fromSample)).toBeLessThan(0.006);
  const axes = lab.page.getByRole('list', { name: 'Axes, and what is averaged' }).first().getByRole('listitem');
  expect(await axes.allTextContents()).toEqual(['N100each', 'C96each', 'H8each', 'W8averaged']);
  expect(await lab.number('convnext-count')).toBe(expected.convnext);
  await lab.close();
});

test.each<[layer: string, axes: string[]]>([
  ['LayerNorm2d(96)', ['each', 'averaged', 'each', 'each']],
  ['nn.LayerNorm([96, 8, 8])', ['each', 'averaged', 'averaged', 'averaged']],
  ['nn.GroupNorm(6, 96)', ['each', 'in groups', 'averaged', 'averaged']],
  ['nn.InstanceNorm2d(96)', ['each', 'each', 'averaged', 'averaged']],
  ['nn.BatchNorm2d(96)', ['averaged', 'each', 'averaged', 'averaged']],
])('the axes that %s averages', async (layer, wanted) => {
  const lab = await openLab(`#channels?layer=${encodeURIComponent(layer)}&shape=4x96x8x8`);
  await lab.page.getByTestId('averages-count').waitFor();
  const shares = lab.page.locator('.axis-row').first().locator('.axis-share');
  expect(await shares.allTextContents()).toEqual(wanted);
  await lab.close();
});

test('a layer edited to an error and back; the error explains itself', async () => {
  const lab = await openLab('#channels');
  expect(await lab.number('averages-count')).toBe(expected.averages.means);
  const field = lab.page.getByLabel('Layer', { exact: true });
  await field.fill('nn.LayerNorm(96)');
  await expect.poll(() => lab.page.getByRole('alert').textContent()).toContain(expected.errors.image.message);
  expect(await lab.number('averages-count')).toBe(expected.averages.means);
  await lab.page.getByRole('button', { name: 'Explain this error' }).first().click();
  await expect.poll(() => lab.text('meaning')).toMatch(/LayerNorm\(96\) normalizes the last axis/);
  await field.fill('nn.GroupNorm(1, 96)');
  await expect.poll(() => lab.number('averages-count')).toBe(100);
  expect(await lab.page.getByRole('alert').count()).toBe(0);
  await lab.close();
});

test('the rewrite of LayerNorm2d, and BatchNorm on N × L × C, fail as in PyTorch; their mends agree', async () => {
  const lab = await openLab('#channels');
  await lab.page.getByTestId('weight').waitFor();
  expect(await lab.page.getByTestId('weight').locator('.error').textContent()).toBe(expected.errors.weight.message);
  expect(await lab.page.getByTestId('batch').locator('.error').textContent()).toBe(expected.errors.batch.message);
  expect(await lab.number('weight-difference')).toBeLessThan(1e-5);
  expect(await lab.number('batch-difference')).toBeLessThan(1e-5);
  expect(await lab.page.getByTestId('batch').locator('.notice').textContent()).toContain('BatchNorm1d(16) runs, and has 16 means over 256 elements');
  await lab.close();
});

// What PyTorch raises, with its traceback: the kind, a fact, and a way out.
test.each<[name: keyof Expected['errors'], kind: RegExp, fact: string, value: string, fix: string]>([
  ['image', /end of the input/, 'input', '100 × 96 × 8 × 8', 'new LayerNorm2d(96)'],
  ['weight', /shape of weight/, 'normalizedShape', '96 × 8 × 8', 'new GroupNorm(1, 96)'],
  ['batch', /number of channels/, 'length', '32', 'x.permute([0, 3, 1, 2])'],
  ['rank', /number of axes/, 'got', '3', 'x.unsqueeze(0)'],
  ['one', /single value/, 'shape', '1 × 512', 'new LayerNorm(512)'],
  ['group', /number of channels/, 'input', '2 × 8 × 8 × 96', 'x.permute([0, 3, 1, 2])'],
])('PyTorch says %s', async (name, kind, fact, value, fix) => {
  const lab = await openLab('#channels');
  await lab.page.getByTestId('finding').waitFor();
  await lab.page.getByLabel('PyTorch’s error, with its traceback or alone').fill(expected.errors[name].traceback);
  await expect.poll(() => lab.page.locator('.recognized').textContent()).toBe(expected.errors[name].message.replaceAll(/\s+/g, ' '));
  expect(await lab.text('kind')).toMatch(kind);
  expect(await lab.text(`fact-${fact}`)).toBe(value);
  expect(await lab.page.locator('.fixes code').allTextContents()).toContain(fix);
  await lab.close();
});

test('another text is no error: said at the field; emptied, all is quiet', async () => {
  const lab = await openLab('#channels?error=all+is+well');
  const field = lab.page.getByLabel('PyTorch’s error, with its traceback or alone');
  expect(await lab.page.getByRole('alert').textContent()).toContain('no PyTorch error about normalization is in this text');
  expect(await field.getAttribute('aria-invalid')).toBe('true');
  expect(await lab.page.getByTestId('finding').count()).toBe(0);
  await field.fill('');
  await expect.poll(() => lab.page.getByRole('alert').count()).toBe(0);
  await lab.page.getByRole('button', { name: 'BatchNorm2d, C H W' }).click();
  await expect.poll(() => lab.text('fact-got')).toBe('3');
  await lab.close();
});

test('the address holds the state: reload and back', async () => {
  const lab = await openLab('#channels');
  await lab.page.getByLabel('Memory layout').selectOption('last');
  await lab.page.getByLabel('Pixel 2').fill('4');
  await lab.page.getByLabel('Shape of x').fill('2x96x8x8');
  await expect.poll(() => lab.number('averages-count')).toBe(2 * 96 * 8);
  expect(lab.hash()).toBe('#channels?layout=last&pixel=4&shape=2x96x8x8');
  await lab.page.reload();
  await expect.poll(() => lab.text('reach')).toMatch(/^R4, G4 and B4 share a mean\. They lie side by side/);
  await lab.page.getByRole('link', { name: /Same name/ }).click();
  await lab.page.goBack();
  await expect.poll(() => lab.number('averages-count')).toBe(2 * 96 * 8);
  await lab.close();
});
