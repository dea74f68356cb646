// Whether the parameters of one layout serve another, and the reshaping that makes them fit.
// May import plan and what explain is made of.

import { sameParameters, type Layout } from '../plan.js';
import { digitsOf, type Digit } from './digits.js';

/** Carrying any values of a parameter from one layout to another. */
export interface Carry {
  /** `expand` and `reshape` need `steps`; `impossible` works for values that are constant along `lost` only. */
  readonly kind: 'same' | 'reshape' | 'expand' | 'impossible';
  /** Method calls on the parameter, such as `.reshape([3, 1, 1]).expand([3, 4, 4])`. */
  readonly steps: string;
  /** Axes of the first layout's tensor along which its parameter varies and the other's does not; none if all do. */
  readonly lost: readonly number[];
}

/**
 * How parameters go from `a` to `b`, layouts with parameters on as many elements: possible where elements that share
 * b's parameter share a's.
 */
export function carryOf(a: Layout, b: Layout): Carry {
  const [shapeA, shapeB] = [a.parameterShape ?? [], b.parameterShape ?? []];
  if (shapeA.includes(0) || shapeB.includes(0)) {
    // No values at all fit the same shape only.
    return { kind: shapeA.join() === shapeB.join() ? 'same' : 'impossible', steps: '', lost: [] };
  }
  const blocks = commonBlocks(a, b);
  if (blocks === null) return { kind: 'impossible', steps: '', lost: parameterAxes(a) };
  const lost = blocks.filter(({ inA, inB }) => inA && !inB);
  if (lost.length > 0) return { kind: 'impossible', steps: '', lost: axesIn(a, lost) };
  const steps = stepsOf(a, b, blocks);
  if (blocks.some(({ inA, inB }) => inB && !inA)) return { kind: 'expand', steps, lost: [] };
  const isSame = sameParameters(a, b) && shapeA.join() === shapeB.join();
  return { kind: isSame ? 'same' : 'reshape', steps, lost: [] };
}

/** Axes of the tensor along which the parameter varies. */
export function parameterAxes(form: Layout): number[] {
  return unique(wideDigits(form).filter(isParameter).map(({ axis }) => axis));
}

/** Neighbouring factors of both layouts that are the parameter's, or are not, in a and in b. */
interface Block {
  /** How many elements lie between two of its places. */
  readonly step: number;
  readonly size: number;
  readonly inA: boolean;
  readonly inB: boolean;
}

/** Outermost first; null where the factors of a and b do not nest, so that what one shares cuts across the other's. */
function commonBlocks(a: Layout, b: Layout, more: readonly number[] = []): Block[] | null {
  const [runsA, runsB] = [parameterRuns(a), parameterRuns(b)];
  const steps = unique([...[...runsA, ...runsB].map(({ step }) => step), ...more]).toSorted((x, y) => y - x);
  const [sizeA, sizeB] = [a, b].map((form) => wideDigits(form).reduce((size, digit) => size * digit.size, 1));
  // Empty tensors may differ in their other axes.
  if (sizeA !== sizeB) return null;
  let outer = sizeA ?? 1;
  const blocks: Block[] = [];
  for (const step of steps) {
    if (outer % step !== 0) return null;
    blocks.push({ step, size: outer / step, inA: isInside(runsA, step), inB: isInside(runsB, step) });
    outer = step;
  }
  return blocks;
}

interface Run {
  readonly step: number;
  readonly inside: boolean;
}

function isInside(runs: readonly Run[], step: number): boolean {
  return runs.find((run) => run.step <= step)?.inside === true;
}

/** Where in memory the parameter's factors begin and end, outermost first. */
function parameterRuns(form: Layout): Run[] {
  const runs: Run[] = [];
  let step = 1;
  for (const digit of wideDigits(form).toReversed()) {
    if (runs.at(-1)?.inside !== isParameter(digit)) runs.push({ step, inside: isParameter(digit) });
    step *= digit.size;
  }
  return runs.toReversed();
}

/** The calls that take a's parameter, in its own shape and order, to b's. */
function stepsOf(a: Layout, b: Layout, blocks: readonly Block[]): string {
  const calls: string[] = [];
  let shape: readonly number[] = a.parameterShape ?? [];
  const reshape = (to: readonly number[]): void => {
    if (to.join() !== shape.join()) calls.push(`.reshape([${to.join(', ')}])`);
    shape = to;
  };
  const reorder = (from: readonly Digit[], to: readonly Digit[]): void => {
    const order = to.map((digit) => from.indexOf(digit));
    if (order.every((place, i) => place === i)) return;
    reshape(sizesOf(from));
    calls.push(`.permute([${order.join(', ')}])`);
    shape = sizesOf(to);
  };
  const [memoryA, memoryB] = [wideDigits(a).filter(isParameter), wideDigits(b).filter(isParameter)];

  reorder(memoryA.toSorted(byPlace), memoryA);
  // Cut along b's own axes where they nest with the rest.
  const span = (commonBlocks(a, b, digitSteps(b)) ?? blocks).filter(({ inB }) => inB);
  if (span.some(({ inA }) => !inA)) {
    reshape(span.map(({ size, inA }) => (inA ? size : 1)));
    shape = sizesOf(span);
    calls.push(`.expand([${shape.join(', ')}])`);
  }
  reorder(memoryB, memoryB.toSorted(byPlace));
  reshape(b.parameterShape ?? []);
  return calls.join('');
}

function digitSteps(form: Layout): number[] {
  const sizes = sizesOf(wideDigits(form));
  return sizes.map((_, i) => sizes.slice(i + 1).reduce((x, y) => x * y, 1));
}

/** Axes of the layout's tensor that these blocks reach into. */
function axesIn(form: Layout, blocks: readonly Block[]): number[] {
  return form.shape.flatMap((size, axis) => {
    const step = form.shape.slice(axis + 1).reduce((x, y) => x * y, 1);
    return blocks.some((block) => block.step < step * size && step < block.step * block.size) ? [axis] : [];
  });
}

const wideDigits = (form: Layout): Digit[] => digitsOf(form).filter(({ size }) => size > 1);
const byPlace = (x: Digit, y: Digit): number => (x.parameter ?? 0) - (y.parameter ?? 0);
const isParameter = ({ parameter }: Digit): boolean => parameter !== null;
const sizesOf = (of: readonly { readonly size: number }[]): number[] => of.map(({ size }) => size);
const unique = (values: readonly number[]): number[] => [...new Set(values)];
