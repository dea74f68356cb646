// Where bytes come from: a place to read any range of a file from, be it in memory, on disk or on a server.
// May import errors.

import { KeelError, showGiven } from '../errors.js';
import { type ByteSource, inMemory, readAhead } from './bytesource.js';
import { fileError, unsupported } from './elements.js';
import { HEAD_BYTES, kindOf } from './kinds.js';
import { refusal, remoteSource } from './remote.js';

/** Where {@link load} and `open` find a file. */
export type FileSource = string | URL | Blob | ArrayBuffer | Uint8Array;

/** What errors call the source: its path, its URL, or the name of a File; null for bytes. */
export function nameOf(source: FileSource): string | null {
  if (typeof source === 'string' || source instanceof URL) return String(source);
  return source instanceof Blob && 'name' in source ? String(source.name) : null;
}

/** A source of which only ranges are read: `open`'s. A server must answer range requests. */
export function rangesOf(source: FileSource): Promise<ByteSource> {
  return sourceOf('open', source, remoteSource);
}

/** A source that is about to be read whole: `load`'s. */
export function wholeOf(source: FileSource): Promise<ByteSource> {
  return sourceOf('load', source, download);
}

async function sourceOf(
  caller: string,
  source: FileSource,
  remote: (url: string | URL) => Promise<ByteSource>,
): Promise<ByteSource> {
  if (source instanceof Uint8Array) return inMemory(source);
  if (source instanceof ArrayBuffer) return inMemory(new Uint8Array(source));
  if (source instanceof Blob) return ofBlob(source);
  if (typeof source !== 'string' && !(source instanceof URL)) {
    const message = `${caller} takes a path, a URL, a Blob or bytes, got ${showGiven(source)}`;
    throw new KeelError('argument', message, { source });
  }
  const onDisk = fileURL(source) ?? (isRemote(source) ? null : source);
  return onDisk === null ? remote(source) : ofFile(onDisk);
}

function ofBlob(blob: Blob): ByteSource {
  return {
    bytes: blob.size,
    read: async (begin, end) => new Uint8Array(await blob.slice(begin, end).arrayBuffer()),
    close: () => Promise.resolve(),
  };
}

/** Files of this size and more come from a server in parts, if it answers range requests: the rest waits there. */
const LARGE = 64 * 2 ** 20;

/** A file from a server, in one answer, or in parts of 8 MiB where it is large and the server says that it can. */
async function download(url: string | URL): Promise<ByteSource> {
  const response = await fetch(url);
  if (!response.ok) {
    await response.body?.cancel();
    throw refusal(response, 0);
  }
  const isLarge = Number(response.headers.get('content-length')) >= LARGE;
  if (!isLarge || response.headers.get('accept-ranges') !== 'bytes') {
    return inMemory(new Uint8Array(await response.arrayBuffer()));
  }
  await response.body?.cancel();
  return readAhead(await remoteSource(url), 8 * 2 ** 20);
}

/** The most that one call of the operating system reads, rounded down. */
const MOST_AT_ONCE = 2 ** 30;

async function ofFile(path: string | URL): Promise<ByteSource> {
  const fs = fileSystem();
  const file = await fs.open(path);
  const facts = await file.stat({ bigint: true });
  if (!facts.isFile()) {
    // A pipe has no size and no ranges; a directory says so when it is read.
    try {
      return inMemory(await drained(file, String(path)));
    } finally {
      await file.close();
    }
  }
  const changed = () => fileError('the file changed while it was read: read it again', { bytes: Number(facts.size) });
  const fill = async (bytes: Uint8Array, begin: number): Promise<Uint8Array> => {
    for (let filled = 0; filled < bytes.length; ) {
      const length = Math.min(bytes.length - filled, MOST_AT_ONCE);
      const { bytesRead } = await file.read(bytes, filled, length, begin + filled);
      if (bytesRead === 0) throw changed();
      filled += bytesRead;
    }
    const { size, mtimeNs } = await file.stat({ bigint: true });
    if (size !== facts.size || mtimeNs !== facts.mtimeNs) throw changed();
    return bytes;
  };
  /** Of the last range that was lent; nobody has it. */
  let spare: Uint8Array | null = null;
  return {
    bytes: Number(facts.size),
    read: (begin, end) => fill(new Uint8Array(end - begin), begin),
    lend: async (begin, end, use) => {
      const memory: Uint8Array = spare !== null && spare.length >= end - begin ? spare : new Uint8Array(end - begin);
      spare = null;
      const lent = use(await fill(memory.subarray(0, end - begin), begin));
      if (memory.length <= MOST_SPARE) spare = memory;
      return lent;
    },
    close: () => file.close(),
  };
}

/** Bytes that are kept for the next range. */
const MOST_SPARE = 2 ** 24;

/** Bytes that come from what has no ranges. */
const MOST_DRAINED = 2 ** 30;

/** What comes out of a pipe or a device. It may never end: what is no file of tensors is refused by its first bytes. */
async function drained(file: OpenedFile, name: string): Promise<Uint8Array> {
  let bytes = new Uint8Array(2 ** 16);
  let filled = 0;
  for (let isKnown = false; ; ) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, null);
    if (bytesRead === 0) return bytes.subarray(0, filled);
    filled += bytesRead;
    if (!isKnown && filled >= HEAD_BYTES) {
      kindOf(bytes.subarray(0, HEAD_BYTES), name);
      isKnown = true;
    }
    if (filled > MOST_DRAINED) {
      const message = `what has no size is held in memory, ${MOST_DRAINED} bytes at most, and more comes: write it to a file first`;
      throw fileError(message, { limit: MOST_DRAINED }, 'access');
    }
    if (filled < bytes.length) continue;
    const longer = new Uint8Array(2 * bytes.length);
    longer.set(bytes);
    bytes = longer;
  }
}

/** A `file:` URL, given as such or as text; null for anything else. */
export function fileURL(source: string | URL): URL | null {
  const text = String(source);
  return text.startsWith('file:') ? new URL(text) : null;
}

/** Whether a source is on a server; elsewhere than in Node every one is. */
export function isRemote(source: string | URL): boolean {
  return (source instanceof URL && source.protocol !== 'file:') || /^https?:/.test(String(source)) || builtins() === null;
}

/** Node's own modules, or null elsewhere. Not an import: a bundler for browsers would look for the module. */
export function builtins(): GetModule | null {
  return typeof process === 'undefined' ? null : (process.getBuiltinModule ?? null);
}

type GetModule = <N extends keyof NodeModules>(name: N) => NodeModules[N] | undefined;

/** What is asked of Node's modules: their own types are not in every project that has ours. */
interface NodeModules {
  readonly 'node:fs/promises': FileSystem;
  readonly 'node:path': { readonly sep: string; dirname(path: string): string; join(...parts: string[]): string };
  readonly 'node:url': { fileURLToPath(url: URL): string };
  // From Node 20.15 on.
  readonly 'node:zlib': { readonly crc32?: (bytes: Uint8Array, before?: number) => number };
}

interface FileSystem {
  open(path: string | URL, flags?: string, mode?: number): Promise<OpenedFile>;
  readdir(path: string | URL): Promise<string[]>;
  realpath(path: string | URL): Promise<string>;
  readlink(path: string | URL): Promise<string>;
  stat(path: string | URL, options: { readonly bigint: true }): Promise<FileFacts>;
  rename(from: string | URL, to: string | URL): Promise<void>;
  rm(path: string | URL, options: { readonly force: boolean }): Promise<void>;
}

interface FileFacts {
  readonly size: bigint;
  readonly mode: bigint;
  readonly mtimeNs: bigint;
  isFile(): boolean;
  isDirectory(): boolean;
}

interface OpenedFile {
  stat(options: { readonly bigint: true }): Promise<FileFacts>;
  read(into: Uint8Array, offset: number, length: number, position: number | null): Promise<{ readonly bytesRead: number }>;
  writeFile(bytes: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Node's file system. */
export function fileSystem(): FileSystem {
  const fs = builtins()?.('node:fs/promises');
  if (fs !== undefined) return fs;
  throw unsupported('there is no file system here: load from a URL, write with writeSafetensors, writeCheckpoint or writeNpy', {});
}
