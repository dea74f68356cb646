// Options of the examples that are jobs. Imports Node only.

import { accessSync, constants, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/** An option whose value is one of some names. */
export function oneOf<const Name extends string>(option: string, value: string, names: readonly Name[]): Name {
  const found = names.find((name) => name === value);
  if (found !== undefined) return found;
  throw new Error(`${option} is '${value}': choose from ${names.join(', ')}`);
}

/** An option that is a whole number within limits. */
export function countOption(option: string, value: string, { from, to = Infinity }: { readonly from: number; readonly to?: number }): number {
  const count = Number(value);
  if (value.trim() !== '' && Number.isSafeInteger(count) && count >= from && count <= to) return count;
  throw new Error(`${option} is '${value}': give a whole number from ${from}${to === Infinity ? '' : ` to ${to}`}`);
}

/** An option that names a checkpoint to write; a place that cannot be written to is told before the work, not after it. */
export function checkpointOption(option: string, value: string): string {
  if (!value.endsWith('.safetensors')) throw new Error(`${option} is '${value}': end it in .safetensors`);
  const folder = dirname(value);
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    return value;
  } catch (error) {
    throw new Error(`${option} is '${value}', and nothing can be written there`, { cause: error });
  }
}
