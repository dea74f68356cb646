// Which elements share a statistic, and what becomes of them. May import evenkeel.

import { KeelError, tensor, type ExplainData, type Explanation } from 'evenkeel';
import { MOST_CELLS } from '../../field/geometry.js';
import { sizeOf, smallerOf, type Smaller } from '../smaller.js';
import { subjectOf, type SubjectText } from '../subject.js';

export interface SetsJobs {
  readonly sets: {
    readonly ask: { readonly subject: SubjectText; readonly shape: readonly number[]; readonly values: Float32Array | null };
    readonly answer: SetsAnswer;
    readonly part: never;
  };
  readonly sentence: {
    readonly ask: { readonly subject: SubjectText; readonly shape: readonly number[]; readonly index: readonly number[] };
    readonly answer: ElementSet;
    readonly part: never;
  };
}

export interface SetsAnswer {
  readonly data: ExplainData;
  readonly text: string;
  /** The tensor itself, or a smaller one of the same kind; null where there is nothing to draw. */
  readonly drawn: Drawn | null;
  /** What the layer makes of the values, where they were given. */
  readonly y: Float32Array | null;
}

export interface Drawn extends Smaller {
  /** Of every element, in memory order. */
  readonly sets: Int32Array;
}

/** The set of an element: in English words, and as what any language says. */
export interface ElementSet {
  readonly text: string;
  readonly index: readonly number[];
  readonly statistics: ExplainData['statistics'];
  readonly others: number;
  /** Where the set lies along each axis; null: all along it. */
  readonly places: readonly (readonly number[] | null)[];
}

export function sets({ subject, shape, values }: SetsJobs['sets']['ask']): SetsAnswer {
  const of = subjectOf(subject);
  const explanation = of.explain(shape);
  return {
    data: explanation.data,
    text: explanation.text,
    drawn: drawnOf(subject, explanation),
    y: values === null ? null : Float32Array.from(of.forward(tensor(values, shape)).data, Number),
  };
}

function drawnOf(subject: SubjectText, explanation: Explanation): Drawn | null {
  const { data } = explanation;
  const size = sizeOf(data.shape);
  if (size === 0) return null;
  if (size <= MOST_CELLS) return { subject, shape: data.shape, sets: explanation.setNumbers() };
  const smaller = smallerOf(data, subject.sizes, MOST_CELLS);
  return smaller === null ? null : { ...smaller, sets: subjectOf(smaller.subject).explain(smaller.shape).setNumbers() };
}

export function sentence({ subject, shape, index }: SetsJobs['sentence']['ask']): ElementSet {
  const explanation = subjectOf(subject).explain(shape);
  if (index.length === shape.length) return elementSet(explanation, index);
  throw new KeelError('rank', `an index of ${shape.length} numbers is needed`, { index });
}

export function elementSet({ data, describe, setOf }: Explanation, index: readonly number[]): ElementSet {
  const set = setOf(index);
  // A set is all combinations of its places along each axis.
  const places = data.shape.map((extent, axis) => {
    const own = new Set(set.map((element) => element[axis] ?? 0));
    return own.size === extent && extent > 1 ? null : [...own].toSorted((a, b) => a - b);
  });
  return { text: describe(index), index, statistics: data.statistics, others: set.length - 1, places };
}
