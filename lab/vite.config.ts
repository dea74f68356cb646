// The lab: `npm run lab` serves it, `npm run build:lab` makes dist/lab, which works from any path.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Nothing is asked of anyone else, and nothing is run that the page did not bring. */
const policy = [
  "default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "worker-src 'self'", "style-src 'self'", "img-src 'self' data: blob:",
  "connect-src 'self'", "manifest-src 'self'", "base-uri 'none'", "form-action 'none'",
].join('; ');

/** The policy stands in the page itself: it holds wherever the folder lies. While developing, Vite writes styles into the page. */
const contentSecurityPolicy: Plugin = {
  name: 'content-security-policy',
  apply: 'build',
  transformIndexHtml: () => [{ tag: 'meta', attrs: { 'http-equiv': 'Content-Security-Policy', content: policy }, injectTo: 'head-prepend' }],
};

/** The service worker keeps all files of this build, by a name that changes with them. */
let folder = '';
const offline: Plugin = {
  name: 'offline',
  apply: 'build',
  configResolved: ({ root, build }) => void (folder = resolve(root, build.outDir)),
  closeBundle() {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== 'sw.js')
      .map((entry) => `${entry.parentPath}/${entry.name}`.slice(folder.length + 1));
    const hash = createHash('sha256');
    for (const file of files.toSorted()) hash.update(file).update(readFileSync(`${folder}/${file}`));
    const template = readFileSync(path('sw.js'), 'utf8');
    const cache = `evenkeel-lab-${hash.digest('hex').slice(0, 12)}`;
    writeFileSync(`${folder}/sw.js`, template.replace("'CACHE'", `'${cache}'`).replace('/* FILES */', files.toSorted().map((file) => `'./${file}'`).join(', ')));
  },
};

export default defineConfig({
  root: path('.'),
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  resolve: {
    alias: [
      { find: /^evenkeel$/, replacement: path('../src/index.ts') },
      { find: /^evenkeel\/io$/, replacement: path('../src/io/io.ts') },
      { find: /^evenkeel\/nn$/, replacement: path('../src/nn/index.ts') },
      { find: /^evenkeel\/inspect$/, replacement: path('../src/inspect/index.ts') },
    ],
  },
  plugins: [contentSecurityPolicy, offline],
  worker: { format: 'es' },
  build: { outDir: path('../dist/lab'), emptyOutDir: true, target: 'es2022', modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
  server: { headers: { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }, fs: { allow: [path('..')] } },
});
