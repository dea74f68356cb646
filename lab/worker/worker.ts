// The worker: computes with evenkeel what the page asks. Its jobs are loaded when they are first asked for.

import { availableThreads, hasWasm } from './threads.js';
import { Control } from './control.js';
import type { Answer, Failure, JobName, Message } from './protocol.js';

/** A job: input in, answer out, parts in between. */
export type Job = (input: never, control: Control) => unknown;

const loaders: Readonly<Record<JobName, () => Promise<Job>>> = {
  data: async () => (await import('./jobs/data.js')).data,
  sets: async () => (await import('./jobs/sets.js')).sets,
  sentence: async () => (await import('./jobs/sets.js')).sentence,
  names: async () => (await import('./jobs/names.js')).names,
  verdict: async () => (await import('./jobs/names.js')).verdict,
  worked: async () => (await import('./jobs/names.js')).worked,
  layouts: async () => (await import('./jobs/channels.js')).layouts,
  averages: async () => (await import('./jobs/channels.js')).averages,
  mistakes: async () => (await import('./jobs/channels.js')).mistakes,
  explained: async () => (await import('./jobs/channels.js')).explained,
  steps: async () => (await import('./jobs/steps.js')).steps,
  running: async () => (await import('./jobs/running.js')).running,
  padding: async () => (await import('./jobs/padding.js')).padding,
  unpadded: async () => (await import('./jobs/padding.js')).unpadded,
  block: async () => (await import('./jobs/blocks.js')).block,
  stack: async () => (await import('./jobs/blocks.js')).stack,
  gradients: async () => (await import('./jobs/blocks.js')).gradients,
  convnext: async () => (await import('./jobs/convnext.js')).convnext,
  train: async () => (await import('./jobs/train.js')).train,
  model: async () => (await import('./jobs/model.js')).model,
};

const running = new Map<number, Control>();

addEventListener('message', ({ data }: MessageEvent<Message>) => {
  if ('word' in data) running.get(data.id)?.tell(data.word);
  else void work(data.id, data.name, data.input);
});

post({ threads: availableThreads(), hasWasm });

/** Where there is no WebAssembly the reference backend computes everything. */
let backend: Promise<void> | null = null;

async function work(id: number, name: JobName, input: unknown): Promise<void> {
  const control = new Control((part) => post({ id, part }));
  running.set(id, control);
  try {
    if (!hasWasm) await (backend ??= useReference());
    const job = await loaders[name]();
    // The page asks by the types of protocol.ts.
    post({ id, answer: await job(input as never, control) });
  } catch (error) {
    post({ id, failure: failureOf(error) });
  } finally {
    running.delete(id);
  }
}

async function useReference(): Promise<void> {
  (await import('./reference.js')).useReference();
}

function post(message: Answer): void {
  postMessage(message);
}

/** A KeelError crosses over as its fields: of an Error only the message would. */
function failureOf(error: unknown): Failure {
  const isKeel = error instanceof Error && 'code' in error && 'data' in error;
  if (!isKeel) return { code: 'defect', message: error instanceof Error ? (error.stack ?? error.message) : String(error), data: {} };
  return { code: String(error.code), message: error.message, data: plain(error.data) };
}

function plain(data: unknown): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(JSON.stringify(data, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value))) ?? {};
  } catch {
    return {};
  }
}
