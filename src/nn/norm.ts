// Layers without running statistics: a pattern and its parameter shapes each.
// May import errors, sizes, create, tensor and nn.

import { ones, zeros } from '../create.js';
import { KeelError } from '../errors.js';
import type { Statistics } from '../kernels/kernels.js';
import { divisorsOf } from '../sizes.js';
import type { Tensor } from '../tensor.js';
import {
  checkCount,
  checkGroupCount,
  checkGroups,
  checkNumber,
  checkOperands,
  checkPixels,
  checkTrailing,
  optionsOf,
  pythonNumber,
} from './check.js';
import { groupNorm, layerNorm, layerNorm2d, localResponseNorm, patterns, rmsNorm } from './functional.js';
import { Module, pythonBool, pythonTuple } from './module.js';
import { parameterOf, type Parameter } from './parameter.js';

/** A layer as {@link norm} sees it: pass the pattern and the sizes on, and the same computation runs. */
export interface LayerPattern {
  readonly pattern: string;
  readonly sizes: Readonly<Record<string, number>>;
  readonly statistics: Statistics;
  /** Whether running statistics take the place of the input's: never, in evaluation only, or as the layer is now. */
  readonly running: 'never' | 'eval' | 'now';
}

/**
 * Base of the layers that share statistics: each is a pattern on the shape of its input.
 *
 * @example
 * new GroupNorm(3, 6) instanceof NormLayer; // true
 */
export abstract class NormLayer extends Module {
  abstract readonly eps: number | null;
  abstract readonly weight: Tensor | null;
  abstract readonly bias: Tensor | null;

  abstract override forward(x: Tensor): Tensor;

  /**
   * The pattern that this layer is on an input of this shape, with the input's statistics where it has running ones.
   *
   * @throws KeelError for a shape that the layer does not take.
   */
  abstract patternFor(shape: readonly number[]): LayerPattern;
}

/** Options of {@link LayerNorm} and {@link LayerNorm2d}. */
export interface LayerNormOptions {
  /** Default 1e-5. */
  readonly eps?: number;
  /** Learn a scale, and a shift unless `bias` is false. Default true. */
  readonly elementwiseAffine?: boolean;
  /** Default true. */
  readonly bias?: boolean;
}

/**
 * y = (x − E[x]) / √(Var[x] + eps) · γ + β over the trailing axes, with the biased variance; the same in training and
 * evaluation, and for every sample alone.
 *
 * Input (*, ...normalizedShape), float32 or float64. State: `weight` γ = 1 and `bias` β = 0, both of normalizedShape.
 *
 * @throws KeelError [shape] where the input does not end in normalizedShape; [size] for extents that are no counts.
 * @see https://arxiv.org/abs/1607.06450
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html
 * @example
 * new LayerNorm(768).forward(randn([2, 16, 768]));      // one mean for each of 32 tokens
 * new LayerNorm([3, 4, 4]).forward(randn([2, 3, 4, 4])); // one mean for each image
 */
export class LayerNorm extends NormLayer {
  static readonly type: string = 'LayerNorm';

  readonly normalizedShape: readonly number[];
  readonly eps: number;
  readonly elementwiseAffine: boolean;
  weight: Parameter | null;
  bias: Parameter | null;

  constructor(normalizedShape: number | readonly number[], options: LayerNormOptions = {}) {
    super();
    const { eps, elementwiseAffine, bias } = optionsOf(new.target.name, options, {
      eps: 1e-5,
      elementwiseAffine: true,
      bias: true,
    });
    this.normalizedShape = extents(normalizedShape);
    this.eps = eps;
    this.elementwiseAffine = elementwiseAffine;
    checkNumber('eps', eps);
    this.weight = elementwiseAffine ? parameterOf(ones(this.normalizedShape)) : null;
    this.bias = elementwiseAffine && bias ? parameterOf(zeros(this.normalizedShape)) : null;
  }

  forward(x: Tensor): Tensor {
    const { normalizedShape, weight, bias, eps } = this;
    return layerNorm(x, normalizedShape, { weight, bias, eps });
  }

  patternFor(shape: readonly number[]): LayerPattern {
    checkTrailing(shape, this.normalizedShape, { weight: this.weight, bias: this.bias }, '*, ');
    return { pattern: patterns.trailing(this.normalizedShape.length), sizes: {}, statistics: 'moments', running: 'never' };
  }

  protected override extraRepr(): string {
    const { eps, elementwiseAffine, bias } = this;
    return (
      `${pythonTuple(this.normalizedShape)}, eps=${pythonNumber(eps)}, elementwise_affine=${pythonBool(elementwiseAffine)}, ` +
      `bias=${pythonBool(bias !== null)}`
    );
  }
}

/**
 * {@link LayerNorm} over the channels of each pixel of (N, C, H, W), channels first; nothing is permuted. One mean for
 * each of N·H·W pixels; ConvNeXt uses it with eps 1e-6.
 *
 * State: `weight` and `bias` (C), as in torchvision, timm and facebookresearch.
 *
 * @throws KeelError [rank] unless the input is 4-D; [shape] for another number of channels.
 * @see https://arxiv.org/abs/2201.03545
 * @example
 * new LayerNorm2d(96, { eps: 1e-6 }).forward(randn([1, 96, 8, 8]));
 */
export class LayerNorm2d extends LayerNorm {
  static override readonly type: string = 'LayerNorm2d';

  constructor(numChannels: number, options: LayerNormOptions = {}) {
    super(numChannels, options);
  }

  override forward(x: Tensor): Tensor {
    checkOperands('LayerNorm2d', x);
    checkPixels(x.shape, this.normalizedShape);
    const { weight, bias, eps } = this;
    return layerNorm2d(x, { weight, bias, eps });
  }

  override patternFor(shape: readonly number[]): LayerPattern {
    checkPixels(shape, this.normalizedShape);
    return { pattern: patterns.pixels, sizes: {}, statistics: 'moments', running: 'never' };
  }
}

/** Options of {@link RMSNorm}. */
export interface RMSNormOptions {
  /** Default null: the machine epsilon of the input's dtype, 2⁻²³ or 2⁻⁵². */
  readonly eps?: number | null;
  /** Learn a scale. Default true. */
  readonly elementwiseAffine?: boolean;
}

/**
 * y = x / √(E[x²] + eps) · γ over the trailing axes; no mean is taken off and no shift added.
 *
 * Input (*, ...normalizedShape), float32 or float64. State: `weight` γ = 1 of normalizedShape.
 *
 * @throws KeelError [shape] where the input does not end in normalizedShape.
 * @see https://arxiv.org/abs/1910.07467
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.RMSNorm.html
 * @example
 * new RMSNorm(64, { eps: 1e-6 }).forward(randn([2, 10, 64]));
 */
export class RMSNorm extends NormLayer {
  static readonly type: string = 'RMSNorm';

  readonly normalizedShape: readonly number[];
  readonly eps: number | null;
  readonly elementwiseAffine: boolean;
  weight: Parameter | null;
  readonly bias = null;

  constructor(normalizedShape: number | readonly number[], options: RMSNormOptions = {}) {
    super();
    const { eps, elementwiseAffine } = optionsOf(new.target.name, options, { eps: null, elementwiseAffine: true });
    this.normalizedShape = extents(normalizedShape);
    this.eps = eps;
    this.elementwiseAffine = elementwiseAffine;
    if (eps !== null) checkNumber('eps', eps);
    this.weight = elementwiseAffine ? parameterOf(ones(this.normalizedShape)) : null;
  }

  forward(x: Tensor): Tensor {
    const { normalizedShape, weight, eps } = this;
    return rmsNorm(x, normalizedShape, { weight, eps });
  }

  patternFor(shape: readonly number[]): LayerPattern {
    checkTrailing(shape, this.normalizedShape, { weight: this.weight, bias: null }, '*');
    return { pattern: patterns.trailing(this.normalizedShape.length), sizes: {}, statistics: 'rms', running: 'never' };
  }

  protected override extraRepr(): string {
    const eps = this.eps === null ? 'None' : pythonNumber(this.eps);
    return `${pythonTuple(this.normalizedShape)}, eps=${eps}, elementwise_affine=${pythonBool(this.elementwiseAffine)}`;
  }
}

/** Options of {@link GroupNorm}. */
export interface GroupNormOptions {
  /** Default 1e-5. */
  readonly eps?: number;
  /** Learn a scale for each channel, and a shift unless `bias` is false. Default true. */
  readonly affine?: boolean;
  /** Default true. */
  readonly bias?: boolean;
}

/**
 * The channels of each sample in `numGroups` groups of neighbours, each group normalized over its channels and all
 * positions. One group: the statistics of LayerNorm([C, ...]); C groups: those of InstanceNorm.
 *
 * Input (N, C, *), float32 or float64. State: `weight` and `bias` (C), one value for each channel.
 *
 * @throws KeelError [indivisible] where numGroups does not divide numChannels; [rank], [shape], [too_few_values].
 * @see https://arxiv.org/abs/1803.08494
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.GroupNorm.html
 * @example
 * new GroupNorm(3, 6).forward(randn([2, 6, 4, 4]));
 */
export class GroupNorm extends NormLayer {
  static readonly type: string = 'GroupNorm';

  readonly numGroups: number;
  readonly numChannels: number;
  readonly eps: number;
  readonly affine: boolean;
  weight: Parameter | null;
  bias: Parameter | null;

  constructor(numGroups: number, numChannels: number, options: GroupNormOptions = {}) {
    super();
    const { eps, affine, bias } = optionsOf(new.target.name, options, { eps: 1e-5, affine: true, bias: true });
    checkGroupCount(numGroups);
    checkCount('num_channels', numChannels, 0);
    checkNumber('eps', eps);
    if (numChannels % numGroups !== 0) {
      throw new KeelError(
        'indivisible',
        `num_channels (${numChannels}) must be divisible by num_groups (${numGroups}): choose from ` +
          showDivisors(numChannels),
        { numChannels, numGroups },
      );
    }
    this.numGroups = numGroups;
    this.numChannels = numChannels;
    this.eps = eps;
    this.affine = affine;
    this.weight = affine ? parameterOf(ones([numChannels])) : null;
    this.bias = affine && bias ? parameterOf(zeros([numChannels])) : null;
  }

  forward(x: Tensor): Tensor {
    const { numGroups, weight, bias, eps } = this;
    return groupNorm(x, numGroups, { weight, bias, eps });
  }

  patternFor(shape: readonly number[]): LayerPattern {
    checkGroups(shape, this.numGroups, { weight: this.weight, bias: this.bias });
    return { pattern: patterns.groups, sizes: { g: this.numGroups }, statistics: 'moments', running: 'never' };
  }

  protected override extraRepr(): string {
    const { numGroups, numChannels, eps, affine, bias } = this;
    return (
      `${numGroups}, ${numChannels}, eps=${pythonNumber(eps)}, affine=${pythonBool(affine)}, ` +
      `bias=${pythonBool(bias !== null)}`
    );
  }
}

/** The numbers of the formula of {@link LocalResponseNorm}. */
export interface LocalResponseNormOptions {
  /** Default 1e-4. */
  readonly alpha?: number;
  /** Default 0.75. */
  readonly beta?: number;
  /** Default 1. */
  readonly k?: number;
}

/**
 * y_c = x_c · (k + alpha/size · Σ x_j²)^(−beta) over the `size` channels around c: ⌊size/2⌋ below, ⌊(size − 1)/2⌋ above.
 *
 * Input (N, C, *), rank 3 or more. No state.
 *
 * @throws KeelError [rank] for an input of fewer axes; [size] for a size below 1.
 * @see https://papers.nips.cc/paper/4824
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LocalResponseNorm.html
 * @example
 * new LocalResponseNorm(5).forward(randn([2, 8, 4, 4]));
 */
export class LocalResponseNorm extends Module {
  static readonly type: string = 'LocalResponseNorm';

  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;

  constructor(size: number, options: LocalResponseNormOptions = {}) {
    super();
    const { alpha, beta, k } = optionsOf(new.target.name, options, { alpha: 1e-4, beta: 0.75, k: 1 });
    checkCount('size', size, 1);
    for (const [name, value] of Object.entries({ alpha, beta, k })) checkNumber(name, value);
    this.size = size;
    this.alpha = alpha;
    this.beta = beta;
    this.k = k;
  }

  forward(x: Tensor): Tensor {
    const { size, alpha, beta, k } = this;
    return localResponseNorm(x, size, { alpha, beta, k });
  }

  protected override extraRepr(): string {
    const { size, alpha, beta, k } = this;
    // Python's default is the float 1.0; other whole numbers print as they are usually written.
    return `${size}, alpha=${pythonNumber(alpha)}, beta=${pythonNumber(beta)}, k=${k === 1 ? '1.0' : pythonNumber(k)}`;
  }
}

function extents(normalizedShape: number | readonly number[]): readonly number[] {
  const shape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape;
  if (!Array.isArray(shape)) {
    const message = `normalizedShape is a count or a list of extents, got ${String(shape)}`;
    throw new KeelError('argument', message, { normalizedShape });
  }
  for (const extent of shape) checkCount('normalized_shape', extent, 0);
  return [...shape];
}

function showDivisors(n: number): string {
  const all = divisorsOf(n);
  return all.length > 20 ? `${all.slice(0, 20).join(', ')}, ...` : all.join(', ');
}
