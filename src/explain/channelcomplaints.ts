// Complaints about the number of channels and of axes: BatchNorm, InstanceNorm, GroupNorm and the layers of images.
// May import complaint and finding.

import { sizesIn, type Complaint, type Origin } from './complaint.js';
import { codeFix, count, layerFix, times, type ErrorFix, type Finding } from './finding.js';

/** The complaints of layers that have channels on axis 1. */
export const channelComplaints: readonly Complaint[] = [
  {
    sentence: /(running_mean|running_var|weight|bias) should contain (\d+) elements not (\d+)/g,
    find: ([vector = '', channels = '', length = ''], origin) => vectorLength(vector, Number(channels), Number(length), origin),
  },
  {
    sentence: /expected input's size at dim=(\d+) to match num_features \((\d+)\), but got: (\d+)/g,
    find: ([dim = '', features = '', got = '']) => featureCount(Number(dim), Number(features), Number(got)),
  },
  {
    sentence: /Expected (\w{1,40}) to be a vector of size equal to the number of channels in input, but got \w{1,40} of shape \[([\d, ]*)\] and input of shape \[([\d, ]*)\]/g,
    find: ([parameter = '', got = '', input = '']) => groupVector(parameter, sizesIn(got), sizesIn(input)),
  },
  {
    sentence: /expected (at least )?(\d)D(?: or (\d)D)? input \(got (\d+)D input\)/g,
    find: ([atLeast = '', first = '', second = '', got = ''], origin) => {
      const allowed = second === '' ? [Number(first)] : [Number(first), Number(second)];
      return axisCount(layerOfRanks(allowed, atLeast !== '', origin), allowed, Number(got));
    },
  },
  {
    sentence: /Expected 3D or higher dimensionality input \(got (\d+) dimensions\)/g,
    find: ([got = '']) => axisCount('LocalResponseNorm', [3], Number(got)),
  },
  {
    sentence: /CrossMapLRN2d: Expected input to be 4D, got (\d+)D instead/g,
    find: ([got = '']) => axisCount('CrossMapLRN2d', [4], Number(got)),
  },
  {
    sentence: /Expected at least 2 dimensions for input tensor but received (\d+)/g,
    find: ([got = '']) => axisCount('GroupNorm', [2], Number(got)),
  },
  {
    sentence: /LayerNorm2d only supports inputs with shape \(N, C, H, W\), but got tensor with shape (?:torch\.Size\()?\[([\d, ]*)\]\)?/g,
    find: ([shape = '']) => pixels(sizesIn(shape)),
  },
];

/** Null where the traceback does not tell. */
function familyOf({ module, op }: Origin): 'BatchNorm' | 'InstanceNorm' | null {
  if (module === 'instancenorm' || op === 'instance_norm') return 'InstanceNorm';
  return module === null && op !== 'batch_norm' ? null : 'BatchNorm';
}

function vectorLength(vector: string, channels: number, length: number, origin: Origin): Finding {
  const layer = familyOf(origin);
  const isInstance = layer === 'InstanceNorm';
  return {
    kind: 'channels',
    layer,
    facts: { vector, channels, length },
    meaning: isInstance
      ? [`InstanceNorm takes each channel of each sample for a channel of its own: the input has ${channels} of them, ${vector} has ${length}, and they do not divide.`]
      : [
        `Axis 1 of the input has ${count(channels, 'channel')}; ${vector} has ${count(length, 'value')}, one for each channel that the layer was made for.`,
      ],
    fixes: [
      ...(isInstance ? [] : [
        layerFix('make the layer for the channels that the input has (1d for (N, C) and (N, C, L), 3d for volumes)', `BatchNorm2d(${channels})`),
      ]),
      codeFix('if the channels are the last axis of images, move them to axis 1', 'x.permute(0, 3, 1, 2)', 'x.permute([0, 3, 1, 2])'),
      codeFix(`if the input is wrong: the layer before this one must give ${isInstance ? 'the channels that this one has' : count(length, 'channel')}`, null, null),
    ],
    explanation: null,
  };
}

function featureCount(dim: number, features: number, got: number): Finding {
  const layout = dim === 0 ? '(C, ...), one sample without a batch' : '(N, C, ...)';
  return {
    kind: 'channels',
    layer: 'InstanceNorm',
    facts: { dim, numFeatures: features, channels: got },
    meaning: [
      `InstanceNorm reads the input as ${layout}: axis ${dim} is the channels. It has ${got}; the layer was made for ${features}.`,
      'Without affine=True, InstanceNorm has nothing that the number of channels must fit.',
    ],
    fixes: [
      layerFix('make the layer for the channels that the input has (1d, 2d or 3d)', `InstanceNorm2d(${got}, affine=True)`),
      ...(dim === 0 ? [codeFix('if axis 0 is the batch, the input lacks an axis: put the channels in', 'x.unsqueeze(1)', 'x.unsqueeze(1)')] : []),
      codeFix('if the channels are the last axis of images, move them to axis 1', 'x.permute(0, 3, 1, 2)', 'x.permute([0, 3, 1, 2])'),
    ],
    explanation: null,
  };
}

function groupVector(parameter: string, got: readonly number[], input: readonly number[]): Finding {
  const [, channels = 0] = input;
  const [length = 0] = got;
  const rank = input.length;
  const isLast = rank > 2 && got.length === 1 && input.at(-1) === length;
  const order = [0, rank - 1, ...input.slice(2).map((_, i) => i + 1)];
  return {
    kind: 'channels',
    layer: 'GroupNorm',
    facts: { parameter, got, input },
    meaning: [
      `GroupNorm has a ${parameter} for each channel, axis 1 of the input: ${channels} of ${times(input)}; the ${parameter} has ${times(got)}.`,
      ...(isLast ? [`The last axis has ${length}: the channels may stand there.`] : []),
    ],
    fixes: [
      ...(isLast ? [codeFix('move the channels to axis 1', `x.permute(${order.join(', ')})`, `x.permute([${order.join(', ')}])`)] : []),
      layerFix('make the layer for the channels that the input has; 1 stands for your number of groups', `GroupNorm(1, ${channels})`, input),
    ],
    explanation: null,
  };
}

const layouts: Readonly<Record<string, string>> = {
  BatchNorm1d: '(N, C) or (N, C, L)',
  BatchNorm2d: '(N, C, H, W)',
  BatchNorm3d: '(N, C, D, H, W)',
  InstanceNorm1d: '(C, L) or (N, C, L)',
  InstanceNorm2d: '(C, H, W) or (N, C, H, W)',
  InstanceNorm3d: '(C, D, H, W) or (N, C, D, H, W)',
  SyncBatchNorm: '(N, C, ...)',
  GroupNorm: '(N, C, ...)',
  LocalResponseNorm: '(N, C, ...) with at least one axis of positions',
  CrossMapLRN2d: '(N, C, H, W)',
};

/** The ranks that are asked for tell the layer, but for BatchNorm1d and InstanceNorm1d: null where the traceback does not. */
function layerOfRanks(allowed: readonly number[], isLeast: boolean, { module }: Origin): string | null {
  if (isLeast) return 'SyncBatchNorm';
  const [first = 0] = allowed;
  if (allowed.length === 1) return `BatchNorm${first - 2}d`;
  if (first !== 2) return `InstanceNorm${first - 1}d`;
  if (module === null) return null;
  return module === 'instancenorm' ? 'InstanceNorm1d' : 'BatchNorm1d';
}

function axisCount(layer: string | null, allowed: readonly number[], got: number): Finding {
  const takes = layer === null
    ? 'BatchNorm1d takes (N, C) or (N, C, L), and InstanceNorm1d (C, L) or (N, C, L)'
    : `${layer} takes ${layouts[layer] ?? ''}`;
  return {
    kind: 'rank',
    layer,
    facts: { allowed, got },
    meaning: [`${takes}; the input has ${count(got, 'axis', 'axes')}.`],
    fixes: axisFixes(layer ?? 'BatchNorm1d', Math.min(...allowed), got),
    explanation: null,
  };
}

function axisFixes(layer: string, least: number, got: number): ErrorFix[] {
  const kind = /^(BatchNorm|InstanceNorm)\dd$/.exec(layer)?.[1];
  const dims = kind === 'InstanceNorm' && got === 2 ? 1 : Math.max(1, got - 2);
  const other = kind !== undefined && got >= 2 && got <= 5 && `${kind}${dims}d` !== layer ? `${kind}${dims}d` : null;
  return [
    ...(got === least - 1 ? [codeFix(lacking(layer), 'x.unsqueeze(0)', 'x.unsqueeze(0)')] : []),
    ...(got === least - 1 && got > 1 ? [codeFix('if the last axis is missing, a single position, put it in', 'x.unsqueeze(-1)', 'x.unsqueeze(-1)')] : []),
    ...(other === null ? [] : [codeFix(`the layer for ${got} axes, ${layouts[other]}`, `nn.${other}(num_features)`, `new ${other}(numFeatures)`)]),
    ...(kind === 'BatchNorm' && got === 3 ? [codeFix('if it is (N, L, C), as transformers have it, LayerNorm takes it as it is', 'nn.LayerNorm(x.shape[-1])', 'new LayerNorm(x.shape.at(-1) ?? 1)')] : []),
    ...(got > 5 ? [codeFix('flatten the positions into one axis', 'x.flatten(2)', 'x.flatten(2)')] : []),
  ];
}

function lacking(layer: string): string {
  return layer.startsWith('InstanceNorm') ? 'if the channels are missing, put an axis of one in' : 'if the batch is missing, put an axis of one sample in';
}

function pixels(shape: readonly number[]): Finding {
  const { length: rank } = shape;
  const width = shape.at(-1) ?? 0;
  return {
    kind: 'rank',
    layer: 'LayerNorm2d',
    facts: { shape, got: rank },
    meaning: [`LayerNorm2d takes (N, C, H, W), 4 axes with the channels on axis 1; the input of ${times(shape)} has ${rank}.`],
    fixes: [
      ...(rank === 3 ? [codeFix('if it is (C, H, W), one image, put the batch in', 'x.unsqueeze(0)', 'x.unsqueeze(0)')] : []),
      ...(rank > 0 ? [layerFix('if the channels are last, LayerNorm takes it as it is', `LayerNorm(${width})`, shape)] : []),
    ],
    explanation: null,
  };
}
