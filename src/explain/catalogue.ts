// The layers of PyTorch that may be the same on a shape, and how PyTorch writes a layer.
// May import errors, plan, tensor and nn.

import {
  BatchNorm1d, BatchNorm2d, BatchNorm3d, FrozenBatchNorm2d, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d,
} from '../nn/batchnorm.js';
import { GroupNorm, LayerNorm, LayerNorm2d, RMSNorm, type NormLayer } from '../nn/norm.js';
import { sameSets } from '../plan.js';
import { scope, sizeOf } from '../tensor.js';
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
  return scope(() =>
    candidates(shape).flatMap((make) => {
      const bare = subjectOf(make(false), shape);
      const isSame = bare.statistics === subject.statistics && sameSets(bare.form, subject.form);
      if (!isSame || bare.name === subject.name) return [];
      const layer = make(subject.hasWeight || subject.hasBias);
      return {
        name: bare.name,
        pytorch: pytorchOf(layer) ?? '',
        sameParameters: isBare(layer) || carryOf(bare.affineForm, subject.form).kind === 'same',
      };
    }),
  );
}

/** How PyTorch writes this layer: its constructor with the arguments that are not the default; null if it has none. */
export function pytorchOf(layer: NormLayer): string | null {
  const { type, positional, named } = callOf(layer);
  const known = defaults[type.replace(/^Lazy|\dd$/g, '')];
  const isDefault = ([name, value]: readonly [string, string]): boolean => {
    if (name === 'bias') return value === 'True' || isBare(layer);
    return known?.includes(`${name}=${value}`) === true;
  };
  const options = [...named].filter((argument) => !isDefault(argument)).map(([name, value]) => `${name}=${value}`);
  if (layer instanceof LayerNorm2d) {
    const parameters = [layer.weight === null ? '' : ', weight', layer.bias === null ? '' : ', bias'].join('');
    const eps = options.filter((option) => option.startsWith('eps=')).map((option) => `, ${option}`);
    return `F.layer_norm(x.permute(0, 2, 3, 1), (${positional},)${parameters}${eps.join('')}).permute(0, 3, 1, 2)`;
  }
  if (known === undefined) return null;
  // A lazy layer takes its number of features from its first input.
  const call = `${type}(${[...(type.startsWith('Lazy') ? [] : [positional]), ...options].join(', ')})`;
  return `${layer instanceof FrozenBatchNorm2d ? 'torchvision.ops' : 'nn'}.${call}`;
}

const isBare = ({ weight, bias }: NormLayer): boolean => weight === null && bias === null;

/** Arguments that PyTorch's constructors need not be given. */
const defaults: Readonly<Record<string, readonly string[]>> = {
  LayerNorm: ['eps=1e-05', 'elementwise_affine=True'],
  RMSNorm: ['eps=None', 'elementwise_affine=True'],
  GroupNorm: ['eps=1e-05', 'affine=True'],
  BatchNorm: ['eps=1e-05', 'momentum=0.1', 'affine=True', 'track_running_stats=True'],
  InstanceNorm: ['eps=1e-05', 'momentum=0.1', 'affine=False', 'track_running_stats=False'],
  FrozenBatchNorm: ['eps=1e-05'],
};

type Make = (affine: boolean) => NormLayer;

/** Every layer of the catalogue that takes an input of this shape: some refuse statistics of a single value. */
function candidates(shape: readonly number[]): Make[] {
  const rank = shape.length;
  const size = sizeOf(shape);
  const channels = shape[1] ?? 0;
  const Batch = size === channels ? undefined : [BatchNorm1d, BatchNorm1d, BatchNorm2d, BatchNorm3d][rank - 2];
  const isPoint = sizeOf(shape.slice(2)) === 1;
  const Instance = isPoint ? undefined : [InstanceNorm1d, InstanceNorm2d, InstanceNorm3d][rank - 3];
  const suffixes = shape.map((_, dim) => shape.slice(rank - 1 - dim));
  const divisors = Array.from({ length: channels }, (_, i) => i + 1).filter((g) => channels % g === 0);
  return [
    ...(Batch ? [(affine: boolean) => new Batch(channels, { affine })] : []),
    ...suffixes.map((suffix) => (affine: boolean) => new LayerNorm(suffix, { elementwiseAffine: affine })),
    ...(rank === 4 ? [(affine: boolean) => new LayerNorm2d(channels, { elementwiseAffine: affine })] : []),
    ...(Instance ? [(affine: boolean) => new Instance(channels, { affine })] : []),
    ...divisors.filter((g) => size > g).map((g) => (affine: boolean) => new GroupNorm(g, channels, { affine })),
    ...suffixes.map((suffix) => (affine: boolean) => new RMSNorm(suffix, { elementwiseAffine: affine })),
  ];
}
