// The file that is normalized. May import evenkeel and evenkeel/io.

import { KeelError } from 'evenkeel';
import { open, type TensorEntry } from 'evenkeel/io';
import { didYouMean } from '../suggest.js';
import type { Terminal } from '../terminal.js';
import type { Input } from './readings.js';
import { withStandardInput } from './stdin.js';

/**
 * Opens IN and hands it to `f`; whatever happens, nothing of it is left open, or in the folder of temporary files.
 *
 * @param isOnce whether an array that comes on standard input is read once and in order: it need not be kept then
 * @throws KeelError [file] where it cannot be read, or standard input not be kept.
 */
export async function withInput<T>(
  given: string,
  terminal: Terminal,
  pathOf: (path: string) => string,
  f: (input: Input) => Promise<T>,
  isOnce: (entry: TensorEntry) => boolean = () => false,
): Promise<T> {
  if (given === '-') return withStandardInput(terminal, isOnce, f);
  const path = pathOf(given);
  const file = await open(path);
  try {
    return await f({ name: given, path, file });
  } finally {
    await file.close();
  }
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
