// Convolutions and linear layers of an ONNX graph, with their weight and bias. May import fold's graph.

import type { Constant, FoldGraph, FoldNode } from './onnxgraph.js';
import { numberOf } from './onnxrank.js';

/** A layer whose parameters are constant. */
export interface OnnxLayer {
  readonly op: 'conv' | 'conv-transpose' | 'linear';
  readonly node: FoldNode;
  /** The node that makes its output: itself, or the Add of a MatMul's bias. */
  readonly last: FoldNode;
  readonly weight: Constant;
  /** Where it takes its weight: itself, or a Transpose before it. */
  readonly weightPlace: { readonly node: FoldNode; readonly slot: number };
  /** Whether the weight of a linear layer is (I, O) there. */
  readonly isTransposed: boolean;
  readonly groups: number;
  /** Where it takes its bias, which may be left out; null for a MatMul that nothing is added to. */
  readonly bias: { readonly node: FoldNode; readonly slot: number; readonly constant: Constant | null } | null;
}

/** Why there is no such layer. */
export interface NoLayer {
  readonly reason: string;
}

/** The layer that makes a value. */
export function layerBefore(graph: FoldGraph, value: string): OnnxLayer | NoLayer {
  const maker = graph.maker(value);
  if (maker === null) return { reason: 'nothing stands before it' };
  if (!isOnnx(maker, 'Add')) return layerAt(graph, maker, 'before');
  for (const input of maker.inputs.slice(0, 2)) {
    const before = graph.maker(input);
    const layer = before !== null && isOnnx(before, 'MatMul') ? layerAt(graph, before, 'before') : null;
    if (layer !== null && isLayer(layer) && layer.last === maker) return layer;
  }
  return { reason: 'before it stands an Add that is no bias' };
}

/** The layer that a node is, or begins; `where` it stands is for the reason. */
export function layerAt(graph: FoldGraph, node: FoldNode, where: 'before' | 'behind'): OnnxLayer | NoLayer {
  if (!isOnnx(node, 'Conv', 'ConvTranspose', 'Gemm', 'MatMul')) {
    const operator = node.domain === '' ? node.opType : `${node.domain}.${node.opType}`;
    return { reason: `${operator} ${where} it is no convolution or linear layer` };
  }
  const found = weightOf(graph, node);
  if (found === null) return { reason: `the weight of ${nodeName(node)} is no initializer of real numbers, or may be given as an input` };
  if (node.opType === 'MatMul') return matMulAt(graph, node, found);
  const bias = { node, slot: 2, constant: graph.constant(node, 2) };
  if ((node.inputs[2] ?? '') !== '' && bias.constant === null) {
    return { reason: `the bias of ${nodeName(node)} is no initializer of real numbers, or may be given as an input` };
  }
  if (node.opType === 'Gemm') return gemmAt(node, found, bias);
  const op = node.opType === 'Conv' ? 'conv' : 'conv-transpose';
  return { ...found, op, node, last: node, isTransposed: false, groups: numberOf(node, 'group', 1), bias };
}

export function isLayer(found: OnnxLayer | NoLayer): found is OnnxLayer {
  return 'op' in found;
}

/** Whether a node is one of these operators of ONNX itself. */
export function isOnnx({ opType, domain }: FoldNode, ...opTypes: readonly string[]): boolean {
  return domain === '' && opTypes.includes(opType);
}

/** What a node is called: by what it makes, where it has no name. */
export function nodeName({ name, outputs, opType }: FoldNode): string {
  return name !== '' ? name : (outputs[0] ?? opType);
}

interface FoundWeight extends Pick<OnnxLayer, 'weight' | 'weightPlace'> {
  /** Whether a Transpose lies between. */
  readonly isTurned: boolean;
}

/** What a node multiplies by. PyTorch writes a linear layer's weight (O, I) with a Transpose, unless it folds constants. */
function weightOf(graph: FoldGraph, node: FoldNode): FoundWeight | null {
  const own = graph.constant(node, 1);
  if (own !== null) return { weight: own, weightPlace: { node, slot: 1 }, isTurned: false };
  const turn = graph.maker(node.inputs[1]);
  if (turn === null || !isOnnx(turn, 'Transpose') || !isOnnx(node, 'Gemm', 'MatMul')) return null;
  const weight = graph.constant(turn, 0);
  // Without perm, the order of the axes is reversed: of a matrix there is no other.
  const perm = turn.attributes.get('perm');
  const isTurn = perm === undefined || (perm.kind === 'ints' && perm.value[0] === 1);
  const isOwn = graph.onlyTaker(turn.outputs[0] ?? '') === node;
  if (weight?.shape.length !== 2 || !isTurn || !isOwn) return null;
  return { weight, weightPlace: { node: turn, slot: 0 }, isTurned: true };
}

function gemmAt(node: FoldNode, { isTurned, ...found }: FoundWeight, bias: NonNullable<OnnxLayer['bias']>): OnnxLayer | NoLayer {
  const isPlain = numberOf(node, 'alpha', 1) === 1 && numberOf(node, 'beta', 1) === 1;
  if (!isPlain) return { reason: `${nodeName(node)} multiplies by alpha or beta` };
  const [transB, { shape }] = [numberOf(node, 'transB', 0), found.weight];
  if (shape.length !== 2 || Number.isNaN(transB)) return { reason: `${nodeName(node)} multiplies by ${shape.length} axes, not by a matrix` };
  const isTransposed = (transB === 0) !== isTurned;
  const outputs = shape[isTransposed ? 1 : 0] ?? 0;
  if (bias.constant !== null && !isVector(bias.constant, outputs)) return { reason: `the bias of ${nodeName(node)} is no vector of its outputs` };
  return { ...found, op: 'linear', node, last: node, isTransposed, groups: 1, bias };
}

function matMulAt(graph: FoldGraph, node: FoldNode, { isTurned, ...found }: FoundWeight): OnnxLayer | NoLayer {
  const { shape } = found.weight;
  const outputs = shape[isTurned ? 0 : 1] ?? 0;
  if (shape.length !== 2) return { reason: `${nodeName(node)} multiplies by ${shape.length} axes, not by a matrix` };
  const layer = { ...found, op: 'linear', node, isTransposed: !isTurned, groups: 1 } as const;
  const [product = ''] = node.outputs;
  const add = graph.onlyTaker(product);
  if (add === null || !isOnnx(add, 'Add')) return { ...layer, last: node, bias: null };
  const slot = add.inputs[0] === product ? 1 : 0;
  const constant = graph.constant(add, slot);
  if (constant === null || !isVector(constant, outputs)) return { ...layer, last: node, bias: null };
  return { ...layer, last: add, bias: { node: add, slot, constant } };
}

/** One number for each output, along the last axis. */
function isVector({ shape }: Constant, outputs: number): boolean {
  return shape.at(-1) === outputs && shape.slice(0, -1).every((extent) => extent === 1);
}
