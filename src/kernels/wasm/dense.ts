// The dense half of the WASM backend. May import kernels, operands, the dense kernels' drivers and
// the reference backend.

import type { Dense, Reals, SGDUpdate } from '../kernels.js';
import { update } from '../reference/update.js';
import { conv } from './conv.js';
import { gather, scatterAdd } from './gather.js';
import { matmul } from './matmul.js';
import { view, withOperands, type Block } from './operands.js';
import { pointwise } from './pointwise.js';
import { reduce } from './reduce.js';
import { softmax } from './softmax.js';
import { adam } from './update.js';
import { accelerate } from './wasm.js';

// Whoever loads the dense binary has its elementwise functions and reductions too.
accelerate({ pointwise, reduce });

/** Matrix products and their like on WASM. */
export const wasmDense: Dense<Block> = {
  matmul(call) {
    withOperands((operands) => {
      const [a, b, out] = [operands.input(call.a), operands.input(call.b), operands.output(call.out)];
      matmul(operands.machine, { ...call, a, b, out });
    });
  },
  conv(part, sizes, a, b, out) {
    withOperands((operands) => {
      conv(operands.machine, part, sizes, operands.input(a), operands.input(b), operands.output(out));
    });
  },
  softmax(x, runs, log, out) {
    withOperands((operands) => softmax(operands.machine, operands.input(x), runs, log, operands.output(out)));
  },
  gather(table, index, width, out) {
    if (out.length === 0) return;
    withOperands((operands) => {
      const [from, at, rows] = [operands.input(table), operands.input(index), operands.output(out)];
      gather(operands.machine, { table: from, index: at, width, rows, ...heightOf(table, index, width) });
    });
  },
  scatterAdd(rows, index, width, table) {
    if (rows.length === 0) return;
    withOperands((operands) => {
      const [from, at, into] = [operands.input(rows), operands.input(index), operands.update(table)];
      scatterAdd(operands.machine, { table: into, index: at, width, rows: from, ...heightOf(table, index, width) });
    });
  },
  update(call) {
    // The plain loop, which the memory bounds.
    if (call.rule === 'sgd') return update(opened(call));
    withOperands((operands) => {
      const [x, dx, m, v] = [operands.update(call.x), operands.input(call.dx), operands.update(call.m), operands.update(call.v)];
      adam(operands.machine, { ...call, x, dx, m, v, peak: call.peak && operands.update(call.peak) });
    });
  },
};

/** The call on views of the blocks. Nothing allocates before it is done. */
function opened(call: SGDUpdate<Block>): SGDUpdate<Reals> {
  return { ...call, x: reals(call.x), dx: reals(call.dx), buffer: call.buffer && reals(call.buffer) };
}

/** Rows of the table, and how many are picked. */
function heightOf(table: Block, index: Block, width: number): { readonly height: number; readonly count: number } {
  return { height: table.length / width, count: index.length };
}

function reals(block: Block): Reals {
  // What has a gradient is of a float dtype, and its state too.
  return view(block) as Reals;
}
