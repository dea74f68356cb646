// How backends start. May import errors, kernels and storage.

import { KeelError, showGiven } from './errors.js';
import { checkThreads, configure } from './kernels/wasm/machine.js';
import { anyStorageMade } from './storage.js';

export interface InitOptions {
  /** The most threads of the WASM backend; 1 keeps its memory unshared. Default: KEEL_THREADS, or the processors, at most 8. */
  readonly threads?: number;
  /** The file evenkeel.wasm, by address or as bytes, in place of the kernels that lie in the JavaScript. */
  readonly wasm?: URL | string | ArrayBuffer | Uint8Array;
}

/**
 * Settles options of the backends. It is optional, and comes before the first tensor. Results do not depend on `threads`.
 *
 * @throws KeelError [argument] for threads that are no whole number from 1 to 64, or after a tensor was made; [wasm] for
 *   a file that cannot be loaded, is corrupt or of another version. Nothing is changed then.
 * @example
 * await init({ threads: 2 });
 */
export async function init(options: InitOptions = {}): Promise<void> {
  const { threads, wasm } = checkOptions(options);
  if (threads !== undefined) checkThreads(threads);
  checkEarly();
  const file = wasm === undefined ? undefined : await bytesOf(wasm);
  checkEarly();
  configure({ ...(threads !== undefined && { threads }), ...(file !== undefined && { file }) });
}

function checkOptions(options: InitOptions): InitOptions {
  if (typeof options !== 'object' || options === null) {
    throw new KeelError('argument', `init takes its options as an object, such as { threads: 2 }; got ${showGiven(options)}`, { options });
  }
  const unknown = Object.keys(options).find((name) => name !== 'threads' && name !== 'wasm');
  if (unknown === undefined) return options;
  throw new KeelError('argument', `init has no option ${unknown}: it has threads and wasm`, { option: unknown });
}

function checkEarly(): void {
  if (!anyStorageMade()) return;
  throw new KeelError('argument', 'init() comes before the first tensor: call it at the start of the program');
}

async function bytesOf(source: URL | string | ArrayBuffer | Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  if (source instanceof Uint8Array) return Uint8Array.from(source);
  if (source instanceof ArrayBuffer) return new Uint8Array(source.slice(0));
  if (typeof source === 'string' || source instanceof URL) return fetched(source);
  const message = `wasm is the address of evenkeel.wasm or its bytes, got ${showGiven(source)}`;
  throw new KeelError('argument', message, { wasm: source });
}

async function fetched(source: string | URL): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const fs = globalThis.process?.getBuiltinModule?.('node:fs/promises');
    // Node reads files by path or file: address; fetch does the rest.
    const address = String(source);
    const isFile = address.startsWith('file:') || !/^[a-z]+:\/\//i.test(address);
    if (fs !== undefined && isFile) return Uint8Array.from(await fs.readFile(address.startsWith('file:') ? new URL(address) : address));
    const response = await fetch(source);
    if (!response.ok) throw unloaded(source, `HTTP status ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    if (error instanceof KeelError) throw error;
    throw unloaded(source, error instanceof Error ? error.message : String(error));
  }
}

function unloaded(source: string | URL, why: string): KeelError {
  return new KeelError('wasm', `could not load ${String(source)}: ${why}`, { source: String(source) });
}
