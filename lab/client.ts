// The worker as the page sees it: questions, answers, progress, and a new worker where one dies. Imports signals only.

import { effect, signal, type ReadonlySignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import type { Answer, Failure, JobName, Jobs, Message } from './worker/protocol.js';

/** What went wrong, as the worker says it. */
export class JobError extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** How often a worker died and another took its place. */
export const restarts = signal(0);

/** Whether more than one thread can work here; null until the worker says so. */
export const threads = signal<number | null>(null);

/** Whether WebAssembly computes; else the reference backend does. */
export const hasWasm = signal(true);

interface Waiting {
  resolve(answer: unknown): void;
  reject(error: JobError): void;
  progress(part: unknown): void;
}

const waiting = new Map<number, Waiting>();
let worker: Worker | null = null;
let last = 0;

/** A question that is under way. */
export interface Asked<N extends JobName> {
  readonly answer: Promise<Jobs[N]['answer']>;
  /** Tells a long job something, such as to pause. */
  tell(word: 'pause' | 'resume' | 'stop'): void;
}

/** Asks the worker; parts of a long answer come to `progress`. */
export function ask<N extends JobName>(name: N, input: Jobs[N]['ask'], progress: (part: Jobs[N]['part']) => void = () => undefined): Asked<N> {
  const id = ++last;
  worker ??= start();
  const answer = new Promise<Jobs[N]['answer']>((resolve, reject) => {
    // A job's answer and parts are those of its name.
    waiting.set(id, { resolve: resolve as Waiting['resolve'], reject, progress: progress as Waiting['progress'] });
  });
  worker.postMessage({ id, name, input } satisfies Message);
  return { answer, tell: (word) => worker?.postMessage({ id, word } satisfies Message) };
}

function start(): Worker {
  const made = new Worker(new URL('./worker/worker.ts', import.meta.url), { type: 'module' });
  made.addEventListener('message', ({ data }: MessageEvent<Answer>) => receive(data));
  made.addEventListener('error', (event) => died(made, event.message));
  made.addEventListener('messageerror', () => died(made, 'a message that cannot be read'));
  return made;
}

function receive(message: Answer): void {
  if ('threads' in message) {
    threads.value = message.threads;
    hasWasm.value = message.hasWasm;
    return;
  }
  const asked = waiting.get(message.id);
  if (asked === undefined) return;
  if ('part' in message) return asked.progress(message.part);
  waiting.delete(message.id);
  if ('failure' in message) asked.reject(new JobError(message.failure));
  else asked.resolve(message.answer);
}

/** All that waited is told; the next question starts a new worker. */
function died(which: Worker, reason: string): void {
  if (which !== worker) return;
  which.terminate();
  worker = null;
  restarts.value++;
  const failure: Failure = { code: 'worker', message: reason, data: {} };
  for (const asked of waiting.values()) asked.reject(new JobError(failure));
  waiting.clear();
}

/** What is known of a question: the last answer stays while the next is under way. */
export interface Known<N extends JobName> {
  readonly answer: Jobs[N]['answer'] | null;
  readonly failure: Failure | null;
  readonly isBusy: boolean;
}

/** The answer to a question that changes: asked again whenever `input` gives another one; null asks nothing. */
export function useJob<N extends JobName>(name: N, input: () => Jobs[N]['ask'] | null): ReadonlySignal<Known<N>> {
  const known = useMemo(() => signal<Known<N>>({ answer: null, failure: null, isBusy: true }), [name]);
  useEffect(
    () =>
      effect(() => {
        const wanted = input();
        // A worker that took a dead one's place is asked again.
        void restarts.value;
        // Read by nobody else: an older answer must not take the place of a newer one.
        const asked = (newest.get(known) ?? 0) + 1;
        newest.set(known, asked);
        if (wanted === null) return;
        known.value = { ...known.peek(), isBusy: true };
        const settle = (change: Partial<Known<N>>) => {
          if (newest.get(known) === asked) known.value = { ...known.peek(), isBusy: false, ...change };
        };
        ask(name, wanted).answer.then(
          (answer) => settle({ answer, failure: null }),
          (error: unknown) => settle({ failure: error instanceof JobError ? error.failure : { code: 'defect', message: String(error), data: {} } }),
        );
      }),
    [name],
  );
  return known;
}

const newest = new WeakMap<object, number>();
