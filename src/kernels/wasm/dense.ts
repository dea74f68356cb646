// The dense half of the WASM backend. May import kernels, operands and the dense kernels' drivers.

import type { Dense } from '../kernels.js';
import { conv } from './conv.js';
import { gather, scatterAdd } from './gather.js';
import { matmul } from './matmul.js';
import { withOperands, type Block } from './operands.js';
import { pointwise } from './pointwise.js';
import { reduce } from './reduce.js';
import { softmax } from './softmax.js';
import { adam, sgd } from './update.js';
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
    withOperands((operands) => {
      if (call.rule === 'sgd') {
        const [x, dx, buffer] = [operands.update(call.x), operands.input(call.dx), call.buffer && operands.update(call.buffer)];
        return sgd(operands.machine, { ...call, x, dx, buffer });
      }
      const [x, dx, m, v] = [operands.update(call.x), operands.input(call.dx), operands.update(call.m), operands.update(call.v)];
      adam(operands.machine, { ...call, x, dx, m, v, peak: call.peak && operands.update(call.peak) });
    });
  },
};

/** Rows of the table, and how many are picked. */
function heightOf(table: Block, index: Block, width: number): { readonly height: number; readonly count: number } {
  return { height: table.length / width, count: index.length };
}
