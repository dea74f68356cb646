// A norm as keys or a graph show it, before its tensors are read. May import types of tensor.

import type { Tensor } from '../tensor.js';
import type { InspectedNorm, NormKind, TensorRole } from './inspection.js';
import type { Part } from './modules.js';

/** A tensor of a norm, not read yet. */
export interface FoundPart extends Part {
  readonly read: () => Promise<Tensor>;
}

/** A norm of a state dict: what keys and shapes tell of it. */
export interface KeyNorm {
  readonly path: string;
  readonly candidates: readonly NormKind[];
  readonly evidence: string;
  readonly parts: ReadonlyMap<TensorRole, Part>;
}

/** What is told of a norm without its elements. */
export interface FoundNorm {
  readonly path: string;
  readonly candidates: readonly NormKind[];
  readonly evidence: string;
  readonly eps: number | null;
  readonly epsFrom: InspectedNorm['epsFrom'];
  readonly groups: number | null;
  readonly pattern: string | null;
  readonly follows: string | null;
  readonly precedes: string | null;
  readonly foldable: InspectedNorm['foldable'];
  readonly parts: ReadonlyMap<TensorRole, FoundPart>;
}

/** By the axes of the input, or of the weight beside it: a linear layer's two, a convolution's three to five. */
export function batchNormOf(rank: number | null): NormKind {
  const kinds: Readonly<Record<number, NormKind>> = { 2: 'BatchNorm1d', 3: 'BatchNorm1d', 4: 'BatchNorm2d', 5: 'BatchNorm3d' };
  return kinds[rank ?? 0] ?? 'BatchNorm';
}

export function isBatchNorm(kind: NormKind): boolean {
  return kind.startsWith('BatchNorm');
}

/** The pattern of a kind with a weight of this shape; null where it depends on more. */
export function patternOf(candidates: readonly NormKind[], shape: readonly number[]): string | null {
  const [kind, another] = candidates;
  if (kind === undefined || another !== undefined) return null;
  switch (kind) {
    case 'BatchNorm':
    case 'BatchNorm1d':
    case 'BatchNorm2d':
    case 'BatchNorm3d':
      return '[b] c [s...], c';
    case 'InstanceNorm':
      return 'b c [s...], c';
    case 'GroupNorm':
      return 'b (g [c]) [s...], (g c)';
    case 'LayerNorm2d':
      return 'b [c] s..., c';
    case 'LayerNorm':
    case 'RMSNorm':
      return trailing(shape.length);
    default:
      return null;
  }
}

/** Over as many last axes as the weight has. */
function trailing(rank: number): string {
  const usual = [['c'], ['c'], ['h', 'w'], ['c', 'h', 'w']];
  const names = usual[rank] ?? Array.from({ length: rank }, (_, i) => `a${i}`);
  return `b... [${names.join(' ')}], ${names.join(' ')}`;
}
