// The field that other screens fold away: the sets of the layer that the screen is about, which may be edited.
import { afterAll, expect, test } from 'vitest';
import { openLab, stop } from './page.js';

afterAll(stop);

// Screen, what is said of its layer's sets, and a part of the plan.
const screens: [screen: string, sentence: RegExp, plan: string][] = [
  ['names', /one mean for each sample and channel/, 'k0 6, r0 16, k1 1, r1 1'],
  ['channels', /one mean for each place/, 'k0 48, r0 8, k1 1, r1 1'],
  ['running', /one mean for each channel|one mean over/, 'k0 1, r0 8, k1 1, r1 1'],
  ['padding', /one mean for each c/, 'k1 8, r1 1, affine 8, inner 1'],
  ['train', /one mean for each channel/, 'k0 1, r0 2'],
];

test.each(screens)('%s', async (screen, sentence, plan) => {
  const lab = await openLab(`#${screen}`);
  const { page } = lab;
  await page.locator('details.fold summary').click();
  await expect.poll(() => lab.text('fold-sentence')).toMatch(sentence);
  const fold = page.locator('details.fold');
  await expect.poll(() => fold.getByTestId('plan').textContent()).toContain(plan);
  const field = fold.getByLabel('Layer or pattern');
  const text = await field.inputValue();
  await field.fill('b [c');
  await expect.poll(() => fold.getByRole('alert').textContent()).toMatch(/\^/);
  await field.fill(text);
  await expect.poll(() => fold.getByRole('alert').count()).toBe(0);
  expect(lab.hash()).toBe(`#${screen}?sets=open`);
  await fold.getByRole('grid').focus();
  await page.keyboard.press('End');
  await expect.poll(() => lab.text('fold-sentence')).toMatch(/^x\[.*\] shares its mean with/);
  expect(await lab.findings()).toEqual([]);
  expect(lab.complaints).toEqual([]);
  await lab.close();
});
