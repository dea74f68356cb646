// NumPy's .npy format: a magic number, a header that is a Python dict, then the elements. May import errors and tensor.

import type { Tensor } from '../tensor.js';
import { bytesOf, decode, type Elements, fileError, type Format, formats, unsupported } from './elements.js';

/** Whether a file begins as .npy files do. */
export function isNpy(bytes: Uint8Array): boolean {
  return magic.every((byte, i) => bytes[i] === byte);
}

/**
 * Reads a .npy file, version 1 to 3, in C or Fortran order and either byte order. Floats of 16 bits become float32 and
 * integers of up to 32 bits int64, exactly; float32, float64, int64 and bool stay.
 *
 * @throws KeelError [file] for a header that is cut or malformed, too few or too many bytes, and dtypes that no tensor
 *   holds: object arrays (a pickle, which could run code), structured ones, complex numbers, text, uint64.
 * @see https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 * @example
 * readNpy(writeNpy(tensor([[1, 2], [3, 4]]))).toArray(); // [[1, 2], [3, 4]]
 */
export function readNpy(bytes: Uint8Array): Tensor {
  const { header, start } = split(bytes);
  const { format, bigEndian, fortran, shape } = parseHeader(header);
  const { width } = formats[format];
  const needed = shape.reduce((product, extent) => product * extent, width);
  const given = bytes.length - start;
  if (needed !== given) {
    throw fileError(`shape (${shape.join(', ')}) of ${dtypeText(header)}: ${needed} bytes needed, ${given} given`, {
      shape,
      needed,
      given,
    });
  }
  let data = bytes.subarray(start);
  if (bigEndian) data = reversed(data, width);
  if (fortran) data = rowMajor(data, shape, width);
  return decode(format, data, shape, 'the array');
}

/**
 * A .npy file (version 1.0, C order, little-endian) of a tensor.
 *
 * @example
 * writeNpy(zeros([2, 3])).length; // 152
 */
export function writeNpy({ dtype, shape, data }: Elements): Uint8Array {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const dict = `{'descr': '${descriptors[dtype]}', 'fortran_order': False, 'shape': (${tuple}), }`;
  // NumPy aligns the elements to 64 bytes and ends the header with a newline.
  const start = Math.ceil((10 + dict.length + 1) / 64) * 64;
  const file = new Uint8Array(start + data.byteLength);
  file.set([...magic, 1, 0, (start - 10) & 255, (start - 10) >> 8]);
  file.set(new TextEncoder().encode(`${dict.padEnd(start - 11)}\n`), 10);
  file.set(bytesOf(data), start);
  return file;
}

const magic = [0x93, ...new TextEncoder().encode('NUMPY')];

const descriptors = { float32: '<f4', float64: '<f8', int64: '<i8', bool: '|b1' } as const;

const formatNames = new Map<string, Format>([
  ['f8', 'F64'], ['f4', 'F32'], ['f2', 'F16'],
  ['i8', 'I64'], ['i4', 'I32'], ['i2', 'I16'], ['i1', 'I8'],
  ['u4', 'U32'], ['u2', 'U16'], ['u1', 'U8'],
  ['b1', 'BOOL'],
]);

function split(bytes: Uint8Array): { readonly header: string; readonly start: number } {
  const version = bytes[6] ?? 0;
  const lengthBytes = version === 1 ? 2 : 4;
  if (!isNpy(bytes) || bytes.length < 8 + lengthBytes) {
    throw fileError(`not a .npy file: its ${bytes.length} bytes do not begin with \\x93NUMPY, a version and a length`, {
      bytes: bytes.length,
    });
  }
  if (version < 1 || version > 3) {
    throw unsupported(`.npy version ${version} is not supported: save as version 1, 2 or 3`, { version });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const start = 8 + lengthBytes + length;
  if (start > bytes.length) {
    throw fileError(`header length exceeds the file: ${length} bytes of header in a file of ${bytes.length} bytes`, {
      header: length,
      bytes: bytes.length,
    });
  }
  const encoding = version === 3 ? 'utf-8' : 'latin1';
  return { header: new TextDecoder(encoding).decode(bytes.subarray(8 + lengthBytes, start)), start };
}

function parseHeader(header: string) {
  const order = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(header)?.[1];
  const extents = /['"]shape['"]\s*:\s*\(([^()]*)\)/.exec(header)?.[1]?.split(',').map((text) => text.trim());
  // A tuple of one ends in a comma; Python 2 wrote long integers as 3L.
  const shape = extents?.filter((text, i) => text !== '' || i < extents.length - 1).map(sizeOfText);
  if (order === undefined || shape === undefined || !shape.every(Number.isSafeInteger)) {
    throw fileError(`malformed .npy header: expected descr, fortran_order and shape in ${header.trim()}`, { header });
  }
  const descriptor = dtypeText(header);
  const [, endian, name = ''] = /^([<>|=]?)(.+)$/.exec(descriptor) ?? [];
  const format = formatNames.get(name);
  if (format !== undefined) return { format, bigEndian: endian === '>', fortran: order === 'True', shape };
  throw unsupported(`${refusal(name)}: save it as one of ${[...formatNames.keys()].join(', ')}`, { dtype: descriptor });
}

function dtypeText(header: string): string {
  const [, text, list] = /['"]descr['"]\s*:\s*(?:['"]([^'"]*)['"]|(\[|\())/.exec(header) ?? [];
  if (list !== undefined) {
    throw unsupported('structured arrays are refused: save each field as an array of its own', { dtype: header });
  }
  if (text !== undefined) return text;
  throw fileError(`malformed .npy header: no dtype in ${header.trim()}`, { header });
}

function refusal(name: string): string {
  if (name.startsWith('O')) return 'object arrays are refused (they hold a pickle, which can run code)';
  return `dtype '${name}' is not supported`;
}

function sizeOfText(text: string): number {
  return /^\d+L?$/.test(text) ? Number.parseInt(text, 10) : NaN;
}

/** Every element's bytes in the opposite order. */
function reversed(bytes: Uint8Array, width: number): Uint8Array {
  return Uint8Array.from(bytes, (_, i) => bytes[i - (i % width) + width - 1 - (i % width)]!);
}

/** Column-major elements in row-major order. */
function rowMajor(bytes: Uint8Array, shape: readonly number[], width: number): Uint8Array {
  const out = new Uint8Array(bytes.length);
  for (let element = 0; element * width < bytes.length; element++) {
    let from = 0;
    let rest = element;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const extent = shape[axis]!;
      // Horner's scheme from the last axis: its stride is the largest in column-major order.
      from = from * extent + (rest % extent);
      rest = Math.floor(rest / extent);
    }
    for (let byte = 0; byte < width; byte++) out[element * width + byte] = bytes[from * width + byte]!;
  }
  return out;
}
