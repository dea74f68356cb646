// What multi-head attention asks of its inputs and masks, in PyTorch's words, and the one mask that it adds.
// May import errors, create, tensor, ops and sdpa.

import { constant, zeros } from '../../create.js';
import { KeelError, showGiven } from '../../errors.js';
import { checkFloats } from '../../ops/check.js';
import { add, or, where } from '../../ops/elementwise.js';
import { cat, reshape, toBackend } from '../../ops/movement.js';
import { sameShape, scope, Tensor } from '../../tensor.js';
import { pythonTuple } from '../module.js';
import { checkMaskKind } from './sdpa.js';

/** What a pass of attention sees. */
export interface Seen {
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
  readonly attnMask: Tensor | null;
  readonly keyPaddingMask: Tensor | null;
}

/** What the module that is asked has been made for. */
export interface Made {
  readonly embedDim: number;
  readonly kdim: number;
  readonly vdim: number;
  readonly numHeads: number;
  readonly batchFirst: boolean;
}

/** Sizes of a pass: samples, queries and keys of each. */
export interface Extents {
  readonly batch: number;
  readonly queries: number;
  readonly keys: number;
}

/** Refuses an input that is missing or no tensor, by its name. */
export function checkInputs(owner: string, inputs: Readonly<Record<string, Tensor>>, hint = ''): void {
  for (const [name, x] of Object.entries(inputs)) {
    if (x instanceof Tensor) continue;
    const message = `${owner}.forward(${Object.keys(inputs).join(', ')}) takes a Tensor as ${name}, got ${showGiven(x)}${hint}`;
    throw new KeelError('argument', message, { input: name, given: x });
  }
}

/** The sizes of a pass, once everything that it sees fits the module and each other. */
export function checkAttention(seen: Seen, made: Made): Extents {
  const { query, key, value } = seen;
  checkInputs('MultiheadAttention', { query, key, value }, ': attention of x to itself is forward(x, x, x)');
  checkFloats('MultiheadAttention', [query, key, value]);
  if (seen.keyPaddingMask !== null) checkMaskKind('key_padding_mask', seen.keyPaddingMask, query);
  if (seen.attnMask !== null) checkMaskKind('attn_mask', seen.attnMask, query);
  checkRanks(seen);
  const tokens = (x: Tensor) => tokensOf(x, made.batchFirst);
  const [batch, queries] = tokens(query);
  const [keyBatch, keys] = tokens(key);
  checkWidth('embedding dimension', made.embedDim, query);
  if (!sameShape(tokens(key), tokens(value))) {
    const size = (x: Tensor) => `torch.Size(${list(x.shape.slice(0, -1))})`;
    const message = `key's sequence and batch dims ${size(key)} do not match value's ${size(value)}`;
    throw new KeelError('shape', message, { key: key.shape, value: value.shape });
  }
  if (batch !== keyBatch) {
    const layout = made.batchFirst ? '(N, T, E)' : '(T, N, E)';
    const message =
      `the batch number of query and key must be equal: ${batch} of query ${size(query)} and ${keyBatch} of key ` +
      `${size(key)}, read as ${layout}`;
    throw new KeelError('shape', message, { query: query.shape, key: key.shape, batchFirst: made.batchFirst });
  }
  checkWidth("key's feature dimension kdim", made.kdim, key);
  checkWidth("value's feature dimension vdim", made.vdim, value);
  const extents = { batch, queries, keys };
  if (seen.attnMask !== null) checkAttnMask(seen.attnMask, made.numHeads, query.rank === 3, extents);
  if (seen.keyPaddingMask !== null) checkKeyPadding(seen.keyPaddingMask, extents);
  return extents;
}

/**
 * One mask to add to scores (N, heads, queries, keys + extra): both masks, the bool ones as 0 and −∞; `extra` keys at the
 * end are seen by all. Null where there is none.
 */
export function addedMask(seen: Seen, extents: Extents, numHeads: number, extra: number): Tensor | null {
  const { query } = seen;
  return scope(() => {
    const [first, second] = byScores(seen, extents, numHeads);
    if (first === undefined) return null;
    if (second === undefined) return widened(asFloat(first, query), extra);
    const areBool = first.dtype === 'bool' && second.dtype === 'bool';
    const both = areBool ? asFloat(or(first, second), query) : add(asFloat(first, query), asFloat(second, query));
    return widened(both, extra);
  });
}

/** The masks that there are, in shapes that broadcast to the scores'. */
function byScores({ attnMask, keyPaddingMask }: Seen, { batch, queries, keys }: Extents, numHeads: number): Tensor[] {
  const masks: Tensor[] = [];
  if (attnMask !== null) {
    masks.push(reshape(attnMask, attnMask.rank === 2 ? [1, 1, queries, keys] : [batch, numHeads, queries, keys]));
  }
  if (keyPaddingMask !== null) masks.push(reshape(keyPaddingMask, [batch, 1, 1, keys]));
  return masks;
}

/** Samples and tokens of each. */
export function tokensOf(x: Tensor, batchFirst: boolean): [batch: number, tokens: number] {
  const [first = 0, second = 0] = x.shape;
  if (x.rank === 2) return [1, first];
  return batchFirst ? [first, second] : [second, first];
}

function asFloat(mask: Tensor, like: Tensor): Tensor {
  return mask.dtype === 'bool' ? where(mask, -Infinity, constant(0, like.dtype, like)) : mask;
}

function widened(mask: Tensor, extra: number): Tensor {
  if (extra === 0) return mask;
  const free = toBackend(zeros([...mask.shape.slice(0, -1), extra]), mask.dtype, mask);
  return cat([mask, free], -1);
}

function checkRanks({ query, key, value, attnMask, keyPaddingMask }: Seen): void {
  const { rank } = query;
  if (rank !== 2 && rank !== 3) {
    const message = `query should be unbatched 2D or batched 3D tensor but received ${rank}-D query tensor`;
    throw new KeelError('rank', message, { query: query.shape });
  }
  const given = rank === 3 ? 'For batched (3-D) `query`' : 'For unbatched (2-D) `query`';
  if (key.rank !== rank || value.rank !== rank) {
    const message =
      `${given}, expected \`key\` and \`value\` to be ${rank}-D but found ${key.rank}-D and ${value.rank}-D tensors ` +
      'respectively';
    throw new KeelError('rank', message, { key: key.shape, value: value.shape });
  }
  if (keyPaddingMask !== null && keyPaddingMask.rank !== rank - 1) {
    const message =
      `${given}, expected \`key_padding_mask\` to be \`None\` or ${rank - 1}-D but found ${keyPaddingMask.rank}-D tensor ` +
      'instead';
    throw new KeelError('rank', message, { keyPaddingMask: keyPaddingMask.shape });
  }
  if (attnMask !== null && attnMask.rank !== 2 && attnMask.rank !== 3) {
    const message = `${given}, expected \`attn_mask\` to be \`None\`, 2-D or 3-D but found ${attnMask.rank}-D tensor instead`;
    throw new KeelError('rank', message, { attnMask: attnMask.shape });
  }
}

function checkWidth(what: string, expected: number, x: Tensor): void {
  const width = x.shape.at(-1) ?? 0;
  if (width === expected) return;
  const message = `was expecting ${what} of ${expected}, but got ${width}: the last extent of ${size(x)}`;
  throw new KeelError('shape', message, { expected, got: width, shape: x.shape });
}

function checkAttnMask(mask: Tensor, numHeads: number, isBatched: boolean, { batch, queries, keys }: Extents): void {
  const expected = mask.rank === 2 ? [queries, keys] : [batch * numHeads, queries, keys];
  if (sameShape(mask.shape, expected)) return;
  const data = { attnMask: mask.shape, expected };
  if (isBatched || mask.rank === 2) {
    const message = `The shape of the ${mask.rank}D attn_mask is ${size(mask)}, but should be ${pythonTuple(expected)}.`;
    throw new KeelError('shape', message, data);
  }
  throw new KeelError('shape', `Expected \`attn_mask\` shape to be ${pythonTuple(expected)} but got ${size(mask)}`, data);
}

function checkKeyPadding(mask: Tensor, { batch, keys }: Extents): void {
  const [n, s] = mask.rank === 1 ? [1, mask.size] : mask.shape;
  const wrong = n === batch ? (s === keys ? null : ([1, keys, s] as const)) : ([0, batch, n] as const);
  if (wrong === null) return;
  const [axis, expected, got] = wrong;
  const what = axis === 0 ? 'one row for each sample' : 'one entry for each key';
  const message = `Expected key_padded_mask.shape[${axis}] to be ${expected}, but got ${got}: ${what}`;
  throw new KeelError('shape', message, { keyPaddingMask: mask.shape, expected: [batch, keys] });
}

function size({ shape }: Tensor): string {
  return `torch.Size(${list(shape)})`;
}

function list(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}
