// What local response norm does, for which there are no sets. May import evenkeel.

import { KeelError, type LocalResponseNorm } from 'evenkeel';
import { wrap } from '../text.js';

/** Which elements one is divided by. */
export interface Element {
  readonly index: readonly number[];
  readonly sentence: string;
  readonly set: readonly (readonly number[])[];
}

/** The layer on a shape, in lines. */
export function neighbours(layer: LocalResponseNorm, shape: readonly number[], columns: number): string[] {
  checkRank(shape);
  const { below, above } = reach(layer);
  return [
    ...wrap(`LocalResponseNorm(${layer.size}) on ${shape.join(' × ')}: no mean is shared`, columns),
    ...wrap(
      `each element is divided by a power of the squares of its channel, ${below} below and ${above} above, at its own position`,
      columns - 2,
    ).map((line) => `  ${line}`),
    `  PyTorch     nn.${String(layer)}`,
  ];
}

/** @throws KeelError [argument] for an index outside the shape. */
export function elementOf(layer: LocalResponseNorm, shape: readonly number[], index: readonly number[]): Element {
  checkRank(shape);
  const isInside = index.length === shape.length && index.every((i, axis) => i < (shape[axis] ?? 0));
  if (!isInside) throw new KeelError('argument', `the index [${index.join(', ')}] lies outside of ${shape.join(' × ')}`, { index, shape });
  const [, channel = 0] = index;
  const { below, above } = reach(layer);
  const first = Math.max(0, channel - below);
  const last = Math.min((shape[1] ?? 1) - 1, channel + above);
  const set = Array.from({ length: last - first + 1 }, (_, i) => index.with(1, first + i));
  const channels = first === last ? `channel ${first}` : `channels ${first}–${last}`;
  return { index, sentence: `x[${index.join(', ')}] is divided by a power of the squares of ${channels} at its position`, set };
}

function reach({ size }: LocalResponseNorm): { readonly below: number; readonly above: number } {
  return { below: Math.floor(size / 2), above: Math.floor((size - 1) / 2) };
}

function checkRank(shape: readonly number[]): void {
  if (shape.length >= 3) return;
  const message = `Expected 3D or higher dimensionality input (got ${shape.length} dimensions): (N, C, ...) with positions`;
  throw new KeelError('rank', message, { shape });
}
