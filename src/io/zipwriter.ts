// Zip archives of stored records, byte for byte as Python's zipfile writes them for NumPy. May import errors.

import { KeelError } from '../errors.js';

/** Heads, tails and directory of an archive, made as its records are written one after another. */
export class ZipWriter {
  readonly #directory: Uint8Array[] = [];
  readonly #names = new Set<string>();
  #at = 0;
  #open: { readonly name: Uint8Array; readonly size: number; readonly offset: number } | null = null;

  /**
   * What comes before a record of `size` bytes. Where its CRC-32 is not known yet, {@link finish} is what comes after it.
   *
   * @throws KeelError [name] for a name that stands twice, or is too long.
   */
  begin(name: string, size: number, crc: number | null): Uint8Array {
    const encoded = new TextEncoder().encode(name);
    if (this.#names.has(name)) throw new KeelError('name', `two records are called '${name}': rename one`, { name });
    if (encoded.length > 0xffff) {
      const message = `'${name.slice(0, 100)}...' has ${encoded.length} bytes, and names in archives ${0xffff} at most`;
      throw new KeelError('name', message, { bytes: encoded.length, limit: 0xffff });
    }
    this.#names.add(name);
    const known = crc === null ? 0 : size;
    const head = bytesOf(
      [LOCAL, 4], ...commonFields(encoded, crc === null), [crc ?? 0, 4], [ELSEWHERE, 4], [ELSEWHERE, 4],
      // The zip64 field stands in every head, as NumPy asks for, whatever the size.
      [encoded.length, 2], [20, 2], encoded, [1, 2], [16, 2], [known, 8], [known, 8],
    );
    const record = { name: encoded, size, offset: this.#at };
    this.#at += head.length + size;
    if (crc === null) this.#open = record;
    else this.#directory.push(entryOf(record, crc, false));
    return head;
  }

  /** What comes after a record whose CRC-32 was not known before. */
  finish(crc: number): Uint8Array {
    if (this.#open === null) return new Uint8Array(0);
    const { size } = this.#open;
    const tail = bytesOf([DESCRIPTOR, 4], [crc, 4], [size, 8], [size, 8]);
    this.#directory.push(entryOf(this.#open, crc, true));
    this.#at += tail.length;
    this.#open = null;
    return tail;
  }

  /** The directory, and the end of the archive. */
  end(): Uint8Array {
    const [count, begin] = [this.#directory.length, this.#at];
    const size = this.#directory.reduce((sum, { length }) => sum + length, 0);
    const isLong = count > 0xffff || begin > LIMIT || size > LIMIT;
    const long: readonly Field[] = [
      [END64, 4], [44, 8], [45, 2], [45, 2], [0, 4], [0, 4], [count, 8], [count, 8], [size, 8], [begin, 8],
      [LOCATOR64, 4], [0, 4], [begin + size, 8], [1, 4],
    ];
    const short = Math.min(count, 0xffff);
    return bytesOf(
      ...this.#directory, ...(isLong ? long : []),
      [END, 4], [0, 2], [0, 2], [short, 2], [short, 2], [Math.min(size, ELSEWHERE), 4], [Math.min(begin, ELSEWHERE), 4], [0, 2],
    );
  }
}

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const DESCRIPTOR = 0x08074b50;
const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;

/** In a field of 32 bits: see the one of 64. */
const ELSEWHERE = 0xffffffff;

/** Python's zipfile writes what is larger in 64 bits. */
const LIMIT = 2 ** 31 - 1;

/** A little-endian number with its width in bytes, or bytes. */
type Field = readonly [value: number, width: 2 | 4 | 8] | Uint8Array;

/** Version 4.5, flags, stored, and the first day of 1980. */
function commonFields(name: Uint8Array, isSumLater: boolean): readonly Field[] {
  const isAscii = name.every((byte) => byte < 0x80);
  return [[45, 2], [(isSumLater ? 8 : 0) | (isAscii ? 0 : 0x800), 2], [0, 2], [0, 2], [0x21, 2]];
}

interface Record {
  readonly name: Uint8Array;
  readonly size: number;
  readonly offset: number;
}

function entryOf({ name, size, offset }: Record, crc: number, isSumLater: boolean): Uint8Array {
  const sizes: readonly Field[] = size > LIMIT ? [[size, 8], [size, 8]] : [];
  const places: readonly Field[] = offset > LIMIT ? [[offset, 8]] : [];
  const long = 8 * (sizes.length + places.length);
  const short = size > LIMIT ? ELSEWHERE : size;
  return bytesOf(
    // Made on Unix; a file that its owner reads and writes.
    [CENTRAL, 4], [45 | (3 << 8), 2], ...commonFields(name, isSumLater), [crc, 4], [short, 4], [short, 4],
    [name.length, 2], [long === 0 ? 0 : long + 4, 2], [0, 2], [0, 2], [0, 2], [0o600 * 2 ** 16, 4],
    [offset > LIMIT ? ELSEWHERE : offset, 4], name,
    ...(long === 0 ? [] : ([[1, 2], [long, 2]] as const)), ...sizes, ...places,
  );
}

function bytesOf(...fields: readonly Field[]): Uint8Array {
  const bytes = new Uint8Array(fields.reduce((sum, field) => sum + (field instanceof Uint8Array ? field.length : field[1]), 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const field of fields) {
    if (field instanceof Uint8Array) {
      bytes.set(field, at);
      at += field.length;
      continue;
    }
    const [value, width] = field;
    if (width === 2) view.setUint16(at, value, true);
    else if (width === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += width;
  }
  return bytes;
}
