// Timing: everybody is warmed, then sampled in turn, so that noise hits all alike. May import contestant, statistics.

import type { Contestant } from './contestant.js';
import { spreadOf, type Spread } from './statistics.js';

const WARM = 200_000; // µs: V8 compiles a hot loop well within it
const SAMPLE = 5_000; // µs: several calls at a time until a sample takes this long: one alone would time cold caches
const SLOW = 2_000_000; // µs: such a call is timed once, after one that was not
const HOPELESS = 10_000_000; // µs: such a call is made once
const REST = 2; // ms: what a peer's idle threads spin for after their work
const BUDGET = { each: 1_500_000, most: 30, least: 3 }; // µs and numbers of samples for a contestant

interface Runner {
  readonly name: string;
  readonly contestant: Contestant;
  readonly calls: number;
  readonly wanted: number;
  readonly samples: number[];
}

export type Timing = Spread | { readonly error: string };

/** The times of everybody's call in µs; who fails is named with the reason, and the others go on. */
export async function measure(contestants: ReadonlyMap<string, Contestant>, threads: number): Promise<Map<string, Timing>> {
  const timings = new Map<string, Timing>();
  const runners: Runner[] = [];
  for (const [name, contestant] of contestants) {
    await attempt(name, timings, async () => void runners.push(await warm(name, contestant)));
  }
  const rounds = Math.max(0, ...runners.map(({ wanted }) => wanted));
  for (let round = 0; round < rounds; round++) {
    // Somebody else goes first each time: nobody always follows the same neighbour.
    const order = runners.map((_, i) => runners[(i + round) % runners.length]);
    for (const runner of order) {
      if (runner === undefined || timings.has(runner.name) || !takesPart(runner.wanted, round, rounds)) continue;
      await attempt(runner.name, timings, () => takeSample(runner, threads));
    }
  }
  for (const { name, samples } of runners) if (!timings.has(name)) timings.set(name, spreadOf(samples));
  return timings;
}

/** Whether who wants fewer samples than there are rounds takes one in this round: spread evenly over all of them. */
export function takesPart(wanted: number, round: number, rounds: number): boolean {
  return Math.floor(((round + 1) * wanted) / rounds) > Math.floor((round * wanted) / rounds);
}

async function attempt(name: string, timings: Map<string, Timing>, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    timings.set(name, { error: messageOf(error) });
  }
}

export function messageOf(error: unknown): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  return line;
}

async function warm(name: string, contestant: Contestant): Promise<Runner> {
  let micros = await contestant.sample(1);
  // The first call pays for fresh pages, which can take longer than the work.
  if (micros > SLOW && micros < HOPELESS) micros = await contestant.sample(1);
  if (micros > SLOW) return { name, contestant, calls: 1, wanted: 0, samples: [micros] };
  for (let spent = micros; spent < WARM;) {
    const calls = callsIn(micros);
    micros = await contestant.sample(calls);
    spent += micros * calls;
  }
  const calls = callsIn(micros);
  const affordable = Math.floor(BUDGET.each / (micros * calls));
  return { name, contestant, calls, wanted: Math.max(BUDGET.least, Math.min(BUDGET.most, affordable)), samples: [] };
}

function callsIn(micros: number): number {
  return Math.max(1, Math.round(SAMPLE / Math.max(micros, 1)));
}

async function takeSample({ contestant, calls, samples }: Runner, threads: number): Promise<void> {
  if (threads > 1) await new Promise((resolve) => setTimeout(resolve, REST));
  // One call before the clock starts: the caches hold the neighbour's data, and threads may be asleep.
  const last = samples.at(-1) ?? 0;
  if (last * calls < 20 * SAMPLE) await contestant.sample(1);
  samples.push(await contestant.sample(calls));
}
