// Convolutions of one to three spatial axes and their transposes. y, dx and dw are one trilinear form read three ways, so
// each is differentiated by the other two. May import errors, kernels, create, tensor, autograd, check, movement, elementwise.

import { record } from '../autograd.js';
import { empty } from '../create.js';
import { KeelError, showShape } from '../errors.js';
import { denseOf } from '../kernels/dense.js';
import type { ConvPart, ConvSizes, Extent } from '../kernels/kernels.js';
import { scope, type Tensor } from '../tensor.js';
import { checkFloats, checkOptions } from './check.js';
import { add } from './elementwise.js';
import { reshape } from './movement.js';

/** One number for every spatial axis, or one for each. */
export type PerAxis = number | readonly number[];

export interface ConvOptions {
  readonly bias?: Tensor | null;
  /** Default 1. */
  readonly stride?: PerAxis;
  /** Zeros on both sides of each spatial axis. Default 0. */
  readonly padding?: PerAxis;
  /** Default 1. */
  readonly dilation?: PerAxis;
  /** Default 1; channels are convolved within groups. */
  readonly groups?: number;
}

export interface ConvTransposeOptions extends ConvOptions {
  /** Added to one side of the output's extent. Default 0. */
  readonly outputPadding?: PerAxis;
}

/**
 * Convolution of (N, C, L) or (C, L) with a weight of (O, C/groups, K).
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv1d.html
 * @example
 * conv1d(ones([1, 1, 4]), ones([1, 1, 2])).toArray(); // [[[2, 2, 2]]]
 */
export function conv1d(x: Tensor, weight: Tensor, options: ConvOptions = {}): Tensor {
  return scope(() => convolve(1, x, weight, options));
}

/**
 * Convolution of (N, C, H, W) or (C, H, W) with a weight of (O, C/groups, Kh, Kw).
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv2d.html
 * @example
 * conv2d(randn([1, 3, 8, 8]), randn([4, 3, 3, 3]), { padding: 1 }).shape; // [1, 4, 8, 8]
 */
export function conv2d(x: Tensor, weight: Tensor, options: ConvOptions = {}): Tensor {
  return scope(() => convolve(2, x, weight, options));
}

/**
 * Convolution of (N, C, D, H, W) or (C, D, H, W) with a weight of (O, C/groups, Kd, Kh, Kw).
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv3d.html
 * @example
 * conv3d(randn([1, 2, 4, 4, 4]), randn([3, 2, 2, 2, 2])).shape; // [1, 3, 3, 3, 3]
 */
export function conv3d(x: Tensor, weight: Tensor, options: ConvOptions = {}): Tensor {
  return scope(() => convolve(3, x, weight, options));
}

/**
 * Transposed convolution of (N, C, L) with a weight of (C, O/groups, K).
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose1d.html
 * @example
 * convTranspose1d(ones([1, 1, 3]), ones([1, 1, 2])).toArray(); // [[[1, 2, 2, 1]]]
 */
export function convTranspose1d(x: Tensor, weight: Tensor, options: ConvTransposeOptions = {}): Tensor {
  return scope(() => convolveTransposed(1, x, weight, options));
}

/**
 * Transposed convolution of (N, C, H, W) with a weight of (C, O/groups, Kh, Kw).
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose2d.html
 * @example
 * convTranspose2d(randn([1, 3, 4, 4]), randn([3, 2, 2, 2]), { stride: 2 }).shape; // [1, 2, 8, 8]
 */
export function convTranspose2d(x: Tensor, weight: Tensor, options: ConvTransposeOptions = {}): Tensor {
  return scope(() => convolveTransposed(2, x, weight, options));
}

/**
 * Transposed convolution of (N, C, D, H, W) with a weight of (C, O/groups, Kd, Kh, Kw).
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose3d.html
 * @example
 * convTranspose3d(randn([1, 2, 2, 2, 2]), randn([2, 3, 2, 2, 2])).shape; // [1, 3, 3, 3, 3]
 */
export function convTranspose3d(x: Tensor, weight: Tensor, options: ConvTransposeOptions = {}): Tensor {
  return scope(() => convolveTransposed(3, x, weight, options));
}

const convOptions = ['bias', 'stride', 'padding', 'dilation', 'groups'];

function convolve(rank: number, x: Tensor, weight: Tensor, options: ConvOptions): Tensor {
  const name = `conv${rank}d`;
  checkOptions(name, options, convOptions);
  const { batched, spatial, groups } = prepare(name, rank, x, weight, options);
  const [batch = 1, inChannels = 1] = batched.shape;
  const [outChannels = 1, perGroup = 1] = weight.shape;
  if (inChannels !== perGroup * groups || outChannels % groups !== 0) {
    throw new KeelError(
      'shape',
      `Given groups=${groups}, weight of size [${weight.shape.join(', ')}], expected input[${x.shape.join(', ')}] to have ` +
        `${perGroup * groups} channels, but got ${inChannels} channels instead` +
        (inChannels === perGroup * groups ? '' : channelsLastHint(x.shape, rank, perGroup * groups)) +
        (outChannels % groups === 0 ? '' : `; out channels ${outChannels} must be divisible by groups ${groups}`),
      { groups, weight: weight.shape, input: x.shape },
    );
  }
  const { input, kernel, stride, padding, dilation } = spatial;
  const reach = each((axis) => input[axis] + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1));
  if (reach.some((extent) => extent < 1)) {
    throw new KeelError(
      'shape',
      `Calculated padded input size per channel: (${each((a) => input[a] + 2 * padding[a]).slice(-rank).join(' x ')}). ` +
        `Kernel size: (${each((a) => dilation[a] * (kernel[a] - 1) + 1).slice(-rank).join(' x ')}). ` +
        "Kernel size can't be greater than actual input size",
      { input: x.shape, weight: weight.shape },
    );
  }
  checkPositions(batched);
  const output = each((axis) => Math.floor((reach[axis] - 1) / stride[axis]) + 1);
  const y = part('y', { ...spatial, batch, groups, inChannels, outChannels, output }, batched, weight, [
    batch,
    outChannels,
    ...output.slice(-rank),
  ]);
  return finish(name, y, x.rank === rank + 1, options.bias ?? null, outChannels, rank);
}

/** What may be meant where the last axis has as many as there should be channels. */
function channelsLastHint(shape: readonly number[], rank: number, channels: number): string {
  if (shape.at(-1) !== channels) return '';
  const [batch, ...positions] = shape.length === rank + 2 ? [[0], 1, 2, 3] : [[], 0, 1, 2];
  const axes = [...batch, shape.length - 1, ...positions.slice(0, rank)];
  return `: the last axis has ${channels}; permute the channels first, x.permute([${axes.join(', ')}])`;
}

function convolveTransposed(rank: number, x: Tensor, weight: Tensor, options: ConvTransposeOptions): Tensor {
  const name = `conv_transpose${rank}d`;
  checkOptions(name, options, [...convOptions, 'outputPadding']);
  const { batched, spatial, groups } = prepare(name, rank, x, weight, options);
  const [batch = 1, channels = 1] = batched.shape;
  const [inChannels = 1, perGroup = 1] = weight.shape;
  if (channels !== inChannels || inChannels % groups !== 0) {
    throw new KeelError(
      'shape',
      `Given transposed=1, weight of size [${weight.shape.join(', ')}], expected input[${x.shape.join(', ')}] to have ` +
        `${inChannels} channels, but got ${channels} channels instead, and groups=${groups} to divide them`,
      { groups, weight: weight.shape, input: x.shape },
    );
  }
  const { input, kernel, stride, padding, dilation } = spatial;
  const extra = extent(`${name}: outputPadding`, options.outputPadding ?? 0, rank, 0, 0);
  if (each((axis) => Math.max(stride[axis], dilation[axis]) - extra[axis]).slice(-rank).some((left) => left <= 0)) {
    throw new KeelError('argument', 'output padding must be smaller than either stride or dilation', {
      outputPadding: extra.slice(-rank),
    });
  }
  const grown = each(
    (axis) => (input[axis] - 1) * stride[axis] - 2 * padding[axis] + dilation[axis] * (kernel[axis] - 1) + extra[axis] + 1,
  );
  checkPositions(batched);
  if (grown.some((size) => size < 1)) {
    const [given, left] = [input, grown].map((sizes) => sizes.slice(-Math.max(2, rank)).join(' x '));
    throw new KeelError(
      'shape',
      `Given input size per channel: (${given}). Calculated output size per channel: (${left}). Output size is too small`,
      { input, output: grown },
    );
  }
  // The transposed convolution is the gradient of a convolution from the larger tensor to x.
  const outChannels = perGroup * groups;
  const sizes: ConvSizes = {
    ...spatial,
    batch,
    groups,
    inChannels: outChannels,
    outChannels: inChannels,
    input: grown,
    output: input,
  };
  const y = part('dx', sizes, batched, weight, [batch, outChannels, ...grown.slice(-rank)]);
  return finish(name, y, x.rank === rank + 1, options.bias ?? null, outChannels, rank);
}

/** One part of the form; its gradients are the other two parts with the upstream gradient in its own place. */
function part(which: ConvPart, sizes: ConvSizes, a: Tensor, b: Tensor, shape: readonly number[]): Tensor {
  const out = empty(shape, a.dtype, a);
  denseOf(out.storage.kernels).conv(which, sizes, a.storage.handle, b.storage.handle, out.storage.handle);
  const needs = [a.requiresGrad, b.requiresGrad];
  record({
    name: 'ConvolutionBackward',
    inputs: [a, b],
    outputs: [out],
    saved: [a, b],
    backward: ([g], [savedA, savedB]) => {
      if (!g) return [];
      const partials = {
        y: [() => part('dx', sizes, g, savedB, savedA.shape), () => part('dw', sizes, savedA, g, savedB.shape)],
        dx: [() => part('y', sizes, g, savedB, savedA.shape), () => part('dw', sizes, g, savedA, savedB.shape)],
        dw: [() => part('dx', sizes, savedB, g, savedA.shape), () => part('y', sizes, savedA, g, savedB.shape)],
      };
      return partials[which].map((partial, i) => (needs[i] === true ? partial() : null));
    },
  });
  return out;
}

function prepare(name: string, rank: number, x: Tensor, weight: Tensor, options: ConvOptions) {
  checkFloats(name, [x, weight, ...(options.bias ? [options.bias] : [])]);
  if (x.rank !== rank + 2 && x.rank !== rank + 1) {
    throw new KeelError(
      'rank',
      `Expected ${rank + 1}D (unbatched) or ${rank + 2}D (batched) input to ${name}, but got input of size: [${x.shape.join(', ')}]`,
      { rank: x.rank, shape: x.shape },
    );
  }
  if (weight.rank !== rank + 2) {
    throw new KeelError('rank', `${name}: expected a weight of ${rank + 2} dimensions, but got ${showShape(weight.shape)}`, {
      weight: weight.shape,
    });
  }
  const groups = options.groups ?? 1;
  if (!Number.isInteger(groups) || groups < 1) {
    throw new KeelError('argument', `${name}: groups must be a positive integer, got ${groups}`, { groups });
  }
  const batched = x.rank === rank + 2 ? x : reshape(x, [1, ...x.shape]);
  const lift = (shape: readonly number[]): Extent => extent(name, shape.slice(2), rank, 0, 1);
  const spatial = {
    input: lift(batched.shape),
    kernel: lift(weight.shape),
    stride: extent(`${name}: stride`, options.stride ?? 1, rank, 1, 1),
    padding: extent(`${name}: padding`, options.padding ?? 0, rank, 0, 0),
    dilation: extent(`${name}: dilation`, options.dilation ?? 1, rank, 1, 1),
  };
  return { batched, spatial, groups };
}

/** A batch or channels may be empty, positions not. */
function checkPositions({ shape }: Tensor): void {
  if (shape.slice(2).every((size) => size > 0)) return;
  throw new KeelError(
    'shape',
    `Only zero batch or zero channel inputs are supported, but got input shape: [${shape.join(', ')}]`,
    { input: shape },
  );
}

function finish(name: string, y: Tensor, unbatched: boolean, bias: Tensor | null, channels: number, rank: number): Tensor {
  if (bias !== null && (bias.rank !== 1 || bias.size !== channels)) {
    throw new KeelError(
      'shape',
      `${name}: expected bias to be 1-dimensional with ${channels} elements, but got bias of size [${bias.shape.join(', ')}]`,
      { bias: bias.shape, channels },
    );
  }
  const shifted = bias === null ? y : add(y, reshape(bias, [channels, ...new Array<number>(rank).fill(1)]));
  return unbatched ? reshape(shifted, shifted.shape.slice(1)) : shifted;
}

/** Depth, height and width from one number or one for each of the last `rank` axes; `rest` stands for those missing. */
function extent(name: string, values: PerAxis, rank: number, least: number, rest: number): Extent {
  const list: readonly number[] = Array.isArray(values) ? values : new Array<PerAxis>(rank).fill(values);
  if (list.length !== rank || list.some((value) => !Number.isInteger(value) || value < least)) {
    throw new KeelError('argument', `${name} takes ${rank} whole numbers from ${least}, got ${list.join(', ')}`, {
      values: list,
      least,
    });
  }
  const full = [...new Array<number>(3 - rank).fill(rest), ...list];
  return each((axis) => full[axis] ?? rest);
}

function each(value: (axis: 0 | 1 | 2) => number): Extent {
  return [value(0), value(1), value(2)];
}
