// How backends start. May import errors and storage.

import { KeelError } from './errors.js';
import { anyStorageMade } from './storage.js';

export interface InitOptions {
  /** The most threads that a backend may use. The reference backend uses one. */
  readonly threads?: number;
  /** Where the WASM binary comes from, for pages that may not compile what is bundled. */
  readonly wasm?: URL | string | ArrayBuffer | Uint8Array;
}

/**
 * Settles options of the backends. It is optional, and comes before the first tensor.
 *
 * @throws KeelError [argument] for threads that are no whole number from 1; [backend] for `wasm`, as this version has no
 *   WASM backend; [argument] after a tensor was made.
 * @example
 * await init({ threads: 2 });
 */
export async function init({ threads, wasm }: InitOptions = {}): Promise<void> {
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1)) {
    throw new KeelError('argument', `threads must be a whole number from 1, got ${String(threads)}`, { threads });
  }
  if (wasm !== undefined) {
    throw new KeelError('backend', 'this version has no WASM backend to load: leave out `wasm`; the reference backend runs');
  }
  if (anyStorageMade()) {
    throw new KeelError('argument', 'init() comes before the first tensor: call it at the start of the program');
  }
}
