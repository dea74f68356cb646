// What a page does with evenkeel, as its tests ask for it; the same in a worker of the page.
import { threads, until, type Threads } from '../watch.js';
import { init, KeelError, useBackend } from 'evenkeel';
import { bitsOf, jobNames } from '../work.js';

export interface Order {
  readonly backend?: string;
  readonly threads?: number;
  /** The address of evenkeel.wasm, and whether the page reads its bytes itself. */
  readonly wasm?: string;
  readonly asBytes?: boolean;
  /** Which jobs; all unless some are named. */
  readonly jobs?: readonly string[];
}

export interface Report {
  readonly isolated: boolean;
  readonly threads: Threads;
  /** By job, before workers could start and afterwards; what a call threw stands in its place. */
  readonly first: Readonly<Record<string, string>>;
  readonly later: Readonly<Record<string, string>>;
  /** What calls threw, as code and message, without repetition. */
  readonly errors: readonly string[];
}

export async function run({ backend, threads: count, wasm, asBytes, jobs = jobNames }: Order): Promise<Report> {
  const errors = new Set<string>();
  const caught = (error: unknown): string => {
    const text = error instanceof KeelError ? `[${error.code}] ${error.message}` : `not a KeelError: ${String(error)}`;
    errors.add(text);
    return text;
  };
  const attempt = (name: string): string => {
    try {
      return bitsOf(name);
    } catch (error) {
      return caught(error);
    }
  };
  const all = () => Object.fromEntries(jobs.map((name) => [name, attempt(name)]));

  if (backend !== undefined) useBackend(backend);
  else {
    const file = asBytes === true && wasm !== undefined ? await (await fetch(wasm)).arrayBuffer() : wasm;
    await init({ ...(count !== undefined && { threads: count }), ...(file !== undefined && { wasm: file }) }).catch(caught);
  }
  const first = all();
  // A worker that cannot run tells so when the job is done.
  await until(() => threads().failed > 0 || threads().started === threads().created);
  const later = all();
  if (errors.size === 0 && threads().started > 0) await until(() => [all()].length > 0 && threads().taken > 0);
  return { isolated: globalThis.crossOriginIsolated, threads: threads(), first, later, errors: [...errors] };
}
