// State dicts of a few tensors as the bytes of a file, and what an inspection says of them in a line each.
import { ones, tensor, zeros, type Tensor } from 'evenkeel';
import { inspect, type Inspection, type InspectOptions } from 'evenkeel/inspect';
import { writeSafetensors } from 'evenkeel/io';

/** A tensor of ones of this shape, a vector of these float32 numbers, or a tensor. */
export type Given = readonly number[] | Tensor | { readonly numbers: readonly number[] };

export function stateFile(given: Readonly<Record<string, Given>>): Uint8Array {
  return writeSafetensors(new Map(Object.entries(given).map(([key, value]) => [key, tensorOf(key, value)])));
}

export function inspectState(given: Readonly<Record<string, Given>>, options?: InspectOptions): Promise<Inspection> {
  return inspect(stateFile(given), options);
}

/** The keys of a BatchNorm of this width, below a path. */
export function batchNorm(path: string, width: number): Record<string, Given> {
  const [mean, variance] = ['running_mean', 'running_var'].map((name) => `${path}.${name}`);
  return {
    [`${path}.weight`]: [width],
    [`${path}.bias`]: [width],
    [mean ?? '']: { numbers: Array.from({ length: width }, (_, i) => 0.5 + i) },
    [variance ?? '']: { numbers: Array.from({ length: width }, (_, i) => 1.5 + i) },
    [`${path}.num_batches_tracked`]: tensor(7, [], { dtype: 'int64' }),
  };
}

/** `path: kind` of every layer. */
export function kindsIn({ layers }: Inspection): string[] {
  return layers.map(({ path, kind }) => `${path}: ${kind}`);
}

function tensorOf(key: string, given: Given): Tensor {
  if ('numbers' in given) return tensor([...given.numbers]);
  if ('dtype' in given) return given;
  return key.endsWith('running_mean') ? zeros(given) : ones(given);
}
