// The reference backend: plain TypeScript over typed arrays, arithmetic in float64. It defines every kernel.
// May import errors, plan and kernels.

import { KeelError } from '../../errors.js';
import type { Data, DType, Kernels, Reals } from '../kernels.js';
import { conv, matmul } from './dense.js';
import { norm, normBackward, normSaved } from './norm.js';
import { pointwise } from './pointwise.js';
import { gather, reduce, scatterAdd, softmax } from './reduce.js';

/** The reference backend. */
export const reference: Kernels<Data> = {
  name: 'reference',
  holds: () => true,
  collected: true,
  alloc,
  free: () => undefined,
  write: copy,
  read: (storage) => Promise.resolve(storage.slice()),
  view: (storage) => storage,
  // Layers above check dtypes before they call: the casts below restate what they checked.
  norm: (call) => norm(call as Parameters<typeof norm>[0]),
  normSaved,
  normBackward: (call) => normBackward(call as Parameters<typeof normBackward>[0]),
  matmul: (call) => matmul(call as Parameters<typeof matmul>[0]),
  conv: (part, sizes, a, b, out) => conv(part, sizes, a as Reals, b as Reals, out as Reals),
  softmax: (x, runs, log, out) => softmax(x as Reals, runs, log, out as Reals),
  pointwise,
  reduce: (op, x, runs, out) => reduce(op, x as Reals, runs, out as Reals),
  gather: (table, index, width, out) => gather(table as Reals, index as BigInt64Array, width, out as Reals),
  scatterAdd: (rows, index, width, table) =>
    scatterAdd(rows as Reals, index as BigInt64Array, width, table as Reals),
};

/** Zeros. */
export function alloc(dtype: DType, length: number): Data {
  try {
    switch (dtype) {
      case 'float32':
        return new Float32Array(length);
      case 'float64':
        return new Float64Array(length);
      case 'int64':
        return new BigInt64Array(length);
      case 'bool':
        return new Uint8Array(length);
    }
  } catch {
    throw new KeelError('memory', `could not allocate ${length} elements of ${dtype}: dispose tensors, or use smaller ones`, {
      dtype,
      length,
    });
  }
}

function copy(storage: Data, data: Data): void {
  // Equal element types by the caller's check; set() takes each pair but not the union.
  (storage as Float64Array).set(data as Float64Array);
}
