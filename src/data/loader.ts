// DataLoader: batches of the rows of some tensors. May import errors, create, random, autograd, nn and tensor.

import { noGrad } from '../autograd.js';
import { empty } from '../create.js';
import { KeelError, showGiven } from '../errors.js';
import { checkCount, optionsOf } from '../nn/check.js';
import { checkBackend } from '../ops/check.js';
import { rowOrder } from '../random.js';
import { scope, sizeOf, Tensor } from '../tensor.js';

/** One tensor for each that the loader was given. */
export type Batch<T extends readonly Tensor[]> = { -readonly [K in keyof T]: Tensor };

/** Options of {@link DataLoader}. */
export interface DataLoaderOptions<T extends readonly Tensor[] = Tensor[]> {
  /** Rows of a batch. Default 1. */
  readonly batchSize?: number;
  /** A new order in each pass, from the generator that {@link manualSeed} seeds. Default false. */
  readonly shuffle?: boolean;
  /** Leave out a last batch that is not full. Default false. */
  readonly dropLast?: boolean;
  /** What becomes of a batch before it is handed out, as of images that are shifted; not recorded. Default null. */
  readonly transform?: ((batch: Batch<T>) => Batch<T>) | null;
}

/**
 * Passes over the rows (axis 0) of tensors that belong together, as images and their labels, in batches: each pass
 * yields one array after another of tensors (batchSize, ...), one for each tensor given, of its dtype. After the same seed a
 * pass has the rows of PyTorch's, and leaves the generator where PyTorch's does.
 *
 * A batch belongs to whoever asked for it: to the scope that runs then, or it is disposed by hand or collected later, as
 * any tensor. {@link forEach} runs a function with a scope around each batch.
 *
 * @param tensors of equal extents along axis 0; they stay the caller's
 * @throws KeelError [argument] for no tensors or unknown options, and from a pass for a transform that gives no list of
 *   tensors; [size] for a batchSize that is no count; [shape] for extents that differ or scalars; [disposed].
 * @see https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.DataLoader
 * @example
 * const loader = new DataLoader([images, labels], { batchSize: 32, shuffle: true });
 * loader.forEach(([x, y]) => crossEntropy(model.forward(x), y).backward());
 */
export class DataLoader<const T extends readonly Tensor[]> implements Iterable<Batch<T>> {
  readonly tensors: T;
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  readonly transform: ((batch: Batch<T>) => Batch<T>) | null;

  constructor(tensors: T, options: DataLoaderOptions<T> = {}) {
    const defaults = { batchSize: 1, shuffle: false, dropLast: false, transform: null };
    const { batchSize, shuffle, dropLast, transform } = optionsOf<DataLoaderOptions<T>>('DataLoader', options, defaults);
    checkRows(tensors);
    checkCount('batch_size', batchSize, 1);
    if (transform !== null && typeof transform !== 'function') {
      throw new KeelError('argument', `transform takes a batch to a batch, got ${showGiven(transform)}`, { transform });
    }
    this.tensors = tensors;
    this.batchSize = batchSize;
    this.shuffle = shuffle;
    this.dropLast = dropLast;
    this.transform = transform;
  }

  /** Batches in one pass. */
  get length(): number {
    const batches = this.#rows / this.batchSize;
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  get #rows(): number {
    return this.tensors[0]?.shape[0] ?? 0;
  }

  *[Symbol.iterator](): Iterator<Batch<T>> {
    const order = rowOrder(this.#rows, this.shuffle);
    for (let i = 0; i < this.length; i++) yield this.#batch(i, order);
  }

  /**
   * One pass: each batch, and all tensors that f makes, are gone after f's turn.
   *
   * @throws KeelError [argument] for what is no function, and an async one.
   * @example
   * loader.forEach(([x, y], i) => console.log(i, mseLoss(model.forward(x), y).item()));
   */
  forEach(f: (batch: Batch<T>, index: number) => void): void {
    if (typeof f !== 'function') {
      throw new KeelError('argument', `DataLoader.forEach takes a function of a batch, got ${showGiven(f)}`, { f });
    }
    const order = rowOrder(this.#rows, this.shuffle);
    const run = (i: number): void => {
      // In spite of its type.
      const result: unknown = f(this.#batch(i, order), i);
      if (!(result instanceof Promise)) return;
      const message =
        'DataLoader.forEach takes no async function, which would go on after its batch is gone: await in the body of ' +
        'for (const batch of loader)';
      throw new KeelError('argument', message);
    };
    for (let i = 0; i < this.length; i++) scope(() => run(i));
  }

  #batch(i: number, order: readonly number[] | null): Batch<T> {
    const from = i * this.batchSize;
    const to = Math.min(this.#rows, from + this.batchSize);
    const rows = order === null ? Array.from({ length: to - from }, (_, j) => from + j) : order.slice(from, to);
    return scope(() => {
      // One for each tensor of T, in order.
      const batch = this.tensors.map((x) => rowsOf(x, rows)) as Batch<T>;
      const { transform } = this;
      return transform === null ? batch : checkedBatch(noGrad(() => transform(batch)));
    });
  }
}

/** The rows of x in the order of a list, whatever the dtype. */
function rowsOf(x: Tensor, rows: readonly number[]): Tensor {
  const width = sizeOf(x.shape.slice(1));
  const y = empty([rows.length, ...x.shape.slice(1)], x.dtype, x);
  // Whatever type the elements have, those of both have it.
  const [from, into] = [x.data as Float32Array, y.data as Float32Array];
  rows.forEach((row, i) => into.set(from.subarray(row * width, (row + 1) * width), i * width));
  return y;
}

/** What a transform gave, unless it is no batch, as where the return is missing. */
function checkedBatch<T extends readonly Tensor[]>(batch: Batch<T>): Batch<T> {
  // Functions of JavaScript may return anything.
  const given: unknown = batch;
  if (Array.isArray(given) && given.every((x) => x instanceof Tensor)) return batch;
  const message = `transform takes a batch to a batch, and gave ${showGiven(given)}: return a list of tensors, such as [x, y]`;
  throw new KeelError('argument', message, { given });
}

function checkRows(tensors: readonly Tensor[]): void {
  if (!Array.isArray(tensors) || tensors.length === 0) {
    const message = `DataLoader takes a list of tensors, as in new DataLoader([images, labels]); got ${showGiven(tensors)}`;
    throw new KeelError('argument', message, { tensors });
  }
  for (const x of tensors) checkBackend('DataLoader', [x]);
  const [first] = tensors;
  const expected = first?.shape[0];
  tensors.forEach((x: Tensor, i) => {
    if (x.rank > 0 && x.shape[0] === expected) return;
    const shapes = tensors.map(({ shape }: Tensor) => `[${shape.join(', ')}]`).join(', ');
    throw new KeelError(
      'shape',
      `Size mismatch between tensors: tensor ${i} has ${x.shape[0] ?? 'no'} rows, the first ${expected ?? 'none'}; of ${shapes}`,
      { index: i, expected, got: x.shape[0] },
    );
  });
}
