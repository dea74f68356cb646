// What a row of the bench is: work for evenkeel, and the same for each peer. May import 'evenkeel', onnx and the two files of types.

import type { AddNorm, Layer, Tensor } from 'evenkeel';
import type { JaxFunction } from './jaxapi.js';
import type { OnnxNode } from './onnx.js';
import type { TfFunction } from './tfapi.js';

export type Shape = readonly number[];

/** A function of the inputs, or a module from x to y whose parameters, by their state-dict keys, are the inputs after x. */
export type Own = ((...inputs: Tensor[]) => Tensor | AddNorm) | { readonly module: () => Layer };

/** Something that evenkeel computes. */
export interface Work {
  readonly name: string;
  /** In the order in which the functions take them. Every name but those of {@link states} gets a gradient. */
  readonly inputs: Readonly<Record<string, Shape>>;
  readonly output: Shape;
  readonly own: Own;
  /** The tape records the forward pass, and there is no backward pass: what a single call costs. */
  readonly recorded: boolean;
  /** Images in a step where an epoch over x is the work, null elsewhere. */
  readonly batch: number | null;
}

export interface Row extends Work {
  /** The figures of norm and rms are averaged; those of the other families stand alone. */
  readonly family: 'norm' | 'rms' | 'add' | 'dense' | 'block' | 'job' | 'call';
  /** Passes over x's bytes that the work cannot do without; `backward` has those of an optimizer's step too. */
  readonly sweeps: { readonly forward: number; readonly backward: number };
  /** Multiplications and additions of a forward pass; null where memory is the limit. */
  readonly flops: number | null;
  /** Statements that leave the result in y, or an expression that makes the module; F is torch.nn.functional. */
  readonly torch: string;
  readonly onnx: readonly OnnxNode[] | null;
  readonly tf: TfFunction | null;
  readonly jax: JaxFunction | null;
  /** Other work of evenkeel's on the same numbers that this row is compared with. */
  readonly beside: Work | null;
}

/** What most rows have. */
export const plain = {
  family: 'norm', sweeps: { forward: 2, backward: 3 }, flops: null, recorded: false, batch: null,
  onnx: null, tf: null, jax: null, beside: null,
} as const;

/** Inputs that are not differentiated. */
export const states: readonly string[] = ['runningMean', 'runningVar'];
const constants: readonly string[] = ['w', 'b', ...states];

/** Whether a model stores the input: peers that compile a model get it as a constant. */
export function isStored({ own }: Work, name: string): boolean {
  return typeof own === 'function' ? constants.includes(name) : name !== 'x' && name !== 'dy';
}

export const sizes = (shape: Shape): string => shape.join('×');
export const count = (shape: Shape): number => shape.reduce((n, extent) => n * extent, 1);
