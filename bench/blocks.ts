// Rows about modules: a ConvNeXt block, a Transformer encoder layer, and an epoch of the digits. May import 'evenkeel/nn', row, onnx and
// the two files of types.

import { ConvNeXt, ConvNeXtBlock, TransformerEncoderLayer } from 'evenkeel/nn';
import type { Jax, JaxArray } from './jaxapi.js';
import { node, type OnnxNode } from './onnx.js';
import { count, plain, sizes, type Row, type Shape } from './row.js';
import type { Tf, TfTensor } from './tfapi.js';

/** The shapes that these rows are made on. */
export interface BlockShapes {
  readonly images: readonly [N: number, C: number, H: number, W: number];
  readonly tokens: { readonly shape: readonly [N: number, T: number, E: number]; readonly heads: number; readonly hidden: number };
  readonly digits: { readonly images: number; readonly batch: number };
}

export function blockRows({ images, tokens, digits }: BlockShapes): Row[] {
  return [convNeXtRow(images), encoderRow(tokens, false), encoderRow(tokens, true), digitsRow(digits)];
}

type Parameters = Readonly<Record<string, Shape>>;

/** A module's rows: parameters are read forward and backward, get a gradient each, and AdamW moves them in seven sweeps. */
function blockOf(x: Shape, parameters: Parameters, flops: number) {
  const share = Object.values(parameters).reduce((n, shape) => n + count(shape), 0) / count(x);
  return {
    ...plain,
    family: 'block',
    inputs: { x, ...parameters },
    output: x,
    sweeps: { forward: 2 + share, backward: 3 + 9 * share },
    flops,
  } as const;
}

const epsilon = 1e-6;

function convNeXtRow(images: BlockShapes['images']): Row {
  const [N, C, H, W] = images;
  return {
    ...blockOf(images, convNeXtParameters(C), convNeXtFlops(C, N * H * W)),
    name: `ConvNeXtBlock ${sizes(images)}`,
    own: { module: () => new ConvNeXtBlock(C) },
    torch: `ConvNeXtBlock(${C})`,
    onnx: [
      node('Conv', 'x dwconv.weight dwconv.bias', { kernel_shape: [7, 7], pads: [3, 3, 3, 3], group: C }, 'mixed'),
      node('Transpose', 'mixed', { perm: [0, 2, 3, 1] }, 'pixels'),
      node('LayerNormalization', 'pixels norm.weight norm.bias', { axis: -1, epsilon }, 'normal'),
      ...feedNodes('normal', 'pwconv1', 'pwconv2', 'narrow'),
      node('Mul', 'narrow gamma', {}, 'scaled'),
      node('Transpose', 'scaled', { perm: [0, 3, 1, 2] }, 'branch'),
      node('Add', 'x branch'),
    ],
    tf: (tf, x, gamma, dw, db, w, b, w1, b1, w2, b2) => {
      const kernel = tf.transpose(dw, [2, 3, 0, 1]);
      const mixed = tf.add(tf.depthwiseConv2d(tf.transpose(x, [0, 2, 3, 1]), kernel, 1, 'same'), db);
      const normal = tf.layer('layerNormalization', { axis: -1, epsilon }, [w, b], mixed);
      const narrow = tfLinear(tf, tfGelu(tf, tfLinear(tf, tf.reshape(normal, [N * H * W, C]), w1, b1)), w2, b2);
      return tf.add(x, tf.transpose(tf.reshape(tf.mul(narrow, gamma), [N, H, W, C]), [0, 3, 1, 2]));
    },
    jax: (jax, x, gamma, dw, db, w, b, w1, b1, w2, b2) => {
      const convolved = jax.lax.convGeneralDilated(x.ref, dw, [1, 1], [[3, 3], [3, 3]], { featureGroupCount: C });
      const pixels = convolved.add(db.reshape([C, 1, 1])).transpose([0, 2, 3, 1]);
      const normal = jaxNorm(jax, pixels.reshape([N * H * W, C]), w, b, epsilon);
      const active = jax.nn.gelu(jaxLinear(jax, normal, w1, b1), { approximate: false });
      const branch = jaxLinear(jax, active, w2, b2).mul(gamma);
      return x.add(branch.reshape([N, H, W, C]).transpose([0, 3, 1, 2]));
    },
  };
}

function convNeXtParameters(C: number, prefix = ''): Parameters {
  return {
    [`${prefix}gamma`]: [C],
    ...layerParameters(`${prefix}dwconv`, [C, 1, 7, 7]),
    ...layerParameters(`${prefix}norm`, [C]),
    ...layerParameters(`${prefix}pwconv1`, [4 * C, C]),
    ...layerParameters(`${prefix}pwconv2`, [C, 4 * C]),
  };
}

function convNeXtFlops(C: number, positions: number): number {
  return positions * (2 * 49 * C + 2 * 2 * C * 4 * C);
}

function layerParameters(name: string, weight: Shape): Parameters {
  return { [`${name}.weight`]: weight, [`${name}.bias`]: weight.slice(0, 1) };
}

function encoderRow({ shape, heads, hidden }: BlockShapes['tokens'], normFirst: boolean): Row {
  const [N, T, E] = shape;
  const D = E / heads;
  const eps = 1e-5;
  const parameters = {
    'self_attn.in_proj_weight': [3 * E, E],
    'self_attn.in_proj_bias': [3 * E],
    ...layerParameters('self_attn.out_proj', [E, E]),
    ...layerParameters('linear1', [hidden, E]),
    ...layerParameters('linear2', [E, hidden]),
    ...layerParameters('norm1', [E]),
    ...layerParameters('norm2', [E]),
  };
  return {
    ...blockOf(shape, parameters, N * T * (8 * E * E + 4 * E * hidden + 4 * T * E)),
    name: `${normFirst ? 'EncoderLayer, norm first' : 'TransformerEncoderLayer'} ${sizes(shape)}`,
    own: {
      module: () =>
        new TransformerEncoderLayer(E, heads, {
          dimFeedforward: hidden, dropout: 0, activation: 'gelu', batchFirst: true, normFirst,
        }),
    },
    torch: `nn.TransformerEncoderLayer(${E}, ${heads}, ${hidden}, 0.0, "gelu", batch_first=True, norm_first=${normFirst ? 'True' : 'False'})`,
    onnx: encoderNodes(heads, eps, normFirst),
    tf: (tf, x, inWeight, inBias, outWeight, outBias, w1, b1, w2, b2, g1, s1, g2, s2) => {
      const norm = (value: TfTensor, g: TfTensor, s: TfTensor) => tf.layer('layerNormalization', { axis: -1, epsilon: eps }, [g, s], value);
      const attend = (value: TfTensor): TfTensor => {
        const packed = tf.reshape(tfLinear(tf, value, inWeight, inBias), [N, T, 3, heads, D]);
        const [q, k, v] = tf.unstack(tf.transpose(packed, [2, 0, 3, 1, 4]));
        if (q === undefined || k === undefined || v === undefined) throw new Error('unstack gave fewer than three');
        const scores = tf.matMul(tf.mul(q, tf.scalar(1 / Math.sqrt(D))), k, false, true);
        const joined = tf.transpose(tf.matMul(tf.softmax(scores), v), [0, 2, 1, 3]);
        return tfLinear(tf, tf.reshape(joined, [N * T, E]), outWeight, outBias);
      };
      const feed = (value: TfTensor) => tfLinear(tf, tfGelu(tf, tfLinear(tf, value, w1, b1)), w2, b2);
      const rows = tf.reshape(x, [N * T, E]);
      const y1 = normFirst ? tf.add(rows, attend(norm(rows, g1, s1))) : norm(tf.add(rows, attend(rows)), g1, s1);
      const y2 = normFirst ? tf.add(y1, feed(norm(y1, g2, s2))) : norm(tf.add(y1, feed(y1)), g2, s2);
      return tf.reshape(y2, shape);
    },
    jax: (jax, x, inWeight, inBias, outWeight, outBias, w1, b1, w2, b2, g1, s1, g2, s2) => {
      const attend = (value: JaxArray): JaxArray => {
        const packed = jaxLinear(jax, value, inWeight, inBias).reshape([N, T, 3, heads, D]).transpose([2, 0, 3, 1, 4]);
        const [q, k, v] = jax.numpy.unstack(packed);
        if (q === undefined || k === undefined || v === undefined) throw new Error('unstack gave fewer than three');
        // jax.nn.dotProductAttention calls what Node 20 does not have.
        const scores = jax.numpy.matmul(q.mul(1 / Math.sqrt(D)), k.transpose([0, 1, 3, 2]));
        const joined = jax.numpy.matmul(jax.nn.softmax(scores, -1), v).transpose([0, 2, 1, 3]);
        return jaxLinear(jax, joined.reshape([N * T, E]), outWeight, outBias);
      };
      const feed = (value: JaxArray) =>
        jaxLinear(jax, jax.nn.gelu(jaxLinear(jax, value, w1, b1), { approximate: false }), w2, b2);
      const rows = x.reshape([N * T, E]);
      const y1 = normFirst
        ? rows.ref.add(attend(jaxNorm(jax, rows, g1, s1, eps)))
        : jaxNorm(jax, rows.ref.add(attend(rows)), g1, s1, eps);
      const y2 = normFirst ? y1.ref.add(feed(jaxNorm(jax, y1, g2, s2, eps))) : jaxNorm(jax, y1.ref.add(feed(y1)), g2, s2, eps);
      return y2.reshape(shape);
    },
  };
}

function encoderNodes(heads: number, epsilon: number, normFirst: boolean): OnnxNode[] {
  const norm = (from: string, name: string, to: string) =>
    node('LayerNormalization', `${from} ${name}.weight ${name}.bias`, { axis: -1, epsilon }, to);
  const addNorm = (from: string, name: string, sum: string, to: string) =>
    node('SkipLayerNormalization', `${from} ${name}.weight ${name}.bias`, { epsilon }, `${to},,,${sum}`, 'com.microsoft');
  const attend = (from: string) => [
    ...linearNodes(from, 'self_attn.in_proj', 'packed', '_'),
    node('Split', 'packed', { axis: -1, num_outputs: 3 }, 'q,k,v'),
    node('Attention', 'q k v', { q_num_heads: heads, kv_num_heads: heads }, 'seen'),
    ...linearNodes('seen', 'self_attn.out_proj', 'attended'),
  ];
  return normFirst
    ? [
        norm('x', 'norm1', 'n1'), ...attend('n1'), addNorm('x attended', 'norm2', 'y1', 'n2'),
        ...feedNodes('n2', 'linear1', 'linear2', 'fed'), node('Add', 'y1 fed'),
      ]
    : [
        ...attend('x'), addNorm('x attended', 'norm1', 's1', 'y1'),
        ...feedNodes('y1', 'linear1', 'linear2', 'fed'), addNorm('y1 fed', 'norm2', 's2', 'y'),
      ];
}

/** Two linear layers with a GELU between. */
function feedNodes(from: string, first: string, second: string, to: string): OnnxNode[] {
  return [...linearNodes(from, first, 'wide'), node('Gelu', 'wide', {}, 'active'), ...linearNodes('active', second, to)];
}

/** The transpose of a constant is made when the model is loaded. */
function linearNodes(from: string, name: string, to: string, dot = '.'): OnnxNode[] {
  const weight = `${name}${dot}weight`;
  return [
    node('Transpose', weight, { perm: [1, 0] }, `${weight}.t`),
    node('MatMul', `${from} ${weight}.t`, {}, `${to}.product`),
    node('Add', `${to}.product ${name}${dot}bias`, {}, to),
  ];
}

function tfLinear(tf: Tf, x: TfTensor, weight: TfTensor, bias: TfTensor): TfTensor {
  return tf.add(tf.matMul(x, weight, false, true), bias);
}

function tfGelu(tf: Tf, x: TfTensor): TfTensor {
  const share = tf.add(tf.erf(tf.mul(x, tf.scalar(Math.SQRT1_2))), tf.scalar(1));
  return tf.mul(tf.mul(x, tf.scalar(0.5)), share);
}

function jaxLinear(jax: Jax, x: JaxArray, weight: JaxArray, bias: JaxArray): JaxArray {
  return jax.numpy.matmul(x, weight.transpose([1, 0])).add(bias);
}

function jaxNorm(jax: Jax, x: JaxArray, weight: JaxArray, bias: JaxArray, epsilon: number): JaxArray {
  return jax.nn.standardize(x, -1, { epsilon }).mul(weight).add(bias);
}

const depths = [2, 2] as const;
const dims = [18, 30] as const;
const classes = 10;

/** examples/digits with its ConvNeXt, on the first so many images. */
function digitsRow({ images, batch }: BlockShapes['digits']): Row {
  const [narrow, wide] = dims;
  const blocks = dims.flatMap((dim, stage) =>
    Array.from({ length: depths[stage] ?? 0 }, (_, i) => convNeXtParameters(dim, `stages.${stage}.${i}.`)));
  const seen = images - (images % batch);
  const perImage =
    2 * 16 * 4 * narrow + depths[0] * convNeXtFlops(narrow, 16) + 2 * 4 * 4 * narrow * wide + depths[1] * convNeXtFlops(wide, 4) +
    2 * wide * classes;
  return {
    ...plain,
    family: 'job',
    name: 'one epoch of examples/digits',
    inputs: {
      x: [images, 1, 8, 8],
      ...layerParameters('downsample_layers.0.0', [narrow, 1, 2, 2]),
      ...layerParameters('downsample_layers.0.1', [narrow]),
      ...layerParameters('downsample_layers.1.0', [narrow]),
      ...layerParameters('downsample_layers.1.1', [wide, narrow, 2, 2]),
      ...Object.assign({}, ...blocks),
      ...layerParameters('norm', [wide]),
      ...layerParameters('head', [classes, wide]),
    },
    output: [images, classes],
    batch,
    own: {
      module: () => new ConvNeXt({ inChannels: 1, numClasses: classes, patch: 2, depths, dims, layerScale: 0.1 }),
    },
    sweeps: { forward: 1, backward: 0 },
    flops: seen * perImage,
    torch: `ConvNeXt(${classes}, (${depths.join(', ')}), (${dims.join(', ')}))`,
  };
}
