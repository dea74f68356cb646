// DyT: a squashing function in the place of a normalization. May import errors, create, ops, tensor and nn.

import { full, ones, zeros } from '../create.js';
import { KeelError } from '../errors.js';
import { add, mul, tanh } from '../ops/elementwise.js';
import { reshape } from '../ops/movement.js';
import { scope, type Tensor } from '../tensor.js';
import { checkCount, checkNumber, checkOperands, optionsOf, pythonNumber } from './check.js';
import { Module, pythonBool } from './module.js';
import { parameterOf, type Parameter } from './parameter.js';

/** Options of {@link DyT}. */
export interface DyTOptions {
  /** What α is at first. Default 0.5. */
  readonly alpha?: number;
  /** Whether the channels are the last axis, the default, or axis 1 of (N, C, H, W). */
  readonly channelsLast?: boolean;
}

/**
 * Dynamic tanh: y = γ·tanh(α·x) + β with one learned α. No statistics and no eps: every element for itself.
 * dα = Σ dy·γ·(1 − t²)·x and dx = dy·γ·(1 − t²)·α, where t = tanh(α·x).
 *
 * Input (*, dim), or (N, dim, H, W) where channels are first; float32 or float64. State: `alpha` (1), `weight` γ = 1 and
 * `bias` β = 0 (dim).
 *
 * @throws KeelError [size] for a dim that is no count; [shape] for an input of other channels.
 * @see https://arxiv.org/abs/2503.10622
 * @see https://github.com/jiachenzhu/DyT/blob/main/dynamic_tanh.py
 * @example
 * new DyT(32).forward(randn([2, 16, 32]));
 */
export class DyT extends Module {
  static readonly type: string = 'DyT';

  readonly dim: number;
  readonly channelsLast: boolean;
  alpha: Parameter;
  weight: Parameter;
  bias: Parameter;

  /** What α was at first, which the repr shows. */
  private readonly initial: number;

  constructor(dim: number, options: DyTOptions = {}) {
    super();
    const { alpha, channelsLast } = optionsOf(new.target.name, options, { alpha: 0.5, channelsLast: true });
    checkCount('dim', dim, 0);
    checkNumber('alpha', alpha);
    this.dim = dim;
    this.channelsLast = channelsLast;
    this.initial = alpha;
    this.alpha = parameterOf(full([1], alpha));
    this.weight = parameterOf(ones([dim]));
    this.bias = parameterOf(zeros([dim]));
  }

  forward(x: Tensor): Tensor {
    const { dim, channelsLast } = this;
    checkOperands('DyT', x);
    if (channelsLast ? x.shape.at(-1) !== dim : x.rank !== 4 || x.shape[1] !== dim) {
      const wanted = channelsLast ? `(*, ${dim})` : `(N, ${dim}, H, W)`;
      throw new KeelError('shape', `DyT(${dim}) takes ${wanted}, got [${x.shape.join(', ')}]`, { dim, shape: x.shape });
    }
    const placed = (p: Tensor) => (channelsLast ? p : reshape(p, [dim, 1, 1]));
    return scope(() => add(mul(tanh(mul(x, this.alpha)), placed(this.weight)), placed(this.bias)));
  }

  protected override extraRepr(): string {
    const { dim, initial, channelsLast } = this;
    return `${dim}, alpha=${pythonNumber(initial)}, channels_last=${pythonBool(channelsLast)}`;
  }
}
