// A state dict as another one is made of it: names and shapes first, tensors when they are there. May import errors and tensor.

import { KeelError, showGiven } from '../../errors.js';
import { reshape } from '../../ops/movement.js';
import { sameShape, Tensor } from '../../tensor.js';
import { entriesOf } from '../state.js';

/** A tensor of a converted state dict, before the tensors that it is made of are read. */
export interface ConvertedTensor {
  readonly shape: readonly number[];
  /** Keys of what it is made of; of one alone where its name or shape changes only. */
  readonly from: readonly string[];
  /** The tensor, of those under these keys: of one key the same elements. */
  make(tensors: readonly Tensor[]): Tensor;
}

/** What is known of a tensor that was not read: a tensor, or the entry of an open file. */
export interface Shaped {
  readonly shape: readonly number[];
}

/** A tensor that another name, and perhaps another shape, is given. */
export function renamed(key: string, shape: readonly number[]): ConvertedTensor {
  return { shape, from: [key], make: ([tensor]) => reshapedTo(tensorOf(key, tensor), shape) };
}

/** Every tensor of a conversion. */
export function converted(
  caller: string,
  state: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>,
  convert: (entries: ReadonlyMap<string, Tensor>) => ReadonlyMap<string, ConvertedTensor>,
): Map<string, Tensor> {
  const entries = entriesOf(state);
  for (const [key, tensor] of entries) {
    if (tensor instanceof Tensor) continue;
    const message = `${caller}: expected a Tensor named "${key}" but got ${showGiven(tensor)}`;
    throw new KeelError('state_dict', message, { key });
  }
  return new Map([...convert(entries)].map(([key, { from, make }]) => [key, make(from.map((each) => tensorOf(each, entries.get(each))))]));
}

/** The tensor itself where it has the shape. */
export function reshapedTo(tensor: Tensor, shape: readonly number[]): Tensor {
  return sameShape(tensor.shape, shape) ? tensor : reshape(tensor, shape);
}

function tensorOf(key: string, tensor: Tensor | undefined): Tensor {
  if (tensor !== undefined) return tensor;
  throw new KeelError('state_dict', `Missing key(s) in state_dict: "${key}"`, { key });
}
