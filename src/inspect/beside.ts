// What stands before and after a norm in an ONNX graph, and whether it folds into that. May import io.

import type { OnnxNode } from '../io/onnx/model.js';
import { isBatchNorm } from './found.js';
import type { InspectedNorm, NormKind } from './inspection.js';
import { type Graph, isOnnx, listOf } from './graph.js';
import { splitKey } from './modules.js';

/** A norm as its neighbours see it. */
interface Between {
  readonly input: string;
  readonly output: string;
  readonly kind: NormKind;
  /** Elements of its scale; null where it has none. */
  readonly width: number | null;
  /** How many axes share a statistic, for LayerNorm. */
  readonly axes: number;
}

/** Neighbours by the paths of their weights, or by operator; axes of the weight before. */
export interface Beside extends Pick<InspectedNorm, 'follows' | 'precedes' | 'foldable'> {
  readonly rank: number | null;
}

/** The paths of norms by the nodes that take their inputs, and by those that make their outputs. */
export interface NormNodes {
  readonly taking: ReadonlyMap<OnnxNode, string>;
  readonly making: ReadonlyMap<OnnxNode, string>;
}

export function besideNode(norm: Between, graph: Graph, norms: NormNodes): Beside {
  const before = layerMaking(norm.input, graph, norms);
  const takers = graph.takers(norm.output).filter((node) => !isOnnx(node, ['Shape']));
  const after = takers.map((node) => layerTaking(node, graph, norms));
  // Several that take one value are named where they are one layer.
  const names = new Set(after.map(({ name }) => name));
  const [precedes = null] = names.size === 1 ? names : [];
  return {
    follows: before?.name ?? null,
    precedes,
    foldable: foldableOf(norm, before, after, graph),
    rank: before?.weight?.length ?? null,
  };
}

/** A node with its weight, if it has one. */
interface Layer {
  readonly name: string;
  /** Shape of the weight; null for other operators. */
  readonly weight: readonly number[] | null;
  /** Whether nothing but casts stand between. */
  readonly isNext: boolean;
  readonly node: OnnxNode;
  /** The value that it makes, its bias added. */
  readonly output: string;
}

/** Nodes that move elements and keep their values. */
const moves = ['Transpose', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Dropout'];
const linear = ['Conv', 'ConvTranspose', 'Gemm', 'MatMul'];
const MOST_MOVES = 8;

function layerMaking(value: string, graph: Graph, { making }: NormNodes): Layer | null {
  let at = value;
  let isNext = true;
  for (let step = 0; step < MOST_MOVES; step++) {
    const maker = graph.maker(at);
    if (maker === null) return null;
    const layer = weighted(maker, graph) ?? biased(maker, graph);
    if (layer !== null) return { ...layer, isNext, output: at };
    const norm = making.get(maker);
    if (norm !== undefined || !isOnnx(maker, moves)) {
      return { name: norm ?? maker.opType, weight: null, isNext, node: maker, output: at };
    }
    isNext = false;
    at = maker.inputs[0] ?? '';
  }
  return null;
}

function layerTaking(node: OnnxNode, graph: Graph, { taking }: NormNodes): Layer {
  let at = node;
  for (let step = 0; step < MOST_MOVES; step++) {
    const layer = weighted(at, graph);
    if (layer !== null) return { ...layer, isNext: step === 0 };
    if (!isOnnx(at, moves) || taking.has(at)) break;
    const [next, another] = graph.takers(at.outputs[0], 2);
    if (next === undefined || another !== undefined) break;
    at = next;
  }
  return { name: taking.get(at) ?? at.opType, weight: null, isNext: at === node, node: at, output: at.outputs[0] ?? '' };
}

/** A node with a constant weight. */
function weighted(node: OnnxNode, graph: Graph): Omit<Layer, 'isNext'> | null {
  if (!isOnnx(node, linear)) return null;
  const constant = graph.constant(node.inputs[1]) ?? transposed(node.inputs[1], graph);
  if (constant === null) return null;
  return { name: nameOf(constant.key, node), weight: constant.tensor.shape, node, output: node.outputs[0] ?? '' };
}

/** PyTorch's linear layers on three axes transpose their weight first. */
function transposed(value: string | undefined, graph: Graph) {
  const maker = graph.maker(value);
  return maker !== null && isOnnx(maker, ['Transpose']) ? graph.constant(maker.inputs[0]) : null;
}

/** A MatMul whose bias is added after it. */
function biased(node: OnnxNode, graph: Graph): Omit<Layer, 'isNext'> | null {
  if (!isOnnx(node, ['Add'])) return null;
  const [a, b] = node.inputs;
  const product = graph.constant(a) === null ? (graph.constant(b) === null ? null : graph.maker(a)) : graph.maker(b);
  return product !== null && isOnnx(product, ['MatMul']) ? weighted(product, graph) : null;
}

function nameOf(key: string, node: OnnxNode): string {
  const [path] = splitKey(key);
  return path !== '' && !/[/:]/.test(key) ? path : node.name || node.opType;
}

const trailing: readonly NormKind[] = ['LayerNorm', 'RMSNorm'];

function foldableOf(norm: Between, before: Layer | null, after: readonly Layer[], graph: Graph): InspectedNorm['foldable'] {
  const { input, output, kind, width, axes } = norm;
  const isBatch = isBatchNorm(kind);
  if (!isBatch && !trailing.includes(kind) && kind !== 'LayerNorm2d') return 'no';
  if (isBatch && before !== null && before.weight !== null && before.isNext) {
    const made = [input, before.node.outputs[0] ?? ''];
    const isAlone = made.every((value) => graph.takers(value, 2).length === 1 && !graph.isOutput(value));
    // The channels of a product of more than two axes are the last, BatchNorm's the second.
    if (isAlone) return !isOnnx(before.node, ['MatMul']) || graph.rank(input) === 2 ? 'before' : 'unknown';
  }
  const isWide = trailing.includes(kind) && axes > 1;
  if (width === null || isWide || after.length === 0 || graph.isOutput(output)) return 'no';
  if (after.every((layer) => layer.weight !== null && takesChannels(layer.node, kind))) {
    return after.every(({ isNext }) => isNext) ? 'after' : 'unknown';
  }
  const passing = [...moves, 'Gather', 'Slice', 'Split'];
  return after.every(({ weight, node }) => weight !== null || isOnnx(node, passing)) ? 'unknown' : 'no';
}

/** Whether a layer sums over the axis that the norm's scale belongs to: the last for LayerNorm, the second for others. */
function takesChannels(node: OnnxNode, kind: NormKind): boolean {
  if (trailing.includes(kind)) return isOnnx(node, ['Gemm', 'MatMul']);
  if (isBatchNorm(kind) && isOnnx(node, ['Gemm'])) return true;
  return isOnnx(node, ['Conv', 'ConvTranspose']) && isUnpadded(node);
}

/** A shift cannot go through zeros at the border. */
function isUnpadded(node: OnnxNode): boolean {
  const auto = node.attributes.get('auto_pad');
  const isExplicit = auto === undefined || (auto.kind === 'string' && (auto.value === 'NOTSET' || auto.value === 'VALID'));
  return isExplicit && (listOf(node, 'pads') ?? []).every((pad) => pad === 0);
}
