// How many axes a value of an ONNX graph has, as far as it can be told. May import fold's graph.

import type { OnnxAttribute, OnnxGraph } from '../io/onnx/model.js';
import type { FoldGraph, FoldNode } from './onnxgraph.js';

/** The axes of a value; null where neither its description nor the nodes that lead to it tell. */
export function rankOf(graph: FoldGraph, described: ReadonlyMap<string, number>, value: string): number | null {
  let at = value;
  for (let step = 0; step < MOST_STEPS; step++) {
    const known = described.get(at);
    if (known !== undefined) return known;
    const maker = graph.maker(at);
    if (maker === null || maker.domain !== '') return null;
    const found = rankMade(graph, maker);
    if (found !== null) return found;
    const before = sameRank(graph, maker);
    if (before === null) return null;
    at = before;
  }
  return null;
}

/** The axes of the values whose shapes the graph describes. */
export function describedRanks({ inputs, outputs, values }: OnnxGraph): ReadonlyMap<string, number> {
  const known = [...inputs, ...outputs, ...values].flatMap(({ name, shape }) => (shape === null ? [] : [[name, shape.length] as const]));
  return new Map(known);
}

/** The number of an attribute; where there is none, what it is then. */
export function numberOf(node: FoldNode, name: string, otherwise: number): number {
  const attribute: OnnxAttribute | undefined = node.attributes.get(name);
  if (attribute === undefined) return otherwise;
  const isNumber = attribute.kind === 'float' || attribute.kind === 'int';
  return isNumber ? Number(attribute.value) : NaN;
}

/** Nodes between two that tell are fewer; a long chain would be walked from each of its norms. */
const MOST_STEPS = 64;

/** Operators that give a value of the first input's shape. */
const elementwise = [
  'BatchNormalization', 'Clip', 'Dropout', 'Elu', 'Erf', 'Gelu', 'HardSigmoid', 'HardSwish', 'Identity', 'LeakyRelu',
  'LayerNormalization', 'Mish', 'PRelu', 'Relu', 'Selu', 'Sigmoid', 'Softmax', 'Softplus', 'Tanh',
];

function rankMade(graph: FoldGraph, node: FoldNode): number | null {
  switch (node.opType) {
    case 'Gemm':
    case 'Flatten':
      return 2;
    case 'Conv':
    case 'ConvTranspose':
      return graph.constant(node, 1)?.shape.length ?? null;
    default:
      return null;
  }
}

/** The input that has as many axes as the node's first output; null where that is not known. */
function sameRank(graph: FoldGraph, node: FoldNode): string | null {
  const [first = '', second = ''] = node.inputs;
  if (elementwise.includes(node.opType)) return first;
  // A matrix on the right adds no axis to two or more, nor does a vector beside them.
  if (node.opType === 'MatMul') return isMatrix(graph, node) ? first : null;
  if (!['Add', 'Mul', 'Sub', 'Div'].includes(node.opType)) return null;
  if (graph.constant(node, 1)?.shape.length === 1) return first;
  return graph.constant(node, 0)?.shape.length === 1 ? second : null;
}

/** Whether a MatMul's right side is a matrix, as it is or transposed. */
function isMatrix(graph: FoldGraph, node: FoldNode): boolean {
  const turn = graph.maker(node.inputs[1]);
  const weight = graph.constant(node, 1) ?? (turn?.opType === 'Transpose' && turn.domain === '' ? graph.constant(turn, 0) : null);
  return weight?.shape.length === 2;
}
