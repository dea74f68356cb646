// The identity path of a residual carries the gradient: ∂/∂x (x + F(x)) = 1 + F′, measured block by block.

import { gradientByDepth } from 'evenkeel/nn';

const depth = 32;

/** Length of the gradient at the input of each block, that of the output being 1. */
export interface Gradients {
  /** x + F(x) */
  readonly residual: readonly number[];
  /** F(x) */
  readonly plain: readonly number[];
}

/** Through 32 blocks F(x) = tanh(W·x + b) of 64 features, drawn as PyTorch draws a Linear; the same blocks twice. */
export function gradients(seed = 0): Gradients {
  const measure = (residual: boolean) => gradientByDepth({ depth, width: 64, residual, seed });
  return { residual: measure(true), plain: measure(false) };
}

/** How many times longer the gradient is at the first block than at the last. */
export function firstToLast(lengths: readonly number[]): number {
  return (lengths[0] ?? NaN) / (lengths.at(-1) ?? NaN);
}

export function example(): string {
  const { residual, plain } = gradients();
  const powers = [...residual, ...plain].map(Math.log10);
  const [low, high] = [Math.floor(Math.min(...powers)), Math.ceil(Math.max(...powers))];
  const bar = (length: number) => {
    const filled = Math.round(((Math.log10(length) - low) / (high - low)) * 32);
    return `${length.toExponential(1).padStart(7)} ${'█'.repeat(filled).padEnd(32)}`;
  };
  const rows = residual.map((length, i) => `  ${String(i).padStart(5)}   ${bar(length)}   ${bar(plain[i] ?? NaN)}`.trimEnd());
  return [
    "A residual carries the gradient: ∂/∂x (x + F(x)) = 1 + F′, where without it F′ alone is left.",
    `Length of the gradient at the input of each of ${depth} blocks F(x) = tanh(W·x + b), that of the output`,
    `being 1; the bars are logarithms, from 1e${low} to 1e${high}.`,
    `  block   ${'x + F(x)'.padEnd(40)}   F(x)`,
    ...rows,
    `At the first block it is ${firstToLast(residual).toPrecision(2)} times as long as at the last with the residual,`,
    `and ${firstToLast(plain).toExponential(1)} times without.`,
  ].join('\n');
}
