// Public entry of 'evenkeel/io': tensors from and to files. May import errors and tensor.

import { KeelError } from '../errors.js';
import { Tensor } from '../tensor.js';
import { type Elements, fileError } from './elements.js';
import { isNpy, readNpy, writeNpy } from './npy.js';
import { isSafetensors, readSafetensors, writeSafetensors } from './safetensors.js';

export { readNpy, writeNpy } from './npy.js';
export { readSafetensors, writeSafetensors } from './safetensors.js';
export type { Elements } from './elements.js';

/** Where `load` finds a file. */
type FileSource = string | URL | Blob | ArrayBuffer | Uint8Array;

/**
 * Tensors of a safetensors or .npy file, told apart by their first bytes. The array of a .npy file is called `array`.
 *
 * @param source a path (Node), a URL (fetched unless it is `file:`), a Blob, or the bytes themselves. In a browser a
 *   string is a URL.
 * @throws KeelError [file] where it cannot be read or is malformed; [argument] for any other source.
 * @example
 * const x = (await load(writeNpy(ones([2])))).get('array');
 */
export async function load(source: FileSource): Promise<Map<string, Tensor>> {
  const name = nameOf(source);
  try {
    return decodeFile(await bytesFrom(source), name);
  } catch (error) {
    throw name === null ? error : cannot('read', name, error);
  }
}

/**
 * Writes tensors, by name in a Map or an object, to a `.safetensors` file, or a single one to a `.npy` file: under a
 * temporary name, which then takes the place of what is there, so that a crash leaves the old file whole.
 *
 * @throws KeelError [argument] for another extension, several tensors for a `.npy` file, or what is no Map or object of
 *   tensors; [file] where it cannot be written.
 * @example
 * await save('model.safetensors', model.stateDict());
 * await save('x.npy', { x });
 */
export async function save(
  path: string | URL,
  tensors: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>,
): Promise<void> {
  const entries = entriesOf(tensors);
  const encode = encoderFor(String(path), entries.length);
  const elements = new Map<string, Elements>();
  for (const [name, tensor] of entries) {
    elements.set(name, { dtype: tensor.dtype, shape: tensor.shape, data: await tensor.read() });
  }
  const bytes = encode(elements);
  try {
    await replaceFile(fileURL(path) ?? String(path), bytes);
  } catch (error) {
    throw cannot('write', String(path), error);
  }
}

/** What errors call the source: its path, its URL, or the name of a File; null for bytes. */
function nameOf(source: FileSource): string | null {
  if (typeof source === 'string' || source instanceof URL) return String(source);
  return source instanceof Blob && 'name' in source ? String(source.name) : null;
}

/** Other first bytes are named, so that nobody has to guess from a header that is none. */
function decodeFile(bytes: Uint8Array, name: string | null): Map<string, Tensor> {
  if (bytes.length === 0) throw fileError('the file is empty', { bytes: 0 });
  if (isNpy(bytes)) return new Map([['array', readNpy(bytes)]]);
  if (isZip(bytes)) {
    const message = "it is a zip archive: .npz and PyTorch's .pt are not read yet: save as .npy or .safetensors";
    throw fileError(message, { bytes: bytes.length });
  }
  if (name?.endsWith('.npy') === true) {
    throw fileError('it is not a .npy file: it does not begin with \\x93NUMPY', { bytes: bytes.length });
  }
  if (isSafetensors(bytes)) return readSafetensors(bytes);
  throw fileError('it is neither .npy nor safetensors: save it as one of them', { bytes: bytes.length });
}

function isZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b;
}

async function bytesFrom(source: FileSource): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (source instanceof Blob) return new Uint8Array(await source.arrayBuffer());
  if (typeof source !== 'string' && !(source instanceof URL)) {
    throw new KeelError('argument', `load takes a path, a URL, a Blob or bytes, got ${kindOf(source)}`, { source });
  }
  const onDisk = fileURL(source) ?? (isRemote(source) ? null : source);
  return onDisk === null ? fetched(source) : fileSystem().readFile(onDisk);
}

/** The tensors by name. Checked, because JavaScript can hand over anything. */
function entriesOf(tensors: unknown): [name: string, tensor: Tensor][] {
  if (typeof tensors !== 'object' || tensors === null || Array.isArray(tensors) || tensors instanceof Tensor) {
    throw noTensors(kindOf(tensors));
  }
  const entries: [unknown, unknown][] = tensors instanceof Map ? [...tensors] : Object.entries(tensors);
  return entries.map(([name, tensor]) => {
    if (tensor instanceof Tensor) return [String(name), tensor];
    throw noTensors(`${kindOf(tensor)} as '${String(name)}'`);
  });
}

function noTensors(given: string): KeelError {
  const message = `save takes tensors by name, a Map or an object such as { x }, got ${given}`;
  return new KeelError('argument', message, { given });
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === 'object' ? `a value of class ${value.constructor?.name ?? 'Object'}` : `a ${typeof value}`;
}

async function fetched(source: string | URL): Promise<Uint8Array> {
  const response = await fetch(source);
  if (!response.ok) {
    throw fileError(`the server answered ${response.status} ${response.statusText}`, { status: response.status });
  }
  return new Uint8Array(await response.arrayBuffer());
}

async function replaceFile(target: string | URL, bytes: Uint8Array): Promise<void> {
  const fs = fileSystem();
  const suffix = `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}.tmp`;
  const temporary = target instanceof URL ? new URL(`${target.href}.${suffix}`) : `${target}.${suffix}`;
  try {
    await fs.writeFile(temporary, bytes, { flag: 'wx' });
    await fs.rename(temporary, target);
  } catch (error) {
    await fs.rm(temporary, { force: true });
    throw error;
  }
}

/** A `file:` URL, given as such or as text; null for anything else. */
function fileURL(source: string | URL): URL | null {
  const text = String(source);
  return text.startsWith('file:') ? new URL(text) : null;
}

function isRemote(source: string | URL): boolean {
  return source instanceof URL || /^https?:/.test(source) || builtins() === null;
}

function encoderFor(path: string, count: number): (elements: ReadonlyMap<string, Elements>) => Uint8Array {
  if (path.endsWith('.safetensors')) return writeSafetensors;
  if (!path.endsWith('.npy')) {
    throw new KeelError('argument', `cannot tell the format of '${path}': end it in .safetensors or .npy`, { path });
  }
  return (elements) => {
    const [only] = elements.values();
    if (only !== undefined && count === 1) return writeNpy(only);
    throw new KeelError('argument', `a .npy file holds one tensor, got ${count}: save them as .safetensors`, {
      path,
      count,
    });
  };
}

/** Node's own modules, or null elsewhere. Not an import: a bundler for browsers would look for the module. */
function builtins(): typeof process.getBuiltinModule | null {
  return typeof process === 'undefined' ? null : (process.getBuiltinModule ?? null);
}

function fileSystem() {
  const fs = builtins()?.('node:fs/promises');
  if (fs !== undefined) return fs;
  throw fileError('there is no file system here: load from a URL, write with writeSafetensors or writeNpy', {});
}

function cannot(what: 'read' | 'write', path: string, error: unknown): KeelError {
  if (error instanceof KeelError && error.code !== 'file') return error;
  const reason = error instanceof Error ? error.message : String(error);
  const isTooLarge = error instanceof Error && 'code' in error && error.code === 'ERR_FS_FILE_TOO_LARGE';
  const wayOut = isTooLarge ? ': save its tensors in several files' : '';
  const data = error instanceof KeelError ? error.data : {};
  return fileError(`cannot ${what} '${path}': ${reason}${wayOut}`, { ...data, path, reason });
}
