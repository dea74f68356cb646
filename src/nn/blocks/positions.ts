// What a Transformer is told of the place of a token: sinusoids added to its embedding. May import errors, create, tensor,
// ops and nn.

import { tensor } from '../../create.js';
import { KeelError, showShape } from '../../errors.js';
import { checkFloats } from '../../ops/check.js';
import { add, mul } from '../../ops/elementwise.js';
import { reshape, toBackend } from '../../ops/movement.js';
import { slice } from '../../ops/shape.js';
import { sameShape, scope, type Tensor } from '../../tensor.js';
import { checkCount, checkOperands, optionsOf } from '../check.js';
import { Dropout, Embedding } from '../layers.js';
import { Module } from '../module.js';
import { bufferOf, type Buffer } from '../parameter.js';
import type { Loading } from '../state.js';

/** Options of {@link SinusoidalPositions}. */
export interface PositionsOptions {
  /** The longest sequence. Default 5000. */
  readonly maxLength?: number;
  /** (N, T, dim), else (T, N, dim). Default true. */
  readonly batchFirst?: boolean;
  /** Probability that an element of the sum is dropped in training. Default 0. */
  readonly dropout?: number;
}

/**
 * y = drop(x + pe), pe[t, 2i] = sin(t/10000^(2i/dim)), pe[t, 2i + 1] = cos(t/10000^(2i/dim)).
 *
 * Input (N, T, dim), (T, N, dim) without batchFirst, or (T, dim), float32 or float64. State: the buffer `pe`,
 * (1, maxLength, dim), or (maxLength, 1, dim) as in PyTorch's tutorial; either loads into the other, and a checkpoint may
 * lack it.
 *
 * @throws KeelError [shape] for a sequence beyond maxLength or another number of features; [rank]; [size].
 * @see https://arxiv.org/abs/1706.03762
 * @see https://docs.pytorch.org/tutorials/beginner/transformer_tutorial.html
 * @example
 * new SinusoidalPositions(16, { maxLength: 100 }).forward(randn([2, 5, 16])).shape; // [2, 5, 16]
 */
export class SinusoidalPositions extends Module {
  static readonly type: string = 'SinusoidalPositions';

  readonly dim: number;
  readonly maxLength: number;
  readonly batchFirst: boolean;
  dropout: Dropout;
  pe: Buffer;

  constructor(dim: number, options: PositionsOptions = {}) {
    super();
    const { maxLength, batchFirst, dropout } = optionsOf(new.target.name, options, {
      maxLength: 5000, batchFirst: true, dropout: 0,
    });
    checkCount('dim', dim, 1);
    checkCount('max_length', maxLength, 0);
    this.dim = dim;
    this.maxLength = maxLength;
    this.batchFirst = batchFirst;
    this.dropout = new Dropout(dropout);
    this.pe = bufferOf(tensor(sinusoids(maxLength, dim), this.tableShape()));
  }

  forward(x: Tensor): Tensor {
    checkFloats('SinusoidalPositions', [x]);
    this.checkShape(x.shape);
    const isFirst = x.rank === 2 || !this.batchFirst;
    const length = x.shape[isFirst ? 0 : 1] ?? 0;
    return scope(() => {
      const rows = slice(reshape(this.pe, [this.maxLength, this.dim]), 0, 0, length);
      const near = toBackend(rows, x.dtype, x);
      return this.dropout.forward(add(x, x.rank === 3 && isFirst ? reshape(near, [length, 1, this.dim]) : near));
    });
  }

  /** @internal Refuses tokens of another shape than that of an input. */
  checkShape(shape: readonly number[]): void {
    const layout = this.batchFirst ? `(N, T, ${this.dim})` : `(T, N, ${this.dim})`;
    if (shape.length !== 2 && shape.length !== 3) {
      const message = `SinusoidalPositions takes ${layout} or (T, ${this.dim}), got ${showShape(shape)}`;
      throw new KeelError('rank', message, { shape });
    }
    if (shape.at(-1) !== this.dim) {
      const message = `SinusoidalPositions of ${this.dim} features got ${shape.at(-1)}: ${showShape(shape)} is no ${layout}`;
      throw new KeelError('shape', message, { shape, dim: this.dim });
    }
    const length = shape[shape.length === 3 && this.batchFirst ? 1 : 0] ?? 0;
    if (length <= this.maxLength) return;
    const message =
      `a sequence of ${length} tokens is beyond the ${this.maxLength} positions: make them with maxLength: ${length}, or cut ` +
      `the sequence; ${showShape(shape)} was read as ${shape.length === 2 ? `(T, ${this.dim})` : layout}`;
    throw new KeelError('shape', message, { length, maxLength: this.maxLength, shape });
  }

  /** A checkpoint may lack what can be computed. */
  protected override optionalKeys(): string[] {
    return ['pe'];
  }

  protected override adaptState({ state, reshapedKeys }: Loading, prefix: string): void {
    const key = `${prefix}pe`;
    const held = state.get(key);
    const shape = this.tableShape();
    const [first = 0, second = 0, dim = 0] = shape;
    if (held === undefined || !sameShape(held.shape, [second, first, dim]) || sameShape(held.shape, shape)) return;
    state.set(key, reshape(held, shape));
    reshapedKeys.push(key);
  }

  protected override extraRepr(): string {
    return `${this.dim}, max_length=${this.maxLength}`;
  }

  private tableShape(): number[] {
    return this.batchFirst ? [1, this.maxLength, this.dim] : [this.maxLength, 1, this.dim];
  }
}

/** Options of {@link TransformerEmbedding}. */
export interface TransformerEmbeddingOptions extends PositionsOptions {
  /** A token whose embedding is zeros at first and gets no gradient. Default null: none. */
  readonly paddingIdx?: number | null;
}

/**
 * y = drop(√dim·E[index] + pe): tokens with their positions, what a {@link Transformer} begins with.
 *
 * Input int64 (N, T), (T, N) without batchFirst, or (T); output with an axis of dim features more. State:
 * `embedding.weight` (vocabulary, dim), `positions.pe`.
 *
 * @throws KeelError [dimension] for a token outside the vocabulary; [shape] for a sequence beyond maxLength.
 * @see https://arxiv.org/abs/1706.03762
 * @example
 * new TransformerEmbedding(100, 16, { maxLength: 50 }).forward(randint(0, 100, [2, 5])).shape; // [2, 5, 16]
 */
export class TransformerEmbedding extends Module {
  static readonly type: string = 'TransformerEmbedding';

  embedding: Embedding;
  positions: SinusoidalPositions;

  constructor(vocabulary: number, dim: number, options: TransformerEmbeddingOptions = {}) {
    super();
    const { paddingIdx, ...positions } = optionsOf(new.target.name, options, {
      paddingIdx: null, maxLength: 5000, batchFirst: true, dropout: 0,
    });
    this.embedding = new Embedding(vocabulary, dim, { paddingIdx });
    this.positions = new SinusoidalPositions(dim, positions);
  }

  forward(index: Tensor): Tensor {
    checkOperands('TransformerEmbedding', index);
    const { embedding, positions } = this;
    positions.checkShape([...index.shape, embedding.embeddingDim]);
    return scope(() => positions.forward(mul(embedding.forward(index), Math.sqrt(embedding.embeddingDim))));
  }
}

/** Rows of positions, sines and cosines in turn. */
function sinusoids(length: number, dim: number): Float32Array {
  const values = new Float32Array(length * dim);
  for (let t = 0; t < length; t++) {
    for (let i = 0; i < dim; i++) {
      const angle = t * 10000 ** -((i - (i % 2)) / dim);
      values[t * dim + i] = i % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
    }
  }
  return values;
}
