// Bytes to be read by range, whatever place they are in. Imports nothing.

/** A file that is read by range. */
export interface ByteSource {
  /** Bytes of the whole file. */
  readonly bytes: number;
  /** The bytes from `begin` up to, not including, `end`, which the caller has compared with `bytes`. */
  read(begin: number, end: number): Promise<Uint8Array>;
  /** The same bytes handed to `use`, which must not keep them: their memory is used again. */
  lend?<T>(begin: number, end: number, use: (bytes: Uint8Array) => T): Promise<T>;
  close(): Promise<void>;
}

/** Bytes for somebody who copies them at once, from memory that is used again where the source does that. */
export async function lent<T>(source: ByteSource, begin: number, end: number, use: (bytes: Uint8Array) => T): Promise<T> {
  return source.lend === undefined ? use(await source.read(begin, end)) : source.lend(begin, end, use);
}

/** Bytes in memory: ranges of them are views. */
export function inMemory(bytes: Uint8Array): ByteSource {
  return {
    bytes: bytes.length,
    read: (begin, end) => Promise.resolve(bytes.subarray(begin, end)),
    close: () => Promise.resolve(),
  };
}

/** A source that reads at least `step` bytes at a time, for readers who go through a file in order. */
export function readAhead(source: ByteSource, step: number): ByteSource {
  let start = 0;
  let held = new Uint8Array(0);
  return {
    bytes: source.bytes,
    close: () => source.close(),
    read: async (begin, end) => {
      if (begin < start || end > start + held.length) {
        held = new Uint8Array(await source.read(begin, Math.min(source.bytes, Math.max(end, begin + step))));
        start = begin;
      }
      return held.subarray(begin - start, end - start);
    },
  };
}
