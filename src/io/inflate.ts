// Deflated bytes by the platform's own decompressor, a stretch at a time. May import errors.

import type { ByteSource } from './bytesource.js';
import { crc32 } from './crc32.js';
import { fileError } from './elements.js';

/** What a stretch of a source inflates to, of which only what was asked for and a chunk are held. */
export interface Inflation {
  /** Bytes that came so far, and their CRC-32. */
  readonly at: number;
  readonly crc: number;
  /** Goes on to byte `to`. */
  skip(to: number): Promise<void>;
  /** The bytes from here up to, not including, `end`. */
  take(end: number): Promise<Uint8Array>;
  /** Expects that there is nothing more. */
  finish(): Promise<void>;
  cancel(): void;
}

/** What is inflated: bytes `begin` to `end` of a source, to `size` bytes; `label` names them in errors. */
export interface Packed {
  readonly begin: number;
  readonly end: number;
  readonly size: number;
  readonly label: string;
}

/**
 * Begins to inflate. It stops as soon as there are more bytes than `size`; memory grows with what comes out, not with what a
 * file says will. What is asked of it throws a KeelError [file] for another size, and for bytes that are not deflated.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1951
 */
export function inflation(source: ByteSource, packed: Packed): Inflation {
  return new Inflating(source, packed);
}

/** Packed bytes that are read at once. */
const STEP = 2 ** 18;

/** Packed bytes that the decompressor gets at once: at most it makes 1032 times as many of them. */
const MEAL = 2 ** 14;

class Inflating implements Inflation {
  at = 0;
  crc = 0;
  readonly #packed: Packed;
  readonly #source: ByteSource;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<BufferSource>;
  /** Packed bytes that were read and not given to the decompressor, and how far the source was read. */
  #unfed = new Uint8Array(0);
  #readTo: number;
  #reading: Promise<ReadableStreamReadResult<Uint8Array>> | null = null;
  #feeding: Promise<null> | null = null;
  /** What came and was not asked for yet. */
  #rest = new Uint8Array(0);

  constructor(source: ByteSource, packed: Packed) {
    this.#packed = packed;
    this.#source = source;
    this.#readTo = packed.begin;
    const { readable, writable } = new DecompressionStream('deflate-raw');
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
    // What fails is seen where it is read.
    this.#writer.closed.catch(() => undefined);
  }

  async skip(to: number): Promise<void> {
    while (this.at < to) await this.#next(to);
  }

  async take(end: number): Promise<Uint8Array> {
    const count = end - this.at;
    const parts: Uint8Array[] = [];
    while (this.at < end) parts.push(await this.#next(end));
    const [only] = parts;
    if (only !== undefined && parts.length === 1) return only;
    const bytes = new Uint8Array(count);
    let filled = 0;
    for (const part of parts) {
      bytes.set(part, filled);
      filled += part.length;
    }
    return bytes;
  }

  async finish(): Promise<void> {
    if (this.#rest.length > 0 || (await this.#read()) !== null) throw this.#wrongSize('more than');
  }

  cancel(): void {
    this.#reader.cancel().catch(() => undefined);
    this.#writer.abort().catch(() => undefined);
  }

  /** Some of the bytes up to `end`. */
  async #next(end: number): Promise<Uint8Array> {
    if (this.#rest.length === 0) {
      const chunk = await this.#read();
      if (chunk === null) throw this.#wrongSize(`${this.at} of`);
      this.#rest = chunk;
    }
    const part = this.#rest.subarray(0, end - this.at);
    this.#rest = this.#rest.subarray(part.length);
    this.at += part.length;
    this.crc = crc32(part, this.crc);
    return part;
  }

  /** A chunk of some bytes; null at the end. */
  async #read(): Promise<Uint8Array<ArrayBuffer> | null> {
    for (;;) {
      // Fed by hand, and only while nothing comes: Node's own pipe would inflate some hundred megabytes ahead.
      if (this.#feeding === null) await this.#fill();
      try {
        this.#reading ??= this.#reader.read();
        this.#feeding ??= this.#feed();
        const result = await Promise.race([this.#reading, this.#feeding]);
        if (result === null) {
          this.#feeding = null;
          continue;
        }
        this.#reading = null;
        if (result.done) return null;
        if (result.value.length > 0) return new Uint8Array(result.value);
      } catch (error) {
        const { label, size, begin, end } = this.#packed;
        const reason = error instanceof Error ? error.message : String(error);
        throw fileError(`${label} does not inflate: ${reason}`, { size, packed: end - begin });
      }
    }
  }

  async #fill(): Promise<void> {
    if (this.#unfed.length > 0 || this.#readTo === this.#packed.end) return;
    const end = Math.min(this.#packed.end, this.#readTo + STEP);
    // A stream takes no memory that is shared: a copy.
    this.#unfed = new Uint8Array(await this.#source.read(this.#readTo, end));
    this.#readTo = end;
  }

  /** Settles once the decompressor is ready for more; never, where there is no more. */
  #feed(): Promise<null> {
    const meal = this.#unfed.subarray(0, MEAL);
    this.#unfed = this.#unfed.subarray(meal.length);
    const fed = meal.length > 0 ? this.#writer.write(meal) : this.#writer.close();
    // Its error is that of reading too.
    fed.catch(() => undefined);
    return meal.length > 0 ? fed.then(() => null) : new Promise(() => undefined);
  }

  #wrongSize(given: string) {
    const { label, size, begin, end } = this.#packed;
    return fileError(`${label} inflates to ${given} the ${size} bytes that the archive says`, { size, packed: end - begin });
  }
}
