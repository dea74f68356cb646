// The code that a person writes for one set, line by line, in PyTorch and in TypeScript; each line belongs to a step.
// `x` has the elements of the set, `gamma` and `beta` their parameters. Imports types only.

import type { BackwardStepName, Statistics, StepName } from 'evenkeel';
import type { MistakeName } from '../worker/jobs/stepnames.js';
import type { StepsAnswer } from '../worker/jobs/steps.js';

export interface Line {
  readonly step: StepName | BackwardStepName;
  readonly python: string;
  readonly typescript: string;
}

export interface Listed {
  readonly statistics: Statistics;
  readonly mistake: MistakeName;
  readonly hasGamma: boolean;
  readonly hasBeta: boolean;
}

/** From x to y. */
export function forwardListing({ statistics, mistake, hasGamma, hasBeta }: Listed): Line[] {
  const isCentred = statistics === 'moments';
  const isDifference = isCentred && mistake === 'difference';
  const deviation: Line = { step: 'deviation', python: 'd = x - mean', typescript: 'const d = x.map((v) => v - mean);' };
  const squared = isCentred && !isDifference ? 'd' : 'x';
  return [
    ...(isCentred ? centre : []),
    ...(isCentred && !isDifference ? [deviation] : []),
    { step: 'square', python: `squares = ${squared} * ${squared}`, typescript: `const squares = ${squared}.map((v) => v * v);` },
    ...spread(statistics, mistake),
    ...scale(statistics, mistake),
    ...(isDifference ? [deviation] : []),
    {
      step: 'normalized',
      python: `normalized = ${isCentred ? 'd' : 'x'} / scale`,
      typescript: `const normalized = ${isCentred ? 'd' : 'x'}.map((v) => v / scale);`,
    },
    ...(hasGamma ? [line('gamma', 'scaled = normalized * gamma', 'const scaled = normalized.map((v, i) => v * gamma[i]);')] : []),
    ...(hasBeta ? [line('beta', `y = ${hasGamma ? 'scaled' : 'normalized'} + beta`, `const y = ${hasGamma ? 'scaled' : 'normalized'}.map((v, i) => v + beta[i]);`)] : []),
  ];
}

/**
 * From dL/dy to dL/dx; `scale` and `normalized` are those of the way forward, `place` says which parameter an element has. The
 * gradients of parameters grow from set to set.
 */
export function backwardListing({ statistics, hasGamma, hasBeta }: Omit<Listed, 'mistake'>): Line[] {
  const h = hasGamma ? 'h' : 'dy';
  const isCentred = statistics === 'moments';
  const isSum = statistics === 'l2';
  return [
    ...(hasGamma ? [line('scaled', 'h = dy * gamma', 'const h = dy.map((v, i) => v * gamma[i]);')] : []),
    ...(isCentred ? [line('mean', `mean_h = ${h}.sum() / N`, `const meanH = total(${h}) / N;`)] : []),
    line('product', `products = ${h} * normalized`, `const products = ${h}.map((v, i) => v * normalized[i]);`),
    line('slope', `slope = products.sum()${isSum ? '' : ' / N'}`, `const slope = total(products)${isSum ? '' : ' / N'};`),
    line(
      'dx',
      `dx = (${h}${isCentred ? ' - mean_h' : ''} - normalized * slope) / scale`,
      `const dx = ${h}.map((v, i) => (v${isCentred ? ' - meanH' : ''} - normalized[i] * slope) / scale);`,
    ),
    ...(hasGamma ? [line('dgamma', 'dgamma.index_add_(0, place, dy * normalized)', 'dy.forEach((v, i) => { dgamma[place[i]] += v * normalized[i]; });')] : []),
    ...(hasBeta ? [line('dbeta', 'dbeta.index_add_(0, place, dy)', 'dy.forEach((v, i) => { dbeta[place[i]] += v; });')] : []),
  ];
}

/** The lines as a program that runs: with the set's numbers before them. */
export function programOf(language: 'python' | 'typescript', lines: readonly Line[], { steps, gamma, beta }: Pick<StepsAnswer, 'steps' | 'gamma' | 'beta'>): string {
  const given = [['x', steps.forward[0]?.values ?? []], ['gamma', gamma], ['beta', beta]] as const;
  const present = given.flatMap(([name, values]) => (values === null ? [] : [[name, list(values)] as const]));
  const last = /^(?:const )?(\w+) =/.exec(lines.at(-1)?.[language] ?? '')?.[1] ?? 'x';
  const head = {
    python: ['import torch', '', ...present.map(([name, values]) => `${name} = torch.tensor(${values}, dtype=torch.float64)`), `eps = ${steps.eps}`, 'N = x.numel()'],
    typescript: [...present.map(([name, values]) => `const ${name} = ${values};`), `const eps = ${steps.eps};`, 'const N = x.length;', totalHelper.replace('(values)', '(values: readonly number[])')],
  };
  const print = { python: `print(${last})`, typescript: `console.log(${last});` };
  return [...head[language], '', ...lines.map((line) => line[language]), '', print[language], ''].join('\n');
}

/** What the TypeScript lines call. */
export const totalHelper = 'const total = (values) => values.reduce((sum, v) => sum + v, 0);';

const list = (values: readonly number[]): string => `[${values.map((value) => Number(value.toPrecision(9))).join(', ')}]`;

const line = (step: Line['step'], python: string, typescript: string): Line => ({ step, python, typescript });

const centre: readonly Line[] = [
  line('sum', 'total = x.sum()', 'const sum = total(x);'),
  line('mean', 'mean = total / N', 'const mean = sum / N;'),
];

function spread(statistics: Statistics, mistake: MistakeName): Line[] {
  if (statistics === 'l2') return [line('sumOfSquares', 'square = squares.sum()', 'const square = total(squares);')];
  if (statistics === 'rms') return [line('meanSquare', 'mean_square = squares.sum() / N', 'const meanSquare = total(squares) / N;')];
  switch (mistake) {
    case 'unbiased':
      return [line('variance', 'variance = squares.sum() / (N - 1)', 'const variance = total(squares) / (N - 1);')];
    case 'difference':
      return [
        line('meanSquare', 'mean_square = squares.sum() / N', 'const meanSquare = total(squares) / N;'),
        line('variance', 'variance = mean_square - mean ** 2', 'const variance = meanSquare - mean ** 2;'),
      ];
    case 'none':
    case 'outside':
      return [line('variance', 'variance = squares.sum() / N', 'const variance = total(squares) / N;')];
    default:
      return mistake satisfies never;
  }
}

function scale(statistics: Statistics, mistake: MistakeName): Line[] {
  if (statistics === 'l2') {
    return [
      line('root', 'length = square.sqrt()', 'const length = Math.sqrt(square);'),
      line('epsilon', 'scale = length.clamp_min(eps)', 'const scale = Math.max(length, eps);'),
    ];
  }
  const [python, typescript] = statistics === 'rms' ? ['mean_square', 'meanSquare'] : ['variance', 'variance'];
  if (statistics === 'moments' && mistake === 'outside') {
    return [
      line('root', `root = ${python}.sqrt()`, `const root = Math.sqrt(${typescript});`),
      line('epsilon', 'scale = root + eps', 'const scale = root + eps;'),
    ];
  }
  return [
    line('epsilon', `shifted = ${python} + eps`, `const shifted = ${typescript} + eps;`),
    line('root', 'scale = shifted.sqrt()', 'const scale = Math.sqrt(shifted);'),
  ];
}
