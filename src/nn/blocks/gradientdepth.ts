// How long the gradient is at each depth of a stack of blocks, with and without a residual. May import errors, autograd,
// random, ops, tensor and nn.

import { detach, grad } from '../../autograd.js';
import { KeelError, showGiven } from '../../errors.js';
import { add, div, tanh } from '../../ops/elementwise.js';
import { toBackend } from '../../ops/movement.js';
import { vectorNorm } from '../../ops/reduce.js';
import { manualSeed, randn } from '../../random.js';
import { sameShape, scope, type Tensor } from '../../tensor.js';
import { checkCount, checkOperands, optionsOf } from '../check.js';
import { Linear, type Layer } from '../layers.js';
import { checkModule, Module } from '../module.js';
import { LayerNorm } from '../norm.js';
import { addNorm } from './addnorm.js';
import { makeNorm, type MakeNorm } from './normlayer.js';

/** Where a norm stands in each block of {@link gradientByDepth}: nowhere, on its input, its output, or the sum. */
export type DepthPlacement = 'none' | 'pre' | 'branch' | 'post';

/** Options of {@link gradientByDepth}. */
export interface GradientByDepthOptions {
  /** Blocks one after another. Default 32. */
  readonly depth?: number;
  /** Features of the input, the last axis. Default 64. */
  readonly width?: number;
  /** Makes F of block i, which keeps the shape. Default null: tanh of a {@link Linear}, drawn as PyTorch draws it. */
  readonly block?: ((i: number) => Layer) | null;
  /** Whether x is added to F(x). Default true. */
  readonly residual?: boolean;
  /** Where a norm stands. Default `none`. */
  readonly placement?: DepthPlacement;
  /** Makes each norm. Default {@link LayerNorm} of the width. */
  readonly normLayer?: MakeNorm;
  /** Starts the random numbers, as {@link manualSeed} does. Default null: they go on from where they are. */
  readonly seed?: number | null;
  /** What goes in. Default null: 16 rows of normal numbers. */
  readonly x?: Tensor | null;
}

/**
 * ‖∂loss/∂x_i‖ at the input x_i of each block i of x_(i+1) = x_i + F_i(x_i), or F_i(x_i) without the residual. The loss
 * is Σ y·w with random w of length 1, so that the gradient of the output y has length 1 too.
 *
 * Through a block the gradient is multiplied by 1 + F′, and without the residual by F′ alone: where F′ is small, a product
 * of many vanishes. Norms: `pre` is x + F(norm(x)), `branch` x + norm(F(x)), `post` norm(x + F(x)); without the residual
 * the same without x.
 *
 * The blocks' own parameters go with the call, unless `block` gives what was made before it.
 *
 * @throws KeelError [size] for a depth or width that is no count from 1; [argument] for an unknown placement, or a block
 *   that makes no module; [shape] for an input of another width, or a block that changes the shape.
 * @returns the length at block 0 first
 * @see https://arxiv.org/abs/1603.05027
 * @example
 * gradientByDepth({ depth: 8, width: 16, residual: false })[0]; // far below gradientByDepth({ depth: 8, width: 16 })[0]
 */
export function gradientByDepth(options: GradientByDepthOptions = {}): number[] {
  const settings = optionsOf('gradientByDepth', options, {
    depth: 32,
    width: 64,
    block: null,
    residual: true,
    placement: 'none',
    normLayer: (channels) => new LayerNorm(channels),
    seed: null,
    x: null,
  });
  const { depth, width, block, residual, placement, normLayer, seed, x: given } = settings;
  checkCount('depth', depth, 1);
  checkCount('width', width, 1);
  checkPlacement(placement);
  checkInput(given, width);
  if (seed !== null) manualSeed(seed);
  return scope(() => {
    const layers = Array.from({ length: depth }, (_, i) => blockAt(i, block ?? (() => new TanhLinear(width))));
    const norms = layers.map(() => (placement === 'none' ? null : makeNorm('gradientByDepth', normLayer, width)));
    let y = given === null ? randn([16, width]) : detach(given);
    y.requiresGrad = true;
    const inputs = layers.map((F, i) => {
      const x = y;
      y = step(x, (h) => keepingShape(i, F, h), norms[i] ?? null, placement, residual);
      return x;
    });
    const w = toBackend(randn(y.shape), y.dtype, y);
    const dxs = grad(y, inputs, { gradOutputs: div(w, vectorNorm(w)) });
    return dxs.map((dx) => (dx === null ? 0 : vectorNorm(dx).item()));
  });
}

/** One block: F, its norm, and the residual. */
function step(
  x: Tensor,
  F: (h: Tensor) => Tensor,
  norm: Layer | null,
  placement: DepthPlacement,
  residual: boolean,
): Tensor {
  if (norm !== null && placement === 'post' && residual) return addNorm(norm, F(x), x).y;
  const f = F(norm !== null && placement === 'pre' ? norm.forward(x) : x);
  const y = norm !== null && placement !== 'pre' ? norm.forward(f) : f;
  return residual ? add(x, y) : y;
}

/** tanh(W·x + b). */
class TanhLinear extends Module {
  linear: Linear;

  constructor(width: number) {
    super();
    this.linear = new Linear(width, width);
  }

  forward(x: Tensor): Tensor {
    return scope(() => tanh(this.linear.forward(x)));
  }
}

function blockAt(i: number, block: (i: number) => Layer): Layer {
  if (typeof block !== 'function') {
    const message = `gradientByDepth: block is a function that makes block i, got ${showGiven(block)}`;
    throw new KeelError('argument', message, { block });
  }
  const made = block(i);
  checkModule(made);
  return made;
}

/** What block i makes of h: the sum would broadcast another shape. */
function keepingShape(i: number, block: Layer, h: Tensor): Tensor {
  const f = block.forward(h);
  if (sameShape(h.shape, f.shape)) return f;
  throw new KeelError(
    'shape',
    `gradientByDepth: block ${i} made [${f.shape.join(', ')}] of [${h.shape.join(', ')}]: blocks keep the shape`,
    { block: i, input: h.shape, output: f.shape },
  );
}

function checkPlacement(placement: DepthPlacement): void {
  const known: readonly DepthPlacement[] = ['none', 'pre', 'branch', 'post'];
  if (known.includes(placement)) return;
  const message = `gradientByDepth has no placement ${showGiven(placement)}: choose from ${known.join(', ')}`;
  throw new KeelError('argument', message, { placement, known });
}

function checkInput(x: Tensor | null, width: number): void {
  if (x === null) return;
  checkOperands('gradientByDepth', x);
  if (x.shape.at(-1) === width) return;
  const message = `gradientByDepth: x ends in the width, ${width}: got [${x.shape.join(', ')}]`;
  throw new KeelError('shape', message, { width, shape: x.shape });
}
