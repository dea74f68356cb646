// The README: its code compiles, runs and prints what its comments say; its table is what npm start prints. And the code
// in CONTRIBUTING.md is the code that is there.
import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { format, promisify } from 'node:util';
import { beforeAll, expect, test, vi } from 'vitest';
import { evenkeel, exampleFolder, shell } from './cli/cli.js';
import { codeBlocks } from './laws.js';

const path = 'README.md';
const text = await readFile(path, 'utf8');
const blocks = codeBlocks({ path, text }).map((block, i) => ({ ...block, file: `build/readme/block-${i}.ts` }));

beforeAll(async () => {
  await rm('build/readme', { recursive: true, force: true });
  await mkdir('build/readme', { recursive: true });
  await writeFile('build/readme/tsconfig.json', '{ "extends": "../../tsconfig.json", "include": ["."] }');
  for (const { file, text: code } of blocks) await writeFile(file, code);
});

// A variable that only shows how a call looks is no mistake in a text.
test('the code compiles', { timeout: 60_000 }, async () => {
  const tsc = ['node_modules/ts7/bin/tsc', '-p', 'build/readme', '--noUnusedLocals', 'false'];
  const { stdout } = await promisify(execFile)('node', tsc).catch((error: unknown) => ({ stdout: stdoutOf(error) }));
  expect(stdout.split('\n').filter((line) => line.startsWith('build/readme/'))).toEqual([]);
});

function stdoutOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'stdout' in error ? String(error.stdout) : String(error);
}

test.each(blocks)('$path prints what its comments say', async ({ file, text: code }) => {
  const printed: string[] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((...args: unknown[]) => void printed.push(format(...args)));
  try {
    await import(/* @vite-ignore */ `../${file}`);
  } finally {
    log.mockRestore();
  }
  expect(printed).not.toEqual([]);
  expect(printed.join('\n')).toBe(expectations(code).join('\n'));
});

/** The comments at the end of a console.log and on the lines after it. */
function expectations(code: string): string[] {
  const said: string[] = [];
  let isPrinting = false;
  for (const line of code.split('\n')) {
    const [, call, comment] = /^\s*(console\.log\(.*\);)(?: \/\/ (.*))?$/.exec(line) ?? [];
    const [, following] = /^\s*\/\/ (.*)$/.exec(line) ?? [];
    if (comment !== undefined) said.push(comment);
    else if (isPrinting && following !== undefined) said.push(following);
    isPrinting = call === undefined ? isPrinting && following !== undefined : comment === undefined;
  }
  return said;
}

/** The commands of a console block, and what stands under each. */
function sessions(): { readonly line: string; readonly printed: string }[] {
  const consoles = [...text.matchAll(/^```console\n(.*?)^```/gms)].map(([, block = '']) => block);
  return consoles.flatMap((block) => block.split(/^\$ /m).slice(1)).map((session) => {
    const [line = '', ...printed] = session.split('\n');
    return { line, printed: printed.join('\n') };
  });
}

test('commands print what stands under them', { timeout: 60_000 }, async () => {
  const folder = await exampleFolder();
  expect(sessions().length).toBeGreaterThan(2);
  for (const { line, printed } of sessions()) {
    const { exit, out, err } = await shell(line.replace('npx evenkeel', 'evenkeel'), folder);
    expect([line, exit, out, err]).toEqual([line, 0, printed, '']);
  }
  await rm(folder, { recursive: true });
});

test('the code that CONTRIBUTING.md quotes is in the files that it names', async () => {
  const quotes = codeBlocks({ path: 'CONTRIBUTING.md', text: await readFile('CONTRIBUTING.md', 'utf8') });
  expect(quotes).toHaveLength(2);
  for (const { text: quote } of quotes) {
    const [, file = '', code = ''] = /^\/\/ (\S+)\n(.*)$/s.exec(quote) ?? [];
    const source = await readFile(file, 'utf8');
    for (const part of code.split('// ...\n')) expect(source).toContain(part);
  }
});

test('the table is what npm start prints, but for the milliseconds', { timeout: 60_000 }, async () => {
  const { exit, out } = await evenkeel(['demo']);
  expect(exit).toBe(0);
  const lines = out.split('\n');
  const from = lines.findIndex((line) => /^ +statistics +result +gradient +ms/.test(line));
  const table = lines.slice(from, lines.indexOf('', from));
  expect(table.length).toBeGreaterThan(40);
  const held = /<!-- npm start -->\n```\n(.*?)```/s.exec(text);
  if (process.env['UPDATE_README'] === '1') {
    await writeFile(path, text.replace(held?.[0] ?? '', `<!-- npm start -->\n\`\`\`\n${table.join('\n')}\n\`\`\``));
    return;
  }
  expect(held?.[1]?.trimEnd().split('\n').map(withoutMillis)).toEqual(table.map(withoutMillis));
});

function withoutMillis(line: string): string {
  return line.replace(/ +[\d.]+ +\d+$/, '');
}
