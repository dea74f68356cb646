// Which elements share a statistic, and what becomes of them. May import evenkeel.

import { KeelError, tensor, type ExplainData } from 'evenkeel';
import { subjectOf, type SubjectText } from '../subject.js';

export interface SetsJobs {
  readonly sets: {
    readonly ask: { readonly subject: SubjectText; readonly shape: readonly number[]; readonly values: Float32Array | null };
    readonly answer: SetsAnswer;
    readonly part: never;
  };
  readonly sentence: {
    readonly ask: { readonly subject: SubjectText; readonly shape: readonly number[]; readonly index: readonly number[] };
    readonly answer: string;
    readonly part: never;
  };
}

export interface SetsAnswer {
  readonly data: ExplainData;
  readonly text: string;
  /** Of every element, in memory order; null where there are too many to draw. */
  readonly sets: Int32Array | null;
  /** What the layer makes of the values, where they were given. */
  readonly y: Float32Array | null;
}

/** As many as a page draws. */
const MOST_DRAWN = 10_000;

export function sets({ subject, shape, values }: SetsJobs['sets']['ask']): SetsAnswer {
  const of = subjectOf(subject);
  const explanation = of.explain(shape);
  const size = shape.reduce((product, extent) => product * extent, 1);
  return {
    data: explanation.data,
    text: explanation.text,
    sets: size <= MOST_DRAWN ? explanation.setNumbers() : null,
    y: values === null ? null : Float32Array.from(of.forward(tensor(values, shape)).data, Number),
  };
}

export function sentence({ subject, shape, index }: SetsJobs['sentence']['ask']): string {
  const explanation = subjectOf(subject).explain(shape);
  if (index.length === shape.length) return explanation.describe(index);
  throw new KeelError('rank', `an index of ${shape.length} numbers is needed`, { index });
}
