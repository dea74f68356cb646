// What every format's reader gives: which tensors there are, and each of them when it is asked for. May import tensor.

import type { Tensor } from '../tensor.js';
import type { Format } from './elements.js';

/** A tensor in a file, not read yet. */
export interface TensorEntry {
  readonly shape: readonly number[];
  /** Of the tensor that is read. */
  readonly dtype: Tensor['dtype'];
  /** How the file keeps an element: `BF16`, say, which is read as float32. */
  readonly format: Format;
  /** How a .npy file orders the elements, and so the ranges that are read of them: rows first (C), or columns (F). */
  readonly order?: 'C' | 'F';
}

/** The tensors of a file, described; reading one touches no other. */
export interface Contents {
  /** By name, in the file's order. */
  readonly entries: ReadonlyMap<string, TensorEntry>;
  /** What the file says of itself. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Names of tensors that are in the file, and that reading refuses with its reason. */
  readonly refused?: ReadonlySet<string>;
  /** `name` is one of the entries, or of those refused. */
  readonly read: (name: string) => Promise<Tensor>;
  /** Elements of one of the entries in the file's own order; `begin` and `end` are in it. */
  readonly readRange: (name: string, begin: number, end: number) => Promise<Tensor>;
}

/** All tensors of a file, in its order; where one cannot be read, those before it are disposed. */
export async function readAll({ entries, refused, read }: Contents): Promise<Map<string, Tensor>> {
  for (const name of refused ?? []) await read(name);
  const tensors = new Map<string, Tensor>();
  try {
    for (const name of entries.keys()) tensors.set(name, await read(name));
    return tensors;
  } catch (error) {
    for (const tensor of tensors.values()) tensor.dispose();
    throw error;
  }
}
