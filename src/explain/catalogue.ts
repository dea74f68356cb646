// The layers of PyTorch that may be the same on a shape, and how PyTorch writes a layer.
// May import errors, sizes, plan, tensor and nn.

import {
  BatchNorm1d, BatchNorm2d, BatchNorm3d, FrozenBatchNorm2d, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d,
} from '../nn/batchnorm.js';
import { GroupNorm, LayerNorm, LayerNorm2d, RMSNorm, type NormLayer } from '../nn/norm.js';
import { sameSets } from '../plan.js';
import { divisorsOf } from '../sizes.js';
import { sizeOf } from '../tensor.js';
import { carryOf } from './carry.js';
import { callOf, subjectOf, type Subject } from './subject.js';

/** A layer that shares the same statistics on this shape. */
export interface Equivalent {
  /** `InstanceNorm1d(3)` */
  readonly name: string;
  /** `nn.InstanceNorm1d(3, affine=True)`; affine if the layer that it is equivalent to is. */
  readonly pytorch: string;
  /** Whether the parameters of one serve as the other's as they are; true where neither has any. */
  readonly sameParameters: boolean;
}

/** PyTorch's layers with the subject's statistics over the subject's sets, on its shape; but for itself. */
export function equivalentsOf(subject: Subject): Equivalent[] {
  const { shape } = subject.form;
  if (sizeOf(shape) === 0 || subject.running === 'now') return [];
  const affine = subject.hasWeight || subject.hasBias;
  return candidates(shape).flatMap((layer) => {
    const bare = subjectOf(layer, shape);
    const isSame = bare.statistics === subject.statistics && sameSets(bare.form, subject.form);
    if (!isSame || bare.name === subject.name) return [];
    return {
      name: bare.name,
      pytorch: standardOf(layer, affine),
      sameParameters: !affine || carryOf(bare.affineForm, subject.form).kind === 'same',
    };
  });
}

/** How PyTorch writes a bare layer with all arguments at their defaults, but affine as asked. */
function standardOf(layer: NormLayer, affine: boolean): string {
  const { type, positional, named } = callOf(layer);
  if (layer instanceof LayerNorm2d) return pixelsOf(positional, affine, affine, []);
  const flag = `${named.has('affine') ? 'affine' : 'elementwise_affine'}=${affine ? 'True' : 'False'}`;
  return `nn.${type}(${defaultsOf(type)?.includes(flag) === true ? positional : `${positional}, ${flag}`})`;
}

/** PyTorch has no LayerNorm2d, but what it computes. */
function pixelsOf(channels: string, hasWeight: boolean, hasBias: boolean, eps: readonly string[]): string {
  const options = [`(${channels},)`, ...(hasWeight ? ['weight'] : []), ...(hasBias ? ['bias'] : []), ...eps];
  return `F.layer_norm(x.permute(0, 2, 3, 1), ${options.join(', ')}).permute(0, 3, 1, 2)`;
}

/** How PyTorch writes this layer: its constructor with the arguments that are not the default; null if it has none. */
export function pytorchOf(layer: NormLayer): string | null {
  const { type, positional } = callOf(layer);
  const options = ownOptions(layer).map(([name, value]) => `${name}=${value}`);
  if (layer instanceof LayerNorm2d) {
    const eps = options.filter((option) => option.startsWith('eps='));
    return pixelsOf(positional, layer.weight !== null, layer.bias !== null, eps);
  }
  if (defaultsOf(type) === undefined) return null;
  // A lazy layer takes its number of features from its first input.
  const call = `${type}(${[...(type.startsWith('Lazy') ? [] : [positional]), ...options].join(', ')})`;
  return `${layer instanceof FrozenBatchNorm2d ? 'torchvision.ops' : 'nn'}.${call}`;
}

/** `new LayerNorm(96, { eps: 1e-06 })`: the same here. */
export function evenkeelOf(layer: NormLayer): string {
  const { type, positional } = callOf(layer);
  const values: Readonly<Record<string, string>> = { True: 'true', False: 'false', None: 'null', inf: 'Infinity' };
  const options = ownOptions(layer).map(([name, value]) => `${camelCase(name)}: ${values[value] ?? value}`);
  const given = [
    ...(type.startsWith('Lazy') ? [] : [positional]), ...(options.length === 0 ? [] : [`{ ${options.join(', ')} }`]),
  ];
  return `new ${type}(${given.join(', ')})`;
}

const camelCase = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** The arguments of a layer that are not the default. */
function ownOptions(layer: NormLayer): (readonly [name: string, value: string])[] {
  const { type, named } = callOf(layer);
  const known = defaultsOf(type);
  return [...named].filter(([name, value]) => {
    if (name === 'bias') return value !== 'True' && !isBare(layer);
    return known?.includes(`${name}=${value}`) !== true;
  });
}

const isBare = ({ weight, bias }: NormLayer): boolean => weight === null && bias === null;

/** Arguments that PyTorch's constructors need not be given. */
const defaults: Readonly<Record<string, readonly string[]>> = {
  LayerNorm: ['eps=1e-05', 'elementwise_affine=True'],
  RMSNorm: ['eps=None', 'elementwise_affine=True'],
  GroupNorm: ['eps=1e-05', 'affine=True'],
  BatchNorm: ['eps=1e-05', 'momentum=0.1', 'affine=True', 'track_running_stats=True'],
  InstanceNorm: ['eps=1e-05', 'momentum=0.1', 'affine=False', 'track_running_stats=False'],
  LazyInstanceNorm: ['eps=1e-05', 'momentum=0.1', 'affine=True', 'track_running_stats=True'],
  FrozenBatchNorm: ['eps=1e-05'],
};

function defaultsOf(type: string): readonly string[] | undefined {
  const family = type.replace(/\dd$/, '');
  return defaults[family] ?? defaults[family.replace(/^Lazy/, '')];
}

/** Every layer of the catalogue that takes an input of this shape, bare: some refuse statistics of a single value. */
function candidates(shape: readonly number[]): NormLayer[] {
  const rank = shape.length;
  const size = sizeOf(shape);
  const channels = shape[1] ?? 0;
  const Batch = size === channels ? undefined : [BatchNorm1d, BatchNorm1d, BatchNorm2d, BatchNorm3d][rank - 2];
  const isPoint = sizeOf(shape.slice(2)) === 1;
  const Instance = isPoint ? undefined : [InstanceNorm1d, InstanceNorm2d, InstanceNorm3d][rank - 3];
  const suffixes = shape.map((_, dim) => shape.slice(rank - 1 - dim));
  const groups = divisorsOf(channels).filter((g) => size > g);
  const [bare, own] = [{ elementwiseAffine: false }, { affine: false, trackRunningStats: false }];
  return [
    ...(Batch ? [new Batch(channels, own)] : []),
    ...suffixes.map((suffix) => new LayerNorm(suffix, bare)),
    ...(rank === 4 ? [new LayerNorm2d(channels, bare)] : []),
    ...(Instance ? [new Instance(channels, own)] : []),
    ...groups.map((g) => new GroupNorm(g, channels, { affine: false })),
    ...suffixes.map((suffix) => new RMSNorm(suffix, bare)),
  ];
}
