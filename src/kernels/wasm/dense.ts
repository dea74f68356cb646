// The dense half of the WASM backend. May import plan, kernels, operands and the dense kernels' drivers.

import type { Data, Dense } from '../kernels.js';
import { view, type Block } from './operands.js';

/** Matrix products and their like on WASM. */
export function wasmDense(reference: Dense<Data>): Dense<Block> {
  return {
    matmul: (call) => reference.matmul({ ...call, a: view(call.a), b: view(call.b), out: view(call.out) }),
    conv: (part, sizes, a, b, out) => reference.conv(part, sizes, view(a), view(b), view(out)),
    softmax: (x, runs, log, out) => reference.softmax(view(x), runs, log, view(out)),
    gather: (table, index, width, out) => reference.gather(view(table), view(index), width, view(out)),
    scatterAdd: (rows, index, width, table) => reference.scatterAdd(view(rows), view(index), width, view(table)),
  };
}
