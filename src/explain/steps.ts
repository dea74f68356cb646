// stepsOf: the arithmetic of one set, one step at a time, forward and backward, and the ways hand-written code goes wrong.
// May import errors, nn, plan and what explain is made of.

import { KeelError } from '../errors.js';
import type { Statistics } from '../kernels/kernels.js';
import { RunningNorm } from '../nn/batchnorm.js';
import { checkParameter } from '../ops/norm.js';
import { checkFloats, checkSameShape, checkTensors } from '../ops/check.js';
import { flatIndex, indexOf, parameterNumbers, setNumbers, setOf, type Layout } from '../plan.js';
import type { Tensor } from '../tensor.js';
import { measure, type Manner } from './measure.js';
import type { BackwardStepName, Step, StepName } from './step.js';
import { listOf } from './stepnumbers.js';
import { backwardSteps, type Flow } from './stepsbackward.js';
import { forwardSteps } from './stepsforward.js';
import { subjectOf, type Normalizer, type Subject } from './subject.js';
import { plural } from './words.js';

/** What {@link stepsOf} finds; the last forward step has y. */
export interface Steps {
  /** `LayerNorm(4)`, or the pattern with its sizes. */
  readonly name: string;
  readonly statistics: Statistics;
  readonly eps: number;
  /** The elements of the set, in memory order. */
  readonly indices: readonly (readonly number[])[];
  /** Where among them the element asked for is. */
  readonly at: number;
  /** For each element the place of its γ and β in memory; null where there are none. */
  readonly parameters: readonly number[] | null;
  readonly forward: readonly Step<StepName>[];
  /** Empty without `gradOutput`. */
  readonly backward: readonly Step<BackwardStepName>[];
  /** All of it to read. */
  readonly text: string;
}

/** Options of {@link stepsOf}. */
export interface StepsOptions {
  /** γ of a pattern, of the shape that its comma says; a layer has its own. */
  readonly weight?: Tensor | null;
  /** β of a pattern; a layer has its own. */
  readonly bias?: Tensor | null;
  /** dL/dy, of x's shape: gives the backward steps. */
  readonly gradOutput?: Tensor | null;
  /** How the variance is had: `mean` (default), Σd²/N; and two mistakes, `unbiased`, Σd²/(N − 1), and `difference`, E[x²] − E[x]². */
  readonly variance?: 'mean' | 'unbiased' | 'difference';
  /** `inside` (default): √(variance + eps); and a mistake, `outside`: √variance + eps. */
  readonly epsilon?: 'inside' | 'outside';
  /** `float64` (default), or `float32`: rounded after every operation, sums one element after another. */
  readonly arithmetic?: 'float64' | 'float32';
}

/**
 * y = (x − E[x]) / √(Var[x] + eps) · γ + β of the set that x[index] is in, one step at a time; with `gradOutput` also
 * dx = (h − ⟨h⟩ − x̂⟨h·x̂⟩) / √(Var[x] + eps) with h = dy · γ, and dγ, dβ over all elements that share them. Made to be read:
 * each number is computed from those shown before it, in plain loops; the layers themselves take faster ways to the same.
 *
 * @param of a layer that uses its input's statistics, a pattern, or a pattern with its sizes: `{ pattern: 'b (g [c])', g: 3 }`
 * @param x float32 or float64, as are the tensors of the options
 * @throws KeelError [argument] for an index outside, for a layer in eval that has running statistics, for a mistake together
 *   with `gradOutput` or with other statistics than moments; [too_few_values] where the layer refuses one value;
 *   [shape], [rank], [dtype], [backend] as `norm`.
 * @see https://arxiv.org/abs/1502.03167
 * @example
 * const { forward } = stepsOf(new LayerNorm(4), linspace(0, 23, 24).reshape([2, 3, 4]), [1, 2, 0]);
 * forward.find(({ name }) => name === 'variance')?.worked; // '(2.25 + 0.25 + 0.25 + 2.25) / 4 = 1.25'
 */
export function stepsOf(of: Normalizer, x: Tensor, index: readonly number[], options: StepsOptions = {}): Steps {
  checkTensors('stepsOf', [x]);
  const subject = subjectOf(of, x.shape);
  const { form, layer } = subject;
  const { gradOutput = null } = options;
  const { weight, bias } = parametersOf(subject, options);
  checkFloats('stepsOf', [x, weight, bias, gradOutput].filter((tensor) => tensor !== null));
  if (gradOutput !== null) checkSameShape('gradOutput', gradOutput, x.shape);
  const manner = mannerOf(subject, x, options);
  const flat = setOf(form, index);
  if (layer instanceof RunningNorm && flat.length === 1) throw tooFew(subject);

  const data = numbers(x);
  const at = flat.indexOf(flatIndex(x.shape, index));
  const places = parameterNumbers(form);
  const parameters = places === null ? null : flat.map((e) => places[e]!);
  const ofSet = (tensor: Tensor | null): number[] | null => (tensor === null || parameters === null ? null : pick(numbers(tensor), parameters));
  const [gamma, beta] = [ofSet(weight), ofSet(bias)];
  const own = pick(data, flat);
  const measured = measure(own, manner);
  const element = `x[${index.join(', ')}]`;
  const forward = forwardSteps(own, measured, manner, { gamma, beta }, at, element);
  const flow = gradOutput === null ? null : flowOf(form, data, numbers(gradOutput), flat, manner, { gamma, beta, places, at });
  const backward = flow === null ? [] : backwardSteps(measured, manner, flow, at, element);
  const title = `${subject.name}, the set of ${element}: ${plural(flat.length, 'element')}`;
  return {
    name: subject.name,
    statistics: subject.statistics,
    eps: manner.eps,
    indices: flat.map((e) => indexOf(e, x.shape)),
    at,
    parameters,
    forward,
    backward,
    text: textOf(title, forward, backward),
  };
}

function parametersOf({ layer, form, name }: Subject, { weight = null, bias = null }: StepsOptions): { weight: Tensor | null; bias: Tensor | null } {
  checkTensors('stepsOf', [weight, bias].filter((tensor) => tensor !== null));
  if (layer === null) {
    checkParameter('weight', weight, form);
    checkParameter('bias', bias, form);
    return { weight, bias };
  }
  if (weight === null && bias === null) return { weight: layer.weight, bias: layer.bias };
  throw new KeelError('argument', `${name} has its own weight and bias: load them into the layer, or give its pattern`, { name });
}

function mannerOf({ layer, statistics, eps, running, name }: Subject, x: Tensor, options: StepsOptions): Manner {
  const { variance = 'mean', epsilon = 'inside', arithmetic = 'float64', gradOutput = null } = options;
  for (const [option, value, allowed] of [
    ['variance', variance, ['mean', 'unbiased', 'difference']],
    ['epsilon', epsilon, ['inside', 'outside']],
    ['arithmetic', arithmetic, ['float64', 'float32']],
  ] as const) {
    if (allowed.some((word) => word === value)) continue;
    throw new KeelError('argument', `${option} must be ${allowed.map((word) => `'${word}'`).join(' or ')}, got '${String(value)}'`, { [option]: value });
  }
  if (running === 'now') {
    const message = `${name} normalizes by its running statistics, and not by a set's own: call ${layer === null ? '' : 'layer.'}train() first`;
    throw new KeelError('argument', message, { name });
  }
  const isRight = variance === 'mean' && epsilon === 'inside';
  if (!isRight && statistics !== 'moments') {
    throw new KeelError('argument', `variance and epsilon are of the moments; ${name} takes ${statistics}`, { statistics });
  }
  if (!(isRight && arithmetic === 'float64') && gradOutput !== null) {
    throw new KeelError('argument', 'the backward steps are of the right formula in float64: leave variance, epsilon and arithmetic away', { variance, epsilon, arithmetic });
  }
  const round = arithmetic === 'float32' ? Math.fround : (value: number) => value;
  const ownEps = eps ?? (x.dtype === 'float64' ? Number.EPSILON : 2 ** -23);
  return { statistics, eps: round(ownEps), variance, epsilon, round };
}

function tooFew({ name, form }: Subject): KeelError {
  const message = `Expected more than 1 value in a set when training: ${name} refuses an input of shape ${form.shape.join(' × ')}; give more`;
  return new KeelError('too_few_values', message, { shape: form.shape });
}

/** x̂ of other sets counts where one of their elements has a parameter of this set. */
function flowOf(
  form: Layout, x: readonly number[], dy: readonly number[], flat: readonly number[], manner: Manner,
  { gamma, beta, places, at }: { gamma: readonly number[] | null; beta: readonly number[] | null; places: Int32Array | null; at: number },
): Flow {
  const flow = { dy: pick(dy, flat), gamma, hasBeta: beta !== null };
  if (places === null || (gamma === null && beta === null)) return { ...flow, sharing: [], own: 0 };
  const normalized = normalizedAll(form, x, manner);
  const distinct = [...new Set(flat.map((e) => places[e]!))];
  const sharers = new Map<number, number[]>(distinct.map((place) => [place, []]));
  places.forEach((place, e) => sharers.get(place)?.push(e));
  const sharing = [...sharers.values()].map((elements) => ({ dy: pick(dy, elements), normalized: pick(normalized, elements) }));
  return { ...flow, sharing, own: distinct.indexOf(places[flat[at]!]!) };
}

function normalizedAll(form: Layout, x: readonly number[], manner: Manner): number[] {
  const sets: number[][] = [];
  setNumbers(form).forEach((set, e) => (sets[set] ??= []).push(e));
  const normalized = new Array<number>(x.length).fill(0);
  for (const elements of sets) {
    measure(pick(x, elements), manner).normalized.forEach((value, i) => void (normalized[elements[i]!] = value));
  }
  return normalized;
}

function textOf(title: string, forward: readonly Step[], backward: readonly Step[]): string {
  const rows = [...forward, ...backward].map(({ formula, worked, of, values }) => [formula, worked, of === 'set' ? '' : listOf(values)] as const);
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => length(row[column] ?? ''))));
  const line = (row: readonly string[]): string => `  ${row.map((cell, i) => cell + ' '.repeat(Math.max(0, (widths[i] ?? 0) - length(cell)))).join('  ')}`.trimEnd();
  const lines = rows.map(line);
  return [title, ...lines.slice(0, forward.length), ...(backward.length === 0 ? [] : ['', ...lines.slice(forward.length)])].join('\n');
}

/** The hat of x̂ takes no room of its own. */
const length = (text: string): number => text.replaceAll('\u0302', '').length;

const numbers = (tensor: Tensor): number[] => Array.from(tensor.data, Number);
const pick = (values: ArrayLike<number>, places: readonly number[]): number[] => places.map((place) => values[place]!);
