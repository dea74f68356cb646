// How files store elements: the formats of one element, and their way to and from the four dtypes.
// May import errors and tensor.

import { KeelError } from '../errors.js';
import type { Tensor } from '../tensor.js';

type DType = Tensor['dtype'];
type Data = Tensor['data'];

/** What a file holds of a tensor; a {@link Tensor} is one. */
export interface Elements {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: Data;
}

/** Formats of one element that convert exactly. The names are those of safetensors. */
export type Format = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U32' | 'U16' | 'U8' | 'BOOL';

/** Bytes of an element of each format, and the dtype that holds it exactly. */
export const formats: Readonly<Record<Format, { readonly width: number; readonly dtype: DType }>> = {
  F64: { width: 8, dtype: 'float64' },
  F32: { width: 4, dtype: 'float32' },
  F16: { width: 2, dtype: 'float32' },
  BF16: { width: 2, dtype: 'float32' },
  I64: { width: 8, dtype: 'int64' },
  I32: { width: 4, dtype: 'int64' },
  I16: { width: 2, dtype: 'int64' },
  I8: { width: 1, dtype: 'int64' },
  U32: { width: 4, dtype: 'int64' },
  U16: { width: 2, dtype: 'int64' },
  U8: { width: 1, dtype: 'int64' },
  BOOL: { width: 1, dtype: 'bool' },
};

/** The elements in little-endian `bytes` as the typed array of the format's dtype; `label` names them in errors. */
export function decode(format: Format, bytes: Uint8Array, label: string): Data {
  // A copy of its own, because a file's elements need not be aligned. JavaScript's platforms are little-endian.
  const { buffer } = new Uint8Array(bytes);
  switch (format) {
    case 'F64':
      return new Float64Array(buffer);
    case 'F32':
      return new Float32Array(buffer);
    case 'F16':
      return Float32Array.from(new Uint16Array(buffer), fromHalf);
    case 'BF16':
      // bfloat16 is the upper half of a float32.
      return new Float32Array(Uint32Array.from(new Uint16Array(buffer), (bits) => bits << 16).buffer);
    case 'I64':
      return new BigInt64Array(buffer);
    case 'I32':
      return BigInt64Array.from(new Int32Array(buffer), BigInt);
    case 'I16':
      return BigInt64Array.from(new Int16Array(buffer), BigInt);
    case 'I8':
      return BigInt64Array.from(new Int8Array(buffer), BigInt);
    case 'U32':
      return BigInt64Array.from(new Uint32Array(buffer), BigInt);
    case 'U16':
      return BigInt64Array.from(new Uint16Array(buffer), BigInt);
    case 'U8':
      return BigInt64Array.from(new Uint8Array(buffer), BigInt);
    case 'BOOL':
      return checkBools(new Uint8Array(buffer), label);
  }
}

/** The bytes of a typed array, without a copy. */
export function bytesOf(data: Data): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** An error about a file that is malformed or not supported. */
export function fileError(message: string, data: Readonly<Record<string, unknown>>): KeelError {
  return new KeelError('file', message, data);
}

/** IEEE 754 binary16: 1 sign, 5 exponent and 10 fraction bits. */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

function checkBools(data: Uint8Array, label: string): Uint8Array {
  const at = data.findIndex((byte) => byte > 1);
  if (at < 0) return data;
  throw fileError(`${label} has dtype bool, but element ${at} is the byte ${data[at]}: a bool is 0 or 1`, {
    label,
    index: at,
    byte: data[at],
  });
}
