// explain: which elements share a statistic, how many there are, and what else is the same, read from the plan.
// May import errors, notation, plan, kernels, nn and src/explain.

import { equivalentsOf, pytorchOf, type Equivalent } from './explain/catalogue.js';
import { elementSentence } from './explain/element.js';
import { torchCode } from './explain/expression.js';
import { subjectOf, type Normalizer, type PatternSettings, type Subject } from './explain/subject.js';
import { countOf, sentenceOf } from './explain/words.js';
import { KeelError, showShape } from './errors.js';
import type { Statistics } from './kernels/kernels.js';
import { printPattern, type AxisNames } from './notation.js';
import { indexOf, setNumbers, setOf, type Layout, type Plan } from './plan.js';

/** What {@link explain} finds, as JSON can hold it. */
export interface ExplainData {
  /** `GroupNorm(3, 6)`, or the pattern with its sizes. */
  readonly name: string;
  readonly pattern: string;
  readonly shape: readonly number[];
  /** The size of every name of the pattern; a list for an ellipsis. */
  readonly sizes: Readonly<Record<string, number | readonly number[]>>;
  readonly statistics: Statistics;
  /** How many means, root mean squares or norms there are. */
  readonly count: number;
  /** How many elements share each of them. */
  readonly elements: number;
  /** The tensor's rank; 1 where all of an axis is shared. */
  readonly statisticShape: readonly number[];
  /** `one mean for each sample and channel (axes 0, 1), over 4 positions (axis 2)` */
  readonly sentence: string;
  /** null where the layer has none. */
  readonly parameters: { readonly weight: readonly number[] | null; readonly bias: readonly number[] | null };
  /** Running statistics and when they take the place of the input's: in eval, or now; null where there are none. */
  readonly running: { readonly shape: readonly number[]; readonly used: 'eval' | 'now' } | null;
  readonly plan: Plan;
  /** The kernel's way through memory, which the plan's extents decide. */
  readonly path: 'rows' | 'columns' | 'segments' | 'permuted';
  /** The layer in PyTorch, or where it has none, the formula on `x`, `weight` and `bias`. */
  readonly pytorch: string;
  /** Layers of PyTorch that normalize this shape by the same statistics. */
  readonly equivalents: readonly Equivalent[];
}

/** What {@link explain} says, and the sets themselves. */
export interface Explanation {
  /** {@link ExplainData} to read. */
  readonly text: string;
  readonly data: ExplainData;
  /**
   * The indices of all elements that share a statistic with `x[index]`, itself among them, in memory order.
   *
   * @throws KeelError [rank], [argument] for an index that is not in the tensor.
   */
  setOf(index: readonly number[]): number[][];
  /**
   * The set of every element, in memory order: sets are numbered as their statistics lie in memory. As many numbers as the
   * tensor has elements.
   */
  setNumbers(): Int32Array;
  /**
   * The set of `x[index]` in words: `x[1, 2, 0] shares its mean with 11 others: sample 1, channels 2–3, all positions`.
   *
   * @throws KeelError [rank], [argument] for an index that is not in the tensor.
   */
  describe(index: readonly number[]): string;
}

/** The sizes of a pattern's factors, and the settings of `norm` that say what is computed. */
export type PatternSizes<P extends string> = PatternSettings & {
  readonly [name in AxisNames<P>]?: string extends name ? unknown : number;
};

/**
 * Which elements share a statistic when this layer, or pattern, meets a tensor of this shape; nothing is computed.
 *
 * @param layer a layer, a pattern, or a pattern with its sizes: `{ pattern: 'b (g [c])', g: 3 }`
 * @param sizes of a pattern: its factors, and `statistics` and `eps` as `norm` takes them
 * @throws KeelError [argument] for a layer that shares no statistics; [shape], [rank], [indivisible] and the like where
 *   the shape does not fit.
 * @example
 * explain(new BatchNorm1d(3), [2, 3, 4]).data.count;              // 3 means, each over 8 elements
 * explain(new InstanceNorm1d(3), [2, 3, 4]).setOf([1, 2, 0]);     // [[1, 2, 0], [1, 2, 1], [1, 2, 2], [1, 2, 3]]
 * explain('b (g [c]) [s...], (g c)', [2, 6, 4], { g: 3 }).text;
 */
export function explain<const P extends string>(
  pattern: P, shape: readonly number[], sizes?: PatternSizes<NoInfer<P>>,
): Explanation;
export function explain(layer: Normalizer, shape: readonly number[]): Explanation;
export function explain(layer: Normalizer, shape: readonly number[], sizes?: PatternSizes<string>): Explanation {
  const subject = subjectOf(layer, shape, sizes);
  const data = dataOf(subject);
  const { form } = subject;
  return {
    text: textOf(data, subject),
    data,
    setOf: (index) => setOf(form, listed(index)).map((flat) => indexOf(flat, form.shape)),
    setNumbers: () => setNumbers(form),
    describe: (index) => elementSentence(subject, listed(index)),
  };
}

function listed(index: readonly number[]): readonly number[] {
  if (Array.isArray(index)) return index;
  throw new KeelError('argument', `an index is a list, such as [1, 2], got ${String(index)}`, { index });
}

function dataOf(subject: Subject): ExplainData {
  const { name, form, statistics, hasWeight, hasBias, running, affineForm } = subject;
  const { k0, r0, k1, r1 } = form.plan;
  const equivalents = equivalentsOf(subject);
  return {
    name,
    pattern: printPattern(form.pattern),
    shape: form.shape,
    sizes: sizesOf(form),
    statistics,
    count: k0 * k1,
    elements: r0 * r1,
    statisticShape: form.statisticShape,
    sentence: sentenceOf(subject),
    parameters: { weight: hasWeight ? form.parameterShape : null, bias: hasBias ? form.parameterShape : null },
    running: running === 'never' ? null : { shape: affineForm.parameterShape ?? [], used: running },
    plan: form.plan,
    path: pathOf(form),
    pytorch: torchOf(subject, equivalents),
    equivalents,
  };
}

/** Names with one size have that; an ellipsis has a list. */
function sizesOf({ pattern, sizes }: Layout): ExplainData['sizes'] {
  const dotted = new Set(pattern.axes.flatMap((axis) => (axis.kind === 'ellipsis' ? [axis.factor.name] : [])));
  return Object.fromEntries([...sizes].map(([name, list]) => [name, dotted.has(name) ? list : (list[0] ?? 1)]));
}

function pathOf({ permutation, plan }: Layout): ExplainData['path'] {
  if (permutation !== null) return 'permuted';
  if (plan.k1 * plan.r1 === 1) return 'rows';
  return plan.r1 === 1 ? 'columns' : 'segments';
}

function torchOf({ layer, form, statistics, eps }: Subject, equivalents: readonly Equivalent[]): string {
  const own = layer === null ? null : pytorchOf(layer);
  // What a layer says with its default eps, and its parameters as they are, needs no formula.
  const isDefault = eps === (statistics === 'rms' ? null : 1e-5);
  const named = isDefault ? equivalents.find(({ sameParameters }) => sameParameters) : undefined;
  return own ?? named?.pytorch ?? torchCode(form, statistics, eps);
}

function textOf(data: ExplainData, subject: Subject): string {
  const { name, shape, sizes, statistics, statisticShape, parameters, running, plan, equivalents } = data;
  const extents = Object.entries(sizes).map(([axis, size]) => `${axis} = ${[size].flat().join(' × ') || 'none'}`);
  const { weight, bias } = parameters;
  const learned = [weight && `weight ${showShape(weight)}`, bias && `bias ${showShape(bias)}`];
  const same = equivalents.map((other) => `${other.name}${other.sameParameters ? '' : ', its parameters differ'}`);
  const rows: [label: string, lines: readonly string[]][] = [
    ['pattern', subject.layer === null ? [] : [data.pattern]],
    ['sizes', extents.length === 0 ? [] : [extents.join(', ')]],
    ['statistics', [`${running?.used === 'now' ? 'running mean and running variance' : measures[statistics]}, ${showShape(statisticShape)}`]],
    ['running', running === null ? [] : [runningOf(running)]],
    ['parameters', [learned.filter((part) => part !== null).join(', ') || 'none']],
    ['plan', [`${Object.entries(plan).map(([extent, n]) => `${extent} ${n}`).join(', ')}: ${data.path}`]],
    ['PyTorch', data.pytorch.split('\n')],
    ['same sets', same],
  ];
  return [
    `${name} on ${showShape(shape)}: ${countOf(subject)}`,
    `  ${data.sentence}`,
    ...rows.flatMap(([label, lines]) => lines.map((line, i) => `  ${(i === 0 ? label : '').padEnd(10)}  ${line}`)),
  ].join('\n');
}

const measures: Readonly<Record<Statistics, string>> = {
  moments: 'mean and biased variance',
  rms: 'root mean square',
  l2: 'L2 norm',
};

function runningOf({ shape, used }: NonNullable<ExplainData['running']>): string {
  const held = `running_mean and running_var, ${showShape(shape)}`;
  if (used === 'now') return `${held}: used now, not the input's`;
  return `${held}: used in eval; running_var takes the unbiased variance`;
}
