// The reference backend: plain TypeScript over typed arrays, arithmetic in float64. It defines every kernel.
// May import errors, plan and kernels.

import { KeelError } from '../../errors.js';
import type { Core, Data, DType, Reals } from '../kernels.js';
import { norm, normBackward, normSaved } from './norm.js';
import { pointwise } from './pointwise.js';
import { reduce } from './reduce.js';

/** The reference backend; its dense half is in dense.ts. */
export const reference: Core<Data> = {
  name: 'reference',
  holds: () => true,
  collected: () => true,
  alloc,
  free: () => undefined,
  write: copy,
  read: (storage) => Promise.resolve(storage.slice()),
  view: (storage) => storage,
  // Layers above check dtypes before they call: the casts below restate what they checked.
  norm: (call) => norm(call as Parameters<typeof norm>[0]),
  normSaved,
  normBackward: (call) => normBackward(call as Parameters<typeof normBackward>[0]),
  pointwise,
  reduce: (op, x, runs, out) => reduce(op, x as Reals, runs, out as Reals),
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
