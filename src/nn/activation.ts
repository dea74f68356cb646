// Activations as layers: elementwise functions, and softmax along one axis. May import tensor, ops and nn.

import { elu, gelu, leakyRelu, relu6, silu, softplus } from '../ops/activation.js';
import { relu, sigmoid, tanh } from '../ops/elementwise.js';
import { logSoftmax, softmax } from '../ops/softmax.js';
import type { Tensor } from '../tensor.js';
import { checkNumber, optionsOf, pythonNumber } from './check.js';
import type { InplaceOptions } from './layers.js';
import { Module } from './module.js';

/** Base of those with PyTorch's `inplace`, which the repr shows where it is on. */
abstract class Rectifier extends Module {
  readonly inplace: boolean;

  constructor(options: InplaceOptions = {}) {
    super();
    this.inplace = optionsOf(new.target.name, options, { inplace: false }).inplace;
  }

  protected override extraRepr(): string {
    return [...this.settings(), ...(this.inplace ? ['inplace=True'] : [])].join(', ');
  }

  protected settings(): string[] {
    return [];
  }
}

/**
 * max(x, 0).
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ReLU.html
 * @example
 * new ReLU().forward(tensor([-1, 2])).toArray(); // [0, 2]
 */
export class ReLU extends Rectifier {
  static readonly type: string = 'ReLU';

  forward(x: Tensor): Tensor {
    return relu(x);
  }
}

/**
 * min(max(x, 0), 6).
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ReLU6.html
 * @example
 * new ReLU6().forward(tensor([-1, 2, 8])).toArray(); // [0, 2, 6]
 */
export class ReLU6 extends Rectifier {
  static readonly type: string = 'ReLU6';

  forward(x: Tensor): Tensor {
    return relu6(x);
  }
}

/** Options of {@link LeakyReLU}. */
export interface LeakyReLUOptions extends InplaceOptions {
  /** Default 0.01. */
  readonly negativeSlope?: number;
}

/**
 * x where x > 0, else negativeSlope·x.
 *
 * @throws KeelError [argument] for a slope that is no number.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LeakyReLU.html
 * @example
 * new LeakyReLU({ negativeSlope: 0.25 }).forward(tensor([-1, 2])).toArray(); // [-0.25, 2]
 */
export class LeakyReLU extends Rectifier {
  static readonly type: string = 'LeakyReLU';

  readonly negativeSlope: number;

  constructor(options: LeakyReLUOptions = {}) {
    const { negativeSlope, ...rest } = optionsOf(new.target.name, options, { negativeSlope: 0.01, inplace: false });
    super(rest);
    checkNumber('negative_slope', negativeSlope);
    this.negativeSlope = negativeSlope;
  }

  forward(x: Tensor): Tensor {
    return leakyRelu(x, this.negativeSlope);
  }

  protected override settings(): string[] {
    return [`negative_slope=${pythonNumber(this.negativeSlope)}`];
  }
}

/** Options of {@link ELU}. */
export interface ELUOptions extends InplaceOptions {
  /** Default 1. */
  readonly alpha?: number;
}

/**
 * x where x > 0, else alpha·(eˣ − 1).
 *
 * @throws KeelError [argument] for an alpha that is no number.
 * @see https://arxiv.org/abs/1511.07289
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ELU.html
 * @example
 * new ELU().forward(tensor([0, 2])).toArray(); // [0, 2]
 */
export class ELU extends Rectifier {
  static readonly type: string = 'ELU';

  readonly alpha: number;

  constructor(options: ELUOptions = {}) {
    const { alpha, ...rest } = optionsOf(new.target.name, options, { alpha: 1, inplace: false });
    super(rest);
    checkNumber('alpha', alpha);
    this.alpha = alpha;
  }

  forward(x: Tensor): Tensor {
    return elu(x, this.alpha);
  }

  protected override settings(): string[] {
    return [`alpha=${pythonDefault(this.alpha, 1)}`];
  }
}

/** Options of {@link GELU}. */
export interface GELUOptions {
  /** `none`: the error function; `tanh`: its approximation. Default `none`. */
  readonly approximate?: 'none' | 'tanh';
}

/**
 * x·Φ(x), Φ being the distribution function of the standard normal.
 *
 * @throws KeelError [argument] for another approximation, when it is used.
 * @see https://arxiv.org/abs/1606.08415
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.GELU.html
 * @example
 * new GELU().forward(tensor([0, 1])).toArray(); // [0, 0.8413...]
 */
export class GELU extends Module {
  static readonly type: string = 'GELU';

  readonly approximate: 'none' | 'tanh';

  constructor(options: GELUOptions = {}) {
    super();
    this.approximate = optionsOf(new.target.name, options, { approximate: 'none' }).approximate;
  }

  forward(x: Tensor): Tensor {
    return gelu(x, this.approximate);
  }

  protected override extraRepr(): string {
    return `approximate='${this.approximate}'`;
  }
}

/**
 * x·σ(x), also called swish.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.SiLU.html
 * @example
 * new SiLU().forward(tensor([0, 1])).toArray(); // [0, 0.7310...]
 */
export class SiLU extends Rectifier {
  static readonly type: string = 'SiLU';

  forward(x: Tensor): Tensor {
    return silu(x);
  }
}

/**
 * σ(x) = 1/(1 + e⁻ˣ).
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Sigmoid.html
 * @example
 * new Sigmoid().forward(tensor([0])).toArray(); // [0.5]
 */
export class Sigmoid extends Module {
  static readonly type: string = 'Sigmoid';

  forward(x: Tensor): Tensor {
    return sigmoid(x);
  }
}

/**
 * The hyperbolic tangent.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Tanh.html
 * @example
 * new Tanh().forward(tensor([0])).toArray(); // [0]
 */
export class Tanh extends Module {
  static readonly type: string = 'Tanh';

  forward(x: Tensor): Tensor {
    return tanh(x);
  }
}

/** Options of {@link Softplus}. */
export interface SoftplusOptions {
  /** Default 1. */
  readonly beta?: number;
  /** The output is x where beta·x is above it. Default 20. */
  readonly threshold?: number;
}

/**
 * log(1 + e^(beta·x))/beta.
 *
 * @throws KeelError [argument] for options that are no numbers.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Softplus.html
 * @example
 * new Softplus().forward(tensor([0, 30])).toArray(); // [0.6931..., 30]
 */
export class Softplus extends Module {
  static readonly type: string = 'Softplus';

  readonly beta: number;
  readonly threshold: number;

  constructor(options: SoftplusOptions = {}) {
    super();
    const { beta, threshold } = optionsOf(new.target.name, options, { beta: 1, threshold: 20 });
    checkNumber('beta', beta);
    checkNumber('threshold', threshold);
    this.beta = beta;
    this.threshold = threshold;
  }

  forward(x: Tensor): Tensor {
    return softplus(x, this.beta, this.threshold);
  }

  protected override extraRepr(): string {
    return `beta=${pythonDefault(this.beta, 1)}, threshold=${pythonDefault(this.threshold, 20)}`;
  }
}

/**
 * exp(x)/Σ exp(x) along `dim`, which must be named: PyTorch's guess of it is deprecated.
 *
 * @throws KeelError [dimension] for an axis that the input lacks.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Softmax.html
 * @example
 * new Softmax(-1).forward(tensor([[0, 0]])).toArray(); // [[0.5, 0.5]]
 */
export class Softmax extends Module {
  static readonly type: string = 'Softmax';

  readonly dim: number;

  constructor(dim: number) {
    super();
    checkNumber('dim', dim);
    this.dim = dim;
  }

  forward(x: Tensor): Tensor {
    return softmax(x, this.dim);
  }

  protected override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/**
 * The logarithm of {@link Softmax}.
 *
 * @throws KeelError [dimension] for an axis that the input lacks.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LogSoftmax.html
 * @example
 * new LogSoftmax(-1).forward(tensor([[0, 0]])).toArray(); // [[-0.6931..., -0.6931...]]
 */
export class LogSoftmax extends Module {
  static readonly type: string = 'LogSoftmax';

  readonly dim: number;

  constructor(dim: number) {
    super();
    checkNumber('dim', dim);
    this.dim = dim;
  }

  forward(x: Tensor): Tensor {
    return logSoftmax(x, this.dim);
  }

  protected override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/** Python's defaults here are floats: 1.0. Other whole numbers print as they are usually written. */
function pythonDefault(value: number, standard: number): string {
  return value === standard ? standard.toFixed(1) : pythonNumber(value);
}
