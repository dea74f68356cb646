// How fast this machine copies: memory.copy and a loop of SIMD loads and stores, on as many threads as the others get.

import { Worker } from 'node:worker_threads';
import { timeCalls, type Contestant } from './contestant.js';
import { copyModule } from './copybytes.js';

/** What a copying thread is told at its start. */
export interface CopyOrder {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** Int32: number of the job, threads that are done, bytes, from, to, whether by the loop. */
  readonly control: SharedArrayBuffer;
  readonly part: number;
  readonly parts: number;
}

export interface Copies {
  readonly copy: Contestant;
  readonly loop: Contestant;
}

const PAGE = 65536;
/** From one array to the next, so that they do not lie at equal offsets of a page. */
const GAP = 192;

/** Copies of so many bytes; they share their memory, which goes when both are closed. */
export async function enterCopies(bytes: number, threads: number): Promise<Copies> {
  const rounded = Math.ceil(bytes / (64 * threads)) * 64 * threads;
  const pages = Math.ceil((2 * rounded + GAP) / PAGE);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: 65536, shared: true });
  // Pages that nobody wrote to are one page, which stays in the cache.
  new Uint8Array(memory.buffer).fill(1);
  const module = new WebAssembly.Module(copyModule);
  const control = new SharedArrayBuffer(24);
  const words = new Int32Array(control);
  const workers = Array.from({ length: threads - 1 }, (_, i) => {
    const workerData: CopyOrder = { module, memory, control, part: i + 1, parts: threads };
    const worker = new Worker(new URL('./copier.js', import.meta.url), { workerData });
    worker.unref();
    return worker;
  });
  while (Atomics.load(words, 1) < threads - 1) await new Promise((resolve) => setTimeout(resolve, 1));

  // The module is copybytes.ts's.
  const { copy, loop } = new WebAssembly.Instance(module, { '': { memory } }).exports as Record<
    'copy' | 'loop',
    (to: number, from: number, bytes: number) => void
  >;
  const from = 0;
  const to = rounded + GAP;
  const share = rounded / threads;
  const together = (run: typeof copy, loops: number) => (): void => {
    if (threads > 1) {
      words.set([0, rounded, from, to, loops], 1);
      Atomics.add(words, 0, 1);
      Atomics.notify(words, 0);
    }
    run(to, from, share);
    while (Atomics.load(words, 1) < threads - 1);
  };
  let open = 2;
  const close = async (): Promise<void> => {
    open -= 1;
    if (open === 0) await Promise.all(workers.map((worker) => worker.terminate()));
  };
  const contestant = (run: () => void): Contestant => ({ sample: (calls) => timeCalls(calls, run), probe: () => null, close });
  return { copy: contestant(together(copy, 0)), loop: contestant(together(loop, 1)) };
}
