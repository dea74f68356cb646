// Screen 5: what BatchNorm keeps, its variances, eval and the batch of one, against PyTorch's; an error and back; the address.
import { readFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { openLab, stop } from './page.js';

interface Row {
  address: Record<string, string | number>;
  mean: number; variance: number; batch: number; biased: number; unbiased: number; keras: [number, number] | null;
  stale: [number, number, number];
  message: string;
  one: [number, number];
}

// Written by test/browser/lab/generate.py.
const { running: expected } = JSON.parse(readFileSync(new URL('expected.json', import.meta.url), 'utf8')) as { running: Row[] };
afterAll(stop);

const addressOf = (row: Row): string => new URLSearchParams(Object.entries(row.address).map(([name, value]) => [name, String(value)])).toString();

test.each(expected.map((row) => [addressOf(row), row] as const))('%s', async (address, row) => {
  const lab = await openLab(`#running?${address}`);
  const figures: [id: string, wanted: number][] = [
    ['mean-pytorch', row.mean], ['variance-pytorch', row.variance], ['updated', row.variance], ['mean-batch', row.batch],
    ['biased', row.biased], ['unbiased', row.unbiased], ['stale-mean', row.stale[0]], ['stale-deviation', row.stale[1]],
    ...(row.keras === null ? [] : [['mean-keras', row.keras[0]], ['variance-keras', row.keras[1]]] as [string, number][]),
  ];
  for (const [id, wanted] of figures) {
    const off = Math.abs(await lab.number(id) - wanted);
    expect(off, id).toBeLessThan(1e-4 * Math.max(1, Math.abs(wanted)));
  }
  // The largest of differences is shown with two digits.
  expect(await lab.number('stale-error') / row.stale[2]).toBeCloseTo(1, 1);
  expect(await lab.text('one-error')).toContain(row.message);
  expect((await lab.text('one-eval')).replaceAll('−', '-').match(/-?[\d.]+\d/g)?.map(Number)).toEqual(row.one.map((value) => Number(value.toPrecision(5))));
  expect([lab.complaints, lab.strangers]).toEqual([[], []]);
  await lab.close();
});

test('a batch of one is refused where it is typed, as PyTorch refuses it; the last figures stay', async () => {
  const lab = await openLab('#running');
  const before = await lab.number('mean-pytorch');
  await lab.page.getByLabel('Batch size N').fill('1');
  await lab.page.getByRole('alert').waitFor();
  expect(await lab.page.getByRole('alert').textContent()).toContain(expected[0]?.message ?? 'no row');
  expect(await lab.number('mean-pytorch')).toBe(before);
  await lab.page.getByLabel('Batch size N').fill('8');
  await expect.poll(() => lab.page.getByRole('alert').count()).toBe(0);
  await lab.close();
});

test('the slider ends training earlier, and the address keeps it', async () => {
  const lab = await openLab('#running?n=32');
  const late = await lab.number('stale-mean');
  await lab.page.getByLabel('Training ends after batch').focus();
  await lab.page.keyboard.press('Home');
  await expect.poll(() => lab.hash()).toBe('#running?n=32&stop=1');
  // Data that moved on is further from what was kept earlier.
  await expect.poll(() => lab.number('stale-mean')).toBeGreaterThan(late);
  const early = await lab.number('stale-mean');
  await lab.page.reload();
  expect(await lab.number('stale-mean')).toBe(early);
  await lab.close();
});
