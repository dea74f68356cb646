// The modules that the keys of a state dict speak of, as folding sees them. May import errors, tensor and fold's arithmetic.

import { KeelError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import type { LayerWeights, NormWeights } from './arithmetic.js';

/** Keys of a layer. Its bias may be absent, and have this key once it has one. */
export interface LayerKeys {
  readonly weight: string;
  readonly bias: string;
}

/** Keys of a norm that are there. */
export interface NormKeys {
  readonly weight: string | null;
  readonly bias: string | null;
  readonly runningMean: string | null;
  readonly runningVar: string | null;
  readonly numBatchesTracked: string | null;
}

type State = ReadonlyMap<string, Tensor>;

/** The keys of the layer of this name, `in_proj` of attention too; null where the state has no weight of it. */
export function layerKeys(state: State, name: string): LayerKeys | null {
  const weight = [`${name}.weight`, `${name}_weight`].find((key) => state.has(key));
  return weight === undefined ? null : { weight, bias: weight.replace(/weight$/, 'bias') };
}

/** The keys of the norm, or of γ of the layer scale, of this name; null where the state has none. */
export function normKeys(state: State, name: string): NormKeys | null {
  const found = (key: string) => (state.has(`${name}.${key}`) ? `${name}.${key}` : null);
  const keys = {
    weight: found('weight'),
    bias: found('bias'),
    runningMean: found('running_mean'),
    runningVar: found('running_var'),
    numBatchesTracked: found('num_batches_tracked'),
  };
  return Object.values(keys).every((key) => key === null) ? null : keys;
}

/** γ alone, under a key of its own. */
export function scaleKeys(key: string): NormKeys {
  return { weight: key, bias: null, runningMean: null, runningVar: null, numBatchesTracked: null };
}

export function normWeights(state: State, keys: NormKeys, eps: number): NormWeights {
  const at = (key: string | null) => (key === null ? null : tensorAt(state, key));
  const [weight, bias] = [at(keys.weight), at(keys.bias)];
  return { weight, bias, runningMean: at(keys.runningMean), runningVar: at(keys.runningVar), eps };
}

export function layerWeights(state: State, { weight, bias }: LayerKeys): LayerWeights {
  return { weight: tensorAt(state, weight), bias: state.get(bias) ?? null };
}

/** What a key is called without its last name: the module's. */
export function moduleOf(key: string): string {
  return key.replace(/[._](weight|bias)$|\.(running_mean|running_var|num_batches_tracked)$/, '');
}

/** Modules that have running statistics, or are called a norm and have a vector as weight. */
export function normsIn(state: State): string[] {
  const names = [...state].flatMap(([key, tensor]) => {
    const isVector = key.endsWith('.weight') && tensor.rank <= 1 && /(^|[._])\w*(norm|ln|bn)\w*$/i.test(moduleOf(key));
    return isVector || key.endsWith('.running_mean') ? [moduleOf(key)] : [];
  });
  return [...new Set(names)];
}

function tensorAt(state: State, key: string): Tensor {
  const tensor = state.get(key);
  if (tensor !== undefined) return tensor;
  throw new KeelError('state_dict', `Missing key(s) in state_dict: "${key}"`, { key });
}
