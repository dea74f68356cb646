// Target whose inputs are the words of a command line, run as a process: slow, and as users run it. May import node:.

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { exampleFiles } from './examplefiles.js';
import { claim, packed, type Target, unpacked } from './target.js';
import { commandLine, unfuzzed, type Vocabulary } from './words.js';

const main = resolve('dist/cli/main.js');

let known: Vocabulary | null = null;

export const commandLines: Target = {
  name: 'arguments',
  make: (dice) => packed(commandLine((known ??= vocabulary()), dice)),
  check: (input) => {
    const folder = mkdtempSync(join(tmpdir(), 'evenkeel-fuzz-'));
    try {
      for (const [name, path] of Object.entries(exampleFiles)) copyFileSync(path, join(folder, name));
      const words = unpacked<string[]>(input);
      const { status, signal, stdout, stderr } = spawnSync(process.execPath, [main, ...words], { cwd: folder, input: '', timeout: 60_000 });
      checkEnd(words, status, `${signal} ${stderr}`, stdout);
    } finally {
      rmSync(folder, { recursive: true });
    }
    return Promise.resolve();
  },
  most: () => 2 ** 24,
  isProcess: true,
};

/** What holds of every command line: a code that is documented, no defect, a reason where it fails, and one document where JSON is asked for. */
export function checkEnd(words: readonly string[], exit: number | null, said: string, stdout: Uint8Array): void {
  const shown = JSON.stringify(words);
  claim(exit !== null && exit >= 0 && exit <= 5, () => `${shown} ends with ${exit}: ${said}`);
  claim(!/defect of evenkeel|\n {4}at /.test(said), () => `${shown}: ${said}`);
  claim(exit === 0 || exit === 1 || /error/.test(said) || words.length === 0, () => `${shown} ends with ${exit} and does not say why`);
  const isHelp = words.some((word) => /^(--help|-\w*h\w*|help|--version|-V)$/.test(word)) || words[0]?.startsWith('-') === true;
  if (!words.slice(1).includes('--json') || words.includes('--') || words.includes('-') || isHelp) return;
  const document: unknown = JSON.parse(new TextDecoder().decode(stdout));
  claim(typeof document === 'object' && document !== null && 'version' in document, () => `${shown} prints another document`);
}

/** The commands and their options as help lists them. */
function vocabulary(): Vocabulary {
  const names = (help().match(/^ {2}[a-z]+(?= )/gm) ?? []).map((name) => name.trim()).filter((name) => !unfuzzed.includes(name));
  const commands = names.map((name) => [name, [...new Set(help(name).match(/(?<=^ .*)--[a-z-]+/gm))]] as const);
  const examples = names.flatMap((name) => help(name).match(/(?<=^ {2})evenkeel .*$/gm) ?? []);
  return { commands: new Map(commands), examples, files: Object.keys(exampleFiles) };
}

function help(...words: readonly string[]): string {
  return spawnSync(process.execPath, [main, ...words, '--help'], { encoding: 'utf8' }).stdout;
}
