// Screen 2: pictures, means and differences of six layers against PyTorch's; the verdicts; the worked example; the address.
import { readFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { openLab, stop, type Lab } from './page.js';

type Key = 'pixel' | 'layer2d' | 'sample' | 'group' | 'instance' | 'batch';

interface Row {
  readonly input: string;
  readonly differences: readonly (readonly number[])[];
  readonly ends: Readonly<Record<Key, readonly [number, number]>>;
  readonly at: readonly (readonly [n: number, h: number, w: number])[];
  readonly values: Readonly<Record<Key, readonly (readonly number[])[]>>;
}
interface Expected {
  readonly inputs: readonly Row[];
  readonly worked: Readonly<Record<'x' | 'layer' | 'instance', readonly number[]>>;
}

// Written by test/browser/lab/generate.py.
const { names: expected } = JSON.parse(readFileSync(new URL('expected.json', import.meta.url), 'utf8')) as { names: Expected };
const keys: readonly Key[] = ['pixel', 'layer2d', 'sample', 'group', 'instance', 'batch'];
const addresses: Readonly<Record<string, string>> = { photo: '#names', digits: '#names?input=digits', randn: '#names?input=randn&seed=123&shape=2x3x8x8' };
afterAll(stop);

/** What stands in the cell of a pair. */
async function cell(lab: Lab, a: Key, b: Key): Promise<number> {
  return Number(await lab.page.locator(`[data-pair='${a}-${b}']`).textContent());
}

/** Red, green and blue of a picture's pixel: samples stand side by side. */
async function pixels(lab: Lab, key: Key, extent: number, at: Row['at']): Promise<number[][]> {
  return lab.page.getByTestId(`output-${key}`).locator('canvas').evaluate((canvas: HTMLCanvasElement, [size, places]) => {
    const gap = Math.max(1, Math.round(size / 14));
    const { data } = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: new Uint8ClampedArray() };
    return places.map(([n, h, w]) => [0, 1, 2].map((c) => data[4 * (h * canvas.width + n * (size + gap) + w) + c] ?? -1));
  }, [extent, at] as const);
}

test.each(expected.inputs)('$input: pictures and differences', async ({ input, differences, ends, at, values }) => {
  const lab = await openLab(addresses[input] ?? '');
  await lab.page.getByTestId('output-batch').waitFor();
  for (const [i, a] of keys.entries()) {
    for (const [j, b] of keys.entries()) {
      if (i === j) continue;
      const wanted = differences[i]?.[j] ?? NaN;
      // Cells show two digits; what is the same differs by the rounding of float32.
      expect(Math.abs((await cell(lab, a, b)) - wanted), `${a} ${b}`).toBeLessThanOrEqual(wanted < 1e-9 ? 5e-6 : 0.051 * wanted);
    }
    const drawn = await pixels(lab, a, input === 'photo' ? 56 : 8, at);
    const wanted = values[a].map((channels) => [0, 1, 2].map((c) => Math.min(255, Math.max(0, ((channels[c] ?? channels[0] ?? NaN) + 2.5) * 51))));
    expect(drawn.flat().every((level, k) => Math.abs(level - (wanted.flat()[k] ?? NaN)) <= 1), a).toBe(true);
    const label = (await lab.page.getByTestId(`output-${a}`).locator('canvas').getAttribute('aria-label')) ?? '';
    const [low, high] = (/from (\S+) to (\S+)$/.exec(label) ?? []).slice(1).map((text) => Number(text.replace('−', '-')));
    expect([low, high].every((end, k) => Math.abs((end ?? NaN) - ends[a][k as 0 | 1]) <= 0.01), label).toBe(true);
  }
  expect([lab.complaints, lab.strangers]).toEqual([[], []]);
  await lab.close();
});

// As many means as there are pixels, samples, channels of samples, channels.
test.each<[hash: string, means: number[]]>([
  ['#names', [9408, 9408, 3, 3, 9, 3]],
  ['#names?input=digits', [384, 384, 6, 6, 6, 1]],
  ['#names?input=randn&shape=2x4x8x8', [128, 128, 2, 2, 8, 4]],
])('%s has %j means', async (hash, means) => {
  const lab = await openLab(hash);
  expect(await Promise.all(keys.map((key) => lab.number(`means-${key}`)))).toEqual(means);
  await lab.close();
});

test.each<[pair: string, verdict: RegExp, carry: RegExp]>([
  ['pixel-layer2d', /^The same\. LayerNorm\(3\) is LayerNorm2d\(3\) on 3 × 3 × 56 × 56: the same 9408 sets of 3 elements$/, /as they are/],
  ['sample-group', /^The same\. LayerNorm\(\[3, 56, 56\]\) is GroupNorm\(1, 3\).* but for the parameters: the same 3 sets/, /only where they are constant along axes 2, 3/],
  ['group-sample', /^The same\./, /weight\.reshape\(\[3, 1, 1\]\)\.expand\(\[3, 56, 56\]\)/],
  ['pixel-sample', /^Not the same\. LayerNorm\(3\) has 9408 means, each over 3 elements; LayerNorm\(\[3, 56, 56\]\) has 3 means/, /expand/],
  ['group-batch', /^Not the same\. GroupNorm\(1, 3\) and BatchNorm2d\(3\) have 3 means, each over 9408 elements, but not the same ones/, /as they are/],
])('the verdict on %s', async (pair, verdict, carry) => {
  const lab = await openLab(`#names?pair=${pair}`);
  await expect.poll(() => lab.text('pair-verdict')).toMatch(verdict);
  expect(await lab.text('pair-carry')).toMatch(carry);
  await lab.close();
});

test('LayerNorm(4) is InstanceNorm2d(3) on the reshape, on this shape', async () => {
  const lab = await openLab('#names');
  await lab.page.getByTestId('worked-layer').waitFor();
  for (const [id, wanted] of [['worked-layer', expected.worked.layer], ['worked-instance', expected.worked.instance]] as const) {
    const texts = await lab.page.getByTestId(id).locator('td').allTextContents();
    expect(texts.map((text) => text.replace('−', '-'))).toEqual(wanted.map((value) => value.toFixed(4)));
  }
  expect(await lab.number('worked-difference')).toBeLessThan(1e-6);
  expect(await lab.text('worked-verdict')).toMatch(/LayerNorm\(4\) on 2 × 3 × 4 is InstanceNorm2d\(3\) on 2 × 3 × 4 × 1 .*the same 6 sets of 4 elements/);
  expect(await lab.text('worked-image')).toMatch(/LayerNorm\(5\) has 24 means.*InstanceNorm2d\(3\) has 6 means/);
  await lab.close();
});

test('a shape edited to an error and back; the last pictures stay', async () => {
  const lab = await openLab('#names?input=randn&shape=2x3x8x8');
  expect(await lab.number('means-instance')).toBe(6);
  const field = lab.page.getByLabel('Shape, N × C × H × W');
  for (const [text, message] of [['2x3x', /no shape: write four sizes/], ['2x3x8', /has 3 axes: four are needed/], ['100x96x64x64', /from 1 to 65536 are drawn/]] as const) {
    await field.fill(text);
    await expect.poll(() => lab.page.getByRole('alert').textContent()).toMatch(message);
    expect(await lab.number('means-instance')).toBe(6);
  }
  await field.fill('2x5x8x8');
  await expect.poll(() => lab.number('means-instance')).toBe(10);
  expect(await lab.page.getByRole('alert').count()).toBe(0);
  await lab.close();
});

test('what shares a mean stays, the rest fades; by pointer and by field', async () => {
  const lab = await openLab('#names');
  const opaque = () => Promise.all(keys.map((key) => lab.page.getByTestId(`output-${key}`).locator('canvas').evaluate((canvas: HTMLCanvasElement) => {
    const { data } = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: new Uint8ClampedArray() };
    return data.filter((alpha, i) => i % 4 === 3 && alpha === 255).length;
  })));
  await lab.page.getByTestId('output-batch').waitFor();
  const field = lab.page.getByLabel('Element n, c, h, w');
  await field.fill('1, 0, 20, 30');
  // A pixel, a photograph, all photographs.
  await expect.poll(opaque).toEqual([1, 1, 3136, 3136, 3136, 9408]);
  await field.fill('1, 0, 56, 30');
  expect(await lab.page.getByRole('alert').textContent()).toContain('to 2, 2, 55, 55');
  await field.fill('');
  await expect.poll(opaque).toEqual([9408, 9408, 9408, 9408, 9408, 9408]);
  await lab.page.getByTestId('output-pixel').locator('canvas').click({ position: { x: 20, y: 20 } });
  await expect.poll(opaque).toEqual([1, 1, 3136, 3136, 3136, 9408]);
  expect(lab.hash()).toMatch(/^#names\?at=0%2C\+0%2C/);
  await lab.close();
});

test('the keyboard goes from pair to pair, and the address keeps it', async () => {
  const lab = await openLab('#names?pair=pixel-layer2d');
  await lab.page.getByRole('button', { name: /^LayerNorm\(3\) beside LayerNorm2d/ }).focus();
  await lab.page.keyboard.press('ArrowRight');
  await lab.page.keyboard.press('ArrowDown');
  // Over itself: LayerNorm([3, 56, 56]) is no pair with itself.
  await lab.page.keyboard.press('ArrowDown');
  await expect.poll(() => lab.hash()).toBe('#names?pair=group-sample');
  expect(await lab.page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toMatch(/^GroupNorm\(1, 3\) beside LayerNorm\(\[3, 56, 56\]\): largest difference/);
  await lab.page.reload();
  await expect.poll(() => lab.text('pair-verdict')).toMatch(/GroupNorm\(1, 3\) is LayerNorm/);
  await lab.close();
});

test('the verdict in Chinese', async () => {
  const lab = await openLab('#names?pair=pixel-sample&lang=zh');
  expect(await lab.text('pair-verdict')).toBe('不同。 LayerNorm(3) 有 9408 个均值，每个由 3 个元素求得；LayerNorm([3, 56, 56]) 有 3 个均值，每个由 9408 个元素求得');
  expect(await lab.text('worked-verdict')).toBe('相同。 LayerNorm(4)（输入 2 × 3 × 4） 就是 InstanceNorm2d(3)（输入 2 × 3 × 4 × 1）（参数除外）：同样的 6 个集合，每个 4 个元素');
  await lab.close();
});
