// A norm's tensors, read one at a time: their figures, and the elements that break a rule. May import io and tensor.

import { sizeOf, type Tensor } from '../tensor.js';
import { DEFAULT_EPS, EPS_MULTIPLE, type Finding, indexOf, some, type Swept } from './flags.js';
import type { FoundNorm } from './found.js';
import type { Flag, InspectedNorm, InspectedTensor, NormKind } from './inspection.js';
import type { Part } from './modules.js';
import { NEAR_ZERO, type NotFinite, scan, summarize } from './summary.js';

/** A norm with its figures, and what was found in its tensors that is no number. */
export interface Measured extends Swept {
  readonly flags: readonly Flag[];
}

type Data = Tensor['data'];

const none: Finding = { count: 0, first: -1 };

/** transformers' models that multiply by 1 + weight. */
const plusOne = ['gemma', 'gemma2', 'gemma3', 'gemma3_text'];

/** Reads the tensors of a norm; `modelType` is that of a configuration. */
export async function measure(found: FoundNorm, modelType: string | null): Promise<Measured> {
  const tensors: InspectedTensor[] = [];
  const flags: Flag[] = [];
  let batches: number | null = null;
  let [gammaNearZero, varianceNearEps, varianceZero, varianceNegative] = [none, none, none, none];
  const offset = plusOne.includes(modelType ?? '') ? 1 : 0;
  const threshold = EPS_MULTIPLE * (found.eps ?? DEFAULT_EPS);
  for (const [role, part] of found.parts) {
    const x = await part.read();
    try {
      const { data } = x;
      tensors.push({ role, key: part.key, shape: part.shape, format: part.format, ...summarize(data) });
      flags.push(...notFiniteFlags(found.path, part, scan(data), data.length));
      if (role === 'num_batches_tracked') batches = data.length === 1 ? Number(data[0]) : null;
      if (role === 'weight') gammaNearZero = find(data, (gamma) => Math.abs(gamma + offset) < NEAR_ZERO);
      if (role === 'running_var') {
        varianceNearEps = find(data, (variance) => variance > 0 && variance < threshold);
        varianceZero = find(data, (variance) => variance === 0);
        varianceNegative = find(data, (variance) => variance < 0);
      }
    } finally {
      x.dispose();
    }
  }
  const norm = inspected(found, tensors, batches);
  return { norm, flags, gammaNearZero, varianceNearEps, varianceZero, varianceNegative };
}

function inspected(found: FoundNorm, tensors: readonly InspectedTensor[], batches: number | null): InspectedNorm {
  const { parts, candidates, ...rest } = found;
  const [first] = parts.values();
  const own = parts.get('weight') ?? parts.get('running_mean') ?? parts.get('direction') ?? parts.get('original') ?? first;
  const isComputed = parts.has('direction') || parts.has('original') || parts.has('magnitude');
  const size = own === undefined ? null : sizeOf(own.shape);
  return {
    path: rest.path,
    kind: kindOf(candidates),
    candidates,
    evidence: rest.evidence,
    eps: rest.eps,
    epsFrom: rest.epsFrom,
    width: isComputed ? (own?.shape[0] ?? null) : size,
    groups: rest.groups,
    pattern: rest.pattern,
    follows: rest.follows,
    precedes: rest.precedes,
    foldable: rest.foldable,
    batches,
    tensors,
  };
}

/** The candidates, but of many those alone that are such by default. */
function kindOf(candidates: readonly NormKind[]): string {
  const likeliest = candidates.filter((kind) => kind === 'LayerNorm' || kind === 'GroupNorm');
  return (candidates.length > 3 ? likeliest : candidates).join(' or ');
}

function find(data: Data, breaks: (x: number) => boolean): Finding {
  let [count, first] = [0, -1];
  for (let i = 0; i < data.length; i++) if (breaks(Number(data[i])) && count++ === 0) first = i;
  return { count, first };
}

/** A flag for NaN and one for infinity, where a tensor has such elements; `path` of its norm, or null. */
export function notFiniteFlags(path: string | null, { key, shape }: Part, found: NotFinite, size: number): Flag[] {
  const { nans, firstNaN, infinities, firstInfinity } = found;
  const flag = (name: 'nan' | 'infinity', count: number, first: number): Flag[] => {
    if (count === 0) return [];
    const index = indexOf(first, shape);
    const word = name === 'nan' ? 'NaN' : 'infinite';
    // Masks of attention hold −∞ on purpose.
    const isMask = name === 'infinity' && /mask\w*$/.test(key);
    const hint = isMask ? 'as masks have it' : 'training diverged, or a conversion overflowed: go back to the last sound checkpoint';
    const message = `${key}: ${some({ count, first }, { count: size, shape }, 'element', word)}: ${hint}`;
    return [{ name, level: isMask ? 'warning' : 'error', path, tensor: key, count, index, message }];
  };
  return [...flag('nan', nans, firstNaN), ...flag('infinity', infinities, firstInfinity)];
}
