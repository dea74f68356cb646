// Screen 1: the sets of layers and patterns, their sentences, the keyboard's way, and the address.
import { afterAll, expect, test } from 'vitest';
import { openLab, stop } from './page.js';

afterAll(stop);

// Layer, shape, means, and the sentence about x[1, 2, 0] of the worked example.
const layers: [layer: string, count: number, elements: number, sentence: RegExp][] = [
  ['nn.BatchNorm1d(3)', 3, 8, /shares its mean with 7 others/],
  ['nn.LayerNorm([3, 4])', 2, 12, /shares its mean with 11 others/],
  ['nn.InstanceNorm1d(3)', 6, 4, /shares its mean with 3 others/],
  ['nn.LayerNorm(4)', 6, 4, /shares its mean with 3 others/],
  ['nn.GroupNorm(1, 3)', 2, 12, /shares its mean with 11 others/],
  ['b [c] s...', 8, 3, /shares its mean with 2 others/],
];

test.each(layers)('%s has %i means over %i elements', async (layer, count, elements, sentence) => {
  const lab = await openLab(`#who?layer=${encodeURIComponent(layer)}`);
  expect(await lab.number('count')).toBe(count);
  expect(await lab.page.getByText(`over ${elements} elements`).first().isVisible()).toBe(true);
  await lab.page.getByRole('grid').first().focus();
  await lab.page.keyboard.press('End');
  for (let i = 0; i < 3; i++) await lab.page.keyboard.press('ArrowLeft');
  await expect.poll(() => lab.text('sentence')).toMatch(sentence);
  await expect.poll(() => lab.page.getByRole('status').textContent()).toMatch(/^x\[1, 2, 0\] shares its mean/);
  expect([lab.complaints, lab.strangers]).toEqual([[], []]);
  await lab.close();
});

test('the worked example stands side by side: 3, 2 and 6 means', async () => {
  const lab = await openLab('#who');
  expect(await Promise.all(['nn.BatchNorm1d(3)', 'nn.LayerNorm([3, 4])', 'nn.InstanceNorm1d(3)'].map((name) => lab.number(`count-${name}`)))).toEqual([3, 2, 6]);
  await lab.close();
});

// Above 10,000 elements: what is drawn, and how many share x's mean there.
const large: [layer: string, shape: string, count: number, drawn: string, others: number][] = [
  ['nn.GroupNorm(32, 256)', '32x256x56x56', 1024, '4 × 64 × 3 × 7', 41],
  ['nn.LayerNorm([3, 224, 224])', '32x3x224x224', 32, '16 × 3 × 14 × 14', 587],
  ['nn.LayerNorm(2)', '999999999x2', 999999999, '3814 × 2', 1],
];

test.each(large)('%s on %s is drawn smaller', async (layer, shape, count, drawn, others) => {
  const lab = await openLab(`#who?layer=${encodeURIComponent(layer)}&shape=${shape}`);
  expect(await lab.number('count')).toBe(count);
  expect(await lab.text('sampled')).toMatch(new RegExp(`up to 10,000 are drawn one by one. .*${drawn}\\.$`));
  await lab.page.getByRole('grid').first().focus();
  await lab.page.keyboard.press('ArrowRight');
  await expect.poll(() => lab.text('sentence')).toContain(`with ${others} other`);
  expect(lab.complaints).toEqual([]);
  await lab.close();
});

test('an empty tensor draws nothing and breaks nothing', async () => {
  const lab = await openLab('#who?layer=nn.LayerNorm(4)&shape=0x4');
  expect(await lab.number('count')).toBe(0);
  await lab.page.getByText('No elements').waitFor();
  expect(lab.complaints).toEqual([]);
  await lab.close();
});

// What is shared, by the layer's own word, in both languages.
const words: [layer: string, shape: string, lang: string, count: RegExp, sentence: string][] = [
  ['nn.RMSNorm(4)', '2x3x4', 'en', /^6 root mean squares over 4 elements each$/, 'one root mean square for each'],
  ['nn.RMSNorm(4)', '2x3x4', 'zh', /^6 个均方根，每个由 4 个元素求得$/, '每个 (N, C) 一个均方根，在 L（4）上计算'],
  ['nn.BatchNorm1d(3)', '2x3x4', 'zh', /^3 个均值，每个由 8 个元素求得$/, '每个 C 一个均值，在 N × L（2 × 4）上计算'],
  ['nn.GroupNorm(3, 6)', '2x6x4', 'zh', /^6 个均值，每个由 8 个元素求得$/, '每个 (N, C 的组) 一个均值，在 C 的组内 × L（2 × 4）上计算'],
];

test.each(words)('%s on %s in %s', async (layer, shape, lang, count, sentence) => {
  const lab = await openLab(`#who?layer=${encodeURIComponent(layer)}&shape=${shape}&lang=${lang}`);
  expect(await lab.page.getByTestId('count').locator('..').textContent()).toMatch(count);
  expect(await lab.text('sentence')).toContain(sentence);
  await lab.close();
});

test('names of rows above nine have a comma', async () => {
  const lab = await openLab('#who?layer=nn.LayerNorm(4)&shape=11x4');
  await lab.page.getByRole('grid').first().focus();
  await lab.page.keyboard.press('End');
  await expect.poll(() => lab.page.getByRole('gridcell').first().textContent()).toContain('x[10, 3] = w11,4,');
  await lab.close();
});

test('the sentence of an element in Chinese', async () => {
  const lab = await openLab('#who?layer=nn.GroupNorm(3,+6)&shape=2x6x4&lang=zh');
  await lab.page.getByRole('grid').first().focus();
  await lab.page.keyboard.press('End');
  await expect.poll(() => lab.page.getByRole('status').textContent()).toBe('x[1, 5, 3] 与另外 7 个元素共用均值：N = 1，C = 4–5，L 全部');
  await lab.close();
});

test('a pattern edited to an error and back; the last picture stays', async () => {
  const lab = await openLab('#who?layer=b+(g+[c])+[s...]&sizes=g=3&shape=2x6x4');
  expect(await lab.number('count')).toBe(6);
  const field = lab.page.getByLabel('Layer or pattern');
  await field.fill('b (g [c) [s...]');
  await lab.page.getByRole('alert').waitFor();
  expect(await lab.page.getByRole('alert').textContent()).toMatch(/\^/);
  expect(await lab.number('count')).toBe(6);
  await field.fill('b (g [c]) [s...]');
  await expect.poll(() => lab.page.getByRole('alert').count()).toBe(0);
  await lab.close();
});

test('the address holds the state: reload and back', async () => {
  const lab = await openLab('#who');
  await lab.page.getByLabel('Layer or pattern').fill('nn.GroupNorm(3, 6)');
  await lab.page.getByLabel('Shape').fill('2x6x4');
  await expect.poll(() => lab.text('plan')).toContain('k0 6, r0 8');
  expect(lab.hash()).toBe('#who?layer=nn.GroupNorm%283%2C+6%29&shape=2x6x4');
  await lab.page.reload();
  expect(await lab.text('plan')).toContain('k0 6, r0 8');
  await lab.page.getByRole('link', { name: /Same name/ }).click();
  await lab.page.goBack();
  expect(await lab.text('plan')).toContain('k0 6, r0 8');
  await lab.close();
});

test('over plain http, where pages have no clipboard, it copies too', async () => {
  const lab = await openLab('#who', { before: async (context) => {
    await context.addInitScript(() => Reflect.deleteProperty(Navigator.prototype, 'clipboard'));
  } });
  await lab.text('count');
  await lab.page.getByRole('button', { name: 'Brackets' }).click();
  await expect.poll(() => lab.page.getByRole('status').textContent()).toBe('Brackets: copied');
  const field = lab.page.getByLabel('Layer or pattern');
  await field.fill('');
  await field.focus();
  await lab.page.keyboard.press('Control+V');
  await expect.poll(() => field.inputValue()).toBe('[b] c [s...], c');
  await lab.close();
});

test('a file that is no array is an error beside its field, and the last picture stays', async () => {
  const lab = await openLab('#who?data=own&layer=[b]+c&axes=plain');
  expect(await lab.number('count')).toBe(4);
  await lab.page.locator('input[type=file]').setInputFiles({ name: 'cat.npy', mimeType: 'image/jpeg', buffer: Buffer.from('\u00ff\u00d8\u00ff\u00e0 no array') });
  await lab.page.getByRole('alert').waitFor();
  expect(await lab.number('count')).toBe(4);
  expect(lab.complaints).toEqual([]);
  await lab.close();
});
