// For browsers without WebAssembly: everything on the reference backend. May import evenkeel.

import { useBackend } from 'evenkeel';

/** A function, as bundlers take this package's files to have no effect by themselves. */
export function useReference(): void {
  useBackend('reference');
}
