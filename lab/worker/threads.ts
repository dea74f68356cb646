// How many threads can work here. Imports nothing.

/** As many as there are processors, at most 8, where memory can be shared; else one. */
export function availableThreads(): number {
  return globalThis.crossOriginIsolated ? Math.min(8, Math.max(1, navigator.hardwareConcurrency)) : 1;
}
