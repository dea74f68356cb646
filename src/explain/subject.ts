// What explain and equivalent are asked about: a layer or a pattern on a shape, as its layout and what it keeps.
// May import errors, notation, plan, kernels and nn.

import { KeelError, showGiven } from '../errors.js';
import type { Statistics } from '../kernels/kernels.js';
import { namesOf, printPattern, type Axis, type Factor, type Pattern } from '../notation.js';
import { Module } from '../nn/module.js';
import { NormLayer } from '../nn/norm.js';
import { layout, type Layout } from '../plan.js';

/** What `norm` takes beside a pattern, as far as it says what is computed. */
export interface PatternSettings {
  /** Default `moments`. */
  readonly statistics?: Statistics;
  /** Default as in `norm`. */
  readonly eps?: number | null;
}

/** A pattern with the sizes of its factors: `{ pattern: 'b (g [c])', g: 3 }`. */
export interface SizedPattern extends PatternSettings {
  readonly pattern: string;
  readonly [name: string]: unknown;
}

/** Anything that shares statistics: a layer, a pattern, or a pattern with its sizes. */
export type Normalizer = NormLayer | string | SizedPattern;

/** A normalizer on one shape. */
export interface Subject {
  /** `GroupNorm(3, 6)`, or the pattern in quotes with its sizes. */
  readonly name: string;
  readonly layer: NormLayer | null;
  readonly statistics: Statistics;
  /** null: the machine epsilon of the input's dtype. */
  readonly eps: number | null;
  /**
   * As it is: a layer without weight and bias has no comma; where running statistics are used, all elements that one of
   * them stands for are a set.
   */
  readonly form: Layout;
  /** With the parameters that the layer would have if it were affine. */
  readonly affineForm: Layout;
  readonly hasWeight: boolean;
  readonly hasBias: boolean;
  /** Whether running statistics take the place of the input's: never, in eval only, or as the layer stands now. */
  readonly running: 'never' | 'eval' | 'now';
}

/** Reads a layer by its own `patternFor`, a pattern by `layout`. */
export function subjectOf(of: Normalizer, shape: readonly number[], sizes?: Omit<SizedPattern, 'pattern'>): Subject {
  if (!Array.isArray(shape)) {
    throw new KeelError('argument', `a shape is needed, such as [2, 6, 4, 5], got ${String(shape)}`, { shape });
  }
  if (of instanceof NormLayer) {
    if (Object.keys(sizes ?? {}).length === 0) return layerSubject(of, shape);
    throw new KeelError('argument', `${layerName(of)} has its sizes already: give sizes to a pattern only`, { sizes });
  }
  if (typeof of === 'string') return patternSubject({ ...sizes, pattern: of }, shape);
  if (typeof of === 'object' && of !== null && typeof of.pattern === 'string') {
    return patternSubject({ ...of, ...sizes, pattern: of.pattern }, shape);
  }
  const got = of instanceof Module ? of.typeName() : showGiven(of);
  const ways = {
    weighted: "weightNorm is the pattern 'o [i...], o' on the weight's shape",
    holds: 'explain each layer in it',
    other: 'give a layer that shares statistics, such as new GroupNorm(3, 6), or a pattern',
  };
  const holds = of instanceof Module && of.children().length > 0 ? 'holds' : 'other';
  throw new KeelError('argument', `${got} has no pattern: ${ways[got.startsWith('Parametrized') ? 'weighted' : holds]}`, { got });
}

/** What PyTorch's repr is: a constructor's call. */
export function callOf(layer: NormLayer): { type: string; positional: string; named: ReadonlyMap<string, string> } {
  const repr = String(layer);
  const open = repr.indexOf('(');
  const parts = repr.slice(open + 1, -1).split(/, (?=[a-z_]+=)/);
  const named = parts.flatMap((part) => {
    const [name = '', value] = part.split('=');
    return value === undefined ? [] : [[name, value] as const];
  });
  // A tuple is a list to both libraries, and a tuple of one is its element.
  const positional = parts.filter((part) => !part.includes('=')).join(', ');
  const list = positional.replace(/^\((\d+),\)$/, '$1').replace(/^\((.*)\)$/, '[$1]');
  return { type: repr.slice(0, open), positional: list, named: new Map(named) };
}

/** `GroupNorm(3, 6)`: the layer's repr without the arguments that have a name. */
function layerName(layer: NormLayer): string {
  const { type, positional } = callOf(layer);
  return `${type}(${positional})`;
}

function layerSubject(layer: NormLayer, shape: readonly number[]): Subject {
  const { pattern, sizes, statistics, running } = layer.patternFor(shape);
  const affineForm = layout(pattern, shape, sizes);
  const name = layerName(layer);
  const [hasWeight, hasBias] = [layer.weight !== null, layer.bias !== null];
  const parsed = running === 'now' ? sharedByParameter(affineForm.pattern) : affineForm.pattern;
  const own = printPattern(hasWeight || hasBias ? parsed : { ...parsed, parameters: null });
  return {
    name,
    layer,
    statistics,
    eps: layer.eps,
    form: layout(own, shape, sizes),
    affineForm,
    hasWeight,
    hasBias,
    running,
  };
}

const STATISTICS: readonly unknown[] = ['moments', 'rms', 'l2'];

function patternSubject(of: SizedPattern, shape: readonly number[]): Subject {
  const { pattern, statistics = 'moments', eps, ...rest } = of;
  if (!STATISTICS.includes(statistics)) {
    const message = `statistics must be 'moments', 'rms' or 'l2', got '${String(statistics)}'`;
    throw new KeelError('argument', message, { statistics });
  }
  // layout refuses what is no number and no name of the pattern.
  const sizes = rest as Record<string, number>;
  const form = layout(pattern, shape, sizes);
  const given = Object.entries(sizes).map(([name, size]) => `${name} = ${size}`);
  const hasWeight = form.parameterShape !== null;
  return {
    name: `'${printPattern(form.pattern)}'` + (given.length === 0 ? '' : ` with ${given.join(', ')}`),
    layer: null,
    statistics,
    eps: eps ?? { moments: 1e-5, rms: null, l2: 1e-12 }[statistics],
    form,
    affineForm: form,
    hasWeight,
    hasBias: hasWeight,
    running: 'never',
  };
}

/** Running statistics have a value for each of the parameter's, whatever the batch's have. */
function sharedByParameter(pattern: Pattern): Pattern {
  const along = new Set((pattern.parameters ?? []).flatMap(namesOf).map(({ name }) => name));
  const mark = (factor: Factor): Factor => ({ ...factor, reduced: !along.has(factor.name) });
  const axes = pattern.axes.map((axis): Axis =>
    axis.kind === 'group' ? { ...axis, factors: axis.factors.map(mark) } : { ...axis, factor: mark(axis.factor) },
  );
  return { ...pattern, axes };
}
