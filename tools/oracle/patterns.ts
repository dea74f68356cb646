// Patterns from lists of axes, for ops that name axes by number. May import 'evenkeel' (types).

import type { Tensor } from 'evenkeel';

/** The whole numbers from `start` up to, not including, `end`. */
export function range(start: number, end: number): number[] {
  return Array.from({ length: Math.max(0, end - start) }, (_, i) => start + i);
}

/** The axes from `axis` to the last; a negative one counts from the end. */
export function axesFrom({ shape }: Tensor, axis: number): number[] {
  return range(axis < 0 ? axis + shape.length : axis, shape.length);
}

/**
 * The pattern of a tensor whose `reduced` axes share statistics and whose parameters vary along the axes `affine`, in
 * that order; null: no parameters.
 *
 * @example
 * patternOf(zeros([2, 3, 4]), [2], [2]); // 'a0 a1 [a2], a2'
 */
export function patternOf({ shape }: Tensor, reduced: readonly number[], affine: readonly number[] | null): string {
  const axes = shape.map((_, axis) => (reduced.includes(axis) ? `[a${axis}]` : `a${axis}`)).join(' ');
  return affine === null ? axes : `${axes}, ${affine.map((axis) => `a${axis}`).join(' ')}`;
}
