// What a norm that is an affine map at inference makes of the layer beside it: in float64, each parameter rounded once. Knows
// no names of state dicts or graphs. May import errors, tensor and round.

import { KeelError, showShape } from '../errors.js';
import { scope, type Tensor } from '../tensor.js';
import { roundedTo, wide, type RealFormat } from './round.js';

/** Two neighbours that are one layer at inference, in the order in which data passes them. */
export type FoldKind =
  | 'conv-batch-norm'
  | 'conv-transpose-batch-norm'
  | 'linear-batch-norm'
  | 'batch-norm-conv'
  | 'batch-norm-linear'
  | 'layer-norm-conv'
  | 'layer-norm-linear'
  | 'rms-norm-conv'
  | 'rms-norm-linear'
  | 'conv-layer-scale'
  | 'linear-layer-scale';

/** Parameters of a convolution or linear layer: `weight` (O, I/groups, ...), of a transposed convolution (I, O/groups, ...). */
export interface LayerWeights {
  readonly weight: Tensor;
  readonly bias: Tensor | null;
}

/** Parameters of a norm, or γ of a layer scale as `weight`; null where it has none. */
export interface NormWeights {
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
  /** Of batch norms. */
  readonly runningMean?: Tensor | null;
  readonly runningVar?: Tensor | null;
  readonly eps: number;
}

/** Neighbours that are to be folded. */
export interface FoldPair {
  readonly kind: FoldKind;
  readonly norm: NormWeights;
  readonly layer: LayerWeights;
  /** Of a convolution. Default 1. */
  readonly groups?: number;
  /** How the folded parameters are stored. Default: the dtype that they have. */
  readonly format?: RealFormat;
}

/** Per channel y = scale·x + shift; a shift of zeros is null. */
export interface ScaleShift {
  readonly scale: Float64Array;
  readonly shift: Float64Array | null;
}

/**
 * The layer that does what both did. With s = γ/√(var + eps) and t = β − mean·s of a batch norm, s = γ and t = β of another norm
 * (of whose x̂ nothing more need be known), s = γ and t = 0 of a layer scale:
 *
 * - layer first: W′ = W·s along the outputs, b′ = b·s + t;
 * - norm first: W′ = W·s along the inputs, b′ = b + Σ W·t, over inputs and kernel. A convolution must not pad: zeros beside
 *   t would be wrong.
 *
 * A norm other than BatchNorm is left without scale and shift, not removed. The bias stays null where t is zero.
 *
 * @throws KeelError [no_statistics] for a batch norm without running statistics; [shape] for channels that differ; [argument]
 *   for a variance that leaves a channel without a finite scale, and for groups that do not divide.
 * @see https://github.com/pytorch/pytorch/blob/main/torch/nn/utils/fusion.py
 */
export function fold(pair: FoldPair): LayerWeights {
  const { kind, layer, groups = 1 } = pair;
  const format = pair.format ?? formatOf(layer.weight);
  const map = scaleShiftOf(pair);
  const { outputs, inputs } = axesOf(kind, layer.weight, groups);
  const weight = scaled(layer.weight, isNormFirst(kind) ? inputs : outputs, map.scale);
  const bias = isNormFirst(kind) ? biasBehind(layer, map, outputs, inputs) : biasBefore(layer, map);
  return scope(() => ({
    weight: roundedTo(format, weight, layer.weight.shape),
    bias: bias === null ? null : roundedTo(format, bias, [bias.length]),
  }));
}

/** The affine map of a pair's norm, its channels checked against the layer's. */
export function scaleShiftOf({ kind, norm, layer, groups = 1 }: FoldPair): ScaleShift {
  const { outputs, inputs } = axesOf(kind, layer.weight, groups);
  const channels = (isNormFirst(kind) ? inputs : outputs).channels;
  checkChannels('bias of the layer', layer.bias, outputs.channels, kind);
  for (const [name, vector] of Object.entries({ weight: norm.weight, bias: norm.bias })) {
    checkChannels(`${name} of the norm`, vector, channels, kind);
  }
  const [gamma, beta] = [valuesOf(norm.weight), valuesOf(norm.bias)];
  if (!isBatchNorm(kind)) return { scale: gamma ?? new Float64Array(channels).fill(1), shift: someOf(beta) };
  const { runningMean = null, runningVar = null, eps } = norm;
  const [mean, variance] = [valuesOf(runningMean), valuesOf(runningVar)];
  if (mean === null || variance === null) {
    const message =
      'bn.running_mean and bn.running_var must not be None: without running statistics a batch norm is no fixed map, and ' +
      'cannot be folded';
    throw new KeelError('no_statistics', message, { kind });
  }
  checkChannels('running_mean', runningMean, channels, kind);
  checkChannels('running_var', runningVar, channels, kind);
  const scale = variance.map((value, c) => (gamma?.[c] ?? 1) / Math.sqrt(value + eps));
  const shift = mean.map((value, c) => (beta?.[c] ?? 0) - value * (scale[c] ?? 0));
  const bad = scale.findIndex((value, c) => !Number.isFinite(value) || !Number.isFinite(shift[c]));
  if (bad === -1) return { scale, shift };
  throw new KeelError(
    'argument',
    `channel ${bad} has running_var ${variance[bad]}, running_mean ${mean[bad]} and eps ${eps}, which give the scale ` +
      `${scale[bad]} and the shift ${shift[bad]}: such a norm cannot be folded; compute its statistics again, or pass its eps`,
    { channel: bad, runningVar: variance[bad], runningMean: mean[bad], eps },
  );
}

/** Whether data passes the norm before the layer. */
export function isNormFirst(kind: FoldKind): boolean {
  return /^(batch|layer|rms)-norm-/.test(kind);
}

/** Whether the norm is one with running statistics, which goes away. */
export function isBatchNorm(kind: FoldKind): boolean {
  return kind.includes('batch-norm');
}

/** The format of a tensor's own dtype. */
export function formatOf({ dtype }: Tensor): 'F64' | 'F32' {
  if (dtype === 'float64') return 'F64';
  if (dtype === 'float32') return 'F32';
  throw new KeelError('dtype', `parameters of float32 and float64 are folded, got ${dtype}`, { dtype });
}

/** Channels along one side of a weight, as the channel of each element: ⌊i/stride⌋ mod extent, plus the group's first. */
interface Side {
  readonly channels: number;
  channelOf(i: number): number;
}

function axesOf(kind: FoldKind, { shape }: Tensor, groups: number): { outputs: Side; inputs: Side } {
  const [rows = 0, columns = 0, ...kernel] = shape;
  const isTransposed = kind === 'conv-transpose-batch-norm';
  checkWeight(kind, shape, groups);
  const step = kernel.reduce((a, b) => a * b, 1);
  const rowLength = columns * step;
  // Rows of a group follow one another, and so do its columns' channels.
  const perGroup = rows / groups;
  const first: Side = { channels: rows, channelOf: (i) => Math.floor(i / rowLength) };
  const second: Side = {
    channels: columns * groups,
    channelOf: (i) => (Math.floor(i / step) % columns) + columns * Math.floor(i / rowLength / perGroup),
  };
  return isTransposed ? { outputs: second, inputs: first } : { outputs: first, inputs: second };
}

function checkWeight(kind: FoldKind, shape: readonly number[], groups: number): void {
  const isLinear = kind.includes('linear');
  const [rows = 0] = shape;
  if (isLinear ? shape.length !== 2 : shape.length < 3 || shape.length > 5) {
    const wanted = isLinear ? 'a linear layer (O, I)' : 'a convolution (O, I, ...)';
    throw new KeelError('shape', `${kind} takes the weight of ${wanted}, got ${showShape(shape)}`, { kind, shape });
  }
  if (Number.isInteger(groups) && groups > 0 && rows % groups === 0 && (!isLinear || groups === 1)) return;
  throw new KeelError('argument', `a weight of ${showShape(shape)} does not divide into ${groups} groups`, { shape, groups });
}

function checkChannels(what: string, vector: Tensor | null, channels: number, kind: FoldKind): void {
  if (vector === null || (vector.size === channels && vector.shape.filter((extent) => extent !== 1).length <= 1)) return;
  const [number, side] = [vector.size, isNormFirst(kind) ? 'in' : 'out'];
  throw new KeelError(
    'shape',
    `To fuse (${kind}), layer.${side}_channels == norm.num_features, got ${side}_channels=${channels} and num_features=${number} ` +
      `in the ${what}, ${showShape(vector.shape)}`,
    { kind, channels, shape: vector.shape },
  );
}

function scaled(weight: Tensor, side: Side, scale: Float64Array): Float64Array {
  const values = wide(weight);
  for (let i = 0; i < values.length; i++) values[i]! *= scale[side.channelOf(i)]!;
  return values;
}

function biasBefore({ bias }: LayerWeights, { scale, shift }: ScaleShift): Float64Array | null {
  if (bias === null) return shift;
  return wide(bias).map((value, c) => value * (scale[c] ?? 1) + (shift?.[c] ?? 0));
}

function biasBehind({ weight, bias }: LayerWeights, { shift }: ScaleShift, outputs: Side, inputs: Side): Float64Array | null {
  if (shift === null) return valuesOf(bias);
  const sums = valuesOf(bias) ?? new Float64Array(outputs.channels);
  const values = wide(weight);
  for (let i = 0; i < values.length; i++) sums[outputs.channelOf(i)]! += values[i]! * shift[inputs.channelOf(i)]!;
  return sums;
}

function valuesOf(vector: Tensor | null): Float64Array | null {
  return vector === null ? null : wide(vector);
}

/** Null for zeros, which move nothing. */
function someOf(shift: Float64Array | null): Float64Array | null {
  return shift?.some((value) => value !== 0) === true ? shift : null;
}
