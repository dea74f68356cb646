// Deflated bytes by the platform's own decompressor. May import errors.

import { fileError } from './elements.js';

/**
 * What `packed` inflates to, which must be exactly `size` bytes: it stops as soon as there are more. Memory grows with
 * what comes out, not with what a file says will. `label` names the bytes in errors.
 *
 * @throws KeelError [file] for another size, and bytes that are not deflated.
 * @see https://www.rfc-editor.org/rfc/rfc1951
 */
export async function inflate(packed: Uint8Array, size: number, label: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // A part of a stream takes no memory that is shared; a Blob copies.
  const stream = new Blob([new Uint8Array(packed)]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  const reader = stream.getReader();
  try {
    while (length <= size) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      length += value.length;
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw fileError(`${label} does not inflate: ${reason}`, { size, packed: packed.length });
  }
  if (length !== size) {
    await reader.cancel().catch(() => undefined);
    const given = length > size ? `more than the ${size} bytes` : `${length} of the ${size} bytes`;
    throw fileError(`${label} inflates to ${given} that the archive says`, { size, packed: packed.length });
  }
  const content = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    content.set(chunk, at);
    at += chunk.length;
  }
  return content;
}
