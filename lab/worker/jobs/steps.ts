// The arithmetic of one set step by step, what mistakes make of it, and the way back with its checks. May import evenkeel.

import { grad, KeelError, manualSeed, noGrad, norm, ones, randn, scope, stepsOf, tensor, zeros, type ExplainData, type Steps, type StepsOptions, type Tensor } from 'evenkeel';
import { MOST_CELLS } from '../../field/geometry.js';
import { subjectOf, type Subject, type SubjectText } from '../subject.js';
import { elementSet, type ElementSet } from './sets.js';
import type { GradientName, MistakeName } from './stepnames.js';

export interface StepsJobs {
  readonly steps: {
    readonly ask: StepsAsk;
    readonly answer: StepsAnswer;
    readonly part: never;
  };
}

export interface StepsAsk {
  readonly subject: SubjectText;
  readonly shape: readonly number[];
  readonly values: Float32Array;
  /** x becomes x · times + plus. */
  readonly times: number;
  readonly plus: number;
  /** One number, or as many as there are parameters. */
  readonly gamma: string;
  readonly beta: string;
  readonly index: readonly number[];
  readonly mistake: MistakeName;
  /** dL/dy; null where the way back is not asked for. */
  readonly gradient: GradientName | null;
}

export interface StepsAnswer {
  readonly data: ExplainData;
  readonly element: ElementSet;
  /** Of every element, where the tensor is small enough to draw. */
  readonly sets: Int32Array | null;
  /** As computed: with the mistake, if one is chosen. */
  readonly steps: Steps;
  /** Of the set's elements; null where there are none. */
  readonly gamma: readonly number[] | null;
  readonly beta: readonly number[] | null;
  /** Null for statistics that have no such mistakes. */
  readonly mistakes: readonly MistakeRow[] | null;
  readonly checks: Checks | null;
}

/** What a way of computing gives, beside float64 and the right formula. */
export interface MistakeRow {
  /** `layer` is evenkeel's own, `byHand` the right formula in float32. */
  readonly name: 'layer' | 'byHand' | Exclude<MistakeName, 'none'>;
  /** Null where the layer does not tell it. */
  readonly variance: number | null;
  /** Of the element asked for. */
  readonly y: number;
  /** The largest error over the set; NaN where a value is none. */
  readonly error: number;
}

/** dL/dx of the set by two other ways, and how far the steps are from each. */
export interface Checks {
  readonly differences: readonly number[];
  readonly autograd: readonly number[];
  readonly differencesError: number;
  readonly autogradError: number;
}

/** Elements of a set that are stepped through. */
const MOST_STEPPED = 10_000;
/** Finite differences take two passes over the tensor for each element of the set. */
const MOST_CHECKED = 4096;

const mistakeOptions: Readonly<Record<MistakeName, StepsOptions>> = {
  none: {},
  unbiased: { variance: 'unbiased' },
  outside: { epsilon: 'outside' },
  difference: { variance: 'difference', arithmetic: 'float32' },
};

export function steps(ask: StepsAsk): StepsAnswer {
  return scope(() => {
    const { shape, values, times, plus, index, mistake, gradient } = ask;
    const of = subjectOf(ask.subject);
    const explanation = of.explain(shape);
    const { data, setNumbers } = explanation;
    if (data.elements > MOST_STEPPED) {
      const message = `a set of ${data.elements} elements, ${MOST_STEPPED} at most here: choose a layer with smaller sets, or a smaller input`;
      throw new KeelError('size', message, { elements: data.elements });
    }
    const x = tensor(values, [...shape]).mul(times).add(plus);
    const parameters = load(of, data, ask);
    const at = place(index, shape);
    const run = (options: StepsOptions): Steps => stepsOf(of.layer ?? { ...of.sizes, pattern: of.pattern ?? '' }, x, at, { ...parameters, ...options });
    const dy = gradient === null ? null : gradientOf(gradient, at, shape);
    const isMoments = data.statistics === 'moments';
    const shown = run(dy === null ? mistakeOptions[isMoments ? mistake : 'none'] : { gradOutput: dy });
    return {
      data,
      element: elementSet(explanation, at),
      sets: values.length <= MOST_CELLS ? setNumbers() : null,
      steps: shown,
      gamma: ofSet(data.parameters.weight, 'gamma', ask.gamma, shown),
      beta: ofSet(data.parameters.bias, 'beta', ask.beta, shown),
      mistakes: isMoments && dy === null ? mistakesOf(run, () => forward(of, x, parameters), shape) : null,
      checks: dy === null || values.length > MOST_CHECKED ? null : checksOf(of, x, parameters, dy, shown),
    };
  });
}

type Parameters = Pick<StepsOptions, 'weight' | 'bias'>;

/** Gives a layer its weight and bias, or a pattern the same beside it. */
function load(of: Subject, data: ExplainData, { gamma, beta }: Pick<StepsAsk, 'gamma' | 'beta'>): Parameters {
  const { weight, bias } = data.parameters;
  const given = new Map<string, Tensor>();
  if (weight !== null) given.set('weight', tensor(listed('gamma', gamma, weight), [...weight]));
  if (bias !== null) given.set('bias', tensor(listed('beta', beta, bias), [...bias]));
  if (of.layer === null) return { weight: given.get('weight') ?? null, bias: given.get('bias') ?? null };
  of.layer.loadStateDict(given, { strict: false });
  return {};
}

function ofSet(shape: readonly number[] | null, field: Field, text: string, { parameters }: Steps): number[] | null {
  if (shape === null || parameters === null) return null;
  const all = listed(field, text, shape);
  return parameters.map((place) => all[place] ?? NaN);
}

type Field = 'gamma' | 'beta';

function listed(field: Field, text: string, shape: readonly number[]): number[] {
  const letter = { gamma: 'γ', beta: 'β' }[field];
  const size = shape.reduce((product, extent) => product * extent, 1);
  const words = text.split(/[\s,[\]()]+/).filter((word) => word !== '');
  const wrong = words.find((word) => !/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(word));
  if (wrong !== undefined) throw new KeelError('argument', `${letter} is a list of numbers; '${wrong}' is none`, { field });
  const numbers = words.map(Number);
  if (numbers.length === size) return numbers;
  if (numbers.length === 1) return new Array<number>(size).fill(numbers[0] ?? 0);
  throw new KeelError('argument', `${letter} takes one number, or ${size}, one for each parameter; ${numbers.length} are given`, { field });
}

/** The index asked for, or the first element where the tensor is another by now. */
function place(index: readonly number[], shape: readonly number[]): readonly number[] {
  const isInside = index.length === shape.length && index.every((i, axis) => i < (shape[axis] ?? 0));
  return isInside ? index : shape.map(() => 0);
}

function gradientOf(name: GradientName, at: readonly number[], shape: readonly number[]): Tensor {
  switch (name) {
    case 'randn':
      manualSeed(1);
      return randn([...shape]);
    case 'ones':
      return ones([...shape]);
    case 'one': {
      const flat = at.reduce((outer, i, axis) => outer * (shape[axis] ?? 1) + i, 0);
      const values = new Float32Array(shape.reduce((product, extent) => product * extent, 1));
      values[flat] = 1;
      return tensor(values, [...shape]);
    }
    default:
      return name satisfies never;
  }
}

function forward({ layer, pattern, sizes }: Subject, x: Tensor, parameters: Parameters): Tensor {
  return layer === null ? norm(x, pattern ?? '', { ...sizes, ...parameters } as object) : layer.forward(x);
}

function mistakesOf(run: (options: StepsOptions) => Steps, ownForward: () => Tensor, shape: readonly number[]): MistakeRow[] {
  const right = run({});
  const truth = right.forward.at(-1)?.values ?? [];
  const row = (name: MistakeRow['name'], variance: number | null, y: readonly number[]): MistakeRow =>
    ({ name, variance, y: y[right.at] ?? NaN, error: largest(y, truth) });
  const rowOf = (name: MistakeRow['name'], { forward: found }: Steps): MistakeRow =>
    row(name, found.find((step) => step.name === 'variance')?.values[0] ?? null, found.at(-1)?.values ?? []);
  const own = noGrad(ownForward).data;
  const flat = right.indices.map((index) => index.reduce((outer, i, axis) => outer * (shape[axis] ?? 1) + i, 0));
  return [
    row('layer', null, flat.map((e) => Number(own[e]))),
    rowOf('byHand', run({ arithmetic: 'float32' })),
    ...(['unbiased', 'outside', 'difference'] as const).map((name) => rowOf(name, run(mistakeOptions[name]))),
  ];
}

/** Both in float64: (L(x + h) − L(x − h)) / 2h for each element of the set, and the library's own backward pass. */
function checksOf(of: Subject, x32: Tensor, parameters: Parameters, dy32: Tensor, found: Steps): Checks {
  const own: Parameters = of.layer === null ? { weight: wide(parameters.weight), bias: wide(parameters.bias) } : {};
  of.layer?.to('float64');
  const dy = dy32.to('float64');
  const lossAt = (x: Tensor): number => scope(() => noGrad(() => forward(of, x, own).mul(dy).sum().item()));
  const root = found.forward.findLast(({ of: whose }) => whose === 'set')?.values[0] ?? 1;
  const h = 1e-4 * root;
  const flat = found.indices.map((index) => index.reduce((outer, i, axis) => outer * (x32.shape[axis] ?? 1) + i, 0));
  const numbers = Float64Array.from(x32.data, Number);
  const shifted = (e: number, by: number): Tensor => {
    const copy = Float64Array.from(numbers);
    copy[e] = (copy[e] ?? NaN) + by;
    return tensor(copy, [...x32.shape]);
  };
  const differences = flat.map((e) => scope(() => (lossAt(shifted(e, h)) - lossAt(shifted(e, -h))) / (2 * h)));
  const x = tensor(numbers, [...x32.shape], { requiresGrad: true });
  const [dx] = grad(forward(of, x, own), x, { gradOutputs: dy });
  const gradient = dx?.data ?? zeros([x.size]).data;
  const autograd = flat.map((e) => Number(gradient[e]));
  const bySteps = found.backward.find(({ name }) => name === 'dx')?.values ?? [];
  return { differences, autograd, differencesError: largest(differences, bySteps), autogradError: largest(autograd, bySteps) };
}

const wide = (narrow: Tensor | null | undefined): Tensor | null => narrow?.to('float64') ?? null;

function largest(a: readonly number[], b: readonly number[]): number {
  return a.reduce((most, value, i) => {
    const error = Math.abs(value - (b[i] ?? NaN));
    return Number.isNaN(error) || error > most ? error : most;
  }, 0);
}
