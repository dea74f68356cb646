// Making tensors: from data, constants and ranges. May import errors, kernels, storage and tensor.

import { KeelError } from './errors.js';
import { backendFor, type Data, type DType, type Kernels } from './kernels/kernels.js';
import { Storage } from './storage.js';
import { sameShape, sizeOf, Tensor, type Nested } from './tensor.js';

/** What {@link tensor} reads elements from. */
export type Source = Nested | ArrayLike<number> | BigInt64Array;

export interface TensorOptions {
  /** Default: float32; float64, int64 and bool for a Float64Array, bigints and booleans. */
  readonly dtype?: DType;
  /** Whether the tape records what is computed from it. Default false. */
  readonly requiresGrad?: boolean;
}

/**
 * A new tensor with a copy of `data`.
 *
 * @param data nested arrays, or a flat or typed array together with `shape`
 * @param shape extents; may be left out for nested data
 * @throws KeelError [shape] for ragged data or a shape that does not hold it; [dtype] for a typed array of integers
 *   without `dtype`; [size] for extents that are no whole numbers from 0.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.tensor.html
 * @example
 * tensor([[1, 2], [3, 4]]).shape; // [2, 2]
 * tensor(new Float32Array(6), [2, 3]);
 */
export function tensor(data: Source, options?: TensorOptions): Tensor;
export function tensor(data: Source, shape?: readonly number[], options?: TensorOptions): Tensor;
export function tensor(
  data: Source,
  shapeOrOptions?: readonly number[] | TensorOptions,
  last: TensorOptions = {},
): Tensor {
  const shapeGiven = isShape(shapeOrOptions);
  const options = shapeGiven || shapeOrOptions === undefined ? last : shapeOrOptions;
  const found = shapeOf(data);
  const shape = checkShape(shapeGiven ? shapeOrOptions : found);
  const dtype = options.dtype ?? dtypeOf(data);
  const values = flatten(data);
  if (values.length !== sizeOf(shape)) {
    throw new KeelError('shape', `shape '[${shape.join(', ')}]' is invalid for input of size ${values.length}`, {
      shape,
      elements: values.length,
    });
  }
  return fromData(convert(values, dtype), shape, dtype, options);
}

/** @internal A tensor that takes over elements already in the dtype's typed array. */
export function fromData(data: Data, shape: readonly number[], dtype: DType, options: TensorOptions = {}): Tensor {
  const result = empty(shape, dtype);
  result.storage.kernels.write(result.storage.handle, data);
  if (options.requiresGrad === true) result.requiresGrad = true;
  return result;
}

/** @internal A tensor whose elements are still to be written. */
export function empty(shape: readonly number[], dtype: DType, like?: Tensor): Tensor {
  return new Tensor(shape, new Storage(dtype, sizeOf(shape), likeKernels(dtype, like)));
}

/** @internal A scalar of one value beside another tensor, to broadcast. */
export function constant(value: number, dtype: DType, like: Tensor): Tensor {
  const result = empty([], dtype, like);
  result.storage.kernels.write(result.storage.handle, convert([value], dtype));
  return result;
}

function likeKernels(dtype: DType, like: Tensor | undefined): Kernels<unknown> {
  const kernels = like?.storage.kernels;
  return kernels?.holds(dtype) === true ? kernels : backendFor(dtype);
}

/** Zeros of a shape. @see https://docs.pytorch.org/docs/stable/generated/torch.zeros.html */
export function zeros(shape: readonly number[], options: TensorOptions = {}): Tensor {
  return full(shape, 0, options);
}

/** Ones of a shape. @see https://docs.pytorch.org/docs/stable/generated/torch.ones.html */
export function ones(shape: readonly number[], options: TensorOptions = {}): Tensor {
  return full(shape, 1, options);
}

/** One value throughout. @see https://docs.pytorch.org/docs/stable/generated/torch.full.html */
export function full(shape: readonly number[], value: number, options: TensorOptions = {}): Tensor {
  const dtype = options.dtype ?? 'float32';
  const values = new Float64Array(sizeOf(checkShape(shape))).fill(value);
  return fromData(convert(values, dtype), [...shape], dtype, options);
}

/**
 * start, start + step, ... below end. One argument is `end`, counted from 0.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.arange.html
 * @example
 * arange(4).toArray(); // [0, 1, 2, 3]
 */
export function arange(start: number, end?: number, step = 1, options: TensorOptions = {}): Tensor {
  const [from, to] = end === undefined ? [0, start] : [start, end];
  const length = Math.ceil((to - from) / step);
  if (!Number.isFinite(length) || length < 0 || step === 0) {
    throw new KeelError(
      'argument',
      `arange(${from}, ${to}, ${step}): upper bound and lower bound inconsistent with step sign; step must be nonzero`,
      { start: from, end: to, step },
    );
  }
  return tensor(Float64Array.from({ length }, (_, i) => from + i * step), { dtype: 'float32', ...options });
}

/**
 * `steps` values from start to end, both included.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.linspace.html
 * @example
 * linspace(0, 23, 24).reshape([2, 3, 4]);
 */
export function linspace(start: number, end: number, steps: number, options: TensorOptions = {}): Tensor {
  checkShape([steps]);
  // As PyTorch: the step is rounded to the dtype, and values are counted from both ends, so that the last one is `end`.
  const rounded = (options.dtype ?? 'float32') === 'float32' ? Math.fround : Number;
  const [from, to] = [rounded(start), rounded(end)];
  const step = rounded(rounded(to - from) / (steps - 1));
  const at = (i: number) => (i < Math.floor(steps / 2) ? from + i * step : to - (steps - 1 - i) * step);
  const values = Float64Array.from({ length: steps }, (_, i) => (steps === 1 ? start : at(i)));
  return tensor(values, { dtype: 'float32', ...options });
}

/** @internal Refuses extents that are no whole numbers from 0, and more elements than a typed array holds. */
export function checkShape(shape: readonly number[]): readonly number[] {
  if (!Array.isArray(shape)) {
    throw new KeelError('size', `a shape is a list of extents, got ${String(shape)}`, { shape });
  }
  for (const extent of shape) {
    if (Number.isInteger(extent) && extent >= 0) continue;
    throw new KeelError('size', `a shape holds whole numbers from 0, got ${extent} in [${shape.join(', ')}]`, { shape });
  }
  const size = sizeOf(shape);
  if (size <= 2 ** 32) return [...shape];
  throw new KeelError('size', `[${shape.join(', ')}] has ${size} elements; the limit is 2³²`, { shape, size });
}

/** @internal Typed array of a dtype with the values of another, as `Tensor.to` converts them. */
export function convert(values: ArrayLike<number | bigint>, dtype: DType): Data {
  switch (dtype) {
    case 'float32':
      return values instanceof Float32Array ? values : Float32Array.from(values, Number);
    case 'float64':
      return values instanceof Float64Array ? values : Float64Array.from(values, Number);
    case 'int64':
      return values instanceof BigInt64Array ? values : BigInt64Array.from(Array.from(values, whole));
    case 'bool':
      return Uint8Array.from(values, (value) => (Number(value) === 0 ? 0 : 1));
  }
}

function whole(value: number | bigint): bigint {
  if (typeof value === 'bigint') return value;
  if (Number.isFinite(value)) return BigInt(Math.trunc(value));
  throw new KeelError('dtype', `${value} is no int64: give whole numbers, or another dtype`, { value });
}

function isShape(value: readonly number[] | TensorOptions | undefined): value is readonly number[] {
  return Array.isArray(value);
}

function isArrayLike(data: Source): data is readonly Nested[] | ArrayLike<number> | BigInt64Array {
  return typeof data === 'object';
}

function isFlat(data: Source): data is ArrayLike<number> | BigInt64Array {
  return ArrayBuffer.isView(data);
}

/** Shape of nested arrays; refuses ragged ones as PyTorch does. */
function shapeOf(data: Source, depth = 0): number[] {
  if (data === null || !['number', 'boolean', 'bigint', 'object'].includes(typeof data)) {
    const given = data === null ? 'null' : `${typeof data}: ${String(data)}`;
    throw new KeelError('dtype', `a tensor holds numbers or booleans, got ${given}`, { given: data });
  }
  if (!isArrayLike(data)) return [];
  if (isFlat(data)) return [data.length];
  const items = Array.from<Nested | number>(data);
  const shapes = items.map((item) => shapeOf(item, depth + 1));
  const first = shapes[0] ?? [];
  shapes.forEach((shape, i) => {
    if (sameShape(shape, first)) return;
    throw new KeelError(
      'shape',
      `expected sequence of length ${first[0] ?? 0} at dim ${depth + 1} (got ${shape[0] ?? 'a number'} at index ${i})`,
      { expected: first, got: shape, index: i },
    );
  });
  return [items.length, ...first];
}

function flatten(data: Source): ArrayLike<number | bigint> {
  if (!isArrayLike(data)) return [typeof data === 'bigint' ? data : Number(data)];
  if (isFlat(data)) return data;
  const out: (number | bigint)[] = [];
  const visit = (item: Nested | number): void => {
    if (typeof item === 'object') item.forEach(visit);
    else if (typeof item === 'number' || typeof item === 'bigint') out.push(item);
    else out.push(Number(item));
  };
  Array.from<Nested | number>(data).forEach(visit);
  return out;
}

function dtypeOf(data: Source): DType {
  if (data instanceof Float64Array) return 'float64';
  if (data instanceof BigInt64Array) return 'int64';
  if (isFlat(data) && !(data instanceof Float32Array)) {
    const kind = Object.prototype.toString.call(data).slice(8, -1);
    throw new KeelError(
      'dtype',
      `${kind} is no dtype here (float32, float64, int64 or bool): say { dtype: 'float32' } to convert its elements`,
      { given: kind },
    );
  }
  const first = firstOf(data);
  return typeof first === 'boolean' ? 'bool' : typeof first === 'bigint' ? 'int64' : 'float32';
}

function firstOf(data: Source): number | boolean | bigint | undefined {
  if (!isArrayLike(data)) return data;
  const [first] = Array.from<Nested | number | bigint>(data);
  return first === undefined ? undefined : firstOf(first);
}
