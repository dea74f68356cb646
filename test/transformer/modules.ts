// The modules of the rows of expected.json under their Python text.
import { GELU, LayerNorm, RMSNorm, Tanh, type Layer, type Module } from 'evenkeel';
import {
  Attention, MultiheadAttention, SinusoidalPositions, Transformer, TransformerDecoder, TransformerDecoderLayer,
  TransformerEncoder, TransformerEncoderLayer, type TransformerLayerOptions,
} from 'evenkeel/nn';

/** Sizes of a small Transformer. */
export const two = { dModel: 8, nhead: 2, numEncoderLayers: 2, numDecoderLayers: 2, dimFeedforward: 16 };

/** Norms of RMSNorm rows have the eps of the script's. */
const rms = (width: number): Layer => new RMSNorm(width, { eps: 1e-5 });
/** An encoder layer of (8, 2, 16). */
export const encoderLayer = (options: TransformerLayerOptions) => new TransformerEncoderLayer(8, 2, { dimFeedforward: 16, ...options });
/** A decoder layer of (8, 2, 16). */
export const decoderLayer = (options: TransformerLayerOptions) => new TransformerDecoderLayer(8, 2, { dimFeedforward: 16, ...options });

/** Both placements of the norm: the text of a row, and its module. */
function placed(text: (made: string) => string, make: (options: TransformerLayerOptions) => Module) {
  return [false, true].map((normFirst): [string, () => Module] => [
    text(`dropout=0.0, norm_first=${normFirst ? 'True' : 'False'}`),
    () => make({ dropout: 0, normFirst }),
  ]);
}

/** The module of each row's text. */
export const modules: Readonly<Record<string, () => Module>> = {
  'MultiheadAttention(8, 2)': () => new MultiheadAttention(8, 2),
  'MultiheadAttention(8, 2, batch_first=True)': () => new MultiheadAttention(8, 2, { batchFirst: true }),
  'MultiheadAttention(8, 2, bias=False)': () => new MultiheadAttention(8, 2, { bias: false }),
  'MultiheadAttention(8, 2, add_bias_kv=True)': () => new MultiheadAttention(8, 2, { addBiasKv: true }),
  'MultiheadAttention(8, 2, add_zero_attn=True)': () => new MultiheadAttention(8, 2, { addZeroAttn: true }),
  'MultiheadAttention(8, 2, add_bias_kv=True, add_zero_attn=True)': () =>
    new MultiheadAttention(8, 2, { addBiasKv: true, addZeroAttn: true }),
  'MultiheadAttention(8, 4, kdim=6, vdim=3, batch_first=True)': () =>
    new MultiheadAttention(8, 4, { kdim: 6, vdim: 3, batchFirst: true }),
  'MultiheadAttention(8, 4, kdim=6, vdim=6, bias=False)': () => new MultiheadAttention(8, 4, { kdim: 6, vdim: 6, bias: false }),
  'MultiheadAttention(8, 2, qk_norm=LayerNorm)': () => new MultiheadAttention(8, 2, { qkNorm: (width) => new LayerNorm(width) }),
  'MultiheadAttention(8, 2, add_bias_kv=True, qk_norm=RMSNorm)': () =>
    new MultiheadAttention(8, 2, { addBiasKv: true, qkNorm: rms }),
  'Attention(16)': () => new Attention(16),
  'Attention(8, num_heads=2, qkv_bias=True)': () => new Attention(8, { numHeads: 2, qkvBias: true }),
  'Attention(8, num_heads=2, qk_norm=LayerNorm)': () => new Attention(8, { numHeads: 2, qkNorm: (width) => new LayerNorm(width) }),
  'Attention(8, num_heads=2, qk_norm=RMSNorm)': () => new Attention(8, { numHeads: 2, qkNorm: rms }),
  ...Object.fromEntries([
    ...placed((made) => `TransformerEncoderLayer(8, 2, 16, ${made})`, encoderLayer),
    ...placed((made) => `TransformerDecoderLayer(8, 2, 16, ${made})`, decoderLayer),
    ...placed(
      (made) => `TransformerEncoderLayer(8, 2, 16, ${made}, activation='gelu', layer_norm_eps=0.01, batch_first=True)`,
      (options) => encoderLayer({ ...options, activation: 'gelu', layerNormEps: 0.01, batchFirst: true }),
    ),
    ...placed(
      (made) => `TransformerDecoderLayer(8, 2, 16, ${made}, activation=nn.Tanh(), batch_first=True)`,
      (options) => decoderLayer({ ...options, activation: new Tanh(), batchFirst: true }),
    ),
    ...placed(
      (made) => `without_bias(TransformerEncoderLayer(8, 2, 16, ${made}))`,
      (options) => encoderLayer({ ...options, bias: false }),
    ),
    ...placed(
      (made) => `without_bias(TransformerDecoderLayer(8, 2, 16, ${made}))`,
      (options) => decoderLayer({ ...options, bias: false }),
    ),
    ...placed(
      (made) => `with_norms(RMSNorm, TransformerEncoderLayer(8, 2, 16, ${made}))`,
      (options) => encoderLayer({ ...options, normLayer: rms }),
    ),
    ...placed(
      (made) => `with_norms(RMSNorm, TransformerDecoderLayer(8, 2, 16, ${made}))`,
      (options) => decoderLayer({ ...options, normLayer: rms }),
    ),
    ...placed(
      (made) => `with_qk_norms(RMSNorm, TransformerEncoderLayer(8, 2, 16, ${made}))`,
      (options) => encoderLayer({ ...options, qkNorm: rms }),
    ),
    ...placed(
      (made) => `with_qk_norms(LayerNorm, TransformerDecoderLayer(8, 2, 16, ${made}))`,
      (options) => decoderLayer({ ...options, qkNorm: (width) => new LayerNorm(width) }),
    ),
  ]),
  'TransformerEncoder(TransformerEncoderLayer(8, 2, 16, dropout=0.0, norm_first=True), 2, norm=LayerNorm(8))': () =>
    new TransformerEncoder(encoderLayer({ dropout: 0, normFirst: true }), 2, { norm: new LayerNorm(8) }),
  'TransformerEncoder(TransformerEncoderLayer(8, 2, 16, dropout=0.0, norm_first=True), 3)': () =>
    new TransformerEncoder(encoderLayer({ dropout: 0, normFirst: true }), 3),
  'TransformerDecoder(TransformerDecoderLayer(8, 2, 16, dropout=0.0, batch_first=True), 2)': () =>
    new TransformerDecoder(decoderLayer({ dropout: 0, batchFirst: true }), 2),
  'TransformerDecoder(TransformerDecoderLayer(8, 2, 16, dropout=0.0, batch_first=True), 2, norm=LayerNorm(8))': () =>
    new TransformerDecoder(decoderLayer({ dropout: 0, batchFirst: true }), 2, { norm: new LayerNorm(8) }),
  'Transformer(8, 2, 2, 2, 16, 0.0)': () => new Transformer({ ...two, dropout: 0 }),
  "Transformer(8, 2, 2, 2, 16, 0.0, activation='gelu', batch_first=True, norm_first=True)": () =>
    new Transformer({ ...two, dropout: 0, activation: 'gelu', batchFirst: true, normFirst: true }),
  'SinusoidalPositions(6, max_length=7)': () => new SinusoidalPositions(6, { maxLength: 7 }),
  'SinusoidalPositions(5, max_length=4, batch_first=False)': () => new SinusoidalPositions(5, { maxLength: 4, batchFirst: false }),
  'TransformerEncoderLayer(8, 2, 16, dropout=0.3)': () => encoderLayer({ dropout: 0.3 }),
  'TransformerEncoderLayer(8, 2, 16, dropout=0.3, norm_first=True, batch_first=True)': () =>
    encoderLayer({ dropout: 0.3, normFirst: true, batchFirst: true }),
  'TransformerEncoderLayer(8, 2, 16, dropout=0.3, batch_first=True)': () => encoderLayer({ dropout: 0.3, batchFirst: true }),
  'TransformerDecoderLayer(8, 2, 16, dropout=0.3)': () => decoderLayer({ dropout: 0.3 }),
  'TransformerDecoderLayer(8, 2, 16, dropout=0.3, batch_first=True)': () => decoderLayer({ dropout: 0.3, batchFirst: true }),
  'Transformer(8, 2, 1, 1, 16, dropout=0.3)': () =>
    new Transformer({ ...two, numEncoderLayers: 1, numDecoderLayers: 1, dropout: 0.3 }),
  'MultiheadAttention(4, 2)': () => new MultiheadAttention(4, 2),
  'MultiheadAttention(4, 2, bias=False, add_bias_kv=True)': () => new MultiheadAttention(4, 2, { bias: false, addBiasKv: true }),
  'MultiheadAttention(4, 2, kdim=3, vdim=5, add_bias_kv=True)': () =>
    new MultiheadAttention(4, 2, { kdim: 3, vdim: 5, addBiasKv: true }),
  'TransformerEncoderLayer(4, 2, 6, activation=nn.GELU())': () =>
    new TransformerEncoderLayer(4, 2, { dimFeedforward: 6, activation: new GELU() }),
  'TransformerDecoderLayer(4, 2, 6, dropout=0.2)': () => new TransformerDecoderLayer(4, 2, { dimFeedforward: 6, dropout: 0.2 }),
  'TransformerEncoder(TransformerEncoderLayer(4, 2, 6), 2, norm=LayerNorm(4))': () =>
    new TransformerEncoder(new TransformerEncoderLayer(4, 2, { dimFeedforward: 6 }), 2, { norm: new LayerNorm(4) }),
  'TransformerDecoder(TransformerDecoderLayer(4, 1, 6), 2)': () =>
    new TransformerDecoder(new TransformerDecoderLayer(4, 1, { dimFeedforward: 6 }), 2),
  'Transformer(4, 2, 2, 1, 6)': () =>
    new Transformer({ dModel: 4, nhead: 2, numEncoderLayers: 2, numDecoderLayers: 1, dimFeedforward: 6 }),
};
