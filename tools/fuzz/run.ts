// Inputs one after another, and what is wrong with any. May import evenkeel.

import { allocatedBy } from './allocation.js';
import { memory } from 'evenkeel';
import { Dice } from './dice.js';
import { claim, type Target, Wrong } from './target.js';

/** Processor time for an input: so many milliseconds, and so many more for each MiB. */
const MILLIS = 2000;
const MILLIS_PER_MIB = 2000;

/** Growth of the whole process that no input of a corpus justifies. */
const MOST_RESIDENT_GROWTH = 2 ** 30;

/** An input that failed. */
export interface Failure {
  readonly seed: number;
  readonly input: Uint8Array;
  readonly error: Error;
}

/** The input of a seed. */
export function inputOf(target: Target, seed: number): Uint8Array {
  return target.make(new Dice(seed));
}

/** What is wrong with an input: null where nothing is. */
export async function tryInput(target: Target, input: Uint8Array): Promise<Error | null> {
  const before = memory().tensors;
  const started = process.cpuUsage();
  try {
    const most = target.most(input.length);
    const { bytes, stack } = await allocatedBy(() => target.check(input));
    claim(bytes <= most, () => `${bytes} bytes allocated for an input of ${input.length}, ${most} at most; ${stack}`);
    const { user, system } = process.cpuUsage(started);
    const millis = (user + system) / 1000;
    const limit = MILLIS + (MILLIS_PER_MIB * input.length) / 2 ** 20;
    claim(millis <= limit, () => `${millis} ms for an input of ${input.length} bytes, ${limit} at most`);
    const left = memory().tensors - before;
    claim(left <= 0 || target.isProcess === true, () => `${left} tensors are left`);
    return null;
  } catch (error) {
    return error instanceof Error ? error : new Wrong(`thrown: ${String(error)}`);
  }
}

/** Tries inputs of `seed`, `seed + 1` and so on for some seconds; `onStart` is told of each seed. */
export async function fuzz(
  target: Target,
  { seconds, seed, onStart, onFailure }: {
    readonly seconds: number;
    readonly seed: number;
    readonly onStart?: (seed: number) => void;
    readonly onFailure: (failure: Failure) => void;
  },
): Promise<number> {
  const end = performance.now() + 1000 * seconds;
  const resident = process.memoryUsage.rss();
  let next = seed;
  do {
    onStart?.(next);
    const input = inputOf(target, next);
    const error = await tryInput(target, input);
    if (error !== null) onFailure({ seed: next, input, error });
    next++;
    const growth = process.memoryUsage.rss() - resident;
    if (growth > MOST_RESIDENT_GROWTH) {
      onFailure({ seed: next - 1, input, error: new Wrong(`the process grew by ${growth} bytes`) });
      break;
    }
  } while (performance.now() < end);
  return next - seed;
}
