// Complaints about what a layer is given to compute with: too few values, groups, dtypes, eps and other arguments.
// May import sizes, complaint and finding.

import { divisorsOf } from '../sizes.js';
import { sizesIn, type Complaint, type Origin } from './complaint.js';
import { codeFix, count, explanationOf, layerFix, times, type ErrorFix, type ErrorKind, type Fact, type Finding } from './finding.js';

/** The complaints that are not about axes. */
export const valueComplaints: readonly Complaint[] = [
  {
    sentence: /Expected more than 1 (value per channel|spatial element) when training, got input size (torch\.Size\()?\[([\d, ]*)\]\)?/g,
    find: ([what = '', size = '', shape = ''], origin) => {
      if (what === 'spatial element') return onePosition(sizesIn(shape));
      return size === '' ? oneValueGroups(sizesIn(shape)) : oneSample(sizesIn(shape), origin);
    },
  },
  {
    sentence: /Expected number of channels in input to be divisible by num_groups, but got input of shape \[([\d, ]*)\] and num_groups=(\d+)/g,
    find: ([shape = '', groups = '']) => {
      const input = sizesIn(shape);
      return undivided(input[1] ?? 0, Number(groups), input);
    },
  },
  {
    sentence: /num_channels \((\d+)\) must be divisible by num_groups \((\d+)\)/g,
    find: ([channels = '', groups = '']) => undivided(Number(channels), Number(groups), null),
  },
  {
    sentence: /num_channels must be divisible by num_groups/g,
    find: () => simple('groups', 'GroupNorm', {}, [
      'GroupNorm parts the channels into groups of equal size, so that num_groups must divide num_channels; here it does not.',
    ], [
      codeFix('take a divisor of num_channels: the greatest that is common with 32', 'nn.GroupNorm(math.gcd(32, num_channels), num_channels)', null),
      codeFix('or one group', 'nn.GroupNorm(1, num_channels)', 'new GroupNorm(1, numChannels)'),
    ]),
  },
  {
    sentence: /Expected num groups to be greater than 0, got (-?\d+)/g,
    find: ([groups = '']) => simple('groups', 'GroupNorm', { numGroups: Number(groups) }, [
      `num_groups is ${groups}: there must be one group at least.`,
    ], [codeFix('one group: each sample as a whole', 'nn.GroupNorm(1, num_channels)', 'new GroupNorm(1, numChannels)')]),
  },
  {
    sentence: /running_(?:mean|var) must be defined in evaluation mode/g,
    find: () => simple('running', 'BatchNorm', {}, [
      'In evaluation BatchNorm normalizes by its running statistics, mean and variance, and there are not both.',
    ], [
      codeFix("use the input's own statistics", 'F.batch_norm(x, None, None, training=True)', 'batchNorm(x, null, null, { training: true })'),
    ]),
  },
  {
    sentence: /batch_norm eps must be (positive during training|non-negative), but got (-?\d{1,40}(?:\.\d{1,40})?(?:e(?:-\d{1,3}|\+?\d{1,2}))?)/g,
    find: ([limit = '', eps = '']) => simple('argument', 'BatchNorm', { eps: Number(eps) }, [
      `eps keeps the division by √(variance + eps) finite: it must be ${limit}; here it is ${eps}.`,
    ], [codeFix("PyTorch's default", 'nn.BatchNorm2d(num_features, eps=1e-05)', 'new BatchNorm2d(numFeatures, { eps: 1e-5 })')]),
  },
  {
    sentence: /mixed dtype \(CPU\): (?:all inputs must share same datatype|expect parameter to have scalar type of Float)/g,
    find: () => simple('dtype', null, {}, [
      'The input and the parameters have different dtypes, such as float64 data from NumPy and a float32 layer.',
    ], [
      codeFix("give the input the layer's dtype", 'x.to(norm.weight.dtype)', "x.to('float32')"),
      codeFix("or the layer the input's", 'norm.to(x.dtype)', null),
    ]),
  },
  {
    sentence: /"(batch_norm|group_norm|rms_norm|layer_norm|LayerNormKernelImpl|RmsNormKernelImpl|GroupNormKernelImpl)" not implemented for '(\w{1,40})'/g,
    find: ([op = '', dtype = '']) => otherDtype(op, dtype),
  },
  {
    sentence: /Dimension out of range \(expected to be in range of \[(-?\d+), (-?\d+)\],? but got (-?\d+)\)/g,
    find: ([first = '', last = '', got = '']) => simple('argument', null, { first: Number(first), last: Number(last), dim: Number(got) }, [
      `The tensor has ${count(Number(last) + 1, 'axis', 'axes')}: 0 to ${last}, or ${first} to -1 from the end; ${got} is none of them.`,
      "Where weight_norm or spectral_norm raises it, dim is an axis of the layer's weight: 0 is the outputs of Linear and Conv.",
    ], [
      codeFix('one length for each output', "parametrizations.weight_norm(layer, dim=0)", 'weightNorm(layer, { dim: 0 })'),
      codeFix('one length for all of the weight', "parametrizations.weight_norm(layer, dim=None)", 'weightNorm(layer, { dim: null })'),
    ]),
  },
  {
    sentence: /Expected n_power_iterations to be positive, but got n_power_iterations=(-?\d+)/g,
    find: ([iterations = '']) => simple('argument', 'spectral_norm', { nPowerIterations: Number(iterations) }, [
      `spectral_norm finds the largest singular value by steps of power iteration at each forward pass in training: one at least, not ${iterations}.`,
    ], [codeFix("PyTorch's default", 'parametrizations.spectral_norm(layer, n_power_iterations=1)', 'spectralNorm(layer, { nPowerIterations: 1 })')]),
  },
];

function simple(
  kind: ErrorKind, layer: string | null, facts: Readonly<Record<string, Fact>>, meaning: readonly string[], fixes: readonly ErrorFix[],
): Finding {
  return { kind, layer, facts, meaning, fixes, explanation: null };
}

/** A dtype that PyTorch has no kernel for. */
function otherDtype(op: string, dtype: string): Finding {
  if (/^(Byte|Char|Short|Int|Long|Bool|UInt\d+)$/.test(dtype)) {
    return simple('dtype', null, { op, dtype }, [
      `${dtype} has no fractions: normalized values are floating-point numbers, so that the input must be.`,
    ], [codeFix('convert the input', 'x.float()', "x.to('float32')")]);
  }
  if (dtype.startsWith('Complex')) {
    return simple('dtype', null, { op, dtype }, [`${dtype} is complex, and PyTorch normalizes real numbers alone.`], [
      codeFix('if real and imaginary parts are channels of their own', 'torch.view_as_real(x)', null),
    ]);
  }
  return simple('dtype', null, { op, dtype }, [
    `This release of PyTorch does not compute ${op} of ${dtype} on this device; a GPU or a newer release may.`,
  ], [codeFix('compute it in float32, and round the result', 'norm.float()(x.float()).to(x.dtype)', null)]);
}

const useEval = (text: string): ErrorFix => codeFix(text, 'model.eval()', 'model.eval()');

/** BatchNorm on a batch with one value for each channel. */
function oneSample(shape: readonly number[], { module }: Origin): Finding {
  const [, channels = 0, ...positions] = shape;
  const type = `BatchNorm${Math.max(1, positions.length)}d`;
  const layer = module === 'instancenorm' ? 'InstanceNorm' : type;
  const call = positions.length === 0 ? `LayerNorm(${channels})` : `GroupNorm(1, ${channels})`;
  return {
    kind: 'too_few_values',
    layer,
    facts: { shape, channels, values: 1 },
    meaning: [
      `In training ${layer} takes each channel's mean and variance over the batch and all positions: of ${times(shape)} that is a single value for each of ${count(channels, 'channel')}.`,
      'A single value is its own mean, so that every output would be the bias. Often it is the last batch of an epoch, or one sample at inference without eval().',
    ],
    fixes: [
      useEval('at inference use the running statistics'),
      codeFix('in training leave a last batch of one sample out', 'DataLoader(dataset, batch_size=32, drop_last=True)', 'new DataLoader(tensors, { batchSize: 32, dropLast: true })'),
      layerFix('a layer that needs no batch', call, shape),
    ],
    explanation: explanationOf(`nn.${type}(${channels})`, shape),
  };
}

/** InstanceNorm where each channel has one position. */
function onePosition(shape: readonly number[]): Finding {
  const [, channels = 0, ...positions] = shape;
  const type = `InstanceNorm${Math.max(1, positions.length)}d`;
  return {
    kind: 'too_few_values',
    layer: type,
    facts: { shape, channels, positions, values: 1 },
    meaning: [
      positions.length === 0
        ? `InstanceNorm takes a mean over the positions of each channel; ${times(shape)} is (N, C), without positions.`
        : `InstanceNorm takes a mean over the positions of each channel; ${times(shape)} has a single one, which is its own mean.`,
    ],
    fixes: [
      layerFix('normalize each sample over its channels', positions.length === 0 ? `LayerNorm(${channels})` : `GroupNorm(1, ${channels})`, shape),
      codeFix('or normalize before the positions are pooled to one', null, null),
      useEval('with track_running_stats=True, use the running statistics at inference'),
    ],
    explanation: positions.length === 0 ? null : explanationOf(`nn.${type}(${channels})`, shape),
  };
}

/** GroupNorm names the shape that it folds (N, C, ...) to: (N·C/G, G, ...), of which the first is 1. */
function oneValueGroups(folded: readonly number[]): Finding {
  const [, groups = 0, ...positions] = folded;
  const shape = [1, groups, ...positions];
  return {
    kind: 'too_few_values',
    layer: 'GroupNorm',
    facts: { folded, numGroups: groups },
    meaning: [
      `${count(groups, 'group')} of one channel each, one sample and one position: each mean would be over a single value, which is its own mean.`,
      'PyTorch raises this in evaluation too: GroupNorm has no running statistics.',
    ],
    fixes: [
      layerFix('one group: all channels of the sample', `GroupNorm(1, ${groups})`, shape),
      codeFix('or normalize before the positions are pooled to one', null, null),
    ],
    explanation: explanationOf(`nn.GroupNorm(${groups}, ${groups})`, shape),
  };
}

/** Larger numbers are of no layer; their divisors are not looked for. */
const MOST_CHANNELS = 2 ** 20;

function undivided(channels: number, groups: number, input: readonly number[] | null): Finding {
  const divisors = channels > 0 && channels <= MOST_CHANNELS ? divisorsOf(channels) : [];
  const near = divisors.toSorted((a, b) => Math.abs(a - groups) - Math.abs(b - groups)).slice(0, 2);
  const choices = [...new Set([...near, ...divisors.slice(0, 1)])];
  const listed = divisors.length > 20 ? `${divisors.slice(0, 20).join(', ')}, ...` : divisors.join(', ');
  return {
    kind: 'groups',
    layer: 'GroupNorm',
    facts: { channels, numGroups: groups, divisors, ...(input === null ? {} : { input }) },
    meaning: [
      `GroupNorm parts ${count(channels, 'channel')} into ${count(groups, 'group')} of equal size, but ${groups} does not divide ${channels}.`,
      ...(divisors.length === 0 ? [] : [`num_groups may be ${listed}.`]),
    ],
    fixes: choices.map((divisor) => layerFix(groupText(divisor, channels), `GroupNorm(${divisor}, ${channels})`, input)),
    explanation: null,
  };
}

function groupText(groups: number, channels: number): string {
  if (groups === 1) return 'one group: each sample as a whole';
  const each = channels / groups;
  return each === 1 ? 'each channel alone, as InstanceNorm does' : `${groups} groups of ${count(each, 'channel')}`;
}
