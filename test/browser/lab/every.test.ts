// What holds on every screen: accessibility, no complaint, no request elsewhere, widths, languages, offline, a worker that dies.
import { readdir, readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, expect, inject, test } from 'vitest';
import { openLab, stop, type Lab } from './page.js';

afterAll(stop);

const screens = ['who', 'names', 'channels', 'steps', 'running', 'padding', 'blocks', 'train', 'model'];

/** Until the first answer of the worker is on the page. */
async function settled({ page }: Lab): Promise<void> {
  await page.locator('main h1').waitFor();
  await expect.poll(() => page.locator('main .busy').count(), { timeout: 30_000 }).toBe(0);
  await page.waitForLoadState('networkidle');
}

test.each(screens)('%s: axe finds nothing in both themes, no width is too narrow, nothing complains, nobody else is asked', async (screen) => {
  const lab = await openLab(`#${screen}`);
  await settled(lab);
  for (const theme of ['light', 'dark']) {
    await lab.page.locator('.settings select').nth(1).selectOption(theme);
    expect([theme, await lab.findings()]).toEqual([theme, []]);
  }
  for (const width of [360, 1024, 1920]) {
    await lab.page.setViewportSize({ width, height: 800 });
    await expect.poll(() => lab.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
  }
  // Reloaded, the address is the same screen, in the theme and the language that were chosen.
  await lab.page.locator('.settings select').nth(0).selectOption('zh');
  await lab.page.reload();
  await settled(lab);
  expect(await lab.page.getAttribute('html', 'lang')).toBe('zh-CN');
  expect(await lab.page.getAttribute('html', 'data-theme')).toBe('dark');
  const headings = await lab.page.locator('main h1, main h2, main .lead, main .takeaway').allTextContents();
  expect(headings.filter((text) => !/\p{Script=Han}/u.test(text))).toEqual([]);
  expect([lab.complaints, lab.strangers]).toEqual([[], []]);
  await lab.close();
});

test('from the keyboard: the link that skips, the menu, the settings', async () => {
  const lab = await openLab('#who');
  await settled(lab);
  await lab.page.keyboard.press('Tab');
  expect(await lab.page.evaluate(() => document.activeElement?.className)).toBe('skip');
  await lab.page.keyboard.press('Enter');
  expect(await lab.page.evaluate(() => document.activeElement?.id)).toBe('main');
  await lab.page.locator('.settings select').nth(0).selectOption('zh');
  expect(await lab.page.getAttribute('html', 'lang')).toBe('zh-CN');
  expect(lab.hash()).toContain('lang=zh');
  await lab.page.locator('nav a').nth(3).focus();
  await lab.page.keyboard.press('Enter');
  expect(lab.hash()).toBe('#steps?lang=zh');
  await lab.close();
});

test('a worker that dies is replaced, and the page says so', async () => {
  const lab = await openLab('#who', {
    before: (context) => context.addInitScript(() => {
      const Real = globalThis.Worker;
      globalThis.Worker = class extends Real {
        constructor(...args: ConstructorParameters<typeof Worker>) {
          super(...args);
          Reflect.set(globalThis, 'lastWorker', this);
        }
      };
    }),
  });
  expect(await lab.number('count')).toBe(3);
  await lab.page.evaluate(() => {
    const worker = Reflect.get(globalThis, 'lastWorker');
    // What a browser sends when a worker runs out of memory.
    if (worker instanceof Worker) worker.dispatchEvent(new ErrorEvent('error', { message: 'out of memory' }));
  });
  await lab.page.getByText(/worker stopped/i).waitFor();
  await lab.page.getByLabel('Layer or pattern').fill('nn.LayerNorm(4)');
  await expect.poll(() => lab.number('count')).toBe(6);
  await lab.close();
});

test('without WebAssembly the reference backend computes, and the page says so', async () => {
  const lab = await openLab('#who?layer=nn.LayerNorm(4)', {
    // A worker has globals of its own: its script is told before it runs.
    before: (context) => context.route(/worker-[^/]*\.js$/, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: `delete globalThis.WebAssembly;\n${await response.text()}` });
    }),
  });
  expect(await lab.number('count')).toBe(6);
  await lab.page.getByText(/No WebAssembly here/).waitFor();
  await lab.close();
});

test('without shared memory one thread works, and the page says so', async () => {
  const lab = await openLab('#who', {
    before: (context) => context.route('**/*', async (route) => {
      const response = await route.fetch();
      const headers = Object.fromEntries(Object.entries(response.headers()).filter(([name]) => !name.startsWith('cross-origin-')));
      await route.fulfill({ response, headers });
    }),
  });
  expect(await lab.number('count')).toBe(3);
  await lab.page.getByText(/One thread/).waitFor();
  await lab.close();
});

test('once loaded it works offline, on every screen', async () => {
  const lab = await openLab('#who', { serviceWorkers: 'allow' });
  expect(await lab.number('count')).toBe(3);
  await lab.page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  await lab.page.context().setOffline(true);
  for (const screen of screens) {
    await lab.page.goto(`${new URL(lab.page.url()).origin}/#${screen}`);
    await lab.page.reload();
    await settled(lab);
  }
  expect(lab.complaints).toEqual([]);
  await lab.close();
});

test('the policy stands in the page: nothing inline, nothing from elsewhere', async () => {
  const page = await readFile(`${inject('labFolder')}/index.html`, 'utf8');
  const [, escaped = ''] = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page) ?? [];
  const policy = escaped.replaceAll('&#39;', "'");
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toMatch(/unsafe-inline|unsafe-eval'(?<!wasm-unsafe-eval')|https?:|\*/);
  expect(page).not.toMatch(/<style|style="|<script(?![^>]*src=)/);
});

test('the page before WASM is at most 120 kB gzip', async () => {
  const names = await readdir(`${inject('labFolder')}/assets`);
  const page = await readFile(`${inject('labFolder')}/index.html`, 'utf8');
  const first = names.filter((name) => page.includes(name));
  // The frame, and the first screen with what it imports.
  const who = names.filter((name) => /^who-.*\.(js|css)$/.test(name));
  const bytes = await Promise.all([...first, ...who].map(async (name) => gzipSync(await readFile(`${inject('labFolder')}/assets/${name}`)).length));
  expect(first.length).toBeGreaterThan(0);
  expect(bytes.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(120_000);
});
