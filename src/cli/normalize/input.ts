// The file that is normalized; standard input is kept in a temporary one. May import node:, evenkeel and evenkeel/io.

import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { KeelError } from 'evenkeel';
import { open, type OpenFile } from 'evenkeel/io';
import { didYouMean } from '../suggest.js';
import type { Terminal } from '../terminal.js';

/** An open file, by the name that the user gave it. */
export interface Input {
  readonly name: string;
  /** null of standard input. */
  readonly path: string | null;
  readonly file: OpenFile;
}

const STANDARD_INPUT = 'standard input';

/**
 * Opens IN and hands it to `f`; whatever happens, nothing of it is left open, or in the folder of temporary files.
 *
 * @throws KeelError [file] where it cannot be read, or standard input not be kept.
 */
export async function withInput<T>(
  given: string,
  terminal: Terminal,
  pathOf: (path: string) => string,
  f: (input: Input) => Promise<T>,
): Promise<T> {
  if (given === '-') return terminal.guard(withStandardInput(terminal, f));
  const path = pathOf(given);
  const file = await open(path);
  try {
    return await f({ name: given, path, file });
  } finally {
    await file.close();
  }
}

async function withStandardInput<T>({ stdin, signal }: Terminal, f: (input: Input) => Promise<T>): Promise<T> {
  const folder = await kept(mkdtemp(join(tmpdir(), 'evenkeel-')));
  const path = join(folder, 'input');
  try {
    await kept(pipeline(stdin, createWriteStream(path, { flags: 'wx', mode: 0o600 }), { signal }));
    const file = await open(path);
    try {
      return await f({ name: STANDARD_INPUT, path: null, file });
    } finally {
      await file.close();
    }
  } catch (error) {
    throw renamed(error, path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What the system says of the temporary file. */
async function kept<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof Error) || error.name === 'AbortError') throw error;
    const message = `cannot keep standard input in '${tmpdir()}': ${error.message}; TMPDIR says where`;
    throw new KeelError('file', message, { folder: tmpdir(), problem: 'access' });
  }
}

/** The error, about standard input and not about the file that nobody knows of. */
function renamed(error: unknown, path: string): unknown {
  if (!(error instanceof KeelError) || !error.message.includes(path)) return error;
  return new KeelError(error.code, error.message.replaceAll(path, STANDARD_INPUT), { ...error.data, path: STANDARD_INPUT });
}

/**
 * The tensors that are normalized: those named, all, or the only one.
 *
 * @throws KeelError [argument] for a name that there is not, or none where there are several.
 */
export function chosenIn({ name, file }: Input, entries: readonly string[], all: boolean): readonly string[] {
  const keys = file.keys();
  if (all && entries.length > 0) throw new KeelError('argument', 'give one of --entry and --all: all is every entry', { entries });
  if (keys.length === 0) throw new KeelError('argument', `'${name}' holds no tensors`, { name });
  if (all || (entries.length === 0 && keys.length === 1)) return keys;
  const shown = `${keys.slice(0, 12).join(', ')}${keys.length > 12 ? `, and ${keys.length - 12} more` : ''}`;
  if (entries.length === 0) {
    const message = `'${name}' holds ${keys.length} tensors: give --entry NAME, or --all\n  ${shown}`;
    throw new KeelError('argument', message, { name, keys });
  }
  const unknown = entries.find((entry) => !keys.includes(entry));
  if (unknown === undefined) return keys.filter((key) => entries.includes(key));
  throw new KeelError('argument', `'${name}' holds no tensor '${unknown}'${didYouMean(unknown, keys)}\n  ${shown}`, { name, entry: unknown });
}
