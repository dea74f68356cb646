// DeepNorm's constants and initial weights, for post-norm Transformers of any depth. May import errors, create, ops,
// tensor and nn.

import { zeros } from '../../create.js';
import { KeelError } from '../../errors.js';
import { cat, copyInto } from '../../ops/movement.js';
import { scope, type Tensor } from '../../tensor.js';
import { checkCount, optionsOf } from '../check.js';
import { xavierNormal_ } from '../init.js';
import { checkModule, type Module } from '../module.js';

/** Layers of the model: one of the two, or both. */
export interface DeepNormDepth {
  /** Default 0: a decoder alone. */
  readonly encoderLayers?: number;
  /** Default 0: an encoder alone. */
  readonly decoderLayers?: number;
}

/** α scales the residual, y = norm(α·x + f(x)), and β the initial weights. */
export interface DeepNormConstants {
  readonly alpha: number;
  readonly beta: number;
}

/** The constants of each half of the model that it has. */
export interface DeepNormPair {
  readonly encoder: DeepNormConstants | null;
  readonly decoder: DeepNormConstants | null;
}

/**
 * α and β of an encoder of N layers and a decoder of M: alone, α = (2N)^(1/4) and β = (8N)^(−1/4), and the same of M;
 * together, 0.81·(N⁴M)^(1/16) and 0.87·(N⁴M)^(−1/16) in the encoder, (3M)^(1/4) and (12M)^(−1/4) in the decoder.
 *
 * @throws KeelError [size] for counts that are none; [argument] where both are 0.
 * @see https://arxiv.org/abs/2203.00555
 * @example
 * deepNormConstants({ encoderLayers: 8 }).encoder; // { alpha: 2, beta: 0.3535... }
 */
export function deepNormConstants(depth: DeepNormDepth): DeepNormPair {
  const none = { encoderLayers: 0, decoderLayers: 0 };
  const { encoderLayers: N, decoderLayers: M } = optionsOf('deepNormConstants', depth, none);
  checkCount('encoderLayers', N, 0);
  checkCount('decoderLayers', M, 0);
  if (N === 0 && M === 0) {
    throw new KeelError('argument', 'deepNormConstants: 0 layers: give encoderLayers, decoderLayers or both', { N, M });
  }
  if (M === 0) return { encoder: alone(N), decoder: null };
  if (N === 0) return { encoder: null, decoder: alone(M) };
  const root = (N ** 4 * M) ** (1 / 16);
  return {
    encoder: { alpha: 0.81 * root, beta: 0.87 / root },
    decoder: { alpha: (3 * M) ** 0.25, beta: (12 * M) ** -0.25 },
  };
}

/**
 * Draws the weights of a model anew as DeepNorm begins: Xavier's normal numbers of gain β in feed-forward layers and in the
 * value and output projections of attention, of gain 1 in the query and key projections. Biases and all other weights stay.
 *
 * By their keys: `mlp`, `ffn`, `fc1`, `fc2`, `linear1`, `linear2`, `v_proj` and `out_proj`, or `proj` of an `attn`, get β;
 * `q_proj` and `k_proj` 1; of the packed `in_proj_weight` and `qkv` each third its own.
 *
 * @returns the keys of what was drawn
 * @throws KeelError [argument] for a beta that is not above 0; [name] where the model has none of these keys.
 * @see https://arxiv.org/abs/2203.00555
 * @example
 * const { encoder } = deepNormConstants({ encoderLayers: 8 });
 * deepNormInit(new Mlp(32, 128), encoder?.beta ?? 1); // ['fc1.weight', 'fc2.weight']
 */
export function deepNormInit(model: Module, beta: number): string[] {
  checkModule(model);
  if (!(Number.isFinite(beta) && beta > 0)) {
    const message = `deepNormInit: beta must be above 0, got ${String(beta)}: deepNormConstants() has it`;
    throw new KeelError('argument', message, { beta });
  }
  const drawn = model.namedParameters().flatMap(([key, weight]) => {
    const gains = gainsOf(key, beta);
    if (gains === null || weight.rank !== 2) return [];
    checkParts(key, weight, gains.length);
    return [{ key, weight, gains }];
  });
  if (drawn.length === 0) {
    throw new KeelError(
      'name',
      `deepNormInit finds no feed-forward or attention weight in ${model.typeName()}: it goes by keys such as ` +
        'mlp.fc1.weight and attn.qkv.weight',
      { keys: model.namedParameters().map(([key]) => key) },
    );
  }
  for (const { weight, gains } of drawn) drawInto(weight, gains);
  return drawn.map(({ key }) => key);
}

function alone(layers: number): DeepNormConstants {
  return { alpha: (2 * layers) ** 0.25, beta: (8 * layers) ** -0.25 };
}

/** The gain of each part of the rows of a weight; null for one that DeepNorm leaves alone. */
function gainsOf(key: string, beta: number): readonly number[] | null {
  if (/(^|[._])(in_proj_|qkv\.)weight$/.test(key)) return [1, 1, beta];
  if (/(^|\.)[qk]_proj[._]weight$/.test(key)) return [1];
  const isScaled = /(^|\.)((mlp|ffn)\.(.*\.)?|fc[12]\.|linear[12]\.|(out|v)_proj[._]|attn\.proj\.)weight$/.test(key);
  return isScaled ? [beta] : null;
}

function checkParts(key: string, { shape }: Tensor, parts: number): void {
  const [rows = 0] = shape;
  if (rows % parts === 0) return;
  throw new KeelError(
    'indivisible',
    `deepNormInit: the ${rows} rows of ${key} are not q, k and v of equal width: ${rows} is not divisible by ${parts}`,
    { key, shape },
  );
}

/** Each part is drawn as a matrix of its own, whose fans are its own. */
function drawInto(weight: Tensor, gains: readonly number[]): void {
  const [gain = 1, ...others] = gains;
  if (others.length === 0) {
    xavierNormal_(weight, { gain });
    return;
  }
  const [rows = 0, columns = 0] = weight.shape;
  const dtype = weight.dtype === 'float64' ? 'float64' : 'float32';
  scope(() => {
    const parts = gains.map((each) => xavierNormal_(zeros([rows / gains.length, columns], { dtype }), { gain: each }));
    copyInto(weight, cat(parts));
  });
}
