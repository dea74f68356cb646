// Norms that an ONNX graph spells out in primitive nodes. May import io.

import type { OnnxNode } from '../io/onnx/model.js';
import { type Constant, type Graph, isOnnx, listOf, numberOf } from './graph.js';
import type { NormKind } from './inspection.js';

/** A norm of several nodes. */
export interface Motif {
  readonly kind: NormKind;
  readonly input: string;
  readonly output: string;
  readonly eps: number | null;
  readonly groups: number | null;
  readonly axes: readonly number[];
  readonly weight: Constant | null;
  readonly bias: Constant | null;
  /** The operators, in order. */
  readonly nodes: readonly string[];
  /** The nodes that take its input. */
  readonly entries: readonly OnnxNode[];
}

/**
 * LayerNorm or RMSNorm around a root: x̂ = c / √(mean(c²) + eps), where c is x, or x less its mean over the same axes; then
 * a scale and a shift by constants. The root may be a power, its inverse a division of 1 or a reciprocal.
 */
export async function rootedAt(root: OnnxNode, graph: Graph): Promise<Motif | null> {
  const power = isOnnx(root, ['Pow']) ? await scalar(graph, root.inputs[1]) : null;
  if (!isOnnx(root, ['Sqrt']) && power !== 0.5 && power !== -0.5) return null;
  const sum = graph.maker(root.inputs[0]);
  if (sum === null || !isOnnx(sum, ['Add'])) return null;
  const { eps, mean } = await withEps(sum, graph);
  if (mean === null || eps === null) return null;
  const squares = graph.maker(mean.inputs[0]);
  const centred = squares === null ? null : await squareOf(squares, graph);
  const axes = await axesOf(mean, graph);
  if (centred === null || axes === null) return null;

  const minus = graph.maker(centred);
  const subtracted = minus !== null && isOnnx(minus, ['Sub']) ? await meanSubtracted(minus, axes, graph) : null;
  const inverse = power === -0.5 ? (root.outputs[0] ?? '') : await inverseOf(root, graph);
  const last = normalizedBy(centred, root, inverse, graph);
  if (last === null) return null;
  const { weight, bias, output } = affineAfter(last.outputs[0] ?? '', graph);
  const input = subtracted ?? graph.origin(centred);
  // All that take x to centre it, also in a second copy of the difference, or to square and to divide it.
  const own = [squares, last, minus, graph.maker(minus?.inputs[1]), graph.maker(last.inputs[0])];
  const isEntry = ({ inputs }: OnnxNode) => inputs.some((value) => isSame(value, input, graph));
  const entries = own.filter((node) => node !== null).filter(isEntry);
  const start = subtracted === null ? [] : ['ReduceMean', 'Sub'];
  return {
    kind: kindOf(subtracted !== null, axes, weight, graph.rank(input)),
    input,
    output,
    eps,
    groups: null,
    axes,
    weight,
    bias,
    nodes: [...start, squares?.opType ?? 'Pow', 'ReduceMean', 'Add', root.opType, inverse === null ? 'Div' : 'Mul', ...affineNodes(weight, bias)],
    entries,
  };
}

/** GroupNorm as PyTorch exports it: the groups as channels of an InstanceNormalization, then scale and shift. */
export async function groupedAt(node: OnnxNode, graph: Graph): Promise<Motif | null> {
  const [value, ones, zeros] = node.inputs;
  const fold = graph.maker(value);
  const [back, another] = graph.takers(node.outputs[0], 2);
  if (fold === null || back === undefined || another !== undefined) return null;
  if (!isOnnx(fold, ['Reshape']) || !isOnnx(back, ['Reshape'])) return null;
  const shape = await graph.numbers(fold.inputs[1]);
  const [groups] = shape?.slice(1) ?? [];
  if (shape === null || shape.length !== 3 || groups === undefined || groups < 1) return null;
  if (!(await isAll(1, ones, graph)) || !(await isAll(0, zeros, graph))) return null;
  const { weight, bias, output } = affineAfter(back.outputs[0] ?? '', graph);
  return {
    kind: 'GroupNorm',
    input: fold.inputs[0] ?? '',
    output,
    eps: numberOf(node, 'epsilon') ?? 1e-5,
    groups,
    axes: [],
    weight,
    bias,
    nodes: ['Reshape', 'InstanceNormalization', 'Reshape', ...affineNodes(weight, bias)],
    entries: [fold],
  };
}

function affineNodes(weight: Constant | null, bias: Constant | null): string[] {
  return [...(weight === null ? [] : ['Mul']), ...(bias === null ? [] : ['Add'])];
}

/** Over the channels of each pixel where the scale is spread over the axes behind. */
function kindOf(isCentred: boolean, axes: readonly number[], weight: Constant | null, rank: number | null): NormKind {
  if (!isCentred) return 'RMSNorm';
  const [axis] = axes;
  const isSpread = weight !== null && (weight.isReshaped || weight.tensor.shape.length > 1);
  return axes.length === 1 && axis === 1 && (isSpread || rank === 4) ? 'LayerNorm2d' : 'LayerNorm';
}

/** Scales and shifts by constants that a value goes through, and what comes out. */
function affineAfter(value: string, graph: Graph): Pick<Motif, 'weight' | 'bias' | 'output'> {
  const scale = onlyTaker(value, 'Mul', graph);
  const weight = scale === null ? null : constantBeside(value, scale, graph);
  const scaled = scale === null || weight === null ? value : (scale.outputs[0] ?? '');
  const shift = onlyTaker(scaled, 'Add', graph);
  const bias = shift === null ? null : constantBeside(scaled, shift, graph);
  return { weight, bias, output: shift === null || bias === null ? scaled : (shift.outputs[0] ?? '') };
}

function onlyTaker(value: string, opType: string, graph: Graph): OnnxNode | null {
  const [taker = null, another] = graph.takers(value, 2);
  return another === undefined && isOnnx(taker, [opType]) ? taker : null;
}

/** The other operand, where it is a constant of more than one element. */
function constantBeside(value: string, node: OnnxNode, graph: Graph): Constant | null {
  const other = node.inputs.find((input) => graph.origin(input) !== graph.origin(value));
  const constant = graph.constant(other);
  return constant !== null && constant.tensor.shape.some((extent) => extent !== 1) ? constant : null;
}

async function withEps(sum: OnnxNode, graph: Graph): Promise<{ eps: number | null; mean: OnnxNode | null }> {
  for (const [a, b] of [[0, 1], [1, 0]] as const) {
    const mean = graph.maker(sum.inputs[a]);
    if (mean === null || !isOnnx(mean, ['ReduceMean'])) continue;
    return { eps: await scalar(graph, sum.inputs[b]), mean };
  }
  return { eps: null, mean: null };
}

/** The value that a node squares. */
async function squareOf(node: OnnxNode, graph: Graph): Promise<string | null> {
  const [a = '', b = ''] = node.inputs;
  if (isOnnx(node, ['Pow'])) return (await scalar(graph, b)) === 2 ? a : null;
  return isOnnx(node, ['Mul']) && isSame(a, b, graph) ? a : null;
}

/** x of x − mean(x), over the same axes. */
async function meanSubtracted(minus: OnnxNode, axes: readonly number[], graph: Graph): Promise<string | null> {
  const [x = ''] = minus.inputs;
  const mean = graph.maker(minus.inputs[1]);
  if (mean === null || !isOnnx(mean, ['ReduceMean']) || !isSame(mean.inputs[0] ?? '', x, graph)) return null;
  const theirs = await axesOf(mean, graph);
  return theirs !== null && theirs.join() === axes.join() ? graph.origin(x) : null;
}

/** 1/root as a value, or null where the root divides. */
async function inverseOf(root: OnnxNode, graph: Graph): Promise<string | null> {
  for (const taker of graph.takers(root.outputs[0])) {
    if (isOnnx(taker, ['Reciprocal'])) return taker.outputs[0] ?? null;
    if (isOnnx(taker, ['Div']) && (await scalar(graph, taker.inputs[0])) === 1) return taker.outputs[0] ?? null;
  }
  return null;
}

/** centred / root, or centred · inverse. */
function normalizedBy(centred: string, root: OnnxNode, inverse: string | null, graph: Graph): OnnxNode | null {
  const takers = graph.takers(inverse ?? root.outputs[0]);
  const found = takers.find((taker) => {
    if (!isOnnx(taker, [inverse === null ? 'Div' : 'Mul'])) return false;
    const operands = inverse === null ? taker.inputs.slice(0, 1) : taker.inputs;
    return operands.some((operand) => isSame(operand, centred, graph));
  });
  return found ?? null;
}

/** One value, or two differences of the same values. */
function isSame(a: string, b: string, graph: Graph): boolean {
  if (graph.origin(a) === graph.origin(b)) return true;
  const [x, y] = [graph.maker(a), graph.maker(b)];
  if (x === null || y === null || !isOnnx(x, ['Sub']) || !isOnnx(y, ['Sub'])) return false;
  return x.inputs.every((input, i) => graph.origin(input) === graph.origin(y.inputs[i] ?? ''));
}

/** An attribute up to opset 17, an input after. */
async function axesOf(reduce: OnnxNode, graph: Graph): Promise<readonly number[] | null> {
  const axes = listOf(reduce, 'axes') ?? (await graph.numbers(reduce.inputs[1]));
  return axes === null || axes.length === 0 ? null : axes.toSorted((a, b) => a - b);
}

async function scalar(graph: Graph, value: string | undefined): Promise<number | null> {
  const numbers = await graph.numbers(value);
  return numbers?.length === 1 ? (numbers[0] ?? null) : null;
}

async function isAll(number: number, value: string | undefined, graph: Graph): Promise<boolean> {
  return (await graph.numbers(value))?.every((each) => each === number) === true;
}
