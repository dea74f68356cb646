// Parameters as float64, and back as the tensors that are stored: one rounding. May import errors, create, tensor and io.

import { fromData } from '../create.js';
import { roundToBfloat16, roundToFloat16, widenBfloat16, widenFloat16 } from '../io/half.js';
import type { Tensor } from '../tensor.js';

/** How a file stores real numbers. Tensors of the 16-bit formats are float32 in memory. */
export type RealFormat = 'F64' | 'F32' | 'F16' | 'BF16';

/** Half a unit in the last place of 1: the largest relative error of one rounding. */
export const halfUnits: Readonly<Record<RealFormat, number>> = { F64: 2 ** -53, F32: 2 ** -24, F16: 2 ** -11, BF16: 2 ** -8 };

/** float64 values as a tensor, each rounded once to the format, ties to even. */
export function roundedTo(format: RealFormat, values: Float64Array, shape: readonly number[]): Tensor {
  switch (format) {
    case 'F64':
      return fromData(values, shape, 'float64');
    case 'F32':
      return fromData(Float32Array.from(values), shape, 'float32');
    case 'F16':
    case 'BF16':
      return fromData(rounded16(format, values), shape, 'float32');
    default:
      return format satisfies never;
  }
}

/** A copy of the elements. */
export function wide({ data }: Tensor): Float64Array {
  if (data instanceof Float32Array || data instanceof Float64Array) return new Float64Array(data);
  return Float64Array.from(data, Number);
}

function rounded16(format: 'F16' | 'BF16', values: Float64Array): Float32Array {
  const wide = roundedToOdd(values);
  if (format === 'F16') widenFloat16(roundToFloat16(wide), wide);
  else widenBfloat16(roundToBfloat16(wide), wide);
  return new Float32Array(wide.buffer);
}

/** The bits of float32s cut towards zero, whose last bit says that something was cut: a second rounding sees no false tie. */
function roundedToOdd(values: Float64Array): Uint32Array {
  const floats = Float32Array.from(values);
  const bits = new Uint32Array(floats.buffer);
  for (let i = 0; i < bits.length; i++) {
    const [value, near] = [values[i]!, floats[i]!];
    if (near === value || Number.isNaN(value)) continue;
    bits[i] = (Math.abs(near) > Math.abs(value) ? bits[i]! - 1 : bits[i]!) | 1;
  }
  return bits;
}
