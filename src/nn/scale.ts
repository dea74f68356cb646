// LayerScale: one learned factor a channel on a residual branch. May import errors, create, ops, tensor and nn.

import { full } from '../create.js';
import { KeelError } from '../errors.js';
import { mul } from '../ops/elementwise.js';
import { reshape } from '../ops/movement.js';
import { scope, type Tensor } from '../tensor.js';
import { checkCount, checkNumber, checkOperands, optionsOf } from './check.js';
import { Module } from './module.js';
import { parameterOf, type Parameter } from './parameter.js';

/** The one option of {@link LayerScale} and {@link LayerScale2d}. */
export interface LayerScaleOptions {
  /** What γ is at first. Default 1e-5, so that a residual block begins near the identity. */
  readonly initValues?: number;
}

/**
 * y = γ·x over the last axis; dγ = Σ dy·x. timm's.
 *
 * Input (*, dim), float32 or float64. State: `gamma` (dim).
 *
 * @throws KeelError [size] for a dim that is no count; [shape] where the input does not end in dim.
 * @see https://arxiv.org/abs/2103.17239
 * @see https://github.com/huggingface/pytorch-image-models/blob/main/timm/layers/layer_scale.py
 * @example
 * new LayerScale(32, { initValues: 1e-6 }).forward(randn([2, 16, 32]));
 */
export class LayerScale extends Module {
  static readonly type: string = 'LayerScale';

  readonly dim: number;
  gamma: Parameter;

  constructor(dim: number, options: LayerScaleOptions = {}) {
    super();
    const { initValues } = optionsOf(new.target.name, options, { initValues: 1e-5 });
    checkCount('dim', dim, 0);
    checkNumber('init_values', initValues);
    this.dim = dim;
    this.gamma = parameterOf(full([dim], initValues));
  }

  forward(x: Tensor): Tensor {
    const { dim } = this;
    checkOperands('LayerScale', x);
    if (x.shape.at(-1) !== dim) throw misfit(`LayerScale(${dim}) takes (*, ${dim})`, x);
    // A weight that is computed on access goes with the scope.
    return scope(() => mul(x, this.gamma));
  }
}

/**
 * {@link LayerScale} over the channels of (N, C, H, W).
 *
 * State: `gamma` (dim).
 *
 * @throws KeelError [size] for a dim that is no count; [shape] for another input.
 * @see https://github.com/huggingface/pytorch-image-models/blob/main/timm/layers/layer_scale.py
 * @example
 * new LayerScale2d(96).forward(randn([1, 96, 8, 8]));
 */
export class LayerScale2d extends LayerScale {
  static override readonly type: string = 'LayerScale2d';

  override forward(x: Tensor): Tensor {
    const { dim } = this;
    checkOperands('LayerScale2d', x);
    if (x.rank !== 4 || x.shape[1] !== dim) throw misfit(`LayerScale2d(${dim}) takes (N, ${dim}, H, W)`, x);
    return scope(() => mul(x, reshape(this.gamma, [dim, 1, 1])));
  }
}

function misfit(wanted: string, { shape }: Tensor): KeelError {
  return new KeelError('shape', `${wanted}, got [${shape.join(', ')}]`, { shape });
}
