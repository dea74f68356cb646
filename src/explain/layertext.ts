// layerFrom: PyTorch's own text of a layer, its constructor's call or its repr -> the layer.
// May import errors, tensor, nn and what explain is made of.

import type { KeelError } from '../errors.js';
import {
  BatchNorm1d, BatchNorm2d, BatchNorm3d, FrozenBatchNorm2d, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d,
} from '../nn/batchnorm.js';
import {
  LazyBatchNorm1d, LazyBatchNorm2d, LazyBatchNorm3d, LazyInstanceNorm1d, LazyInstanceNorm2d, LazyInstanceNorm3d,
} from '../nn/lazy.js';
import { GroupNorm, LayerNorm, LayerNorm2d, LocalResponseNorm, RMSNorm, type NormLayer } from '../nn/norm.js';
import { sizeOf } from '../tensor.js';
import { Arguments } from './arguments.js';
import { didYouMean } from './nearest.js';
import { parseCall, textError, type Call } from './python.js';

/**
 * The layer that PyTorch's text describes: a constructor's call, `nn.GroupNorm(3, 6)`, or a module's repr,
 * `LayerNorm((4,), eps=1e-05, elementwise_affine=True)`, also with `(norm1):` or `self.norm1 =` before it. Arguments by
 * place and by name are those of PyTorch's signatures.
 *
 * LayerNorm, RMSNorm, GroupNorm, BatchNorm1d to 3d, InstanceNorm1d to 3d, their lazy forms and LocalResponseNorm of
 * torch.nn; FrozenBatchNorm2d and LayerNorm2d of torchvision; LayerNorm and LayerNorm2d of timm, which take `affine` and
 * have eps 1e-6. `device` is ignored; `dtype` must be torch.float32 where it is given. Nothing is evaluated.
 *
 * @throws KeelError [syntax], [name], [argument], [dtype] with a caret under what is wrong; the errors of the layer's own
 *   constructor.
 * @see https://docs.pytorch.org/docs/stable/nn.html#normalization-layers
 * @example
 * layerFrom('nn.GroupNorm(3, 6)').patternFor([2, 6, 4]).pattern;      // 'b (g [c]) [s...], (g c)'
 * String(layerFrom('torch.nn.LayerNorm([3, 4], eps=1e-6)'));
 * // 'LayerNorm((3, 4), eps=1e-06, elementwise_affine=True, bias=True)'
 */
export function layerFrom(text: string): NormLayer | LocalResponseNorm {
  const call = parseCall(text);
  const { source, type } = sourceOf(call);
  // timm's LayerNorm2d is told by its own names of arguments too.
  const isTimm = source === 'timm' || (type === 'LayerNorm2d' && call.keywords.some(({ name }) => timmNames.includes(name)));
  const signatures = isTimm ? timm : { ...torch, ...torchvision };
  const signature = Object.hasOwn(signatures, type) ? signatures[type] : undefined;
  if (signature === undefined) throw unknownLayer(call, type, Object.keys(signatures));
  const { positional, named, make } = signature;
  return make(new Arguments(type, type.startsWith('Lazy') ? withoutZero(call) : call, positional, named));
}

/** The arguments of a layer of PyTorch, by their names; none for other layers. */
export function argumentsOf(type: string): readonly string[] {
  const signature = Object.hasOwn(torch, type) ? torch[type] : undefined;
  return signature === undefined ? [] : [...signature.positional, ...signature.named];
}

/** Parameters that a text may ask for; a layer of more is no text's to make. */
const MOST_PARAMETERS = 2 ** 24;

interface Signature {
  /** Arguments in PyTorch's order. */
  readonly positional: readonly string[];
  readonly named: readonly string[];
  readonly make: (given: Arguments) => NormLayer | LocalResponseNorm;
}

type RunningLayer = new (
  numFeatures: number,
  options: { eps: number; momentum: number | null; affine: boolean; trackRunningStats: boolean; bias: boolean },
) => NormLayer;

type LazyLayer = new (options: ConstructorParameters<RunningLayer>[1]) => NormLayer;

const running = ['eps', 'momentum', 'affine', 'track_running_stats', 'device', 'dtype'];

const torch: Readonly<Record<string, Signature>> = {
  LayerNorm: {
    positional: ['normalized_shape', 'eps', 'elementwise_affine', 'bias', 'device', 'dtype'],
    named: [],
    make: (given) => new LayerNorm(shapeOf(given), layerOptions(given, 1e-5, 'elementwise_affine')),
  },
  RMSNorm: {
    positional: ['normalized_shape', 'eps', 'elementwise_affine', 'device', 'dtype'],
    named: [],
    make: (given) =>
      new RMSNorm(shapeOf(given), {
        eps: given.numberOrNone('eps', null),
        elementwiseAffine: given.flag('elementwise_affine', true),
      }),
  },
  GroupNorm: {
    positional: ['num_groups', 'num_channels', 'eps', 'affine', 'device', 'dtype'],
    named: ['bias'],
    make: (given) =>
      new GroupNorm(given.count('num_groups'), channelsOf(given, 'num_channels'), {
        eps: given.number('eps', 1e-5),
        affine: given.flag('affine', true),
        bias: given.flag('bias', true),
      }),
  },
  BatchNorm1d: withRunning(BatchNorm1d, true),
  BatchNorm2d: withRunning(BatchNorm2d, true),
  BatchNorm3d: withRunning(BatchNorm3d, true),
  InstanceNorm1d: withRunning(InstanceNorm1d, false),
  InstanceNorm2d: withRunning(InstanceNorm2d, false),
  InstanceNorm3d: withRunning(InstanceNorm3d, false),
  LazyBatchNorm1d: lazy(LazyBatchNorm1d),
  LazyBatchNorm2d: lazy(LazyBatchNorm2d),
  LazyBatchNorm3d: lazy(LazyBatchNorm3d),
  LazyInstanceNorm1d: lazy(LazyInstanceNorm1d),
  LazyInstanceNorm2d: lazy(LazyInstanceNorm2d),
  LazyInstanceNorm3d: lazy(LazyInstanceNorm3d),
  LocalResponseNorm: {
    positional: ['size', 'alpha', 'beta', 'k'],
    named: [],
    make: (given) =>
      new LocalResponseNorm(given.count('size'), {
        alpha: given.number('alpha', 1e-4),
        beta: given.number('beta', 0.75),
        k: given.number('k', 1),
      }),
  },
};

const torchvision: Readonly<Record<string, Signature>> = {
  FrozenBatchNorm2d: {
    positional: ['num_features', 'eps'],
    named: [],
    make: (given) => new FrozenBatchNorm2d(channelsOf(given, 'num_features'), { eps: given.number('eps', 1e-5) }),
  },
  LayerNorm2d: {
    positional: ['normalized_shape', 'eps', 'elementwise_affine', 'bias', 'device', 'dtype'],
    named: [],
    make: (given) => new LayerNorm2d(widthOf(given, 'normalized_shape'), layerOptions(given, 1e-5, 'elementwise_affine')),
  },
};

const timmNames = ['num_channels', 'affine'];

const timm: Readonly<Record<string, Signature>> = {
  LayerNorm: {
    positional: ['num_channels', 'eps', 'affine'],
    named: [],
    make: (given) => new LayerNorm(widthOf(given, 'num_channels'), layerOptions(given, 1e-6, 'affine')),
  },
  LayerNorm2d: {
    positional: ['num_channels', 'eps', 'affine'],
    named: [],
    make: (given) => new LayerNorm2d(widthOf(given, 'num_channels'), layerOptions(given, 1e-6, 'affine')),
  },
};

function layerOptions(given: Arguments, eps: number, affine: string): { eps: number; elementwiseAffine: boolean; bias: boolean } {
  return { eps: given.number('eps', eps), elementwiseAffine: given.flag(affine, true), bias: given.flag('bias', true) };
}

function runningOptions(given: Arguments, on: boolean): ConstructorParameters<RunningLayer>[1] {
  return {
    eps: given.number('eps', 1e-5),
    momentum: given.numberOrNone('momentum', 0.1),
    affine: given.flag('affine', on),
    trackRunningStats: given.flag('track_running_stats', on),
    bias: given.flag('bias', true),
  };
}

function withRunning(Layer: RunningLayer, on: boolean): Signature {
  const make = (given: Arguments) => new Layer(channelsOf(given, 'num_features'), runningOptions(given, on));
  return { positional: ['num_features', ...running], named: ['bias'], make };
}

/** A lazy layer is affine and tracks statistics by default, also where its settled one does not. */
function lazy(Layer: LazyLayer): Signature {
  return { positional: running, named: ['bias'], make: (given) => new Layer(runningOptions(given, true)) };
}

/** The repr of a lazy layer begins with the 0 features that it has. */
function withoutZero(call: Call): Call {
  const [first, ...rest] = call.positional;
  const isRepr = first?.kind === 'number' && first.number === 0 && call.keywords.some(({ name }) => name === 'eps');
  return isRepr ? { ...call, positional: rest } : call;
}

function shapeOf(given: Arguments): number[] {
  const shape = given.shape('normalized_shape');
  checkAmount(given, 'normalized_shape', sizeOf(shape));
  return shape;
}

function channelsOf(given: Arguments, name: string): number {
  const channels = given.count(name);
  checkAmount(given, name, channels);
  return channels;
}

/** A number of channels, also in a list: the repr has it as (96,). */
function widthOf(given: Arguments, name: string): number {
  const [channels = 0, ...more] = given.shape(name);
  if (more.length > 0) throw given.wrongValue('argument', `${name} is one number of channels`, name, 'give one, such as 96');
  checkAmount(given, name, channels);
  return channels;
}

function checkAmount(given: Arguments, name: string, amount: number): void {
  if (amount <= MOST_PARAMETERS) return;
  const message = `${name} asks for ${amount} values of each parameter; a text may ask for at most ${MOST_PARAMETERS}`;
  throw given.wrongValue('size', message, name, 'make the layer by its class');
}

// Which library's layer it is.

const roots: Readonly<Record<string, 'torch' | 'timm'>> = {
  torch: 'torch', nn: 'torch', F: 'torch', torchvision: 'torch', ops: 'torch', misc: 'torch', convnext: 'torch', timm: 'timm',
};

function sourceOf({ text, name: { dotted, at } }: Call): { source: 'torch' | 'timm'; type: string } {
  const words = dotted.split('.');
  const type = words.at(-1) ?? '';
  const [root = ''] = words;
  if (words.length === 1) return { source: 'torch', type };
  const source = Object.hasOwn(roots, root) ? roots[root] : undefined;
  if (source !== undefined) return { source, type };
  throw textError('name', `${root} is not known here`, text, at, 'layers are those of torch.nn, nn, torchvision and timm', { name: dotted });
}

/** Layers that people have, and what to write for them here. */
const others: Readonly<Record<string, string>> = {
  SyncBatchNorm: 'on one device it is BatchNorm1d, 2d or 3d',
  CrossMapLRN2d: 'it is LocalResponseNorm with the same arguments, but for an error of its own at the first channels',
  GroupNorm: "timm's takes num_channels first: write nn.GroupNorm(num_groups, num_channels)",
  layer_norm: 'this is the function: write the layer, nn.LayerNorm(normalized_shape)',
  group_norm: 'this is the function: write the layer, nn.GroupNorm(num_groups, num_channels)',
  batch_norm: 'this is the function: write the layer, such as nn.BatchNorm2d(num_features)',
  instance_norm: 'this is the function: write the layer, such as nn.InstanceNorm2d(num_features)',
  rms_norm: 'this is the function: write the layer, nn.RMSNorm(normalized_shape)',
  BatchNorm: 'say of which rank: BatchNorm1d for (N, C) and (N, C, L), BatchNorm2d for images, BatchNorm3d for volumes',
  InstanceNorm: 'say of which rank: InstanceNorm1d for (N, C, L), InstanceNorm2d for images, InstanceNorm3d for volumes',
};

function unknownLayer({ text, name: { dotted, at } }: Call, type: string, known: readonly string[]): KeelError {
  const other = Object.hasOwn(others, type) ? others[type] : undefined;
  const message = `no layer ${dotted} is known here${other === undefined ? didYouMean(type, known) : ''}`;
  return textError('name', message, text, at, other ?? `choose from ${known.filter((name) => !name.startsWith('Lazy')).join(', ')}`, { name: dotted });
}
