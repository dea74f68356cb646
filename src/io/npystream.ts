// A .npy file that comes as a stream, of which nothing is kept. May import errors and tensor.

import { sizeOf, type Tensor } from '../tensor.js';
import type { TensorEntry } from './contents.js';
import { fileError, formats } from './elements.js';
import { openArray } from './npy.js';

/** An array of which the header was read, and elements are when they are asked for. */
export interface NpyStream {
  readonly entry: TensorEntry;
  /**
   * As many of the next elements, in the stream's own order (`order` of the entry), as a tensor of one axis; fewer where no
   * more are left.
   *
   * @throws KeelError [file] where the stream ends before.
   */
  next(count: number): Promise<Tensor>;
  /**
   * Goes to the end, past elements that nobody asked for.
   *
   * @throws KeelError [file] where that is not where the header says.
   */
  end(): Promise<void>;
}

/**
 * Reads a .npy file from a stream of its bytes, such as standard input or the body of a response: no more is held than what
 * is asked for at a time. Elements as `readNpy` has them.
 *
 * @throws KeelError [file] as `readNpy` for what the header says; whatever the stream throws.
 * @example
 * const bytes = new Blob([writeNpy(ones([2, 3]))]).stream();
 * const array = await openNpyStream(bytes);
 * (await array.next(4)).shape; // [4]
 */
export async function openNpyStream(chunks: AsyncIterable<Uint8Array>): Promise<NpyStream> {
  const stream = inOrder(chunks[Symbol.asyncIterator]());
  const source = {
    bytes: Infinity,
    // openArray reads without a gap.
    read: (begin: number, end: number) => stream.take(end - begin),
    close: () => Promise.resolve(),
  };
  const { entry, readRange } = await openArray(source, 'the array');
  const size = sizeOf(entry.shape);
  const { width } = formats[entry.format];
  let done = 0;
  const missing = (given: number) =>
    fileError(`it ends after ${given} of ${size * width} bytes of elements`, { needed: size * width, given });
  stream.fails = (given) => missing(done * width + given);
  return {
    entry,
    next: async (count) => {
      const end = Math.min(size, done + count);
      const x = await readRange(done, end);
      done = end;
      return x;
    },
    end: async () => {
      while (done < size) {
        const step = Math.min(size - done, STRETCH);
        await stream.take(step * width);
        done += step;
      }
      if (await stream.isOver()) return;
      throw fileError(`more follows than the ${size * width} bytes of elements that its header names`, { needed: size * width });
    },
  };
}

/** Elements that are passed over at a time. */
const STRETCH = 2 ** 20;

interface InOrder {
  /** What is thrown where the stream ends early: after `given` bytes of what was asked for. */
  fails: (given: number) => Error;
  take(bytes: number): Promise<Uint8Array>;
  isOver(): Promise<boolean>;
}

function inOrder(iterator: AsyncIterator<Uint8Array>): InOrder {
  let held: Uint8Array = new Uint8Array(0);
  /** Whether there is more; `held` is not empty then. */
  const fetch = async (): Promise<boolean> => {
    while (held.length === 0) {
      const { done, value } = await iterator.next();
      if (done === true) return false;
      held = value;
    }
    return true;
  };
  const stream: InOrder = {
    fails: (given) => fileError(given === 0 ? 'it is empty' : `it ends within its header, after ${given} bytes`, { given }),
    take: async (bytes) => {
      const taken = new Uint8Array(bytes);
      for (let filled = 0; filled < bytes; ) {
        if (!(await fetch())) throw stream.fails(filled);
        const part = held.subarray(0, bytes - filled);
        taken.set(part, filled);
        held = held.subarray(part.length);
        filled += part.length;
      }
      return taken;
    },
    isOver: async () => !(await fetch()),
  };
  return stream;
}
