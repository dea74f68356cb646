// A pattern on a shape as digits: an element's place in memory is a number in mixed radix, with a digit for each factor
// of each axis. May import 'evenkeel'.

import { explain } from 'evenkeel';

/** One factor of one axis. */
export interface Digit {
  readonly size: number;
  /** Whether elements that differ in it share statistics. */
  readonly isShared: boolean;
  /** Its place among the factors of the parameter, outermost 0; null if the parameter does not vary along it. */
  readonly parameter: number | null;
  /** The axis that it is a factor of. */
  readonly axis: number;
}

/** How elements lie in memory: the last axis together, or the first. */
export type Order = 'C' | 'F';

/** The digits of a pattern on a shape, outermost in memory first. Every tensor has one at least. */
export interface Digits {
  readonly digits: readonly Digit[];
  /** Of the pattern's own parameters; null where it has no comma. */
  readonly parameterShape: readonly number[] | null;
}

/**
 * @throws KeelError as `explain` where pattern and shape do not fit.
 */
export function digitsOf(pattern: string, shape: readonly number[], sizes: Readonly<Record<string, number>>, order: Order): Digits {
  const { data } = explain(pattern, shape, sizes);
  // What explain prints is sound, with single spaces: nothing is left to check.
  const [axes = '', parameters] = data.pattern.split(',');
  const sizesOf = (name: string) => [data.sizes[name.replace('...', '')] ?? []].flat();
  const along = words(parameters ?? '').flatMap((word) => sizesOf(word).map((_, nth) => `${word} ${nth}`));
  const digits: Digit[] = [];
  let axis = -1;
  let isShared = false;
  let isFactor = false;
  for (const word of words(axes)) {
    if (word === '(') axis += 1;
    if (word === '(' || word === ')') isFactor = word === '(';
    else if (word === '[' || word === ']') isShared = word === '[';
    else {
      for (const [nth, size] of sizesOf(word).entries()) {
        if (!isFactor) axis += 1;
        const parameter = along.indexOf(`${word} ${nth}`);
        digits.push({ size, isShared, parameter: parameter < 0 ? null : parameter, axis });
      }
    }
  }
  if (digits.length === 0) digits.push({ size: 1, isShared: false, parameter: null, axis: 0 });
  // In Fortran order the first axis is innermost; the factors of an axis stay as they are.
  const inMemory = order === 'C' ? digits : digits.toSorted((a, b) => b.axis - a.axis);
  return { digits: inMemory, parameterShape: parameters === undefined ? null : data.parameters.weight };
}

function words(text: string): string[] {
  return text.match(/\w+(\.\.\.)?|[[\]()]/g) ?? [];
}

/** How many combinations digits have. */
export function volume(digits: readonly { readonly size: number }[]): number {
  return digits.reduce((product, { size }) => product * size, 1);
}

/** The sets of a tensor, one for each combination of these. */
export function kept(digits: readonly Digit[]): Digit[] {
  return digits.filter(({ isShared }) => !isShared);
}

/** The elements of a set, one for each combination of these. */
export function shared(digits: readonly Digit[]): Digit[] {
  return digits.filter(({ isShared }) => isShared);
}

/** The digits that the parameter varies along, in the order of the parameter's own axes. */
export function parametric(digits: readonly Digit[]): Digit[] {
  return digits.filter(({ parameter }) => parameter !== null).toSorted((a, b) => (a.parameter ?? 0) - (b.parameter ?? 0));
}

/** The digits as a pattern of single axes: what `norm` takes for a tensor of their sizes. */
export function patternOf(digits: readonly Digit[], hasParameters: boolean): string {
  const name = (digit: Digit) => `d${digits.indexOf(digit)}`;
  const axes = digits.map((digit) => (digit.isShared ? `[${name(digit)}]` : name(digit))).join(' ');
  return hasParameters ? `${axes}, ${parametric(digits).map(name).join(' ')}` : axes;
}
