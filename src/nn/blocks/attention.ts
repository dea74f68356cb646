// Attention with several heads: PyTorch's MultiheadAttention, and the self-attention of timm's Vision Transformer.
// May import errors, sizes, create, tensor, ops, nn, sdpa, masks and normlayer.

import { zeros } from '../../create.js';
import { KeelError, showShape } from '../../errors.js';
import { joinHeads, splitHeads } from '../../ops/heads.js';
import { linear } from '../../ops/matmul.js';
import { cat, expand, reshape, toBackend } from '../../ops/movement.js';
import { mean } from '../../ops/reduce.js';
import { split } from '../../ops/shape.js';
import { divisorsOf } from '../../sizes.js';
import { scope, type Tensor } from '../../tensor.js';
import { checkCount, checkOperands, checkProbability, optionsOf } from '../check.js';
import { xavierNormal_, xavierUniform_, zeros_ } from '../init.js';
import { Dropout, Linear, type Layer } from '../layers.js';
import { Module } from '../module.js';
import { parameterOf, type Parameter } from '../parameter.js';
import { addedMask, checkAttention, type Extents, type Seen } from './masks.js';
import { makeNorm, type MakeNorm } from './normlayer.js';
import { attend, attendSafely, scaledDotProductAttention } from './sdpa.js';

/** Options of {@link MultiheadAttention}. */
export interface MultiheadAttentionOptions {
  /** Probability that an attention weight is dropped in training. Default 0. */
  readonly dropout?: number;
  /** Learn a shift of the projections. Default true. */
  readonly bias?: boolean;
  /** Learn one more key and value, which all queries see. Default false. */
  readonly addBiasKv?: boolean;
  /** One more key and value of zeros, which all queries see. Default false. */
  readonly addZeroAttn?: boolean;
  /** Features of the keys. Default null: embedDim. */
  readonly kdim?: number | null;
  /** Features of the values. Default null: embedDim. */
  readonly vdim?: number | null;
  /** (N, T, E), else (T, N, E). Default false. */
  readonly batchFirst?: boolean;
  /**
   * Makes the norms of each head's queries and keys, `(headDim) => new LayerNorm(headDim)`, before `bias_k`: not in
   * PyTorch's class. Default null: none.
   */
  readonly qkNorm?: MakeNorm | null;
}

/** Masks of a pass of {@link MultiheadAttention}, and what it returns. */
export interface AttentionPass {
  /** (N, S), or (S) without a batch. Bool: true is left out. Float: added to the scores. Default null. */
  readonly keyPaddingMask?: Tensor | null;
  /** Return the weights too. Default true. */
  readonly needWeights?: boolean;
  /** (L, S) or (N·numHeads, L, S). Bool: true may NOT attend. Float: added to the scores. Default null. */
  readonly attnMask?: Tensor | null;
  /** The mean of the weights over the heads. Default true. */
  readonly averageAttnWeights?: boolean;
  /** Says that attnMask is the causal one, which has to be given anyway. Default false. */
  readonly isCausal?: boolean;
}

/** What a pass of {@link MultiheadAttention} gives. */
export interface AttentionOutput {
  /** Of the query's shape. */
  readonly output: Tensor;
  /** (N, L, S), or (N, numHeads, L, S) where they are not averaged, without N for inputs without; null unless needed. */
  readonly weights: Tensor | null;
}

/**
 * Concat(head₁, ..., head_h)·W_O, head_i = softmax(q_i·k_iᵀ/√(E/h))·v_i, with q, k, v = projections of query, key, value.
 *
 * Inputs (T, N, E), (N, T, E) with batchFirst, or (T, E), float32 or float64. State: `in_proj_weight` (3E, E) with the rows
 * of q, k, v one after another, or `q_proj_weight`, `k_proj_weight`, `v_proj_weight` where kdim or vdim is not E; then
 * `in_proj_bias` (3E), `bias_k` and `bias_v` (1, 1, E), `out_proj`. A query whose keys are all masked is NaN with
 * needWeights, and attends to nothing without, which leaves out_proj's bias, as in PyTorch 2.13.
 *
 * @throws KeelError [indivisible] for heads that do not divide embedDim; [shape], [rank] and [dtype] for inputs and masks
 *   that do not fit; [argument] for isCausal without a mask.
 * @see https://arxiv.org/abs/1706.03762
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html
 * @example
 * const attention = new MultiheadAttention(16, 4, { batchFirst: true });
 * const x = randn([2, 5, 16]);
 * attention.forward(x, x, x).weights?.shape; // [2, 5, 5]
 */
export class MultiheadAttention extends Module {
  static readonly type: string = 'MultiheadAttention';

  readonly embedDim: number;
  readonly numHeads: number;
  readonly headDim: number;
  readonly kdim: number;
  readonly vdim: number;
  readonly dropout: number;
  readonly addZeroAttn: boolean;
  readonly batchFirst: boolean;
  qProjWeight: Parameter | null;
  kProjWeight: Parameter | null;
  vProjWeight: Parameter | null;
  inProjWeight: Parameter | null;
  inProjBias: Parameter | null;
  biasK: Parameter | null;
  biasV: Parameter | null;
  outProj: Linear;
  qNorm: Layer | null;
  kNorm: Layer | null;

  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    super();
    const settings = optionsOf(new.target.name, options, {
      dropout: 0, bias: true, addBiasKv: false, addZeroAttn: false, kdim: null, vdim: null, batchFirst: false, qkNorm: null,
    });
    const { bias, addBiasKv, qkNorm } = settings;
    checkHeads('embed_dim', embedDim, numHeads);
    checkProbability('dropout', settings.dropout);
    this.embedDim = embedDim;
    this.numHeads = numHeads;
    this.headDim = embedDim / numHeads;
    this.kdim = settings.kdim ?? embedDim;
    this.vdim = settings.vdim ?? embedDim;
    checkCount('kdim', this.kdim, 0);
    checkCount('vdim', this.vdim, 0);
    this.dropout = settings.dropout;
    this.addZeroAttn = settings.addZeroAttn;
    this.batchFirst = settings.batchFirst;
    // PyTorch draws out_proj's weight and bias first.
    this.outProj = new NonDynamicallyQuantizableLinear(embedDim, embedDim, { bias });
    if (this.outProj.bias !== null) zeros_(this.outProj.bias);
    const isPacked = this.kdim === embedDim && this.vdim === embedDim;
    this.inProjWeight = isPacked ? drawn(3 * embedDim, embedDim) : null;
    this.qProjWeight = isPacked ? null : drawn(embedDim, embedDim);
    this.kProjWeight = isPacked ? null : drawn(embedDim, this.kdim);
    this.vProjWeight = isPacked ? null : drawn(embedDim, this.vdim);
    this.inProjBias = bias ? parameterOf(zeros([3 * embedDim])) : null;
    this.biasK = addBiasKv ? parameterOf(xavierNormal_(zeros([1, 1, embedDim]))) : null;
    this.biasV = addBiasKv ? parameterOf(xavierNormal_(zeros([1, 1, embedDim]))) : null;
    this.qNorm = headNorm(qkNorm, this.headDim);
    this.kNorm = headNorm(qkNorm, this.headDim);
  }

  forward(query: Tensor, key: Tensor, value: Tensor, options: AttentionPass = {}): AttentionOutput {
    const settings = optionsOf('MultiheadAttention.forward', options, {
      keyPaddingMask: null, needWeights: true, attnMask: null, averageAttnWeights: true, isCausal: false,
    });
    const { keyPaddingMask, needWeights, attnMask, averageAttnWeights, isCausal } = settings;
    const seen = { query, key, value, attnMask, keyPaddingMask };
    const extents = checkAttention(seen, this);
    if (isCausal && attnMask === null) {
      const message =
        'Need attn_mask if specifying the is_causal hint: give the mask too, Transformer.generateSquareSubsequentMask(n)';
      throw new KeelError('argument', message, { isCausal });
    }
    return scope(() => this.attend(seen, extents, needWeights, averageAttnWeights));
  }

  private attend(seen: Seen, extents: Extents, needWeights: boolean, average: boolean): AttentionOutput {
    const [q, k, v] = this.projected(seen);
    const queries = this.qNorm?.forward(q) ?? q;
    const keys = this.extended(this.kNorm?.forward(k) ?? k, this.biasK);
    const values = this.extended(v, this.biasV);
    const mask = addedMask(seen, extents, this.numHeads, (keys.shape[2] ?? 0) - extents.keys);
    const meeting = { mask, dropoutP: this.training ? this.dropout : 0, scale: null };
    const { query } = seen;
    if (!needWeights) return { output: this.joined(attendSafely(queries, keys, values, meeting), query), weights: null };
    const { y, weights } = attend(queries, keys, values, meeting);
    const shown = average ? mean(weights, 1) : weights;
    return { output: this.joined(y, query), weights: query.rank === 2 ? reshape(shown, shown.shape.slice(1)) : shown };
  }

  /** Queries, keys and values by heads (N, heads, T, D): neighbours that are one tensor are projected by one product. */
  private projected({ query, key, value }: Seen): readonly [q: Tensor, k: Tensor, v: Tensor] {
    const { embedDim, inProjWeight, inProjBias } = this;
    const groups: { readonly x: Tensor; parts: number }[] = [];
    for (const x of [query, key, value]) {
      const last = groups.at(-1);
      if (inProjWeight !== null && last?.x === x) last.parts++;
      else groups.push({ x, parts: 1 });
    }
    const sizes = groups.map(({ parts }) => parts * embedDim);
    // A whole weight is not copied.
    const cut = (packed: Tensor) => (sizes.length === 1 ? [packed] : split(packed, sizes));
    const own = [this.qProjWeight, this.kProjWeight, this.vProjWeight].filter((weight) => weight !== null);
    const weights = inProjWeight === null ? own : cut(inProjWeight);
    const biases = inProjBias === null ? [] : cut(inProjBias);
    const heads = weights.flatMap((weight, i) => {
      const { x, parts } = groups[i]!;
      return this.byHeads(linear(x, weight, biases[i] ?? null), parts);
    });
    // The parts of all groups are three, and there is a weight for each group.
    return heads as [Tensor, Tensor, Tensor];
  }

  private byHeads(x: Tensor, parts: number): Tensor[] {
    const [samples, batchFirst] = x.rank === 2 ? [reshape(x, [1, ...x.shape]), true] : [x, this.batchFirst];
    return splitHeads(samples, { heads: this.numHeads, parts, batchFirst });
  }

  /** Keys or values with those that belong to the module after them. */
  private extended(x: Tensor, learned: Parameter | null): Tensor {
    const [n = 0, heads = 0, , depth = 0] = x.shape;
    const pieces = [x];
    if (learned !== null) pieces.push(expand(reshape(learned, [1, heads, 1, depth]), [n, heads, 1, depth]));
    if (this.addZeroAttn) pieces.push(toBackend(zeros([n, heads, 1, depth]), x.dtype, x));
    return pieces.length === 1 ? x : cat(pieces, 2);
  }

  /** Heads (N, heads, T, D) as the query lies, projected. */
  private joined(y: Tensor, { shape, rank }: Tensor): Tensor {
    const layout = { heads: this.numHeads, parts: 1, batchFirst: rank === 2 || this.batchFirst };
    return this.outProj.forward(reshape(joinHeads([y], y.shape, layout), shape));
  }
}

/** Options of {@link Attention}. */
export interface AttentionOptions {
  /** Default 8. */
  readonly numHeads?: number;
  /** Learn a shift of queries, keys and values. Default false. */
  readonly qkvBias?: boolean;
  /** Makes the norms of each head's queries and keys: `(headDim) => new LayerNorm(headDim)`. Default null: none. */
  readonly qkNorm?: MakeNorm | null;
  /** Probability that an attention weight is dropped in training. Default 0. */
  readonly attnDrop?: number;
  /** Probability that an output is dropped in training. Default 0. */
  readonly projDrop?: number;
}

/** The mask of a pass of {@link Attention}. */
export interface SelfAttentionPass {
  /** As {@link scaledDotProductAttention} has it: (..., T, T), bool true takes part, float is added. Default null. */
  readonly attnMask?: Tensor | null;
}

/**
 * Self-attention as timm's Vision Transformer has it: softmax(q·kᵀ/√(dim/heads))·v of the heads, projected.
 *
 * Input (N, T, dim), float32 or float64. State: `qkv` (3·dim, dim) with the rows of q, k, v one after another, `q_norm` and
 * `k_norm` of one head's features where there are such norms, `proj`.
 *
 * @throws KeelError [indivisible] for heads that do not divide dim; [rank] and [shape] for another input.
 * @see https://arxiv.org/abs/2010.11929
 * @see https://github.com/huggingface/pytorch-image-models/blob/main/timm/layers/attention.py
 * @example
 * new Attention(16, { numHeads: 4, qkNorm: (width) => new RMSNorm(width) }).forward(randn([2, 5, 16])).shape; // [2, 5, 16]
 */
export class Attention extends Module {
  static readonly type: string = 'Attention';

  readonly dim: number;
  readonly numHeads: number;
  qkv: Linear;
  qNorm: Layer | null;
  kNorm: Layer | null;
  attnDrop: Dropout;
  proj: Linear;
  projDrop: Dropout;

  constructor(dim: number, options: AttentionOptions = {}) {
    super();
    const { numHeads, qkvBias, qkNorm, attnDrop, projDrop } = optionsOf(new.target.name, options, {
      numHeads: 8, qkvBias: false, qkNorm: null, attnDrop: 0, projDrop: 0,
    });
    checkHeads('dim', dim, numHeads);
    this.dim = dim;
    this.numHeads = numHeads;
    this.qkv = new Linear(dim, 3 * dim, { bias: qkvBias });
    this.qNorm = headNorm(qkNorm, dim / numHeads);
    this.kNorm = headNorm(qkNorm, dim / numHeads);
    this.attnDrop = new Dropout(attnDrop);
    this.proj = new Linear(dim, dim);
    this.projDrop = new Dropout(projDrop);
  }

  forward(x: Tensor, options: SelfAttentionPass = {}): Tensor {
    const { attnMask } = optionsOf('Attention.forward', options, { attnMask: null });
    checkTokens(x, this.dim);
    return scope(() => {
      const layout = { heads: this.numHeads, parts: 3, batchFirst: true };
      // As many pieces as parts.
      const [q, k, v] = splitHeads(this.qkv.forward(x), layout) as [Tensor, Tensor, Tensor];
      const [queries, keys] = [this.qNorm?.forward(q) ?? q, this.kNorm?.forward(k) ?? k];
      const y = scaledDotProductAttention(queries, keys, v, { attnMask, dropoutP: this.training ? this.attnDrop.p : 0 });
      const joined = joinHeads([y], y.shape, { heads: this.numHeads, parts: 1, batchFirst: true });
      return this.projDrop.forward(this.proj.forward(joined));
    });
  }
}

function headNorm(qkNorm: MakeNorm | null, headDim: number): Layer | null {
  return qkNorm === null ? null : makeNorm('qkNorm', qkNorm, headDim);
}

function drawn(rows: number, columns: number): Parameter {
  return parameterOf(xavierUniform_(zeros([rows, columns])));
}

/** What MultiheadAttention's last projection is called in PyTorch's repr. */
class NonDynamicallyQuantizableLinear extends Linear {
  static override readonly type: string = 'NonDynamicallyQuantizableLinear';
}

function checkHeads(name: string, features: number, numHeads: number): void {
  const areCounts = [features, numHeads].every((count) => Number.isInteger(count) && count > 0);
  if (!areCounts) {
    const message = `${name} and num_heads must be greater than 0, got ${name}=${features} and num_heads=${numHeads} instead`;
    throw new KeelError('size', message, { [name]: features, numHeads });
  }
  if (features % numHeads === 0) return;
  const message =
    `${name} must be divisible by num_heads: ${features} by ${numHeads}; choose from ${divisorsOf(features).join(', ')} heads`;
  throw new KeelError('indivisible', message, { [name]: features, numHeads });
}

function checkTokens(x: Tensor, dim: number): void {
  checkOperands('Attention', x);
  if (x.rank === 3 && x.shape[2] === dim) return;
  const message = `expected tokens (N, T, ${dim}), got ${showShape(x.shape)}`;
  throw new KeelError(x.rank === 3 ? 'shape' : 'rank', message, { shape: x.shape, dim });
}
