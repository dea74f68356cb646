// A residual block run step by step, many of it one after another, and the gradient by depth with and without the residual.
// May import evenkeel.

import { KeelError, manualSeed, noGrad, randn, scope, type Layer, type Tensor } from 'evenkeel';
import {
  Attention, deepNormConstants, deepNormInit, gradientByDepth, Mlp, ResidualBlock, type DepthPlacement, type Placement,
} from 'evenkeel/nn';
import { depths, programs, type BlockStep, type Operation } from './blockprograms.js';

export interface BlocksJobs {
  readonly block: {
    readonly ask: BlockAsk;
    readonly answer: BlockAnswer;
    readonly part: never;
  };
  /** The same block, and as many more of its kind. */
  readonly stack: {
    readonly ask: BlockAsk;
    readonly answer: StackAnswer;
    readonly part: never;
  };
  readonly gradients: {
    readonly ask: GradientsAsk;
    readonly answer: GradientsAnswer;
    readonly part: never;
  };
}

export interface BlockAsk {
  readonly placement: Placement;
  /** Blocks one after another; DeepNorm's constants go by it. */
  readonly depth: number;
  /** What x is multiplied by: normal numbers at 1. */
  readonly scale: number;
  readonly seed: number;
}

export interface StepResult extends BlockStep {
  readonly shape: readonly number[];
  /** √(mean of squares). */
  readonly rms: number;
}

export interface BlockAnswer {
  readonly placement: Placement;
  readonly steps: readonly StepResult[];
  /** DeepNorm's, else null. */
  readonly alpha: number | null;
  /** The largest distance between the steps' result and the block's own. */
  readonly apart: number;
}

export interface StackAnswer {
  readonly placement: Placement;
  /** The rms of x and after each block. */
  readonly stream: readonly number[];
  /** The length of the gradient at the input of each block, that of the output being 1. */
  readonly gradient: readonly number[];
}

export interface GradientsAsk {
  readonly depth: number;
  readonly norm: DepthPlacement;
  readonly seed: number;
}

/** The length of the gradient at the input of each block, that of the output being 1. */
export interface GradientsAnswer {
  readonly residual: readonly number[];
  readonly plain: readonly number[];
}

/** Sentences, tokens, features. */
const shape = [2, 6, 32] as const;
const heads = 4;

export function block(ask: BlockAsk): BlockAnswer {
  return scope(() => {
    const { x, first } = drawn(ask);
    return noGrad(() => stepped(first, x));
  });
}

export function stack(ask: BlockAsk): StackAnswer {
  return scope(() => {
    const { x, first } = drawn(ask);
    const blocks = [first, ...Array.from({ length: ask.depth - 1 }, () => made(ask))];
    return { placement: ask.placement, stream: noGrad(() => streamOf(blocks, x)), gradient: gradientOf(blocks, x) };
  });
}

export function gradients({ depth, norm, seed }: GradientsAsk): GradientsAnswer {
  checkDepth(depth);
  const measure = (residual: boolean) => gradientByDepth({ depth, width: 64, residual, placement: norm, seed });
  return { residual: measure(true), plain: measure(false) };
}

function checkDepth(depth: number): void {
  if (Number.isInteger(depth) && depth >= depths.least && depth <= depths.most) return;
  throw new KeelError('size', `depth must be a whole number from ${depths.least} to ${depths.most}, got ${depth}`, { field: 'depth' });
}

/** The input, and the first block. */
function drawn(ask: BlockAsk): { readonly x: Tensor; readonly first: ResidualBlock } {
  checkDepth(ask.depth);
  manualSeed(ask.seed);
  const x = randn([...shape]).mul(ask.scale);
  return { x, first: made(ask) };
}

/** With weights as PyTorch draws them; DeepNorm draws some anew. */
function made({ placement, depth }: BlockAsk): ResidualBlock {
  const [, , dim] = shape;
  const constants = placement === 'deepnorm' ? deepNormConstants({ encoderLayers: depth }).encoder : null;
  const attention = new Attention(dim, { numHeads: heads });
  const residual = new ResidualBlock(dim, attention, new Mlp(dim, 4 * dim), { placement, alpha: constants?.alpha ?? null });
  if (constants !== null) deepNormInit(residual, constants.beta);
  return residual;
}

/** The block's layers in the order of the program, and how far that is from its own forward pass. */
function stepped(residual: ResidualBlock, x: Tensor): BlockAnswer {
  const values = new Map<string, Tensor>();
  let last = x;
  const steps = programs[residual.placement].map((step): StepResult => {
    last = step.operation === 'x' ? x : applied(residual, step.operation, step.from.map((name) => valueOf(values, name)));
    values.set(step.name, last);
    return { ...step, shape: last.shape, rms: rms(last) };
  });
  return {
    placement: residual.placement,
    steps,
    alpha: residual.placement === 'deepnorm' ? residual.alpha : null,
    apart: last.sub(residual.forward(x)).abs().max().item(),
  };
}

function valueOf(values: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const value = values.get(name);
  if (value !== undefined) return value;
  throw new KeelError('argument', `a step needs ${name} before it is made`, { name });
}

function applied(residual: ResidualBlock, operation: Exclude<Operation, 'x'>, [a, b]: readonly Tensor[]): Tensor {
  if (a === undefined) throw new KeelError('argument', `${operation} has no input`, { operation });
  if (operation === 'alpha') return a.mul(residual.alpha);
  if (operation === 'add') return b === undefined ? a : a.add(b);
  const layer: Layer | undefined = residual[operation];
  if (layer !== undefined) return layer.forward(a);
  throw new KeelError('argument', `placement ${residual.placement} has no ${operation}`, { operation });
}

function streamOf(blocks: readonly ResidualBlock[], x: Tensor): number[] {
  let y = x;
  return [rms(x), ...blocks.map((residual) => rms((y = residual.forward(y))))];
}

/** A whole block, residual and norms and all, stands for F. */
function gradientOf(blocks: readonly ResidualBlock[], x: Tensor): number[] {
  const [, , width] = shape;
  return gradientByDepth({ depth: blocks.length, width, residual: false, block: (i) => blockAt(blocks, i), x });
}

function blockAt(blocks: readonly ResidualBlock[], i: number): ResidualBlock {
  const found = blocks[i];
  if (found !== undefined) return found;
  throw new KeelError('size', `there is no block ${i}`, { i });
}

function rms(x: Tensor): number {
  return Math.sqrt(x.square().mean().item());
}
