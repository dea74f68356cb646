// foldOnnx: norms of an ONNX model into the layers beside them. May import io's reader and fold.

import { unsupported } from '../io/elements.js';
import { named } from '../io/failure.js';
import type { OpenOnnx } from '../io/onnx/model.js';
import { openOnnx } from '../io/onnx/openonnx.js';
import { type FileSource, nameOf, wholeOf } from '../io/source.js';
import type { KeptNorm } from './candidate.js';
import { FoldGraph, type FoldNode } from './onnxgraph.js';
import { nodeName } from './onnxlayers.js';
import { candidateOf, innerNorms, type Ranks } from './onnxnorms.js';
import { foldNormInto } from './onnxpair.js';
import { describedRanks } from './onnxrank.js';
import { checkWires } from './onnxschema.js';
import { writeFolded } from './onnxwrite.js';
import type { FoldedPair } from './verify.js';

/** What {@link foldOnnx} gives. */
export interface FoldedOnnx {
  /** The folded model; the bytes given where nothing was folded. */
  readonly bytes: Uint8Array;
  readonly pairs: readonly FoldedPair[];
  readonly kept: readonly KeptNorm[];
  /** Files beside the model that the folded one still takes elements from: it must lie in the same folder. */
  readonly beside: readonly string[];
}

/**
 * An ONNX model of the same function with fewer norms, for inference: with s = γ/√(var + eps), the Conv, ConvTranspose, Gemm or
 * MatMul before a BatchNormalization gets the weight W·s and the bias (b − mean)·s + β, and the norm goes; where that cannot
 * be, the Conv (without padding), Gemm or MatMul behind it. Scale and bias of a LayerNormalization move into the Gemm and MatMul
 * behind it where these are all that take it, W·γ and b + W·β, and stay as ones and zeros.
 *
 * Only what is proved is folded: parameters are initializers that no input replaces, and nothing else takes the value between.
 * What is kept comes with its reason. An initializer that other nodes take too stays; the folded layer gets one of its own.
 * Everything else in the file is written as it was, also fields that are not known here. Models of operator sets before 7 are
 * kept whole.
 *
 * Arithmetic is in float64 and rounded once to the type of the weight. Every pair is computed before and after on random
 * numbers; the generator of `manualSeed` is left alone. Nothing is returned where one pair does not hold.
 *
 * @throws KeelError [file] as `openOnnx`; [argument] for a pair that folding would change, and for models with training
 *   information or quantization annotations.
 * @see https://onnx.ai/onnx/operators/onnx__BatchNormalization.html
 * @example
 * const { bytes, pairs } = await foldOnnx('model.onnx');
 * pairs[0]; // { norm: '/bn1/BatchNormalization', into: '/conv1/Conv', kind: 'conv-batch-norm', largestDifference: ..., ... }
 */
export async function foldOnnx(source: FileSource): Promise<FoldedOnnx> {
  const model = await openOnnx(source);
  const graph = new FoldGraph(model);
  try {
    const { pairs, kept } = await foldAll(model, graph);
    // What lay beside the model will lie in it.
    const more = [...graph.changed.values()].reduce((sum, { tensor }) => sum + tensor.data.byteLength, 0);
    const bytes = await named(nameOf(source), () => bytesOf(source, more));
    if (pairs.length > 0) await named(nameOf(source), () => checkWires(bytes));
    return { bytes: pairs.length === 0 ? bytes : writeFolded(bytes, graph, model.irVersion), pairs, kept, beside: besideOf(model, graph) };
  } finally {
    for (const { tensor } of graph.changed.values()) tensor.dispose();
    await model.close();
  }
}

/** The whole model, if it may grow by so many bytes. */
async function bytesOf(source: FileSource, more: number): Promise<Uint8Array> {
  const given = await wholeOf(source);
  try {
    checkSize(given.bytes + more);
    return await given.read(0, given.bytes);
  } finally {
    await given.close();
  }
}

/** Protobuf counts bytes in an int32. */
const MOST_BYTES = 2 ** 31 - 1;

function checkSize(bytes: number): void {
  if (bytes <= MOST_BYTES) return;
  const message = `the folded model would have ${bytes} bytes, and a protobuf has ${MOST_BYTES} at most: keep weights in files beside it`;
  throw unsupported(message, { bytes, limit: MOST_BYTES });
}

async function foldAll(model: OpenOnnx, graph: FoldGraph): Promise<{ pairs: FoldedPair[]; kept: KeptNorm[] }> {
  const ranks = describedRanks(model.graph);
  const opset = model.opsets.get('') ?? 1;
  const pairs: FoldedPair[] = [];
  const kept: KeptNorm[] = [];
  for (const node of graph.nodes) {
    for (const norm of innerNorms(node)) kept.push({ norm, reason: `it stands in a graph inside ${nodeName(node)}` });
    const outcome = await foldNorm(model, graph, ranks, opset, node);
    if (outcome === null) continue;
    if ('reason' in outcome) kept.push({ norm: nodeName(node), reason: outcome.reason });
    else pairs.push(...outcome.pairs);
  }
  return { pairs, kept };
}

type Outcome = { readonly pairs: readonly FoldedPair[] } | { readonly reason: string };

async function foldNorm(model: OpenOnnx, graph: FoldGraph, ranks: Ranks, opset: number, node: FoldNode): Promise<Outcome | null> {
  const candidate = candidateOf(graph, ranks, node);
  if (candidate === null || 'reason' in candidate) return candidate;
  if (opset < 7) return { reason: `operator set ${opset}: norms before set 7 may be those of training` };
  const folded = await foldNormInto(model, graph, candidate);
  return typeof folded === 'string' ? { reason: folded } : { pairs: folded };
}

function besideOf(model: OpenOnnx, graph: FoldGraph): string[] {
  const left = [...model.graph.initializers.values()].filter(({ name }) => !graph.changed.has(name) && !graph.removed.has(name));
  return [...new Set(left.flatMap(({ location }) => location ?? []))];
}
