// Threads on one memory: a job is cut into tasks. Each thread claims those of its own share, which its caches may hold from
// the call before, and then what the others have left.
// May import errors.

import { KeelError } from '../../errors.js';

/** Words of the control block, as indices of int32; worker.js gets them with its start. */
const words = {
  epoch: 0, active: 32, parked: 33, failed: 34, started: 35,
  /** Tasks that workers have done since the start. */
  taken: 36,
  total: 40, items: 41, grain: 42, binary: 43, kernel: 44, scratch: 45, scratchBytes: 46, threads: 47,
  /** Address and length of each binary's bytes. */
  binaries: 48,
  /** Tasks that nobody has claimed yet, of each thread's share, a cache line apart. */
  left: 64, leftStep: 16,
};

export type Words = typeof words;

/** Where the words of a pool's workers and a kernel's arguments lie in the memory. */
export interface Places {
  readonly control: number;
  readonly args: number;
}

/** Bytes of the words. */
export const CONTROL = 4 * (64 + 16 * 64);

/** A kernel over items, in tasks of `grain`. */
export interface Job {
  readonly binary: number;
  readonly kernel: number;
  readonly items: number;
  readonly grain: number;
  /** The scratch of thread i begins at `scratch + i * scratchBytes`. */
  readonly scratch: number;
  readonly scratchBytes: number;
  readonly run: (from: number, to: number) => void;
}

/** Longest stretch of idle spinning, after which a worker uses no processor. */
const SPIN_MILLIS = 0.2;
/** What `failed` holds where new workers would fail in the same way; worker.js writes it. */
const CANNOT_COMPILE = 2;
/** Tasks are short: a worker that holds one for so long is gone. */
const STALL_MILLIS = 10_000;

interface Thread {
  terminate(): unknown;
}

/** The workers on a shared memory. The caller is thread 0 and never waits for them to start. */
export class Pool {
  readonly #memory: WebAssembly.Memory;
  readonly #args: number;
  readonly #newControl: () => number;
  #places: Places;
  #control: Int32Array;
  #workers: Thread[] = [];
  #failure: KeelError | null = null;
  /** Whether workers cannot run here at all. */
  #isAlone = false;

  /** `newControl` gives the address of {@link CONTROL} bytes, or 0 where there is no room. */
  constructor(memory: WebAssembly.Memory, args: number, newControl: () => number) {
    this.#memory = memory;
    this.#args = args;
    this.#newControl = newControl;
    this.#places = { args, control: newControl() };
    this.#control = new Int32Array(memory.buffer, this.#places.control, CONTROL / 4).fill(0);
  }

  /** Tells the workers where the bytes of a binary are. */
  announce(binary: number, address: number, bytes: number): void {
    this.#control[words.binaries + 2 * binary] = address;
    this.#control[words.binaries + 2 * binary + 1] = bytes;
  }

  /**
   * Runs a job and returns when it is done.
   *
   * @throws KeelError [worker] when a worker has died, or could not start: once, and the next call has a fresh pool, or
   *   goes on without workers.
   */
  run(job: Job, threads: number): void {
    this.#check();
    if (this.#isAlone) {
      job.run(0, job.items);
      return;
    }
    while (this.#workers.length < threads - 1 && this.#failure === null) this.#start(threads);
    this.#check();
    const c = this.#control;
    const total = Math.ceil(job.items / job.grain);
    this.#join();
    c[words.total] = total;
    c[words.items] = job.items;
    c[words.grain] = job.grain;
    c[words.binary] = job.binary;
    c[words.kernel] = job.kernel;
    c[words.scratch] = job.scratch;
    c[words.scratchBytes] = job.scratchBytes;
    c[words.threads] = threads;
    // Last, as a worker may claim from here on.
    for (let share = 0; share < threads; share++) {
      Atomics.store(c, leftOf(share), endOf(share, total, threads) - endOf(share - 1, total, threads));
    }
    Atomics.add(c, words.epoch, 1);
    // Waking takes a while, in which further jobs need not pay for the same call again.
    if (Atomics.exchange(c, words.parked, 0) > 0) Atomics.notify(c, words.epoch);
    try {
      for (let share = 0; share < threads; share++) {
        const at = leftOf(share);
        for (let left = claim(c, at); left > 0; left = claim(c, at)) {
          const from = (endOf(share, total, threads) - left) * job.grain;
          job.run(from, Math.min(job.items, from + job.grain));
        }
      }
    } finally {
      // Whatever happened here: operands stay where they are until the others are done with them.
      for (let share = 0; share < threads; share++) Atomics.store(c, leftOf(share), 0);
      this.#join();
    }
    const failed = Atomics.exchange(c, words.failed, 0);
    if (failed === 0) return;
    if (failed === CANNOT_COMPILE) this.#fail("a worker thread could not compile the kernels (worker.js needs the page's headers)", true);
    else this.#fail('a worker thread failed in the middle of a kernel');
    this.#check();
  }

  /** Ends the workers. */
  close(): void {
    for (const worker of this.#workers) worker.terminate();
    this.#workers = [];
  }

  /** Waits until no worker is inside the job. */
  #join(): void {
    const c = this.#control;
    let end = 0;
    for (let turn = 1; ; turn++) {
      const active = Atomics.load(c, words.active);
      if (active === 0) return;
      if (turn % 1024 !== 0) continue;
      const now = performance.now();
      end ||= now + STALL_MILLIS;
      if (now > end) {
        this.#fail('a worker thread stopped in the middle of a kernel');
        this.#check();
      }
      // A page may not block; elsewhere the caller leaves its processor to the workers.
      if (mayBlock && turn > 16_384) Atomics.wait(c, words.active, active, 1);
    }
  }

  #check(): void {
    const failure = this.#failure;
    if (failure === null) return;
    this.#failure = null;
    throw failure;
  }

  #fail(what: string, forGood = Atomics.load(this.#control, words.started) === 0): void {
    this.close();
    // Workers end some time after they are told to: what they still do to their words must not reach the next ones'.
    const control = this.#newControl();
    this.#isAlone = forGood || control === 0;
    if (!this.#isAlone) {
      const binaries = this.#control.slice(words.binaries, words.left);
      this.#places = { args: this.#args, control };
      this.#control = new Int32Array(this.#memory.buffer, control, CONTROL / 4).fill(0);
      this.#control.set(binaries, words.binaries);
    }
    this.#failure = new KeelError(
      'worker',
      this.#isAlone
        ? `${what}: calls from here on use one thread; put evenkeel/worker.js beside the module, on the same origin, or say init({ threads: 1 })`
        : `${what}: no live tensor is lost; call again, which starts new threads, or work on one with init({ threads: 1 })`,
      {},
    );
  }

  #start(threads: number): void {
    const index = this.#workers.length + 1;
    const data = { memory: this.#memory, index, places: this.#places, spinMillis: SPIN_MILLIS, words };
    const died = (worker: Thread, why: string) => {
      if (this.#workers.includes(worker)) this.#fail(`worker thread ${index} of ${threads - 1} ${why}`);
    };
    try {
      const worker = startWorker(data, died);
      this.#workers.push(worker);
    } catch (error) {
      // A bundle that is no module has no address; workers of another origin are refused.
      this.#fail(`worker thread ${index} of ${threads - 1} could not start (${error instanceof Error ? error.message : String(error)})`, true);
    }
  }
}

function leftOf(share: number): number {
  return words.left + share * words.leftStep;
}

/** The first task behind a thread's share. */
function endOf(share: number, total: number, threads: number): number {
  return Math.floor((total * (share + 1)) / threads);
}

/** How many tasks of a share were left, of which one is now the caller's; 0 or less for none. */
function claim(control: Int32Array, at: number): number {
  return Atomics.load(control, at) > 0 ? Atomics.sub(control, at, 1) : 0;
}

const mayBlock = typeof document === 'undefined';

function startWorker(data: object, died: (worker: Thread, why: string) => void): Thread {
  const node = globalThis.process?.getBuiltinModule?.('node:worker_threads');
  if (node === undefined) {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
    worker.addEventListener('error', (event) => {
      event.preventDefault();
      died(worker, `could not run (${event.message || 'its file was not found, or the page forbids it'})`);
    });
    worker.postMessage(data);
    return worker;
  }
  const base = import.meta.url;
  // Flags of the program, such as those of `node -e`, are not for a file.
  const worker = new node.Worker(new URL('./worker.js', base), { workerData: data, execArgv: [] });
  // Node may end while workers are parked.
  worker.unref();
  worker.on('error', (error) => died(worker, `could not run (${error instanceof Error ? error.message : String(error)})`));
  worker.on('exit', () => died(worker, 'ended'));
  return worker;
}
