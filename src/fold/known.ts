// What a known layout allows to fold: only what its keys prove. May import errors, tensor, nn's layouts and fold.

import { KeelError } from '../errors.js';
import type { KeyLayout } from '../nn/blocks/layouts.js';
import type { Tensor } from '../tensor.js';
import { scaleShiftOf, type FoldKind } from './arithmetic.js';
import { pairOf, type Candidate, type Candidates, type KeptNorm } from './candidate.js';
import { layerKeys, normKeys, scaleKeys, type NormKeys } from './entries.js';
import { Names, type NamedNorm } from './names.js';
import { neighbourhoods, type Neighbours } from './neighbours.js';

type State = ReadonlyMap<string, Tensor>;
type Decision = Candidate | KeptNorm;

/** What may be folded of a state dict of this layout. */
export function knownCandidates(state: State, found: KeyLayout, eps: number): Candidates {
  const neighbourhood = neighbourhoods[found.model];
  const names = new Names(state, found, neighbourhood?.rows ?? []);
  const missing = neighbourhood?.needs.find((name) => !names.has(name));
  if (neighbourhood === null || missing !== undefined) {
    const reason =
      neighbourhood === null
        ? 'blocks whose norms follow attention and MLP have the same names'
        : `there is no "${missing}", and ${neighbourhood.else}`;
    return { candidates: [], kept: names.norms.map(({ name }) => ({ norm: name, reason })) };
  }
  const decisions = names.norms.map((norm) => decide(state, names, norm, found));
  // One pair that does not fit says that the model is another one, in which the others may fit by chance.
  const misfit = decisions.find((each) => isCandidate(each) && refusalOf(state, each, eps)?.code === 'shape');
  const settled = decisions.map((each): Decision => {
    if (!isCandidate(each)) return each;
    const refusal = refusalOf(state, each, eps);
    if (misfit === undefined) return refusal === null ? each : { norm: each.norm, reason: refusal.message };
    const reason = `this is no ${found.model} as the libraries make it: the channels of ${misfit.norm} do not fit its layer`;
    return { norm: each.norm, reason };
  });
  return {
    candidates: settled.filter(isCandidate),
    kept: settled.flatMap((each) => (isCandidate(each) ? [] : [each])),
  };
}

function isCandidate(decision: Decision): decision is Candidate {
  return 'kind' in decision;
}

function decide(state: State, names: Names, { name, own, row }: NamedNorm, { layout }: KeyLayout): Decision {
  const keep = (reason: string): KeptNorm => ({ norm: name, reason });
  if (own === null || row === null) return keep('the layout has no layer of this name');
  const keys = row.isScale === true ? scaleKeys(name) : normKeys(state, name);
  if (keys === null) return keep('it has no parameters');
  const isBatch = keys.runningMean !== null && keys.runningVar !== null;
  const isBehind = row.isScale === true || (isBatch && row.after !== undefined);
  const [beside] = (isBehind ? [row.after ?? ''] : (row.before ?? []))
    .map((template) => own.replace(row.norm, template))
    .flatMap((module) => names.source(module) ?? []);
  if (beside === undefined) return keep(isBatch || row.isScale === true ? row.otherwise : `${ownStatistics}${row.otherwise}`);
  const into = layerKeys(state, beside);
  const rank = into === null ? 0 : (state.get(into.weight)?.rank ?? 0);
  if (into === null || rank < 2) return keep('what stands beside it is no convolution or linear layer');
  if (row.unsure?.library === layout && !isBehind) return keep(row.unsure.reason);
  const stranger = names.strangerBeside(name, beside);
  if (stranger !== null) return keep(`"${stranger}" is unknown in this layout, and may stand between it and ${beside}`);
  return { kind: kindOf(row, isBatch, keys, rank === 2 ? 'linear' : 'conv'), norm: name, into: beside, normKeys: keys, layerKeys: into };
}

const ownStatistics = 'its statistics are those of its input, so that only scale and shift could move on, and ';

function kindOf({ isScale, after }: Neighbours, isBatch: boolean, { bias }: NormKeys, layer: 'conv' | 'linear'): FoldKind {
  if (isScale === true) return `${layer}-layer-scale`;
  if (isBatch) return after === undefined ? `batch-norm-${layer}` : `${layer}-batch-norm`;
  return bias === null ? `rms-norm-${layer}` : `layer-norm-${layer}`;
}

/** Why a pair cannot be folded, from its parameters. */
function refusalOf(state: State, candidate: Candidate, eps: number): KeelError | null {
  try {
    scaleShiftOf(pairOf(state, candidate, eps));
    return null;
  } catch (error) {
    if (error instanceof KeelError) return error;
    throw error;
  }
}
