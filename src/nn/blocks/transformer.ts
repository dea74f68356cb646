// Stacks of Transformer layers, and the encoder and decoder together. May import errors, tensor, ops, nn, masks, normlayer,
// sdpa and transformerlayer.

import { KeelError } from '../../errors.js';
import { checkFloats } from '../../ops/check.js';
import { reshape } from '../../ops/movement.js';
import { scope, type Tensor } from '../../tensor.js';
import { checkCount, checkOperands, optionsOf } from '../check.js';
import { cloneModule } from '../clone.js';
import { ModuleList } from '../containers.js';
import { xavierUniform_ } from '../init.js';
import type { Layer } from '../layers.js';
import { checkModule, Module } from '../module.js';
import { LayerNorm } from '../norm.js';
import { checkAttention, checkInputs, tokensOf } from './masks.js';
import { makeNorm } from './normlayer.js';
import { causalMask, checkMaskKind } from './sdpa.js';
import {
  layerDefaults, TransformerDecoderLayer, TransformerEncoderLayer, type DecoderLayerPass, type EncoderLayerPass,
  type TransformerLayerOptions,
} from './transformerlayer.js';

/** Options of {@link TransformerEncoder} and {@link TransformerDecoder}. */
export interface TransformerStackOptions {
  /** What follows the last layer: a stack with normFirst needs it. Default null: nothing. */
  readonly norm?: Layer | null;
}

/** What {@link TransformerEncoder} stacks: {@link TransformerEncoderLayer}, or a module that is called as one. */
export interface EncoderLayerModule extends Module {
  forward(src: Tensor, options?: EncoderLayerPass): Tensor;
}

/** What {@link TransformerDecoder} stacks: {@link TransformerDecoderLayer}, or a module that is called as one. */
export interface DecoderLayerModule extends Module {
  forward(tgt: Tensor, memory: Tensor, options?: DecoderLayerPass): Tensor;
}

/** Masks of a pass of {@link TransformerEncoder}, the same for every layer. */
export interface EncoderPass {
  /** (T, T) or (N·nhead, T, T). Bool: true may NOT attend. Float: added to the scores. Default null. */
  readonly mask?: Tensor | null;
  /** (N, T), or (T) without a batch. Bool: true is left out. Float: added. Default null. */
  readonly srcKeyPaddingMask?: Tensor | null;
  /** Says that the mask is the causal one. Default null: unknown, which changes no number. */
  readonly isCausal?: boolean | null;
}

/** Masks of a pass of {@link TransformerDecoder}, the same for every layer. */
export interface DecoderPass extends Omit<DecoderLayerPass, 'tgtIsCausal'> {
  /** Says that tgtMask is the causal one. Default null: unknown, which changes no number. */
  readonly tgtIsCausal?: boolean | null;
}

/**
 * `numLayers` deep copies of a layer one after another, equal at first, and a norm.
 *
 * Input as {@link TransformerEncoderLayer}. State: `layers.0`, `layers.1`, ..., and `norm` where there is one.
 *
 * @throws KeelError [size] for a number of layers that is no count; [argument] for what is no module.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.TransformerEncoder.html
 * @example
 * const layer = new TransformerEncoderLayer(16, 4, { dimFeedforward: 32, normFirst: true });
 * new TransformerEncoder(layer, 2, { norm: new LayerNorm(16) }).forward(randn([5, 2, 16])).shape; // [5, 2, 16]
 */
export class TransformerEncoder<T extends EncoderLayerModule = TransformerEncoderLayer> extends Module {
  static readonly type: string = 'TransformerEncoder';

  layers: ModuleList<T>;
  norm: Layer | null;

  constructor(encoderLayer: T, numLayers: number, options: TransformerStackOptions = {}) {
    super();
    this.layers = copiesOf(encoderLayer, numLayers);
    this.norm = normOf(new.target.name, options);
  }

  forward(src: Tensor, options: EncoderPass = {}): Tensor {
    const settings = optionsOf<EncoderPass>('TransformerEncoder.forward', options, {
      mask: null, srcKeyPaddingMask: null, isCausal: null,
    });
    const { mask, srcKeyPaddingMask, isCausal } = settings;
    checkOperands('TransformerEncoder', src);
    if (mask !== null) checkMaskKind('mask', mask);
    const pass = { srcMask: mask, srcKeyPaddingMask, isCausal: isCausal ?? false };
    return scope(() => {
      let x = src;
      for (const layer of this.layers) x = layer.forward(x, pass);
      return finish(this.norm, x);
    });
  }
}

/**
 * `numLayers` deep copies of a layer one after another, equal at first, which all look at one memory, and a norm.
 *
 * Inputs as {@link TransformerDecoderLayer}. State: `layers.0`, `layers.1`, ..., and `norm` where there is one.
 *
 * @throws KeelError as {@link TransformerEncoder}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.TransformerDecoder.html
 * @example
 * const decoder = new TransformerDecoder(new TransformerDecoderLayer(16, 4, { dimFeedforward: 32 }), 2);
 * decoder.forward(randn([5, 2, 16]), randn([7, 2, 16])).shape; // [5, 2, 16]
 */
export class TransformerDecoder<T extends DecoderLayerModule = TransformerDecoderLayer> extends Module {
  static readonly type: string = 'TransformerDecoder';

  layers: ModuleList<T>;
  norm: Layer | null;

  constructor(decoderLayer: T, numLayers: number, options: TransformerStackOptions = {}) {
    super();
    this.layers = copiesOf(decoderLayer, numLayers);
    this.norm = normOf(new.target.name, options);
  }

  forward(tgt: Tensor, memory: Tensor, options: DecoderPass = {}): Tensor {
    const { tgtIsCausal, ...masks } = optionsOf<DecoderPass>('TransformerDecoder.forward', options, {
      tgtMask: null, memoryMask: null, tgtKeyPaddingMask: null, memoryKeyPaddingMask: null, tgtIsCausal: null,
      memoryIsCausal: false,
    });
    checkInputs('TransformerDecoder', { tgt, memory });
    const pass = { ...masks, tgtIsCausal: tgtIsCausal ?? false };
    return scope(() => {
      let x = tgt;
      for (const layer of this.layers) x = layer.forward(x, memory, pass);
      return finish(this.norm, x);
    });
  }
}

/** An encoder of one's own in a {@link Transformer}. */
export interface EncoderModule extends Module {
  forward(src: Tensor, options?: EncoderPass): Tensor;
}

/** A decoder of one's own in a {@link Transformer}. */
export interface DecoderModule extends Module {
  forward(tgt: Tensor, memory: Tensor, options?: DecoderPass): Tensor;
}

/** Options of {@link Transformer}. */
export interface TransformerOptions extends TransformerLayerOptions {
  /** Default 512. */
  readonly dModel?: number;
  /** Default 8. */
  readonly nhead?: number;
  /** Default 6. */
  readonly numEncoderLayers?: number;
  /** Default 6. */
  readonly numDecoderLayers?: number;
  /** Takes the encoder's place. Default null. */
  readonly customEncoder?: EncoderModule | null;
  /** Takes the decoder's place. Default null. */
  readonly customDecoder?: DecoderModule | null;
}

/** Masks of a pass of {@link Transformer}. */
export interface TransformerPass extends Omit<DecoderPass, 'tgtMask'> {
  /** (S, S) or (N·nhead, S, S). Bool: true may NOT attend. Float: added to the scores. Default null. */
  readonly srcMask?: Tensor | null;
  /** (T, T) or (N·nhead, T, T), as {@link Transformer.generateSquareSubsequentMask}. */
  readonly tgtMask?: Tensor | null;
  /** (N, S), or (S) without a batch. */
  readonly srcKeyPaddingMask?: Tensor | null;
  /** Says that srcMask is the causal one. Default null: unknown, which changes no number. */
  readonly srcIsCausal?: boolean | null;
}

/**
 * decoder(tgt, encoder(src)): the Transformer without embeddings and output layer. Both stacks end in a norm, and every
 * matrix is drawn anew by {@link xavierUniform_}, so that layers differ.
 *
 * Inputs: src (S, N, dModel) and tgt (T, N, dModel), N first with batchFirst, or (S, dModel) and (T, dModel), float32 or
 * float64; output of tgt's shape. State: `encoder.layers.0`, ..., `encoder.norm`, `decoder.layers.0`, ..., `decoder.norm`.
 *
 * @throws KeelError [shape] for batches or features that differ; otherwise as {@link TransformerEncoderLayer}.
 * @see https://arxiv.org/abs/1706.03762
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Transformer.html
 * @example
 * const model = new Transformer({ dModel: 16, nhead: 4, numEncoderLayers: 1, numDecoderLayers: 1, dimFeedforward: 32 });
 * model.forward(randn([7, 2, 16]), randn([5, 2, 16])).shape; // [5, 2, 16]
 */
export class Transformer extends Module {
  static readonly type: string = 'Transformer';

  readonly dModel: number;
  readonly nhead: number;
  readonly batchFirst: boolean;
  encoder: EncoderModule;
  decoder: DecoderModule;

  constructor(options: TransformerOptions = {}) {
    super();
    const settings = optionsOf<TransformerOptions>(new.target.name, options, {
      dModel: 512, nhead: 8, numEncoderLayers: 6, numDecoderLayers: 6, customEncoder: null, customDecoder: null,
      ...layerDefaults,
    });
    const { dModel, nhead, numEncoderLayers, numDecoderLayers, customEncoder, customDecoder, ...layer } = settings;
    for (const custom of [customEncoder, customDecoder]) if (custom !== null) checkModule(custom);
    this.dModel = dModel;
    this.nhead = nhead;
    this.batchFirst = layer.batchFirst;
    const norm = () =>
      layer.normLayer === null
        ? new LayerNorm(dModel, { eps: layer.layerNormEps, bias: layer.bias })
        : makeNorm(new.target.name, layer.normLayer, dModel);
    // The layers that the copies are made of go with the scopes.
    this.encoder = customEncoder ?? scope(() => {
      const encoderLayer = new TransformerEncoderLayer(dModel, nhead, layer);
      return new TransformerEncoder(encoderLayer, numEncoderLayers, { norm: norm() });
    });
    this.decoder = customDecoder ?? scope(() => {
      const decoderLayer = new TransformerDecoderLayer(dModel, nhead, layer);
      return new TransformerDecoder(decoderLayer, numDecoderLayers, { norm: norm() });
    });
    for (const parameter of this.parameters()) if (parameter.rank > 1) xavierUniform_(parameter);
  }

  /**
   * (n, n): 0 where query i may see key j ≤ i, −∞ elsewhere.
   *
   * @throws KeelError [size] for an n that is no count, or a mask beyond what a tensor holds.
   */
  static generateSquareSubsequentMask(n: number): Tensor {
    checkCount('sz', n, 0);
    return causalMask(n, n);
  }

  forward(src: Tensor, tgt: Tensor, options: TransformerPass = {}): Tensor {
    const { srcMask, srcKeyPaddingMask, srcIsCausal, ...pass } = optionsOf<TransformerPass>('Transformer.forward', options, {
      srcMask: null, tgtMask: null, memoryMask: null, srcKeyPaddingMask: null, tgtKeyPaddingMask: null,
      memoryKeyPaddingMask: null, srcIsCausal: null, tgtIsCausal: null, memoryIsCausal: false,
    });
    this.checkInputs(src, tgt);
    this.checkMasks(src, tgt, pass);
    return scope(() => {
      const memory = this.encoder.forward(src, { mask: srcMask, srcKeyPaddingMask, isCausal: srcIsCausal });
      return this.decoder.forward(tgt, memory, pass);
    });
  }

  /** What the decoder would refuse is refused before the encoder runs; a decoder of the caller's own may want other masks. */
  private checkMasks(src: Tensor, tgt: Tensor, pass: TransformerPass): void {
    if (!(this.encoder instanceof TransformerEncoder && this.decoder instanceof TransformerDecoder)) return;
    const { dModel, nhead, batchFirst } = this;
    const made = { embedDim: dModel, kdim: dModel, vdim: dModel, numHeads: nhead, batchFirst };
    const { tgtMask = null, tgtKeyPaddingMask = null, memoryMask = null, memoryKeyPaddingMask = null } = pass;
    checkAttention({ query: tgt, key: tgt, value: tgt, attnMask: tgtMask, keyPaddingMask: tgtKeyPaddingMask }, made);
    checkAttention({ query: tgt, key: src, value: src, attnMask: memoryMask, keyPaddingMask: memoryKeyPaddingMask }, made);
  }

  private checkInputs(src: Tensor, tgt: Tensor): void {
    checkInputs('Transformer', { src, tgt });
    checkFloats('Transformer', [src, tgt]);
    const data = { src: src.shape, tgt: tgt.shape, dModel: this.dModel };
    const shapes = `src has torch.Size([${src.shape.join(', ')}]) and tgt torch.Size([${tgt.shape.join(', ')}])`;
    if (src.rank !== tgt.rank) {
      const message = `src and tgt must both be batched 3-D or both unbatched 2-D: ${shapes}`;
      throw new KeelError('rank', message, data);
    }
    const [srcBatch] = tokensOf(src, this.batchFirst);
    const [tgtBatch] = tokensOf(tgt, this.batchFirst);
    if (src.rank === 3 && srcBatch !== tgtBatch) {
      const message = `the batch number of src and tgt must be equal: ${srcBatch} and ${tgtBatch}, as ${shapes}`;
      throw new KeelError('shape', message, data);
    }
    if (src.shape.at(-1) === this.dModel && tgt.shape.at(-1) === this.dModel) return;
    const message = `the feature number of src and tgt must be equal to d_model, ${this.dModel}: ${shapes}`;
    throw new KeelError('shape', message, data);
  }
}

function copiesOf<T extends Module>(layer: T, numLayers: number): ModuleList<T> {
  checkModule(layer);
  checkCount('num_layers', numLayers, 0);
  return new ModuleList(Array.from({ length: numLayers }, () => cloneModule(layer)));
}

function normOf(owner: string, options: TransformerStackOptions): Layer | null {
  const { norm } = optionsOf<TransformerStackOptions>(owner, options, { norm: null });
  if (norm !== null) checkModule(norm);
  return norm;
}

/** The result of a stack; one of no layers gives a handle of its own. */
function finish(norm: Layer | null, x: Tensor): Tensor {
  return norm === null ? reshape(x, x.shape) : norm.forward(x);
}
