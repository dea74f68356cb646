// Screen 7: every step of every placement, streams and gradients by depth, and the ConvNeXt block, against PyTorch's.
import { readFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { openLab, stop, type Lab } from './page.js';

type Address = Record<string, string | number>;

interface Expected {
  blocks: { address: Address; rms: Record<string, number>; stream: [number, number]; gradient: number }[];
  gradients: { address: Address; residual: number; plain: number }[];
  convnext: { address: Address; shapes: Record<string, number[]>; rms: Record<string, number>; differ: number }[];
}

// Written by test/browser/lab/generate.py.
const expected = JSON.parse(readFileSync(new URL('expected.json', import.meta.url), 'utf8')) as Expected;
afterAll(stop);

const addressOf = ({ address }: { address: Address }): string => new URLSearchParams(Object.entries(address).map(([name, value]) => [name, String(value)])).toString();

/** Shown with so many digits. */
function expectNear(shown: number, wanted: number, digits: number, name: string): void {
  expect(Math.abs(shown - wanted), `${name}: ${shown}, not ${wanted}`).toBeLessThanOrEqual(0.6 * 10 ** (1 - digits) * Math.abs(wanted));
}

/** The numbers of a sentence in their order. */
async function numbersIn(lab: Lab, id: string): Promise<number[]> {
  return ((await lab.text(id)).match(/\d+(\.\d+)?(e[-−]?\d+)?/g) ?? []).map((word) => Number(word.replace('−', '-')));
}

test.each(expected.blocks.map((row) => [addressOf(row), row] as const))('%s', async (address, row) => {
  const lab = await openLab(`#blocks?${address}`);
  for (const [name, rms] of Object.entries(row.rms)) expectNear(await lab.number(`rms-${name}`), rms, 5, name);
  // The drawing has as many nodes as there are steps.
  expect(await lab.page.locator('.flow .diagram .node').count()).toBe(Object.keys(row.rms).length);
  expect((await numbersIn(lab, 'block-apart')).at(-1)).toBeLessThan(1e-5);
  const [first = NaN, last = NaN] = await numbersIn(lab, 'stack-stream');
  expectNear(first, row.stream[0], 3, 'x');
  expectNear(last, row.stream[1], 3, 'y');
  expectNear((await numbersIn(lab, 'stack-gradient')).at(-1) ?? NaN, row.gradient, 3, 'gradient');
  expect([lab.complaints, lab.strangers]).toEqual([[], []]);
  await lab.close();
});

test.each(expected.gradients.map((row) => [addressOf(row), row] as const))('with and without the residual, %s', async (address, row) => {
  const lab = await openLab(`#blocks?${address}`);
  const [depth, residual = NaN, plain = NaN] = await numbersIn(lab, 'residual-figures');
  expect(depth).toBe(row.address['depth']);
  expectNear(residual, row.residual, 3, 'x + F(x)');
  expectNear(plain, row.plain, 3, 'F(x)');
  await lab.close();
});

test.each(expected.convnext.map((row) => [addressOf(row), row] as const))('the ConvNeXt block, %s', async (address, row) => {
  const lab = await openLab(`#blocks?${address}`);
  for (const [name, rms] of Object.entries(row.rms)) expectNear(await lab.number(`convnext-${name}`), rms, name === 'gamma' || name === 'first' ? 3 : 5, name);
  for (const [name, shape] of Object.entries(row.shapes)) expect(await lab.text(`shape-${name}`)).toBe(shape.join('×'));
  expect(await lab.text('averages')).toMatch(/^Each pixel over its 4 channels: 49 means\. .*LayerNorm\(\[4, 7, 7\]\) has 1 mean over 196 elements/);
  expectNear((await numbersIn(lab, 'averages')).at(-1) ?? NaN, row.differ, 3, 'differ');
  await lab.close();
});

test('a placement is chosen by the keyboard; depth and norm stand in the address', async () => {
  const lab = await openLab('#blocks');
  await lab.page.getByRole('radio', { name: /^post/ }).focus();
  for (let i = 0; i < 4; i++) await lab.page.keyboard.press('ArrowRight');
  await expect.poll(lab.hash).toBe('#blocks?placement=hybrid');
  expect(await lab.text('about')).toMatch(/^Tutorials call this block pre-norm\. Its attention is; its MLP’s norm stands on the output/);
  // The worker may still be at the many blocks of the first placement.
  const patience = { timeout: 15_000 };
  await expect.poll(() => lab.page.locator('.flow table tbody th').allTextContents(), patience).toEqual(['x', 'h = norm1(x)', 'a = attn(h)', 'y1 = a + x', 'f = mlp(y1)', 'm = norm2(f)', 'y = m + y1']);
  await lab.page.getByLabel('Blocks', { exact: true }).fill('8');
  await lab.page.getByLabel('With a norm').selectOption('pre');
  await lab.page.getByLabel('Seed').fill('1');
  const [row] = expected.gradients.filter(({ address }) => address['depth'] === 8);
  await expect.poll(() => numbersIn(lab, 'residual-figures'), patience).toEqual([8, row?.residual, row?.plain].map((value) => Number(value?.toPrecision(3))));
  expect(lab.hash()).toBe('#blocks?depth=8&norm=pre&placement=hybrid&seed=1');
  await lab.page.reload();
  expect(await lab.text('residual-figures')).toMatch(/first of 8 blocks/);
  expect(await lab.page.getByRole('radio', { name: /^hybrid/ }).isChecked()).toBe(true);
  expect(lab.complaints).toEqual([]);
  await lab.close();
});
