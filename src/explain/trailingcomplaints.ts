// Complaints of LayerNorm and RMSNorm: an input that does not end in normalized_shape, parameters of another shape.
// May import complaint and finding.

import { sizesIn, type Complaint, type Origin } from './complaint.js';
import { codeFix, count, explanationOf, extent, layerFix, movedLast, times, type ErrorFix, type Finding } from './finding.js';

/** The complaints of layers that normalize trailing axes. */
export const trailingComplaints: readonly Complaint[] = [
  {
    sentence: /Given normalized_shape=\[([\d, ]*)\], expected input with shape \[(\*, |\*|N, )[^\]]{0,200}\], but got input of size ?\[([\d, ]*)\]/g,
    find: ([normalized = '', any, input = '']) => {
      if (any === 'N, ') return pixelChannels(sizesIn(normalized), sizesIn(input));
      return trailing(any === '*' ? 'RMSNorm' : 'LayerNorm', sizesIn(normalized), sizesIn(input));
    },
  },
  {
    sentence: /Expected (\w{1,40}) to be of same shape as normalized_shape, but got \w{1,40} of shape \[([\d, ]*)\] and normalized_shape = \[([\d, ]*)\]/g,
    find: ([parameter = '', got = '', normalized = ''], origin) =>
      parameterShape(layerOf(origin), parameter, sizesIn(got), sizesIn(normalized)),
  },
  {
    sentence: /Expected normalized_shape to be at least 1-dimensional, i\.e\., containing at least one element, but got normalized_shape = \[\]/g,
    find: (_, origin) => ({
      kind: 'normalized_shape',
      layer: null,
      facts: { normalizedShape: [] },
      meaning: ['normalized_shape names the trailing axes that share a mean; it is empty, so that there are none.'],
      fixes: [
        codeFix('name the size of the last axis', `nn.${layerOf(origin)}(x.shape[-1])`, `new ${layerOf(origin)}(x.shape.at(-1) ?? 1)`),
        codeFix('or all axes but the first', `nn.${layerOf(origin)}(x.shape[1:])`, `new ${layerOf(origin)}(x.shape.slice(1))`),
      ],
      explanation: null,
    }),
  },
  {
    sentence: /(layer|rms)_norm\(\): argument 'normalized_shape' \(position (\d)\) must be tuple of ints, (?:not|but found element of type) (\w{1,40})(?: at pos (\d{1,3}))?/g,
    find: ([op = '', position = '', type = '', at = '']) => ({
      kind: 'argument',
      layer: `F.${op}_norm`,
      facts: { position: Number(position), type, ...(at === '' ? {} : { at: Number(at) }) },
      meaning: [
        at === ''
          ? `The function takes normalized_shape as a list of whole numbers, also where it is one; it was given a value of type ${type}. The layer takes a number too.`
          : `normalized_shape is a list of whole numbers; its element ${at} is of type ${type}. In Python / gives a float, and // a whole number.`,
      ],
      fixes: [codeFix('name the size of the last axis', `F.${op}_norm(x, x.shape[-1:])`, `${op === 'rms' ? 'rmsNorm' : 'layerNorm'}(x, x.shape.slice(-1))`)],
      explanation: null,
    }),
  },
  {
    sentence: /Input tensor must have at least (\d+) dimensions, but got (\d+)/g,
    find: ([least = '', got = '']) => ({
      kind: 'normalized_shape',
      layer: 'RMSNorm',
      facts: { least: Number(least), got: Number(got) },
      meaning: [`normalized_shape has ${count(Number(least), 'extent')}, one for each trailing axis; the input has ${count(Number(got), 'axis', 'axes')}.`],
      fixes: [codeFix('name no more axes than the input has', `nn.RMSNorm(x.shape[-${got}:])`, `new RMSNorm(x.shape.slice(-${got}))`)],
      explanation: null,
    }),
  },
];

function trailing(layer: 'LayerNorm' | 'RMSNorm', normalizedShape: readonly number[], input: readonly number[]): Finding {
  const rank = normalizedShape.length;
  const name = `${layer}(${extent(normalizedShape)})`;
  const tail = input.slice(-rank);
  const last = rank === 1 ? 'the last axis' : `the last ${rank} axes`;
  const ends = input.length < rank ? `has ${count(input.length, 'axis', 'axes')} only` : `ends in ${times(tail)}`;
  const [width = 0] = normalizedShape;
  const axis = rank === 1 ? input.indexOf(width) : -1;
  const flat = flattened(width, rank, input);
  return {
    kind: 'normalized_shape',
    layer: name,
    facts: { normalizedShape, input },
    meaning: [
      `${name} normalizes ${last} of its input, of size ${times(normalizedShape)}; this input of ${times(input)} ${ends}.`,
      ...(axis === 1 && input.length > 2 ? [`${width} is the size of axis 1: the channels of (N, C, ...), which stand before the positions.`] : []),
      ...(axis >= 0 && (axis !== 1 || input.length === 2) ? [`${width} is the size of axis ${axis}, which is not the last one.`] : []),
      ...(flat > 0 ? [`${width} is ${times(input.slice(-flat))}: all of the last ${flat} axes.`] : []),
      ...(axis < 0 && isReordered(tail, normalizedShape) ? ['The axes are there, in another order.'] : []),
    ],
    fixes: [
      ...(axis < 0 ? [] : channelFixes(layer, axis, input)),
      ...(flat === 0 ? [] : [codeFix(`flatten the last ${flat} axes first`, `x.flatten(-${flat})`, `x.flatten(-${flat})`)]),
      ...ownWidths(layer, rank, input),
    ],
    explanation: null,
  };
}

/** How many of the last axes together have the width; 0: none do. */
function flattened(width: number, rank: number, input: readonly number[]): number {
  if (rank !== 1) return 0;
  const sizes = input.map((_, i) => input.slice(-1 - i).reduce((a, b) => a * b, 1));
  const found = sizes.findIndex((size, i) => i > 0 && size === width && !input.slice(-1 - i).includes(width));
  return found < 1 ? 0 : found + 1;
}

function isReordered(a: readonly number[], b: readonly number[]): boolean {
  return sorted(a) === sorted(b);
}

const sorted = (sizes: readonly number[]): string => sizes.toSorted((x, y) => x - y).join();

/** The width stands elsewhere: layers for axis 1, or that axis moved last. */
function channelFixes(layer: 'LayerNorm' | 'RMSNorm', axis: number, input: readonly number[]): ErrorFix[] {
  const width = input[axis] ?? 0;
  const { there, back } = movedLast(input.length, axis);
  const moved = layerFix(`move axis ${axis} last, and back after it`, `${layer}(${width})`, there.map((i) => input[i] ?? 0));
  const call = { pytorch: `norm(x.permute(${there.join(', ')})).permute(${back.join(', ')})`, evenkeel: `norm.forward(x.permute([${there.join(', ')}])).permute([${back.join(', ')}])` };
  const isImage = layer === 'LayerNorm' && axis === 1;
  return [
    ...(isImage && input.length === 4 ? [layerFix('for each pixel over its channels, as ConvNeXt does', `LayerNorm2d(${width})`, input)] : []),
    ...(isImage && input.length > 2 ? [layerFix('for each sample over all of it, with a weight for each channel', `GroupNorm(1, ${width})`, input)] : []),
    { ...moved, ...call },
  ];
}

/** The layer that takes this input as it is. */
function ownWidths(layer: 'LayerNorm' | 'RMSNorm', rank: number, input: readonly number[]): ErrorFix[] {
  if (input.length === 0) return [];
  const own = input.slice(-rank);
  const text = own.length === 1 ? 'if the last axis is meant' : `if the last ${own.length} axes are meant`;
  const sample = input.slice(1);
  const isWhole = input.length > 2 && own.length !== sample.length;
  return [
    layerFix(text, `${layer}(${extent(own)})`, input),
    ...(isWhole ? [layerFix('if each sample is meant as a whole, of this size only', `${layer}(${extent(sample)})`, input)] : []),
  ];
}

/** LayerNorm2d on another number of channels: PyTorch has no such words, this library has. */
function pixelChannels(normalizedShape: readonly number[], input: readonly number[]): Finding {
  const [, channels = 0] = input;
  return {
    kind: 'channels',
    layer: `LayerNorm2d(${extent(normalizedShape)})`,
    facts: { normalizedShape, input },
    meaning: [`LayerNorm2d(${extent(normalizedShape)}) wants that many channels on axis 1; this input of ${times(input)} has ${channels}.`],
    fixes: [layerFix('make it for as many channels as the input has', `LayerNorm2d(${channels})`, input)],
    explanation: null,
  };
}

/** Both say the same of their parameters; LayerNorm where the traceback does not tell. */
function layerOf({ op }: Origin): 'LayerNorm' | 'RMSNorm' {
  return op === 'rms_norm' ? 'RMSNorm' : 'LayerNorm';
}

function parameterShape(
  layer: 'LayerNorm' | 'RMSNorm', parameter: string, got: readonly number[], normalizedShape: readonly number[],
): Finding {
  const [channels = 0] = normalizedShape;
  const isByChannel = normalizedShape.length > 1 && got.length === 1 && got[0] === channels;
  // GroupNorm has no root mean square.
  const isGrouped = isByChannel && layer === 'LayerNorm';
  const isTail = got.length > 0 && got.length < normalizedShape.length && got.join() === normalizedShape.slice(-got.length).join();
  const ones = [channels, ...normalizedShape.slice(1).map(() => 1)];
  const calls = `.reshape(${ones.join(', ')}).expand(${normalizedShape.join(', ')})`;
  const listed = `.reshape([${ones.join(', ')}]).expand([${normalizedShape.join(', ')}])`;
  const sample = [1, ...normalizedShape];
  return {
    kind: 'parameter_shape',
    layer: `${layer}(${extent(normalizedShape)})`,
    facts: { parameter, got, normalizedShape },
    meaning: [
      `A layer over ${times(normalizedShape)} has a ${parameter} for each of these elements; here the ${parameter} has ${times(got)}.`,
      ...(isGrouped ? [`One value for each of ${channels} channels is what GroupNorm has; on (N, ${normalizedShape.join(', ')}) GroupNorm(1, ${channels}) takes the same means.`] : []),
    ],
    fixes: [
      ...(isGrouped ? [layerFix(`GroupNorm takes this ${parameter} as it is`, `GroupNorm(1, ${channels})`, sample)] : []),
      ...(isByChannel ? [
        codeFix(`repeat each channel's value for its positions`, `${parameter}${calls}`, `${parameter}${listed}`),
      ] : []),
      ...(isTail ? [layerFix(`if ${times(got)} is what is normalized`, `${layer}(${extent(got)})`, sample)] : []),
      layerFix(`keep the layer, and give a ${parameter} of ${times(normalizedShape)}`, `${layer}(${extent(normalizedShape)})`, sample),
    ],
    explanation: explanationOf(`nn.${layer}(${extent(normalizedShape)})`, sample),
  };
}
