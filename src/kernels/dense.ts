// The dense half of the backends that come with the package: loaded by the operations that need it.
// May import kernels.

import type { Core, Data, Dense, Reals } from './kernels.js';
import { conv, matmul } from './reference/dense.js';
import { reference } from './reference/reference.js';
import { gather, scatterAdd, softmax } from './reference/softmax.js';
import { update } from './reference/update.js';
import { isTracing, traced } from './trace.js';
import { wasmDense } from './wasm/dense.js';
import { wasm } from './wasm/wasm.js';

// Layers above check dtypes before they call: the casts below restate what they checked.
const referenceDense: Dense<Data> = {
  matmul: (call) => matmul(call as Parameters<typeof matmul>[0]),
  conv: (part, sizes, a, b, out) => conv(part, sizes, a as Reals, b as Reals, out as Reals),
  softmax: (x, runs, log, out) => softmax(x as Reals, runs, log, out as Reals),
  gather: (table, index, width, out) => gather(table as Reals, index as BigInt64Array, width, out as Reals),
  scatterAdd: (rows, index, width, table) =>
    scatterAdd(rows as Reals, index as BigInt64Array, width, table as Reals),
  update: (call) => update(call as Parameters<typeof update>[0]),
};

const own = new Map<string, unknown>([[reference.name, referenceDense], [wasm.name, wasmDense]]);

/** The dense half of a backend. */
export function denseOf(kernels: Core<unknown>): Dense<unknown> {
  // Backends from elsewhere are registered whole.
  const dense = (own.get(kernels.name) ?? kernels) as Dense<unknown>;
  return isTracing && own.has(kernels.name) ? traced(dense, kernels.name) : dense;
}
