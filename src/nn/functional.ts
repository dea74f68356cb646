// The normalizations of torch.nn.functional: patterns and PyTorch's checks.
// May import errors, plan, create, tensor, ops and running.

import { noGrad } from '../autograd.js';
import { ones } from '../create.js';
import { KeelError } from '../errors.js';
import { bringStrided } from '../kernels/strided.js';
import { dimensionMask } from '../ops/check.js';
import { conv2d } from '../ops/conv.js';
import { abs, add, div, maximum, mul, pow } from '../ops/elementwise.js';
import { put, reshape, to, toBackend } from '../ops/movement.js';
import { addNormalize, normalize as normalizeBy, type Normalization, type NormSettings, type Wanted } from '../ops/norm.js';
import { max, vectorNorm, type Dims } from '../ops/reduce.js';
import { layout } from '../plan.js';
import { sameShape, scope, sizeOf, type Tensor } from '../tensor.js';
import {
  checkAny,
  checkAxes,
  checkBatch,
  checkBatchEps,
  checkCount,
  checkGroups,
  checkLengths,
  checkMomentum,
  checkNumber,
  checkOperands,
  checkPixels,
  checkPositions,
  checkTrailing,
  optionsOf,
} from './check.js';
import { checkInstanceLengths, moveRunning, pair } from './running.js';

/** The patterns of the layers; a layer and its functional form read the same one. */
export const patterns = {
  /** LayerNorm and RMSNorm over the last `rank` axes. */
  trailing: (rank: number) => {
    const axes = (['c', 'h w', 'c h w', 'c d h w'][rank - 1] ?? axisNames(rank)).trim();
    return `b... [${axes}], ${axes}`;
  },
  pixels: 'b [c] h w, c',
  groups: 'b (g [c]) [s...], (g c)',
  batch: '[b] c [s...], c',
  instances: 'b c [s...], c',
  /** One of the instances, without a batch. */
  sample: 'c [s...], c',
} as const;

/** Parameters and eps of {@link layerNorm}, {@link groupNorm} and their like. */
export interface AffineOptions {
  /** Scale; none by default. */
  readonly weight?: Tensor | null;
  /** Shift; none by default. */
  readonly bias?: Tensor | null;
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
}

/**
 * y = (x − E[x]) / √(Var[x] + eps) · weight + bias over the trailing axes, biased variance.
 *
 * @param x (*, ...normalizedShape), float32 or float64
 * @param normalizedShape extents of the trailing axes, which weight and bias have too
 * @throws KeelError [shape] where x does not end in `normalizedShape`, or a parameter has another shape.
 * @see https://arxiv.org/abs/1607.06450
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.layer_norm.html
 * @example
 * layerNorm(linspace(0, 23, 24).reshape([2, 3, 4]), [4]);
 */
export function layerNorm(
  x: Tensor,
  normalizedShape: readonly number[],
  options: AffineOptions = {},
): Tensor {
  const { weight, bias, eps } = affine('layerNorm', x, options);
  checkTrailing(x.shape, normalizedShape, { weight, bias }, '*, ');
  return runRows(x, patterns.trailing(normalizedShape.length), { weight, bias, eps }).y;
}

interface RMSNormSettings {
  readonly weight?: Tensor | null;
  readonly eps?: number | null;
}

/**
 * y = x / √(E[x²] + eps) · weight over the trailing axes; no mean is taken off.
 *
 * @param x (*, ...normalizedShape), float32 or float64
 * @param options `eps` null, the default, is the machine epsilon of x's dtype: 2⁻²³ or 2⁻⁵²
 * @throws KeelError [shape] as {@link layerNorm}.
 * @see https://arxiv.org/abs/1910.07467
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.rms_norm.html
 * @example
 * rmsNorm(tensor([[3, 4]]), [2]); // divided by √12.5
 */
export function rmsNorm(
  x: Tensor,
  normalizedShape: readonly number[],
  options: RMSNormSettings = {},
): Tensor {
  const { weight, eps } = optionsOf('rmsNorm', options, { weight: null, eps: null });
  checkOperands('rmsNorm', x, weight);
  checkTrailing(x.shape, normalizedShape, { weight, bias: null }, '*');
  return runRows(x, patterns.trailing(normalizedShape.length), { statistics: 'rms', weight, eps }).y;
}

/**
 * Layer normalization over the channels of each pixel, channels first; nothing is permuted.
 *
 * @param x (N, C, H, W), float32 or float64; weight and bias (C)
 * @throws KeelError [rank] unless x is 4-D; [shape] for parameters of another length.
 * @see https://arxiv.org/abs/2201.03545
 * @example
 * layerNorm2d(randn([1, 96, 8, 8]), { eps: 1e-6 });
 */
export function layerNorm2d(x: Tensor, options: AffineOptions = {}): Tensor {
  const { weight, bias, eps } = affine('layerNorm2d', x, options);
  for (const parameter of [weight, bias]) checkPixels(x.shape, parameter?.shape ?? x.shape.slice(1, 2));
  return run(x, patterns.pixels, { weight, bias, eps }).y;
}

/**
 * The channels of each sample in `numGroups` groups, each normalized over its channels and all positions.
 *
 * @param x (N, C, *), float32 or float64; weight and bias (C)
 * @throws KeelError [rank], [indivisible], [shape]; [too_few_values] where N·(C/G)·positions is 1, as in PyTorch.
 * @see https://arxiv.org/abs/1803.08494
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.group_norm.html
 * @example
 * groupNorm(randn([2, 6, 4]), 3);
 */
export function groupNorm(x: Tensor, numGroups: number, options: AffineOptions = {}): Tensor {
  const { weight, bias, eps } = affine('groupNorm', x, options);
  checkGroups(x.shape, numGroups, { weight, bias });
  return run(x, patterns.groups, { weight, bias, eps }, { g: numGroups }).y;
}

/** What {@link batchNorm} takes beside its running statistics. */
export interface BatchNormOptions extends AffineOptions {
  /** Use the batch's statistics and move the running ones; else use the running ones. Default false. */
  readonly training?: boolean;
  /** Weight of the new batch in the running statistics. Default 0.1. */
  readonly momentum?: number;
}

/**
 * Each channel normalized over the batch and all positions, or by running statistics. In training running statistics
 * become (1 − momentum)·running + momentum·batch, with the unbiased variance.
 *
 * @param x (N, C, *), float32 or float64; all vectors (C)
 * @throws KeelError [too_few_values] for one value a channel in training; [shape] for vectors of another length;
 *   [no_statistics] for running statistics that are missing; [argument] for eps ≤ 0 in training or a momentum that is no
 *   number. Nothing has been written then.
 * @see https://arxiv.org/abs/1502.03167
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.batch_norm.html
 * @example
 * batchNorm(randn([8, 3, 4, 4]), zeros([3]), ones([3]), { training: true });
 */
export function batchNorm(
  x: Tensor,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  options: BatchNormOptions = {},
): Tensor {
  const settings = { ...parameters, training: false, momentum: 0.1 };
  const { weight, bias, training, momentum, eps } = optionsOf('batchNorm', options, settings);
  checkOperands('batchNorm', x, runningMean, runningVar, weight, bias);
  // PyTorch takes a vector of no elements.
  if (x.rank === 1 && x.size === 0) {
    return scope(() => reshape(batchNorm(reshape(x, [0, 0]), runningMean, runningVar, options), [0]));
  }
  checkAxes(x.shape);
  if (training) checkBatch(x.shape);
  checkBatchEps(eps, training);
  checkMomentum(momentum);
  const channels = x.shape[1] ?? 0;
  checkLengths({ running_mean: runningMean, running_var: runningVar, weight, bias }, x.shape);
  checkAny(channels, x.shape, { weight, bias });
  const running = pair(x, runningMean, runningVar, training ? 'either' : 'evaluation');
  if (!training) return run(x, patterns.batch, { weight, bias, eps, given: running }).y;
  if (running === null) return run(x, patterns.batch, { weight, bias, eps }).y;
  return scope(() => {
    const { y, ...batch } = run(x, patterns.batch, { weight, bias, eps, wants: ['mean', 'variance'] });
    moveRunning(running, momentum, batch, [channels], x.size / Math.max(1, channels));
    return y;
  });
}

/** Running statistics and parameters of {@link instanceNorm}. */
export interface InstanceNormOptions extends AffineOptions {
  readonly runningMean?: Tensor | null;
  readonly runningVar?: Tensor | null;
  /** Use x's own statistics and move the running ones; else use the running ones. Default true. */
  readonly useInputStats?: boolean;
  /** Weight of the new batch in the running statistics. Default 0.1. */
  readonly momentum?: number;
}

/**
 * Each channel of each sample normalized over its positions, or by running statistics. With x's statistics, running
 * ones that are given move towards their average over the batch, the variance unbiased; an empty batch leaves them
 * alone, where PyTorch makes them NaN. With eps 0 a constant channel is 0/0, NaN; PyTorch gives 0.
 *
 * @param x (N, C, *), float32 or float64; all vectors (C)
 * @throws KeelError [too_few_values] for one position; [shape], [no_statistics], [argument] as {@link batchNorm}.
 * @see https://arxiv.org/abs/1607.08022
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.instance_norm.html
 * @example
 * instanceNorm(randn([2, 3, 8]));
 */
export function instanceNorm(x: Tensor, options: InstanceNormOptions = {}): Tensor {
  const settings = { ...parameters, runningMean: null, runningVar: null, useInputStats: true, momentum: 0.1 };
  const given = optionsOf('instanceNorm', options, settings);
  const { runningMean, runningVar, weight, bias, useInputStats, momentum, eps } = given;
  checkOperands('instanceNorm', x, runningMean, runningVar, weight, bias);
  checkAxes(x.shape);
  if (useInputStats) checkPositions(x.shape);
  checkMomentum(momentum);
  const [batch = 0, channels = 0] = x.shape;
  checkInstanceLengths({ running_mean: runningMean, running_var: runningVar, weight, bias }, batch, channels);
  checkAny(batch * channels, x.shape, { weight, bias });
  const running = pair(x, runningMean, runningVar, useInputStats ? 'either' : 'instance');
  if (!useInputStats) return run(x, patterns.batch, { weight, bias, eps, given: running }).y;
  if (running === null) return run(x, patterns.instances, { weight, bias, eps }).y;
  return scope(() => {
    const { y, ...measured } = run(x, patterns.instances, { weight, bias, eps, wants: ['mean', 'variance'] });
    moveRunning(running, momentum, measured, [batch, channels], sizeOf(x.shape.slice(2)));
    return y;
  });
}

/**
 * y_c = x_c · (k + alpha/size · Σ x_j²)^(−beta), j from c − ⌊size/2⌋ to c + ⌊(size − 1)/2⌋, zeros outside.
 *
 * @param x (N, C, *), rank 3 or more; int64 becomes float32
 * @throws KeelError [rank] for a rank below 3; [size] for a size below 1.
 * @see https://papers.nips.cc/paper/4824
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.local_response_norm.html
 * @example
 * localResponseNorm(randn([1, 5, 8]), 3, { alpha: 1, k: 2 });
 */
export function localResponseNorm(
  x: Tensor,
  size: number,
  options: { readonly alpha?: number; readonly beta?: number; readonly k?: number } = {},
): Tensor {
  const { alpha, beta, k } = optionsOf('localResponseNorm', options, { alpha: 1e-4, beta: 0.75, k: 1 });
  checkOperands('localResponseNorm', x);
  if (x.rank < 3) {
    throw new KeelError('rank', `Expected 3D or higher dimensionality input (got ${x.rank} dimensions): (N, C, *)`, {
      shape: x.shape,
    });
  }
  checkCount('size', size, 1);
  for (const [name, value] of Object.entries({ alpha, beta, k })) checkNumber(name, value);
  if (x.size === 0) return reshape(x, x.shape);
  const [batch = 1, channels = 1] = x.shape;
  return scope(() => {
    const dtype = hasSafeSquares(x) ? x.dtype : 'float64';
    const wide = reshape(to(x, dtype), [batch, 1, channels, sizeOf(x.shape.slice(2))]);
    // Further than all channels reaches no window.
    const below = Math.min(Math.floor(size / 2), channels - 1);
    const window = below + 1 + Math.min(Math.floor((size - 1) / 2), channels - 1);
    const padded = put(mul(wide, wide), [batch, 1, channels + window - 1, wide.shape[3] ?? 1], {
      start: [0, 0, below, 0],
      step: [1, 1, 1, 1],
      shape: wide.shape,
    });
    const squares = conv2d(padded, toBackend(ones([1, 1, window, 1], { dtype }), dtype, wide));
    const y = mul(wide, pow(add(mul(squares, alpha / size), k), -beta));
    return to(reshape(y, x.shape), x.dtype === 'float64' ? 'float64' : 'float32');
  });
}

/** Whether squares of the elements, and sums of some, stay in float32's range. */
function hasSafeSquares(x: Tensor): boolean {
  return noGrad(() => scope(() => max(abs(x)).item())) < 1e18;
}

/**
 * x / max(‖x‖ₚ, eps) over the dims; a vector of zeros stays.
 *
 * @param options p default 2, dim default 1 (a 1-D tensor needs 0), eps default 1e-12
 * @throws KeelError [dimension] for a dim out of range.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.normalize.html
 * @example
 * normalize(tensor([[3, 4]])).toArray(); // [[0.6, 0.8]]
 */
export function normalize(
  x: Tensor,
  options: { readonly p?: number; readonly dim?: Dims; readonly eps?: number } = {},
): Tensor {
  const { p, dim, eps } = optionsOf('normalize', options, { p: 2, dim: 1, eps: 1e-12 });
  checkOperands('normalize', x);
  const mask = dimensionMask(dim, x.rank);
  if (p === 2) {
    const axes = mask.map((reduced, axis) => (reduced ? `[a${axis}]` : `a${axis}`));
    return run(x, axes.join(' '), { statistics: 'l2', eps }).y;
  }
  return scope(() => {
    // In float64: powers of float32 elements leave its range.
    const wide = to(x, 'float64');
    const length = vectorNorm(wide, p, dim, { keepdim: true });
    return to(div(wide, maximum(length, eps)), x.dtype);
  });
}

/** The sum of two tensors, and its normalization. */
export interface AddNorm {
  readonly sum: Tensor;
  readonly y: Tensor;
}

/**
 * sum = x + residual, y = {@link layerNorm}(sum): the Add & Norm of a Transformer.
 *
 * @see https://arxiv.org/abs/1706.03762
 * @example
 * const { sum, y } = addLayerNorm(randn([2, 4]), randn([2, 4]), [4]);
 */
export function addLayerNorm(
  x: Tensor,
  residual: Tensor,
  normalizedShape: readonly number[],
  options: AffineOptions = {},
): AddNorm {
  const { weight, bias, eps } = affine('addLayerNorm', x, options);
  return addNorm('addLayerNorm', x, residual, normalizedShape, '*, ', { weight, bias, eps });
}

/**
 * sum = x + residual, y = {@link rmsNorm}(sum).
 *
 * @example
 * const { sum, y } = addRMSNorm(randn([2, 4]), randn([2, 4]), [4]);
 */
export function addRMSNorm(
  x: Tensor,
  residual: Tensor,
  normalizedShape: readonly number[],
  options: RMSNormSettings = {},
): AddNorm {
  const { weight, eps } = optionsOf('addRMSNorm', options, { weight: null, eps: null });
  return addNorm('addRMSNorm', x, residual, normalizedShape, '*', { statistics: 'rms', weight, eps });
}

function addNorm(
  name: string,
  x: Tensor,
  residual: Tensor,
  normalizedShape: readonly number[],
  leading: '*' | '*, ',
  settings: NormSettings,
): AddNorm {
  const { weight = null, bias = null } = settings;
  checkOperands(name, x, residual, weight, bias);
  const pattern = patterns.trailing(normalizedShape.length);
  const form = (shape: readonly number[]) => {
    checkTrailing(shape, normalizedShape, { weight, bias }, leading);
    return layout(pattern, shape);
  };
  if (sameShape(x.shape, residual.shape)) return addNormalize(x, residual, form(x.shape), settings);
  // One of the two is broadcast.
  const sum = add(x, residual);
  return { sum, y: normalizeBy(sum, form(sum.shape), settings).y };
}

const parameters = { weight: null, bias: null, eps: 1e-5 } as const;

function affine(name: string, x: Tensor, options: AffineOptions): Required<AffineOptions> {
  const settings = optionsOf(name, options, parameters);
  checkOperands(name, x, settings.weight, settings.bias);
  return settings;
}

/** Normalizes contiguous rows. */
function runRows(x: Tensor, pattern: string, settings: Normalization<never>) {
  return normalizeBy(x, layout(pattern, x.shape), settings);
}

function run<W extends Wanted = never>(
  x: Tensor,
  pattern: string,
  settings: Normalization<W>,
  sizes: Readonly<Record<string, number>> = {},
) {
  bringStrided();
  return normalizeBy(x, layout(pattern, x.shape, sizes), settings);
}

function axisNames(rank: number): string {
  return Array.from({ length: rank }, (_, axis) => `n${axis}`).join(' ');
}
