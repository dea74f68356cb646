// evenkeel in pages as users build them: by esbuild and by Vite, with and without isolation, in a worker, under strict headers.
import { cp, mkdir, rm } from 'node:fs/promises';
import { build as esbuild } from 'esbuild';
import { chromium, type Browser } from 'playwright';
import { build as vite } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chromiumPath, isolation } from './chromium.js';
import type { Order } from './pages/program.js';
import { serve, visit, type Visit } from './site.js';
import { jobNames } from './work.js';

const folders = { vite: 'build/pages/vite', esbuild: 'build/pages/esbuild', bare: 'build/pages/bare' } as const;
const page = '<!doctype html>\n<title>evenkeel</title>\n<script type="module" src="main.js"></script>\n';

let browser: Browser;
/** Every job's bits on one thread. */
let wanted: unknown;

beforeAll(async () => {
  await Promise.all([bundle(), builtByVite(), chromium.launch({ executablePath: chromiumPath() }).then((it) => (browser = it))]);
  const { reports } = await see('vite', {}, [{}]);
  wanted = reports[0]?.first;
}, 60_000);
afterAll(() => browser.close());

/** As the README says for bundlers that do not follow workers: worker.js is an entry of its own. */
async function bundle(): Promise<void> {
  const { writeFile } = await import('node:fs/promises');
  for (const [folder, more] of [[folders.esbuild, { worker: 'evenkeel/worker.js' }], [folders.bare, {}]] as const) {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    const entryPoints = { main: 'test/browser/pages/main.ts', inside: 'test/browser/pages/inside.js', ...more };
    await esbuild({ entryPoints, outdir: folder, bundle: true, minify: true, format: 'esm', target: 'es2022', logLevel: 'warning' });
    await cp('dist/evenkeel.wasm', `${folder}/evenkeel.wasm`);
    await writeFile(`${folder}/index.html`, page);
  }
}

async function builtByVite(): Promise<void> {
  await vite({ root: 'test/browser/pages', configFile: false, logLevel: 'warn', build: { outDir: '../../../build/pages/vite', emptyOutDir: true } });
  await cp('dist/evenkeel.wasm', `${folders.vite}/evenkeel.wasm`);
}

async function see(folder: keyof typeof folders, headers: Readonly<Record<string, string>>, orders: readonly Order[], place?: 'page' | 'worker'): Promise<Visit> {
  const site = await serve(folders[folder], headers);
  try {
    return await visit(browser, site, orders, place);
  } finally {
    await site.close();
  }
}

const quiet = { complaints: [], strangers: [] };
const strict = { 'Content-Security-Policy': "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'" };
const noWasm = { 'Content-Security-Policy': "script-src 'self'" };

test('one thread in Chromium makes bits of every job', () => {
  expect(Object.keys(wanted ?? {})).toEqual(jobNames);
  expect(JSON.stringify(wanted)).not.toContain('Error');
});

describe.each(['esbuild', 'vite'] as const)('%s', (builder) => {
  test.each(['page', 'worker'] as const)('isolated, in a %s: threads', async (place) => {
    const { reports, ...rest } = await see(builder, isolation, [{ threads: 3 }], place);
    expect(rest).toEqual(quiet);
    expect(reports).toMatchObject([{ isolated: true, threads: { created: 2, started: 2 }, first: wanted, later: wanted, errors: [] }]);
    expect(reports[0]?.threads.taken).toBeGreaterThan(0);
  });

  test.each(['page', 'worker'] as const)('not isolated, in a %s: one thread', async (place) => {
    const { reports, ...rest } = await see(builder, {}, [{ threads: 3 }], place);
    expect(rest).toEqual(quiet);
    expect(reports).toMatchObject([{ isolated: false, threads: { created: 0 }, first: wanted, later: wanted, errors: [] }]);
  });

  test.each([
    ['the kernels in the JavaScript', {}],
    ['the file by its address', { wasm: '/evenkeel.wasm' }],
    ['the bytes of the file', { wasm: '/evenkeel.wasm', asBytes: true }],
  ])('strict headers: %s', async (_, order) => {
    const { reports, ...rest } = await see(builder, { ...isolation, ...strict }, [{ threads: 2, ...order }]);
    expect(rest).toEqual(quiet);
    expect(reports).toMatchObject([{ isolated: true, threads: { created: 1, started: 1 }, first: wanted, later: wanted, errors: [] }]);
  });

  test('headers that forbid WASM: an error with the way out, and the reference backend', async () => {
    const { reports, ...rest } = await see(builder, noWasm, [{}, { wasm: '/evenkeel.wasm' }, { backend: 'reference' }]);
    const refusal = expect.stringMatching(/^\[wasm\] .*'wasm-unsafe-eval'.*useBackend\('reference'\)/s) as string;
    expect(reports.map(({ errors }) => errors)).toEqual([expect.arrayContaining([refusal]), expect.arrayContaining([refusal]), []]);
    expect(rest.strangers).toEqual([]);
  });
});

test('worker.js is missing: one error on a call that wants threads, then one thread', async () => {
  const { reports } = await see('bare', isolation, [{ threads: 3 }]);
  const [report] = reports;
  expect(report?.errors).toEqual([expect.stringMatching(/^\[worker\] .*worker\.js/)]);
  expect(report?.first).toEqual(wanted);
  const failed = jobNames.filter((name) => report?.later[name] !== report?.first[name]);
  expect(failed).toHaveLength(1);
});
test('DEBUG', () => { console.log(JSON.stringify(wanted, null, 1)); });
