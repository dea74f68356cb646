// A text from standard input. May import evenkeel.

import { KeelError } from 'evenkeel';
import type { Terminal } from '../terminal.js';

/** More than a text that is explained may have. */
const MOST_BYTES = 2 ** 21;

/**
 * All of standard input as a text.
 *
 * @throws KeelError [argument] for more than 2 MiB, and for nothing.
 */
export async function readText({ stdin, signal, note }: Terminal): Promise<string> {
  if ('isTTY' in stdin && stdin.isTTY === true) note('paste the error, then press Ctrl-D');
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    signal.throwIfAborted();
    const bytes = typeof chunk === 'string' ? new TextEncoder().encode(chunk) : new Uint8Array(chunk);
    size += bytes.length;
    if (size > MOST_BYTES) {
      throw new KeelError('argument', 'standard input has more than 2 MiB: give the end of it, as tail -n 100 does', { limit: MOST_BYTES });
    }
    chunks.push(bytes);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  if (text.trim() !== '') return text;
  throw new KeelError('argument', 'standard input is empty: give an error or a layer', {});
}
