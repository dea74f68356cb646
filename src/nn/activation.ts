// Activations as layers: elementwise functions, and softmax along one axis. May import tensor, ops and nn.

import { elu, gelu, leakyRelu, relu6, silu, softplus } from '../ops/activation.js';
import { relu, sigmoid, tanh } from '../ops/elementwise.js';
import { logSoftmax, softmax } from '../ops/softmax.js';
import type { Tensor } from '../tensor.js';
import { checkNumber, pythonNumber } from './check.js';
import type { InplaceOptions } from './layers.js';
import { Module } from './module.js';

/** Base of those with PyTorch's `inplace`, which the repr shows where it is on. */
abstract class Rectifier extends Module {
  readonly inplace: boolean;

  constructor({ inplace = false }: InplaceOptions = {}) {
    super();
    this.inplace = inplace;
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
 */
export class ReLU extends Rectifier {
  forward(x: Tensor): Tensor {
    return relu(x);
  }
}

/**
 * min(max(x, 0), 6).
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ReLU6.html
 */
export class ReLU6 extends Rectifier {
  forward(x: Tensor): Tensor {
    return relu6(x);
  }
}

export interface LeakyReLUOptions extends InplaceOptions {
  /** Default 0.01. */
  readonly negativeSlope?: number;
}

/**
 * x where x > 0, else negativeSlope·x.
 *
 * @throws KeelError [argument] for a slope that is no number.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LeakyReLU.html
 */
export class LeakyReLU extends Rectifier {
  readonly negativeSlope: number;

  constructor({ negativeSlope = 0.01, ...options }: LeakyReLUOptions = {}) {
    super(options);
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
 */
export class ELU extends Rectifier {
  readonly alpha: number;

  constructor({ alpha = 1, ...options }: ELUOptions = {}) {
    super(options);
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
 */
export class GELU extends Module {
  readonly approximate: 'none' | 'tanh';

  constructor({ approximate = 'none' }: GELUOptions = {}) {
    super();
    this.approximate = approximate;
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
 */
export class SiLU extends Rectifier {
  forward(x: Tensor): Tensor {
    return silu(x);
  }
}

/**
 * σ(x) = 1/(1 + e⁻ˣ).
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Sigmoid.html
 */
export class Sigmoid extends Module {
  forward(x: Tensor): Tensor {
    return sigmoid(x);
  }
}

/**
 * The hyperbolic tangent.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Tanh.html
 */
export class Tanh extends Module {
  forward(x: Tensor): Tensor {
    return tanh(x);
  }
}

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
 */
export class Softplus extends Module {
  readonly beta: number;
  readonly threshold: number;

  constructor({ beta = 1, threshold = 20 }: SoftplusOptions = {}) {
    super();
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
 */
export class LogSoftmax extends Module {
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
