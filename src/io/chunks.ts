// Files of tensors as their parts, each made when its turn comes. May import errors and tensor.

import { KeelError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import { crc32 } from './crc32.js';
import type { Elements } from './elements.js';
import { writeNpy } from './npy.js';
import { memberOf } from './npz.js';
import { encode, layoutOf, type SafetensorsOptions } from './safetensorswriter.js';
import { ZipWriter } from './zipwriter.js';

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
  const elementsOf = reading(tensors);
  const { head, names } = layoutOf(tensors, options);
  return (async function* () {
    yield head;
    for (const name of names) yield encode(await elementsOf(name), options.floats);
  })();
}

/** The one array of a .npy file; errors as {@link safetensorsChunks}. */
export function npyChunks(name: string, tensor: Tensor): AsyncIterable<Uint8Array> {
  const elementsOf = reading(new Map([[name, tensor]]));
  return (async function* () {
    yield writeNpy(await elementsOf(name));
  })();
}

/** The arrays of a .npz file; errors as {@link safetensorsChunks}, and [name] as `writeNpz`. */
export function npzChunks(tensors: ReadonlyMap<string, Tensor>): AsyncIterable<Uint8Array> {
  const elementsOf = reading(tensors);
  const members = Array.from(tensors.keys(), (name) => ({ name, member: memberOf(name) }));
  return (async function* () {
    const writer = new ZipWriter();
    for (const { name, member } of members) {
      const content = writeNpy(await elementsOf(name));
      yield writer.begin(member, content.length, crc32(content));
      yield content;
    }
    yield writer.end();
  })();
}

/** Reads each tensor as it was at the time of this call, which refuses what was disposed. */
function reading(tensors: ReadonlyMap<string, Tensor>): (name: string) => Promise<Elements> {
  const held = new Map([...tensors].map(([name, tensor]) => [name, { tensor, version: tensor.storage.version }] as const));
  return async (name) => {
    const { tensor, version } = held.get(name) ?? {};
    if (tensor === undefined || tensor.storage.version !== version) {
      throw new KeelError('modified', `'${name}' was written to while the file was being written: await save() first`, { name });
    }
    return { dtype: tensor.dtype, shape: tensor.shape, data: await tensor.read() };
  };
}
