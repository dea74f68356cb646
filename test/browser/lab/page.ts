// The built lab in Chromium: a screen, its figures, what it complains of and asks of others.
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AxeResults } from 'axe-core';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright';
import { siteOf } from '../../../src/cli/lab/site.js';
import { inject } from 'vitest';
import { chromiumPath } from '../chromium.js';

export interface Lab {
  readonly page: Page;
  /** Errors and warnings on the console, and what was thrown. */
  readonly complaints: string[];
  /** Addresses of other origins that were asked. */
  readonly strangers: string[];
  /** The text of the element with this data-testid, once it is there. */
  text(id: string): Promise<string>;
  /** The number in it: a minus sign is a minus, thousands may be set apart. */
  number(id: string): Promise<number>;
  /** What axe finds on the page as it stands: each rule with the place. */
  findings(): Promise<string[]>;
  /** What stands behind the # of the address. */
  hash(): string;
  close(): Promise<void>;
}

export interface How {
  readonly width?: number;
  readonly height?: number;
  readonly colorScheme?: 'light' | 'dark';
  readonly locale?: string;
  readonly reducedMotion?: 'reduce' | 'no-preference';
  readonly serviceWorkers?: 'allow' | 'block';
  /** Before the page's own scripts. */
  readonly before?: (context: BrowserContext) => Promise<unknown>;
}

let shared: { readonly browser: Browser; readonly server: Server; readonly origin: string } | null = null;

/** Chromium and the server of the built page, once for a file of rows. */
async function start() {
  if (shared !== null) return shared;
  const server = await siteOf(inject('labFolder'));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the server has no port');
  const browser = await chromium.launch({ executablePath: chromiumPath() });
  shared = { browser, server, origin: `http://127.0.0.1:${address.port}` };
  return shared;
}

/** For afterAll. */
export async function stop(): Promise<void> {
  await shared?.browser.close();
  shared?.server.closeAllConnections();
  shared?.server.close();
  shared = null;
}

/** Opens a screen by its address, such as `#who?layer=nn.LayerNorm(4)`. */
export async function openLab(hash: string, how: How = {}): Promise<Lab> {
  const { browser, origin } = await start();
  const { width = 1024, height = 800, colorScheme = 'light', locale = 'en-GB', reducedMotion = 'reduce', serviceWorkers = 'block', before } = how;
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, locale, reducedMotion, serviceWorkers });
  await before?.(context);
  const page = await context.newPage();
  const [complaints, strangers]: [string[], string[]] = [[], []];
  page.on('console', (message) => {
    // The context blocks service workers, which is no fault of the page.
    if (['error', 'warning'].includes(message.type()) && !message.text().startsWith('Service Worker registration blocked')) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !/^(blob|data):/.test(url)) strangers.push(url);
  });
  await page.goto(`${origin}/${hash}`);
  const text = async (id: string): Promise<string> => (await page.getByTestId(id).first().textContent()) ?? '';
  return {
    page,
    complaints,
    strangers,
    text,
    number: async (id) => Number((await text(id)).replace('−', '-').replaceAll(/[\s,']/g, '')),
    findings: () => findingsOn(page),
    hash: () => new URL(page.url()).hash,
    close: () => context.close(),
  };
}

async function findingsOn(page: Page): Promise<string[]> {
  await page.evaluate(await readFile('node_modules/axe-core/axe.min.js', 'utf8'));
  // axe is left on the page by its script.
  const { violations } = await page.evaluate(() => (Reflect.get(globalThis, 'axe') as { run(): Promise<AxeResults> }).run());
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`));
}
