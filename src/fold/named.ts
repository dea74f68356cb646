// Pairs that the caller names: what the file cannot say, the caller says, and shapes and parameters are checked. May import
// errors, tensor and fold.

import { KeelError, showShape } from '../errors.js';
import type { Tensor } from '../tensor.js';
import { isNormFirst, type FoldKind } from './arithmetic.js';
import type { Candidate, Candidates } from './candidate.js';
import { layerKeys, normKeys, normsIn, scaleKeys, type NormKeys } from './entries.js';

/** A norm and the layer beside it, by the file's names, and which of them data passes first where that is not as usual. */
export type NamedPair = readonly [norm: string, into: string, kind?: FoldKind];

type State = ReadonlyMap<string, Tensor>;

/** @internal The kinds that a pair may be named as. */
export const foldKinds: readonly FoldKind[] = [
  'conv-batch-norm', 'conv-transpose-batch-norm', 'linear-batch-norm', 'batch-norm-conv', 'batch-norm-linear', 'layer-norm-conv',
  'layer-norm-linear', 'rms-norm-conv', 'rms-norm-linear', 'conv-layer-scale', 'linear-layer-scale',
];

/** The pairs named; other norms are kept. */
export function namedCandidates(state: State, pairs: readonly NamedPair[]): Candidates {
  const candidates = pairs.map(([norm, into, kind]) => candidateOf(state, norm, into, kind));
  for (const [i, { norm, into, kind }] of candidates.entries()) {
    const others = candidates.slice(0, i).filter((other) => other.norm === norm);
    // Scale and shift move into every layer that takes the output; a batch norm follows one layer.
    if (others.every((other) => other.into !== into && isNormFirst(kind) && isNormFirst(other.kind))) continue;
    const message = `${norm} is named twice, for ${others.map((other) => other.into).join(', ')} and ${into}: fold it once`;
    throw new KeelError('argument', message, { norm, into });
  }
  const named = new Set(candidates.map(({ norm }) => norm));
  const kept = normsIn(state).filter((norm) => !named.has(norm));
  return { candidates, kept: kept.map((norm) => ({ norm, reason: 'it is not among the pairs that were named' })) };
}

function candidateOf(state: State, norm: string, into: string, kind: FoldKind | undefined): Candidate {
  const layer = layerKeys(state, into);
  if (layer === null) throw absent(state, into, `${into}.weight`);
  const shape = state.get(layer.weight)?.shape ?? [];
  if (shape.length < 2) {
    const message = `${layer.weight} is ${showShape(shape)}, no weight of a convolution or linear layer: name the norm first`;
    throw new KeelError('shape', message, { key: layer.weight, shape });
  }
  const [keys, isScale] = normOf(state, norm);
  return { kind: kind ?? kindOf(norm, into, keys, isScale, shape), norm, into, normKeys: keys, layerKeys: layer };
}

function normOf(state: State, name: string): [keys: NormKeys, isScale: boolean] {
  const scale = [name, `${name}.gamma`].find((key) => state.has(key));
  // GRN too has a γ, and a β beside it: what it divides by is the input's.
  if (scale !== undefined && !state.has(scale.replace(/gamma$/, 'beta'))) return [scaleKeys(scale), true];
  const keys = normKeys(state, name);
  if (keys === null) throw absent(state, name, `${name}.weight`);
  return [keys, false];
}

function kindOf(norm: string, into: string, keys: NormKeys, isScale: boolean, shape: readonly number[]): FoldKind {
  const layer = shape.length === 2 ? 'linear' : 'conv';
  if (isScale) return `${layer}-layer-scale`;
  if (keys.runningMean !== null) return `${layer}-batch-norm`;
  if (layer === 'conv' && shape.slice(2).some((extent) => extent !== 1)) {
    const kind = 'layer-norm-conv';
    throw new KeelError(
      'argument',
      `${norm} can go into the convolution ${into} only if that pads nothing, which its keys do not tell: name the pair as ${kind}`,
      { norm, into, shape },
    );
  }
  return keys.bias === null ? `rms-norm-${layer}` : `layer-norm-${layer}`;
}

function absent(state: State, name: string, key: string): KeelError {
  const last = name.split('.').at(-1) ?? name;
  const near = [...state.keys()].filter((each) => each.includes(last)).slice(0, 4);
  const hint = near.length === 0 ? '' : `; there are ${near.join(', ')}`;
  return new KeelError('state_dict', `no module "${name}" is in the state dict, Missing key(s): "${key}"${hint}`, { name, key });
}
