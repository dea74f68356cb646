// Screen 4: the steps' numbers against PyTorch's, the keyboard's way along them, the mistakes, the way back, and the address.
import { readFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { openLab, stop, type Lab } from './page.js';

interface Row {
  mean: number; variance: number; root: number; y: number[]; dx: number[]; dgamma: number[]; dbeta: number[];
}
interface Expected {
  named: Row;
  randn: Row;
  mistakes: ({ plus: number } & Record<'layer' | 'unbiased' | 'outside' | 'difference', number>)[];
}

// Written by test/browser/lab/generate.py.
const { steps: expected } = JSON.parse(readFileSync(new URL('expected.json', import.meta.url), 'utf8')) as { steps: Expected };
afterAll(stop);

const parameters = 'gamma=1,2,0.5,-1&beta=0.25&at=1,2,0';

/** The numbers of a row of cells. */
async function cells(lab: Lab, id: string): Promise<number[]> {
  const texts = await lab.page.getByTestId(id).locator('.number').allTextContents();
  return texts.map((text) => Number(text.replace('−', '-')));
}

/** As far as cells show digits. */
const close = (got: readonly number[], wanted: readonly number[]): void =>
  void expect(got.map((value, i) => Math.abs(value - (wanted[i] ?? NaN)) <= 1e-4 * Math.max(1, Math.abs(value)))).toEqual(wanted.map(() => true));

test.each([['named', expected.named], ['randn', expected.randn]] as const)('the steps of %s, forward and backward', async (data, row) => {
  const lab = await openLab(`#steps?data=${data}&step=beta&${parameters}`);
  expect(await lab.text('sentence')).toMatch(/^x\[1, 2, 0\] shares its mean with 3 others/);
  for (const name of ['mean', 'variance', 'root'] as const) expect(await lab.number(`value-${name}`)).toBeCloseTo(row[name], 5);
  close(await cells(lab, 'value-beta'), row.y);
  await lab.page.getByRole('tab', { name: 'Backward' }).click();
  await lab.page.getByRole('button', { name: /the gradient of β/ }).click();
  close(await cells(lab, 'value-dx'), row.dx);
  close(await cells(lab, 'value-dgamma'), row.dgamma);
  close(await cells(lab, 'value-dbeta'), row.dbeta);
  close(await cells(lab, 'dx-differences'), row.dx);
  expect(await lab.number('off-differences')).toBeLessThan(1e-7);
  expect(await lab.number('off-autograd')).toBeLessThan(1e-12);
  expect([lab.complaints, lab.strangers]).toEqual([[], []]);
  await lab.close();
});

test.each(expected.mistakes.map((row) => [row.plus, row] as const))('the mistakes, %i added', async (plus, row) => {
  const lab = await openLab(`#steps?plus=${plus}&at=1,2,0&mistake=difference&step=beta`);
  for (const name of ['layer', 'unbiased', 'outside', 'difference'] as const) {
    expect(Math.abs(await lab.number(`y-${name}`) - row[name])).toBeLessThan(1e-5 * Math.max(1, Math.abs(row[name])));
  }
  expect(await lab.number('error-layer')).toBeLessThan(1e-6);
  // The steps show the mistake that is switched on.
  close((await cells(lab, 'value-beta')).slice(0, 1), [row.difference]);
  await lab.close();
});

test('buttons, slider and arrow keys go from step to step, and say it', async () => {
  const lab = await openLab('#steps?step=x&at=1,2,0');
  await lab.page.getByRole('button', { name: 'Next' }).click();
  expect(await lab.text('worked')).toBe('20 + 21 + 22 + 23 = 86');
  await lab.page.keyboard.press('ArrowRight');
  await expect.poll(() => lab.text('worked')).toBe('86 / 4 = 21.5');
  await expect.poll(() => lab.page.getByRole('status').textContent()).toMatch(/^Step 3 of 11.*86 \/ 4 = 21\.5$/);
  await lab.page.getByRole('slider').focus();
  await lab.page.keyboard.press('End');
  await expect.poll(() => lab.text('worked')).toMatch(/^−1\.341635 \+ 0 = /);
  expect(lab.hash()).toBe('#steps?at=1%2C2%2C0&step=beta');
  await lab.page.reload();
  expect(await lab.text('worked')).toMatch(/^−1\.341635 \+ 0 = /);
  await lab.close();
});

test('the line of hand-written code of a step is lit in both languages', async () => {
  const lab = await openLab('#steps?step=variance&mistake=unbiased');
  const lit = lab.page.locator('pre code.lit');
  await lit.first().waitFor();
  expect(await lit.allTextContents()).toEqual(['variance = squares.sum() / (N - 1)\n', 'const variance = total(squares) / (N - 1);\n']);
  await lab.close();
});

test('a layer edited to an error and back, and a wrong list of γ; the last steps stay', async () => {
  const lab = await openLab('#steps?at=1,2,0');
  expect(await lab.number('value-mean')).toBe(21.5);
  const alerts = lab.page.getByRole('alert');
  for (const [label, wrong, words, right] of [
    ['Layer or pattern', 'nn.LayerNorm(5)', /normalized_shape/, 'nn.LayerNorm(4)'],
    ['γ, one number or a list', '1, 2', /γ takes one number, or 4/, '1'],
    ['γ, one number or a list', '1, two', /'two' is none/, '1'],
  ] as const) {
    await lab.page.getByLabel(label).fill(wrong);
    await alerts.waitFor();
    expect(await alerts.textContent()).toMatch(words);
    expect(await lab.number('value-mean')).toBe(21.5);
    await lab.page.getByLabel(label).fill(right);
    await expect.poll(() => alerts.count()).toBe(0);
  }
  await lab.close();
});

test('the field chooses the set, and the address keeps it', async () => {
  const lab = await openLab('#steps');
  await lab.page.getByRole('grid').focus();
  await lab.page.keyboard.press('End');
  await expect.poll(() => lab.text('sentence')).toMatch(/^x\[1, 2, 3\]/);
  await expect.poll(() => lab.hash()).toBe('#steps?at=1%2C2%2C3');
  expect(await lab.number('value-mean')).toBe(21.5);
  await lab.close();
});
