// A thread that fuzzes one target; main.ts watches it, and ends it where it hangs. May import node: and evenkeel.

import { parentPort, workerData } from 'node:worker_threads';
import { type Failure, fuzz } from './run.js';
import { targetOf } from './targets.js';

/** What the thread is told. */
export interface Job {
  readonly target: string;
  readonly seconds: number;
  readonly seed: number;
  /** Two doubles: the seed at work, and when that began. */
  readonly progress: SharedArrayBuffer;
}

/** What it says: a failure, or at the end how many inputs were tried. */
export type Report = { readonly failure: Pick<Failure, 'seed' | 'input'> & { readonly message: string } } | { readonly runs: number };

const { target, seconds, seed, progress }: Job = workerData;
const state = new Float64Array(progress);

const runs = await fuzz(targetOf(target), {
  seconds,
  seed,
  onStart: (next) => {
    state[0] = next;
    state[1] = Date.now();
  },
  onFailure: (failure) => {
    const { seed, input, error } = failure;
    report({ failure: { seed, input, message: error.stack ?? error.message } });
  },
});
report({ runs });

function report(message: Report): void {
  parentPort?.postMessage(message);
}
