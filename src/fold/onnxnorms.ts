// What may be folded of an ONNX graph: for each norm the layers that take it in, or why there are none.
// May import fold's graph and layers.

import type { FoldKind } from './arithmetic.js';
import { innerNodes, type Constant, type FoldGraph, type FoldNode } from './onnxgraph.js';
import { isLayer, isOnnx, layerAt, layerBefore, nodeName, type NoLayer, type OnnxLayer } from './onnxlayers.js';
import { numberOf, rankOf } from './onnxrank.js';

/** A norm and the layers that take it in: one for a batch norm, all that follow for the others. */
export interface OnnxCandidate {
  readonly norm: FoldNode;
  readonly layers: readonly { readonly kind: FoldKind; readonly layer: OnnxLayer }[];
  readonly parameters: OnnxParameters;
  readonly eps: number;
}

export interface OnnxParameters {
  readonly weight: Constant;
  readonly bias: Constant | null;
  readonly runningMean: Constant | null;
  readonly runningVar: Constant | null;
}

/** Axes of the graph's values, where they are known. */
export type Ranks = ReadonlyMap<string, number>;

/** What becomes of a norm; null for a node that is none. */
export function candidateOf(graph: FoldGraph, ranks: Ranks, node: FoldNode): OnnxCandidate | NoLayer | null {
  if (!node.opType.endsWith('Normalization')) return null;
  if (node.domain !== '') return { reason: `it is an operator of ${node.domain}, whose meaning is not known here` };
  switch (node.opType) {
    case 'BatchNormalization':
      return batchNorm(graph, ranks, node);
    case 'LayerNormalization':
    case 'RMSNormalization':
      return ownStatistics(graph, node);
    default:
      return { reason: `${node.opType} has the statistics of its input` };
  }
}

/** Norms in graphs inside nodes, which are left alone. */
export function innerNorms(node: FoldNode): string[] {
  return innerNodes(node.attributes)
    .filter(({ opType }) => opType.endsWith('Normalization'))
    .map(({ name, outputs, opType }) => name || outputs[0] || opType);
}

function batchNorm(graph: FoldGraph, ranks: Ranks, node: FoldNode): OnnxCandidate | NoLayer {
  if (numberOf(node, 'training_mode', 0) !== 0) return { reason: 'training_mode: it has the statistics of its input' };
  if (numberOf(node, 'spatial', 1) !== 1) return { reason: 'spatial = 0: it has parameters for each position' };
  if (node.outputs.slice(1).some((name) => name !== '')) return { reason: 'it gives its statistics too' };
  const [weight, bias, runningMean, runningVar] = [1, 2, 3, 4].map((slot) => graph.constant(node, slot));
  if (!weight || !bias || !runningMean || !runningVar) return notConstant(graph, node);
  const parameters = { weight, bias, runningMean, runningVar };
  const found = besideBatchNorm(graph, ranks, node);
  return 'reason' in found ? found : { norm: node, layers: [found], parameters, eps: epsOf(node) };
}

/** Into the layer before it, or else into the one behind. */
function besideBatchNorm(graph: FoldGraph, ranks: Ranks, node: FoldNode): OnnxCandidate['layers'][number] | NoLayer {
  const [input = ''] = node.inputs;
  const before = layerBefore(graph, input);
  const why = isLayer(before) ? othersOf(graph, input, 'what stands before it') : before.reason;
  if (isLayer(before) && why === null) {
    if (before.node.opType !== 'MatMul' || isMatrix(graph, ranks, node)) return { kind: `${before.op}-batch-norm`, layer: before };
    return { reason: `${nodeName(before.node)} may give more than two axes, of which it normalizes the second and not the last` };
  }
  const behind = behindBatchNorm(graph, ranks, node);
  if (!('reason' in behind)) return behind;
  return { reason: isLayer(before) ? (why ?? behind.reason) : `${why}; ${behind.reason}` };
}

function behindBatchNorm(graph: FoldGraph, ranks: Ranks, node: FoldNode): OnnxCandidate['layers'][number] | NoLayer {
  const [output = ''] = node.outputs;
  const others = othersOf(graph, output, 'it');
  const taker = graph.onlyTaker(output);
  if (others !== null || taker === null) return { reason: others ?? 'nothing takes it' };
  const layer = layerAt(graph, taker, 'behind');
  if (!isLayer(layer)) return layer;
  if (taker.inputs[0] !== output) return { reason: `${nodeName(taker)} takes it for something else than its input` };
  if (layer.op === 'conv-transpose') return { reason: `${nodeName(taker)} behind it is a transposed convolution` };
  if (layer.op === 'conv') {
    if (pads(taker)) return { reason: `${nodeName(taker)} behind it pads with zeros, which the norm does not shift` };
    return { kind: 'batch-norm-conv', layer };
  }
  if (numberOf(taker, 'transA', 0) !== 0) return { reason: `${nodeName(taker)} behind it transposes its input` };
  if (taker.opType === 'Gemm' || isMatrix(graph, ranks, node)) return { kind: 'batch-norm-linear', layer };
  return { reason: `${nodeName(taker)} behind it may take more than two axes, of which the norm has the second and not the last` };
}

/** Scale and bias move on into every layer behind it; the statistics stay. */
function ownStatistics(graph: FoldGraph, node: FoldNode): OnnxCandidate | NoLayer {
  const weight = graph.constant(node, 1);
  const bias = graph.constant(node, 2);
  if (weight === null || (bias === null && (node.inputs[2] ?? '') !== '')) return notConstant(graph, node);
  if (weight.shape.length !== 1) return { reason: `its scale has ${weight.shape.length} axes: only one of the last axis moves into a layer` };
  const [output = ''] = node.outputs;
  if (graph.isSeen(output)) return { reason: 'what it gives leaves the graph, or is used inside another node' };
  // Of its values Shape knows nothing.
  const takers = graph.takers(output).filter((taker) => !isOnnx(taker, 'Shape'));
  const layers: OnnxLayer[] = [];
  for (const taker of takers) {
    const layer = layerAt(graph, taker, 'behind');
    if (!isLayer(layer)) return layer;
    const isInput = taker.inputs[0] === output && taker.inputs.indexOf(output, 1) < 0;
    if (layer.op !== 'linear') return { reason: `${nodeName(taker)} behind it is a convolution, whose channels are another axis` };
    if (!isInput || numberOf(taker, 'transA', 0) !== 0) return { reason: `${nodeName(taker)} does not take it as its rows` };
    layers.push(layer);
  }
  if (layers.length === 0) return { reason: 'nothing takes it' };
  const kind = isOnnx(node, 'RMSNormalization') ? 'rms-norm-linear' : 'layer-norm-linear';
  const parameters = { weight, bias, runningMean: null, runningVar: null };
  return { norm: node, layers: layers.map((layer) => ({ kind, layer })), parameters, eps: epsOf(node) };
}

/** Who else takes a value; null where one node alone does. */
function othersOf(graph: FoldGraph, value: string, what: string): string | null {
  if (graph.isSeen(value)) return `${what} gives '${value}', which leaves the graph, or is used inside another node`;
  return graph.onlyTaker(value) === null ? `${what} gives '${value}' to ${graph.takerCount(value)} nodes` : null;
}

function notConstant(graph: FoldGraph, node: FoldNode): NoLayer {
  const variable = node.inputs.slice(1).find((name, i) => name !== '' && graph.constant(node, i + 1) === null);
  return { reason: `its parameter '${variable ?? ''}' is no initializer of real numbers, or may be given as an input` };
}

function isMatrix(graph: FoldGraph, ranks: Ranks, node: FoldNode): boolean {
  return [node.outputs[0], node.inputs[0]].some((value) => rankOf(graph, ranks, value ?? '') === 2);
}

/** Whether a convolution looks beyond its input's edges. */
function pads(conv: FoldNode): boolean {
  const [given, auto] = [conv.attributes.get('pads'), conv.attributes.get('auto_pad')];
  if (auto?.kind === 'string' && ['SAME_UPPER', 'SAME_LOWER'].includes(auto.value)) return true;
  return given !== undefined && (given.kind !== 'ints' || given.value.some((pad) => Number(pad) !== 0));
}

/** Attributes are float32, and so is ONNX's default. */
function epsOf(node: FoldNode): number {
  return numberOf(node, 'epsilon', Math.fround(1e-5));
}
