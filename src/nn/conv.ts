// Convolutions and transposed convolutions as layers. May import errors, create, tensor, ops and nn.

import { zeros } from '../create.js';
import { KeelError } from '../errors.js';
import {
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  type ConvTransposeOptions,
  type PerAxis,
} from '../ops/conv.js';
import { put } from '../ops/movement.js';
import { scope, type Tensor } from '../tensor.js';
import { checkCount, checkOperands, optionsOf } from './check.js';
import { initializeLinear } from './init.js';
import { Module, pythonTuple } from './module.js';
import { parameterOf, type Parameter } from './parameter.js';

interface SharedOptions {
  /** Step of the kernel along each axis. Default 1. */
  readonly stride?: PerAxis;
  /** Distance between the kernel's elements. Default 1. */
  readonly dilation?: PerAxis;
  /** Channels are convolved within groups. Default 1. */
  readonly groups?: number;
  /** Learn a shift for each output channel. Default true. */
  readonly bias?: boolean;
  /** What stands outside the input: zeros. */
  readonly paddingMode?: 'zeros';
}

/** Options of {@link Conv1d}, {@link Conv2d} and {@link Conv3d}; sizes are one number, or one for each axis. */
export interface ConvLayerOptions extends SharedOptions {
  /** Zeros on both sides of each axis; `same` keeps the extent, for stride 1; `valid` is 0. Default 0. */
  readonly padding?: PerAxis | 'same' | 'valid';
}

/** Options of {@link ConvTranspose1d}, {@link ConvTranspose2d} and {@link ConvTranspose3d}. */
export interface ConvTransposeLayerOptions extends SharedOptions {
  /** Shortens the output at both ends of each axis. Default 0. */
  readonly padding?: PerAxis;
  /** Lengthens the output at one end of each axis. Default 0. */
  readonly outputPadding?: PerAxis;
}

type Axes = readonly number[];

const shared = { stride: 1, dilation: 1, groups: 1, bias: true, paddingMode: 'zeros' } as const;

/** What all six have: sizes, checked as PyTorch does, and PyTorch's fresh weights. */
abstract class ConvBase extends Module {
  readonly kernelSize: Axes;
  readonly stride: Axes;
  readonly dilation: Axes;
  readonly groups: number;
  readonly paddingMode = 'zeros';
  weight: Parameter;
  bias: Parameter | null;

  constructor(
    rank: number,
    transposed: boolean,
    readonly inChannels: number,
    readonly outChannels: number,
    kernelSize: PerAxis,
    { stride, dilation, groups, bias, paddingMode }: Required<SharedOptions>,
  ) {
    super();
    checkChannels(inChannels, outChannels, groups);
    if (paddingMode !== 'zeros') {
      throw new KeelError('argument', `padding_mode must be 'zeros', but got padding_mode='${String(paddingMode)}'`, {
        paddingMode,
      });
    }
    this.kernelSize = perAxis('kernel_size', kernelSize, rank, 1);
    this.stride = perAxis('stride', stride, rank, 1);
    this.dilation = perAxis('dilation', dilation, rank, 1);
    this.groups = groups;
    const channels = transposed ? [inChannels, outChannels / groups] : [outChannels, inChannels / groups];
    this.weight = parameterOf(zeros([...channels, ...this.kernelSize]));
    this.bias = bias ? parameterOf(zeros([outChannels])) : null;
    initializeLinear(this.weight, this.bias);
  }

  abstract override forward(x: Tensor): Tensor;

  protected describe(padding: Axes | string, outputPadding: Axes): string {
    const { inChannels, outChannels, kernelSize, stride, dilation, groups, bias } = this;
    const unless = (name: string, values: Axes | string, rest: number) => {
      if (typeof values === 'string') return [`${name}=${values}`];
      return values.every((value) => value === rest) ? [] : [`${name}=${pythonTuple(values)}`];
    };
    return [
      `${inChannels}, ${outChannels}, kernel_size=${pythonTuple(kernelSize)}, stride=${pythonTuple(stride)}`,
      ...unless('padding', padding, 0),
      ...unless('dilation', dilation, 1),
      ...unless('output_padding', outputPadding, 0),
      ...(groups === 1 ? [] : [`groups=${groups}`]),
      ...(bias === null ? ['bias=False'] : []),
    ].join(', ');
  }
}

abstract class Conv extends ConvBase {
  readonly padding: Axes | 'same' | 'valid';

  constructor(rank: number, inChannels: number, outChannels: number, kernelSize: PerAxis, options: ConvLayerOptions) {
    const all = optionsOf(new.target.name, options, { ...shared, padding: 0 });
    const padding = checkPadding(all.padding, rank, all.stride);
    super(rank, false, inChannels, outChannels, kernelSize, all);
    this.padding = padding;
  }

  /** The input, with the zeros that only one side gets, and the options of the function. */
  protected prepare(x: Tensor) {
    checkOperands(this.typeName(), x);
    const { bias, stride, dilation, groups, kernelSize } = this;
    const options = { bias, stride, dilation, groups };
    if (this.padding === 'valid') return { x, options };
    if (this.padding !== 'same') return { x, options: { ...options, padding: this.padding } };
    const total = kernelSize.map((extent, axis) => (dilation[axis] ?? 1) * (extent - 1));
    const padding = total.map((extent) => Math.floor(extent / 2));
    return { x: extended(x, total.map((extent) => extent % 2)), options: { ...options, padding } };
  }

  protected override extraRepr(): string {
    return this.describe(this.padding, []);
  }
}

/**
 * Convolution of a sequence: y[o, i] = b[o] + Σ W[o, c, k] · x[c, i·stride − padding + k·dilation].
 *
 * Input (N, inChannels, L) or (inChannels, L), float32 or float64; output (N, outChannels, L′) with
 * L′ = ⌊(L + 2·padding − dilation·(kernelSize − 1) − 1)/stride⌋ + 1. State: `weight` (outChannels, inChannels/groups,
 * kernelSize) and `bias` (outChannels), drawn from ±1/√(inChannels/groups · kernelSize).
 *
 * @throws KeelError [size], [indivisible], [argument] for sizes and options that do not fit; [rank], [shape] for an
 *   input that does not.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv1d.html
 * @example
 * new Conv1d(4, 8, 3, { padding: 'same' }).forward(randn([2, 4, 10])).shape; // [2, 8, 10]
 */
export class Conv1d extends Conv {
  static readonly type: string = 'Conv1d';

  constructor(inChannels: number, outChannels: number, kernelSize: PerAxis, options: ConvLayerOptions = {}) {
    super(1, inChannels, outChannels, kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return scope(() => {
      const { x: input, options } = this.prepare(x);
      return conv1d(input, this.weight, options);
    });
  }
}

/**
 * {@link Conv1d} over images: input (N, inChannels, H, W) or (inChannels, H, W), sizes one number or [height, width].
 *
 * @throws KeelError as {@link Conv1d}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html
 * @example
 * new Conv2d(3, 8, 3, { stride: 2, padding: 1 }).forward(randn([1, 3, 32, 32])).shape; // [1, 8, 16, 16]
 */
export class Conv2d extends Conv {
  static readonly type: string = 'Conv2d';

  constructor(inChannels: number, outChannels: number, kernelSize: PerAxis, options: ConvLayerOptions = {}) {
    super(2, inChannels, outChannels, kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return scope(() => {
      const { x: input, options } = this.prepare(x);
      return conv2d(input, this.weight, options);
    });
  }
}

/**
 * {@link Conv1d} over volumes: input (N, inChannels, D, H, W) or (inChannels, D, H, W).
 *
 * @throws KeelError as {@link Conv1d}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv3d.html
 * @example
 * new Conv3d(1, 2, 3).forward(randn([1, 1, 4, 4, 4])).shape; // [1, 2, 2, 2, 2]
 */
export class Conv3d extends Conv {
  static readonly type: string = 'Conv3d';

  constructor(inChannels: number, outChannels: number, kernelSize: PerAxis, options: ConvLayerOptions = {}) {
    super(3, inChannels, outChannels, kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return scope(() => {
      const { x: input, options } = this.prepare(x);
      return conv3d(input, this.weight, options);
    });
  }
}

abstract class ConvTranspose extends ConvBase {
  readonly padding: Axes;
  readonly outputPadding: Axes;

  constructor(
    rank: number,
    inChannels: number,
    outChannels: number,
    kernelSize: PerAxis,
    options: ConvTransposeLayerOptions,
  ) {
    const all = optionsOf(new.target.name, options, { ...shared, padding: 0, outputPadding: 0 });
    const padding = perAxis('padding', all.padding, rank, 0);
    const outputPadding = perAxis('output_padding', all.outputPadding, rank, 0);
    super(rank, true, inChannels, outChannels, kernelSize, all);
    this.padding = padding;
    this.outputPadding = outputPadding;
  }

  /** The options of the function. */
  protected options(): ConvTransposeOptions {
    const { bias, stride, padding, dilation, groups, outputPadding } = this;
    return { bias, stride, padding, dilation, groups, outputPadding };
  }

  protected override extraRepr(): string {
    return this.describe(this.padding, this.outputPadding);
  }
}

/**
 * The gradient of {@link Conv1d} with respect to its input, as a layer: it spreads each element over the kernel.
 *
 * Input (N, inChannels, L) or (inChannels, L), float32 or float64; output (N, outChannels, L′) with
 * L′ = (L − 1)·stride − 2·padding + dilation·(kernelSize − 1) + outputPadding + 1. State: `weight` (inChannels,
 * outChannels/groups, kernelSize) and `bias` (outChannels), drawn from ±1/√(outChannels/groups · kernelSize).
 *
 * @throws KeelError [size], [indivisible], [argument] for sizes and options that do not fit; [rank], [shape] for an
 *   input that does not.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose1d.html
 * @example
 * new ConvTranspose1d(4, 2, 3, { stride: 2 }).forward(randn([1, 4, 5])).shape; // [1, 2, 11]
 */
export class ConvTranspose1d extends ConvTranspose {
  static readonly type: string = 'ConvTranspose1d';

  constructor(inChannels: number, outChannels: number, kernelSize: PerAxis, options: ConvTransposeLayerOptions = {}) {
    super(1, inChannels, outChannels, kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return scope(() => convTranspose1d(x, this.weight, this.options()));
  }
}

/**
 * {@link ConvTranspose1d} over images: input (N, inChannels, H, W) or (inChannels, H, W).
 *
 * @throws KeelError as {@link ConvTranspose1d}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html
 * @example
 * new ConvTranspose2d(8, 3, 2, { stride: 2 }).forward(randn([1, 8, 4, 4])).shape; // [1, 3, 8, 8]
 */
export class ConvTranspose2d extends ConvTranspose {
  static readonly type: string = 'ConvTranspose2d';

  constructor(inChannels: number, outChannels: number, kernelSize: PerAxis, options: ConvTransposeLayerOptions = {}) {
    super(2, inChannels, outChannels, kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return scope(() => convTranspose2d(x, this.weight, this.options()));
  }
}

/**
 * {@link ConvTranspose1d} over volumes: input (N, inChannels, D, H, W) or (inChannels, D, H, W).
 *
 * @throws KeelError as {@link ConvTranspose1d}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose3d.html
 * @example
 * new ConvTranspose3d(2, 1, 2).forward(randn([1, 2, 3, 3, 3])).shape; // [1, 1, 4, 4, 4]
 */
export class ConvTranspose3d extends ConvTranspose {
  static readonly type: string = 'ConvTranspose3d';

  constructor(inChannels: number, outChannels: number, kernelSize: PerAxis, options: ConvTransposeLayerOptions = {}) {
    super(3, inChannels, outChannels, kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return scope(() => convTranspose3d(x, this.weight, this.options()));
  }
}

function checkChannels(inChannels: number, outChannels: number, groups: number): void {
  if (!Number.isInteger(groups) || groups < 1) {
    throw new KeelError('argument', `groups must be a positive integer, got ${groups}`, { groups });
  }
  for (const [name, channels] of [['in_channels', inChannels], ['out_channels', outChannels]] as const) {
    checkCount(name, channels, 0);
    if (channels % groups === 0) continue;
    throw new KeelError('indivisible', `${name} must be divisible by groups: ${channels} by ${groups}`, {
      [name]: channels,
      groups,
    });
  }
}

function checkPadding(padding: PerAxis | string, rank: number, stride: PerAxis): Axes | 'same' | 'valid' {
  if (padding === 'valid') return padding;
  if (padding === 'same') {
    if (perAxis('stride', stride, rank, 1).every((step) => step === 1)) return padding;
    throw new KeelError('argument', "padding='same' is not supported for strided convolutions", { stride });
  }
  if (typeof padding !== 'string') return perAxis('padding', padding, rank, 0);
  throw new KeelError('argument', `Invalid padding string '${padding}', should be one of 'same', 'valid'`, { padding });
}

/** One number for each spatial axis. */
function perAxis(name: string, values: PerAxis, rank: number, least: number): Axes {
  const list = typeof values === 'number' ? new Array<number>(rank).fill(values) : values;
  const isCount = (value: unknown) => Number.isInteger(value) && Number(value) >= least;
  if (Array.isArray(list) && list.length === rank && list.every(isCount)) return list;
  const got = String(values).replaceAll(',', ', ');
  throw new KeelError('argument', `${name} takes ${rank} whole numbers from ${least}, got ${got}`, { [name]: list, least });
}

/** x with zeros behind the last elements of its spatial axes. */
function extended(x: Tensor, by: Axes): Tensor {
  const leading = x.rank - by.length;
  if (leading < 0 || by.every((extra) => extra === 0)) return x;
  const shape = x.shape.map((extent, axis) => extent + (by[axis - leading] ?? 0));
  return put(x, shape, { start: shape.map(() => 0), step: shape.map(() => 1), shape: x.shape });
}
