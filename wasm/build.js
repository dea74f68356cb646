// Compiles the kernels: wasm/*/index.ts -> src/kernels/wasm/*.wasm.ts (hexadecimal, for whoever imports the kernels: it
// packs a fifth smaller than base64, which hides repeated bytes) and both
// in one file, dist/evenkeel.wasm (for pages that load it by its address). Does nothing where nothing changed.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);
const path = (/** @type {string} */ name) => fileURLToPath(new URL(name, root));
const read = (/** @type {string} */ name) => {
  try {
    return readFileSync(path(name), 'utf8');
  } catch {
    return '';
  }
};

/** Where a binary's constants lie in the memory that they share. */
const binaries = [
  { name: 'norm', base: 2048 },
  { name: 'dense', base: 8192 },
];
const sources = readdirSync(path('wasm'), { recursive: true, encoding: 'utf8' }).filter((name) => /\.[jt]s$/.test(name));
const hash = createHash('sha256').update(read('node_modules/assemblyscript/package.json'));
for (const name of sources.toSorted()) hash.update(name).update(read(`wasm/${name}`));
const version = hash.digest('hex').slice(0, 12);

const isCurrent =
  binaries.every(({ name }) => read(`src/kernels/wasm/${name}.wasm.ts`).includes(`'${version}'`)) &&
  read('dist/evenkeel.wasm').includes(version);
if (!isCurrent) await build();

async function build() {
  const all = { name: 'evenkeel', base: 2048 };
  mkdirSync(path('dist'), { recursive: true });
  writeFileSync(path('dist/evenkeel.wasm'), await compile('wasm/evenkeel.ts', all.base));
  for (const { name, base } of binaries) {
    const bytes = await compile(`wasm/${name}/index.ts`, base);
    const text =
      `// Compiled from wasm/${name} by wasm/build.js.\nimport type { Binary } from './binary.js';\n\n` +
      `export const ${name}: Binary = {\n  name: '${name}',\n  version: '${version}',\n  hex:\n    '${bytes.toString('hex')}',\n};\n`;
    writeFileSync(path(`src/kernels/wasm/${name}.wasm.ts`), text);
    console.log(`wasm/${name}: ${bytes.length} bytes`);
  }
}

async function compile(/** @type {string} */ entry, /** @type {number} */ base) {
  const { main } = await import('assemblyscript/asc');
  let bytes = new Uint8Array();
  const options = ['-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd', '--importMemory', '--maximumMemory', '65536'];
  const { error, stderr } = await main([entry, ...options, '--memoryBase', String(base), '--use', 'abort=', '-o', 'out.wasm'], {
    readFile: (name) => read(name) || null,
    listFiles: () => [],
    writeFile: (_, contents) => {
      bytes = typeof contents === 'string' ? Buffer.from(contents) : contents;
    },
  });
  if (error) throw new Error(`${stderr.toString()}\n${error.message}`);
  return Buffer.concat([bytes, customSection('evenkeel', version)]);
}

/** A section that machines skip and the loader reads: id 0, its length, a name with its length, text. */
function customSection(/** @type {string} */ name, /** @type {string} */ text) {
  const body = Buffer.concat([Buffer.from([name.length]), Buffer.from(name + text)]);
  return Buffer.concat([Buffer.from([0, body.length]), body]);
}
