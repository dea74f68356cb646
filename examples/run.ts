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
const [asked = ''] = process.argv.slice(2);
const isHelp = ['', '-h', '--help'].includes(asked);
// `padding` and `claims/padding.ts` say enough.
const name = names.find((each) => `/${each}`.endsWith(`/${asked.replace(/\.[jt]s$/, '')}`));
if (name !== undefined) {
  const found: unknown = await import(new URL(`${name}.js`, folder).href);
  if (isExample(found)) console.log(await found.example());
} else {
  const problem = isHelp ? '' : `no example '${asked}'\n`;
  console.log(`${problem}npm run example -- NAME\n  ${names.join('\n  ')}`);
  process.exitCode = isHelp ? 0 : 2;
}

function isExample(found: unknown): found is Example {
  return typeof found === 'object' && found !== null && 'example' in found && typeof found.example === 'function';
}
