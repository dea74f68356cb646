// The layers of a Transformer: self-attention, cross-attention and feed-forward, each with Add & Norm.
// May import errors, tensor, ops, nn, addnorm, attention, masks, normlayer and sdpa.

import { KeelError, showGiven } from '../../errors.js';
import { gelu } from '../../ops/activation.js';
import { add, relu } from '../../ops/elementwise.js';
import { permute } from '../../ops/movement.js';
import { scope, type Tensor } from '../../tensor.js';
import { checkNumber, optionsOf } from '../check.js';
import { Dropout, Linear, type Layer } from '../layers.js';
import { Module } from '../module.js';
import { LayerNorm } from '../norm.js';
import { addNorm } from './addnorm.js';
import { MultiheadAttention } from './attention.js';
import { checkAttention, checkInputs } from './masks.js';
import { makeNorm, type MakeNorm } from './normlayer.js';
import { checkMaskKind } from './sdpa.js';

/** What follows the first linear layer: PyTorch's names, a function, or a layer. */
export type Activation = 'relu' | 'gelu' | ((x: Tensor) => Tensor) | Layer;

/** Options of {@link TransformerEncoderLayer} and {@link TransformerDecoderLayer}. */
export interface TransformerLayerOptions {
  /** Features between the two linear layers. Default 2048. */
  readonly dimFeedforward?: number;
  /** Probability of dropout on attention weights, after the activation and after each part. Default 0.1. */
  readonly dropout?: number;
  /** `gelu` is that of erf. Default `relu`. */
  readonly activation?: Activation;
  /** Default 1e-5. */
  readonly layerNormEps?: number;
  /** (N, T, E), else (T, N, E). Default false. */
  readonly batchFirst?: boolean;
  /** Normalize what goes into each part, else the sum after it. Default false. */
  readonly normFirst?: boolean;
  /** Learn shifts, also of the norms. Default true. */
  readonly bias?: boolean;
  /** Makes the norms in LayerNorm's place: not in PyTorch's class. Default null: `LayerNorm(dModel, {eps, bias})`. */
  readonly normLayer?: MakeNorm | null;
  /** Makes norms of each head's queries and keys: not in PyTorch's class. Default null: none. */
  readonly qkNorm?: MakeNorm | null;
}

/** Masks of a pass of {@link TransformerEncoderLayer}, as {@link MultiheadAttention} has them. */
export interface EncoderLayerPass {
  /** (T, T) or (N·nhead, T, T). Bool: true may NOT attend. Float: added to the scores. Default null. */
  readonly srcMask?: Tensor | null;
  /** (N, T), or (T) without a batch. Bool: true is left out. Float: added. Default null. */
  readonly srcKeyPaddingMask?: Tensor | null;
  /** Says that srcMask is the causal one. Default false. */
  readonly isCausal?: boolean;
}

/** Masks of a pass of {@link TransformerDecoderLayer}: those of the target, and those of the memory that it looks at. */
export interface DecoderLayerPass {
  /** (T, T) or (N·nhead, T, T). */
  readonly tgtMask?: Tensor | null;
  /** (T, S) or (N·nhead, T, S). */
  readonly memoryMask?: Tensor | null;
  /** (N, T), or (T) without a batch. */
  readonly tgtKeyPaddingMask?: Tensor | null;
  /** (N, S), or (S) without a batch. */
  readonly memoryKeyPaddingMask?: Tensor | null;
  /** Says that tgtMask is the causal one. Default false. */
  readonly tgtIsCausal?: boolean;
  /** Says that memoryMask is the causal one. Default false. */
  readonly memoryIsCausal?: boolean;
}

/** @internal Every option of a layer with PyTorch's default. */
export const layerDefaults = {
  dimFeedforward: 2048,
  dropout: 0.1,
  activation: 'relu',
  layerNormEps: 1e-5,
  batchFirst: false,
  normFirst: false,
  bias: true,
  normLayer: null,
  qkNorm: null,
} as const satisfies Required<TransformerLayerOptions>;

/**
 * x = norm1(x + SA(x)); y = norm2(x + FF(x)), or with normFirst x = x + SA(norm1(x)); y = x + FF(norm2(x)), where
 * FF(x) = W₂·act(W₁·x + b₁) + b₂.
 *
 * Input (T, N, dModel), (N, T, dModel) with batchFirst, or (T, dModel), float32 or float64. State: `self_attn`, `linear1`,
 * `linear2`, `norm1`, `norm2`. There is no fast path that skips padding: the output at padded positions is what the formula
 * gives, where PyTorch's evaluation may give 0.
 *
 * @throws KeelError [indivisible] for heads that do not divide dModel; [argument] for another activation; [shape], [rank],
 *   [dtype] for inputs and masks that do not fit.
 * @see https://arxiv.org/abs/1706.03762
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.TransformerEncoderLayer.html
 * @example
 * const layer = new TransformerEncoderLayer(16, 4, { dimFeedforward: 32, batchFirst: true, normFirst: true });
 * layer.forward(randn([2, 5, 16])).shape; // [2, 5, 16]
 */
export class TransformerEncoderLayer extends Module {
  static readonly type: string = 'TransformerEncoderLayer';

  readonly normFirst: boolean;
  selfAttn: MultiheadAttention;
  linear1: Linear;
  dropout: Dropout;
  linear2: Linear;
  norm1: Layer;
  norm2: Layer;
  dropout1: Dropout;
  dropout2: Dropout;
  activation: Layer | ((x: Tensor) => Tensor);

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super();
    const settings = optionsOf<TransformerLayerOptions>(new.target.name, options, layerDefaults);
    const { dimFeedforward, dropout, bias } = settings;
    this.activation = activationOf(settings.activation);
    this.normFirst = settings.normFirst;
    this.selfAttn = attentionOf(dModel, nhead, settings);
    this.linear1 = new Linear(dModel, dimFeedforward, { bias });
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(dimFeedforward, dModel, { bias });
    this.norm1 = normOf(dModel, settings);
    this.norm2 = normOf(dModel, settings);
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
  }

  forward(src: Tensor, options: EncoderLayerPass = {}): Tensor {
    const { srcMask, srcKeyPaddingMask, isCausal } = optionsOf('TransformerEncoderLayer.forward', options, {
      srcMask: null, srcKeyPaddingMask: null, isCausal: false,
    });
    if (srcKeyPaddingMask !== null) checkMaskKind('src_key_padding_mask', srcKeyPaddingMask);
    if (srcMask !== null) checkMaskKind('src_mask', srcMask);
    const masks = { attnMask: srcMask, keyPaddingMask: srcKeyPaddingMask, isCausal, needWeights: false };
    const attend = (x: Tensor) => dropAttended(this.dropout1, this.selfAttn, this.selfAttn.forward(x, x, x, masks).output);
    const feed = (x: Tensor) => this.dropout2.forward(feedForward(this, x));
    return scope(() => {
      if (!this.normFirst) {
        const x = addNorm(this.norm1, attend(src), src).y;
        return addNorm(this.norm2, feed(x), x).y;
      }
      const { sum: x, y } = addNorm(this.norm2, attend(this.norm1.forward(src)), src);
      return add(x, feed(y));
    });
  }
}

/**
 * x = norm1(x + SA(x)); x = norm2(x + CA(x, memory)); y = norm3(x + FF(x)), or with normFirst x = x + SA(norm1(x));
 * x = x + CA(norm2(x), memory); y = x + FF(norm3(x)). The memory is not normalized.
 *
 * Inputs: tgt (T, N, dModel) and memory (S, N, dModel), N first with batchFirst, or (T, dModel) and (S, dModel). State:
 * `self_attn`, `multihead_attn`, `linear1`, `linear2`, `norm1`, `norm2`, `norm3`.
 *
 * @throws KeelError as {@link TransformerEncoderLayer}.
 * @see https://arxiv.org/abs/1706.03762
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.TransformerDecoderLayer.html
 * @example
 * const layer = new TransformerDecoderLayer(16, 4, { dimFeedforward: 32, batchFirst: true });
 * const tgtMask = Transformer.generateSquareSubsequentMask(5);
 * layer.forward(randn([2, 5, 16]), randn([2, 7, 16]), { tgtMask }).shape; // [2, 5, 16]
 */
export class TransformerDecoderLayer extends Module {
  static readonly type: string = 'TransformerDecoderLayer';

  readonly normFirst: boolean;
  selfAttn: MultiheadAttention;
  multiheadAttn: MultiheadAttention;
  linear1: Linear;
  dropout: Dropout;
  linear2: Linear;
  norm1: Layer;
  norm2: Layer;
  norm3: Layer;
  dropout1: Dropout;
  dropout2: Dropout;
  dropout3: Dropout;
  activation: Layer | ((x: Tensor) => Tensor);

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super();
    const settings = optionsOf<TransformerLayerOptions>(new.target.name, options, layerDefaults);
    const { dimFeedforward, dropout, bias } = settings;
    this.activation = activationOf(settings.activation);
    this.normFirst = settings.normFirst;
    this.selfAttn = attentionOf(dModel, nhead, settings);
    this.multiheadAttn = attentionOf(dModel, nhead, settings);
    this.linear1 = new Linear(dModel, dimFeedforward, { bias });
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(dimFeedforward, dModel, { bias });
    this.norm1 = normOf(dModel, settings);
    this.norm2 = normOf(dModel, settings);
    this.norm3 = normOf(dModel, settings);
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
    this.dropout3 = new Dropout(dropout);
  }

  forward(tgt: Tensor, memory: Tensor, options: DecoderLayerPass = {}): Tensor {
    const masks = optionsOf('TransformerDecoderLayer.forward', options, {
      tgtMask: null, memoryMask: null, tgtKeyPaddingMask: null, memoryKeyPaddingMask: null, tgtIsCausal: false,
      memoryIsCausal: false,
    });
    const own = {
      attnMask: masks.tgtMask, keyPaddingMask: masks.tgtKeyPaddingMask, isCausal: masks.tgtIsCausal, needWeights: false,
    };
    const other = {
      attnMask: masks.memoryMask,
      keyPaddingMask: masks.memoryKeyPaddingMask,
      isCausal: masks.memoryIsCausal,
      needWeights: false,
    };
    checkInputs('TransformerDecoderLayer', { tgt, memory });
    // What only the second attention would refuse is refused before the first.
    checkAttention({ query: tgt, key: memory, value: memory, ...other }, this.multiheadAttn);
    const attend = (x: Tensor) => dropAttended(this.dropout1, this.selfAttn, this.selfAttn.forward(x, x, x, own).output);
    const look = (x: Tensor) =>
      dropAttended(this.dropout2, this.multiheadAttn, this.multiheadAttn.forward(x, memory, memory, other).output);
    const feed = (x: Tensor) => this.dropout3.forward(feedForward(this, x));
    return scope(() => {
      if (!this.normFirst) {
        const x = addNorm(this.norm1, attend(tgt), tgt).y;
        const seen = addNorm(this.norm2, look(x), x).y;
        return addNorm(this.norm3, feed(seen), seen).y;
      }
      const own1 = addNorm(this.norm2, attend(this.norm1.forward(tgt)), tgt);
      const { sum: x, y } = addNorm(this.norm3, look(own1.y), own1.sum);
      return add(x, feed(y));
    });
  }
}

/** PyTorch's attention computes tokens first, and its dropout draws in the order of memory: whoever has the seed sees it. */
function dropAttended(dropout: Dropout, { batchFirst }: MultiheadAttention, y: Tensor): Tensor {
  if (!batchFirst || y.rank !== 3 || !dropout.training || dropout.p === 0) return dropout.forward(y);
  return permute(dropout.forward(permute(y, [1, 0, 2])), [1, 0, 2]);
}

/** A layer as its feed-forward part needs it. */
interface FeedForward {
  readonly linear1: Linear;
  readonly activation: Layer | ((x: Tensor) => Tensor);
  readonly dropout: Dropout;
  readonly linear2: Linear;
}

function feedForward({ linear1, activation, dropout, linear2 }: FeedForward, x: Tensor): Tensor {
  const hidden = linear1.forward(x);
  return linear2.forward(dropout.forward(activation instanceof Module ? activation.forward(hidden) : activation(hidden)));
}

function attentionOf(dModel: number, nhead: number, settings: Required<TransformerLayerOptions>): MultiheadAttention {
  const { dropout, bias, batchFirst, qkNorm } = settings;
  return new MultiheadAttention(dModel, nhead, { dropout, bias, batchFirst, qkNorm });
}

function normOf(dModel: number, { normLayer, layerNormEps: eps, bias }: Required<TransformerLayerOptions>): Layer {
  if (normLayer !== null) return makeNorm('Transformer', normLayer, dModel);
  checkNumber('layer_norm_eps', eps);
  return new LayerNorm(dModel, { eps, bias });
}

function activationOf(activation: Activation): Layer | ((x: Tensor) => Tensor) {
  if (activation === 'relu') return relu;
  if (activation === 'gelu') return gelu;
  if (typeof activation === 'function' || activation instanceof Module) return activation;
  const given = typeof activation === 'string' ? activation : showGiven(activation);
  const message = `activation should be relu/gelu, not ${given}: others are given as a function or a layer`;
  throw new KeelError('argument', message, { activation });
}
