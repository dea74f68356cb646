// The header of NumPy's .npy format: a magic number, a version, a length, and a Python dict of three keys. May import errors.

import { KeelError } from '../errors.js';
import { fileError, type Format, formats, unsupported } from './elements.js';
import { pythonDict, type PythonValue, shownHeader } from './pythondict.js';

/** What the header of a .npy file says of its array. */
export interface NpyHeader {
  readonly shape: readonly number[];
  readonly format: Format;
  readonly order: 'C' | 'F';
  readonly isBigEndian: boolean;
  /** Bytes before the elements. */
  readonly start: number;
}

/** Bytes that tell where the header ends. */
export const PREFIX_BYTES = 12;

/** Whether a file begins as .npy files do. */
export function isNpy(bytes: Uint8Array): boolean {
  return magic.every((byte, i) => bytes[i] === byte);
}

/**
 * Where the elements of a file of `fileBytes` begin, from its first {@link PREFIX_BYTES} or as many as it has. Of a stream
 * the size is Infinity: nobody knows it.
 *
 * @throws KeelError [file] for another format or version, and a header longer than the file or than any is.
 */
export function startOfElements(prefix: Uint8Array, fileBytes: number): number {
  const [major = 0, minor = 0] = prefix.subarray(6, 8);
  const lengthBytes = major === 1 ? 2 : 4;
  if (!isNpy(prefix) || prefix.length < 8 + lengthBytes) {
    throw fileError(`not a .npy file: its ${fileBytes} bytes do not begin with \\x93NUMPY, a version and a length`, {
      bytes: fileBytes,
    });
  }
  if (major < 1 || major > 3 || minor !== 0) {
    const version = minor === 0 ? `${major}` : `${major}.${minor}`;
    throw unsupported(`.npy version ${version} is not supported, only 1 to 3: write it with numpy.save`, { version });
  }
  const view = new DataView(prefix.buffer, prefix.byteOffset);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const start = 8 + lengthBytes + length;
  if (start > fileBytes) {
    throw fileError(`header length exceeds the file: ${length} bytes of header in a file of ${fileBytes} bytes`, {
      header: length,
      bytes: fileBytes,
    });
  }
  if (length <= MOST_HEADER_BYTES) return start;
  const message = `the .npy header has ${length} bytes, ${MOST_HEADER_BYTES} at most: arrays that are read need some hundred`;
  throw fileError(message, { header: length, limit: MOST_HEADER_BYTES });
}

/**
 * The header that the first bytes of a file are, up to its elements, of which there must be exactly as many as the file has,
 * unless its size is Infinity, as of a stream.
 *
 * @throws KeelError [file] for what is no dict of exactly these keys, for dtypes that no tensor holds, and for too few or
 *   too many bytes of elements.
 */
export function parseNpyHeader(head: Uint8Array, fileBytes: number): NpyHeader {
  const text = textOf(head);
  const { descr, fortran_order: fortran, shape } = fieldsOf(text);
  if (typeof fortran !== 'boolean' || !areSizes(shape)) throw malformed(text, 'a shape or an order that is none');
  const { format, isBigEndian, descriptor } = dtypeOf(descr, text);
  const needed = shape.includes(0) ? 0 : shape.reduce((product, extent) => product * extent, formats[format].width);
  const given = fileBytes - head.length;
  if (needed !== given && given !== Infinity) {
    const shown = `shape (${shape.slice(0, 64).join(', ')}) of ${descriptor}`;
    throw fileError(`${shown}: ${needed} bytes needed, ${given} given`, { shape, needed, given });
  }
  return { shape, format, isBigEndian, order: fortran ? 'F' : 'C', start: head.length };
}

/** What comes before the elements, of version 1.0, as numpy.save writes it. */
export function npyHead({ shape, format, order = 'C' }: Pick<NpyHeader, 'shape' | 'format'> & { order?: 'C' | 'F' }): Uint8Array {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const fortran = order === 'F' ? 'True' : 'False';
  const dict = `{'descr': '${descriptorOf(format)}', 'fortran_order': ${fortran}, 'shape': (${tuple}), }`;
  // NumPy leaves room for the first extent to grow to 21 digits, aligns the elements to 64 bytes and ends in a newline.
  const room = shape.length === 0 ? 0 : 21 - String(shape[order === 'F' ? shape.length - 1 : 0]).length;
  const length = 10 + dict.length + room + 1;
  const start = length + 64 - (length % 64);
  const head = new Uint8Array(start);
  head.set([...magic, 1, 0, (start - 10) & 255, (start - 10) >> 8]);
  head.set(new TextEncoder().encode(`${dict.padEnd(start - 11)}\n`), 10);
  return head;
}

const magic = [0x93, ...new TextEncoder().encode('NUMPY')];

/** NumPy itself reads 10,000 unless it is told otherwise; 64 axes of 16 digits take a tenth of it. */
const MOST_HEADER_BYTES = 2 ** 20;

const formatNames = new Map<string, Format>([
  ['f8', 'F64'], ['f4', 'F32'], ['f2', 'F16'],
  ['i8', 'I64'], ['i4', 'I32'], ['i2', 'I16'], ['i1', 'I8'],
  ['u4', 'U32'], ['u2', 'U16'], ['u1', 'U8'],
  ['b1', 'BOOL'],
]);

/** A dtype as NumPy on a little-endian machine names it: `<f4`, `|b1`. */
function descriptorOf(format: Format): string {
  for (const [name, each] of formatNames) if (each === format) return `${formats[format].width === 1 ? '|' : '<'}${name}`;
  throw new KeelError('argument', `NumPy has no ${format}: write float32, or float16, to .npy and .npz`, { format });
}

function textOf(head: Uint8Array): string {
  const isUtf8 = head[6] === 3;
  try {
    return new TextDecoder(isUtf8 ? 'utf-8' : 'latin1', { fatal: true, ignoreBOM: true }).decode(head.subarray(head[6] === 1 ? 10 : 12));
  } catch {
    throw fileError('malformed .npy header: it is not UTF-8', { bytes: head.length });
  }
}

const keys = ['descr', 'fortran_order', 'shape'] as const;

function fieldsOf(text: string): Readonly<Record<(typeof keys)[number], PythonValue | undefined>> {
  const values = pythonDict(text);
  const unknown = [...values.keys()].find((key) => !keys.some((known) => known === key));
  if (unknown !== undefined) throw malformed(text, `a key '${unknown}'`);
  const missing = keys.find((key) => !values.has(key));
  if (missing !== undefined) throw malformed(text, missing === 'descr' ? 'no dtype' : `no ${missing}`);
  return { descr: values.get('descr'), fortran_order: values.get('fortran_order'), shape: values.get('shape') };
}

function dtypeOf(descr: PythonValue | undefined, text: string) {
  const [, endian, name = ''] = typeof descr === 'string' ? (/^([<>|=]?)(.+)$/.exec(descr) ?? []) : [];
  const descriptor = String(descr);
  const format = formatNames.get(name);
  if (format !== undefined) return { format, isBigEndian: endian === '>', descriptor };
  if (name === '') throw malformed(text, 'a dtype that is none');
  throw unsupported(refusalOf(name, descriptor), { dtype: descriptor });
}

/** Why arrays of a dtype are not read, and what to do. */
function refusalOf(name: string, descriptor: string): string {
  if (/^[O|]/.test(name)) return 'object arrays are refused (they hold a pickle, which can run code): save x.astype(float)';
  const [, way] = ways.find(([pattern]) => pattern.test(name)) ?? [];
  return `dtype '${descriptor}' is not supported: ${way ?? `save it as one of ${[...formatNames.keys()].join(', ')}`}`;
}

const ways: readonly (readonly [name: RegExp, way: string])[] = [
  [/^c\d+$/, 'it is complex: save x.real and x.imag'],
  [/^u8$/, 'uint64 goes beyond int64: save x.astype(numpy.int64) where all are below 2**63'],
  [/^f(12|16)$/, 'it is longdouble, which differs from machine to machine: save x.astype(numpy.float64)'],
  [/^[SaU]\d*$/, 'it is text: save numbers'],
  [/^[Mm]8/, 'it is a date or a duration: save x.astype(numpy.int64)'],
  [/^V\d*$/, 'it is raw bytes: save x.view() of the dtype that they are'],
];

function areSizes(value: PythonValue | undefined): value is readonly number[] {
  return Array.isArray(value) && value.every(Number.isSafeInteger);
}

function malformed(text: string, problem: string): KeelError {
  return fileError(`malformed .npy header: ${problem}, in ${shownHeader(text)}`, { header: shownHeader(text) });
}
