// npm run fuzz -- [TARGET ...] [--seconds N] [--seed S] [--input FILE]: inputs made to break what reads them.
// May import node: and evenkeel.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { tryInput } from './run.js';
import { targetOf, targets } from './targets.js';
import { type Found, watched } from './watchdog.js';

const usage = `usage: npm run fuzz -- [TARGET ...] [--seconds N] [--seed S] [--input FILE]
  each TARGET, by default all, for N seconds (10), on inputs of the seeds S (the clock's), S + 1, ...; or on one FILE
  targets: ${[...targets.keys()].join(', ')}`;

const folder = 'build/fuzz';

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}

/** Exit code: 0 where all is well, 1 where something failed. */
async function main(): Promise<number> {
  const text = { type: 'string' } as const;
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seconds: text, seed: text, input: text, help: { type: 'boolean', short: 'h', default: false } },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const names = positionals.length > 0 ? positionals : [...targets.keys()];
  for (const name of names) targetOf(name);
  if (values.input !== undefined) return replay(names, values.input);
  const seconds = wholeOf('--seconds', values.seconds ?? '10');
  const seed = wholeOf('--seed', values.seed ?? String(Math.floor(Date.now() / 1000) % 2 ** 31));
  let failed = 0;
  for (const name of names) failed += await fuzzed(name, seconds, seed);
  return failed > 0 ? 1 : 0;
}

async function replay(names: readonly string[], path: string): Promise<number> {
  const [name = ''] = names;
  if (names.length !== 1) throw new Error(`--input needs the one TARGET that it is for\n${usage}`);
  const error = await tryInput(targetOf(name), new Uint8Array(readFileSync(path)));
  console.log(error === null ? `${name}: fine` : `${name}: ${error.stack}`);
  return error === null ? 0 : 1;
}

/** Fuzzes one target; prints each failure of another kind once, and gives the number of kinds. */
async function fuzzed(name: string, seconds: number, seed: number): Promise<number> {
  const seen = new Map<string, number>();
  const runs = await watched(name, seconds, seed, (found) => {
    const kind = kindOf(found.message);
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
    if (seen.get(kind) === 1) print(name, found);
  });
  const failures = [...seen.values()].reduce((a, b) => a + b, 0);
  console.log(`${name}: ${runs} inputs from seed ${seed}, ${failures} failed in ${seen.size} ways`);
  return seen.size;
}

function print(name: string, { seed, input, message }: Found): void {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}-${seed}`);
  writeFileSync(path, input);
  console.log(`${name} --seed ${seed}, again by: npm run fuzz -- ${name} --input ${path}\n  ${message.split('\n').slice(0, 12).join('\n  ').slice(0, 3000)}`);
}

/** What failures have in common: the first line without its numbers and names, and where it was thrown. */
function kindOf(message: string): string {
  const lines = message.split('\n');
  const places = lines.filter((line) => line.startsWith('    at ')).slice(0, 3);
  return [lines[0]?.replaceAll(/'[^']*'|\d+/g, '#').slice(0, 80), ...places].join('\n');
}

function wholeOf(option: string, text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value < 2 ** 32) return value;
  throw new Error(`${option} is a whole number, got '${text}'\n${usage}`);
}
