// The steps of each placement of a residual block, as the diagram draws them and the worker runs them. Imports types only, so
// that the page may have it too.

import type { DepthPlacement, Placement } from 'evenkeel/nn';

export const placements = ['post', 'pre', 'branch', 'sandwich', 'hybrid', 'deepnorm', 'parallel'] as const satisfies readonly Placement[];

export const depthPlacements = ['none', 'pre', 'branch', 'post'] as const satisfies readonly DepthPlacement[];

/** Blocks one after another. */
export const depths = { least: 2, most: 32 } as const;

/** What a step does: a layer of the block by its name, a sum, or the product with α. */
export type Operation = 'x' | 'norm1' | 'norm1Post' | 'attn' | 'norm2' | 'norm2Post' | 'mlp' | 'add' | 'alpha';

export interface BlockStep {
  /** What the result is called in the formula. */
  readonly name: string;
  readonly operation: Operation;
  readonly from: readonly string[];
  /** The stream is what is handed on; branches stand beside it. */
  readonly column: 'stream' | 'branch' | 'second branch';
  readonly row: number;
}

function step(row: number, name: string, operation: Operation, from: readonly string[], column: BlockStep['column'] = 'branch'): BlockStep {
  return { name, operation, from, column, row };
}

const x = step(0, 'x', 'x', [], 'stream');

/** Every result stands after what it is made from; the last is the block's output. */
export const programs: Readonly<Record<Placement, readonly BlockStep[]>> = {
  post: [
    x, step(1, 'a', 'attn', ['x']), step(2, 's1', 'add', ['x', 'a'], 'stream'), step(3, 'y1', 'norm1', ['s1'], 'stream'),
    step(4, 'm', 'mlp', ['y1']), step(5, 's2', 'add', ['y1', 'm'], 'stream'), step(6, 'y', 'norm2', ['s2'], 'stream'),
  ],
  pre: [
    x, step(1, 'h', 'norm1', ['x']), step(2, 'a', 'attn', ['h']), step(3, 'y1', 'add', ['x', 'a'], 'stream'),
    step(4, 'g', 'norm2', ['y1']), step(5, 'm', 'mlp', ['g']), step(6, 'y', 'add', ['y1', 'm'], 'stream'),
  ],
  branch: [
    x, step(1, 'a', 'attn', ['x']), step(2, 'h', 'norm1', ['a']), step(3, 'y1', 'add', ['x', 'h'], 'stream'),
    step(4, 'm', 'mlp', ['y1']), step(5, 'g', 'norm2', ['m']), step(6, 'y', 'add', ['y1', 'g'], 'stream'),
  ],
  sandwich: [
    x, step(1, 'h', 'norm1', ['x']), step(2, 'a', 'attn', ['h']), step(3, 'p', 'norm1Post', ['a']), step(4, 'y1', 'add', ['x', 'p'], 'stream'),
    step(5, 'g', 'norm2', ['y1']), step(6, 'm', 'mlp', ['g']), step(7, 'q', 'norm2Post', ['m']), step(8, 'y', 'add', ['y1', 'q'], 'stream'),
  ],
  hybrid: [
    x, step(1, 'h', 'norm1', ['x']), step(2, 'a', 'attn', ['h']), step(3, 'y1', 'add', ['a', 'x'], 'stream'),
    step(4, 'f', 'mlp', ['y1']), step(5, 'm', 'norm2', ['f']), step(6, 'y', 'add', ['m', 'y1'], 'stream'),
  ],
  deepnorm: [
    x, step(1, 'αx', 'alpha', ['x'], 'stream'), step(1, 'a', 'attn', ['x']), step(2, 's1', 'add', ['αx', 'a'], 'stream'), step(3, 'y1', 'norm1', ['s1'], 'stream'),
    step(4, 'αy1', 'alpha', ['y1'], 'stream'), step(4, 'm', 'mlp', ['y1']), step(5, 's2', 'add', ['αy1', 'm'], 'stream'), step(6, 'y', 'norm2', ['s2'], 'stream'),
  ],
  parallel: [
    x, step(1, 'h', 'norm1', ['x']), step(2, 'a', 'attn', ['h']), step(2, 'm', 'mlp', ['h'], 'second branch'),
    step(3, 's', 'add', ['x', 'a'], 'stream'), step(4, 'y', 'add', ['s', 'm'], 'stream'),
  ],
};

/** A step as the formula has it: `y1 = x + a`. */
export function formulaOf({ name, operation, from }: BlockStep): string {
  switch (operation) {
    case 'x':
      return 'x';
    case 'add':
      return `${name} = ${from.join(' + ')}`;
    case 'alpha':
      return `${name} = α · ${from.join('')}`;
    default:
      return `${name} = ${operation}(${from.join('')})`;
  }
}
