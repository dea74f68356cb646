// Weights that are computed from others: weight_norm and spectral_norm, by their keys. May import tensor.

import { sizeOf } from '../tensor.js';
import type { KeyNorm } from './found.js';
import type { NormKind, TensorRole } from './inspection.js';
import type { KeyModule, Part } from './modules.js';

/** What a module keeps of a computed weight called `name`: the parts of one way to keep it. */
interface Way {
  readonly kind: NormKind;
  readonly evidence: string;
  /** What is put after the name, by role; the first is its sign. */
  readonly suffixes: readonly (readonly [TensorRole, string])[];
}

/** PyTorch's torch.nn.utils, and torch.nn.utils.parametrizations. */
const ways: readonly Way[] = [
  { kind: 'weight_norm', evidence: 'weight_g and weight_v', suffixes: [['magnitude', '_g'], ['direction', '_v']] },
  {
    kind: 'weight_norm',
    evidence: 'a parametrization of two originals',
    suffixes: [['magnitude', '.original0'], ['direction', '.original1']],
  },
  { kind: 'spectral_norm', evidence: 'weight_orig and weight_u', suffixes: [['original', '_orig'], ['u', '_u'], ['v', '_v']] },
  {
    kind: 'spectral_norm',
    evidence: 'a parametrization with _u and _v',
    suffixes: [['original', '.original'], ['u', '.0._u'], ['v', '.0._v']],
  },
];

/** Every computed weight of a module; one whose second part is missing too, unless pruning explains the first. */
export function computedWeights({ path, parts }: KeyModule): KeyNorm[] {
  return ways.flatMap(({ kind, evidence, suffixes }) => {
    const [[, sign], [, second]] = [suffixes[0] ?? ['original', ''], suffixes[1] ?? ['u', '']];
    return [...parts.keys()].flatMap((name) => {
      if (!name.endsWith(sign)) return [];
      const weight = name.slice(0, -sign.length);
      // Pruning keeps weight_orig beside weight_mask; another parametrization keeps an original alone.
      if (!parts.has(weight + second) && (kind === 'spectral_norm' || !isMagnitude(weight, parts.get(name)))) return [];
      const own = suffixes.flatMap(([role, suffix]): [TensorRole, Part][] => {
        const part = parts.get(weight + suffix);
        return part === undefined ? [] : [[role, part]];
      });
      const at = weight === 'weight' ? path : `${path}${path === '' ? '' : '.'}${weight}`;
      return [{ path: at, candidates: [kind], evidence, parts: new Map(own) }];
    });
  });
}

/** A magnitude without its direction is one for sure where its shape is: extents of 1 but for one axis. */
function isMagnitude(weight: string, part: Part | undefined): boolean {
  const { shape = [] } = part ?? {};
  return weight === 'weight' && shape.length > 1 && shape.filter((extent) => extent !== 1).length <= 1;
}

/** The axis that keeps a length of its own; null for one length of all; undefined where the shapes contradict each other. */
export function axisOf(magnitude: readonly number[], direction: readonly number[]): number | null | undefined {
  // PyTorch keeps one length as a scalar, by dim None, and as extents of 1 where the axis has one place.
  if (magnitude.length === 0) return null;
  if (magnitude.length !== direction.length) return undefined;
  const axis = Math.max(magnitude.findIndex((extent) => extent !== 1), 0);
  return sizeOf(magnitude) === magnitude[axis] && magnitude[axis] === direction[axis] ? axis : undefined;
}
