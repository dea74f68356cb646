// The runs of screen 8: kept while the page is open, trained one after the other. Imports the client and signals.

import { computed, signal } from '@preact/signals';
import { ask, JobError, type Asked } from '../client.js';
import type { TrainAnswer, TrainEpoch, TrainPart } from '../worker/jobs/train.js';
import type { TrainSettings } from '../worker/jobs/trainnames.js';
import type { Failure } from '../worker/protocol.js';

export interface Run {
  readonly id: number;
  readonly settings: TrainSettings;
  readonly state: 'waiting' | 'running' | 'paused' | 'done' | 'stopped' | 'failed';
  /** Which colour and dashes it has: the first that no other has. */
  readonly slot: number;
  /** Of every step. */
  readonly losses: readonly number[];
  readonly epochs: readonly TrainEpoch[];
  readonly done: number;
  readonly total: number;
  readonly secondsLeft: number | null;
  readonly answer: TrainAnswer | null;
  readonly failure: Failure | null;
}

export const runs = signal<readonly Run[]>([]);

/** The run that is under way. */
export const current = computed(() => runs.value.find(({ state }) => state === 'running' || state === 'paused') ?? null);

let asked: { readonly id: number; readonly job: Asked<'train'> } | null = null;
let last = 0;

/** Trains with these settings, one after the other. The same settings give the same bits: an older run of them makes room. */
export function start(all: readonly TrainSettings[]): void {
  for (const settings of all) {
    const key = JSON.stringify(settings);
    const others = runs.value.filter((run) => JSON.stringify(run.settings) !== key);
    // What is under way already goes on.
    if (runs.value.some((run) => run.state !== 'done' && run.state !== 'stopped' && run.state !== 'failed' && !others.includes(run))) continue;
    runs.value = [...others, fresh(settings, others)];
  }
  next();
}

function fresh(settings: TrainSettings, others: readonly Run[]): Run {
  const taken = new Set(others.map(({ slot }) => slot));
  let slot = 0;
  while (taken.has(slot)) slot++;
  return { id: ++last, settings, state: 'waiting', slot, losses: [], epochs: [], done: 0, total: 0, secondsLeft: null, answer: null, failure: null };
}

function next(): void {
  const run = runs.value.find(({ state }) => state === 'waiting');
  if (current.value !== null || run === undefined) return;
  const { id, settings } = run;
  change(id, () => ({ state: 'running' }));
  const job = ask('train', settings, (part) => take(id, part));
  asked = { id, job };
  const end = (changes: Partial<Run>): void => {
    change(id, () => changes);
    if (asked?.id === id) asked = null;
    next();
  };
  job.answer.then(
    (answer) => end({ state: answer.isFinished ? 'done' : 'stopped', answer, secondsLeft: null }),
    (error: unknown) => end({ state: 'failed', failure: error instanceof JobError ? error.failure : { code: 'defect', message: String(error), data: {} } }),
  );
}

function take(id: number, { losses, epochs, done, total, secondsLeft }: TrainPart): void {
  change(id, (run) => ({ losses: [...run.losses, ...losses], epochs: [...run.epochs, ...epochs], done, total, secondsLeft }));
}

function change(id: number, changes: (run: Run) => Partial<Run>): void {
  runs.value = runs.value.map((run) => (run.id === id ? { ...run, ...changes(run) } : run));
}

export function pause(): void {
  tell('pause', 'paused');
}

export function resume(): void {
  tell('resume', 'running');
}

function tell(word: 'pause' | 'resume', state: Run['state']): void {
  if (asked === null) return;
  asked.job.tell(word);
  change(asked.id, () => ({ state }));
}

/** Stops the run that is under way, and drops those that wait. */
export function stop(): void {
  runs.value = runs.value.filter(({ state }) => state !== 'waiting');
  asked?.job.tell('stop');
}

export function remove(id: number): void {
  if (asked?.id === id) asked.job.tell('stop');
  runs.value = runs.value.filter((run) => run.id !== id);
}
