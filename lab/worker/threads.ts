// What can compute here. Imports nothing.

/** Some browsers are set to run none. */
export const hasWasm = typeof globalThis.WebAssembly !== 'undefined';

/** As many as there are processors, at most 8, where memory can be shared; else one. */
export function availableThreads(): number {
  return globalThis.crossOriginIsolated ? Math.min(8, Math.max(1, navigator.hardwareConcurrency)) : 1;
}
