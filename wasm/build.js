// Compiles the kernels: each binary to src/kernels/wasm/NAME.wasm.ts (hexadecimal, which packs a fifth smaller than base64:
// that hides repeated bytes), and all in one file, dist/evenkeel.wasm, for pages that load it by its address.
// Does nothing where nothing changed.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Entries, and where a binary's constants lie in the memory that all share. */
const binaries = [
  { name: 'rows', entry: 'wasm/rows.ts', base: 2048 },
  { name: 'strided', entry: 'wasm/strided.ts', base: 4096 },
  { name: 'dense', entry: 'wasm/dense/index.ts', base: 8192 },
];
const together = { name: 'evenkeel', entry: 'wasm/evenkeel.ts', base: 2048 };
const options = ['-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd', '--importMemory', '--maximumMemory', '65536', '--use', 'abort='];

const root = new URL('../', import.meta.url);
const path = (/** @type {string} */ name) => fileURLToPath(new URL(name, root));
const read = (/** @type {string} */ name) => {
  try {
    return readFileSync(path(name), 'utf8');
  } catch {
    return '';
  }
};
const hashOf = (/** @type {readonly string[]} */ texts) => createHash('sha256').update(texts.join('\0')).digest('hex').slice(0, 12);

const compiler = read('node_modules/assemblyscript/package.json');
const sources = readdirSync(path('wasm'), { recursive: true, encoding: 'utf8' }).filter((name) => /\.[jt]s$/.test(name));
const version = hashOf([compiler, ...sources.toSorted().flatMap((name) => [name, read(`wasm/${name}`)])]);
const files = binaries.map(({ name }) => `src/kernels/wasm/${name}.wasm.ts`);
if (![...files, 'dist/evenkeel.wasm'].every((file) => read(file).includes(version))) await build();

async function build() {
  write('dist/evenkeel.wasm', await compile(together));
  for (const binary of binaries) {
    const { name } = binary;
    const bytes = await compile(binary);
    const text = `export const ${name} = {\n  name: '${name}',\n  version: '${version}',\n  hex:\n    '${bytes.toString('hex')}',\n};\n`;
    write(`src/kernels/wasm/${name}.wasm.ts`, `// Compiled from wasm by wasm/build.js.\n${text}`);
    console.log(`${name}.wasm: ${bytes.length} bytes`);
  }
}

/** @param {typeof together} binary */
async function compile({ entry, base }) {
  const { main } = await import('assemblyscript/asc');
  let bytes = new Uint8Array();
  const { error, stderr } = await main([entry, ...options, '--memoryBase', String(base), '-o', 'out.wasm'], {
    readFile: (name) => read(name) || null,
    listFiles: () => [],
    writeFile(_, contents) {
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

/** Puts a file in place at once: two builds may run side by side. */
function write(/** @type {string} */ name, /** @type {string | Buffer} */ contents) {
  mkdirSync(path(name.slice(0, name.lastIndexOf('/'))), { recursive: true });
  const temporary = path(`${name}.${process.pid}`);
  writeFileSync(temporary, contents);
  renameSync(temporary, path(name));
}
