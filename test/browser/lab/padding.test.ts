// Screen 6: statistics of sentences with padding and how far they move a word, against PyTorch's; the keyboard; an error and back.
import { readFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { changes, batchNorm, layerNorm } from '../../../examples/claims/padding.js';
import { openLab, stop, type Lab } from './page.js';

type Statistics = [means: number[], variances: number[]];

interface Row {
  address: { sentences: string; more: number; mask: string; token: string; seed: number };
  words: Statistics;
  padded: Statistics;
  token: [mean: number, variance: number];
  padding: number; morePadding: number; noNeighbours: number; evaluation: number;
}

// Written by test/browser/lab/generate.py.
const { padding: expected } = JSON.parse(readFileSync(new URL('expected.json', import.meta.url), 'utf8')) as { padding: Row[] };
afterAll(stop);

const addressOf = (row: Row): string => new URLSearchParams(Object.entries(row.address).map(([name, value]) => [name, String(value)])).toString();

/** Shown with four digits at least. */
async function expectFigure(lab: Lab, id: string, wanted: number): Promise<void> {
  expect(Math.abs(await lab.number(id) - wanted), `${id}: ${await lab.text(id)}, not ${wanted}`).toBeLessThanOrEqual(6e-4 * Math.max(0.01, Math.abs(wanted)));
}

test.each(expected.map((row) => [addressOf(row), row] as const))('%s', async (address, row) => {
  const lab = await openLab(`#padding?${address}`);
  for (const name of ['words', 'padded'] as const) {
    for (const [i, mean] of row[name][0].entries()) await expectFigure(lab, `${name}-mean-${i}`, mean);
    for (const [i, variance] of row[name][1].entries()) await expectFigure(lab, `${name}-variance-${i}`, variance);
  }
  for (const id of ['padding', 'morePadding', 'noNeighbours', 'evaluation'] as const) {
    await expectFigure(lab, `${id}-batch`, row[id]);
    // Not nearly: LayerNorm's output of a word is the same bits.
    expect(await lab.text(`${id}-layer`)).toBe('0');
  }
  expect(await lab.text('layer-differs')).toMatch(/means differ by 0, the variances by 0\./);
  const [sentence = ''] = row.address.token.split('.');
  const length = Math.max(...row.address.sentences.split('/').map((words) => words.trim().split(' ').length)) + row.address.more;
  await expectFigure(lab, `token-mean-${Number(sentence) * length}`, row.token[0]);
  await expectFigure(lab, `token-variance-${Number(sentence) * length}`, row.token[1]);
  expect([lab.complaints, lab.strangers]).toEqual([[], []]);
  await lab.close();
});

test('the first figures are those of the example', async () => {
  const lab = await openLab('#padding');
  const [batch, layer] = [changes(batchNorm), changes(layerNorm)];
  for (const id of ['morePadding', 'noNeighbours', 'evaluation'] as const) {
    expect(await lab.text(`${id}-batch`)).toBe(String(Number(batch[id].toPrecision(4))));
    expect(await lab.number(`${id}-layer`)).toBe(layer[id]);
  }
  await expect.poll(() => lab.text('vision')).toMatch(/one mean is over 2048 values, and with 31 other neighbours a pixel of the first moves by 0\.014 at most/);
  await lab.close();
});

test('the keyboard goes from word to padding, and says whom a token shares its mean with', async () => {
  const lab = await openLab('#padding?token=1.0');
  const cell = lab.page.getByRole('gridcell', { selected: true });
  await cell.focus();
  await lab.page.keyboard.press('ArrowRight');
  await expect.poll(() => lab.page.locator('div[role="status"]').textContent()).toMatch(/^‘calm’ \(sentence 2, position 2\), channel 0: BatchNorm averages it with 91 others, 68 of them padding; LayerNorm with the 7 other channels/);
  await lab.page.keyboard.press('End');
  await expect.poll(() => lab.page.locator('div[role="status"]').textContent()).toMatch(/^Padding \(sentence 2, position 23\).* one of 92 values/);
  expect(await cell.evaluate((element) => element === document.activeElement)).toBe(true);
  await lab.page.keyboard.press('ArrowDown');
  await expect.poll(lab.hash).toBe('#padding?token=2.22');
  await lab.page.getByRole('checkbox', { name: /^Mask/ }).check();
  await expect.poll(() => lab.text('token-sentence')).toMatch(/left out of BatchNorm’s statistics/);
  await expect.poll(() => lab.text('padding-batch')).toBe('0');
  expect(lab.hash()).toBe('#padding?mask=on&token=2.22');
  await lab.page.reload();
  expect(await lab.text('padding-batch')).toBe('0');
  expect(lab.complaints).toEqual([]);
  await lab.close();
});

test('sentences edited to none and back; one word alone is refused by BatchNorm only', async () => {
  const lab = await openLab('#padding');
  const field = lab.page.getByLabel('Sentences, a slash between them');
  expect(await lab.number('morePadding-batch')).toBeGreaterThan(1);
  await field.fill(' / ');
  await lab.page.getByRole('alert').waitFor();
  expect(await lab.page.getByRole('alert').textContent()).toMatch(/no words: write 1 to 8 sentences of up to 24 words/);
  expect(await lab.number('morePadding-batch')).toBeGreaterThan(1);
  await field.fill('hello / a calm sea');
  await expect.poll(() => lab.page.getByRole('alert').count()).toBe(0);
  await expect.poll(() => lab.text('noNeighbours-batch')).toBe('refused');
  expect(await lab.text('noNeighbours-layer')).toBe('0');
  await lab.close();
});
