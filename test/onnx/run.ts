// Runs small ONNX models on evenkeel's own operations in float64: what a folded model computes is compared with what it did.

import { adaptiveAvgPool2d, batchNorm, conv2d, convTranspose2d, layerNorm, matmul, rmsNorm, type Tensor } from 'evenkeel';
import { openOnnx, type OnnxNode } from 'evenkeel/io';

/** The model's outputs by name, for the input x or whatever its first one is called. */
export async function runOnnx(bytes: Uint8Array, x: Tensor): Promise<Map<string, Tensor>> {
  const model = await openOnnx(bytes);
  const { graph } = model;
  const values = new Map<string, Tensor>();
  for (const name of graph.initializers.keys()) values.set(name, (await model.read(name)).to('float64'));
  values.set(graph.inputs[0]?.name ?? 'x', x.to('float64'));
  const of = (name: string | undefined): Tensor => {
    const value = values.get(name ?? '');
    if (value === undefined) throw new Error(`nothing has made '${name}' yet`);
    return value;
  };
  for (const node of graph.nodes) {
    const constant = node.attributes.get('value');
    const result = constant?.kind === 'tensor' ? (await model.read(constant.value)).to('float64') : run(node, of);
    const [output = ''] = node.outputs;
    if (values.has(output)) throw new Error(`'${output}' is made twice`);
    values.set(output, result);
  }
  return new Map(graph.outputs.map(({ name }) => [name, of(name)]));
}

function turned(x: Tensor, isTurned: number): Tensor {
  return isTurned === 1 ? x.permute([1, 0]) : x;
}

function run(node: OnnxNode, of: (name: string | undefined) => Tensor): Tensor {
  const [first, second, third, fourth, fifth] = node.inputs;
  const optional = (name: string | undefined) => ((name ?? '') === '' ? null : of(name));
  const number = (name: string, otherwise: number) => {
    const attribute = node.attributes.get(name);
    return attribute?.kind === 'int' || attribute?.kind === 'float' ? Number(attribute.value) : otherwise;
  };
  const pair = (name: string, otherwise: number): [number, number] => {
    const attribute = node.attributes.get(name);
    const [a = otherwise, b = otherwise] = attribute?.kind === 'ints' ? attribute.value.map(Number) : [];
    return [a, b];
  };
  const x = of(first);
  const eps = number('epsilon', Math.fround(1e-5));
  switch (node.opType) {
    case 'Identity':
    case 'Custom':
      return x.mul(1);
    case 'Relu':
      return x.relu();
    case 'Add':
      return x.add(of(second));
    case 'Transpose':
      return x.permute(pair('perm', 0)[0] === 1 ? [1, 0] : x.shape.map((_, axis) => x.rank - 1 - axis));
    case 'MatMul':
      return matmul(x, of(second));
    case 'Gemm': {
      const product = matmul(turned(x, number('transA', 0)), turned(of(second), number('transB', 0))).mul(number('alpha', 1));
      const bias = optional(third);
      return bias === null ? product : product.add(bias.mul(number('beta', 1)));
    }
    case 'Conv': {
      const options = { bias: optional(third), groups: number('group', 1), stride: pair('strides', 1), padding: pair('pads', 0) };
      return conv2d(x, of(second), options);
    }
    case 'ConvTranspose':
      return convTranspose2d(x, of(second), { bias: optional(third), groups: number('group', 1), stride: pair('strides', 1) });
    case 'BatchNormalization':
      return batchNorm(x, of(fourth), of(fifth), { weight: of(second), bias: of(third), eps });
    case 'LayerNormalization':
      return layerNorm(x, [x.shape.at(-1) ?? 0], { weight: of(second), bias: optional(third), eps });
    case 'RMSNormalization':
      return rmsNorm(x, [x.shape.at(-1) ?? 0], { weight: of(second), eps });
    case 'GlobalAveragePool':
      return adaptiveAvgPool2d(x, 1);
    case 'Flatten':
      return x.reshape([x.shape[0] ?? 1, -1]);
    case 'Shape':
      return x.mul(0).sum();
    default:
      throw new Error(`${node.opType} is not run here`);
  }
}
