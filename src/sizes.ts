// Axes and a shape become the size of every name: what is given is checked, what is left out is inferred.
// May import errors and notation.
import { KeelError, showGiven, showShape, type ErrorCode } from './errors.js';
import { factorsOf, patternError, type Axis, type Factor, type Pattern } from './notation.js';

/** The size of every name of a pattern; an ellipsis has as many sizes as it stands for axes. */
export type Sizes = ReadonlyMap<string, readonly number[]>;

/** The sizes that the caller gave. */
export type Given = ReadonlyMap<string, number>;

/**
 * The size of every name of the pattern on this shape.
 *
 * @throws KeelError `name`, `rank`, `indivisible`, `uninferable` or `shape`, each with a caret into the pattern.
 */
export function sizesOf(pattern: Pattern, shape: readonly number[], given: Given): Sizes {
  checkNames(pattern, given);
  const many = ellipsisRank(pattern, shape);
  const sizes = new Map<string, readonly number[]>();
  let dim = 0;
  for (const axis of pattern.axes) {
    if (axis.kind === 'ellipsis') {
      sizes.set(axis.factor.name, shape.slice(dim, dim + many));
      dim += many;
    } else {
      for (const [name, size] of factorSizes(pattern.text, axis, shape, dim, given)) sizes.set(name, [size]);
      dim += 1;
    }
  }
  return sizes;
}

/** A copy of the shape. A KeelError `argument` for what is no list, `size` for a shape that no tensor has. */
export function checkShape(shape: readonly number[], least = 0): number[] {
  if (!Array.isArray(shape)) {
    throw new KeelError('argument', `a shape is one list of sizes such as [4, 2], got ${showGiven(shape)}`, { shape });
  }
  let elements = 1;
  for (const [dim, size] of shape.entries()) {
    if (!Number.isSafeInteger(size) || size < least) {
      const message = `axis ${dim} of the shape ${showShape(shape)} is ${size}; sizes are whole numbers from ${least}`;
      throw new KeelError('size', message, { axis: dim, size, shape });
    }
    elements *= Math.max(size, 1);
  }
  // As many as a typed array holds.
  if (elements <= 2 ** 32) return [...shape];
  const message = `${showShape(shape)} has ${elements} elements; the limit is 2³²: give a smaller shape`;
  throw new KeelError('size', message, { shape, elements });
}

/** The numbers that divide n, ascending: all of them up to 2³², the extent that a tensor can have. */
export function divisorsOf(n: number): number[] {
  const low: number[] = [];
  const high: number[] = [];
  for (let d = 1; d <= 2 ** 16 && d * d <= n; d++) {
    if (n % d !== 0) continue;
    low.push(d);
    if (d * d !== n) high.push(n / d);
  }
  return [...low, ...high.toReversed()];
}

/** The size given for a name; a KeelError `size` if it is none. */
export function checkSize(name: string, size: number | undefined): number {
  if (size !== undefined && Number.isSafeInteger(size) && size >= 1) return size;
  throw new KeelError('size', `${name} = ${size} is given; sizes of axes are whole numbers from 1`, { name, size });
}

function checkNames({ text, axes }: Pattern, given: Given): void {
  const free = axes.filter(({ kind }) => kind !== 'ellipsis').flatMap(factorsOf);
  const dotted = axes.filter(({ kind }) => kind === 'ellipsis').flatMap(factorsOf);
  const hint = free.length === 0 ? 'give no sizes' : `choose from ${names(free, ', ')}`;
  for (const [name, size] of given) {
    if (free.some((factor) => factor.name === name)) continue;
    const ellipsis = dotted.find((factor) => factor.name === name);
    const why = ellipsis === undefined ? 'no axis has that name' : 'an ellipsis takes its sizes from the tensor';
    const at = ellipsis?.at ?? { start: 0, end: text.length };
    throw patternError('name', `${name} = ${size} is given, but ${why}`, text, at, [hint], { name, size });
  }
}

/** The number of axes that the ellipsis stands for. */
function ellipsisRank({ text, axes }: Pattern, shape: readonly number[]): number {
  const isOpen = axes.some(({ kind }) => kind === 'ellipsis');
  const least = isOpen ? axes.length - 1 : axes.length;
  const many = shape.length - least;
  if (isOpen ? many >= 0 : many === 0) return many;
  const has = `the pattern has ${isOpen ? 'at least ' : ''}${count(least)}`;
  const hint = `${isOpen ? 'only ' : ''}an ellipsis such as s... stands for any number of axes`;
  const at = { start: 0, end: text.length };
  const more = [`tensor: ${showShape(shape)}`, hint];
  throw patternError('rank', `${has}, but the tensor has ${shape.length}`, text, at, more, { least, shape });
}

/** A size for each factor of one axis: those given, and the one that is left over. */
function factorSizes(
  text: string, axis: Axis, shape: readonly number[], dim: number, given: Given,
): (readonly [name: string, size: number])[] {
  const factors = factorsOf(axis);
  const size = shape[dim] ?? 0;
  const known = factors.filter(({ name }) => given.has(name));
  const unknown = factors.filter(({ name }) => !given.has(name));
  const values = known.map(({ name }) => given.get(name) ?? 1);
  const rest = values.reduce((a, b) => a * b, 1);

  const misfit = (code: ErrorCode, at: readonly Factor[], why: string, hint: string): KeelError => {
    const whole = axis.kind === 'group' ? axis.at : axis.factor.at;
    const span = { start: at[0]?.at.start ?? whole.start, end: at.at(-1)?.at.end ?? whole.end };
    const more = [`tensor: ${showShape(shape)}`, hint];
    return patternError(code, `axis ${dim} has size ${size}, ${why}`, text, span, more, { axis: dim, size, shape });
  };
  const asked = `${names(known, ' × ')} = ${values.join(' × ')}`;
  if (unknown.length > 1) {
    const [first] = unknown;
    const choice = size > 0 && first !== undefined ? `: ${first.name} from ${divisors(Math.floor(size / rest))}` : '';
    const hint = `give all of them but one${choice}`;
    throw misfit('uninferable', unknown, `from which ${names(unknown, ' and ')} cannot be inferred`, hint);
  }
  if (unknown.length === 1 && size % rest !== 0) {
    const hint = `choose ${names(known, ' × ')} from ${divisors(size)}`;
    throw misfit('indivisible', known, `which does not divide into ${asked}`, hint);
  }
  if (unknown.length === 0 && size !== rest) {
    if (factors.length === 0) throw misfit('shape', [], 'but () is an axis of size 1', 'give the axis a name');
    throw misfit('shape', factors, `but ${asked}`, `leave ${names(factors, ' or ')} out, to be inferred`);
  }
  return factors.map(({ name }) => [name, given.get(name) ?? size / rest]);
}

/** The numbers that divide `size`, for a message: the first twenty. */
function divisors(size: number): string {
  const found = divisorsOf(size);
  return found.length <= 20 ? found.join(', ') : `${found.slice(0, 20).join(', ')}, …`;
}

const names = (of: readonly Factor[], separator: string): string => of.map(({ name }) => name).join(separator);
const count = (axes: number): string => `${axes} ${axes === 1 ? 'axis' : 'axes'}`;
