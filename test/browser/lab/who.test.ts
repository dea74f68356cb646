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
