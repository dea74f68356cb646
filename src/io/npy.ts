// NumPy's .npy format: a header, then the elements. May import errors and tensor.

import type { Tensor } from '../tensor.js';
import { reversed, rowMajor } from './byteorder.js';
import { type ByteSource, lent } from './bytesource.js';
import type { Contents, TensorEntry } from './contents.js';
import { bytesOf, decode, type Elements, formats, ownFormats } from './elements.js';
import { npyHead, type NpyHeader, parseNpyHeader, PREFIX_BYTES, startOfElements } from './npyheader.js';

/**
 * Reads a .npy file, version 1 to 3, in C or Fortran order and either byte order. Floats of 16 bits become float32 and
 * integers of up to 32 bits int64, exactly; float32, float64, int64 and bool stay.
 *
 * @throws KeelError [file] for a header that is cut or malformed, too few or too many bytes, and dtypes that no tensor
 *   holds: object arrays (a pickle, which could run code), structured ones, complex numbers, text, dates, longdouble, uint64.
 * @see https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 * @example
 * readNpy(writeNpy(tensor([[1, 2], [3, 4]]))).toArray(); // [[1, 2], [3, 4]]
 */
export function readNpy(bytes: Uint8Array): Tensor {
  const start = startOfElements(bytes.subarray(0, PREFIX_BYTES), bytes.length);
  const header = parseNpyHeader(bytes.subarray(0, start), bytes.length);
  return wholeArray(header, bytes.subarray(start), 'the array');
}

/**
 * A .npy file (version 1.0, C order, little-endian) of a tensor, byte for byte as numpy.save writes it.
 *
 * @example
 * writeNpy(zeros([2, 3])).length; // 152
 */
export function writeNpy({ dtype, shape, data }: Elements): Uint8Array {
  const head = npyHead({ shape, format: ownFormats[dtype] });
  const file = new Uint8Array(head.length + data.byteLength);
  file.set(head);
  file.set(bytesOf(data), head.length);
  return file;
}

/** An array in a file or in a record of an archive, of which the header was read. */
export interface NpyArray {
  readonly entry: TensorEntry;
  /** From the whole file. */
  readonly decode: (bytes: Uint8Array) => Tensor;
  readonly read: () => Promise<Tensor>;
  readonly readRange: (begin: number, end: number) => Promise<Tensor>;
}

/** The array that a source is; `label` names it in errors. */
export async function openArray(source: ByteSource, label: string): Promise<NpyArray> {
  // Read in order and without a gap: a record of an archive is summed up as it is read.
  const prefix = await source.read(0, Math.min(PREFIX_BYTES, source.bytes));
  const start = startOfElements(prefix, source.bytes);
  const head = new Uint8Array(start);
  head.set(prefix.subarray(0, start));
  if (start > prefix.length) head.set(await source.read(prefix.length, start), prefix.length);
  const header = parseNpyHeader(head, source.bytes);
  const { shape, format, order, isBigEndian } = header;
  const { width, dtype } = formats[format];
  return {
    entry: { shape, dtype, format, order },
    decode: (bytes) => wholeArray(header, bytes.subarray(start), label),
    read: async () => wholeArray(header, await source.read(start, source.bytes), label),
    readRange: (begin, end) =>
      lent(source, start + begin * width, start + end * width, (bytes) =>
        decode(format, isBigEndian ? reversed(bytes, width) : bytes, [end - begin], label),
      ),
  };
}

/** The array of a .npy file, by the name `array`. */
export async function openNpy(source: ByteSource): Promise<Contents> {
  const { entry, read, readRange } = await openArray(source, 'the array');
  return {
    entries: new Map([['array', entry]]),
    metadata: {},
    read,
    readRange: (_, begin, end) => readRange(begin, end),
  };
}

function wholeArray({ format, order, isBigEndian, shape }: NpyHeader, bytes: Uint8Array, label: string): Tensor {
  const { width } = formats[format];
  const little = isBigEndian ? reversed(bytes, width) : bytes;
  return decode(format, order === 'F' ? rowMajor(little, shape, width) : little, shape, label);
}
