// Watches what buffers and typed arrays are made while an input is read. Imported before what it watches. Imports nothing.

const constructors = [
  'ArrayBuffer', 'Int8Array', 'Uint8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array',
  'Float32Array', 'Float64Array', 'BigInt64Array', 'BigUint64Array',
] as const;

/** Bytes of the largest buffer, and where it was made. */
export interface Allocated {
  bytes: number;
  stack: string;
}

let largest: Allocated | null = null;

for (const name of constructors) {
  const original: NewableFunction & { readonly BYTES_PER_ELEMENT?: number } = globalThis[name];
  const width = original.BYTES_PER_ELEMENT ?? 1;
  const watched: object = new Proxy(original, {
    construct: (target, args: readonly unknown[], made) => {
      if (largest !== null) note(width * countOf(args[0]));
      return Reflect.construct(target, args, made === watched ? target : made) as object; // What a constructor makes is an object.
    },
  });
  Object.defineProperty(globalThis, name, { value: watched, configurable: true, writable: true });
}

/** Runs f; gives the largest buffer that it made or tried to make. Calls don't nest. */
export async function allocatedBy(f: () => Promise<void>): Promise<Allocated> {
  const mine: Allocated = { bytes: 0, stack: '' };
  largest = mine;
  try {
    await f();
  } finally {
    largest = null;
  }
  return mine;
}

function note(bytes: number): void {
  if (largest === null || bytes <= largest.bytes) return;
  largest.bytes = bytes;
  // Where it was made is of interest for large ones only.
  if (bytes > 2 ** 20) largest.stack = new Error('made').stack ?? '';
}

/** Elements that a constructor's first argument asks for: a length, or something to copy; a view of a buffer needs none. */
function countOf(first: unknown): number {
  if (typeof first === 'number') return first;
  if (Array.isArray(first) || ArrayBuffer.isView(first)) return 'length' in first ? Number(first.length) : 0;
  return 0;
}
