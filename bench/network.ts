// The module of a row, with the row's numbers as its parameters. May import 'evenkeel', contestant and row.

import { tensor, useBackend, type Layer, type Tensor } from 'evenkeel';
import type { Numbers } from './contestant.js';
import { isStored, type Work } from './row.js';

export interface Network {
  readonly module: Layer;
  readonly parameters: readonly Tensor[];
  /** Brings the parameters back to the row's numbers. */
  restart(): void;
  dispose(): void;
}

export function networkOf(work: Work, make: () => Layer, numbers: Numbers): Network {
  const stored = Object.entries(work.inputs).filter(([name]) => isStored(work, name));
  const state = new Map(stored.map(([name, shape]) => [name, tensor(numbers(name), [...shape])] as const));
  const module = make();
  const parameters = module.parameters();
  const restart = (): void => void module.loadStateDict(state);
  restart();
  const dispose = (): void => {
    for (const held of [...parameters, ...state.values()]) held.dispose();
  };
  return { module, parameters, restart, dispose };
}

/** Runs what makes tensors, on a backend. */
export function on<T>(backend: string, make: () => T): T {
  const before = useBackend(backend);
  try {
    return make();
  } finally {
    useBackend(before);
  }
}
