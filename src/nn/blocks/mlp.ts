// The feed-forward part of a block: two linear layers and an activation. May import nn.

import { scope, type Tensor } from '../../tensor.js';
import { GELU } from '../activation.js';
import { optionsOf } from '../check.js';
import { Dropout, Identity, Linear, type Layer } from '../layers.js';
import { checkModule, Module } from '../module.js';
import { makeNorm, type MakeNorm } from './normlayer.js';

/** Options of {@link Mlp}. */
export interface MlpOptions {
  /** Features of the output. Default null: those of the input. */
  readonly outFeatures?: number | null;
  /** Default {@link GELU}, of erf. */
  readonly act?: Layer;
  /** Dropout after the activation and after the second layer. Default 0. */
  readonly drop?: number;
  /** Learn shifts. Default true. */
  readonly bias?: boolean;
  /** A norm over the hidden features, before the second layer. Default null: none. */
  readonly normLayer?: MakeNorm | null;
}

/**
 * y = drop(W₂·norm(drop(act(W₁·x + b₁))) + b₂). timm's.
 *
 * Input (*, inFeatures), output (*, outFeatures). State: `fc1` and `fc2`, and `norm` where there is one.
 *
 * @throws KeelError [size] for sizes that are no counts; [argument] for a drop outside 0..1.
 * @see https://github.com/huggingface/pytorch-image-models/blob/main/timm/layers/mlp.py
 * @example
 * new Mlp(32, 128).forward(randn([2, 16, 32])).shape; // [2, 16, 32]
 */
export class Mlp extends Module {
  static readonly type: string = 'Mlp';

  fc1: Linear;
  act: Layer;
  drop1: Dropout;
  norm: Layer;
  fc2: Linear;
  drop2: Dropout;

  constructor(inFeatures: number, hiddenFeatures: number, options: MlpOptions = {}) {
    super();
    const defaults = { outFeatures: null, act: new GELU(), drop: 0, bias: true, normLayer: null };
    const { outFeatures, act, drop, bias, normLayer } = optionsOf(new.target.name, options, defaults);
    checkModule(act);
    this.fc1 = new Linear(inFeatures, hiddenFeatures, { bias });
    this.act = act;
    this.drop1 = new Dropout(drop);
    this.norm = normLayer === null ? new Identity() : makeNorm('Mlp', normLayer, hiddenFeatures);
    this.fc2 = new Linear(hiddenFeatures, outFeatures ?? inFeatures, { bias });
    this.drop2 = new Dropout(drop);
  }

  forward(x: Tensor): Tensor {
    const { fc1, act, drop1, norm, fc2, drop2 } = this;
    return scope(() => drop2.forward(fc2.forward(norm.forward(drop1.forward(act.forward(fc1.forward(x)))))));
  }
}
