// Which model screen 9 has open, how far it is read, and what was found. Imports the client and signals.

import { signal } from '@preact/signals';
import type { Inspection } from 'evenkeel/inspect';
import { ask, JobError, type Asked } from '../client.js';
import type { ModelAsk, ModelPart } from '../worker/jobs/model.js';
import { sampleFiles } from '../worker/jobs/samplenames.js';
import type { Failure } from '../worker/protocol.js';

/** The reader's own file, which no address can hold; null: the sample that the address names. */
export const ownModel = signal<{ readonly file: File; readonly config: File | null } | null>(null);

/** What is known: the last inspection stays where the next file cannot be read. */
export const known = signal<{
  readonly inspection: Inspection | null;
  readonly isSample: boolean;
  readonly failure: Failure | null;
  /** The file that is being read. */
  readonly reading: string | null;
  readonly progress: ModelPart | null;
}>({ inspection: null, isSample: false, failure: null, reading: null, progress: null });

let asked: Asked<'model'> | null = null;

/** Reads a file's norms; one that is being read makes room. */
export function read(wanted: ModelAsk): void {
  stop();
  const isSample = typeof wanted.file === 'string';
  const reading = typeof wanted.file === 'string' ? sampleFiles[wanted.file] : wanted.file.name;
  known.value = { ...known.value, failure: null, reading, progress: null };
  const job = ask('model', wanted, (progress) => {
    if (asked === job) known.value = { ...known.value, progress };
  });
  asked = job;
  const settle = (change: Partial<typeof known.value>): void => {
    // A file that was stopped says no more.
    if (asked === job) known.value = { ...known.value, ...change, reading: null, progress: null };
  };
  job.answer.then(
    (inspection) => settle({ inspection, isSample, failure: null }),
    (error: unknown) => settle({ failure: error instanceof JobError ? error.failure : { code: 'defect', message: String(error), data: {} } }),
  );
}

export function stop(): void {
  asked?.tell('stop');
  asked = null;
  known.value = { ...known.value, reading: null, progress: null };
}

/** Of several files one is the model, and a config.json may be beside it. */
export function openFiles(files: readonly File[]): boolean {
  const file = files.find((each) => !isConfig(each)) ?? files[0];
  if (file === undefined) return false;
  ownModel.value = { file, config: files.find((each) => each !== file && isConfig(each)) ?? null };
  return true;
}

function isConfig({ name }: File): boolean {
  return name.endsWith('.json') && !name.endsWith('.index.json');
}
