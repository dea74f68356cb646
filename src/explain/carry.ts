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
  /** Axes of the first layout's tensor along which its parameter varies and the other's does not. */
  readonly lost: readonly number[];
}

/**
 * How parameters go from `a` to `b`, layouts with parameters on as many elements: possible where two elements that
 * share b's parameter share a's.
 */
export function carryOf(a: Layout, b: Layout): Carry {
  const cut = commonDigits(a, b);
  if (cut === null) return { kind: 'impossible', steps: '', lost: parameterAxes(a) };
  const lost = cut.filter((digit) => digit.a !== null && digit.b === null);
  if (lost.length > 0) return { kind: 'impossible', steps: '', lost: unique(lost.map(({ axis }) => axis)) };
  const steps = stepsOf(a, b, cut);
  if (cut.some((digit) => digit.a === null && digit.b !== null)) return { kind: 'expand', steps, lost: [] };
  const isSame = sameParameters(a, b) && a.parameterShape?.join() === b.parameterShape?.join();
  return { kind: isSame ? 'same' : 'reshape', steps, lost: [] };
}

/** Axes of the tensor along which the parameter varies. */
export function parameterAxes(form: Layout): number[] {
  return unique(digitsOf(form).filter(isWide).filter(isParameter).map(({ axis }) => axis));
}

/** A factor of both layouts at once: its size, and its rank among each parameter's factors or null. */
interface CommonDigit {
  readonly size: number;
  readonly axis: number;
  readonly a: readonly number[] | null;
  readonly b: readonly number[] | null;
}

/** Memory cut where either layout has a new factor; null where the cuts do not nest, and nothing carries over. */
function commonDigits(a: Layout, b: Layout): CommonDigit[] | null {
  const [ofA, ofB] = [blocks(a), blocks(b)];
  const cuts = unique([...ofA, ...ofB].map(({ step }) => step)).toSorted((x, y) => y - x);
  const digits: CommonDigit[] = [];
  let outer = Math.max(1, ...ofA.map(({ step, size }) => step * size));
  for (const step of cuts) {
    if (outer % step !== 0) return null;
    const [inA, inB] = [ofA, ofB].map((all) => all.find((block) => block.step <= step));
    digits.push({
      size: outer / step,
      axis: inA?.axis ?? 0,
      a: inA?.rank === undefined ? null : [inA.rank, digits.length],
      b: inB?.rank === undefined ? null : [inB.rank, digits.length],
    });
    outer = step;
  }
  return digits;
}

interface Block {
  size: number;
  step: number;
  readonly axis: number;
  /** Place among the parameter's factors. */
  readonly rank: number | undefined;
}

/** Factors in memory order with their steps; neighbours that are one factor of the parameter, or of none, are merged. */
function blocks(form: Layout): Block[] {
  const found: Block[] = [];
  let last: Digit | null = null;
  for (const digit of digitsOf(form).filter(isWide)) {
    const block = found.at(-1);
    const follows = last !== null && (digit.parameter === null ? last.parameter === null : last.parameter === digit.parameter - 1);
    if (block !== undefined && follows) block.size *= digit.size;
    else found.push({ size: digit.size, step: 1, axis: digit.axis, rank: digit.parameter ?? undefined });
    last = digit;
  }
  found.reduceRight((step, block) => {
    block.step = step;
    return step * block.size;
  }, 1);
  return found;
}

/** The calls that take a's parameter, in its own order, to b's shape and order. */
function stepsOf(a: Layout, b: Layout, digits: readonly CommonDigit[]): string {
  const [inA, inB] = [digits.filter((digit) => digit.a !== null), digits.filter((digit) => digit.b !== null)];
  const [listedA, listedB] = [inA.toSorted(by('a')), inB.toSorted(by('b'))];
  const calls: string[] = [];
  let shape = a.parameterShape ?? [];
  const reshape = (to: readonly number[]): void => {
    if (to.join() !== shape.join()) calls.push(`.reshape([${to.join(', ')}])`);
    shape = to;
  };
  const permute = (from: readonly CommonDigit[], to: readonly CommonDigit[]): void => {
    const order = to.map((digit) => from.indexOf(digit));
    if (order.every((place, i) => place === i)) return;
    reshape(from.map(({ size }) => size));
    calls.push(`.permute([${order.join(', ')}])`);
    shape = to.map(({ size }) => size);
  };
  permute(listedA, inA);
  if (inB.length > inA.length) {
    reshape(inB.map((digit) => (digit.a === null ? 1 : digit.size)));
    shape = inB.map(({ size }) => size);
    calls.push(`.expand([${shape.join(', ')}])`);
  }
  permute(inB, listedB);
  reshape(b.parameterShape ?? []);
  return calls.join('');
}

const by = (side: 'a' | 'b') => (x: CommonDigit, y: CommonDigit): number => {
  const [[rankX = 0, placeX = 0], [rankY = 0, placeY = 0]] = [x[side] ?? [], y[side] ?? []];
  return rankX - rankY || placeX - placeY;
};

const unique = (values: readonly number[]): number[] => [...new Set(values)];
const isWide = ({ size }: Digit): boolean => size > 1;
const isParameter = ({ parameter }: Digit): boolean => parameter !== null;
