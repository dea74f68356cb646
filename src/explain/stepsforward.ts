// The forward steps of a set: each formula in letters, with the numbers of one element in, and its values.
// May import what explain is made of.

import type { Manner, Measured } from './measure.js';
import type { Step, StepName } from './step.js';
import { number, operand, sumOf } from './stepnumbers.js';

/** The parameter of each element of the set; null where there is none. */
export interface SetParameters {
  readonly gamma: readonly number[] | null;
  readonly beta: readonly number[] | null;
}

/** x to y. `at` is the place in the set of the element whose numbers the formulas show, `name` what it is called. */
export function forwardSteps(
  x: readonly number[], measured: Measured, manner: Manner, parameters: SetParameters, at: number, name: string,
): Step<StepName>[] {
  const element = (step: StepName, formula: string, values: readonly number[], worked: (value: string) => string): Step<StepName> =>
    ({ name: step, formula, of: 'element', values, worked: worked(number(values[at] ?? NaN)) });
  const { deviations, scale, normalized } = measured;
  const [own, d, hat] = [x[at] ?? NaN, deviations[at] ?? NaN, normalized[at] ?? NaN];
  const isCentred = manner.statistics === 'moments';
  const divisor = manner.statistics === 'l2' ? 'length' : manner.epsilon === 'inside' ? 'root' : '(root + eps)';
  const scaled = parameters.gamma === null ? null : normalized.map((value, i) => manner.round(value * (parameters.gamma?.[i] ?? NaN)));
  const [gamma, beta] = [parameters.gamma?.[at] ?? NaN, parameters.beta?.[at] ?? NaN];
  const shifted = scaled ?? normalized;
  return [
    element('x', 'x', x, (value) => `${name} = ${value}`),
    ...(isCentred ? centreSteps(x, measured) : []),
    ...(isCentred && manner.variance !== 'difference' ? [deviationStep(own, d, measured)] : []),
    ...spreadSteps(measured, manner, x.length, isCentred && manner.variance !== 'difference' ? d : own, at),
    ...scaleSteps(measured, manner),
    ...(isCentred && manner.variance === 'difference' ? [deviationStep(own, d, measured)] : []),
    element('normalized', `x̂ = ${isCentred ? 'd' : 'x'} / ${divisor}`, normalized, (value) => `${number(d)} / ${number(scale)} = ${value}`),
    ...(scaled === null ? [] : [element('gamma', 'x̂ · γ', scaled, (value) => `${number(hat)} · ${operand(gamma)} = ${value}`)]),
    ...(parameters.beta === null ? [] : [
      element('beta', 'y = x̂ · γ + β', shifted.map((value, i) => manner.round(value + (parameters.beta?.[i] ?? NaN))),
        (value) => `${number(shifted[at] ?? NaN)} + ${operand(beta)} = ${value}`),
    ]),
  ];
}

const shared = (name: StepName, formula: string, value: number, worked: string): Step<StepName> =>
  ({ name, formula, of: 'set', values: [value], worked: `${worked} = ${number(value)}` });

function centreSteps(x: readonly number[], { sum, mean }: Measured): Step<StepName>[] {
  return [
    shared('sum', 'sum = Σ x', sum, sumOf(x)),
    shared('mean', 'mean = sum / N', mean, `${number(sum)} / ${x.length}`),
  ];
}

function deviationStep(own: number, d: number, { mean, deviations }: Measured): Step<StepName> {
  return { name: 'deviation', formula: 'd = x − mean', of: 'element', values: deviations, worked: `${number(own)} − ${operand(mean)} = ${number(d)}` };
}

function spreadSteps(
  { mean, squares, sumOfSquares, meanSquare, spread }: Measured, { statistics, variance }: Manner, n: number, base: number, at: number,
): Step<StepName>[] {
  const letter = statistics === 'moments' && variance !== 'difference' ? 'd' : 'x';
  const square: Step<StepName> = {
    name: 'square', formula: `${letter}²`, of: 'element', values: squares, worked: `${operand(base)}² = ${number(squares[at] ?? NaN)}`,
  };
  const over = (count: number) => `(${sumOf(squares)}) / ${count}`;
  if (statistics === 'l2') return [square, shared('sumOfSquares', 'Σ x²', sumOfSquares, sumOf(squares))];
  if (statistics === 'rms') return [square, shared('meanSquare', 'mean square = Σ x² / N', meanSquare, over(n))];
  switch (variance) {
    case 'mean':
      return [square, shared('variance', 'variance = Σ d² / N', spread, over(n))];
    case 'unbiased':
      return [square, shared('variance', 'variance = Σ d² / (N − 1)', spread, over(n - 1))];
    case 'difference':
      return [
        square,
        shared('meanSquare', 'E[x²] = Σ x² / N', meanSquare, over(n)),
        shared('variance', 'variance = E[x²] − mean²', spread, `${number(meanSquare)} − ${operand(mean)}²`),
      ];
    default:
      return variance satisfies never;
  }
}

function scaleSteps({ spread, first, scale }: Measured, { statistics, eps, epsilon }: Manner): Step<StepName>[] {
  if (statistics === 'l2') {
    return [
      shared('root', '‖x‖ = √(Σ x²)', first, `√${operand(spread)}`),
      shared('epsilon', 'length = max(‖x‖, eps)', scale, `max(${number(first)}, ${number(eps)})`),
    ];
  }
  const letters = statistics === 'rms' ? 'mean square' : 'variance';
  if (epsilon === 'inside') {
    return [
      shared('epsilon', `${letters} + eps`, first, `${number(spread)} + ${operand(eps)}`),
      shared('root', `root = √(${letters} + eps)`, scale, `√${operand(first)}`),
    ];
  }
  return [
    shared('root', `root = √(${letters})`, first, `√${operand(spread)}`),
    shared('epsilon', 'root + eps', scale, `${number(first)} + ${operand(eps)}`),
  ];
}
