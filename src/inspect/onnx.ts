// The norms of an ONNX graph: operators, and motifs of primitive nodes. May import io and tensor.

import { formats } from '../io/elements.js';
import type { OnnxNode, OpenOnnx } from '../io/onnx/model.js';
import { sizeOf } from '../tensor.js';
import { besideNode, type NormNodes } from './beside.js';
import { batchNormOf, type FoundNorm, type FoundPart, patternOf } from './found.js';
import { type Constant, Graph, isOnnx, numberOf } from './graph.js';
import type { NormKind, TensorRole } from './inspection.js';
import { splitKey } from './modules.js';
import { groupedAt, type Motif, rootedAt } from './motifs.js';

/** What an operator is, and which of its inputs are what. */
interface Operator {
  readonly kind: NormKind;
  readonly domain: '' | 'com.microsoft';
  readonly inputs: Readonly<Partial<Record<TensorRole, number>>>;
  /** Where the node has no epsilon; null for operators without. */
  readonly eps: number | null;
  /** The attribute that counts groups. */
  readonly groups?: string;
}

const affine = { weight: 1, bias: 2 };

/** https://onnx.ai/onnx/operators/, and onnxruntime's ContribOperators. */
const operators: Readonly<Record<string, Operator>> = {
  LayerNormalization: { kind: 'LayerNorm', domain: '', inputs: affine, eps: 1e-5 },
  BatchNormalization: { kind: 'BatchNorm', domain: '', inputs: { ...affine, running_mean: 3, running_var: 4 }, eps: 1e-5 },
  InstanceNormalization: { kind: 'InstanceNorm', domain: '', inputs: affine, eps: 1e-5 },
  GroupNormalization: { kind: 'GroupNorm', domain: '', inputs: affine, eps: 1e-5, groups: 'num_groups' },
  RMSNormalization: { kind: 'RMSNorm', domain: '', inputs: { weight: 1 }, eps: 1e-5 },
  SimplifiedLayerNormalization: { kind: 'RMSNorm', domain: '', inputs: { weight: 1 }, eps: 1e-5 },
  LRN: { kind: 'LocalResponseNorm', domain: '', inputs: {}, eps: null },
  LpNormalization: { kind: 'LpNormalization', domain: '', inputs: {}, eps: null },
  MeanVarianceNormalization: { kind: 'MeanVarianceNormalization', domain: '', inputs: {}, eps: null },
  SkipLayerNormalization: { kind: 'LayerNorm', domain: 'com.microsoft', inputs: { weight: 2, bias: 3 }, eps: 1e-12 },
  SkipSimplifiedLayerNormalization: { kind: 'RMSNorm', domain: 'com.microsoft', inputs: { weight: 2 }, eps: 1e-12 },
  EmbedLayerNormalization: { kind: 'LayerNorm', domain: 'com.microsoft', inputs: { weight: 5, bias: 6 }, eps: 1e-12 },
  GroupNorm: { kind: 'GroupNorm', domain: 'com.microsoft', inputs: affine, eps: 1e-5, groups: 'groups' },
};

/** The norms of the nodes of a model, in their order; a layer that is called twice, once. */
export async function normsByNode(model: OpenOnnx): Promise<FoundNorm[]> {
  const found: FoundNorm[] = [];
  const keys = new Set<string>();
  const queue = [new Graph(model.graph, (tensor) => model.read(tensor))];
  for (const graph of queue) {
    for (const inner of graph.inner()) queue.push(inner);
    const spots: Spot[] = [];
    for (const [index, node] of graph.nodes.entries()) {
      const spot = await spotAt(node, index, graph, model);
      if (spot !== null) spots.push(spot);
    }
    const norms = nodesOf(spots, graph);
    for (const spot of spots) {
      const key = spot.parts.get('weight')?.key;
      if (key !== undefined && keys.has(key)) continue;
      if (key !== undefined) keys.add(key);
      found.push(normAt(spot, graph, norms));
    }
  }
  return found;
}

/** A norm in a graph, its neighbours not looked at. */
interface Spot {
  readonly path: string;
  readonly kind: NormKind;
  readonly evidence: string;
  readonly input: string;
  readonly output: string;
  readonly entries: readonly OnnxNode[];
  readonly eps: number | null;
  readonly epsFrom: FoundNorm['epsFrom'];
  readonly groups: number | null;
  /** Axes that share a statistic, or of the scale: as many. */
  readonly axes: readonly number[];
  readonly parts: FoundNorm['parts'];
}

function nodesOf(spots: readonly Spot[], graph: Graph): NormNodes {
  const taking = new Map(spots.flatMap(({ entries, path }) => entries.map((node) => [node, path] as const)));
  const making = new Map<OnnxNode, string>();
  for (const { output, path } of spots) {
    const maker = graph.maker(output);
    if (maker !== null) making.set(maker, path);
  }
  return { taking, making };
}

function normAt(spot: Spot, graph: Graph, norms: NormNodes): FoundNorm {
  const { path, evidence, eps, epsFrom, groups, parts, input, output, axes } = spot;
  const weight = parts.get('weight');
  const width = weight === undefined ? null : sizeOf(weight.shape);
  const between = { input, output, kind: spot.kind, width, axes: axes.length };
  const { follows, precedes, foldable, rank } = besideNode(between, graph, norms);
  const kind = spot.kind === 'BatchNorm' ? batchNormOf(rank ?? graph.rank(input)) : spot.kind;
  return {
    path,
    candidates: [kind],
    evidence,
    eps,
    epsFrom,
    groups,
    pattern: patternOf([kind], axes),
    follows,
    precedes,
    foldable,
    parts,
  };
}

async function spotAt(node: OnnxNode, index: number, graph: Graph, model: OpenOnnx): Promise<Spot | null> {
  const isInstance = isOnnx(node, ['InstanceNormalization']);
  const motif = isInstance ? await groupedAt(node, graph) : isOnnx(node, ['Sqrt', 'Pow']) ? await rootedAt(node, graph) : null;
  const name = node.name || `${node.opType} ${index}`;
  if (motif !== null) return ofMotif(motif, name, model);
  const operator = Object.hasOwn(operators, node.opType) ? operators[node.opType] : undefined;
  // onnxruntime writes SimplifiedLayerNormalization into either domain.
  const isOwn = operator !== undefined && (node.domain === operator.domain || node.opType === 'SimplifiedLayerNormalization');
  return isOwn ? ofOperator(node, operator, name, graph, model) : null;
}

function ofOperator(node: OnnxNode, operator: Operator, name: string, graph: Graph, model: OpenOnnx): Spot {
  // The keys of inputs are roles.
  const roles = Object.entries(operator.inputs) as [TensorRole, number][];
  const parts = partsOf(roles.map(([role, at]) => [role, graph.constant(node.inputs[at])]), model);
  const given = numberOf(node, 'epsilon');
  const eps = operator.eps === null ? null : shortest(given ?? operator.eps);
  return {
    path: pathOf(parts, name),
    kind: operator.kind,
    evidence: `${node.opType} node${node.name === '' ? '' : ` '${node.name}'`}`,
    input: node.inputs[0] ?? '',
    output: node.outputs[0] ?? '',
    entries: [node],
    eps,
    epsFrom: eps === null ? 'not stored' : given === null ? 'default' : 'file',
    groups: operator.groups === undefined ? null : numberOf(node, operator.groups),
    axes: parts.get('weight')?.shape ?? [],
    parts,
  };
}

function ofMotif(motif: Motif, name: string, model: OpenOnnx): Spot {
  const { kind, input, output, entries, eps, groups, weight, bias, nodes, axes } = motif;
  const parts = partsOf([['weight', weight], ['bias', bias]], model);
  return {
    path: pathOf(parts, name),
    kind,
    evidence: `nodes ${nodes.join(', ')} at '${name}'`,
    input,
    output,
    entries,
    eps: eps === null ? null : shortest(eps),
    epsFrom: eps === null ? 'not stored' : 'file',
    groups,
    axes,
    parts,
  };
}

/** Constants of a type that is read. */
function partsOf(
  constants: readonly (readonly [TensorRole, Constant | null])[],
  model: OpenOnnx,
): ReadonlyMap<TensorRole, FoundPart> {
  return new Map(
    constants.flatMap(([role, constant]): [TensorRole, FoundPart][] => {
      const format = constant?.tensor.format ?? null;
      if (constant === null || format === null || !Object.hasOwn(formats, format)) return [];
      const { key, tensor } = constant;
      return [[role, { key, shape: tensor.shape, format, read: () => model.read(tensor) }]];
    }),
  );
}

/** The module of its scale where that has a name in the style of a state dict; else of the node's own name. */
function pathOf(parts: ReadonlyMap<TensorRole, FoundPart>, name: string): string {
  for (const { key } of parts.values()) {
    const [path] = splitKey(key);
    if (path !== '' && !/[/:]/.test(key)) return path;
  }
  return scopeOf(name);
}

/** `layer1.0.bn1` of PyTorch's node name `/layer1/layer1.0/bn1/BatchNormalization`. */
function scopeOf(name: string): string {
  if (!name.startsWith('/')) return name;
  const scopes = name.split('/').slice(1, -1);
  const modules = scopes.filter((scope, i) => !(scopes[i + 1] ?? '').startsWith(`${scope}.`));
  return modules.length === 0 ? name : modules.join('.');
}

/** The shortest decimal that is the same float32: 1e-5, where the file has 9.999999747378752e-6. */
function shortest(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}
