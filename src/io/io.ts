// Public entry of 'evenkeel/io': tensors from and to files. May import errors and tensor.

import { KeelError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import { type Elements, fileError } from './elements.js';
import { isNpy, readNpy, writeNpy } from './npy.js';
import { readSafetensors, writeSafetensors } from './safetensors.js';

export { readNpy, writeNpy } from './npy.js';
export { readSafetensors, writeSafetensors } from './safetensors.js';
export type { Elements } from './elements.js';

/**
 * Tensors of a safetensors or .npy file, told apart by their first bytes. The array of a .npy file is called `array`.
 *
 * @param source a path (Node), a URL (fetched unless it is `file:`), a Blob, or the bytes themselves. In a browser a
 *   string is a URL.
 * @throws KeelError [file] where it cannot be read or is malformed.
 * @example
 * const x = (await load(writeNpy(ones([2])))).get('array');
 */
export async function load(source: string | URL | Blob | ArrayBuffer | Uint8Array): Promise<Map<string, Tensor>> {
  const bytes = await bytesFrom(source);
  return isNpy(bytes) ? new Map([['array', readNpy(bytes)]]) : readSafetensors(bytes);
}

/**
 * Writes tensors to a `.safetensors` file, or a single one to a `.npy` file: under a temporary name, which then takes
 * the place of what is there, so that a crash leaves the old file whole.
 *
 * @throws KeelError [argument] for another extension, or several tensors for a `.npy` file; [file] where it cannot be
 *   written.
 * @example
 * await save('model.safetensors', model.stateDict());
 */
export async function save(path: string | URL, tensors: ReadonlyMap<string, Tensor>): Promise<void> {
  const encode = encoderFor(String(path), tensors.size);
  const elements = new Map<string, Elements>();
  for (const [name, tensor] of tensors) {
    elements.set(name, { dtype: tensor.dtype, shape: tensor.shape, data: await tensor.read() });
  }
  const bytes = encode(elements);
  try {
    await replaceFile(fileURL(path) ?? String(path), bytes);
  } catch (error) {
    throw cannot('write', path, error);
  }
}

async function bytesFrom(source: string | URL | Blob | ArrayBuffer | Uint8Array): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (source instanceof Blob) return new Uint8Array(await source.arrayBuffer());
  try {
    const onDisk = fileURL(source) ?? (isRemote(source) ? null : source);
    return onDisk === null ? await fetched(source) : await fileSystem().readFile(onDisk);
  } catch (error) {
    throw cannot('read', source, error);
  }
}

async function fetched(source: string | URL): Promise<Uint8Array> {
  const response = await fetch(source);
  if (!response.ok) throw cannot('read', source, `the server answered ${response.status} ${response.statusText}`);
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

function cannot(what: 'read' | 'write', path: string | URL, error: unknown): KeelError {
  if (error instanceof KeelError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return fileError(`cannot ${what} '${String(path)}': ${reason}`, { path: String(path), reason });
}
