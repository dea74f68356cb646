// The plan: a pattern on a shape becomes six integers, and a permutation or a spread where six cannot say it.
// May import errors, notation and sizes.
import { KeelError, showGiven, showShape } from './errors.js';
import { factorsOf, namesOf, parsePattern, type Axis, type Pattern } from './notation.js';
import { checkShape, checkSize, sizesOf, type Sizes } from './sizes.js';

/** Runs of a tensor in memory order: kept `k0`, reduced `r0`, kept `k1`, reduced `r1`; any may be 1, or 0 if empty. */
export interface Runs {
  readonly k0: number;
  readonly r0: number;
  readonly k1: number;
  readonly r1: number;
}

/**
 * All that a kernel needs to know of a layer on a shape.
 *
 *     element e = ((i0 * r0 + j0) * k1 + i1) * r1 + j1
 *     statistic of e = i0 * k1 + i1
 *     parameter of e = floor(e / inner) % affine
 *
 * `affine` is the number of parameter values: 0 for none, 1 for one scale for all. `inner` is at least 1.
 */
export interface Plan extends Runs {
  readonly affine: number;
  readonly inner: number;
}

/** Reshape the data to `view`, permute it by `order`, copy. */
export interface Permutation {
  readonly view: readonly number[];
  readonly order: readonly number[];
}

/**
 * What makes `affine` values in memory order of a parameter whose axes are not one block of the data's:
 * reshape to `view`, permute by `order`, reshape to `ones`, expand to `span`, copy.
 */
export interface Spread {
  readonly view: readonly number[];
  readonly order: readonly number[];
  readonly ones: readonly number[];
  readonly span: readonly number[];
}

/** A pattern on one shape. */
export interface Layout {
  readonly pattern: Pattern;
  readonly shape: readonly number[];
  /** The size of every name; an ellipsis has as many as it stands for axes. */
  readonly sizes: ReadonlyMap<string, readonly number[]>;
  /** Of the data after `permutation`, if there is one. */
  readonly plan: Plan;
  /** Where four runs do not suffice: all kept axes in memory order, then all reduced ones. */
  readonly permutation: Permutation | null;
  /** As many axes as the tensor has, each the product of its kept factors. */
  readonly statisticShape: readonly number[];
  /** One size for each axis of the parameter; null without a comma. */
  readonly parameterShape: readonly number[] | null;
  readonly spread: Spread | null;
}

/**
 * Compiles a pattern on a shape. `sizes` gives factors in parentheses their sizes; one in each pair of parentheses may
 * be left to be inferred. Layouts are cached: the same pattern, shape and sizes give the same object for one look-up.
 *
 * @throws KeelError `rank`, `indivisible`, `uninferable`, `shape` where the sizes do not fit the tensor, `name` for a
 *   size whose name the pattern lacks, `size` for one that is no whole number, and the errors of {@link parsePattern}.
 * @example
 * layout('b (g [c]), (g c)', [2, 6], { g: 3 }).plan; // { k0: 6, r0: 2, k1: 1, r1: 1, affine: 6, inner: 1 }
 */
export function layout(
  pattern: string | Pattern, shape: readonly number[], sizes: Readonly<Record<string, number>> = {},
): Layout {
  const text = typeof pattern === 'string' ? pattern : pattern.text;
  // What is not a number must not share a key with one, so this comes before the look-up.
  checkShape(shape);
  let key = shape.join();
  for (const name of Object.keys(sizes)) key += `;${name}=${checkSize(name, sizes[name])}`;
  const known = cache.get(text)?.get(key);
  if (known !== undefined) return known;

  const made = compile(parsePattern(text), [...shape], new Map(Object.entries(sizes)));
  if (cached >= MOST_CACHED) {
    cache.clear();
    cached = 0;
  }
  cached += 1;
  let ofPattern = cache.get(text);
  if (ofPattern === undefined) cache.set(text, (ofPattern = new Map()));
  ofPattern.set(key, made);
  return made;
}

/** Runs of a reduction over the axes marked `true`, as sum and mean have it; {@link Permutation} as in a layout. */
export function reduction(
  shape: readonly number[], reduced: readonly boolean[],
): { readonly runs: Runs; readonly permutation: Permutation | null } {
  return fourRuns(shape.map((size, dim) => ({ size, reduced: reduced[dim] === true })));
}

/**
 * Flat indices, ascending and in the tensor's own memory order, of all elements that share the statistic of `x[index]`.
 *
 * @throws KeelError `rank` or `argument` for an index that is outside the tensor.
 */
export function setOf(of: Layout, index: readonly number[]): number[] {
  let first = flatIndex(of.shape, index);
  const digits = digitsOf(of.pattern, of.sizes);
  const stride = stridesOf(digits);
  const reduced = digits.filter(isReduced);
  for (const digit of reduced) {
    const step = stride.get(digit) ?? 0;
    first -= (Math.floor(first / step) % digit.size) * step;
  }
  const set = new Array<number>(volume(reduced)).fill(first);
  let filled = 1;
  // From the innermost digit, so that the copies of what is there follow it in order.
  for (const digit of reduced.toReversed()) {
    const step = stride.get(digit) ?? 0;
    for (let i = filled; i < filled * digit.size; i++) set[i] = set[i - filled]! + step;
    filled *= digit.size;
  }
  return set;
}

/** An element's index along each axis, by its place in memory. */
export function indexOf(flat: number, shape: readonly number[]): number[] {
  let rest = flat;
  const reversed = shape.toReversed().map((size) => {
    const i = rest % size;
    rest = (rest - i) / size;
    return i;
  });
  return reversed.toReversed();
}

/** The set of every element, in memory order: sets are numbered as their statistics lie in memory. */
export function setNumbers(of: Layout): Int32Array {
  return digitsOf(of.pattern, of.sizes).reduce((outer, digit) => {
    const { size } = digit;
    const isShared = isReduced(digit);
    return Int32Array.from({ length: outer.length * size }, (_, i) => {
      const before = outer[Math.floor(i / size)]!;
      return isShared ? before : before * size + (i % size);
    });
  }, Int32Array.of(0));
}

/** The place in memory of every element's parameter, in memory order; null where the pattern has none. */
export function parameterNumbers(of: Layout): Int32Array | null {
  if (of.parameterShape === null) return null;
  const digits = digitsOf(of.pattern, of.sizes);
  const stride = stridesOf(parameterDigits(of.pattern, digits));
  return digits.reduce((outer, digit) => {
    const { size } = digit;
    const step = stride.get(digit) ?? 0;
    return Int32Array.from({ length: outer.length * size }, (_, i) => outer[Math.floor(i / size)]! + (i % size) * step);
  }, Int32Array.of(0));
}

/**
 * Whether the same elements share statistics in both. Elements are told by their place in memory, so the shapes may
 * differ; no elements are the same as no others.
 */
export function sameSets(a: Layout, b: Layout): boolean {
  const size = product(a.shape);
  return size === product(b.shape) && (size === 0 || statisticSteps(a) === statisticSteps(b));
}

/** Whether each element has the same parameter in both: elements and parameters are told by their place in memory. */
export function sameParameters(a: Layout, b: Layout): boolean {
  const size = product(a.shape);
  if (size !== product(b.shape)) return false;
  if (a.parameterShape === null || b.parameterShape === null) return a.parameterShape === b.parameterShape;
  if (size === 0) return product(a.parameterShape) === product(b.parameterShape);
  return parameterSteps(a) === parameterSteps(b);
}

const MOST_CACHED = 4096;
const cache = new Map<string, Map<string, Layout>>();
let cached = 0;

function compile(pattern: Pattern, shape: readonly number[], given: ReadonlyMap<string, number>): Layout {
  const sizes = sizesOf(pattern, shape, given);
  const digits = digitsOf(pattern, sizes);
  const { runs, permutation } = fourRuns(digits);
  const walk = permutation === null ? digits : [...digits.filter(isKept), ...digits.filter(isReduced)];
  const parameters = pattern.parameters === null ? null : parameterDigits(pattern, digits);
  const { affine, inner, spread } = affineBlock(walk, parameters);
  return {
    pattern,
    shape,
    sizes,
    plan: { ...runs, affine, inner },
    permutation,
    statisticShape: pattern.axes.flatMap((axis) => axisSizes(factorsOf(axis), axis.kind, sizes)),
    parameterShape: pattern.parameters?.flatMap((axis) => axisSizes(namesOf(axis), axis.kind, sizes)) ?? null,
    spread,
  };
}

/** Sizes of the axes that a word stands for; what is reduced counts as 1. */
function axisSizes(
  of: readonly { readonly name: string; readonly reduced?: boolean }[], kind: Axis['kind'], sizes: Sizes,
): number[] {
  const all = of.flatMap(({ name, reduced }) => (sizes.get(name) ?? []).map((size) => (reduced === true ? 1 : size)));
  return kind === 'group' ? [product(all)] : all;
}

// A place in memory is a number in mixed radix, with a digit for each factor of the shape.

interface Digit {
  readonly name: string;
  readonly size: number;
  readonly reduced: boolean;
}

function digitsOf(pattern: Pattern, sizes: Sizes): Digit[] {
  const factors = pattern.axes.flatMap(factorsOf);
  return factors.flatMap(({ name, reduced }) => (sizes.get(name) ?? []).map((size) => ({ name, size, reduced })));
}

/** The digits of a parameter's place in memory. */
function parameterDigits(pattern: Pattern, digits: readonly Digit[]): Digit[] {
  const names = (pattern.parameters ?? []).flatMap(namesOf);
  return names.flatMap(({ name }) => digits.filter((digit) => digit.name === name));
}

function fourRuns(digits: readonly Pick<Digit, 'size' | 'reduced'>[]): ReturnType<typeof reduction> {
  const runs: { size: number; readonly reduced: boolean }[] = [];
  for (const { size, reduced } of digits) {
    if (size === 1) continue;
    const last = runs.at(-1);
    if (last?.reduced === reduced) last.size *= size;
    else runs.push({ size, reduced });
  }
  const view = runs.map(({ size }) => size);
  const [k0 = 1, r0 = 1, k1 = 1, r1 = 1, ...more] = runs[0]?.reduced === true ? [1, ...view] : view;
  if (more.length === 0) return { runs: { k0, r0, k1, r1 }, permutation: null };
  const [kept, reduced] = [runs.filter(isKept), runs.filter(isReduced)];
  const order = [...kept, ...reduced].map((run) => runs.indexOf(run));
  return { runs: { k0: volume(kept), r0: volume(reduced), k1: 1, r1: 1 }, permutation: { view, order } };
}

function affineBlock(
  walk: readonly Digit[], parameters: readonly Digit[] | null,
): { readonly affine: number; readonly inner: number; readonly spread: Spread | null } {
  if (parameters === null) return { affine: 0, inner: 1, spread: null };
  const data = walk.filter(isWide);
  const listed = parameters.filter(isWide);
  if (listed.length === 0) return { affine: 1, inner: Math.max(1, volume(data)), spread: null };
  const places = listed.map((digit) => data.indexOf(digit));
  const first = Math.min(...places);
  const end = Math.max(...places) + 1;
  const block = data.slice(first, end);
  const affine = volume(block);
  const inner = Math.max(1, volume(data.slice(end)));
  if (places.every((place, i) => place === first + i)) return { affine, inner, spread: null };
  const spread = {
    view: listed.map(({ size }) => size),
    order: block.filter((digit) => listed.includes(digit)).map((digit) => listed.indexOf(digit)),
    ones: block.map((digit) => (listed.includes(digit) ? digit.size : 1)),
    span: block.map(({ size }) => size),
  };
  return { affine, inner, spread };
}

const statisticSteps = (of: Layout): string => {
  const digits = digitsOf(of.pattern, of.sizes);
  return steps(digits, digits.filter(isKept));
};

const parameterSteps = (of: Layout): string => {
  const digits = digitsOf(of.pattern, of.sizes);
  return steps(digits, parameterDigits(of.pattern, digits));
};

/**
 * The map from an element's place to the number that some of its digits spell, as sizes and steps with no two
 * neighbours that are one. Equal maps have equal steps: reading from the innermost, each size is where the map bends.
 */
function steps(digits: readonly Digit[], numbering: readonly Digit[]): string {
  const stride = stridesOf(numbering);
  const made: { size: number; step: number }[] = [];
  for (const digit of digits.filter(isWide)) {
    const step = stride.get(digit) ?? 0;
    const outer = made.at(-1);
    if (outer?.step === digit.size * step) made.splice(-1, 1, { size: outer.size * digit.size, step });
    else made.push({ size: digit.size, step });
  }
  return made.map(({ size, step }) => `${size}:${step}`).join();
}

function stridesOf(digits: readonly Digit[]): Map<Digit, number> {
  const strides = new Map<Digit, number>();
  let stride = 1;
  for (const digit of digits.toReversed()) {
    strides.set(digit, stride);
    stride *= digit.size;
  }
  return strides;
}

const isReduced = ({ reduced }: { readonly reduced: boolean }): boolean => reduced;
const isKept = ({ reduced }: { readonly reduced: boolean }): boolean => !reduced;
const isWide = ({ size }: { readonly size: number }): boolean => size !== 1;
const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);
const volume = (of: readonly { readonly size: number }[]): number => product(of.map(({ size }) => size));

/**
 * An element's place in memory.
 *
 * @throws KeelError `rank` or `argument` for an index that is outside the tensor.
 */
export function flatIndex(shape: readonly number[], index: readonly number[]): number {
  if (!Array.isArray(index)) {
    throw new KeelError('argument', `an index is a list such as [0, 1], got ${showGiven(index)}`, { index });
  }
  const [asked, there] = [`the index [${index.join(', ')}]`, `the tensor (${showShape(shape)})`];
  if (index.length !== shape.length) {
    const message = `${asked} has length ${index.length}, but ${there} has rank ${shape.length}`;
    throw new KeelError('rank', `${message}; give one number for each axis`, { index, shape });
  }
  return shape.reduce((outer, size, dim) => {
    const i = index[dim] ?? 0;
    if (Number.isInteger(i) && i >= 0 && i < size) return outer * size + i;
    const message = `${asked} lies outside of ${there}: axis ${dim} takes whole numbers below ${size}`;
    throw new KeelError('argument', message, { index, shape, axis: dim });
  }, 0);
}
