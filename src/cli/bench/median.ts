// The median time of a call. Imports nothing.

/**
 * Milliseconds of a call: the median of samples that take this many seconds together, after a few calls to warm up.
 *
 * @param pause awaited now and then between samples
 */
export async function medianMillis(call: () => void, seconds: number, pause: () => Promise<void>): Promise<number> {
  let paused = performance.now();
  const rest = async (): Promise<void> => {
    if (performance.now() - paused < BETWEEN_MILLIS) return;
    await pause();
    paused = performance.now();
  };
  const warmEnd = performance.now() + seconds * 200;
  let [calls, inCalls] = [0, 0];
  do {
    await rest();
    const start = performance.now();
    call();
    inCalls += performance.now() - start;
    calls++;
  } while (performance.now() < warmEnd);
  // Several calls in a sample of a millisecond or more: the clock is coarse beside one small call.
  const each = Math.max(inCalls / calls, LEAST_MILLIS);
  const inSample = Math.max(1, Math.ceil(1 / each));
  const samples: number[] = [];
  const end = performance.now() + seconds * 1000;
  do {
    await rest();
    const start = performance.now();
    for (let i = 0; i < inSample; i++) call();
    samples.push((performance.now() - start) / inSample);
  } while (performance.now() < end);
  samples.sort((a, b) => a - b);
  return samples[samples.length >> 1] ?? 0;
}

/** What the clock may not see. */
const LEAST_MILLIS = 1e-6;
/** So soon Ctrl-C is seen. */
const BETWEEN_MILLIS = 50;
