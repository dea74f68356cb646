// equivalent: whether two layers are the same computation on a shape, why, and what becomes of their parameters.
// May import errors, plan, kernels, nn and what explain is made of.

import { KeelError, showShape } from '../errors.js';
import { pythonNumber } from '../nn/check.js';
import { sameSets, setOf } from '../plan.js';
import { sizeOf } from '../tensor.js';
import { carryOf, parameterAxes } from './carry.js';
import { subjectOf, type Normalizer, type Subject } from './subject.js';
import { axesOf, countOf, plural } from './words.js';

/** What two layers differ in. Without `sets`, `statistics` and `running` they normalize alike. */
export interface Difference {
  readonly in: 'sets' | 'statistics' | 'running' | 'eps' | 'parameters' | 'eval' | 'shape';
  readonly text: string;
}

/** What {@link equivalent} finds, as JSON can hold it. */
export interface Verdict {
  /** Whether both normalize the same sets of elements by the same statistics, parameters and eps aside. */
  readonly same: boolean;
  /** Why, in a sentence with the numbers. */
  readonly reason: string;
  /**
   * What becomes of a's parameters in b: `none` if a has none; `same`, they fit as they are; `expand`, each is
   * repeated; `reshape`, only their shape or order changes; `impossible`, values in general have no place in b.
   */
  readonly parameters: 'none' | 'same' | 'expand' | 'reshape' | 'impossible';
  /** How to carry a's parameters to b, or for which values alone it can be done; and the way back where it differs. */
  readonly carry: string;
  /** All that is not the same, `same` or not; `eval` is what will differ in eval, `shape` on other shapes. */
  readonly differences: readonly Difference[];
}

/**
 * Whether a and b are the same computation on a shape: the same elements share statistics, of the same kind. Decided
 * from the plans; nothing is computed.
 *
 * @param a a layer, a pattern, or a pattern with its sizes: `{ pattern: 'b (g [c])', g: 3 }`; b is another
 * @param shapeB the shape that b sees of the same elements in the same order, if it is another
 * @throws KeelError [shape] if the shapes have different sizes, and the errors of {@link explain}.
 * @example
 * equivalent(new InstanceNorm1d(3), new LayerNorm(4), [2, 3, 4]).same;               // true: the same 6 sets of 4
 * equivalent(new InstanceNorm2d(3), new LayerNorm(4), [2, 3, 4, 1], [2, 3, 4]).same; // true
 * equivalent(new LayerNorm2d(3), new GroupNorm(1, 3), [2, 3, 2, 2]).same;            // false: 8 means, and 2 means
 */
export function equivalent(
  a: Normalizer, b: Normalizer, shape: readonly number[], shapeB: readonly number[] = shape,
): Verdict {
  const [first, second] = [subjectOf(a, shape), subjectOf(b, shapeB)];
  if (sizeOf(shape) !== sizeOf(shapeB)) {
    const message = `${showShape(shape)} has ${plural(sizeOf(shape), 'element')}, ${showShape(shapeB)} has `
      + `${sizeOf(shapeB)}: give two shapes of the same elements`;
    throw new KeelError('shape', message, { shape, shapeB });
  }
  const { kind, carry } = parameters(first, second);
  const others = parameterDifference(first, second, kind);
  const eps = epsDifference(first, second);
  const but = [others === null ? '' : 'the parameters', eps === null ? '' : 'eps'].filter((part) => part !== '').join(' and ');
  const { reason, difference } = computation(first, second, but === '' ? '' : ` but for ${but}`);
  const isOneShape = shape.join() === shapeB.join();
  return {
    same: difference === null,
    reason,
    parameters: kind,
    carry,
    differences: [
      difference,
      eps,
      others,
      evalDifference(first, second),
      difference === null && isOneShape ? shapeDifference(a, b, shape) : null,
    ].filter((found) => found !== null),
  };
}

interface Finding {
  readonly reason: string;
  readonly difference: Difference | null;
}

const differ = (what: Difference['in'], text: string): Finding => ({ reason: text, difference: { in: what, text } });

/** Sets and statistics of the two; `but` goes into the reason why they are the same. */
function computation(a: Subject, b: Subject, but = ''): Finding {
  if (sizeOf(a.form.shape) === 0) {
    return { reason: `${showShape(a.form.shape)} has no elements: there is nothing to normalize`, difference: null };
  }
  if (a.running === 'now' || b.running === 'now') return runningComputation(a, b);
  if (!sameSets(a.form, b.form)) {
    const text = isAsMany(a, b)
      ? `${a.name} and ${b.name} have ${countOf(a)}, but not the same ones${witness(a, b)}`
      : `${a.name} has ${countOf(a)}; ${b.name} has ${countOf(b)}`;
    return differ('sets', text);
  }
  if (a.statistics !== b.statistics) {
    const where = a.statistics === 'l2' || b.statistics === 'l2' ? '' : '; equal where the mean of each set is 0';
    const text = `${a.name} and ${b.name} have ${setsOf(a)}, but ${measure(a)}, and ${measure(b)}${where}`;
    return differ('statistics', text);
  }
  const [onA, onB] = [a, b].map(({ form }) => ` on ${showShape(form.shape)}`);
  return { reason: `${a.name}${onA === onB ? '' : onA} is ${b.name}${onB}${but}: ${setsOf(a)}`, difference: null };
}

/** `the same 6 sets of 4 elements` */
function setsOf({ form }: Subject): string {
  const { k0, r0, k1, r1 } = form.plan;
  return `the same ${plural(k0 * k1, 'set')} of ${plural(r0 * r1, 'element')}`;
}

function isAsMany({ form: a }: Subject, { form: b }: Subject): boolean {
  return a.plan.k0 * a.plan.k1 === b.plan.k0 * b.plan.k1;
}

function measure({ name, statistics }: Subject): string {
  switch (statistics) {
    case 'moments':
      return `${name} takes off the mean and divides by the deviation`;
    case 'rms':
      return `${name} divides by the root mean square and takes no mean off`;
    case 'l2':
      return `${name} divides by the norm, which is not a mean`;
    default:
      return statistics satisfies never;
  }
}

/** Where running statistics are used, elements share the stored values alone that they are normalized by. */
function runningComputation(a: Subject, b: Subject): Finding {
  const [stored, other] = a.running === 'now' ? [a, b] : [b, a];
  if (other.running !== 'now') {
    const text = `${stored.name} is in eval and uses its running statistics; ${other.name} uses those of its input`;
    return differ('running', text);
  }
  if (!sameSets(a.form, b.form)) {
    return differ('running', `in eval ${a.name} has ${countOf(a)}; ${b.name} has ${countOf(b)}, and not the same ones`);
  }
  const reason = `in eval ${a.name} and ${b.name} have ${countOf(a)}, the same ones: alike where their values are`;
  return { reason, difference: null };
}

/** Larger sets are not listed for an example. */
const MOST_LISTED = 100_000;

/** An element that shares with the first one in a alone: where any sets differ, those of the first element do. */
function witness(a: Subject, b: Subject): string {
  if (a.form.plan.r0 * a.form.plan.r1 > MOST_LISTED || a.form.shape.join() !== b.form.shape.join()) return '';
  const origin = a.form.shape.map(() => 0);
  const inB = new Set(setOf(b.form, origin));
  const other = setOf(a.form, origin).find((flat) => !inB.has(flat));
  if (other === undefined) return '';
  const steps = a.form.shape.map((_, axis) => sizeOf(a.form.shape.slice(axis + 1)));
  const index = steps.map((step, axis) => Math.floor(other / step) % (a.form.shape[axis] ?? 1));
  return `: x[${index.join(', ')}] shares with x[${origin.join(', ')}] in ${a.name} only`;
}

function epsDifference(a: Subject, b: Subject): Difference | null {
  if (a.eps === b.eps) return null;
  const [ofA, ofB] = [a, b].map(({ eps }) => (eps === null ? "the dtype's machine epsilon" : pythonNumber(eps)));
  return { in: 'eps', text: `eps is ${ofA} in ${a.name}, ${ofB} in ${b.name}: give both the same` };
}

function evalDifference(a: Subject, b: Subject): Difference | null {
  const [stored, other] = a.running === 'eval' ? [a, b] : [b, a];
  if (stored.running !== 'eval' || other.running !== 'never') return null;
  const text = `in eval ${stored.name} uses its running statistics, ${other.name} still those of its input`;
  return { in: 'eval', text };
}

/** Where the two are the same only because an axis has size 1. */
function shapeDifference(a: Normalizer, b: Normalizer, shape: readonly number[]): Difference | null {
  const axes = shape.flatMap((size, axis) => (size === 1 && differOn(a, b, shape.with(axis, 2)) ? [axis] : []));
  if (axes.length === 0) return null;
  return { in: 'shape', text: `the same on this shape only: with more than 1 along ${axesOf(axes)} they differ` };
}

function differOn(a: Normalizer, b: Normalizer, shape: readonly number[]): boolean {
  try {
    return computation(subjectOf(a, shape), subjectOf(b, shape)).difference !== null;
  } catch (error) {
    // One of the layers does not take that shape.
    if (error instanceof KeelError) return false;
    throw error;
  }
}

interface ParameterFinding {
  readonly kind: Verdict['parameters'];
  readonly carry: string;
}

function parameters(a: Subject, b: Subject): ParameterFinding {
  const [hasA, hasB] = [isAffine(a), isAffine(b)];
  if (!hasA && !hasB) return { kind: 'none', carry: `${a.name} and ${b.name} have no parameters` };
  // A pattern without a comma has none to speak of; a layer could have been made with them.
  const couldHave = a.affineForm.parameterShape !== null && b.affineForm.parameterShape !== null;
  const { kind, carry } = couldHave ? relation(a, b) : { kind: 'impossible' as const, carry: '' };
  const ifBoth = couldHave ? `; if both had parameters, ${carry}` : '';
  if (!hasA) return { kind: 'none', carry: `${a.name} has no parameters: leave ${b.name}'s at ${initial(b)}${ifBoth}` };
  if (!hasB) {
    const only = `${b.name} has no parameters: ${a.name}'s must be ${initial(a)}`;
    return { kind: 'impossible', carry: only + ifBoth };
  }
  // A pattern takes a bias or none.
  if (a.layer === null || b.layer === null || a.hasBias === b.hasBias) return { kind, carry };
  if (b.hasBias) return { kind, carry: `${carry}; leave ${b.name}'s bias at 0` };
  return { kind: 'impossible', carry: `${carry}; ${b.name} has no bias, so ${a.name}'s must be 0` };
}

function initial({ hasWeight, hasBias }: Subject): string {
  return [hasWeight ? 'weight 1' : '', hasBias ? 'bias 0' : ''].filter((value) => value !== '').join(' and ');
}

function parameterDifference(a: Subject, b: Subject, kind: Verdict['parameters']): Difference | null {
  if (kind === 'same' || (!isAffine(a) && !isAffine(b))) return null;
  const [ofA, ofB] = [a, b].map((subject) => {
    const { form, hasWeight, hasBias } = subject;
    if (!isAffine(subject)) return 'no parameters';
    const names = [hasWeight ? 'weight' : '', hasBias ? 'bias' : ''].filter((name) => name !== '');
    return `${names.join(' and ')} of shape ${showShape(form.parameterShape ?? [])}`;
  });
  return { in: 'parameters', text: `${a.name} has ${ofA}; ${b.name} has ${ofB}` };
}

/** The parameters that a and b have or would have. */
function relation(a: Subject, b: Subject): ParameterFinding {
  const [there, back] = [carryOf(a.affineForm, b.affineForm), carryOf(b.affineForm, a.affineForm)];
  const own = `${a.name}'s parameters (${extentOf(a)})`;
  const others = `${b.name}'s (${extentOf(b)})`;
  switch (there.kind) {
    case 'same':
      return { kind: 'same', carry: `${own} serve ${b.name} as they are` };
    case 'reshape':
      return { kind: 'reshape', carry: `${own} become ${others} by weight${there.steps}` };
    case 'expand': {
      const only = `back only where they are constant along ${axesOf(back.lost)}`;
      return { kind: 'expand', carry: `${own} become ${others} by weight${there.steps}; ${only}` };
    }
    case 'impossible': {
      if (there.lost.length === 0) return { kind: 'impossible', carry: `${own} cannot become ${others}` };
      const only = `${own} can become ${others} only where they are constant along ${axesOf(there.lost)}`;
      return { kind: 'impossible', carry: back.kind === 'impossible' ? only : `${only}; back by weight${back.steps}` };
    }
    default:
      return there.kind satisfies never;
  }
}

/** `3 along axis 1` */
function extentOf({ affineForm }: Subject): string {
  const axes = parameterAxes(affineForm);
  const extent = showShape(affineForm.parameterShape ?? []);
  return axes.length === 0 ? extent : `${extent} along ${axesOf(axes)}`;
}

const isAffine = ({ hasWeight, hasBias }: Subject): boolean => hasWeight || hasBias;
