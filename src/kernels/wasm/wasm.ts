// The WASM backend: tensors in its pooled memory, and which of them a kernel gets to see.
// May import errors, plan, kernels and the reference backend, whose loops run on views of this memory where no kernel is.

import type { Core, Data, DType, PointwiseOp, ReduceOp, Strided } from '../kernels.js';
import type { Runs } from '../../plan.js';
import { reference } from '../reference/reference.js';
import { machine, type Machine } from './machine.js';
import { norm, normBackward } from './norm.js';
import { alloc, copy, free, view, withOperands, type Block } from './operands.js';

/** A strided operand by its address. */
export interface Place {
  readonly address: number;
  readonly dtype: DType;
  readonly offset: number;
  readonly strides: readonly number[];
}

/** Kernels that come with the dense binary; each says whether it did the work. */
export interface Accelerated {
  pointwise(machine: Machine, op: PointwiseOp, shape: readonly number[], inputs: readonly Place[], out: Place): boolean;
  reduce(machine: Machine, op: ReduceOp, x: number, runs: Runs, out: number): boolean;
}

let accelerated: Accelerated | null = null;

/** Brings kernels for what otherwise runs as plain loops. */
export function accelerate(kernels: Accelerated): void {
  accelerated = kernels;
}

/** The WASM backend. float64 is not its own: it lives on the reference backend. */
export const wasm: Core<Block> = {
  name: 'wasm',
  holds: (dtype) => dtype !== 'float64',
  collected: ({ address }) => address === 0,
  alloc,
  free,
  write: (block, data) => copy(view(block), data),
  read: (block) => Promise.resolve(view(block).slice()),
  view,
  owns: ({ buffer }) => buffer === machine().buffer,
  norm,
  normSaved: ({ k0, k1 }) => ({ dtype: 'float32', length: 3 * k0 * k1 }),
  normBackward,
  pointwise,
  reduce,
};

function pointwise(op: PointwiseOp, shape: readonly number[], inputs: readonly Strided<Block>[], out: Strided<Block>): void {
  const kernels = accelerated;
  const isDone =
    kernels !== null &&
    withOperands((operands) => {
      const sources = inputs.map((input) => place(input, operands.input(input.data)));
      return kernels.pointwise(operands.machine, op, shape, sources, place(out, operands.update(out.data)));
    });
  if (isDone) return;
  reference.pointwise(op, shape, inputs.map(open), open(out));
}

function place({ data, offset, strides }: Strided<Block>, address: number): Place {
  return { address, dtype: data.dtype, offset, strides };
}

function open({ data, offset, strides }: Strided<Block>): Strided<Data> {
  return { data: view(data), offset, strides };
}

function reduce(op: ReduceOp, x: Block, runs: Runs, out: Block): void {
  const kernels = accelerated;
  const isDone =
    kernels !== null &&
    withOperands((operands) => kernels.reduce(operands.machine, op, operands.input(x), runs, operands.output(out)));
  if (!isDone) reference.reduce(op, view(x), runs, view(out));
}
