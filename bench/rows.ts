// The rows of the bench: what evenkeel runs, and what each peer runs on the same numbers. May import 'evenkeel', onnx, row and blocks.

import {
  addLayerNorm, addRMSNorm, batchNorm, conv2d, gelu, groupNorm, instanceNorm, layerNorm, layerNorm2d, LayerNorm, matmul,
  noGrad, norm, rmsNorm, softmax, type Tensor,
} from 'evenkeel';
import { blockRows, type BlockShapes } from './blocks.js';
import { node } from './onnx.js';
import { count, plain, sizes, type Row, type Shape } from './row.js';

const eps = 1e-5;

/** The shapes that rows are made on. */
export interface Shapes {
  readonly tokens: readonly Shape[];
  readonly added: readonly Shape[];
  readonly batches: readonly Shape[];
  readonly images: readonly [N: number, C: number, H: number, W: number];
  readonly products: readonly Shape[];
  readonly square: Shape;
  readonly blocks: BlockShapes;
  readonly call: Shape;
}

export const rows: readonly Row[] = rowsOn({
  tokens: [[128, 768], [4096, 768], [8192, 1024], [16384, 4096]],
  added: [[4096, 768], [8192, 1024]],
  batches: [[8, 96, 56, 56], [32, 64, 56, 56]],
  images: [8, 96, 56, 56],
  products: [[256, 768, 768], [1024, 1024, 1024]],
  square: [1024, 1024],
  blocks: {
    images: [8, 96, 56, 56],
    tokens: { shape: [8, 128, 256], heads: 8, hidden: 1024 },
    digits: { images: 1437, batch: 64 },
  },
  call: [128, 768],
});

export function rowsOn({ tokens, added, batches, images, products, square, blocks, call }: Shapes): Row[] {
  const [N, C, H, W] = images;
  return [
    ...each(tokens, layerNormRow),
    ...each(tokens, rmsNormRow),
    ...each(batches, batchNormRow),
    ...each([images], batchNormEvalRow, instanceNormRow, groupNormRow, layerNorm2dRow, layerNormImageRow),
    ...each([[N, H, W, C]], channelsLastRow),
    ...each(added, addLayerNormRow, addRMSNormRow),
    ...each(products, matmulRow),
    ...each([images], depthwiseRow),
    ...each([square], geluRow, softmaxRow),
    ...blockRows(blocks),
    ...each([call], callRow),
  ];
}

type Extents = [number, number, number, number];

function each(shapes: readonly Shape[], ...make: ((...extents: Extents) => Row)[]): Row[] {
  return make.flatMap((row) => shapes.map(([a = 1, b = 1, c = 1, d = 1]) => row(a, b, c, d)));
}

function layerNormRow(R: number, C: number): Row {
  return {
    ...plain,
    name: `LayerNorm ${sizes([R, C])}`,
    inputs: { x: [R, C], w: [C], b: [C] },
    output: [R, C],
    own: (x, w, b) => layerNorm(x, [C], { weight: w, bias: b, eps }),
    torch: `y = F.layer_norm(x, [${C}], w, b, ${eps})`,
    onnx: [node('LayerNormalization', 'x w b', { axis: -1, epsilon: eps })],
    tf: (tf, x, w, b) => tf.layer('layerNormalization', { axis: -1, epsilon: eps }, [w, b], x),
    jax: (jax, x, w, b) => jax.nn.standardize(x, -1, { epsilon: eps }).mul(w).add(b),
  };
}

function rmsNormRow(R: number, C: number): Row {
  return {
    ...plain,
    family: 'rms',
    name: `RMSNorm ${sizes([R, C])}`,
    inputs: { x: [R, C], w: [C] },
    output: [R, C],
    own: (x, w) => rmsNorm(x, [C], { weight: w, eps }),
    torch: `y = F.rms_norm(x, [${C}], w, ${eps})`,
    onnx: [node('RMSNormalization', 'x w', { axis: -1, epsilon: eps })],
    jax: (jax, x, w) => {
      const square = jax.numpy.mean(x.ref.mul(x.ref), -1, { keepdims: true });
      return x.div(jax.numpy.sqrt(square.add(eps))).mul(w);
    },
  };
}

function batchNormRow(...shape: Extents): Row {
  const C = shape[1];
  return {
    ...plain,
    name: `BatchNorm2d train ${sizes(shape)}`,
    inputs: { x: shape, w: [C], b: [C], runningMean: [C], runningVar: [C] },
    output: shape,
    own: (x, w, b, mean, variance) => batchNorm(x, mean, variance, { weight: w, bias: b, eps, training: true }),
    torch: `y = F.batch_norm(x, runningMean, runningVar, w, b, True, 0.1, ${eps})`,
    // TF.js's layer takes the last axis for the channels, whichever it is told: see channelsLastRow.
    tf: null,
    jax: (jax, x, w, b) =>
      jax.nn.standardize(x, [0, 2, 3], { epsilon: eps }).mul(w.reshape([C, 1, 1])).add(b.reshape([C, 1, 1])),
  };
}

function batchNormEvalRow(...shape: Extents): Row {
  const C = shape[1];
  return {
    ...batchNormRow(...shape),
    name: `BatchNorm2d eval ${sizes(shape)}`,
    own: (x, w, b, mean, variance) => batchNorm(x, mean, variance, { weight: w, bias: b, eps }),
    torch: `y = F.batch_norm(x, runningMean, runningVar, w, b, False, 0.1, ${eps})`,
    onnx: [node('BatchNormalization', 'x w b runningMean runningVar', { epsilon: eps })],
    jax: (jax, x, w, b, mean, variance) => {
      const scale = w.div(jax.numpy.sqrt(variance.add(eps)));
      const shift = b.sub(mean.mul(scale.ref));
      return x.mul(scale.reshape([C, 1, 1])).add(shift.reshape([C, 1, 1]));
    },
  };
}

function instanceNormRow(...shape: Extents): Row {
  const C = shape[1];
  return {
    ...plain,
    name: `InstanceNorm2d ${sizes(shape)}`,
    inputs: { x: shape, w: [C], b: [C] },
    output: shape,
    own: (x, w, b) => instanceNorm(x, { weight: w, bias: b, eps }),
    torch: `y = F.instance_norm(x, None, None, w, b, True, 0.1, ${eps})`,
    onnx: [node('InstanceNormalization', 'x w b', { epsilon: eps })],
    jax: (jax, x, w, b) =>
      jax.nn.standardize(x, [2, 3], { epsilon: eps }).mul(w.reshape([C, 1, 1])).add(b.reshape([C, 1, 1])),
  };
}

function groupNormRow(...shape: Extents): Row {
  const [N, C, H, W] = shape;
  const G = 32;
  return {
    ...plain,
    name: `GroupNorm(${G}) ${sizes(shape)}`,
    inputs: { x: shape, w: [C], b: [C] },
    output: shape,
    own: (x, w, b) => groupNorm(x, G, { weight: w, bias: b, eps }),
    torch: `y = F.group_norm(x, ${G}, w, b, ${eps})`,
    onnx: [node('GroupNormalization', 'x w b', { num_groups: G, epsilon: eps })],
    jax: (jax, x, w, b) => {
      const grouped = jax.nn.standardize(x.reshape([N, G, (C / G) * H * W]), -1, { epsilon: eps });
      return grouped.reshape(shape).mul(w.reshape([C, 1, 1])).add(b.reshape([C, 1, 1]));
    },
  };
}

function layerNorm2dRow(...shape: Extents): Row {
  const [N, C, H, W] = shape;
  return {
    ...plain,
    name: `LayerNorm2d ${sizes(shape)}`,
    inputs: { x: shape, w: [C], b: [C] },
    output: shape,
    own: (x, w, b) => layerNorm2d(x, { weight: w, bias: b, eps }),
    torch: `y = F.layer_norm(x.permute(0, 2, 3, 1), [${C}], w, b, ${eps}).permute(0, 3, 1, 2)`,
    onnx: [
      node('Transpose', 'x', { perm: [0, 2, 3, 1] }, 'pixels'),
      node('LayerNormalization', 'pixels w b', { axis: -1, epsilon: eps }, 'normal'),
      node('Transpose', 'normal', { perm: [0, 3, 1, 2] }),
    ],
    tf: (tf, x, w, b) => tf.layer('layerNormalization', { axis: 1, epsilon: eps }, [w, b], x),
    jax: (jax, x, w, b) =>
      jax.nn.standardize(x, 1, { epsilon: eps }).mul(w.reshape([C, 1, 1])).add(b.reshape([C, 1, 1])),
    beside: { ...layerNormRow(N * H * W, C), name: `LayerNorm ${sizes([N * H * W, C])}, the same bytes` },
  };
}

function layerNormImageRow(...shape: Extents): Row {
  const image = shape.slice(1);
  return {
    ...plain,
    name: `LayerNorm([C, H, W]) ${sizes(shape)}`,
    inputs: { x: shape, w: image, b: image },
    output: shape,
    own: (x, w, b) => layerNorm(x, image, { weight: w, bias: b, eps }),
    torch: `y = F.layer_norm(x, [${image.join(', ')}], w, b, ${eps})`,
    onnx: [node('LayerNormalization', 'x w b', { axis: 1, epsilon: eps })],
    tf: (tf, x, w, b) => tf.layer('layerNormalization', { axis: [1, 2, 3], epsilon: eps }, [w, b], x),
    jax: (jax, x, w, b) => jax.nn.standardize(x, [1, 2, 3], { epsilon: eps }).mul(w).add(b),
  };
}

function channelsLastRow(...shape: Extents): Row {
  const C = shape[3];
  return {
    ...plain,
    name: `BatchNorm channels-last ${sizes(shape)}`,
    inputs: { x: shape, w: [C], b: [C] },
    output: shape,
    own: (x, w, b) => norm(x, '[b s...] c, c', { weight: w, bias: b, eps }),
    // The permutes are views: PyTorch sees a tensor in its channels_last memory format.
    torch: `y = F.batch_norm(x.permute(0, 3, 1, 2), None, None, w, b, True, 0.1, ${eps}).permute(0, 2, 3, 1)`,
    tf: (tf, x, w, b) => {
      const { mean, variance } = tf.moments(x, [0, 1, 2]);
      return tf.batchNorm(x, mean, variance, b, w, eps);
    },
    jax: (jax, x, w, b) => jax.nn.standardize(x, [0, 1, 2], { epsilon: eps }).mul(w).add(b),
  };
}

function addLayerNormRow(R: number, C: number): Row {
  return {
    ...plain,
    family: 'add',
    name: `Add & LayerNorm ${sizes([R, C])}`,
    inputs: { x: [R, C], r: [R, C], w: [C], b: [C] },
    output: [R, C],
    sweeps: { forward: 4, backward: 3 },
    own: (x, r, w, b) => addLayerNorm(x, r, [C], { weight: w, bias: b, eps }),
    torch: `s = x + r; y = F.layer_norm(s, [${C}], w, b, ${eps})`,
    onnx: [node('SkipLayerNormalization', 'x r w b', { epsilon: eps }, 'y,,,sum', 'com.microsoft')],
    jax: (jax, x, r, w, b) => jax.nn.standardize(x.add(r), -1, { epsilon: eps }).mul(w).add(b),
  };
}

function addRMSNormRow(R: number, C: number): Row {
  return {
    ...plain,
    family: 'add',
    name: `Add & RMSNorm ${sizes([R, C])}`,
    inputs: { x: [R, C], r: [R, C], w: [C] },
    output: [R, C],
    sweeps: { forward: 4, backward: 3 },
    own: (x, r, w) => addRMSNorm(x, r, [C], { weight: w, eps }),
    torch: `s = x + r; y = F.rms_norm(s, [${C}], w, ${eps})`,
    onnx: [node('SkipSimplifiedLayerNormalization', 'x r w', { epsilon: eps }, 'y,,,sum', 'com.microsoft')],
  };
}

function matmulRow(M: number, K: number, N: number): Row {
  const passes = (M * K + K * N + M * N) / (M * K);
  return {
    ...plain,
    family: 'dense',
    name: `matmul ${sizes([M, K, N])}`,
    inputs: { x: [M, K], z: [K, N] },
    output: [M, N],
    sweeps: { forward: passes, backward: 2 * passes },
    flops: 2 * M * K * N,
    own: (x, z) => matmul(x, z),
    torch: 'y = x @ z',
    onnx: [node('MatMul', 'x z')],
    tf: (tf, x, z) => tf.matMul(x, z),
    jax: (jax, x, z) => jax.numpy.matmul(x, z),
  };
}

function depthwiseRow(...shape: Extents): Row {
  const C = shape[1];
  return {
    ...plain,
    family: 'dense',
    name: `depthwise 7×7 ${sizes(shape)}`,
    inputs: { x: shape, w: [C, 1, 7, 7] },
    output: shape,
    sweeps: { forward: 2, backward: 4 },
    flops: 2 * 49 * count(shape),
    own: (x, w) => conv2d(x, w, { padding: 3, groups: C }),
    torch: `y = F.conv2d(x, w, padding=3, groups=${C})`,
    onnx: [node('Conv', 'x w', { kernel_shape: [7, 7], pads: [3, 3, 3, 3], group: C })],
    jax: (jax, x, w) => jax.lax.convGeneralDilated(x, w, [1, 1], [[3, 3], [3, 3]], { featureGroupCount: C }),
  };
}

function geluRow(R: number, C: number): Row {
  const shape = [R * C];
  return {
    ...plain,
    family: 'dense',
    name: `GELU ${sizes(shape)}`,
    inputs: { x: shape },
    output: shape,
    own: (x) => gelu(x),
    torch: 'y = F.gelu(x)',
    onnx: [node('Gelu', 'x')],
    jax: (jax, x) => jax.nn.gelu(x, { approximate: false }),
  };
}

function softmaxRow(R: number, C: number): Row {
  return {
    ...plain,
    family: 'dense',
    name: `softmax ${sizes([R, C])}`,
    inputs: { x: [R, C] },
    output: [R, C],
    own: (x) => softmax(x, -1),
    torch: 'y = F.softmax(x, -1)',
    onnx: [node('Softmax', 'x', { axis: -1 })],
    tf: (tf, x) => tf.softmax(x),
    jax: (jax, x) => jax.nn.softmax(x, -1),
  };
}

function callRow(R: number, C: number): Row {
  return {
    ...layerNormRow(R, C),
    family: 'call',
    name: `small call ${sizes([R, C])}`,
    recorded: true,
    own: throughLayer(C),
    onnx: null,
    tf: null,
    jax: null,
    beside: {
      name: 'the bare kernel',
      inputs: { x: [R, C], w: [C], b: [C], out: [R, C] },
      output: [R, C],
      own: (x, weight, bias, out) => norm(x, 'b... [c], c', { weight, bias, eps, out }),
      recorded: false,
      batch: null,
    },
  };
}

/** A layer that is made once, and takes over the tensors it is first called with. */
function throughLayer(C: number): (...inputs: Tensor[]) => Tensor {
  const layers = new WeakMap<Tensor, LayerNorm>();
  return (x, w, b) => {
    const known = layers.get(w);
    if (known) return known.forward(x);
    const layer = new LayerNorm(C, { eps });
    noGrad(() => {
      layer.weight?.copy_(w);
      layer.bias?.copy_(b);
    });
    layers.set(w, layer);
    return layer.forward(x);
  };
}
