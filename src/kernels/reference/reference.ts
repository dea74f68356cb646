// The reference backend: plain TypeScript over typed arrays, arithmetic in float64. It defines every kernel.
// May import errors, plan and kernels.

import { KeelError } from '../../errors.js';
import { register, type Data, type DType, type Kernels } from '../kernels.js';
import { conv, matmul } from './dense.js';
import { norm, normBackward, normSaved } from './norm.js';
import { pointwise } from './pointwise.js';
import { gather, reduce, scatterAdd, softmax } from './reduce.js';

/** A storage of float32 or float64 elements. */
export type Numbers = Float32Array | Float64Array;

export const reference: Kernels<Data> = {
  name: 'reference',
  holds: () => true,
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
  conv: (part, sizes, a, b, out) => conv(part, sizes, a as Numbers, b as Numbers, out as Numbers),
  softmax: (x, runs, log, out) => softmax(x as Numbers, runs, log, out as Numbers),
  pointwise,
  reduce: (op, x, runs, out) => reduce(op, x as Numbers, runs, out as Numbers),
  gather: (table, index, width, out) => gather(table as Numbers, index as BigInt64Array, width, out as Numbers),
  scatterAdd: (rows, index, width, table) =>
    scatterAdd(rows as Numbers, index as BigInt64Array, width, table as Numbers),
};

register(reference as Kernels<unknown>);

function alloc(dtype: DType, length: number): Data {
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
