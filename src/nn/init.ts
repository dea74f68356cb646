// PyTorch's initializers: each writes into a tensor, outside the tape, and returns it. May import errors, tensor,
// random, movement and check.

import { KeelError } from '../errors.js';
import { fill } from '../ops/movement.js';
import { normal_, uniform_ } from '../random.js';
import { sizeOf, type Tensor } from '../tensor.js';
import { checkOperands, optionsOf } from './check.js';

/** The function that follows a layer, for its gain. */
export type Nonlinearity =
  | 'linear'
  | 'conv1d'
  | 'conv2d'
  | 'conv3d'
  | 'conv_transpose1d'
  | 'conv_transpose2d'
  | 'conv_transpose3d'
  | 'sigmoid'
  | 'tanh'
  | 'relu'
  | 'leaky_relu'
  | 'selu';

/**
 * Writes one value throughout.
 *
 * @see https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.constant_
 * @example
 * constant_(new LayerNorm(4).bias ?? zeros([4]), 0.5);
 */
export function constant_<T extends Tensor>(x: T, value: number): T {
  fill(x, value);
  return x;
}

/**
 * Writes ones.
 *
 * @see https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.ones_
 * @example
 * ones_(new Linear(4, 2).weight);
 */
export function ones_<T extends Tensor>(x: T): T {
  return constant_(x, 1);
}

/**
 * Writes zeros.
 *
 * @see https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.zeros_
 * @example
 * zeros_(new Linear(4, 2).weight);
 */
export function zeros_<T extends Tensor>(x: T): T {
  return constant_(x, 0);
}

/** The gain of {@link xavierUniform_} and {@link xavierNormal_}. */
export interface XavierOptions {
  /** Default 1; {@link calculateGain} has those of the usual functions. */
  readonly gain?: number;
}

/**
 * Glorot's uniform numbers from ±gain·√(6/(fanIn + fanOut)).
 *
 * @throws KeelError [rank] for a tensor of fewer than two axes.
 * @see https://proceedings.mlr.press/v9/glorot10a.html
 * @see https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.xavier_uniform_
 * @example
 * xavierUniform_(new Linear(4, 2).weight, { gain: calculateGain('tanh') });
 */
export function xavierUniform_<T extends Tensor>(x: T, options: XavierOptions = {}): T {
  const bound = Math.sqrt(3) * xavierDeviation('xavierUniform_', x, options);
  return uniform_(x, -bound, bound);
}

/**
 * Glorot's normal numbers of deviation gain·√(2/(fanIn + fanOut)).
 *
 * @throws KeelError [rank] for a tensor of fewer than two axes.
 * @see https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.xavier_normal_
 * @example
 * xavierNormal_(new Linear(4, 2).weight);
 */
export function xavierNormal_<T extends Tensor>(x: T, options: XavierOptions = {}): T {
  return normal_(x, 0, xavierDeviation('xavierNormal_', x, options));
}

/** What {@link kaimingUniform_} and {@link kaimingNormal_} scale by. */
export interface KaimingOptions {
  /** Negative slope of the leaky_relu that follows. Default 0. */
  readonly a?: number;
  /** `fan_in` keeps the variance of the forward pass, `fan_out` that of the backward pass. Default `fan_in`. */
  readonly mode?: 'fan_in' | 'fan_out';
  /** Default `leaky_relu`. */
  readonly nonlinearity?: Nonlinearity;
}

/**
 * He's uniform numbers from ±gain·√(3/fan). No elements, nothing drawn.
 *
 * @throws KeelError [rank] for a tensor of fewer than two axes; [argument] for an unknown mode or nonlinearity.
 * @see https://arxiv.org/abs/1502.01852
 * @see https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.kaiming_uniform_
 * @example
 * kaimingUniform_(new Linear(4, 2).weight, { nonlinearity: 'relu' });
 */
export function kaimingUniform_<T extends Tensor>(x: T, options: KaimingOptions = {}): T {
  if (x.size === 0) return x;
  const bound = Math.sqrt(3) * kaimingDeviation('kaimingUniform_', x, options);
  return uniform_(x, -bound, bound);
}

/**
 * He's normal numbers of deviation gain/√fan. No elements, nothing drawn.
 *
 * @throws KeelError as {@link kaimingUniform_}.
 * @see https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.kaiming_normal_
 * @example
 * kaimingNormal_(new Conv2d(3, 8, 3).weight, { mode: 'fan_out', nonlinearity: 'relu' });
 */
export function kaimingNormal_<T extends Tensor>(x: T, options: KaimingOptions = {}): T {
  return x.size === 0 ? x : normal_(x, 0, kaimingDeviation('kaimingNormal_', x, options));
}

/**
 * What a layer's deviation is multiplied by before a nonlinearity: 1, tanh 5/3, relu √2, leaky_relu √(2/(1 + slope²)),
 * selu 3/4.
 *
 * @throws KeelError [argument] for another name, or a slope that is no number.
 * @see https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.calculate_gain
 * @example
 * calculateGain('tanh'); // 5/3
 */
export function calculateGain(nonlinearity: Nonlinearity, slope = 0.01): number {
  switch (nonlinearity) {
    case 'linear':
    case 'conv1d':
    case 'conv2d':
    case 'conv3d':
    case 'conv_transpose1d':
    case 'conv_transpose2d':
    case 'conv_transpose3d':
    case 'sigmoid':
      return 1;
    case 'tanh':
      return 5 / 3;
    case 'relu':
      return Math.sqrt(2);
    case 'leaky_relu':
      if (Number.isFinite(slope)) return Math.sqrt(2 / (1 + slope ** 2));
      throw new KeelError('argument', `negative_slope ${slope} not a valid number`, { slope });
    case 'selu':
      return 3 / 4;
    default:
      nonlinearity satisfies never;
      throw new KeelError('argument', `Unsupported nonlinearity ${String(nonlinearity)}`, { nonlinearity });
  }
}

/**
 * How many inputs an output of a weight (out, in, ...kernel) sums, in·kernel, and how many outputs an input goes to.
 *
 * @throws KeelError [rank] for a tensor of fewer than two axes.
 * @example
 * calculateFanInAndFanOut(zeros([8, 3, 5, 5])); // { fanIn: 75, fanOut: 200 }
 */
export function calculateFanInAndFanOut(x: Tensor): { fanIn: number; fanOut: number } {
  checkOperands('calculateFanInAndFanOut', x);
  const { shape } = x;
  const [outputs, inputs, ...kernel] = shape;
  if (outputs === undefined || inputs === undefined) {
    throw new KeelError(
      'rank',
      `Fan in and fan out can not be computed for tensor with fewer than 2 dimensions: this one has ${shape.length}`,
      { shape },
    );
  }
  const field = sizeOf(kernel);
  return { fanIn: inputs * field, fanOut: outputs * field };
}

/**
 * Fills a weight and then a bias as PyTorch's Linear and Conv layers begin: weight `kaiming_uniform_` with a = √5,
 * which is ±1/√fanIn, and bias the same.
 */
export function initializeLinear(weight: Tensor, bias: Tensor | null): void {
  kaimingUniform_(weight, { a: Math.sqrt(5) });
  if (bias === null) return;
  const { fanIn } = calculateFanInAndFanOut(weight);
  const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
  uniform_(bias, -bound, bound);
}

function xavierDeviation(name: string, x: Tensor, options: XavierOptions): number {
  const { gain } = optionsOf(name, options, { gain: 1 });
  const { fanIn, fanOut } = calculateFanInAndFanOut(x);
  return gain * Math.sqrt(2 / (fanIn + fanOut));
}

function kaimingDeviation(name: string, x: Tensor, options: KaimingOptions): number {
  const standard = { a: 0, mode: 'fan_in', nonlinearity: 'leaky_relu' } as const;
  const { a, mode, nonlinearity } = optionsOf(name, options, standard);
  const { fanIn, fanOut } = calculateFanInAndFanOut(x);
  const fans = new Map<unknown, number>([['fan_in', fanIn], ['fan_out', fanOut]]);
  const fan = fans.get(mode);
  if (fan === undefined) {
    throw new KeelError('argument', `Mode ${String(mode)} not supported, please use one of fan_in, fan_out`, { mode });
  }
  return calculateGain(nonlinearity, a) / Math.sqrt(fan);
}
