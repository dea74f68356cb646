// GRN: ConvNeXt V2's global response normalization. May import errors, create, ops, tensor and nn.

import { zeros } from '../create.js';
import { KeelError } from '../errors.js';
import { add, div, mul } from '../ops/elementwise.js';
import { reshape } from '../ops/movement.js';
import { mean, vectorNorm } from '../ops/reduce.js';
import { sameShape, scope, Tensor } from '../tensor.js';
import { checkCount, checkNumber, checkOperands, optionsOf, pythonNumber } from './check.js';
import { Module, pythonBool } from './module.js';
import { parameterOf, type Parameter } from './parameter.js';
import type { Loading } from './state.js';

/** Options of {@link GRN}. */
export interface GRNOptions {
  /** Added to the mean of G. Default 1e-6. */
  readonly eps?: number;
  /** Whether the input is (N, H, W, C), the default, or (N, C, H, W). */
  readonly channelsLast?: boolean;
}

/**
 * G = ‖x‖₂ over H and W, Nx = G/(E[G] + eps) with the mean over channels, y = γ·(x·Nx) + β + x: channels that respond
 * more than others are made larger still. The identity at first, as γ = β = 0; where a whole channel of a sample is 0, G
 * passes no gradient on.
 *
 * Input (N, H, W, dim), float32 or float64. State: `gamma` and `beta` (1, 1, 1, dim), facebookresearch's. timm's `weight`
 * and `bias` (dim) and Hugging Face's of four axes load too.
 *
 * @throws KeelError [size] for a dim that is no count; [rank], [shape] for another input.
 * @see https://arxiv.org/abs/2301.00808
 * @see https://github.com/facebookresearch/ConvNeXt-V2/blob/main/models/utils.py
 * @example
 * new GRN(32).forward(randn([2, 8, 8, 32]));
 */
export class GRN extends Module {
  static readonly type: string = 'GRN';

  readonly dim: number;
  readonly eps: number;
  readonly channelsLast: boolean;
  gamma: Parameter;
  beta: Parameter;

  constructor(dim: number, options: GRNOptions = {}) {
    super();
    const { eps, channelsLast } = optionsOf(new.target.name, options, { eps: 1e-6, channelsLast: true });
    checkCount('dim', dim, 0);
    checkNumber('eps', eps);
    this.dim = dim;
    this.eps = eps;
    this.channelsLast = channelsLast;
    this.gamma = parameterOf(zeros([1, 1, 1, dim]));
    this.beta = parameterOf(zeros([1, 1, 1, dim]));
  }

  forward(x: Tensor): Tensor {
    this.check(x);
    const { dim, eps, channelsLast } = this;
    const [channels, pixels] = channelsLast ? [3, [1, 2]] : [1, [2, 3]];
    const placed = (p: Tensor) => (channelsLast ? p : reshape(p, [1, dim, 1, 1]));
    return scope(() => {
      const G = vectorNorm(x, 2, pixels, { keepdim: true });
      const Nx = div(G, add(mean(G, channels, { keepdim: true }), eps));
      // x is gone over once: γ·(x·Nx) + x is x·(γ·Nx + 1), whose factor is small.
      return add(mul(x, add(mul(Nx, placed(this.gamma)), 1)), placed(this.beta));
    });
  }

  private check(x: Tensor): void {
    checkOperands('GRN', x);
    const { dim, channelsLast } = this;
    const wanted = `GRN(${dim}) takes ${channelsLast ? `(N, H, W, ${dim})` : `(N, ${dim}, H, W)`}`;
    const { shape } = x;
    if (x.rank !== 4) throw new KeelError('rank', `${wanted}, got [${shape.join(', ')}]`, { dim, shape });
    if (shape[channelsLast ? 3 : 1] === dim) return;
    const isOther = shape[channelsLast ? 1 : 3] === dim;
    const hint = isOther ? `: give { channelsLast: ${String(!channelsLast)} }, or permute the channels` : '';
    throw new KeelError('shape', `${wanted}, got [${shape.join(', ')}]${hint}`, { dim, shape });
  }

  /** timm and Hugging Face name the two otherwise, and timm and the sparse variant leave axes of 1 away. */
  protected override adaptState(loading: Loading, prefix: string): void {
    const { state, reshapedKeys } = loading;
    for (const [name, other, { shape }] of [['gamma', 'weight', this.gamma], ['beta', 'bias', this.beta]] as const) {
      const [key, foreign] = [prefix + name, prefix + other];
      const given = state.get(key) ?? state.get(foreign);
      if (!(given instanceof Tensor)) continue;
      if (!state.has(key)) {
        state.delete(foreign);
        loading.layout ??= given.rank === 1 ? 'timm' : 'huggingface';
      }
      const fits = given.shape.at(-1) === this.dim && given.size === this.dim && !sameShape(given.shape, shape);
      if (fits) reshapedKeys.push(key);
      state.set(key, fits ? reshape(given, shape) : given);
    }
  }

  protected override extraRepr(): string {
    return `${this.dim}, eps=${pythonNumber(this.eps)}, channels_last=${pythonBool(this.channelsLast)}`;
  }
}
