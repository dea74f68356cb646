// Stochastic depth: residual branches left out at random, as timm and torchvision do it. May import errors, random, ops,
// tensor and nn.

import { KeelError } from '../errors.js';
import { div, mul } from '../ops/elementwise.js';
import { toBackend } from '../ops/movement.js';
import { bernoulli } from '../random.js';
import { scope, type Tensor } from '../tensor.js';
import { checkOperands, checkProbability, optionsOf, pythonFloat } from './check.js';
import { same } from './layers.js';
import { Module } from './module.js';

/** The one option of {@link DropPath}. */
export interface DropPathOptions {
  /** Divide what stays by 1 − dropProb, so that the expected output is x. Default true. */
  readonly scaleByKeep?: boolean;
}

/**
 * In training each sample is zeros with probability dropProb and x/(1 − dropProb) otherwise, by PyTorch's random numbers;
 * in evaluation, or with dropProb 0, the output is x. It stands on a residual branch. timm's.
 *
 * Input (N, *), float32 or float64. No state.
 *
 * @param dropProb default 0
 * @throws KeelError [argument] for a dropProb outside 0..1; [rank] for a scalar, which has no samples.
 * @see https://arxiv.org/abs/1603.09382
 * @see https://github.com/huggingface/pytorch-image-models/blob/main/timm/layers/drop.py
 * @example
 * new DropPath(0.1).forward(randn([8, 16, 32])); // each of 8 samples whole or zeros
 */
export class DropPath extends Module {
  static readonly type: string = 'DropPath';

  readonly dropProb: number;
  readonly scaleByKeep: boolean;

  constructor(dropProb = 0, options: DropPathOptions = {}) {
    super();
    const { scaleByKeep } = optionsOf(new.target.name, options, { scaleByKeep: true });
    checkProbability('drop', dropProb);
    this.dropProb = dropProb;
    this.scaleByKeep = scaleByKeep;
  }

  forward(x: Tensor): Tensor {
    const { dropProb, scaleByKeep, training } = this;
    checkOperands('DropPath', x);
    return training && dropProb > 0 ? dropped(x, 'row', 1 - dropProb, scaleByKeep) : same(x);
  }

  protected override extraRepr(): string {
    return `drop_prob=${threeDecimals(this.dropProb)}`;
  }
}

/** What {@link StochasticDepth} drops: each sample by itself, or the whole batch at once. */
export type DropMode = 'row' | 'batch';

/**
 * In training zeros with probability p and x/(1 − p) otherwise: for each sample by itself, or once for the whole batch; in
 * evaluation the output is x. torchvision's, whose `row` draws what {@link DropPath} draws.
 *
 * Input (N, *), float32 or float64. No state.
 *
 * @throws KeelError [argument] for a p outside 0..1 or another mode, at the forward pass as in torchvision; [rank] for rows
 *   of a scalar.
 * @see https://arxiv.org/abs/1603.09382
 * @see https://docs.pytorch.org/vision/stable/generated/torchvision.ops.StochasticDepth.html
 * @example
 * new StochasticDepth(0.2, 'row').forward(randn([8, 96, 4, 4]));
 */
export class StochasticDepth extends Module {
  static readonly type: string = 'StochasticDepth';

  readonly p: number;
  readonly mode: DropMode;

  constructor(p: number, mode: DropMode) {
    super();
    this.p = p;
    this.mode = mode;
  }

  forward(x: Tensor): Tensor {
    const { p, mode, training } = this;
    checkOperands('StochasticDepth', x);
    checkProbability('drop', p);
    if (mode !== 'row' && mode !== 'batch') {
      const message = `mode has to be either 'batch' or 'row', but got ${String(mode)}`;
      throw new KeelError('argument', message, { mode });
    }
    return training && p > 0 ? dropped(x, mode, 1 - p, true) : same(x);
  }

  protected override extraRepr(): string {
    return `p=${pythonFloat(this.p)}, mode=${this.mode}`;
  }
}

/** x times a mask that is 1 with probability `keep`, or 1/keep where it is scaled. */
function dropped(x: Tensor, mode: DropMode, keep: number, scaled: boolean): Tensor {
  if (mode === 'row' && x.rank === 0) {
    throw new KeelError('rank', 'a scalar has no samples to drop: give (N, *)', { shape: x.shape });
  }
  const dtype = x.dtype === 'float64' ? 'float64' : 'float32';
  return scope(() => {
    const shape = x.shape.map((extent, axis) => (mode === 'row' && axis === 0 ? extent : 1));
    const mask = toBackend(bernoulli(shape, keep, { dtype }), dtype, x);
    return mul(x, scaled && keep > 0 ? div(mask, keep) : mask);
  });
}

/** Python's `.3f`, whose ties go to even: among doubles in 0..1 only odd sixteenths are ties. */
function threeDecimals(p: number): string {
  const floor = Math.floor(p * 1000);
  const isTie = Number.isInteger(p * 16) && p * 1000 !== floor;
  return (isTie ? (floor + (floor % 2)) / 1000 : p).toFixed(3);
}
