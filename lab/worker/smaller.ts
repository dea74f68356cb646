// A smaller tensor of the same kind, where a shape has more elements than are drawn. May import evenkeel.

import type { ExplainData } from 'evenkeel';
import { subjectOf, type Subject, type SubjectText } from './subject.js';

/** What is drawn in its place: a layer of one size fits no other, its pattern does. */
export interface Smaller {
  readonly subject: SubjectText;
  readonly shape: readonly number[];
}

/** The longest axis that may be is made half as long until `limit` elements are left; null where none may be. */
export function smallerOf(data: ExplainData, sizes: string, limit: number): Smaller | null {
  const { g } = data.sizes;
  const subject = { text: data.pattern, sizes: sizes === '' && g !== undefined ? `g=${String(g)}` : sizes, statistics: data.statistics };
  const of = subjectOf(subject);
  let shape: readonly number[] | null = data.shape;
  // As long as can be a factor of more than one stays so: a group of one channel is another layer.
  while (shape !== null && sizeOf(shape) > limit) shape = halved(of, shape, data.sizes) ?? halved(of, shape, {});
  return shape === null ? null : { subject, shape };
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** Groups take only multiples of their number: tried from a half upwards. */
const MOST_TRIED = 64;

function halved(of: Subject, shape: readonly number[], kept: ExplainData['sizes']): readonly number[] | null {
  const axes = shape.map((extent, axis) => ({ extent, axis })).filter(({ extent }) => extent > 1).toSorted((a, b) => b.extent - a.extent);
  for (const { extent, axis } of axes) {
    const half = Math.floor(extent / 2);
    for (let next = half; next < Math.min(extent, half + MOST_TRIED); next++) {
      const smaller = shape.with(axis, next);
      if (fits(of, smaller, kept)) return smaller;
    }
  }
  return null;
}

function fits(of: Subject, shape: readonly number[], kept: ExplainData['sizes']): boolean {
  try {
    const { sizes } = of.explain(shape).data;
    return Object.entries(kept).every(([name, size]) => size === 1 || sizes[name] !== 1);
  } catch {
    return false;
  }
}
