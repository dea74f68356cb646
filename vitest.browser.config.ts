// The same rows in Chromium, in pages with and without cross-origin isolation; and pages as users build them.
import { fileURLToPath } from 'node:url';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { chromiumPath, isolation } from './test/browser/chromium.js';

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Rows that need nothing but files, which test/browser/files.ts fetches. */
const shared = [
  'autograd', 'data', 'hooks', 'inplace', 'inspectkinds', 'layers', 'loss', 'modules', 'optim', 'oracle', 'ops', 'pool', 'residual',
  'running', 'transformer', 'vision', 'weightnorm',
].map((name) => `test/${name}.test.ts`);

const inChromium = (name: string, own: string, headers: Readonly<Record<string, string>>) => ({
  server: { headers: { ...headers } },
  resolve: {
    alias: [
      { find: /^evenkeel$/, replacement: path('src/index.ts') },
      { find: /^evenkeel\/io$/, replacement: path('src/io/io.ts') },
      { find: /^evenkeel\/nn$/, replacement: path('src/nn/index.ts') },
      { find: /^evenkeel\/inspect$/, replacement: path('src/inspect/index.ts') },
      { find: /^evenkeel\/fold$/, replacement: path('src/fold/index.ts') },
      { find: /^node:(fs|fs\/promises|path|url)$/, replacement: path('test/browser/files.ts') },
    ],
  },
  test: {
    name,
    testTimeout: 30_000,
    include: [...shared, `test/browser/${own}.test.ts`],
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({ launchOptions: { executablePath: chromiumPath() } }),
      instances: [{ browser: 'chromium' as const }],
    },
  },
});

export default defineConfig({
  test: {
    globalSetup: ['test/build.ts'],
    fileParallelism: false,
    projects: [
      inChromium('isolated', 'threads', isolation),
      inChromium('not isolated', 'unshared', {}),
      { test: { name: 'pages', include: ['test/browser/pages.test.ts'], testTimeout: 60_000 } },
      { test: { name: 'lab', include: ['test/browser/lab/*.test.ts'], globalSetup: ['test/browser/lab/setup.ts'], testTimeout: 60_000 } },
    ],
  },
});
