// A file that takes the place of another once all of it is written. May import errors.

import { fileError } from './elements.js';
import { cannot } from './failure.js';
import { fileSystem, fileURL } from './source.js';

/** How {@link replaceFile} writes. */
export interface ReplaceOptions {
  /** Gives up as soon as it is aborted, also while a chunk is awaited. */
  readonly signal?: AbortSignal;
}

/**
 * Writes chunks one after another under a temporary name, which then takes the place of `path`: what fails or is aborted
 * leaves the old file whole and no temporary behind. A chunk may be made when its turn comes, so that no more than one is
 * held. A link stays one, to what it leads to; a new file has the permissions of the old one.
 *
 * @throws KeelError [file] where it cannot be written, or is no file but a device or a folder; whatever a chunk throws; the
 *   signal's reason.
 * @example
 * await replaceFile('x.npy', fileChunks('npy', new Map([['x', part]])), { signal });
 */
export async function replaceFile(
  path: string | URL,
  chunks: AsyncIterable<Uint8Array>,
  { signal }: ReplaceOptions = {},
): Promise<void> {
  signal?.throwIfAborted();
  const failures: unknown[] = [];
  try {
    await write(fileURL(path) ?? String(path), watched(chunks, signal, failures), signal);
  } catch (error) {
    // The reason is the caller's own, and a chunk's error says what it is about.
    signal?.throwIfAborted();
    throw failures.includes(error) ? error : cannot('write', String(path), error);
  }
}

async function write(path: string | URL, chunks: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): Promise<void> {
  const fs = fileSystem();
  const target = await fs.realpath(path).catch(() => path);
  const link = target === path ? await fs.readlink(path).catch(() => null) : null;
  // Renaming onto it would put a file in the place of the link.
  if (link !== null) throw fileError(`it is a link to '${link}', which is not there: make that file first, or remove the link`, { link }, 'missing');
  const old = await fs.stat(target, { bigint: true }).catch(() => null);
  if (old !== null && !old.isFile()) {
    const what = old.isDirectory() ? 'it is a folder' : 'it is a device or a pipe, which no file takes the place of';
    throw fileError(what, {}, 'access');
  }
  const suffix = `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}.tmp`;
  const temporary = target instanceof URL ? new URL(`${target.href}.${suffix}`) : `${target}.${suffix}`;
  const file = await fs.open(temporary, 'wx', Number(old?.mode ?? 0o666n) & 0o777);
  try {
    try {
      // Goes on where the last chunk ended.
      for await (const chunk of chunks) await file.writeFile(chunk);
      // Else the new name may reach the disk before the bytes do.
      await file.sync();
    } finally {
      await file.close();
    }
    signal?.throwIfAborted();
    await fs.rename(temporary, target);
  } catch (error) {
    await fs.rm(temporary, { force: true });
    throw error;
  }
}

/** The chunks; once aborted not even the one that is awaited. What fails in making them is kept. */
async function* watched(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
  failures: unknown[],
): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  let isDone = false;
  try {
    for (;;) {
      signal?.throwIfAborted();
      const next = await unlessAborted(iterator.next(), signal);
      isDone = next.done === true;
      if (isDone) return;
      yield next.value;
    }
  } catch (error) {
    failures.push(error);
    throw error;
  } finally {
    // Not awaited: it ends when what it waits for does, which may be never.
    if (!isDone) iterator.return?.().catch(() => undefined);
  }
}

/** Not Promise.race with one promise for all chunks: that would keep each of them. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  const end = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { signal: end.signal });
  });
  return Promise.race([promise, aborted]).finally(() => end.abort());
}
