// Making tensors: from data, constants and ranges. May import errors, sizes, kernels, storage and tensor.

import { KeelError, showGiven } from './errors.js';
import { int64Of } from './kernels/int64.js';
import { backendFor, type Core, type Data, type DType } from './kernels/kernels.js';
import { alloc } from './kernels/reference/reference.js';
import { checkShape } from './sizes.js';
import { Storage } from './storage.js';
import { sizeOf, Tensor, type Nested } from './tensor.js';

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
 * @throws KeelError [shape] for ragged data or a shape that does not hold it; [dtype] for a typed array of integers, or
 *   a mix of booleans, bigints and numbers, without `dtype`; [size] for extents that are no whole numbers from 0.
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
  const [given, options] =
    shapeOrOptions !== undefined && isOptions(shapeOrOptions) ? [undefined, shapeOrOptions] : [shapeOrOptions, last];
  const { shape: found, values, kinds } = elementsOf(data);
  const shape = checkShape(given === undefined ? found : given);
  const dtype = options.dtype ?? dtypeOf(data, kinds);
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
  // An unknown dtype has no data; `empty` says so.
  const held = ArrayBuffer.isView(data) && backendFor(dtype).owns?.(data) === true ? data.slice() : data;
  const x = empty(shape, dtype);
  x.storage.kernels.write(x.storage.handle, held);
  return leafOf(x, options);
}

function leafOf(x: Tensor, { requiresGrad }: TensorOptions): Tensor {
  if (requiresGrad === true) x.requiresGrad = true;
  return x;
}

/** @internal A tensor, or as much of one as says on which backend it lives. */
export interface Located {
  readonly storage: { readonly kernels: Core<unknown> };
}

/** @internal A tensor whose elements are still to be written. */
export function empty(shape: readonly number[], dtype: DType, like?: Located): Tensor {
  return new Tensor(shape, new Storage(dtype, sizeOf(shape), likeKernels(dtype, like)));
}

/** @internal A scalar of one value beside another tensor, to broadcast. */
export function constant(value: number, dtype: DType, like: Tensor): Tensor {
  checkNumber('a constant', value);
  const result = empty([], dtype, like);
  result.storage.kernels.write(result.storage.handle, convert([value], dtype));
  return result;
}

function likeKernels(dtype: DType, like: Located | undefined): Core<unknown> {
  const kernels = like?.storage.kernels;
  return kernels?.holds(dtype) === true ? kernels : backendFor(dtype);
}

/**
 * Zeros of a shape.
 *
 * @throws KeelError [argument] for a shape that is no list; [size] for extents that are no whole numbers from 0.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.zeros.html
 * @example
 * zeros([2, 3], { dtype: 'int64' });
 */
export function zeros(shape: readonly number[], options: TensorOptions = {}): Tensor {
  return full(shape, 0, options);
}

/**
 * Ones of a shape; errors as {@link zeros}.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.ones.html
 * @example
 * ones([2, 2]).toArray(); // [[1, 1], [1, 1]]
 */
export function ones(shape: readonly number[], options: TensorOptions = {}): Tensor {
  return full(shape, 1, options);
}

/**
 * One value throughout, float32 unless a dtype is given; errors as {@link zeros}, and [argument] for what is no number.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.full.html
 * @example
 * full([3], 0.5).toArray(); // [0.5, 0.5, 0.5]
 */
export function full(shape: readonly number[], value: number, options: TensorOptions = {}): Tensor {
  checkNumber('full', value);
  // First the tensor: it refuses what is no dtype.
  const result = empty(checkShape(shape), options.dtype ?? 'float32');
  const { kernels, handle } = result.storage;
  const view = kernels.view(handle);
  // In place where that can be: an array to copy from would take as much memory again.
  if (view !== null) fillWith(view, result.dtype, value);
  else kernels.write(handle, fillWith(alloc(result.dtype, result.size), result.dtype, value));
  return leafOf(result, options);
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
  checkShape([length]);
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

/** @internal Typed array of a dtype with the values of another, as `Tensor.to` converts them. */
export function convert(values: ArrayLike<number | bigint>, dtype: DType): Data {
  switch (dtype) {
    case 'float32':
      return values instanceof Float32Array ? values : floats(values, Float32Array);
    case 'float64':
      return values instanceof Float64Array ? values : floats(values, Float64Array);
    case 'int64':
      return values instanceof BigInt64Array ? values : BigInt64Array.from(Array.from(values, int64Of));
    case 'bool':
      return Uint8Array.from(values, (value) => (Number(value) === 0 ? 0 : 1));
  }
}

type Floats = typeof Float32Array | typeof Float64Array;

function floats(values: ArrayLike<number | bigint>, Floats: Floats): Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer> {
  if (values instanceof BigInt64Array) return ofHalves(values, new Floats(values.length));
  // At once, which is ten times as fast as one by one.
  if (values instanceof Uint8Array || values instanceof Float32Array || values instanceof Float64Array) return new Floats(values);
  return Floats === Float32Array ? Float32Array.from(values, Number) : Float64Array.from(values, Number);
}

/** int64s without bigints: the sum of the halves is rounded once, as Number() does it. */
function ofHalves<T extends Float32Array | Float64Array>({ buffer, byteOffset, length }: BigInt64Array, out: T): T {
  const halves = new Int32Array(buffer, byteOffset, 2 * length);
  for (let i = 0; i < length; i++) out[i] = halves[2 * i + 1]! * 2 ** 32 + (halves[2 * i]! >>> 0);
  return out;
}

/** Writes the value as a dtype holds it throughout. */
function fillWith(values: Data, dtype: DType, value: number): Data {
  if (values instanceof BigInt64Array) return values.fill(int64Of(value));
  return values.fill(dtype === 'bool' ? Number(value !== 0) : value);
}

function checkNumber(name: string, value: number): void {
  if (typeof value === 'number') return;
  throw new KeelError('argument', `${name} takes a number, got ${showGiven(value)}`, { value });
}

function isOptions(value: readonly number[] | TensorOptions): value is TensorOptions {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

type Rows = readonly Nested[] | ArrayLike<number> | BigInt64Array;

function isTyped(data: unknown): data is ArrayLike<number> | BigInt64Array {
  return ArrayBuffer.isView(data) && !(data instanceof DataView);
}

function isList(data: unknown): data is Rows {
  return Array.isArray(data) || isTyped(data);
}

interface Elements {
  readonly shape: readonly number[];
  readonly values: ArrayLike<number | bigint>;
  /** What `typeof` says of the elements. */
  readonly kinds: ReadonlySet<string>;
}

/** The elements of nested lists, in order; refuses ragged lists as PyTorch does. */
function elementsOf(data: Source): Elements {
  if (isTyped(data)) return { shape: [data.length], values: data, kinds: new Set(['number']) };
  const shape = shapeOf(data);
  const values: (number | bigint)[] = [];
  const kinds = new Set<string>();
  const visit = (item: unknown, axis: number, index: number): void => {
    const length = shape[axis];
    if (isList(item) ? item.length !== length : length !== undefined) {
      const got = isList(item) ? item.length : showGiven(item);
      const message = `expected ${length === undefined ? 'a number' : `sequence of length ${length}`} at dim ${axis}`;
      throw new KeelError('shape', `${message} (got ${got} at index ${index})`, { expected: shape, got, index });
    }
    if (isList(item)) {
      for (let i = 0; i < item.length; i++) visit(item[i], axis + 1, i);
      return;
    }
    kinds.add(typeof item);
    if (typeof item === 'number' || typeof item === 'bigint') values.push(item);
    else if (typeof item === 'boolean') values.push(Number(item));
    else throw new KeelError('dtype', `a tensor holds numbers or booleans, got ${showGiven(item)}`, { given: item });
  };
  visit(data, 0, 0);
  return { shape, values, kinds };
}

/** The lengths of the first list at each depth. */
function shapeOf(data: Source): number[] {
  const shape: number[] = [];
  for (let at: unknown = data; isList(at); at = at[0]) {
    if (shape.length === MOST_AXES) {
      const message = `lists are nested more than ${MOST_AXES} deep, or hold themselves`;
      throw new KeelError('shape', message, { limit: MOST_AXES });
    }
    shape.push(at.length);
  }
  return shape;
}

/** As PyTorch. */
const MOST_AXES = 64;

function dtypeOf(data: Source, kinds: ReadonlySet<string>): DType {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Float64Array) return 'float64';
  if (data instanceof BigInt64Array) return 'int64';
  if (isTyped(data)) {
    const kind = Object.prototype.toString.call(data).slice(8, -1);
    throw new KeelError(
      'dtype',
      `${kind} is no dtype here (float32, float64, int64 or bool): say { dtype: 'float32' } to convert its elements`,
      { given: kind },
    );
  }
  const [kind, other] = kinds;
  if (other !== undefined) {
    const given = [...kinds].toSorted().map((name) => `${name}s`).join(' and ');
    const message = `the elements are ${given}: say { dtype: 'float32' }, or another, to convert them`;
    throw new KeelError('dtype', message, { given });
  }
  return kind === 'boolean' ? 'bool' : kind === 'bigint' ? 'int64' : 'float32';
}
