// foldState: norms of a state dict into the layers beside them. May import errors, create, tensor, nn, io's entries and fold.

import { ones, zeros } from '../create.js';
import { KeelError, showGiven } from '../errors.js';
import type { TensorEntry } from '../io/contents.js';
import { layoutTables, type LayoutName } from '../nn/blocks/layouttables.js';
import { recognize, type KeyLayout } from '../nn/blocks/layouts.js';
import { checkNumber, optionsOf } from '../nn/check.js';
import { entriesOf } from '../nn/state.js';
import { scope, Tensor } from '../tensor.js';
import { fold, formatOf, isBatchNorm } from './arithmetic.js';
import { pairOf, type Candidate, type Candidates, type KeptNorm } from './candidate.js';
import { transformerNorms } from './encoder.js';
import { knownCandidates } from './known.js';
import { foldKinds, namedCandidates, type NamedPair } from './named.js';
import { verify, type FoldedPair } from './verify.js';

/** Options of {@link foldState}. */
export interface FoldStateOptions {
  /** Of batch norms: state dicts do not hold it. Default null: 1e-5, as PyTorch's and that of every model known here. */
  readonly eps?: number | null;
  /** Pairs to fold in place of those that the layout proves: a norm, the layer beside it, and the kind where not as usual. */
  readonly pairs?: readonly NamedPair[] | null;
  /** The layout whose names the state has. Default null: it is recognized. */
  readonly layout?: LayoutName | null;
  /** How a file keeps the tensors, as `open` says it: what is folded of the 16-bit formats is rounded once to them. */
  readonly entries?: ReadonlyMap<string, Pick<TensorEntry, 'format'>> | null;
}

/** What {@link foldState} gives. */
export interface FoldedState {
  /** The state dict of the folded model. Tensors that did not change are those given. */
  readonly state: Map<string, Tensor>;
  /** The layout that was recognized; null where pairs were named, and for layers of nn.Transformer. */
  readonly layout: KeyLayout | null;
  /** What was taken for batch norms. */
  readonly eps: number;
  readonly pairs: readonly FoldedPair[];
  readonly kept: readonly KeptNorm[];
  /** Keys that came: biases of layers that had none. */
  readonly added: readonly string[];
  /** Keys that went: those of batch norms, whose place is taken by nothing. */
  readonly removed: readonly string[];
}

/**
 * The state dict of the same function with fewer norms, for inference: with s = γ/√(var + eps), a BatchNorm's neighbour becomes
 * W·s and (b − mean)·s + β, and its keys go; γ and β of a LayerNorm or RMSNorm move into the linear layer behind it, W·γ and
 * b + W·β, and stay as ones and zeros, as does a layer scale.
 *
 * Only what the keys of a known layout prove is folded: ResNet; ConvNeXt of facebookresearch, timm, torchvision and Hugging Face;
 * VisionTransformer of timm and torchvision. What is kept comes with its reason. For other models the caller names the pairs, a
 * norm and its layer: BatchNorm goes into the layer before it, scale and shift of other norms into the layer behind (into each,
 * where there are several and all are named), a layer scale into the layer before. A kind says it where it is otherwise, and of a
 * convolution behind a norm that it does not pad.
 *
 * Two models have the keys of others: timm's vit_base_patch16_rpn_224 made with a class token those of its VisionTransformer, whose
 * norms stand elsewhere; and timm's ConvNeXt with output_stride 8 or 16 those of the usual one, so that its norms between stages
 * are kept unless they are named.
 *
 * Arithmetic is in float64 and rounded once to the dtype of the weight. Every pair is computed before and after on random
 * numbers; the generator of `manualSeed` is left alone. Nothing is returned where one pair does not hold.
 *
 * @throws KeelError [state_dict] for keys of no known model where no pairs are named, and names that are none; [argument] for a
 *   pair that folding would change, or cannot fold; [shape] for channels that differ; [dtype] for weights of whole numbers.
 * @see https://github.com/pytorch/pytorch/blob/main/torch/nn/utils/fusion.py
 * @example
 * const { state, pairs } = foldState(resnet18().stateDict());
 * pairs[0]; // { norm: 'bn1', into: 'conv1', kind: 'conv-batch-norm', largestDifference: ..., tolerance: ... }
 */
export function foldState(
  state: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>,
  options: FoldStateOptions = {},
): FoldedState {
  const all = optionsOf('foldState', options, { eps: null, pairs: null, layout: null, entries: null });
  const { pairs: named, layout, entries } = all;
  const given = tensorsOf(state);
  const eps = all.eps ?? 1e-5;
  checkNumber('eps', eps);
  if (named !== null) checkPairs(named);
  const keys = [...given.keys()];
  const found = named === null ? recognize(keys, layout) : null;
  const { candidates, kept } = named === null ? provedIn(given, found, eps, layout) : namedCandidates(given, named);
  return scope(() => {
    const folded = new Map(given);
    const pairs = candidates.map((candidate) => foldInto(folded, candidate, eps, entries?.get(candidate.layerKeys.weight)?.format));
    const removed = candidates.flatMap((candidate) => settle(folded, candidate));
    const added = candidates.map(({ layerKeys }) => layerKeys.bias).filter((key) => folded.has(key) && !given.has(key));
    return { state: inOrder(given, folded), layout: found, eps, pairs, kept, added: [...new Set(added)], removed };
  });
}

function provedIn(state: ReadonlyMap<string, Tensor>, found: KeyLayout | null, eps: number, layout: LayoutName | null): Candidates {
  if (found !== null) return knownCandidates(state, found, eps);
  const norms = transformerNorms(state);
  if (norms !== null) return { candidates: [], kept: norms };
  const known = Object.entries(layoutTables).map(([model, { layouts }]) => `${model} (${layouts.join(', ')})`);
  const some = [...state.keys()].slice(0, 8).map((key) => `"${key}"`);
  throw new KeelError(
    'state_dict',
    `these are not the keys of ${layout === null ? 'a known model' : `a model of ${layout}`}: ${some.join(', ')}` +
      `${state.size > 8 ? ', ...' : ''}, and what stands beside a norm is not in a state dict: name the pairs, such as ` +
      `['bn1', 'conv1']; known are ${known.join('; ')}`,
    { keys: [...state.keys()], layout },
  );
}

/** Folds one pair into the layer, the norm left as it is, since others may take it in too. */
function foldInto(state: Map<string, Tensor>, candidate: Candidate, eps: number, stored?: TensorEntry['format']): FoldedPair {
  const plain = pairOf(state, candidate, eps);
  const format = stored === 'F16' || stored === 'BF16' ? stored : formatOf(plain.layer.weight);
  const pair = { ...plain, format };
  const { norm, into, layerKeys } = candidate;
  const { weight, bias } = fold(pair);
  const proof = verify({ norm, into }, pair, { weight, bias });
  state.set(layerKeys.weight, weight);
  if (bias !== null) state.set(layerKeys.bias, bias);
  return proof;
}

/** Takes away a batch norm's keys, and names them; makes other norms' γ ones and β zeros. */
function settle(state: Map<string, Tensor>, { kind, normKeys }: Candidate): string[] {
  const { weight, bias } = normKeys;
  if (isBatchNorm(kind)) {
    const keys = Object.values(normKeys).filter((key) => state.has(key ?? ''));
    for (const key of keys) state.delete(key);
    return keys;
  }
  for (const [key, make] of [[weight, ones], [bias, zeros]] as const) {
    const tensor = key === null ? undefined : state.get(key);
    if (key !== null && tensor !== undefined) state.set(key, make(tensor.shape, { dtype: floatOf(tensor) }));
  }
  return [];
}

/** The entries in the order given, a bias that came behind its weight. */
function inOrder(given: ReadonlyMap<string, Tensor>, folded: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const state = new Map<string, Tensor>();
  for (const key of given.keys()) {
    const bias = key.replace(/weight$/, 'bias');
    for (const each of given.has(bias) ? [key] : [key, bias]) {
      const tensor = folded.get(each);
      if (tensor !== undefined) state.set(each, tensor);
    }
  }
  return state;
}

function floatOf(tensor: Tensor): 'float32' | 'float64' {
  return formatOf(tensor) === 'F64' ? 'float64' : 'float32';
}

function tensorsOf(state: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>): Map<string, Tensor> {
  const entries = entriesOf(state);
  for (const [key, tensor] of entries) {
    if (tensor instanceof Tensor) continue;
    const message = `foldState: expected a Tensor named "${key}" but got ${showGiven(tensor)}`;
    throw new KeelError('state_dict', message, { key });
  }
  return entries;
}

function checkPairs(pairs: readonly NamedPair[]): void {
  const bad: unknown = Array.isArray(pairs) ? pairs.find((pair) => !isPair(pair)) : pairs;
  if (bad === undefined) return;
  const given = Array.isArray(bad) ? JSON.stringify(bad) : showGiven(bad);
  const message = `pairs are lists such as ['bn1', 'conv1'] or ['bn1', 'conv1', '${foldKinds[0]}'], got ${given}; kinds are ${foldKinds.join(', ')}`;
  throw new KeelError('argument', message, { pairs });
}

function isPair(pair: unknown): boolean {
  if (!Array.isArray(pair) || pair.length < 2 || pair.length > 3) return false;
  const [norm, into, kind]: readonly unknown[] = pair;
  return typeof norm === 'string' && typeof into === 'string' && (kind === undefined || foldKinds.some((each) => each === kind));
}
