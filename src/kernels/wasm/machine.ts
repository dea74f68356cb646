// The WASM memory, what is loaded on it, and calls of kernels. Started by the first tensor.
// May import errors and trace.

import { KeelError, showGiven } from '../../errors.js';
import { checkFile, compile, unavailable, type Binary } from './binary.js';
import { note } from '../trace.js';
import { Heap } from './heap.js';
import { CONTROL, Pool } from './pool.js';

/** How a job may be cut. */
export interface Work {
  readonly items: number;
  /** Items of one task; a job of one task stays on the caller. */
  readonly grain: number;
  readonly parallel: boolean;
  /** Bytes that each thread has for itself. */
  readonly scratch: number;
}

/** 64 bytes of 1 and of 0: a missing weight and bias, read without stepping. */
export const ONES = 1408;
export const ZEROS = 1472;
/** Below are arguments and the binaries' constants. */
const HEAP = 65_536;
/** Where a kernel's arguments lie. */
const ARGS = 512;
const PAGE = 65_536;
/** What tensors may take before they become ordinary garbage, at first. */
const FIRST_LIMIT = 1.5 * 2 ** 30;
/** Less than this is not worth a collection. */
const QUIET = 128 << 20;
/** An array of this size is as good as any larger one. */
const LOUD = 256 << 20;
const MOST_BYTES = 65_000 * PAGE;

type Kernel = (args: number, from: number, to: number, scratch: number) => void;

interface Loaded {
  readonly id: number;
  readonly kernels: ReadonlyMap<string, { readonly index: number; readonly call: Kernel }>;
}

/** Settings of `init` and the environment. */
interface Settings {
  threads: number | null;
  /** All kernels in one file, in place of those that are bundled. */
  file: Uint8Array<ArrayBuffer> | null;
}

const settings: Settings = { threads: null, file: null };
let started: Machine | null = null;

/** The machine, started by the first call. */
export function machine(): Machine {
  return (started ??= new Machine(settings.threads ?? threadsByDefault()));
}

/** Settles the number of threads and the file of the kernels; a bad file leaves everything as it was. */
export function configure({ threads, file }: { readonly threads?: number; readonly file?: Uint8Array<ArrayBuffer> }): void {
  if (file !== undefined) checkFile(file);
  settings.threads = threads ?? settings.threads;
  settings.file = file ?? settings.file;
}

function isShared(threads: number): boolean {
  return threads > 1 && typeof SharedArrayBuffer !== 'undefined';
}

export class Machine {
  /** The most threads that a launch uses; results never depend on it. */
  readonly threads: number;
  readonly #memory: WebAssembly.Memory;
  readonly #heap: Heap;
  readonly #pool: Pool | null;
  readonly #loaded = new Map<string, Loaded>();
  readonly #temporaries: number[] = [];
  #limit = FIRST_LIMIT;
  #held = 0;
  #untold = 0;
  #isReconsidering = false;
  #scratch = { address: 0, bytes: 0 };
  #views: { f32: Float32Array; f64: Float64Array; i32: Int32Array };

  constructor(threads: number) {
    const shared = isShared(threads);
    this.threads = shared ? threads : 1;
    this.#memory = newMemory(shared);
    this.#views = this.#look();
    const { f32 } = this.#views;
    f32.fill(1, ONES / 4, ONES / 4 + 16);
    f32.fill(0, ZEROS / 4, ZEROS / 4 + 16);
    const memory = this.#memory;
    const ground = {
      get bytes() {
        return memory.buffer.byteLength;
      },
      grow: (bytes: number) => grow(memory, bytes),
    };
    this.#heap = new Heap(ground, HEAP);
    this.#pool = shared ? new Pool(memory, ARGS, () => this.#heap.alloc(CONTROL, MOST_BYTES)) : null;
  }

  /** Views of the whole memory; good until something allocates. */
  get f32(): Float32Array {
    return this.#current().f32;
  }

  get f64(): Float64Array {
    return this.#current().f64;
  }

  get i32(): Int32Array {
    return this.#current().i32;
  }

  get buffer(): ArrayBufferLike {
    return this.#memory.buffer;
  }

  /**
   * The address of a tensor's elements, or 0 where tensors have reached their limit.
   *
   * @throws KeelError [memory] for more than there are addresses.
   */
  alloc(bytes: number): number {
    if (bytes > MOST_BYTES) throw outOfMemory(bytes);
    const address = this.#held + bytes > this.#limit ? 0 : this.#heap.alloc(bytes, Math.min(MOST_BYTES, this.#limit * 1.25));
    if (address === 0) return 0;
    this.#held += bytes;
    this.#tellCollector(bytes);
    return address;
  }

  /** The collector sees no WASM memory: arrays of the same size, dropped at once, make it look for forgotten tensors. */
  #tellCollector(bytes: number): void {
    this.#untold = this.#held < QUIET ? 0 : this.#untold + bytes;
    if (this.#untold < this.#held / 4) return;
    try {
      void new ArrayBuffer(Math.min(this.#untold, LOUD));
    } catch {
      // Where there is no room for it, the collector knows already.
    }
    this.#untold = 0;
  }

  free(address: number, bytes: number): void {
    this.#heap.free(address, bytes);
    this.#held -= bytes;
  }

  /** Called when forgotten tensors come back: what is held once all have is in use, so the limit was too low. */
  reconsiderLimit(): void {
    if (this.#isReconsidering || this.#held <= this.#limit * 0.75) return;
    this.#isReconsidering = true;
    const timer: { unref?(): void } | number = setTimeout(() => {
      this.#isReconsidering = false;
      if (this.#held > this.#limit * 0.75) this.#limit = Math.min(this.#limit * 2, MOST_BYTES);
    }, 0);
    // A program that is done may end.
    if (typeof timer === 'object') timer.unref?.();
  }

  /**
   * Memory until {@link settle}, uninitialized.
   *
   * @throws KeelError [memory] where there is none.
   */
  temporary(bytes: number): number {
    const address = this.#heap.alloc(bytes, MOST_BYTES);
    if (address === 0) throw outOfMemory(bytes);
    this.#temporaries.push(address, bytes);
    return address;
  }

  /** Ends the temporaries of a call. */
  settle(): void {
    for (let i = 0; i < this.#temporaries.length; i += 2) this.#heap.free(this.#temporaries[i]!, this.#temporaries[i + 1]!);
    this.#temporaries.length = 0;
  }

  /** Runs a kernel on all items of a job and returns when it is done. */
  launch(binary: Binary, kernel: string, args: readonly number[], work: Work): void {
    const { id, kernels } = this.#loaded.get(binary.name) ?? this.#load(binary);
    const found = kernels.get(kernel);
    if (found === undefined) throw new KeelError('wasm', `the ${binary.name} binary has no kernel called '${kernel}'`, { kernel });
    const isParallel = work.parallel && this.#pool !== null && work.items > work.grain;
    const scratch = this.#scratchOf(work.scratch);
    this.f64.set(args, ARGS / 8);
    note(kernel, isParallel ? this.threads : 1);
    if (!isParallel) {
      found.call(ARGS, 0, work.items, scratch);
      return;
    }
    const run = (from: number, to: number) => found.call(ARGS, from, to, scratch);
    const job = { ...work, binary: id, kernel: found.index, scratch, scratchBytes: this.#scratch.bytes, run };
    this.#pool?.run(job, this.threads);
  }

  /** The scratch of thread 0; the others' follow it. */
  #scratchOf(bytes: number): number {
    const old = this.#scratch;
    if (bytes <= old.bytes) return old.address;
    const wanted = Math.ceil(Math.max(bytes, 65_536) / 4096) * 4096 + 192;
    if (old.address !== 0) this.#heap.free(old.address, old.bytes * this.threads);
    this.#scratch = { address: 0, bytes: 0 };
    const address = this.#heap.alloc(wanted * this.threads, MOST_BYTES);
    if (address === 0) throw outOfMemory(wanted * this.threads);
    this.#scratch = { address, bytes: wanted };
    return address;
  }

  #load(binary: Binary): Loaded {
    const { module, bytes } = compile(binary, settings.file, this.#pool !== null);
    const instance = new WebAssembly.Instance(module, { env: { memory: this.#memory } });
    const calls = Object.entries(instance.exports).filter(([, value]) => typeof value === 'function');
    const kernels = new Map(calls.map(([name, call], index) => [name, { index, call: call as Kernel }])); // every export of ours has this signature
    const loaded = { id: this.#loaded.size, kernels };
    if (this.#pool !== null) {
      const address = this.#heap.alloc(bytes.length, MOST_BYTES);
      if (address === 0) throw outOfMemory(bytes.length);
      new Uint8Array(this.#memory.buffer).set(bytes, address);
      this.#pool.announce(loaded.id, address, bytes.length);
    }
    this.#loaded.set(binary.name, loaded);
    return loaded;
  }

  #current() {
    // Memory that is not shared takes its old views away when it grows; shared memory leaves them short.
    return this.#views.f32.buffer === this.#memory.buffer ? this.#views : (this.#views = this.#look());
  }

  #look() {
    const { buffer } = this.#memory;
    return { f32: new Float32Array(buffer), f64: new Float64Array(buffer), i32: new Int32Array(buffer) };
  }
}

function outOfMemory(bytes: number): KeelError {
  const most = bytes > MOST_BYTES ? ` (a WASM memory has at most ${MOST_BYTES}, for all tensors)` : '';
  return new KeelError('memory', `could not allocate ${bytes} bytes${most}: dispose tensors, or use smaller ones`, { bytes });
}

function newMemory(shared: boolean): WebAssembly.Memory {
  if (typeof WebAssembly === 'undefined') throw unavailable('there is no WebAssembly');
  // Some devices refuse to set aside all 4 GB.
  for (let maximum = 65_536; ; maximum /= 2) {
    try {
      return new WebAssembly.Memory({ initial: 16, maximum, shared });
    } catch (error) {
      if (maximum <= 4096) throw unavailable(`no memory could be reserved (${String(error)})`);
    }
  }
}

function grow(memory: WebAssembly.Memory, bytes: number): boolean {
  try {
    memory.grow(Math.ceil((bytes - memory.buffer.byteLength) / PAGE));
    return true;
  } catch {
    return false;
  }
}

function threadsByDefault(): number {
  const given = globalThis.process?.env?.['KEEL_THREADS'];
  if (given !== undefined && given !== '') return checkThreads(given.trim() === '' ? NaN : Number(given), 'KEEL_THREADS', given);
  const node = globalThis.process?.getBuiltinModule?.('node:os');
  return Math.min(MOST_THREADS, node?.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 1);
}

/** More than this only compete for the memory, unless they are asked for. */
const MOST_THREADS = 8;

/** A number of threads as it was given. */
export function checkThreads(threads: number, name = 'threads', given: unknown = threads): number {
  if (Number.isInteger(threads) && threads >= 1 && threads <= 64) return threads;
  throw new KeelError('argument', `${name} must be a whole number from 1 to 64, got ${showGiven(given)}`, { threads: given });
}
