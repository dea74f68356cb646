// The weights that weight_norm and spectral_norm compute in evaluation, of what a state dict holds: in float64, rounded once.
// May import errors, create and tensor.

import { fromData } from '../../create.js';
import { KeelError, showShape } from '../../errors.js';
import type { Tensor } from '../../tensor.js';
import { sameShape, sizeOf } from '../../tensor.js';

type Keys = readonly string[];

/** The axis along which lengths may differ; null where there is one length. */
export function directionAxis(keys: Keys, g: readonly number[], v: readonly number[]): number | null {
  if (g.length === 0) return null;
  // Along an axis of extent 1 there is one length, that of the whole.
  const axis = g.findIndex((extent) => extent !== 1);
  const kept = axis === -1 ? v.indexOf(1) : axis;
  if (kept !== -1 && sameShape(g, v.map((extent, i) => (i === kept ? extent : 1)))) return kept;
  throw misshapen(keys, `${showShape(g)} is no shape of the lengths of ${showShape(v)}`);
}

/** g · v/‖v‖. */
export function unsplit(keys: Keys, axis: number | null, g?: Tensor, v?: Tensor): Tensor {
  const [lengths, directions, weight] = [valuesOf(keys, g), valuesOf(keys, v), v];
  if (weight === undefined) throw misshapen(keys, 'one is missing');
  const channelOf = axis === null ? () => 0 : alongAxis(weight.shape, axis).indexOf;
  const sums = new Float64Array(lengths.length);
  for (let i = 0; i < directions.length; i++) sums[channelOf(i)]! += directions[i]! ** 2;
  const factors = sums.map((sum, c) => lengths[c]! / Math.sqrt(sum));
  for (let i = 0; i < directions.length; i++) directions[i]! *= factors[channelOf(i)]!;
  return rounded(directions, weight);
}

/** W/(uᵀWv). */
export function unspectral(keys: Keys, weight?: Tensor, u?: Tensor, v?: Tensor): Tensor {
  const [values, left, right] = [valuesOf(keys, weight), valuesOf(keys, u), valuesOf(keys, v)];
  if (weight === undefined) throw misshapen(keys, 'one is missing');
  const { shape } = weight;
  const axes = shape.flatMap((extent, axis) => (extent === left.length && sizeOf(shape) === left.length * right.length ? [axis] : []));
  const sigmas = axes.map((axis) => sigmaAlong(values, alongAxis(shape, axis), left, right));
  const sigma = sigmas.toSorted((a, b) => Math.abs(b) - Math.abs(a)).at(0);
  if (sigma === undefined) throw misshapen(keys, `${showShape([left.length])} and ${showShape([right.length])} are not of ${showShape(shape)}`);
  // u and v come near the singular vectors of W along their own axis alone, where it is largest.
  const rivals = sigmas.filter((other) => other !== sigma && Math.abs(other) > Math.abs(sigma) / 2);
  if (rivals.length > 0) {
    throw misshapen(keys, `two axes of ${showShape(shape)} are as long as ${keys[1]}, and uᵀWv is ${[sigma, ...rivals].join(' or ')}`);
  }
  return rounded(values.map((value) => value / sigma), weight);
}

interface Along {
  indexOf(i: number): number;
  /** The place among all other axes, as one. */
  restOf(i: number): number;
}

function alongAxis(shape: readonly number[], axis: number): Along {
  const extent = shape[axis] ?? 1;
  const step = sizeOf(shape.slice(axis + 1));
  return {
    indexOf: (i) => Math.floor(i / step) % extent,
    restOf: (i) => Math.floor(i / (step * extent)) * step + (i % step),
  };
}

function sigmaAlong(values: Float64Array, { indexOf, restOf }: Along, u: Float64Array, v: Float64Array): number {
  let sigma = 0;
  for (let i = 0; i < values.length; i++) sigma += values[i]! * u[indexOf(i)]! * v[restOf(i)]!;
  return sigma;
}

function valuesOf(keys: Keys, tensor: Tensor | undefined): Float64Array {
  if (tensor === undefined) throw misshapen(keys, 'one is missing');
  const { data, dtype } = tensor;
  if (data instanceof Float32Array || data instanceof Float64Array) return new Float64Array(data);
  throw new KeelError('dtype', `${keys.join(', ')} must be float32 or float64, got ${dtype}`, { keys, dtype });
}

function rounded(values: Float64Array, { shape, dtype }: Tensor): Tensor {
  return dtype === 'float64' ? fromData(values, shape, dtype) : fromData(Float32Array.from(values), shape, 'float32');
}

function misshapen(keys: Keys, what: string): KeelError {
  return new KeelError('state_dict', `${keys.join(', ')} do not make a weight: ${what}`, { keys });
}
