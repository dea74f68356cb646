// Tensors from files. May import errors and tensor.

import { KeelError, showGiven } from '../errors.js';
import type { Tensor } from '../tensor.js';
import type { ByteSource } from './bytesource.js';
import { type Contents, readAll, type TensorEntry } from './contents.js';
import { named } from './failure.js';
import { HEAD_BYTES, kindOf } from './kinds.js';
import { readNpy } from './npy.js';
import { openPth, type PthOptions } from './pth.js';
import { openSafetensors } from './safetensors.js';
import { type FileSource, nameOf, rangesOf, wholeOf } from './source.js';

/** What {@link load} and `open` read of a file: `entry` chooses one of several dicts in a .pth file. */
export type LoadOptions = PthOptions;

/**
 * Tensors of a safetensors, .pth or .npy file, told apart by their first bytes. The array of a .npy file is called `array`.
 * Of a file no more than one tensor at a time is in memory beside the tensors already read. A server's file comes whole,
 * unless it has 64 MiB or more and the server says that it takes range requests.
 *
 * @param source a path (Node), a URL (fetched unless it is `file:`), a Blob, or the bytes themselves. In a browser a
 *   string is a URL.
 * @throws KeelError [file] where it cannot be read, is malformed, or of another kind, which the message names;
 *   [argument] for any other source.
 * @example
 * const x = (await load(writeNpy(ones([2])))).get('array');
 */
export async function load(source: FileSource, options: LoadOptions = {}): Promise<Map<string, Tensor>> {
  checkOptions('load', options);
  return named(nameOf(source), async (name) => {
    const bytes = await wholeOf(source);
    try {
      const contents = await contentsOf(bytes, name, options);
      if (contents !== null) return await readAll(contents);
      return new Map([['array', readNpy(await bytes.read(0, bytes.bytes))]]);
    } finally {
      await bytes.close();
    }
  });
}

/** A file whose tensors are read when they are asked for. */
export interface OpenFile {
  /** Names of the tensors, in the file's order. */
  keys(): string[];
  /** Shape and dtype of each. */
  readonly entries: ReadonlyMap<string, TensorEntry>;
  /** What a safetensors file says of itself. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * One tensor; nothing else is read.
   *
   * @throws KeelError [argument] for a name that is none of the keys; [file] where it cannot be read; [disposed] once
   *   closed.
   */
  read(name: string): Promise<Tensor>;
  /** Lets go of the file. */
  close(): Promise<void>;
}

/**
 * Opens a safetensors or .pth file, which may be larger than memory: only what describes its tensors is read. From a
 * server by range requests.
 *
 * @throws KeelError [file] as {@link load}, and where a server does not answer range requests; [argument] for a .npy file.
 * @see https://www.rfc-editor.org/rfc/rfc9110#name-range-requests
 * @example
 * const file = await open('model.safetensors');
 * const weight = await file.read(file.keys()[0] ?? '');
 * await file.close();
 */
export async function open(source: FileSource, options: LoadOptions = {}): Promise<OpenFile> {
  checkOptions('open', options);
  return named(nameOf(source), async (name) => {
    const bytes = await rangesOf(source);
    try {
      const contents = await contentsOf(bytes, name, options);
      if (contents !== null) return openFile(contents, bytes, name);
      throw new KeelError('argument', 'a .npy file holds one array, with nothing to choose from: use load()', { name });
    } catch (error) {
      await bytes.close();
      throw error;
    }
  });
}

function openFile({ entries, metadata, read }: Contents, bytes: ByteSource, name: string | null): OpenFile {
  let isClosed = false;
  return {
    keys: () => [...entries.keys()],
    entries,
    metadata,
    read: (key) =>
      named(name, () => {
        if (isClosed) throw new KeelError('disposed', `the file is closed: open it again to read '${key}'`, { key });
        if (entries.has(key)) return read(key);
        throw new KeelError('argument', `no tensor is called '${key}': keys() are the names of all`, { key });
      }),
    close: async () => {
      if (!isClosed) await bytes.close();
      isClosed = true;
    },
  };
}

/** Null for a .npy file, which has no more than one. */
async function contentsOf(source: ByteSource, name: string | null, options: LoadOptions): Promise<Contents | null> {
  const kind = kindOf(await source.read(0, Math.min(HEAD_BYTES, source.bytes)), name);
  if (kind === 'pth') return openPth(source, options);
  if (options.entry !== undefined) {
    throw new KeelError('argument', `entry chooses a dict of a .pth file, and this is a ${kind} file`, { kind });
  }
  return kind === 'npy' ? null : openSafetensors(source);
}

function checkOptions(caller: string, options: LoadOptions): void {
  const isRecord = typeof options === 'object' && options !== null;
  const { entry, ...rest } = isRecord ? options : {};
  const [unknown] = Object.keys(rest);
  if (isRecord && unknown === undefined && (entry === undefined || typeof entry === 'string')) return;
  const given = unknown ?? showGiven(isRecord ? entry : options);
  throw new KeelError('argument', `${caller} has one option, such as { entry: 'model' }, got ${given}`, { options });
}
