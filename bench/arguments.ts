// The bench's command line as values. May import 'evenkeel', row, rows.

import { closeSync, existsSync, openSync, rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { KeelError } from 'evenkeel';
import { passesOf } from './contestant.js';
import { fileNames } from './files.js';
import type { Row } from './row.js';
import { rows } from './rows.js';

/** Whom evenkeel is compared with. */
export const peerNames = ['PyTorch', 'onnxruntime-node', 'onnxruntime-web', 'TF.js', 'jax-js', 'reference'] as const;
export type PeerName = (typeof peerNames)[number];

export const usage = `usage: npm run bench                    every row, in some minutes
       npm run bench -- FILTER          rows whose name has all of these words: layernorm 4096, norm forward
  --threads N    evenkeel, PyTorch and onnxruntime on so many threads; 1 by default
  --json FILE    everything measured
  --peers A,B    only these of ${peerNames.join(', ')}
rows: ${[...rows.map(({ name }) => name), ...fileNames].join(', ')}, import and first result`;

/** The figure that is a process of its own. */
export const startName = 'import and first result';

export interface BenchArguments {
  readonly words: readonly string[];
  readonly threads: number;
  readonly json: string | null;
  readonly peers: readonly PeerName[];
  readonly help: boolean;
}

/** @throws KeelError [argument] for what cannot be asked; a TypeError of parseArgs for an option that is not there. */
export function benchArguments(argv: readonly string[]): BenchArguments {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      threads: { type: 'string', default: '1' },
      json: { type: 'string' },
      peers: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const threads = Number(values.threads);
  if (!/^\d+$/.test(values.threads) || threads < 1 || threads > 64) {
    throw new KeelError('argument', `--threads must be a whole number from 1 to 64, got '${values.threads}'`, { threads });
  }
  const words = positionals.flatMap((filter) => filter.split(/\s+/)).filter((word) => word !== '');
  if (!rows.some((row) => passesOf(row).some((pass) => matches(words, row, pass))) && !matchesStart(words) && filesFor(words).length === 0) {
    const message = `no row's name has '${words.join(' ')}': npm run bench -- --help lists the rows`;
    throw new KeelError('argument', message, { words });
  }
  if (values.json !== undefined) checkWritable(values.json);
  return { words, threads, json: values.json ?? null, peers: peersOf(values.peers), help: values.help };
}

function peersOf(text: string | undefined): readonly PeerName[] {
  if (text === undefined) return peerNames;
  return text.split(',').map((asked) => {
    const found = peerNames.find((name) => plain(name) === plain(asked.trim()));
    if (found !== undefined) return found;
    throw new KeelError('argument', `no peer is called '${asked}': choose from ${peerNames.join(', ')}`, { asked });
  });
}

/** Whether the row's pass has all of these words in its name, whatever the case; an x stands for × too. */
export function matches(words: readonly string[], { family, name }: Row, pass: string): boolean {
  return hasAll(`${family} ${name} ${pass}`, words);
}

export function matchesStart(words: readonly string[]): boolean {
  return hasAll(startName, words);
}

/** The rows about files that have all of these words in their name. */
export function filesFor(words: readonly string[]): readonly string[] {
  return fileNames.filter((name) => hasAll(name, words));
}

function hasAll(text: string, words: readonly string[]): boolean {
  return words.every((word) => plain(text).includes(plain(word)));
}

function plain(text: string): string {
  return text.toLowerCase().replaceAll('×', 'x');
}

/** Before minutes of work, not after. */
function checkWritable(path: string): void {
  const before = existsSync(path);
  try {
    closeSync(openSync(path, 'a'));
    if (!before) rmSync(path);
  } catch (error) {
    // What openSync throws has a code.
    const { code } = error as { code?: string };
    throw new KeelError('argument', `--json ${path} cannot be written (${code}): name a file in a folder that exists`, { path });
  }
}
