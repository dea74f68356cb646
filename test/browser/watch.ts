// What threads do, seen from outside: the messages that start them show where they count. Loaded before evenkeel.

/** The message of pool.ts to worker.js. */
interface Start {
  readonly memory: WebAssembly.Memory;
  readonly places: { readonly control: number };
  readonly words: { readonly started: number; readonly taken: number };
}

const starts: Start[] = [];

let failed = 0;

class Watched extends Worker {
  constructor(...args: ConstructorParameters<typeof Worker>) {
    super(...args);
    this.addEventListener('error', () => (failed += 1));
  }

  override postMessage(data: unknown, ...rest: never[]): void {
    if (typeof data === 'object' && data !== null && 'places' in data) starts.push(data as Start); // nobody else says so
    super.postMessage(data, ...rest);
  }
}
globalThis.Worker = Watched;

export interface Threads {
  /** Workers that were created, those that could not run, those that do, and the tasks that these have done. */
  readonly created: number;
  readonly failed: number;
  readonly started: number;
  readonly taken: number;
}

export function threads(): Threads {
  const last = starts.at(-1);
  if (last === undefined) return { created: 0, failed, started: 0, taken: 0 };
  const words = new Int32Array(last.memory.buffer, last.places.control, 64);
  const [started, taken] = [Atomics.load(words, last.words.started), Atomics.load(words, last.words.taken)];
  return { created: starts.length, failed, started, taken };
}

export const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis));

/** Waits until a condition holds, for a while at most. */
export async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 15_000;
  while (!condition() && performance.now() < end) await pause(5);
}
