// Fuzzes a target in a thread of its own, and ends the thread where an input hangs or takes all memory. May import node:.

import { Worker } from 'node:worker_threads';
import { inputOf } from './run.js';
import { targetOf } from './targets.js';
import type { Job, Report } from './worker.js';

/** On a clock, not of a processor, which others use too. */
const MOST_MILLIS = 60_000;
const MOST_HEAP_MIB = 1024;

/** A failure as it is printed. */
export interface Found {
  readonly seed: number;
  readonly input: Uint8Array;
  readonly message: string;
}

/** Fuzzes for some seconds, through hangs too; gives the number of inputs. */
export async function watched(target: string, seconds: number, seed: number, onFailure: (found: Found) => void): Promise<number> {
  const end = Date.now() + 1000 * seconds;
  let tried = 0;
  for (let next = seed; ; ) {
    const left = Math.max(0, (end - Date.now()) / 1000);
    const { runs, hung } = await thread({ target, seconds: left, seed: next, progress: new SharedArrayBuffer(16) }, onFailure);
    if (hung === null) return tried + (runs ?? 0);
    onFailure({ seed: hung.seed, input: inputOf(targetOf(target), hung.seed), message: hung.message });
    tried += hung.seed + 1 - next;
    next = hung.seed + 1;
    if (Date.now() >= end) return tried;
  }
}

interface Ended {
  readonly runs: number | null;
  readonly hung: { readonly seed: number; readonly message: string } | null;
}

function thread(job: Job, onFailure: (found: Found) => void): Promise<Ended> {
  const state = new Float64Array(job.progress);
  const worker = new Worker(new URL('./worker.js', import.meta.url), {
    workerData: job,
    resourceLimits: { maxOldGenerationSizeMb: MOST_HEAP_MIB },
  });
  return new Promise((resolve) => {
    let runs: number | null = null;
    let message: string | null = null;
    const timer = setInterval(() => {
      const started = state[1] ?? 0;
      if (started === 0 || Date.now() - started < MOST_MILLIS) return;
      message = `it hangs: no end after ${MOST_MILLIS} ms`;
      void worker.terminate();
    }, 500);
    worker.on('message', (report: Report) => {
      if ('failure' in report) onFailure(report.failure);
      else runs = report.runs;
    });
    worker.on('error', (error: unknown) => {
      message ??= `the thread died: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
    });
    worker.on('exit', () => {
      clearInterval(timer);
      if (runs === null) message ??= 'the thread ended without a word';
      resolve({ runs, hung: message === null ? null : { seed: state[0] ?? job.seed, message } });
    });
  });
}
