// A folder served under headers, and a page of it in Chromium: what it reports, complains of and asks of others.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import type { Browser } from 'playwright';
import type { Order, Report } from './pages/program.js';

const kinds: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
};

export interface Site {
  readonly origin: string;
  close(): Promise<void>;
}

export type Headers = Readonly<Record<string, string>>;

/** Serves the files of a folder on a port of its own; workers of the library may get headers of their own. */
export async function serve(folder: string, page: Headers, worker: Headers = page): Promise<Site> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const file = pathname.endsWith('/') ? `${pathname}index.html` : pathname;
    const headers = /worker[^/]*\.js$/.test(file) ? worker : page;
    if (file === '/favicon.ico') return void response.writeHead(204).end();
    readFile(join(folder, file)).then(
      (bytes) => response.writeHead(200, { ...headers, 'Content-Type': kinds[extname(file)] ?? 'text/plain' }).end(bytes),
      () => response.writeHead(404, headers).end('there is no such file'),
    );
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the server has no port');
  return {
    origin: `http://127.0.0.1:${address.port}`,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}

export interface Visit {
  readonly reports: readonly Report[];
  /** Errors and warnings on the page's console, and what was thrown. */
  readonly complaints: readonly string[];
  /** Addresses of other origins that the page asked for. */
  readonly strangers: readonly string[];
}

/** Opens a site's page and has it run orders one after the other, in the page or in a worker of it. */
export async function visit(browser: Browser, { origin }: Site, orders: readonly Order[], place: 'page' | 'worker' = 'page'): Promise<Visit> {
  const page = await browser.newPage();
  const complaints: string[] = [];
  const strangers: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    if (!request.url().startsWith(`${origin}/`)) strangers.push(request.url());
  });
  try {
    await page.goto(`${origin}/`);
    const reports: Report[] = [];
    for (const order of orders) reports.push(await page.evaluate(callOnPage, { place, order }));
    return { reports, complaints, strangers };
  } finally {
    await page.close();
  }
}

/** Runs in the page, where main.ts left a function for each place. */
function callOnPage({ place, order }: { place: 'page' | 'worker'; order: Order }): Promise<Report> {
  const run = Reflect.get(globalThis, place === 'page' ? 'run' : 'runInWorker') as (order: Order) => Promise<Report>;
  return run(order);
}
