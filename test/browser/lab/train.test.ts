// Screen 8: runs are PyTorch's own, learn while they are watched, stand beside each other, and stop when they are left.
import { afterAll, expect, test } from 'vitest';
import { openLab, stop, type Lab } from './page.js';
import expected from './train.json' with { type: 'json' };

afterAll(stop);

const address = (params: Readonly<Record<string, string | number>>): string =>
  `#train?${new URLSearchParams(Object.entries(params).map(([name, value]): [string, string] => [name, String(value)])).toString()}`;

const button = ({ page }: Lab, name: string) => page.getByRole('button', { name, exact: true });

/** Presses Train, and waits until it is done. */
async function trained(lab: Lab): Promise<void> {
  await button(lab, 'Train').click();
  await lab.page.getByTestId('standing').waitFor();
  await lab.page.getByTestId('standing').waitFor({ state: 'detached', timeout: 50_000 });
}

test.each(expected)('$address.net with $address.norm at batch $address.batch, seed $address.seed: the losses are those of PyTorch', async ({ address: params, first, losses, accuracies }) => {
  const lab = await openLab(address(params));
  await trained(lab);
  const shown = (await lab.text('first-losses')).split(', ').map(Number);
  expect(shown).toHaveLength(first.length);
  first.forEach((loss, i) => expect(Math.abs((shown[i] ?? NaN) - loss)).toBeLessThan(2e-5));
  // Two numbers less their mean are of one size and of either sign: what is rounded otherwise turns about in the end.
  const isChaotic = params.net === 'mlp' && params.norm === 'batch' && params.batch === 2;
  for (const [i, loss] of losses.entries()) {
    expect(Math.abs((await lab.number(`epoch-loss-${i + 1}`)) - loss)).toBeLessThan(isChaotic ? 0.1 : 3e-4);
    const accuracy = Number((await lab.text(`epoch-accuracy-${i + 1}`)).replace(' %', ''));
    // After many steps, as at batch 2, images on the edge fall to either side.
    expect(Math.abs(accuracy - 100 * (accuracies[i] ?? NaN))).toBeLessThan(isChaotic ? 20 : params.net === 'resnet' ? 5 : 0.01);
  }
  expect([lab.complaints, lab.strangers]).toEqual([[], []]);
  await lab.close();
});

test.each([
  ['mlp', 'batch', 2, 64, 2], ['mlp', 'layer', 2, 2, 64], ['mlp', 'group', 8, 32, 16], ['resnet', 'batch', 2, 16, 128], ['resnet', 'instance', 4, 64, 64],
  ['resnet', 'layer', 2, 128, 16],
])('%s with %s at batch %i: %i means over %i elements', async (net, norm, batch, means, elements) => {
  const lab = await openLab(address({ net, norm, batch }));
  expect(await lab.number('sets')).toBe(means);
  expect(await lab.page.getByText(`means over ${elements} elements each`).isVisible()).toBe(true);
  await lab.close();
});

test('at batch 2 BatchNorm1d breaks; LayerNorm does not, nor BatchNorm2d; their runs stand beside each other', async () => {
  const lab = await openLab(address({ batch: 2, epochs: 3 }));
  const accuracy = async (name: string): Promise<number> => Number((await lab.text(`accuracy-${name}`)).replace(' %', ''));
  await trained(lab);
  await lab.page.getByLabel('Norm', { exact: true }).selectOption('layer');
  await trained(lab);
  await lab.page.getByLabel('Network').selectOption('resnet');
  await lab.page.getByLabel('Norm', { exact: true }).selectOption('batch');
  await trained(lab);
  expect(await accuracy('mlp-batch-2')).toBeLessThan(75);
  expect(await accuracy('mlp-layer-2')).toBeGreaterThan(80);
  expect(await accuracy('resnet-batch-2')).toBeGreaterThan(80);
  expect(await lab.page.locator('.curves polyline').count()).toBe(6);
  await lab.page.getByRole('button', { name: /^Show the numbers of MLP, BatchNorm1d/ }).click();
  expect(await lab.page.getByRole('heading', { name: 'MLP, BatchNorm1d, batch 2, 3 epochs, rate 0.05, seed 0' }).isVisible()).toBe(true);
  await lab.page.getByRole('button', { name: /^Remove MLP, BatchNorm1d/ }).click();
  expect(await lab.page.locator('.runs tbody tr').count()).toBe(2);
  expect(await lab.page.getByTestId('accuracy-mlp-batch-2').count()).toBe(0);
  await lab.close();
});

const LONG = { net: 'resnet', batch: 2, epochs: 20 } as const;

test('a run that waits goes on where it was, and one that is stopped stays as far as it came', async () => {
  const lab = await openLab(address(LONG));
  const standing = () => lab.text('standing');
  const step = async (): Promise<number> => Number(/step (\d+) of 14360/.exec(await standing())?.[1]);
  await button(lab, 'Train').click();
  await expect.poll(step, { timeout: 20_000 }).toBeGreaterThan(10);
  expect(await standing()).toMatch(/\d+ s left/);
  await button(lab, 'Pause').click();
  await expect.poll(standing).toContain('paused');
  await lab.page.waitForTimeout(400);
  const paused = await step();
  await lab.page.waitForTimeout(600);
  expect(await step()).toBe(paused);
  await button(lab, 'Resume').click();
  await expect.poll(step).toBeGreaterThan(paused);
  await button(lab, 'Stop').click();
  await lab.page.getByTestId('standing').waitFor({ state: 'detached' });
  expect(await lab.page.locator('.runs tbody').textContent()).toContain('stopped');
  await lab.close();
});

test('every norm at batch 32 and 2: one trains, the others wait; leaving the screen ends it, and what was found is kept', async () => {
  const lab = await openLab(address({ ...LONG, epochs: 1 }));
  await button(lab, 'Train every norm at batch 32 and 2').click();
  await expect.poll(() => lab.text('standing')).toContain('9 more waiting');
  await expect.poll(() => lab.page.getByTestId('first-losses').textContent(), { timeout: 20_000 }).toMatch(/\d/);
  await lab.page.getByRole('link', { name: /Who shares my mean/ }).click();
  expect(await lab.number('count')).toBe(3);
  await lab.page.goBack();
  await expect.poll(() => lab.page.locator('.runs tbody').textContent()).toMatch(/ResNet/);
  await expect.poll(() => lab.page.getByTestId('standing').count()).toBe(0);
  expect(await lab.page.locator('.runs tbody tr').count()).toBeLessThan(10);
  await lab.close();
});

test.each([['Learning rate at batch 32', 'fast', 'no rate', '0.1'], ['Seed', '-1', 'no seed', '7']])('%s edited to an error and back', async (label, wrong, message, right) => {
  const lab = await openLab('#train');
  await lab.page.getByLabel(label).fill(wrong);
  expect(await lab.page.getByRole('alert').textContent()).toContain(message);
  expect(await button(lab, 'Train').isDisabled()).toBe(true);
  await lab.page.getByLabel(label).fill(right);
  await expect.poll(() => lab.page.getByRole('alert').count()).toBe(0);
  expect(await button(lab, 'Train').isEnabled()).toBe(true);
  await lab.close();
});

test('the address holds the settings', async () => {
  const lab = await openLab('#train');
  await lab.page.getByLabel('Network').selectOption('resnet');
  await lab.page.getByLabel('Norm', { exact: true }).selectOption('instance');
  await lab.page.getByLabel('Batch', { exact: true }).selectOption('8');
  await lab.page.getByLabel('Epochs').selectOption('10');
  expect(lab.hash()).toBe('#train?batch=8&epochs=10&net=resnet&norm=instance');
  await lab.page.reload();
  expect(await lab.page.getByText('InstanceNorm2d(16, affine=True) on 8×16×8×8').isVisible()).toBe(true);
  expect(await lab.number('sets')).toBe(128);
  await lab.close();
});

test('a run is copied as a program of its own', async () => {
  const lab = await openLab('#train?batch=2&seed=9', { before: (context) => context.grantPermissions(['clipboard-read', 'clipboard-write']) });
  for (const [name, part] of [['PyTorch', 'torch.manual_seed(9)'], ['evenkeel', 'manualSeed(9);']] as const) {
    await button(lab, name).click();
    await lab.page.getByRole('button', { name: `${name} ✓` }).waitFor();
    expect(await lab.page.evaluate(() => navigator.clipboard.readText())).toContain(part);
  }
  await lab.close();
});
