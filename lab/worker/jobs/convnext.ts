// A ConvNeXt block step by step, in the order of the paper: its shapes, and which elements its LayerNorm averages. May import
// evenkeel.

import { explain, KeelError, LayerNorm, LayerNorm2d, manualSeed, noGrad, randn, scope, type Layer, type Tensor } from 'evenkeel';
import { ConvNeXtBlock } from 'evenkeel/nn';

export interface ConvNeXtJobs {
  readonly convnext: {
    readonly ask: ConvNeXtAsk;
    readonly answer: ConvNeXtAnswer;
    readonly part: never;
  };
}

export interface ConvNeXtAsk {
  /** What the layer scale γ is. */
  readonly gamma: number;
  readonly seed: number;
}

export const convnextSteps = ['x', 'dwconv', 'last', 'norm', 'pwconv1', 'act', 'pwconv2', 'gamma', 'first', 'add'] as const;

export type ConvNeXtStep = (typeof convnextSteps)[number];

export interface ConvNeXtResult {
  readonly step: ConvNeXtStep;
  readonly shape: readonly number[];
  readonly rms: number;
  /** Of the layer in this step. */
  readonly parameters: number;
}

/** A norm on the block's images, and how many means it has over how many elements. */
export interface Averaging {
  readonly name: string;
  readonly means: number;
  readonly elements: number;
}

export interface ConvNeXtAnswer {
  readonly steps: readonly ConvNeXtResult[];
  /** The largest distance between the steps' result and the block's own. */
  readonly apart: number;
  /** The set of each element of (N, C, H, W), by the norm of the block. */
  readonly sets: Int32Array;
  readonly shape: readonly number[];
  /** The block's norm, and a LayerNorm over the whole image, for which it is often taken. */
  readonly pixel: Averaging;
  readonly image: Averaging;
  /** How far the two norms' outputs are apart at most. */
  readonly differ: number;
}

/** Images, channels, rows, columns. */
const shape = [1, 4, 7, 7] as const;

export function convnext({ gamma, seed }: ConvNeXtAsk): ConvNeXtAnswer {
  if (!Number.isFinite(gamma)) throw new KeelError('argument', `gamma must be a number, got ${gamma}`, { field: 'gamma' });
  return scope(() => noGrad(() => measured(gamma, seed)));
}

function measured(gamma: number, seed: number): ConvNeXtAnswer {
  const [, channels, height, width] = shape;
  manualSeed(seed);
  const x = randn([...shape]);
  const block = new ConvNeXtBlock(channels, { layerScale: gamma });
  const pixelNorm = block.norm;
  if (!(pixelNorm instanceof LayerNorm2d)) throw new KeelError('argument', 'the block has no LayerNorm2d', {});
  const imageNorm = new LayerNorm([channels, height, width], { eps: pixelNorm.eps });
  const steps: ConvNeXtResult[] = [];
  const conv = block.dwconv.forward(x);
  const apply: Readonly<Record<ConvNeXtStep, (y: Tensor) => Tensor>> = {
    x: () => x,
    dwconv: () => conv,
    last: (y) => y.permute([0, 2, 3, 1]),
    norm: (y) => channelsLast(pixelNorm).forward(y),
    pwconv1: (y) => block.pwconv1.forward(y),
    act: (y) => block.act.forward(y),
    pwconv2: (y) => block.pwconv2.forward(y),
    gamma: (y) => (block.gamma === null ? y : y.mul(block.gamma)),
    first: (y) => y.permute([0, 3, 1, 2]),
    add: (y) => x.add(y),
  };
  const parameters: Partial<Record<ConvNeXtStep, number>> = {
    dwconv: countOf(block.dwconv), norm: countOf(pixelNorm), pwconv1: countOf(block.pwconv1), pwconv2: countOf(block.pwconv2), gamma: block.gamma?.size ?? 0,
  };
  let y = x;
  for (const step of convnextSteps) {
    y = apply[step](y);
    steps.push({ step, shape: y.shape, rms: Math.sqrt(y.square().mean().item()), parameters: parameters[step] ?? 0 });
  }
  return {
    steps,
    apart: y.sub(block.forward(x)).abs().max().item(),
    sets: explain(pixelNorm, [...shape]).setNumbers(),
    shape,
    pixel: averaging(pixelNorm),
    image: averaging(imageNorm),
    differ: pixelNorm.forward(conv).sub(imageNorm.forward(conv)).abs().max().item(),
  };
}

/** The same norm for channels last, as the paper's code has it: over the last axis. */
function channelsLast(norm: LayerNorm2d): Layer {
  const layer = new LayerNorm(norm.weight?.size ?? 0, { eps: norm.eps });
  layer.loadStateDict(norm.stateDict());
  return layer;
}

function averaging(norm: LayerNorm | LayerNorm2d): Averaging {
  const { name, count, elements } = explain(norm, [...shape]).data;
  return { name, means: count, elements };
}

function countOf(layer: Layer): number {
  return layer.parameters().reduce((sum, { size }) => sum + size, 0);
}
