// Elements in a backend's memory, counted and freed. May import errors and kernels.

import { KeelError } from './errors.js';
import { backendFor, registerCore, type Core, type DType } from './kernels/kernels.js';
import { reference } from './kernels/reference/reference.js';
import { wasm } from './kernels/wasm/wasm.js';

// Here and not beside the backend: whoever makes a tensor loads this module, and bundlers keep it.
registerCore(wasm);
registerCore(reference);

/** Bytes of one element. */
const bytesOf: Readonly<Record<DType, number>> = { float32: 4, float64: 8, int64: 8, bool: 1 };

const held = { bytes: 0, tensors: 0 };
let made = false;

/** @internal Whether any tensor has been made, however long ago. */
export function anyStorageMade(): boolean {
  return made;
}

/**
 * What tensors hold that were neither disposed nor found by the collector: bytes of elements, and the number of storages
 * they lie in. Tensors that share elements (`reshape`, `detach`) count once; what the tape saved for a backward pass counts until that pass is done.
 *
 * @example
 * const before = memory().bytes;
 * scope(() => zeros([1000]).add(1).sum().item());
 * memory().bytes === before; // true
 */
export function memory(): { bytes: number; tensors: number } {
  return { ...held };
}

/** What is left to do for a storage that nobody disposed; it must not refer to the storage itself. */
interface Remains {
  readonly bytes: number;
  readonly free: (() => void) | null;
}

const forgotten = new FinalizationRegistry<Remains>(({ bytes, free }) => {
  count(-1, -bytes);
  free?.();
});

function count(tensors: number, bytes: number): void {
  held.tensors += tensors;
  held.bytes += bytes;
}

/** @internal Elements of one dtype, held by any number of tensors and freed when the last lets go. */
export class Storage {
  readonly kernels: Core<unknown>;
  readonly handle: unknown;
  readonly dtype: DType;
  readonly length: number;
  /** Counts writes, so that the tape sees when what it saved has changed. */
  version = 0;
  #holders = 0;

  constructor(dtype: DType, length: number, kernels: Core<unknown> = backendFor(dtype)) {
    if (!Object.hasOwn(bytesOf, dtype)) {
      const known = Object.keys(bytesOf);
      const message = `no dtype is called '${String(dtype)}': choose from ${known.join(', ')}`;
      throw new KeelError('dtype', message, { dtype, known });
    }
    made = true;
    const handle = kernels.alloc(dtype, length);
    this.kernels = kernels;
    this.handle = handle;
    this.dtype = dtype;
    this.length = length;
    const bytes = length * bytesOf[dtype];
    count(1, bytes);
    // Garbage needs no freeing: a remainder that held it would keep it alive through a synchronous loop.
    forgotten.register(this, { bytes, free: kernels.collected(handle) ? null : () => kernels.free(handle, true) }, this);
  }

  hold(): void {
    this.#holders += 1;
  }

  /** Whether more than one tensor holds it. */
  get isShared(): boolean {
    return this.#holders > 1;
  }

  release(): void {
    this.#holders -= 1;
    if (this.#holders > 0) return;
    forgotten.unregister(this);
    count(-1, -this.length * bytesOf[this.dtype]);
    this.kernels.free(this.handle, false);
  }
}
