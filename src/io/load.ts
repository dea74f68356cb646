// Tensors from files. May import errors and tensor.

import { KeelError, showGiven, showValue } from '../errors.js';
import { sizeOf, type Tensor } from '../tensor.js';
import { type AnyFile, type FileKind, openAny } from './anyfile.js';
import { readAll, type TensorEntry } from './contents.js';
import { checkAxes } from './elements.js';
import { named } from './failure.js';
import type { PthOptions } from './pth.js';
import { type FileSource, nameOf, rangesOf, wholeOf } from './source.js';

/** What {@link load} and `open` read of a file: `entry` chooses one of several dicts in a .pth file. */
export type LoadOptions = PthOptions;

/**
 * Tensors of a safetensors, .pth, .npy, .npz or .onnx file (its initializers), told apart by what is in them, or of a folder: of the shards that its
 * `*.safetensors.index.json` names (which may be given itself), or of the only file in it. The array of a .npy file is
 * called `array`.
 * Of a file no more than one tensor at a time is in memory beside the tensors already read. A server's file comes whole,
 * unless it has 64 MiB or more and the server says that it takes range requests.
 *
 * @param source a path (Node), also of a folder, a URL (fetched unless it is `file:`), a Blob, or the bytes themselves. In a
 *   browser a string is a URL.
 * @throws KeelError [file] where it cannot be read, is malformed, or of another kind, which the message names;
 *   [argument] for any other source.
 * @example
 * const x = (await load(writeNpy(ones([2])))).get('array');
 */
export async function load(source: FileSource, options: LoadOptions = {}): Promise<Map<string, Tensor>> {
  checkOptions('load', options);
  return named(nameOf(source), async () => {
    const { contents, close } = await openAny(source, options, wholeOf);
    try {
      return await readAll(contents);
    } finally {
      await close();
    }
  });
}

/** A file whose tensors are read when they are asked for. */
export interface OpenFile {
  /** What the file is. */
  readonly kind: FileKind;
  /** Names of the tensors, in the file's order. */
  keys(): string[];
  /** Shape, dtype and format of each. */
  readonly entries: ReadonlyMap<string, TensorEntry>;
  /** What a safetensors file, or the index of shards, says of itself. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * One tensor; nothing else is read.
   *
   * @throws KeelError [argument] for a name that is none of the keys; [file] where it cannot be read; [disposed] once
   *   closed.
   */
  read(name: string): Promise<Tensor>;
  /**
   * Elements `begin` up to, not including, `end` of one tensor, in the file's own order (`order` of its entry), as a tensor
   * of one axis. Nothing else is read, and no more is held. Of a compressed record what stands before must be inflated,
   * unless the last range of it ended there or before: read such in order. Of a .pth file's view, all that it spans is read.
   *
   * @throws KeelError [argument] for a name that is none of the keys; [size] for a range that is none of the tensor's;
   *   [file] where it cannot be read, also because the file changed since it was opened; [disposed] once closed.
   * @example
   * const head = await file.readRange('array', 0, 1000);
   */
  readRange(name: string, begin: number, end: number): Promise<Tensor>;
  /** Lets go of the file. */
  close(): Promise<void>;
}

/**
 * Opens a file or a folder as {@link load} takes it, which may be larger than memory: only what describes its tensors is
 * read. From a server by range requests.
 *
 * @throws KeelError [file] as {@link load}, and where a server does not answer range requests.
 * @see https://www.rfc-editor.org/rfc/rfc9110#name-range-requests
 * @example
 * const file = await open('model.safetensors');
 * const weight = await file.read(file.keys()[0] ?? '');
 * await file.close();
 */
export async function open(source: FileSource, options: LoadOptions = {}): Promise<OpenFile> {
  checkOptions('open', options);
  const name = nameOf(source);
  return named(name, async () => openFile(await openAny(source, options, rangesOf), name));
}

function openFile({ kind, contents: { entries, refused, metadata, read, readRange }, close }: AnyFile, name: string | null): OpenFile {
  let isClosed = false;
  const entryOf = (key: string): TensorEntry => {
    if (isClosed) throw new KeelError('disposed', `the file is closed: open it again to read '${key}'`, { key });
    const entry = entries.get(key);
    if (entry !== undefined) return entry;
    throw new KeelError('argument', `no tensor is called '${key}': keys() are the names of all`, { key });
  };
  return {
    kind,
    keys: () => [...entries.keys()],
    entries,
    metadata,
    read: (key) =>
      named(name, () => {
        if (refused?.has(key) !== true) entryOf(key);
        return read(key);
      }),
    readRange: (key, begin, end) =>
      named(name, () => {
        checkRange(key, entryOf(key), begin, end);
        return readRange(key, begin, end);
      }),
    close: async () => {
      if (!isClosed) await close();
      isClosed = true;
    },
  };
}

function checkRange(key: string, { shape }: TensorEntry, begin: number, end: number): void {
  checkAxes(shape, `'${key}'`);
  const size = sizeOf(shape);
  if (Number.isSafeInteger(begin) && Number.isSafeInteger(end) && begin >= 0 && begin <= end && end <= size) return;
  const message = `'${key}' has elements 0 to ${size}, and no range from ${showValue(begin)} to ${showValue(end)}`;
  throw new KeelError('size', message, { key, begin, end, size });
}

function checkOptions(caller: string, options: LoadOptions): void {
  const isRecord = typeof options === 'object' && options !== null;
  const { entry, ...rest } = isRecord ? options : {};
  const [unknown] = Object.keys(rest);
  if (isRecord && unknown === undefined && (entry === undefined || typeof entry === 'string')) return;
  const given = unknown ?? showGiven(isRecord ? entry : options);
  throw new KeelError('argument', `${caller} has one option, such as { entry: 'model' }, got ${given}`, { options });
}
