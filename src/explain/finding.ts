// What an explanation of an error is made of: findings, and fixes with the code that they are.
// May import errors, tensor, nn and what explain is made of.

import { explain, type ExplainData } from '../explain.js';
import { KeelError } from '../errors.js';
import { LocalResponseNorm, type NormLayer } from '../nn/norm.js';
import { scope } from '../tensor.js';
import { evenkeelOf } from './catalogue.js';
import { layerFrom } from './layertext.js';

/** What a PyTorch error is about. */
export type ErrorKind =
  | 'normalized_shape' // the input does not end in normalized_shape, or that is empty
  | 'parameter_shape' // weight or bias of another shape than the layer or its input has
  | 'channels' // another number of channels than the layer was made for
  | 'rank' // an input with another number of axes
  | 'too_few_values' // statistics of a single value in training
  | 'groups' // groups that do not divide the channels
  | 'state_dict' // keys or shapes of a checkpoint
  | 'running' // running statistics that are needed and absent
  | 'dtype' // mixed dtypes, or one that is not normalized
  | 'argument'; // an argument out of its range, missing or unknown

/** A way out of an error. */
export interface ErrorFix {
  /** What it does, or when to take it. */
  readonly text: string;
  /** A line of PyTorch; null where it takes more than a line. */
  readonly pytorch: string | null;
  /** The same here; null where nothing needs to be written. */
  readonly evenkeel: string | null;
  /** What the layer of this fix does to the input, where both are known. */
  readonly explanation: ExplainData | null;
}

/** What is known of an error. */
export interface Finding {
  readonly kind: ErrorKind;
  readonly layer: string | null;
  readonly facts: Readonly<Record<string, Fact>>;
  readonly meaning: readonly string[];
  readonly fixes: readonly ErrorFix[];
  readonly explanation: ExplainData | null;
}

/** A number, a name, a shape, or a list of keys. */
export type Fact = number | string | readonly number[] | readonly string[];

/** A way out that is written in code. */
export function codeFix(text: string, pytorch: string | null, evenkeel: string | null): ErrorFix {
  return { text, pytorch, evenkeel, explanation: null };
}

/** A way out that is another layer, `GroupNorm(1, 96)`, perhaps on a shape that is known. */
export function layerFix(text: string, call: string, shape: readonly number[] | null = null): ErrorFix {
  const made = scope(() => {
    const layer = layerIn(call);
    return layer === null ? null : { evenkeel: evenkeelOf(layer), explanation: explained(layer, shape) };
  });
  const { evenkeel = null, explanation = null } = made ?? {};
  const isTorch = !call.startsWith('LayerNorm2d');
  return { text, pytorch: isTorch ? `nn.${call}` : (explanation?.pytorch ?? null), evenkeel, explanation };
}

/** What a layer, `BatchNorm1d(3)`, does to a shape; null where it does not take it. */
export function explanationOf(call: string, shape: readonly number[]): ExplainData | null {
  return scope(() => {
    const layer = layerIn(call);
    return layer === null ? null : explained(layer, shape);
  });
}

/** `2 × 3`; a scalar has no axes. */
export function times(shape: readonly number[]): string {
  return shape.length === 0 ? 'no axes' : shape.join(' × ');
}

/** `1 axis`, `the last 2 axes` and the like. */
export function count(n: number, noun: string, plural = `${noun}s`): string {
  return `${n} ${n === 1 ? noun : plural}`;
}

/** As an argument of a layer: `4`, `[3, 4]`. */
export function extent(shape: readonly number[]): string {
  return shape.length === 1 ? `${shape[0]}` : `[${shape.join(', ')}]`;
}

/** The order of axes that moves one of them last, and its inverse. */
export function movedLast(rank: number, axis: number): { readonly there: number[]; readonly back: number[] } {
  const axes = Array.from({ length: rank }, (_, i) => i);
  const there = [...axes.filter((i) => i !== axis), axis];
  return { there, back: axes.map((i) => there.indexOf(i)) };
}

/** Numbers out of an error may be too large for a layer, or such that no layer has them. */
function layerIn(call: string): NormLayer | null {
  const layer = tried(() => layerFrom(call));
  return layer instanceof LocalResponseNorm ? null : layer;
}

function explained(layer: NormLayer, shape: readonly number[] | null): ExplainData | null {
  return shape === null ? null : tried(() => explain(layer, shape).data);
}

function tried<T>(make: () => T): T | null {
  try {
    return make();
  } catch (error) {
    if (error instanceof KeelError) return null;
    throw error;
  }
}
