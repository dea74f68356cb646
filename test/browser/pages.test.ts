// evenkeel in pages as users build them: by esbuild and by Vite, with and without isolation, in a worker, under strict headers.
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { build as esbuild, type BuildOptions } from 'esbuild';
import { chromium, type Browser } from 'playwright';
import { build as vite } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chromiumPath, isolation } from './chromium.js';
import type { Order } from './pages/program.js';
import { serve, visit, type Headers, type Visit } from './site.js';
import { jobNames } from './work.js';

type Build = 'vite' | 'esbuild' | 'no worker' | 'no module';
const folderOf = (name: Build): string => `build/pages/${name.replace(' ', '-')}`;

let browser: Browser;
/** Every job's bits on one thread. */
let wanted: unknown;

beforeAll(async () => {
  browser = await chromium.launch({ executablePath: chromiumPath() });
  // Bundlers that do not follow workers get worker.js as an entry of its own.
  await bundle('esbuild', { worker: 'evenkeel/worker.js' }, { format: 'esm' });
  await bundle('no worker', {}, { format: 'esm' });
  // A script that is no module has no address beside which a worker could lie.
  await bundle('no module', {}, { format: 'iife', logOverride: { 'empty-import-meta': 'silent' } });
  await buildByVite();
  const { reports } = await see('vite', [{ threads: 1 }]);
  wanted = reports[0]?.first;
}, 60_000);
afterAll(() => browser.close());

async function bundle(name: Build, more: Readonly<Record<string, string>>, options: BuildOptions): Promise<void> {
  const folder = folderOf(name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const entryPoints = { main: 'test/browser/pages/main.ts', inside: 'test/browser/pages/inside.js', ...more };
  await esbuild({ entryPoints, outdir: folder, bundle: true, minify: true, target: 'es2022', logLevel: 'warning', ...options });
  await cp('dist/evenkeel.wasm', `${folder}/evenkeel.wasm`);
  const type = options.format === 'esm' ? 'type="module"' : 'defer';
  await writeFile(`${folder}/index.html`, `<!doctype html>\n<title>evenkeel</title>\n<script ${type} src="main.js"></script>\n`);
}

async function buildByVite(): Promise<void> {
  const outDir = `../../../${folderOf('vite')}`;
  await vite({ root: 'test/browser/pages', configFile: false, logLevel: 'warn', build: { outDir, emptyOutDir: true } });
  await cp('dist/evenkeel.wasm', `${folderOf('vite')}/evenkeel.wasm`);
}

interface Place {
  readonly headers?: Headers;
  readonly workerHeaders?: Headers;
  readonly inside?: 'page' | 'worker';
}

async function see(build: Build, orders: readonly Order[], { headers = {}, workerHeaders, inside }: Place = {}): Promise<Visit> {
  const site = await serve(folderOf(build), headers, workerHeaders);
  try {
    return await visit(browser, site, orders, inside);
  } finally {
    await site.close();
  }
}

const quiet = { complaints: [], strangers: [] };
const strict = { 'Content-Security-Policy': "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'" };
const noWasm = { 'Content-Security-Policy': "script-src 'self'" };

test('one thread in Chromium makes bits of every job', () => {
  expect(Object.keys(wanted ?? {})).toEqual(jobNames);
  for (const bits of Object.values(wanted ?? {})) expect(bits).toMatch(/^[0-9a-f]+ [0-9a-f]+$/);
});

describe.each(['esbuild', 'vite'] as const)('%s', (build) => {
  test.each(['page', 'worker'] as const)('isolated, in a %s: threads', async (inside) => {
    const { reports, ...rest } = await see(build, [{ threads: 3 }], { headers: isolation, inside });
    expect(rest).toEqual(quiet);
    expect(reports).toMatchObject([{ isolated: true, threads: { created: 2, started: 2 }, first: wanted, later: wanted, errors: [] }]);
    expect(reports[0]?.threads.taken).toBeGreaterThan(0);
  });

  test.each(['page', 'worker'] as const)('not isolated, in a %s: one thread', async (inside) => {
    const { reports, ...rest } = await see(build, [{ threads: 3 }], { inside });
    expect(rest).toEqual(quiet);
    expect(reports).toMatchObject([{ isolated: false, threads: { created: 0 }, first: wanted, later: wanted, errors: [] }]);
  });

  test.each([
    ['the kernels in the JavaScript', {}],
    ['the file by its address', { wasm: '/evenkeel.wasm' }],
    ['the bytes of the file', { wasm: '/evenkeel.wasm', asBytes: true }],
  ])('strict headers: %s', async (_, order) => {
    const { reports, ...rest } = await see(build, [{ threads: 2, ...order }], { headers: { ...isolation, ...strict } });
    expect(rest).toEqual(quiet);
    expect(reports).toMatchObject([{ isolated: true, threads: { created: 1, started: 1 }, first: wanted, later: wanted, errors: [] }]);
  });

  test('headers that forbid WASM: an error with the way out, and the reference backend', async () => {
    const jobs = ['rmsNorm', 'matmul'];
    const bundled = await see(build, [{ jobs }, { backend: 'reference', jobs }], { headers: noWasm });
    const file = await see(build, [{ wasm: '/evenkeel.wasm', jobs }], { headers: noWasm });
    const wayOut = expect.stringMatching(/^\[wasm\] .*'wasm-unsafe-eval'.*useBackend\('reference'\)/) as string;
    const [without, reference] = bundled.reports.map(({ errors }) => errors);
    expect([without?.[0], file.reports[0]?.errors[0]]).toEqual([wayOut, wayOut]);
    expect(reference).toEqual([]);
    expect([...bundled.strangers, ...file.strangers]).toEqual([]);
  });
});

describe('threads that cannot run cost one call, and one thread goes on', () => {
  const failing: [what: string, build: Build, message: RegExp, workerHeaders?: Headers][] = [
    ['worker.js is missing', 'no worker', /^\[worker\] worker thread \d of 2 could not run .*put evenkeel\/worker\.js beside the module/],
    ['a script that is no module', 'no module', /^\[worker\] worker thread 1 of 2 could not start \(.*put evenkeel\/worker\.js beside the module/],
    ['headers of worker.js forbid WASM', 'vite', /^\[worker\] .*worker\.js needs the page's headers/, { ...isolation, ...noWasm }],
  ];
  test.each(failing)('%s', async (_, build, message, workerHeaders) => {
    const { reports } = await see(build, [{ threads: 3 }], { headers: isolation, ...(workerHeaders && { workerHeaders }) });
    const [{ first = {}, later = {}, errors = [] } = {}] = reports;
    expect(errors).toEqual([expect.stringMatching(message)]);
    const unlike = [first, later].flatMap((bits) => jobNames.filter((name) => bits[name] !== Reflect.get(Object(wanted), name)));
    expect(unlike).toHaveLength(1);
  });
});
