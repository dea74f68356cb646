// Linear, Embedding, Flatten, Identity and Dropout. May import errors, create, random, autograd, ops and nn.

import { detach } from '../autograd.js';
import { full, tensor, zeros } from '../create.js';
import { KeelError } from '../errors.js';
import { div, eq, mul, where } from '../ops/elementwise.js';
import { embedding } from '../ops/embedding.js';
import { linear } from '../ops/matmul.js';
import { reshape } from '../ops/movement.js';
import { flatten, unsqueeze } from '../ops/shape.js';
import { bernoulli, normal_ } from '../random.js';
import { scope, type Tensor } from '../tensor.js';
import { checkCount, checkOperands, checkProbability, optionsOf, pythonFloat } from './check.js';
import { initializeLinear } from './init.js';
import { Module, pythonBool } from './module.js';
import { parameterOf, type Parameter } from './parameter.js';

/** A module from one tensor to one tensor. */
export interface Layer extends Module {
  forward(x: Tensor): Tensor;
}

/** Options of {@link Linear}. */
export interface LinearOptions {
  /** Learn a shift. Default true. */
  readonly bias?: boolean;
}

/**
 * y = x·Wᵀ + b over the last axis.
 *
 * Input (*, inFeatures), float32 or float64, output (*, outFeatures). State: `weight` (outFeatures, inFeatures) and
 * `bias` (outFeatures), both drawn from ±1/√inFeatures.
 *
 * @throws KeelError [size] for sizes that are no counts; [shape] where the input does not end in inFeatures.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html
 * @example
 * new Linear(4, 2).forward(randn([3, 4])).shape; // [3, 2]
 */
export class Linear extends Module {
  static readonly type: string = 'Linear';

  readonly inFeatures: number;
  readonly outFeatures: number;
  weight: Parameter;
  bias: Parameter | null;

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    super();
    const { bias } = optionsOf(new.target.name, options, { bias: true });
    checkCount('in_features', inFeatures, 0);
    checkCount('out_features', outFeatures, 0);
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.weight = parameterOf(zeros([outFeatures, inFeatures]));
    this.bias = bias ? parameterOf(zeros([outFeatures])) : null;
    initializeLinear(this.weight, this.bias);
  }

  forward(x: Tensor): Tensor {
    // A weight that is computed on access goes with the scope.
    return scope(() => linear(x, this.weight, this.bias));
  }

  protected override extraRepr(): string {
    const { inFeatures, outFeatures, bias } = this;
    return `in_features=${inFeatures}, out_features=${outFeatures}, bias=${pythonBool(bias !== null)}`;
  }
}

/** Options of {@link Embedding}. */
export interface EmbeddingOptions {
  /** A row that is zeros at first and gets no gradient; negative ones count from the end. Default null: none. */
  readonly paddingIdx?: number | null;
}

/**
 * The rows of a table that an index names; gradients of equal indices add up.
 *
 * Input int64 (*), output (*, embeddingDim). State: `weight` (numEmbeddings, embeddingDim), normal numbers.
 *
 * @throws KeelError [size] for sizes that are no counts; [dimension] for a padding row or an index that the table
 *   lacks; [dtype] for an index that is not int64.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Embedding.html
 * @example
 * new Embedding(10, 4).forward(randint(0, 10, [2, 3])).shape; // [2, 3, 4]
 */
export class Embedding extends Module {
  static readonly type: string = 'Embedding';

  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly paddingIdx: number | null;
  weight: Parameter;

  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingOptions = {}) {
    super();
    const { paddingIdx } = optionsOf(new.target.name, options, { paddingIdx: null });
    checkCount('num_embeddings', numEmbeddings, 0);
    checkCount('embedding_dim', embeddingDim, 0);
    this.numEmbeddings = numEmbeddings;
    this.embeddingDim = embeddingDim;
    this.paddingIdx = paddingIdx === null ? null : rowOf(paddingIdx, numEmbeddings);
    this.weight = scope(() => {
      const drawn = normal_(zeros([numEmbeddings, embeddingDim]));
      return parameterOf(this.paddingIdx === null ? drawn : where(this.paddingRow(), 0, drawn));
    });
  }

  forward(index: Tensor): Tensor {
    const { paddingIdx, weight } = this;
    if (paddingIdx === null) return embedding(index, weight);
    return scope(() => {
      const rows = embedding(index, weight);
      return where(unsqueeze(eq(index, paddingIdx), -1), detach(rows), rows);
    });
  }

  private paddingRow(): Tensor {
    const rows = Array.from({ length: this.numEmbeddings }, (_, row) => row === this.paddingIdx);
    return tensor(rows, [this.numEmbeddings, 1]);
  }

  protected override extraRepr(): string {
    const { numEmbeddings, embeddingDim, paddingIdx } = this;
    return `${numEmbeddings}, ${embeddingDim}${paddingIdx === null ? '' : `, padding_idx=${paddingIdx}`}`;
  }
}

function rowOf(paddingIdx: number, rows: number): number {
  if (Number.isInteger(paddingIdx) && paddingIdx >= -rows && paddingIdx < rows) {
    return paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
  }
  throw new KeelError('dimension', `Padding_idx must be within num_embeddings: ${paddingIdx} of ${rows} rows`, {
    paddingIdx,
    rows,
  });
}

/**
 * x itself.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Identity.html
 * @example
 * new Identity().forward(ones([2])).toArray(); // [1, 1]
 */
export class Identity extends Module {
  static readonly type: string = 'Identity';

  forward(x: Tensor): Tensor {
    checkOperands('Identity', x);
    return same(x);
  }
}

/** The axes that {@link Flatten} joins. */
export interface FlattenOptions {
  /** Default 1. */
  readonly startDim?: number;
  /** Default -1. */
  readonly endDim?: number;
}

/**
 * The axes from startDim to endDim as one; all but the batch axis by default.
 *
 * @throws KeelError [dimension] for axes that the input lacks.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Flatten.html
 * @example
 * new Flatten().forward(randn([2, 3, 4])).shape; // [2, 12]
 */
export class Flatten extends Module {
  static readonly type: string = 'Flatten';

  readonly startDim: number;
  readonly endDim: number;

  constructor(options: FlattenOptions = {}) {
    super();
    const { startDim, endDim } = optionsOf(new.target.name, options, { startDim: 1, endDim: -1 });
    this.startDim = startDim;
    this.endDim = endDim;
  }

  forward(x: Tensor): Tensor {
    return flatten(x, this.startDim, this.endDim);
  }

  protected override extraRepr(): string {
    return `start_dim=${this.startDim}, end_dim=${this.endDim}`;
  }
}

/** The one option of activations without numbers, and of {@link Dropout}. */
export interface InplaceOptions {
  /** PyTorch's option, shown by the repr: the result is a new tensor, and the input stays, anyway. Default false. */
  readonly inplace?: boolean;
}

/**
 * In training each element is 0 with probability p and x/(1 − p) otherwise, by PyTorch's random numbers; in evaluation
 * the output is x.
 *
 * Input of any shape, float32 or float64.
 *
 * @param p default 0.5
 * @throws KeelError [argument] for a p outside 0..1.
 * @see https://arxiv.org/abs/1207.0580
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Dropout.html
 * @example
 * new Dropout(0.1).forward(ones([2, 3]));
 */
export class Dropout extends Module {
  static readonly type: string = 'Dropout';

  readonly p: number;
  readonly inplace: boolean;

  constructor(p = 0.5, options: InplaceOptions = {}) {
    super();
    const { inplace } = optionsOf(new.target.name, options, { inplace: false });
    checkProbability('dropout', p);
    this.p = p;
    this.inplace = inplace;
  }

  forward(x: Tensor): Tensor {
    checkOperands('Dropout', x);
    return dropout(x, this.training ? this.p : 0);
  }

  protected override extraRepr(): string {
    return `p=${pythonFloat(this.p)}, inplace=${pythonBool(this.inplace)}`;
  }
}

/** Each element 0 with probability p and x/(1 − p) otherwise: what {@link Dropout} does in training. */
export function dropout(x: Tensor, p: number): Tensor {
  // PyTorch draws nothing where the result is certain.
  if (p === 0 || x.size === 0) return same(x);
  return scope(() => mul(x, p === 1 ? 0 : dropoutMask(x, 1 - p)));
}

/** 1/q with probability q, else 0, for each element of x. */
function dropoutMask(x: Tensor, q: number): Tensor {
  const dtype = x.dtype === 'float64' ? 'float64' : 'float32';
  return div(bernoulli(x.shape, q, { dtype }), full([], q, { dtype }));
}

/** The same elements under a handle of its own, so that disposing one leaves the other. */
export function same(x: Tensor): Tensor {
  return reshape(x, x.shape);
}
