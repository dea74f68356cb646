// A norm of an ONNX graph into the layers that take it in: numbers first, and then the graph. May import errors, create, tensor,
// ops, io's reader and fold.

import { ones, zeros } from '../create.js';
import { KeelError } from '../errors.js';
import type { OpenOnnx } from '../io/onnx/model.js';
import { permute, reshape } from '../ops/movement.js';
import { scope, Tensor } from '../tensor.js';
import { fold, isBatchNorm, isNormFirst, scaleShiftOf, type FoldPair, type LayerWeights, type NormWeights } from './arithmetic.js';
import type { Constant, FoldGraph, FoldNode } from './onnxgraph.js';
import { nodeName, type OnnxLayer } from './onnxlayers.js';
import type { OnnxCandidate } from './onnxnorms.js';
import type { RealFormat } from './round.js';
import { verify, type FoldedPair } from './verify.js';

/** Folds a norm into all of its layers, or none: then it says why. */
export async function foldNormInto(model: OpenOnnx, graph: FoldGraph, candidate: OnnxCandidate): Promise<FoldedPair[] | string> {
  const read = new Reading(model);
  const computed: Computed[] = [];
  try {
    const norm = await weightsOfNorm(read, candidate);
    for (const each of candidate.layers) {
      const weights = { weight: await read.of(each.layer.weight), bias: each.layer.bias?.constant ? await read.of(each.layer.bias.constant) : null };
      const result = scope(() => compute(candidate, norm, each, weights));
      if (typeof result === 'string') {
        for (const { weight, bias } of computed) [weight, bias].map((tensor) => tensor?.dispose());
        return result;
      }
      computed.push(result);
    }
  } finally {
    read.dispose();
  }
  for (const each of computed) apply(graph, candidate.norm, each);
  if (computed.some(({ pair }) => !isBatchNorm(pair.kind))) plain(graph, candidate);
  return computed.map(({ pair }) => pair);
}

/** Tensors of a model that are read for one norm. */
class Reading {
  readonly #model: OpenOnnx;
  readonly #made: Tensor[] = [];

  constructor(model: OpenOnnx) {
    this.#model = model;
  }

  async of({ elements }: Constant): Promise<Tensor> {
    if (elements instanceof Tensor) return elements;
    const tensor = await this.#model.read(elements);
    this.#made.push(tensor);
    return tensor;
  }

  dispose(): void {
    for (const tensor of this.#made) tensor.dispose();
  }
}

/** A layer and what became of its parameters. */
interface Computed extends LayerWeights {
  readonly layer: OnnxLayer;
  readonly pair: FoldedPair;
}

async function weightsOfNorm(read: Reading, { parameters, eps }: OnnxCandidate): Promise<NormWeights> {
  const of = (constant: Constant | null) => (constant === null ? null : read.of(constant));
  const { weight, bias, runningMean, runningVar } = parameters;
  return { weight: await of(weight), bias: await of(bias), runningMean: await of(runningMean), runningVar: await of(runningVar), eps };
}

function compute(
  { norm: node }: OnnxCandidate,
  norm: NormWeights,
  { kind, layer }: OnnxCandidate['layers'][number],
  { weight, bias }: LayerWeights,
): Computed | string {
  const turned = (tensor: Tensor) => (layer.isTransposed ? permute(tensor, [1, 0]) : tensor);
  const flat = bias === null ? null : reshape(bias, [bias.size]);
  const pair: FoldPair = { kind, norm, layer: { weight: turned(weight), bias: flat }, groups: layer.groups, format: layer.weight.format };
  try {
    scaleShiftOf(pair);
  } catch (error) {
    if (error instanceof KeelError) return error.message;
    throw error;
  }
  const folded = fold(pair);
  const proof = verify({ norm: nodeName(node), into: nodeName(layer.node) }, pair, folded);
  const shaped = folded.bias === null || bias === null ? folded.bias : reshape(folded.bias, bias.shape);
  return { layer, pair: proof, weight: turned(folded.weight), bias: shaped };
}

function apply(graph: FoldGraph, norm: FoldNode, { layer, pair, weight, bias }: Computed): void {
  const { format, name } = layer.weight;
  graph.setConstant(layer.weightPlace.node, layer.weightPlace.slot, { tensor: weight, format }, `${name}_folded`);
  const last = bias === null ? layer.last : setBias(graph, layer, bias, format);
  if (!isBatchNorm(pair.kind)) return;
  if (isNormFirst(pair.kind)) graph.setInput(layer.node, 0, norm.inputs[0] ?? '');
  graph.remove(norm);
  if (!isNormFirst(pair.kind)) graph.setOutput(last, norm.outputs[0] ?? '');
}

/** Gives a layer this bias; returns the node that makes the layer's output, which for a MatMul may be a new one. */
function setBias(graph: FoldGraph, { node, last, weight, bias: place }: OnnxLayer, tensor: Tensor, format: RealFormat): FoldNode {
  const fresh = weight.name.endsWith('weight') ? weight.name.replace(/weight$/, 'bias') : `${weight.name}_bias`;
  if (place !== null) {
    const name = place.constant === null ? fresh : `${place.constant.name}_folded`;
    graph.setConstant(place.node, place.slot, { tensor, format }, name);
    return last;
  }
  const [output = ''] = node.outputs;
  const product = graph.freshName(`${output}_product`);
  graph.setOutput(node, product);
  const add = {
    at: null,
    name: graph.freshName(`${nodeName(node)}_bias`),
    opType: 'Add',
    domain: '',
    inputs: [product, ''],
    outputs: [output],
    attributes: new Map(),
  };
  graph.insertAfter(node, add);
  graph.setConstant(add, 1, { tensor, format }, fresh);
  return add;
}

/** What its scale and bias did, the layers do now. */
function plain(graph: FoldGraph, { norm, parameters: { weight, bias } }: OnnxCandidate): void {
  for (const [slot, constant, make] of [[1, weight, ones], [2, bias, zeros]] as const) {
    if (constant === null) continue;
    const { shape, format, name } = constant;
    const tensor = make(shape, { dtype: format === 'F64' ? 'float64' : 'float32' });
    graph.setConstant(norm, slot, { tensor, format }, `${name}_folded`);
  }
}
