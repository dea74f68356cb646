// The backward steps of a set: dL/dy to dL/dx, and the gradients of γ and β. May import what explain is made of.

import { total, type Manner, type Measured } from './measure.js';
import type { BackwardStepName, Step } from './step.js';
import { number, operand, sumOf } from './stepnumbers.js';

/** What reaches the set, and the elements that share a parameter with one of its own, which other sets may hold. */
export interface Flow {
  /** dL/dy of the set. */
  readonly dy: readonly number[];
  readonly gamma: readonly number[] | null;
  /** Of each parameter of the set, in the order of its elements: dL/dy and x̂ of all elements that it scales. */
  readonly sharing: readonly { readonly dy: readonly number[]; readonly normalized: readonly number[] }[];
  /** Which of them the shown element has. */
  readonly own: number;
  readonly hasBeta: boolean;
}

/** dx = (h − ⟨h⟩ − x̂⟨h·x̂⟩) / root with h = dy · γ; `rms` without ⟨h⟩, `l2` with the sum in place of ⟨h·x̂⟩. */
export function backwardSteps(
  { normalized, scale, follows }: Measured, { statistics }: Manner, flow: Flow, at: number, name: string,
): Step<BackwardStepName>[] {
  const { dy, gamma } = flow;
  const n = dy.length;
  const at0 = (values: readonly number[]): number => values[at] ?? NaN;
  const element = (step: BackwardStepName, formula: string, values: readonly number[], worked: string): Step<BackwardStepName> =>
    ({ name: step, formula, of: 'element', values, worked: `${worked} = ${number(at0(values))}` });

  const h = gamma === null ? dy : dy.map((value, i) => value * (gamma[i] ?? NaN));
  const letter = gamma === null ? 'dy' : 'h';
  const first = [
    element('dy', 'dy', dy, `dL/d${name.replace('x', 'y')}`),
    ...(gamma === null ? [] : [element('scaled', 'h = dy · γ', h, `${number(at0(dy))} · ${operand(at0(gamma))}`)]),
  ];
  if (!follows) return [...first, element('dx', `dx = ${letter} / eps`, h.map((value) => value / scale), `${number(at0(h))} / ${number(scale)}`), ...parameterSteps(flow)];

  const isCentred = statistics === 'moments';
  const isSum = statistics === 'l2';
  const meanH = isCentred ? total(h) / n : 0;
  const products = h.map((value, i) => value * (normalized[i] ?? NaN));
  const slope = isSum ? total(products) : total(products) / n;
  const dx = h.map((value, i) => (value - meanH - (normalized[i] ?? NaN) * slope) / scale);
  const average = (values: readonly number[]): string => (isSum ? sumOf(values) : `(${sumOf(values)}) / ${n}`);
  const slopeLetters = isSum ? `Σ ${letter}·x̂` : `⟨${letter}·x̂⟩`;
  const shift = isCentred ? [` − ⟨${letter}⟩`, ` − ${operand(meanH)}`] : ['', ''];
  return [
    ...first,
    ...(isCentred ? [shared('mean', `⟨${letter}⟩ = Σ ${letter} / N`, meanH, average(h))] : []),
    element('product', `${letter} · x̂`, products, `${number(at0(h))} · ${operand(at0(normalized))}`),
    shared('slope', isSum ? slopeLetters : `${slopeLetters} = Σ ${letter}·x̂ / N`, slope, average(products)),
    element('dx', `dx = (${letter}${shift[0]} − x̂ · ${slopeLetters}) / ${isSum ? 'length' : 'root'}`, dx,
      `(${number(at0(h))}${shift[1]} − ${operand(at0(normalized))} · ${operand(slope)}) / ${number(scale)}`),
    ...parameterSteps(flow),
  ];
}

const shared = (name: BackwardStepName, formula: string, value: number, worked: string): Step<BackwardStepName> =>
  ({ name, formula, of: 'set', values: [value], worked: `${worked} = ${number(value)}` });

/** One value for each parameter that the set has. */
function parameterSteps({ gamma, sharing, own, hasBeta }: Flow): Step<BackwardStepName>[] {
  const step = (name: BackwardStepName, formula: string, terms: readonly (readonly number[])[]): Step<BackwardStepName> => {
    const values = terms.map((list) => total(list));
    return { name, formula, of: 'parameter', values, worked: `${sumOf(terms[own] ?? [])} = ${number(values[own] ?? NaN)}` };
  };
  const products = sharing.map(({ dy, normalized }) => dy.map((value, i) => value * (normalized[i] ?? NaN)));
  return [
    ...(gamma === null ? [] : [step('dgamma', 'dγ = Σ dy · x̂', products)]),
    ...(hasBeta ? [step('dbeta', 'dβ = Σ dy', sharing.map(({ dy }) => dy))] : []),
  ];
}
