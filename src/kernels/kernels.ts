// The seam between tensors and arithmetic: what a backend is, and the registry of backends.
// May import errors, notation and plan.

import { KeelError } from '../errors.js';
import type { Plan, Runs } from '../plan.js';
import { isTracing, traced } from './trace.js';

/** Element types. float32 and float64 take part in arithmetic; int64 and bool are data: indices, labels, masks. */
export type DType = 'float32' | 'float64' | 'int64' | 'bool';

/** The typed array that holds each dtype's elements on the JavaScript side. */
export type Data = Reals | BigInt64Array | Uint8Array;
export type Reals = Float32Array | Float64Array;

/**
 * What the elements of a set are divided by, with n elements in the set:
 * `moments` (x − mean) / √(variance + eps), `rms` x / √(Σx²/n + eps), `l2` x / max(√Σx², eps).
 */
export type Statistics = 'moments' | 'rms' | 'l2';

/** An operand of {@link Kernels.pointwise}: element `(i, j, ...)` lies at `offset + i·strides[0] + j·strides[1] + ...`. */
export interface Strided<S> {
  readonly data: S;
  readonly offset: number;
  readonly strides: readonly number[];
}

export type UnaryOp =
  | 'copy' | 'neg' | 'abs' | 'sign' | 'exp' | 'log' | 'log1p' | 'sqrt' | 'sin' | 'cos' | 'tanh' | 'sigmoid' | 'erf'
  | 'relu' | 'floor' | 'not' | 'gelu' | 'gelu_tanh' | 'silu';
/** The gradients of activations are functions of (dy, x). */
export type BinaryOp =
  | 'add' | 'sub' | 'mul' | 'div' | 'pow' | 'maximum' | 'minimum'
  | 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge' | 'and' | 'or'
  | 'gelu_backward' | 'gelu_tanh_backward' | 'silu_backward';
/** Elementwise functions by number of operands; `where` is (condition, a, b). Comparisons and logic write bool. */
export type PointwiseOp = UnaryOp | BinaryOp | 'where';

export type ReduceOp = 'sum' | 'mean' | 'max' | 'min' | 'l2' | 'variance' | 'unbiased_variance';

/** A forward pass of {@link Kernels.norm}. */
export interface NormCall<S> {
  readonly plan: Plan;
  readonly statistics: Statistics;
  readonly eps: number;
  readonly x: S;
  /** What is added to x first, and where that sum goes: it is the sum that is normalized. Both or neither. */
  readonly residual: S | null;
  readonly sum: S | null;
  /** Learned scale and shift, `plan.affine` values each. */
  readonly weight: S | null;
  readonly bias: S | null;
  /** Statistics from elsewhere (running averages), one value for each set; null: those of x. */
  readonly given: { readonly mean: S; readonly variance: S } | null;
  readonly y: S;
  /** Statistics to write on request, one value for each set. `variance` is the biased one, for `rms` the mean square. */
  readonly mean: S | null;
  readonly variance: S | null;
  readonly rstd: S | null;
  /** What the backward pass needs, as large as {@link Kernels.normSaved} says; null where none will come. */
  readonly saved: S | null;
}

/** A backward pass of {@link Kernels.norm}: gradients of Σ y·dy + Σ sum·dsum; null where one is not wanted. */
export interface NormBackwardCall<S> {
  readonly plan: Plan;
  readonly statistics: Statistics;
  readonly eps: number;
  /** What was normalized: x, or the sum with the residual, whose gradients are then both `dx`. */
  readonly x: S;
  readonly dy: S;
  readonly dsum: S | null;
  readonly weight: S | null;
  /** What {@link Kernels.norm} wrote for this pass. */
  readonly saved: S;
  readonly dx: S | null;
  readonly dweight: S | null;
  readonly dbias: S | null;
}

/** `out[i] = a[i] · b[i]`, m×k by k×n, for each i of the batch; a step of 0 repeats one matrix for the whole batch. */
export interface MatmulCall<S> {
  readonly a: S;
  readonly b: S;
  readonly out: S;
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly stepA: number;
  readonly stepB: number;
  /** a is stored k×m, b is stored n×k. */
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** The sizes of a convolution, spatial ones as depth, height, width. */
export interface ConvSizes {
  readonly batch: number;
  readonly groups: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly input: Extent;
  readonly kernel: Extent;
  readonly output: Extent;
  readonly stride: Extent;
  readonly padding: Extent;
  readonly dilation: Extent;
}
export type Extent = readonly [number, number, number];

/**
 * One of the three parts of a convolution, linear in each of its two operands and the gradient of one another:
 * `y` from (x, w), `dx` from (dy, w), which is the transposed convolution, and `dw` from (x, dy).
 */
export type ConvPart = 'y' | 'dx' | 'dw';

/**
 * What every backend needs to hold tensors and to normalize them. `S` is its own handle of a storage; the layers above
 * never look inside it. Kernels write into storages that the caller allocated, never keep them, and may run later as long
 * as reads see their results in order.
 */
export interface Core<S> {
  readonly name: string;
  /** Whether tensors of this dtype can live here; those that cannot live on the reference backend. */
  holds(dtype: DType): boolean;

  /** Whether this storage is ordinary garbage: `free` does nothing then, and a forgotten one needs no finalizer. */
  collected(storage: S): boolean;
  /** Elements that are still to be written. */
  alloc(dtype: DType, length: number): S;
  /** `forgotten`: nobody disposed it, the garbage collector found it. */
  free(storage: S, forgotten: boolean): void;
  write(storage: S, data: Data): void;
  read(storage: S): Promise<Data>;
  /** The elements themselves without a copy, or null where they are not in this memory. Valid until the next call. */
  view(storage: S): Data | null;

  /** Whether an array is a view of the backend's own memory, which an allocation may take away. */
  owns?(data: Data): boolean;

  norm(call: NormCall<S>): void;
  /** Type and number of the elements that `norm` saves for `normBackward`; what they mean is the backend's own affair. */
  normSaved(plan: Plan): { readonly dtype: DType; readonly length: number };
  normBackward(call: NormBackwardCall<S>): void;

  pointwise(op: PointwiseOp, shape: readonly number[], inputs: readonly Strided<S>[], out: Strided<S>): void;
  reduce(op: ReduceOp, x: S, runs: Runs, out: S): void;
}

/** One step of stochastic gradient descent on one parameter x with the gradient dx; x and `buffer` are written in place. */
export interface SGDUpdate<S> {
  readonly rule: 'sgd';
  readonly length: number;
  readonly x: S;
  readonly dx: S;
  readonly lr: number;
  readonly weightDecay: number;
  readonly momentum: number;
  readonly dampening: number;
  readonly nesterov: boolean;
  readonly maximize: boolean;
  /** The momentum of the steps before; null where there is none. */
  readonly buffer: S | null;
  /** Nothing was written to `buffer` yet. */
  readonly isFirst: boolean;
}

/** One step of Adam or AdamW on one parameter x with the gradient dx; x and the averages are written in place. */
export interface AdamUpdate<S> {
  readonly rule: 'adam';
  readonly length: number;
  readonly x: S;
  readonly dx: S;
  /** Averages of the gradient and of its square. */
  readonly m: S;
  readonly v: S;
  /** The largest `v` so far, for AMSGrad. */
  readonly peak: S | null;
  /** Counted from 1. */
  readonly step: number;
  readonly lr: number;
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;
  /** The decay shrinks x by itself, as in AdamW; else it is part of the gradient. */
  readonly decoupled: boolean;
  readonly maximize: boolean;
}

export type UpdateCall<S> = SGDUpdate<S> | AdamUpdate<S>;

/** What matrix products, convolutions, softmax, embeddings and optimizers need: apart, so that a page that only normalizes loads none. */
export interface Dense<S> {
  matmul(call: MatmulCall<S>): void;
  conv(part: ConvPart, sizes: ConvSizes, a: S, b: S, out: S): void;
  /** Softmax, or its logarithm, over the reduced elements of each set of `runs`. */
  softmax(x: S, runs: Runs, log: boolean, out: S): void;
  /** `out[i] = table[index[i]]` for rows of `width`; and its adjoint, `table[index[i]] += rows[i]`. */
  gather(table: S, index: S, width: number, out: S): void;
  scatterAdd(rows: S, index: S, width: number, table: S): void;
  /** One step of an optimizer on one parameter. Computed in float64, and rounded once to the storage's dtype. */
  update(call: UpdateCall<S>): void;
}

/** A backend, whole. */
export interface Kernels<S> extends Core<S>, Dense<S> {}

const registry = new Map<string, Core<unknown>>();
let current: Core<unknown> | null = null;

/**
 * Adds a backend; the first one registered is the default until {@link useBackend} names another.
 *
 * @example
 * register({ ...backend, name: 'mine' }); // then useBackend('mine')
 */
export function register<S>(kernels: Kernels<S>): void {
  registerCore(kernels);
}

/** Registers one of our own, whose dense half is found elsewhere. */
export function registerCore<S>(core: Core<S>): void {
  // The handles that come back to a backend are its own: nobody else makes or opens them.
  const whole = core as Core<unknown>;
  const opaque = isTracing ? traced(whole, core.name) : whole;
  registry.set(core.name, opaque);
  current ??= opaque;
}

/**
 * Names of the registered backends.
 *
 * @example
 * backends(); // ['wasm', 'reference']
 */
export function backends(): string[] {
  return [...registry.keys()];
}

/**
 * Makes new tensors live on the backend of this name; those that exist stay where they are. Returns the name of the
 * backend that was in use.
 *
 * @throws KeelError [backend] for a name that is not registered.
 * @example
 * useBackend('reference');
 */
export function useBackend(name: string): string {
  const before = inUse().name;
  current = named(name);
  return before;
}

/** The backend for new tensors of a dtype: the one in use, or the reference where that one does not hold the dtype. */
export function backendFor(dtype: DType): Core<unknown> {
  const kernels = inUse();
  return kernels.holds(dtype) ? kernels : named('reference');
}

function inUse(): Core<unknown> {
  if (current === null) throw new KeelError('backend', "no backend is registered: import 'evenkeel', which brings one");
  return current;
}

function named(name: string): Core<unknown> {
  const kernels = registry.get(name);
  if (kernels !== undefined) return kernels;
  const known = backends();
  throw new KeelError('backend', `no backend is called '${name}'\n  choose from ${known.join(', ')}`, { name, known });
}
