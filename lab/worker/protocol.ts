// What page and worker say to each other. Types only.

import type { ChannelsJobs } from './jobs/channels.js';
import type { BlocksJobs } from './jobs/blocks.js';
import type { ConvNeXtJobs } from './jobs/convnext.js';
import type { DataJobs } from './jobs/data.js';
import type { ModelJobs } from './jobs/model.js';
import type { NamesJobs } from './jobs/names.js';
import type { PaddingJobs } from './jobs/padding.js';
import type { RunningJobs } from './jobs/running.js';
import type { SetsJobs } from './jobs/sets.js';
import type { StepsJobs } from './jobs/steps.js';
import type { TrainJobs } from './jobs/train.js';

/** Every job: what is asked, what is answered, and what comes in between. */
export type Jobs = SetsJobs & DataJobs & NamesJobs & ChannelsJobs & StepsJobs & RunningJobs & PaddingJobs & BlocksJobs & ConvNeXtJobs & TrainJobs & ModelJobs;

export type JobName = keyof Jobs;

/** A KeelError, or a defect, as it crosses over. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** From the page. */
export type Message =
  | { readonly id: number; readonly name: JobName; readonly input: unknown }
  | { readonly id: number; readonly word: 'pause' | 'resume' | 'stop' };

/** From the worker. */
export type Answer =
  | { readonly threads: number; readonly hasWasm: boolean }
  | { readonly id: number; readonly part: unknown }
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly failure: Failure };
