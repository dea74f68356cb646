// What is to be folded, and what is kept and why. May import fold's arithmetic and entries.

import type { Tensor } from '../tensor.js';
import type { FoldKind, FoldPair } from './arithmetic.js';
import { layerWeights, normWeights, type LayerKeys, type NormKeys } from './entries.js';

/** A norm and the layer that it is to go into, under the file's names. */
export interface Candidate {
  readonly kind: FoldKind;
  readonly norm: string;
  readonly into: string;
  readonly normKeys: NormKeys;
  readonly layerKeys: LayerKeys;
}

/** A norm that stays as it is. */
export interface KeptNorm {
  readonly norm: string;
  readonly reason: string;
}

/** What a state dict allows. */
export interface Candidates {
  readonly candidates: readonly Candidate[];
  readonly kept: readonly KeptNorm[];
}

/** The pair with its parameters as the state has them now. */
export function pairOf(state: ReadonlyMap<string, Tensor>, { kind, normKeys, layerKeys }: Candidate, eps: number): FoldPair {
  const [norm, layer] = [normWeights(state, normKeys, eps), layerWeights(state, layerKeys)];
  return { kind, norm, layer, groups: groupsOf(kind, norm.weight ?? norm.runningMean ?? null, layer.weight) };
}

/**
 * The groups that a convolution must have, for its channels to be the norm's. Where the norm follows a convolution, groups do
 * not change what becomes of its weight.
 */
function groupsOf(kind: FoldKind, vector: Tensor | null, { shape }: Tensor): number {
  const [, columns = 1] = shape;
  const isNeeded = kind === 'conv-transpose-batch-norm' || kind.endsWith('norm-conv');
  return isNeeded && vector !== null && columns > 0 && vector.size % columns === 0 ? Math.max(1, vector.size / columns) : 1;
}
