/// <reference lib="esnext.disposable" preserve="true" />
// Tensor: shape, dtype, storage and lifetime; reading. May import errors, kernels and storage.

import { KeelError, showShape } from './errors.js';
import { formatTensor } from './format.js';
import type { Data, DType } from './kernels/kernels.js';
import type { Storage } from './storage.js';

/** Nested arrays of numbers or booleans, all of equal length at each depth. */
export type Nested = number | boolean | bigint | readonly Nested[];

/** A node of the tape, as a tensor sees it: the operation that made it. */
export interface GradNode {
  readonly name: string;
  /** One more handle on an output, or operation on one, needs the node; and one less. */
  retain(): void;
  release(): void;
}

/** What the tape knows of a tensor; shared by every handle on the same value. */
export interface Variable {
  requiresGrad: boolean;
  grad: Tensor | null;
  /** Whether somebody was handed the gradient, and may hold it still. */
  isGradSeen: boolean;
  /** The operation that made the value, and which of its outputs it is; null for a leaf. */
  node: GradNode | null;
  output: number;
}

/**
 * An n-dimensional array of one dtype, contiguous in row-major order.
 *
 * `shape` holds the extents (an empty one is a scalar), `size` their product. Operations are methods (`x.add(y)`,
 * `x.mean([1], { keepdim: true })`) and functions (`matmul(a, b)`). A tensor gives its memory back when it is disposed
 * (`x.dispose()`, `using x = ...`, `scope(() => ...)`) or else when it is garbage-collected.
 *
 * @see https://docs.pytorch.org/docs/stable/tensors.html
 * @example
 * const x = tensor([[1, 2], [3, 4]], { requiresGrad: true });
 * x.mul(x).sum().backward();
 * x.grad?.toArray(); // [[2, 4], [6, 8]]
 */
export class Tensor {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly size: number;
  /** @internal */
  readonly variable: Variable;
  #storage: Storage | null;
  /** The node that this handle keeps. */
  #node: GradNode | null;

  /** @internal Use {@link tensor}, {@link zeros} and their like. */
  constructor(shape: readonly number[], storage: Storage, variable: Variable = leaf()) {
    this.shape = shape;
    this.dtype = storage.dtype;
    this.size = storage.length;
    this.variable = variable;
    this.#storage = storage;
    this.#node = variable.node;
    this.#node?.retain();
    storage.hold();
    scopes.at(-1)?.add(this);
  }

  /** @internal Makes this the output of an operation. */
  recordAs(node: GradNode, output: number): void {
    this.variable.requiresGrad = true;
    this.variable.node = node;
    this.variable.output = output;
    this.#node = node;
    node.retain();
  }

  /** @internal The elements' storage; refuses after dispose. */
  get storage(): Storage {
    if (this.#storage === null) {
      const { shape } = this;
      const tensor = shape.length === 0 ? 'this tensor, a scalar,' : `this tensor of ${showShape(shape)}`;
      const message = `${tensor} was disposed, as scopes do at their end: return it from the scope, keep(t), or compute it again`;
      throw new KeelError('disposed', message, { shape });
    }
    return this.#storage;
  }

  get isDisposed(): boolean {
    return this.#storage === null;
  }

  /** Whether the tape records operations on this tensor. Writable on leaves of dtype float32 and float64. */
  get requiresGrad(): boolean {
    return this.variable.requiresGrad;
  }

  set requiresGrad(on: boolean) {
    if (typeof on !== 'boolean') {
      throw new KeelError('argument', `requiresGrad is true or false, got ${String(on)}`, { requiresGrad: on });
    }
    if (on && this.dtype !== 'float32' && this.dtype !== 'float64') {
      throw new KeelError(
        'dtype',
        `only Tensors of floating point dtype can require gradients, got ${this.dtype}: convert with .to('float32')`,
        { dtype: this.dtype },
      );
    }
    if (!on && this.variable.node !== null) {
      throw new KeelError(
        'graph',
        'you can only change requires_grad flags of leaf variables: use .detach() for a copy outside the graph',
        { node: this.variable.node.name },
      );
    }
    this.variable.requiresGrad = on;
  }

  /** Gradient accumulated by `backward`, or null. */
  get grad(): Tensor | null {
    this.variable.isGradSeen = true;
    return this.variable.grad;
  }

  set grad(grad: Tensor | null) {
    if (grad !== null && !(grad instanceof Tensor)) {
      throw new KeelError('argument', `assigned grad expected to be a Tensor or null but got ${typeof grad}`, { grad });
    }
    if (grad !== null && (grad.dtype !== this.dtype || !sameShape(grad.shape, this.shape))) {
      throw new KeelError(
        'shape',
        `assigned grad has data of a different size: ${grad.dtype} ${showShape(grad.shape)} for a tensor of ` +
          `${this.dtype} ${showShape(this.shape)}`,
        { expected: this.shape, got: grad.shape },
      );
    }
    // The new one belongs to this tensor and outlives the scope it was made in; the old one goes with the scope it leaves in,
    // or at once where nobody can have it: a loop that drops gradients needs no scope for them.
    const { grad: old, isGradSeen } = this.variable;
    this.variable.grad = grad === null ? null : keep(grad);
    this.variable.isGradSeen = grad !== null;
    if (old === null || old === grad || old.isDisposed) return;
    if (isGradSeen) scopes.at(-1)?.add(old);
    else old.dispose();
  }

  /** The number of axes. */
  get rank(): number {
    return this.shape.length;
  }

  /**
   * The elements, without a copy; valid until the next operation.
   *
   * @example
   * const { data } = ones([2]); // of the dtype's own array: which it is, instanceof tells the compiler too
   * const floats = data instanceof Float32Array ? data : Float32Array.from(data, Number);
   */
  get data(): Data {
    const view = this.storage.kernels.view(this.storage.handle);
    if (view !== null) return view;
    const { name } = this.storage.kernels;
    throw new KeelError('backend', `tensors of the ${name} backend have no data in this memory: use 'await x.read()'`, {
      backend: name,
    });
  }

  /** A copy of the elements, once every queued operation is done. */
  read(): Promise<Data> {
    return this.storage.kernels.read(this.storage.handle);
  }

  /**
   * The elements as nested arrays; a scalar gives a bare number. int64 elements must be below 2⁵³, bools become booleans.
   * How deep they are nested is no part of a tensor's type: one element is `x.select(0, i).select(0, j).item()`, and all of
   * them in one list are `[...x.data]`.
   */
  toArray(): Nested {
    const values = Array.from(this.data, this.#plain, this);
    const nest = (axis: number, from: number, count: number): Nested => {
      const extent = this.shape[axis];
      if (extent === undefined) return values[from] ?? 0;
      return Array.from({ length: extent }, (_, i) => nest(axis + 1, from + (i * count) / extent, count / extent));
    };
    return nest(0, 0, this.size);
  }

  /**
   * The only element as a number.
   *
   * @throws KeelError [shape] when there is not exactly one element.
   */
  item(): number {
    if (this.size === 1) return Number(this.#plain(this.data[0] ?? 0));
    throw new KeelError('shape', `a Tensor with ${this.size} elements cannot be converted to Scalar: reduce or pick one`, {
      shape: this.shape,
    });
  }

  #plain(value: number | bigint): number | boolean {
    if (this.dtype === 'bool') return value !== 0;
    const number = Number(value);
    if (typeof value === 'number' || Number.isSafeInteger(number)) return number;
    throw new KeelError('dtype', `${value} does not fit a number, which is exact up to 2⁵³: read it from .data`, { value });
  }

  /** Gives the memory back at once. What the tape saved of this tensor stays valid; this handle does not. */
  dispose(): void {
    if (this.#storage === null) return;
    this.#storage.release();
    this.#storage = null;
    this.#node?.release();
    this.#node = null;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** What Node's console shows: the text of {@link toString}. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.isDisposed ? `disposed tensor of ${showShape(this.shape)}` : this.toString();
  }

  /** The same elements as PyTorch prints them. */
  toString(): string {
    const { node, requiresGrad } = this.variable;
    const gradText = node !== null ? `grad_fn=<${node.name}0>` : requiresGrad ? 'requires_grad=True' : null;
    return formatTensor({ shape: this.shape, dtype: this.dtype, data: this.data, gradText });
  }
}

const scopes: Set<Tensor>[] = [];

/**
 * Runs `f` and disposes every tensor made inside, but those it returns: alone, or in arrays, maps, sets, objects and
 * modules at any depth. Gradients accumulated into tensors from outside stay too. Scopes nest.
 *
 * @throws KeelError [argument] for an async function: it would go on after its tensors are gone.
 * @example
 * const total = scope(() => zeros([2, 3]).add(1).sum()); // the zeros and the sum before reduction are gone
 */
export function scope<T>(f: () => T): T {
  const made = new Set<Tensor>();
  scopes.push(made);
  try {
    const result = f();
    if (result instanceof Promise) {
      throw new KeelError('argument', 'scope() takes no async function: await outside of it, or dispose by hand');
    }
    if (result instanceof Tensor) moveOut(result, made);
    else for (const kept of tensorsIn(result, new Set())) moveOut(kept, made);
    return result;
  } finally {
    scopes.pop();
    for (const tensor of made) tensor.dispose();
  }
}

/** Exempts a tensor from every open scope: it lives until it is disposed or collected. Returns it. */
export function keep<T extends Tensor>(kept: T): T {
  for (const open of scopes) open.delete(kept);
  return kept;
}

function moveOut(kept: Tensor, made: Set<Tensor>): void {
  if (made.delete(kept)) scopes.at(-2)?.add(kept);
}

function* tensorsIn(value: unknown, seen: Set<unknown>): Generator<Tensor> {
  if (typeof value !== 'object' || value === null || seen.has(value) || ArrayBuffer.isView(value)) return;
  seen.add(value);
  if (value instanceof Tensor) yield value;
  else if (value instanceof Map || value instanceof Set) for (const item of value.values()) yield* tensorsIn(item, seen);
  else for (const item of Object.values(value)) yield* tensorsIn(item, seen);
}

/** @internal */
export function leaf(): Variable {
  return { requiresGrad: false, grad: null, isGradSeen: false, node: null, output: 0 };
}

/** @internal Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** @internal */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}
