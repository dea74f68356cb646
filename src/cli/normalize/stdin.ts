// Standard input as a file: an array as it comes, where once is enough, else kept in a temporary file.
// May import node:, evenkeel and evenkeel/io.

import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addAbortSignal, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { KeelError } from 'evenkeel';
import { open, openNpyStream, type NpyStream, type TensorEntry } from 'evenkeel/io';
import type { Terminal } from '../terminal.js';
import type { Input, Readings } from './readings.js';

const NAME = 'standard input';

/**
 * Hands standard input to `f`, which goes through it once and in order where `isOnce` says so of the array. To its end it is
 * read in any case: where it is cut off, what `f` made of it is nothing.
 *
 * @throws KeelError [file] where it cannot be read, or not be kept.
 */
export async function withStandardInput<T>(
  terminal: Terminal,
  isOnce: (entry: TensorEntry) => boolean,
  f: (input: Input) => Promise<T>,
): Promise<T> {
  // Ctrl-C while nothing comes.
  const bytes = new Replay(addAbortSignal(terminal.signal, terminal.stdin));
  const head = await bytes.head(HEAD_BYTES);
  await refuseForeign(head);
  if (MAGIC.every((byte, i) => head[i] === byte)) {
    const stream = await openNpyStream(bytes.chunks()).catch(rethrow);
    if (isOnce(stream.entry)) {
      bytes.forget();
      return f({ name: NAME, path: null, file: readingsOf(stream) });
    }
  }
  return withTemporary(terminal, bytes, f);
}

/** How many of the first bytes tell what a file is. */
const HEAD_BYTES = 512;

/** Refuses what is of no kind that is read, before any of it is kept: it may never end. */
async function refuseForeign(head: Uint8Array): Promise<void> {
  try {
    await (await open(head)).close();
  } catch (error) {
    // All but the kind is seen once all of it is there.
    if (error instanceof KeelError && error.data['problem'] === 'unsupported') rethrow(error);
  }
}

const MAGIC = [0x93, ...new TextEncoder().encode('NUMPY')];

/** A stream of bytes that can be begun again, until what was read of it is forgotten. */
class Replay {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #held: Uint8Array[] | null = [];

  constructor(stream: Readable) {
    this.#iterator = stream[Symbol.asyncIterator]();
  }

  /** The first bytes, fewer only where there are no more. */
  async head(count: number): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of this.chunks()) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= count) break;
    }
    return new Uint8Array(Buffer.concat(chunks).subarray(0, count));
  }

  forget(): void {
    this.#held = null;
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    for (let i = 0; ; i++) {
      const held = this.#held?.[i];
      if (held !== undefined) yield held;
      else {
        const { done, value } = await this.#iterator.next().catch(rethrow);
        if (done === true) return;
        this.#held?.push(value);
        yield value;
      }
    }
  }
}

/** The array as a file that is read in order. */
function readingsOf(stream: NpyStream): Readings {
  return {
    kind: 'npy',
    keys: () => ['array'],
    entries: new Map([['array', stream.entry]]),
    metadata: {},
    read: () => stream.next(Infinity).catch(rethrow),
    readRange: (_, begin, end) => stream.next(end - begin).catch(rethrow),
    finish: () => stream.end().catch(rethrow),
  };
}

async function withTemporary<T>({ signal, guard }: Terminal, bytes: Replay, f: (input: Input) => Promise<T>): Promise<T> {
  const folder = await kept(mkdtemp(join(tmpdir(), 'evenkeel-')));
  const path = join(folder, 'input');
  const remove = () => guard(rm(folder, { recursive: true, force: true }));
  // The process does not wait for anything but this.
  const onAbort = (): void => void remove();
  signal.addEventListener('abort', onAbort);
  try {
    signal.throwIfAborted();
    await kept(pipeline(Readable.from(bytes.chunks()), createWriteStream(path, { flags: 'wx', mode: 0o600 }), { signal }));
    const file = await open(path);
    try {
      return await f({ name: NAME, path: null, file });
    } finally {
      await file.close();
    }
  } catch (error) {
    throw renamed(error, path);
  } finally {
    await remove();
    signal.removeEventListener('abort', onAbort);
  }
}

/** What the system says of the temporary file. */
async function kept<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof Error) || error instanceof KeelError || error.name === 'AbortError') throw error;
    const message = `cannot keep standard input in '${tmpdir()}': ${error.message}; TMPDIR says where`;
    throw new KeelError('file', message, { folder: tmpdir(), problem: 'access' });
  }
}

/** The error, about standard input and not about the file that nobody knows of. */
function renamed(error: unknown, path: string): unknown {
  if (!(error instanceof KeelError) || !error.message.includes(path)) return error;
  return new KeelError(error.code, error.message.replaceAll(path, NAME), { ...error.data, path: NAME });
}

/** The error with the name of what it is about. */
function rethrow(error: unknown): never {
  if (!(error instanceof Error) || error.name === 'AbortError') throw error;
  if (error instanceof KeelError && error.code !== 'file') throw error;
  const data = error instanceof KeelError ? error.data : { problem: 'access' };
  const begin = `cannot read '${NAME}': `;
  throw new KeelError('file', error.message.startsWith(begin) ? error.message : begin + error.message, { ...data, path: NAME });
}
