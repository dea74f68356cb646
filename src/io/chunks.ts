// A safetensors file as its parts, each made when its turn comes. May import errors and tensor.

import { KeelError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import { encode, layoutOf, type SafetensorsOptions } from './safetensorswriter.js';

/**
 * Header, then the elements of one tensor after another: no more than one is copied at a time. Whatever can be refused is
 * refused by the call itself.
 *
 * @throws KeelError [disposed]; as {@link writeSafetensors}; between chunks [modified] for a tensor that was written to
 *   since the call: the file would hold half a step.
 */
export function safetensorsChunks(
  tensors: ReadonlyMap<string, Tensor>,
  options: Required<SafetensorsOptions>,
): AsyncIterable<Uint8Array> {
  // Refuses what was disposed.
  const versions = new Map([...tensors].map(([name, { storage }]) => [name, storage.version] as const));
  const { head, names } = layoutOf(tensors, options);
  return (async function* () {
    yield head;
    for (const name of names) {
      const tensor = tensors.get(name);
      if (tensor === undefined) continue;
      checkUnchanged(name, tensor, versions.get(name));
      const data = await tensor.read();
      yield encode({ dtype: tensor.dtype, data }, options.floats);
    }
  })();
}

function checkUnchanged(name: string, { storage }: Tensor, version: number | undefined): void {
  if (storage.version === version) return;
  throw new KeelError('modified', `'${name}' was written to while the file was being written: await save() first`, { name });
}
