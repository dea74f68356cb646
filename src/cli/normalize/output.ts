// The file that is written: its kind, whether it may take a place, and its parts. May import node:, evenkeel and evenkeel/io.

import { stat } from 'node:fs/promises';
import { KeelError } from 'evenkeel';
import { fileChunks, replaceFile, type Format, type TensorPart } from 'evenkeel/io';
import type { Terminal } from '../terminal.js';
import type { Input, Readings } from './readings.js';

export type OutputKind = 'npy' | 'npz' | 'safetensors';

/** Where the result goes. */
export interface Target {
  /** As the user gave it. */
  readonly name: string;
  /** null of standard output. */
  readonly path: string | null;
  readonly kind: OutputKind;
}

/**
 * Where OUT is and what it becomes: by its extension, or on standard output what IN is.
 *
 * @throws KeelError [argument] for an extension that is none of them, and for a file that is there, unless it may be
 *   overwritten.
 */
export async function targetOf(out: string, input: Input, overwrite: boolean, pathOf: (path: string) => string): Promise<Target> {
  if (out === '-') return { name: 'standard output', path: null, kind: kindLike(input.file) };
  const target = { name: out, path: pathOf(out), kind: kindOf(out) };
  await checkPlace(target, input.path, overwrite);
  return target;
}

/**
 * Whether a file may take its place; `read` is the file that is read.
 *
 * @throws KeelError [argument] where one is there already, unless it may be overwritten.
 */
export async function checkPlace({ name, path }: { readonly name: string; readonly path: string }, read: string | null, overwrite: boolean): Promise<void> {
  const there = await stat(path, { bigint: true }).catch(() => null);
  if (there === null || overwrite) return;
  const own = read === null ? null : await stat(read, { bigint: true }).catch(() => null);
  const isSame = own !== null && own.dev === there.dev && own.ino === there.ino;
  const what = isSame ? 'is the file that is read' : 'exists';
  throw new KeelError('argument', `'${name}' ${what}: give --overwrite to put the result in its place`, { out: name, isSame });
}

function kindLike({ kind }: Readings): OutputKind {
  return kind === 'npy' || kind === 'npz' ? kind : 'safetensors';
}

function kindOf(out: string): OutputKind {
  const extension = /\.(npy|npz|safetensors)$/.exec(out)?.[1];
  switch (extension) {
    case 'npy':
    case 'npz':
    case 'safetensors':
      return extension;
    default: {
      const isTorch = /\.(pth?|ckpt|bin)$/.test(out);
      const problem = isTorch ? "PyTorch's own format is read and not written" : `cannot tell the format of '${out}'`;
      throw new KeelError('argument', `${problem}: end it in .npy, .npz or .safetensors`, { out });
    }
  }
}

/** How a normalized tensor is stored: as it was, integers as float32, and what NumPy lacks too. */
export function formatFor(format: Format, kind: OutputKind): 'F64' | 'F32' | 'F16' | 'BF16' {
  if (format === 'F64' || format === 'F16') return format;
  return format === 'BF16' && kind === 'safetensors' ? format : 'F32';
}

/** Elements of a stretch of what is copied. */
const STRETCH = 2 ** 20;

/** A tensor as it is in the file. */
export function copyOf(file: Readings, key: string, kind: OutputKind): TensorPart {
  const entry = file.entries.get(key);
  if (entry === undefined) throw new KeelError('argument', `no tensor is called '${key}'`, { key });
  const { shape, format, order = 'C' } = entry;
  const size = shape.reduce((product, extent) => product * extent, 1);
  // Rows first, which only a whole tensor can be brought into.
  const isWhole = order === 'F' && kind === 'safetensors';
  const chunks = async function* () {
    const step = isWhole ? Math.max(1, size) : STRETCH;
    for (let begin = 0; begin < size; begin += step) {
      const x = isWhole ? await file.read(key) : await file.readRange(key, begin, Math.min(size, begin + step));
      yield isWhole ? x.reshape([size]) : x;
      x.dispose();
    }
  };
  return { shape, format, order: isWhole ? 'C' : order, chunks };
}

/**
 * Writes the parts: a file whole or not at all, unless Ctrl-C comes first.
 *
 * @throws KeelError [file] where it cannot be written; [argument] for standard output that is a terminal.
 */
export async function write({ name, path, kind }: Target, parts: ReadonlyMap<string, TensorPart>, input: Input, terminal: Terminal): Promise<void> {
  const { metadata } = input.file;
  const options = kind === 'safetensors' && Object.keys(metadata).length > 0 ? { metadata } : {};
  const { signal } = terminal;
  const bytes = whole(fileChunks(kind, parts, options), input);
  try {
    await (path === null ? terminal.writeBytes(bytes) : terminal.guard(replaceFile(path, bytes, { signal })));
  } catch (error) {
    // Whoever reads may stop reading.
    if (error instanceof KeelError || path !== null || signal.aborted) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new KeelError('file', `cannot write ${name}: ${reason}`, { problem: 'access' });
  }
}

/** The bytes, the last of them once it is certain that the input was whole. */
async function* whole(bytes: AsyncIterable<Uint8Array>, { file }: Input): AsyncGenerator<Uint8Array> {
  yield* bytes;
  await file.finish?.();
}
