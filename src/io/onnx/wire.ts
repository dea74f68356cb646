// Protobuf's wire format, read by range: the fields of a message, of which long ones are stepped over. May import errors.

import type { ByteSource } from '../bytesource.js';
import { fileError, unsupported } from '../elements.js';

/** Bytes of the file from `begin` up to, not including, `end`. */
export interface Extent {
  readonly begin: number;
  readonly end: number;
}

/** A field of a message. Its extent is that of its value, without tag and length. */
export interface Field extends Extent {
  readonly number: number;
  readonly wire: Wire;
  /** Of a varint, read as int64; 0 for the others. */
  readonly varint: number | bigint;
}

/** How a value is kept: as a varint, in 8 bytes, after its length, in 4 bytes. */
export type Wire = 'varint' | 'fixed64' | 'bytes' | 'fixed32';

/** A file of protobuf messages. */
export class WireReader {
  readonly bytes: number;
  readonly #source: ByteSource;
  #held = new Uint8Array(0);
  #start = 0;
  #step = LEAST_STEP;
  #fields = 0;

  constructor(source: ByteSource) {
    this.#source = source;
    this.bytes = source.bytes;
  }

  /**
   * The fields of the message that lies at `extent`; `what` names it in errors.
   *
   * @throws KeelError [file] for bytes that are no message, and for more fields in all than a model has.
   */
  fields(extent: Extent, what: string): Iterable<Field> | AsyncIterable<Field> {
    // Most messages are small, and here already: those are walked without waiting.
    const bytes = this.#peek(extent.begin, extent.end);
    return bytes === null ? this.#fieldsAfar(extent, what) : this.#fieldsHere(bytes, extent, what);
  }

  *#fieldsHere(bytes: Uint8Array, { begin, end }: Extent, what: string): Generator<Field> {
    for (let at = begin; at < end; ) {
      this.#count();
      const field = fieldOf(bytes, at - begin, begin, end, what);
      yield field;
      at = field.end;
    }
  }

  async *#fieldsAfar({ begin, end }: Extent, what: string): AsyncGenerator<Field> {
    for (let at = begin; at < end; ) {
      this.#count();
      const most = Math.min(end, at + MOST_HEAD);
      const head = this.#peek(at, most) ?? (await this.read({ begin: at, end: most }));
      const field = fieldOf(head, 0, at, end, what);
      yield field;
      at = field.end;
    }
  }

  #count(): void {
    if (++this.#fields <= MOST_FIELDS) return;
    const message = `it has more than ${MOST_FIELDS} fields, weights not counted: no more are read`;
    throw unsupported(message, { limit: MOST_FIELDS });
  }

  /** The bytes at `extent`. */
  async read({ begin, end }: Extent): Promise<Uint8Array> {
    const here = this.#peek(begin, end);
    if (here !== null) return here;
    // Reading in order reads further and further ahead; a jump, over weights say, begins anew.
    const goesOn = begin >= this.#start && begin <= this.#start + this.#held.length;
    this.#step = goesOn ? Math.min(2 * this.#step, MOST_STEP) : LEAST_STEP;
    this.#held = new Uint8Array(await this.#source.read(begin, Math.min(this.bytes, Math.max(end, begin + this.#step))));
    this.#start = begin;
    return this.#held.subarray(0, end - begin);
  }

  /** A text; null where it is longer than any name, or no UTF-8. */
  textOrNull(field: Field, what: string): string | null | Promise<string | null> {
    const extent = valueOf(field, 'bytes', what);
    if (extent.end - extent.begin > MOST_TEXT) return null;
    const here = this.#peek(extent.begin, extent.end);
    return here === null ? this.read(extent).then(decoded) : decoded(here);
  }

  /** The same, where there must be one. */
  text(field: Field, what: string): string | Promise<string> {
    const text = this.textOrNull(field, what);
    return text instanceof Promise ? text.then((each) => needed(each, field, what)) : needed(text, field, what);
  }

  /** Whole numbers of a repeated field: one, or many in a row. */
  async integers(field: Field, what: string): Promise<(number | bigint)[]> {
    if (field.wire === 'varint') return [field.varint];
    const extent = valueOf(field, 'bytes', what);
    this.#checkCount(extent.end - extent.begin, what);
    return [...varintsIn(await this.read(extent), extent.begin, what)];
  }

  /** float32s of a repeated field: one, or many in a row. */
  async floats(field: Field, what: string): Promise<number[]> {
    const extent = field.wire === 'fixed32' ? field : valueOf(field, 'bytes', what);
    this.#checkCount((extent.end - extent.begin) / 4, what);
    const bytes = await this.read(extent);
    const view = new DataView(bytes.buffer, bytes.byteOffset, wholes(bytes, 4, extent.begin, what) * 4);
    return Array.from({ length: view.byteLength / 4 }, (_, i) => view.getFloat32(4 * i, true));
  }

  /** A list becomes an array of JavaScript's, which takes more than its bytes in the file. */
  #checkCount(count: number, what: string): void {
    if (count <= MOST_LISTED) return;
    const message = `${what} has a list of more than ${MOST_LISTED} numbers: make it a tensor`;
    throw unsupported(message, { count, limit: MOST_LISTED });
  }

  #peek(begin: number, end: number): Uint8Array | null {
    const from = begin - this.#start;
    return from >= 0 && end <= this.#start + this.#held.length ? this.#held.subarray(from, end - this.#start) : null;
  }
}

/** The extent of a value that is kept as it must be. */
export function valueOf(field: Field, wire: Wire, what: string): Field {
  if (field.wire === wire) return field;
  const message = `${what} has field ${field.number} as ${field.wire} at byte ${field.begin}, expected ${wire}`;
  throw fileError(message, { at: field.begin, field: field.number, wire: field.wire });
}

/** A whole number of no more than 53 bits. */
export function integerOf(field: Field, what: string): number {
  const { varint } = valueOf(field, 'varint', what);
  if (typeof varint === 'number') return varint;
  throw fileError(`${what} has field ${field.number} as ${varint}, beyond 53 bits`, { at: field.begin, value: varint });
}

/** Whole numbers in a row, each read as int64. */
export function* varintsIn(bytes: Uint8Array, begin: number, what: string): Generator<number | bigint> {
  for (let at = 0; at < bytes.length; ) {
    const { value, after } = varintAt(bytes, at, begin, what);
    yield value;
    at = after;
  }
}

/** How many values of `width` bytes these are. */
export function wholes(bytes: Uint8Array, width: number, begin: number, what: string): number {
  const count = bytes.length / width;
  if (Number.isInteger(count)) return count;
  const message = `${what} has ${bytes.length} bytes at byte ${begin}, no multiple of ${width}`;
  throw fileError(message, { at: begin, bytes: bytes.length, width });
}

/** Fields of a model, without the elements of its tensors: each may become an object. */
const MOST_FIELDS = 2 ** 22;

/** Numbers in a list of an attribute. */
const MOST_LISTED = 2 ** 20;

/** Bytes of a text. */
const MOST_TEXT = 2 ** 24;

/** Tag and length, or tag and value: two varints. */
const MOST_HEAD = 20;

const LEAST_STEP = 2 ** 15;
const MOST_STEP = 2 ** 22;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Their numbers on the wire; 3 and 4 are groups. */
const wires: readonly (Wire | null)[] = ['varint', 'fixed64', 'bytes', null, null, 'fixed32'];

function decoded(bytes: Uint8Array): string | null {
  try {
    return utf8.decode(bytes);
  } catch {
    return null;
  }
}

function needed(text: string | null, { begin }: Field, what: string): string {
  if (text !== null) return text;
  const message = `${what} has a name at byte ${begin} that is no UTF-8 or has more than ${MOST_TEXT} bytes`;
  throw fileError(message, { at: begin, limit: MOST_TEXT });
}

/** The field at `from` of the bytes, which lie at `start` in the file, of a message that ends at `end`. */
function fieldOf(bytes: Uint8Array, from: number, start: number, end: number, what: string): Field {
  const { value: tag, after } = varintAt(bytes, from, start, what);
  const number = typeof tag === 'number' ? Math.floor(tag / 8) : 0;
  const at = start + from;
  if (number < 1 || number >= 2 ** 29) {
    throw fileError(`${what} has no field at byte ${at}: its tag is ${tag}`, { at, tag });
  }
  const wire = wires[Number(tag) % 8] ?? null;
  if (wire === null) {
    const message = `${what} has field ${number} of wire type ${Number(tag) % 8} at byte ${at}, which ONNX has not`;
    throw fileError(message, { at, field: number, wire: Number(tag) % 8 });
  }
  const begin = start + after;
  if (wire === 'fixed32' || wire === 'fixed64') {
    return within({ number, wire, begin, end: begin + (wire === 'fixed64' ? 8 : 4), varint: 0 }, end, what);
  }
  const { value, after: last } = varintAt(bytes, after, start, what);
  if (wire === 'varint') return { number, wire, begin, end: start + last, varint: value };
  // A length beyond 2⁶³ reads as negative.
  const length = typeof value === 'number' && value >= 0 ? value : Infinity;
  return within({ number, wire, begin: start + last, end: start + last + length, varint: 0 }, end, what);
}

function within(field: Field, end: number, what: string): Field {
  if (field.end <= end) return field;
  const message = `${what} ends at byte ${end}, and its field ${field.number} at byte ${field.begin} runs past it`;
  throw fileError(message, { at: field.begin, field: field.number, needed: field.end, end });
}

/** A number of up to 64 bits, seven to a byte, the lowest first; `begin` is where the bytes lie in the file. */
function varintAt(bytes: Uint8Array, at: number, begin: number, what: string): { value: number | bigint; after: number } {
  let value = 0;
  // 49 bits fit a number.
  for (let i = 0; i < 7 && at + i < bytes.length; i++) {
    const byte = bytes[at + i]!;
    value += (byte & 127) * 2 ** (7 * i);
    if (byte < 128) return { value, after: at + i + 1 };
  }
  let rest = 0n;
  for (let i = 7; i < 10 && at + i < bytes.length; i++) {
    const byte = bytes[at + i]!;
    rest |= BigInt(byte & 127) << BigInt(7 * (i - 7));
    // The tenth has room for one bit.
    if (byte < 128 && (i < 9 || byte < 2)) return { value: signed((rest << 49n) | BigInt(value)), after: at + i + 1 };
  }
  const message = `${what} has a number at byte ${begin + at} that does not end, or is longer than 64 bits`;
  throw fileError(message, { at: begin + at });
}

function signed(value: bigint): number | bigint {
  const int64 = BigInt.asIntN(64, value);
  return int64 >= Number.MIN_SAFE_INTEGER && int64 <= Number.MAX_SAFE_INTEGER ? Number(int64) : int64;
}
