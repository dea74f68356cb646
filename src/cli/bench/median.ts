// The median time of a call. Imports nothing.

/** Milliseconds of a call: the median of samples that take this many seconds together, after a few calls to warm up. */
export function medianMillis(call: () => void, seconds: number): number {
  const warmEnd = performance.now() + seconds * 200;
  let calls = 0;
  const warmStart = performance.now();
  do {
    call();
    calls++;
  } while (performance.now() < warmEnd);
  // Several calls in a sample of a millisecond or more: the clock is coarse beside one small call.
  const each = (performance.now() - warmStart) / calls;
  const inSample = Math.max(1, Math.ceil(1 / each));
  const samples: number[] = [];
  const end = performance.now() + seconds * 1000;
  do {
    const start = performance.now();
    for (let i = 0; i < inSample; i++) call();
    samples.push((performance.now() - start) / inSample);
  } while (performance.now() < end);
  samples.sort((a, b) => a - b);
  return samples[samples.length >> 1] ?? 0;
}
