// npm run example -- NAME: runs one example and prints what it says; without a name, lists them.

import { readdirSync } from 'node:fs';

/** What every example exports. */
interface Example {
  example(): string | Promise<string>;
}

const folder = new URL('./', import.meta.url);
const names = ['by-hand', 'claims'].flatMap((part) =>
  readdirSync(new URL(part, folder)).flatMap((file) => (file.endsWith('.js') ? [`${part}/${file.slice(0, -3)}`] : [])),
);
const [name = ''] = process.argv.slice(2);
if (names.includes(name)) {
  const found: unknown = await import(new URL(`${name}.js`, folder).href);
  if (isExample(found)) console.log(await found.example());
} else {
  const problem = name === '' ? '' : `no example '${name}'\n`;
  console.log(`${problem}npm run example -- NAME\n  ${names.join('\n  ')}`);
  process.exitCode = name === '' ? 0 : 2;
}

function isExample(found: unknown): found is Example {
  return typeof found === 'object' && found !== null && 'example' in found && typeof found.example === 'function';
}
