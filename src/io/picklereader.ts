// The arguments of a pickle's opcodes, from bytes that are there. May import errors.

import type { KeelError } from '../errors.js';
import { fileError } from './elements.js';

/** Bytes and digits of a whole number: Python's own limit is 4300 digits, and nobody counts tensors so far. */
const MOST_DIGITS = 1000;

/** Goes through a pickle; every method refuses to read past its end. */
export class PickleReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** An error that says where. */
  malformed(problem: string): KeelError {
    return fileError(`malformed pickle: ${problem}, at byte ${this.#at} of ${this.#bytes.length}`, {
      at: this.#at,
      bytes: this.#bytes.length,
    });
  }

  /** The next bytes, without a copy. */
  bytes(length: number): Uint8Array {
    const left = this.#bytes.length - this.#at;
    if (length > left) throw this.malformed(`${length} bytes are announced and ${left} left`);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** A little-endian whole number of 1, 2 or 4 bytes. */
  uint(width: 1 | 2 | 4): number {
    if (width > this.#bytes.length - this.#at) this.bytes(width);
    this.#at += width;
    if (width === 1) return this.#view.getUint8(this.#at - 1);
    return width === 2 ? this.#view.getUint16(this.#at - 2, true) : this.#view.getUint32(this.#at - 4, true);
  }

  /** A length of 8 bytes. */
  length64(): number {
    this.bytes(8);
    const length = this.#view.getBigUint64(this.#at - 8, true);
    if (length <= this.#bytes.length) return Number(length);
    throw this.malformed(`${length} bytes are announced`);
  }

  /** Frames only group what follows. */
  frame(): void {
    const length = this.length64();
    if (this.#at + length > this.#bytes.length) throw this.malformed(`a frame of ${length} bytes runs past the end`);
  }

  float(): number {
    this.bytes(8);
    return this.#view.getFloat64(this.#at - 8, false);
  }

  /** A two's complement whole number of so many little-endian bytes. */
  long(width: number): number | bigint {
    if (width > MOST_DIGITS) throw this.malformed(`a whole number of ${width} bytes`);
    const digits = Array.from(this.bytes(width), (byte) => byte.toString(16).padStart(2, '0')).reverse();
    return narrow(width === 0 ? 0n : BigInt.asIntN(8 * width, BigInt(`0x${digits.join('')}`)));
  }

  text(length: number): string {
    const bytes = this.bytes(length);
    try {
      return utf8.decode(bytes);
    } catch {
      throw this.malformed('a string is not UTF-8');
    }
  }

  /** Up to the end of the line. */
  line(): string {
    const text = this.text(this.#lineLength());
    this.#at += 1;
    return text;
  }

  /** Protocol 0 and 1 write booleans as the numbers 00 and 01. */
  intLine(): number | bigint | boolean {
    const text = this.line();
    return text === '00' || text === '01' ? text === '01' : this.#whole(text);
  }

  longLine(): number | bigint {
    return this.#whole(this.line().replace(/L$/, ''));
  }

  floatLine(): number {
    const text = this.line();
    // The pattern takes the square of the length.
    if (text.length > MOST_DIGITS) throw this.malformed(`a number of ${text.length} characters`);
    if (/^[+-]?\d*\.?\d*(e[+-]?\d+)?$/i.test(text) && /\d/.test(text)) return Number(text);
    const named = new Map([['nan', NaN], ['inf', Infinity], ['-inf', -Infinity]]).get(text);
    if (named === undefined) throw this.malformed(`'${text}' is no number`);
    return named;
  }

  indexLine(): number {
    const index = this.#whole(this.line());
    if (typeof index === 'number' && index >= 0) return index;
    throw this.malformed(`${index} is no place in the memo`);
  }

  /** A string as Python writes it, in quotes. */
  quotedLine(): string {
    const [, , text] = /^(['"])(.*)\1$/.exec(this.line()) ?? [];
    if (text === undefined) throw this.malformed('a string without quotes');
    return text.replaceAll(/\\(x[\da-f]{2}|[nrt\\'"])/gi, (_, code: string) => escapes.get(code) ?? hexCharacter(code.slice(1)));
  }

  /** A string in which only backslashes and what is beyond a byte are escaped. */
  unicodeLine(): string {
    const escape = /\\u([\da-fA-F]{4})|\\U(000[\da-fA-F]{5}|0010[\da-fA-F]{4})/g;
    const latin = latin1(this.bytes(this.#lineLength()));
    this.#at += 1;
    return latin.replaceAll(escape, (_, short?: string, long?: string) => hexCharacter(short ?? long ?? ''));
  }

  #lineLength(): number {
    const end = this.#bytes.indexOf(10, this.#at);
    if (end >= 0) return end - this.#at;
    throw this.malformed('a line has no end');
  }

  #whole(text: string): number | bigint {
    if (/^[+-]?\d+$/.test(text) && text.length <= MOST_DIGITS) return narrow(BigInt(text.replace(/^\+/, '')));
    throw this.malformed('a whole number that is none');
  }
}

/** One for all strings: making it takes longer than decoding a name. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Not a TextDecoder, whose latin1 is windows-1252. */
function latin1(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return text;
}

const escapes = new Map([['n', '\n'], ['r', '\r'], ['t', '\t'], ['\\', '\\'], ["'", "'"], ['"', '"']]);

function hexCharacter(digits: string): string {
  return String.fromCodePoint(Number.parseInt(digits, 16));
}

/** A number where it is exact. */
function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
