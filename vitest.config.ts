// Rows run on src itself: 'evenkeel' is its entry file. Those that run a command run what was built before them.
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string): string => fileURLToPath(new URL(`src/${path}`, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^evenkeel$/, replacement: source('index.ts') },
      { find: /^evenkeel\/io$/, replacement: source('io/io.ts') },
      { find: /^evenkeel\/nn$/, replacement: source('nn/index.ts') },
      { find: /^evenkeel\/inspect$/, replacement: source('inspect/index.ts') },
      { find: /^evenkeel\/fold$/, replacement: source('fold/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    // Those are of vitest.browser.config.ts.
    exclude: ['test/browser/**', 'node_modules/**'],
    globalSetup: ['test/build.ts'],
    setupFiles: ['test/poison.ts'],
    testTimeout: 30_000,
    // Rows about types (*.test-d.ts) are compiled, not run.
    typecheck: {
      enabled: true,
      checker: './node_modules/ts7/bin/tsc',
      include: ['test/**/*.test-d.ts'],
      ignoreSourceErrors: true,
    },
  },
});
