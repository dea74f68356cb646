// Random tensors from one generator, PyTorch's on the CPU. May import errors, sizes, kernels, create, generator
// and tensor.

import { convert, fromData, type TensorOptions } from './create.js';
import { KeelError, showGiven } from './errors.js';
import { Generator } from './generator.js';
import type { Data, DType, Reals } from './kernels/kernels.js';
import { bytesOfState, stateOfBytes } from './random/state.js';
import { checkShape } from './sizes.js';
import { sizeOf, Tensor } from './tensor.js';

/** Until {@link manualSeed}, a stream that no other run repeats. */
const generator = new Generator(Math.floor(Math.random() * 2 ** 32));

/** Options of tensors of real random numbers: float32, the default, or float64. */
export type RandomOptions = TensorOptions & { readonly dtype?: 'float32' | 'float64' };

/**
 * Starts the random numbers of all tensors and layers again: what follows is what PyTorch draws after
 * `torch.manual_seed(seed)`. Without it every run draws others.
 *
 * @param seed a whole number of 64 bits, of which the low 32 count; beyond 2⁵³ a bigint
 * @throws KeelError [argument] for any other number.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.manual_seed.html
 * @example
 * manualSeed(123);
 * randn([2, 3]); // -0.1115, 0.1204, -0.3696, -0.2404, -1.1969, 0.2093
 */
export function manualSeed(seed: number | bigint): void {
  generator.manualSeed(seed);
}

/**
 * The state of the generator, from which {@link setRngState} goes on: the 5056 bytes of `torch.get_rng_state()` on the CPU as
 * int64, so that a checkpoint of either can be resumed by both (in Python as `torch.set_rng_state(x.to(torch.uint8))`).
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.get_rng_state.html
 * @example
 * const state = getRngState();
 * const [a, b] = [rand([3]), setRngState(state) ?? rand([3])]; // the same numbers
 */
export function getRngState(): Tensor {
  const bytes = bytesOfState(generator.getState());
  return fromData(BigInt64Array.from(bytes, BigInt), [bytes.length], 'int64');
}

/**
 * Sets the generator to a state that {@link getRngState} or PyTorch's gave: what follows is what followed then.
 *
 * @throws KeelError [argument] for what is no such tensor, and for numbers that are no state; [disposed].
 * @see https://docs.pytorch.org/docs/stable/generated/torch.set_rng_state.html
 * @example
 * setRngState((await loadCheckpoint('run.safetensors')).rng);
 */
export function setRngState(state: Tensor): void {
  if (!(state instanceof Tensor) || state.dtype !== 'int64') {
    const given = state instanceof Tensor ? `one of ${state.dtype}` : showGiven(state);
    throw new KeelError('argument', `RNG state must be an int64 tensor of bytes, as getRngState() gives it, got ${given}`, {});
  }
  generator.setState(stateOfBytes(Array.from(state.data, Number)));
}

/**
 * Uniform numbers 0 ≤ u < 1, PyTorch's to the last bit.
 *
 * @throws KeelError [size] for a shape that is none; [dtype] for int64 and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.rand.html
 * @example
 * rand([2, 3]);
 */
export function rand(shape: readonly number[], options: RandomOptions = {}): Tensor {
  return reals('rand', shape, options, (out) => generator.uniform(out));
}

/**
 * Normal numbers of mean 0 and deviation 1, within 2e-6 of PyTorch's.
 *
 * @throws KeelError [size] for a shape that is none; [dtype] for int64 and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.randn.html
 * @example
 * randn([2, 3], { dtype: 'float64' });
 */
export function randn(shape: readonly number[], options: RandomOptions = {}): Tensor {
  return reals('randn', shape, options, (out) => generator.normal(out));
}

/**
 * Whole numbers lo ≤ x < hi, as int64.
 *
 * @throws KeelError [argument] unless lo < hi and both are whole numbers of 64 bits; [size] for a shape that is none.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.randint.html
 * @example
 * randint(0, 10, [3]); // three digits
 */
export function randint(lo: number | bigint, hi: number | bigint, shape: readonly number[]): Tensor {
  const out = new BigInt64Array(sizeOf(checkShape(shape)));
  return fromData(generator.integers(out, lo, hi), [...shape], 'int64');
}

/**
 * 0 … n − 1 in random order, as int64.
 *
 * @throws KeelError [size] for an n that is no whole number from 0.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.randperm.html
 * @example
 * randperm(5);
 */
export function randperm(n: number): Tensor {
  return fromData(generator.permutation(n), [n], 'int64');
}

/**
 * @internal The rows of one pass in the order that torch.utils.data takes them: it draws a seed of 64 bits, for workers, and to
 * shuffle another, from which a generator of its own makes the permutation. Not shuffled they come as they stand: null.
 */
export function rowOrder(rows: number, shuffle: boolean): number[] | null {
  seed64();
  return shuffle ? Array.from(new Generator(seed64()).permutation(rows), Number) : null;
}

/** Of the seed of 64 bits that PyTorch draws the low 32 count, which these bounds leave as they are. */
function seed64(): bigint {
  const [seed = 0n] = generator.integers(new BigInt64Array(1), -(2n ** 63n), 2n ** 63n - 1n);
  return seed;
}

/**
 * 1 with probability p, else 0: with one p for each element, in the shape and dtype of that tensor, or with the same p
 * throughout a shape. The two draw differently, as `torch.bernoulli(p)` and `torch.empty(shape).bernoulli_(p)` do.
 *
 * @throws KeelError [argument] for a p outside 0..1; [size] for a shape that is none; [dtype] for int64 and bool.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.bernoulli.html
 * @example
 * bernoulli(full([2, 3], 0.9));
 * bernoulli([2, 3], 0.9);
 */
export function bernoulli(p: Tensor): Tensor;
export function bernoulli(shape: readonly number[], p: number, options?: RandomOptions): Tensor;
export function bernoulli(first: Tensor | readonly number[], p = NaN, options: RandomOptions = {}): Tensor {
  if (isShape(first)) return reals('bernoulli', first, options, (out) => generator.bernoulli(out, p));
  const chances = first.data;
  if (!isReal(chances)) return refuseDtype('bernoulli', first.dtype);
  return fromData(generator.bernoulli(chances.slice(), chances), first.shape, first.dtype);
}

/**
 * Writes numbers from `from` up to, not including, `to` into x, and returns it. Not recorded, as
 * `torch.nn.init.uniform_`, so x may require a gradient.
 *
 * @throws KeelError [argument] for bounds in the wrong order or out of the dtype's range; [dtype] for int64 and bool.
 * @see https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.uniform_
 * @example
 * uniform_(layer.weight, -0.1, 0.1);
 */
export function uniform_<T extends Tensor>(x: T, from = 0, to = 1): T {
  return initialize('uniform_', x, (out) => generator.uniform(out, from, to));
}

/**
 * Writes normal numbers into x, and returns it; not recorded, as {@link uniform_}.
 *
 * @throws KeelError [argument] for a negative std; [dtype] for int64 and bool.
 * @see https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.normal_
 * @example
 * normal_(layer.weight, 0, 0.02);
 */
export function normal_<T extends Tensor>(x: T, mean = 0, std = 1): T {
  return initialize('normal_', x, (out) => generator.normal(out, mean, std));
}

/** Whether initializers draw: see {@link skipInit}. */
let isDrawing = true;

/**
 * Runs `make`, in which `uniform_`, `normal_`, `truncNormal` and the initializers made of them leave tensors as they are, zeros
 * in a fresh layer, and draw nothing: for a model whose weights come from a checkpoint. ConvNeXt-T's take seconds to draw.
 *
 * @throws KeelError [argument] for an async function: it would go on while others draw.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.skip_init.html
 * @example
 * const model = skipInit(() => new Linear(768, 768));
 * model.loadStateDict({ weight: ones([768, 768]), bias: ones([768]) });
 */
export function skipInit<T>(make: () => T): T {
  const before = isDrawing;
  isDrawing = false;
  try {
    const made = make();
    if (!(made instanceof Promise)) return made;
    throw new KeelError('argument', 'skipInit() takes no async function: make the model in it, and load outside');
  } finally {
    isDrawing = before;
  }
}

export interface TruncNormalOptions {
  /** Default 0. */
  readonly mean?: number;
  /** Default 1. */
  readonly std?: number;
  /** The least value, default −2: a bound of the numbers themselves, not in units of `std`. */
  readonly a?: number;
  /** The largest value, default 2. */
  readonly b?: number;
}

/**
 * Writes normal numbers within [a, b] into x, and returns it; not recorded, as {@link uniform_}.
 *
 * @throws KeelError [argument] for a std that is not above 0, a mean that is not finite, or bounds in the wrong order;
 *   [dtype] for int64 and bool.
 * @see https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.trunc_normal_
 * @example
 * truncNormal(layer.weight, { std: 0.02 });
 */
export function truncNormal<T extends Tensor>(x: T, { mean = 0, std = 1, a = -2, b = 2 }: TruncNormalOptions = {}): T {
  return initialize('trunc_normal_', x, (out) => generator.truncNormal(out, mean, std, a, b));
}

/**
 * Writes 1 with probability p, else 0, into x of any dtype, and returns it; not recorded, as {@link uniform_}.
 *
 * @throws KeelError [argument] for a p outside 0..1.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.bernoulli_.html
 * @example
 * bernoulli_(zeros([8], { dtype: 'bool' }), 0.1);
 */
export function bernoulli_<T extends Tensor>(x: T, p = 0.5): T {
  return write(x, convert(generator.bernoulli(new Uint8Array(x.size), p), x.dtype));
}

function reals(
  name: string,
  shape: readonly number[],
  options: RandomOptions,
  fill: (out: Reals) => Reals,
): Tensor {
  const dtype = options.dtype ?? 'float32';
  const out = realsFor(name, dtype, sizeOf(checkShape(shape)));
  return fromData(fill(out), [...shape], dtype, options);
}

function realsFor(name: string, dtype: DType, length: number): Reals {
  if (dtype === 'float32') return new Float32Array(length);
  return dtype === 'float64' ? new Float64Array(length) : refuseDtype(name, dtype);
}

function refuseDtype(name: string, dtype: DType): never {
  throw new KeelError('dtype', `"${name}" not implemented for ${dtype}: draw float32 and convert with .to()`, {
    operation: name,
    dtype,
  });
}

function initialize<T extends Tensor>(name: string, x: T, draw: (out: Reals) => Reals): T {
  const out = realsFor(name, x.dtype, isDrawing ? x.size : 0);
  return isDrawing ? write(x, draw(out)) : x;
}

function write<T extends Tensor>(x: T, data: Data): T {
  x.storage.kernels.write(x.storage.handle, data);
  x.storage.version++;
  return x;
}

function isReal(data: Data): data is Reals {
  return data instanceof Float32Array || data instanceof Float64Array;
}

function isShape(value: Tensor | readonly number[]): value is readonly number[] {
  return Array.isArray(value);
}
