// How files store elements: the formats of one element, and their way to and from the four dtypes.
// May import errors, tensor and create.

import { empty } from '../create.js';
import { KeelError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import { widenBfloat16, widenFloat16 } from './half.js';

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

/** Axes of a tensor in a file, as in PyTorch. */
export const MOST_AXES = 64;

/**
 * A tensor of the elements in little-endian `bytes`: where the format is the dtype's own, one copy of them, straight into
 * the tensor's storage. `label` names them in errors.
 */
export function decode(format: Format, bytes: Uint8Array, shape: readonly number[], label: string): Tensor {
  checkAxes(shape, label);
  if (format === 'BOOL') checkBools(bytes, label);
  const x = empty(shape, formats[format].dtype);
  const { kernels, handle } = x.storage;
  const view = kernels.view(handle);
  const out = view ?? new (typedArrays[ownFormats[x.dtype]])(x.size);
  fill(out, format, bytes);
  if (view === null) kernels.write(handle, out);
  return x;
}

/** Refuses shapes of more axes than a tensor has. */
export function checkAxes(shape: readonly number[], label: string): void {
  if (shape.length <= MOST_AXES) return;
  throw fileError(`${label} has ${shape.length} axes, ${MOST_AXES} at most`, { label, axes: shape.length, limit: MOST_AXES });
}

/** The format that is each dtype's own. */
export const ownFormats = { int64: 'I64', float64: 'F64', float32: 'F32', bool: 'BOOL' } as const;

/** The bytes of a typed array, without a copy. */
export function bytesOf(data: Data): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * What is wrong with a file, as `data.problem` of its error says: it is not what its format allows; it is, but of a kind
 * that is not read or written; there is none; or the system does not let it be read or written.
 */
export type FileProblem = 'corrupt' | 'unsupported' | 'missing' | 'access';

/** An error about a file. */
export function fileError(
  message: string,
  data: Readonly<Record<string, unknown>>,
  problem: FileProblem = 'corrupt',
): KeelError {
  return new KeelError('file', message, { ...data, problem });
}

/** An error about a file that is sound, and of a kind that is not read. */
export function unsupported(message: string, data: Readonly<Record<string, unknown>>): KeelError {
  return fileError(message, data, 'unsupported');
}

/** How a file keeps the elements of each format. */
const typedArrays = {
  F64: Float64Array, F32: Float32Array, F16: Uint16Array, BF16: Uint16Array,
  I64: BigInt64Array, I32: Int32Array, I16: Int16Array, I8: Int8Array,
  U32: Uint32Array, U16: Uint16Array, U8: Uint8Array, BOOL: Uint8Array,
} as const;

function fill(out: Data, format: Format, bytes: Uint8Array): void {
  switch (format) {
    case 'F64':
    case 'F32':
    case 'I64':
    case 'BOOL':
      // JavaScript's platforms are little-endian, and a copy of bytes may begin anywhere.
      bytesOf(out).set(bytes);
      return;
    case 'F16':
      widenFloat16(new Uint16Array(...aligned(bytes, 2)), new Uint32Array(out.buffer, out.byteOffset, out.length));
      return;
    case 'BF16':
      widenBfloat16(new Uint16Array(...aligned(bytes, 2)), new Uint32Array(out.buffer, out.byteOffset, out.length));
      return;
    default:
      widenIntegers(new typedArrays[format](...aligned(bytes, formats[format].width)), out);
  }
}

/** What a typed array over these bytes takes: they themselves, or a copy if they begin between two elements. */
function aligned(bytes: Uint8Array, width: number): [buffer: ArrayBuffer, byteOffset: number, length: number] {
  // Not slice(), which for Node's Buffers makes no copy.
  const { buffer, byteOffset } = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);
  // Typed arrays take shared memory as well; only their types tell the two apart.
  return [buffer as ArrayBuffer, byteOffset, bytes.length / width];
}

/** int64s of shorter integers, by halves: bigints would be made one by one. */
function widenIntegers(values: ArrayLike<number>, { buffer, byteOffset }: Data): void {
  const halves = new Int32Array(buffer, byteOffset, 2 * values.length);
  for (let i = 0; i < values.length; i++) {
    halves[2 * i] = values[i]!;
    halves[2 * i + 1] = values[i]! < 0 ? -1 : 0;
  }
}

function checkBools(data: Uint8Array, label: string): void {
  const at = data.findIndex((byte) => byte > 1);
  if (at < 0) return;
  throw fileError(`${label} has dtype bool, but element ${at} is the byte ${data[at]}: a bool is 0 or 1`, {
    label,
    index: at,
    byte: data[at],
  });
}
