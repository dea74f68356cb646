// The proof of a folded pair: both forms on random input, by evenkeel's own layers. May import errors, create, generator,
// autograd, tensor, ops, nn and fold's arithmetic.

import { noGrad } from '../autograd.js';
import { fromData } from '../create.js';
import { KeelError } from '../errors.js';
import { Generator } from '../generator.js';
import { batchNorm } from '../nn/functional.js';
import { conv1d, conv2d, conv3d, convTranspose1d, convTranspose2d, convTranspose3d } from '../ops/conv.js';
import { abs, add, mul, sub } from '../ops/elementwise.js';
import { linear } from '../ops/matmul.js';
import { reshape } from '../ops/movement.js';
import { norm as normalize } from '../ops/norm.js';
import { max } from '../ops/reduce.js';
import { scope, sizeOf, type Tensor } from '../tensor.js';
import {
  formatOf,
  isBatchNorm,
  isNormFirst,
  type FoldKind,
  type FoldPair,
  type LayerWeights,
  type NormWeights,
} from './arithmetic.js';
import { halfUnits, wide } from './round.js';

/** A norm that went into the layer beside it, and how near the two forms are on random input. */
export interface FoldedPair {
  /** What the norm is called in the file. */
  readonly norm: string;
  /** What the layer is called that took it in. */
  readonly into: string;
  readonly kind: FoldKind;
  /** The largest difference between an output of the folded layer and of the two layers. */
  readonly largestDifference: number;
  /** What rounding the folded parameters may change: see {@link verify}. */
  readonly tolerance: number;
}

/**
 * Computes a pair and what it was folded to on the same input of normal random numbers, in float64 but with the parameters as
 * they are stored, so that a difference is the folding's alone. Draws from a generator of its own.
 *
 * The largest difference may be eight half units in the last place of the format of the parameters (4.8e-7 of float32; 1e-12
 * of float64, whose sums round too) times the largest Σ|W′|·|x| + |b′|: what an output is as large as, where nothing cancels.
 *
 * @throws KeelError [argument] where it is more, or no number.
 */
export function verify(names: Pick<FoldedPair, 'norm' | 'into'>, pair: FoldPair, folded: LayerWeights): FoldedPair {
  const { kind, groups = 1, format = formatOf(pair.layer.weight) } = pair;
  const [largestDifference, magnitude] = scope(() =>
    noGrad(() => {
      const x = randomInput(pair);
      const plain = isNormFirst(kind) && !isBatchNorm(kind) ? normalized(kind, { ...pair.norm, weight: null, bias: null }, x) : x;
      const difference = sub(applied(kind, widened(folded), groups, plain), both(pair, x));
      return [largest(difference), largest(applied(kind, magnitudes(folded), groups, abs(plain)))] as const;
    }),
  );
  const tolerance = magnitude * (format === 'F64' ? 1e-12 : 8 * halfUnits[format]);
  if (largestDifference <= tolerance) return { ...names, kind, largestDifference, tolerance };
  throw new KeelError(
    'argument',
    `folding ${names.norm} into ${names.into} (${kind}) changes an output by ${showDifference(largestDifference)} on random input, ` +
      `${showDifference(tolerance)} at most: the parameters do not survive rounding to ${format}; fold the model in float32, or ` +
      'leave this pair out',
    { ...names, kind, largestDifference, tolerance },
  );
}

/** The two layers as they were. */
function both({ kind, norm, layer, groups = 1 }: FoldPair, x: Tensor): Tensor {
  const own = widened(layer);
  if (isNormFirst(kind)) return applied(kind, own, groups, normalized(kind, norm, x));
  return normalized(kind, norm, applied(kind, own, groups, x));
}

/** One sample; for a convolution of as many positions as its kernel has: one output of a channel depends on all its weights. */
function randomInput({ kind, layer, groups = 1 }: FoldPair): Tensor {
  const [rows = 0, columns = 0, ...kernel] = layer.weight.shape;
  const isTransposed = kind === 'conv-transpose-batch-norm';
  const channels = isTransposed ? rows : columns * groups;
  const shape = [1, channels, ...(isTransposed ? kernel.map(() => 1) : kernel)];
  return fromData(new Generator(0).normal(new Float64Array(sizeOf(shape))), shape, 'float64');
}

function applied(kind: FoldKind, { weight, bias }: LayerWeights, groups: number, x: Tensor): Tensor {
  if (weight.rank === 2) return linear(x, weight, bias);
  const [conv] = (kind === 'conv-transpose-batch-norm' ? transposed : convolutions).slice(weight.rank - 3);
  if (conv === undefined) throw new KeelError('rank', `no convolution has a weight of ${weight.rank} axes`, { rank: weight.rank });
  return conv(x, weight, { bias, groups });
}

const convolutions = [conv1d, conv2d, conv3d];
const transposed = [convTranspose1d, convTranspose2d, convTranspose3d];

function normalized(kind: FoldKind, norm: NormWeights, x: Tensor): Tensor {
  const [weight, bias] = [flat(norm.weight), flat(norm.bias)];
  if (isBatchNorm(kind)) {
    const [mean, variance] = [flat(norm.runningMean ?? null), flat(norm.runningVar ?? null)];
    return batchNorm(x, mean, variance, { weight, bias, eps: norm.eps });
  }
  if (isNormFirst(kind)) {
    const statistics = kind.startsWith('rms') ? 'rms' : 'moments';
    return normalize(x, 'b [c] s..., c', { statistics, weight, bias, eps: norm.eps });
  }
  const shape = [-1, ...x.shape.slice(2).map(() => 1)];
  const scaled = weight === null ? x : mul(x, reshape(weight, shape));
  return bias === null ? scaled : add(scaled, reshape(bias, shape));
}

/** Not by `to` and `abs`, which take longer than the layer. */
function widened({ weight, bias }: LayerWeights, each = wide): LayerWeights {
  const double = (x: Tensor) => fromData(each(x), x.shape, 'float64');
  return { weight: double(weight), bias: bias === null ? null : double(bias) };
}

function magnitudes(layer: LayerWeights): LayerWeights {
  return widened(layer, (x) => wide(x).map(Math.abs));
}

/** (C), of layer scales of (C, 1, 1) too. */
function flat(vector: Tensor | null): Tensor | null {
  return vector === null ? null : fromData(wide(vector), [vector.size], 'float64');
}

function largest(x: Tensor): number {
  return x.size === 0 ? 0 : max(abs(x)).item();
}

function showDifference(value: number): string {
  return Number.isFinite(value) ? value.toExponential(1) : String(value);
}
