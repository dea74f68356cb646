// The compiled kernels: from text in the JavaScript or from a file, for memory that is shared or not. May import errors.

import { KeelError } from '../../errors.js';
import { rows } from './rows.wasm.js';

/** Kernels as they are shipped: each exported function does items [from, to) of a job. */
export interface Binary {
  readonly name: string;
  /** Of the sources; what is loaded from a file must have the same. */
  readonly version: string;
  /** Its bytes in hexadecimal. */
  readonly hex: string;
}

export interface Compiled {
  readonly module: WebAssembly.Module;
  /** What it was compiled from: every thread compiles its own. */
  readonly bytes: Uint8Array;
}

/**
 * Compiles a binary, or the file that was given in place of all.
 *
 * @throws KeelError [wasm] where the machine cannot run it.
 */
export function compile({ name, hex }: Binary, file: Uint8Array<ArrayBuffer> | null, shared: boolean): Compiled {
  const bytes = withMemory(file ?? bytesOf(hex), shared);
  try {
    return { module: new WebAssembly.Module(bytes), bytes };
  } catch (error) {
    throw unavailable(`the ${name} kernels could not be compiled (${reason(error)})`);
  }
}

/**
 * Refuses a file that is not evenkeel.wasm of this package's version.
 *
 * @throws KeelError [wasm]
 */
export function checkFile(file: Uint8Array<ArrayBuffer>): void {
  const version = versionOf(file);
  const wanted = rows.version;
  if (version === wanted) return;
  throw new KeelError(
    'wasm',
    `${version === null ? 'this WASM file is not evenkeel.wasm' : `this evenkeel.wasm has version ${version}`}, and version ` +
      `${wanted} is needed: take the file evenkeel.wasm of the same package`,
    { version, wanted },
  );
}

function versionOf(file: Uint8Array<ArrayBuffer>): string | null {
  try {
    const [section] = WebAssembly.Module.customSections(new WebAssembly.Module(file), 'evenkeel');
    return section === undefined ? null : new TextDecoder().decode(section);
  } catch (error) {
    if (!canCompile()) throw unavailable(`the file could not be compiled (${reason(error)})`);
    const message = `${file.length} bytes are no WASM file that can run here (${reason(error)}): take evenkeel.wasm of the same package`;
    throw new KeelError('wasm', message, { bytes: file.length });
  }
}

/** Whether the smallest module compiles: a page's headers may forbid them all. */
function canCompile(): boolean {
  try {
    return new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)) instanceof WebAssembly.Module;
  } catch {
    return false;
  }
}

export function unavailable(why: string): KeelError {
  return new KeelError(
    'wasm',
    `the WASM backend cannot run here: ${why}. It needs WebAssembly with SIMD (Chrome 91, Firefox 89, Safari 16.4, Node 20), ` +
      "and a page's Content-Security-Policy must allow 'wasm-unsafe-eval'; or use the slower useBackend('reference')",
    {},
  );
}

function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The import of `env.memory`, up to the byte that says whether it is shared. */
const memoryImport = new TextEncoder().encode('\x03env\x06memory\x02');

/** The same kernels for a memory that is shared or not: one flag tells the builds apart. */
function withMemory(bytes: Uint8Array<ArrayBuffer>, shared: boolean): Uint8Array<ArrayBuffer> {
  const at = bytes.findIndex((_, i) => memoryImport.every((byte, j) => bytes[i + j] === byte)) + memoryImport.length;
  const copy = bytes.slice();
  copy[at] = shared ? 3 : 1;
  return copy;
}
