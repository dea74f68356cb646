// npm run example -- NAME [OPTIONS]: runs one example and prints what it says; without a name, lists them.

import { existsSync, readdirSync } from 'node:fs';

/** What every example exports; those that are jobs take options, and say which. */
interface Example {
  readonly usage?: string;
  example(args: readonly string[]): string | Promise<string>;
}

const folder = new URL('./', import.meta.url);
const jobs = ['digits', 'norm-study', 'finetune'];
const parts = ['by-hand', 'claims'].flatMap((part) =>
  readdirSync(new URL(part, folder)).flatMap((file) => (file.endsWith('.js') ? [`${part}/${file.slice(0, -3)}`] : [])),
);
const names = [...jobs, ...parts];
const [asked = '', ...args] = process.argv.slice(2);
const isHelp = ['', '-h', '--help'].includes(asked);
// `padding` and `claims/padding.ts` say enough.
const name = names.find((each) => `/${each}`.endsWith(`/${asked.replace(/\.[jt]s$/, '')}`));
if (isHelp || name === undefined) {
  const problem = isHelp ? '' : `no example '${asked}'\n`;
  console.log(`${problem}npm run example -- NAME [OPTIONS]\n  ${names.join('\n  ')}`);
  process.exitCode = isHelp ? 0 : 2;
} else {
  const found: unknown = await import(new URL(`${name}.js`, folder).href);
  if (isExample(found)) await run(found);
}

/** Options that are wrong, or files that are not there, are told in a line, with what there is. */
async function run({ usage, example }: Example): Promise<void> {
  if (usage !== undefined && args.some((arg) => arg === '-h' || arg === '--help')) return console.log(usage);
  try {
    if (usage !== undefined && !existsSync('data')) throw new Error("run it from the project's folder, where data is");
    console.log(await example(args));
  } catch (error) {
    if (usage === undefined) throw error;
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    process.exitCode = 2;
  }
}

function isExample(found: unknown): found is Example {
  return typeof found === 'object' && found !== null && 'example' in found && typeof found.example === 'function';
}
