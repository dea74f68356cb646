// .npy and safetensors files read element by element, as their documents say, by nothing that the library has.
// Imports nothing.

/** An array as the naive way finds it: its elements in row-major order, one at a time. */
export interface Naive {
  readonly shape: readonly number[];
  at(index: number): number | bigint;
}

type Get = (view: DataView, at: number, isLittle: boolean) => number | bigint;

/** NumPy's kind and width, and the name in safetensors. */
const elements: readonly { readonly numpy: string; readonly name: string; readonly width: number; readonly get: Get }[] = [
  { numpy: 'f8', name: 'F64', width: 8, get: (view, at, isLittle) => view.getFloat64(at, isLittle) },
  { numpy: 'f4', name: 'F32', width: 4, get: (view, at, isLittle) => view.getFloat32(at, isLittle) },
  { numpy: 'f2', name: 'F16', width: 2, get: (view, at, isLittle) => float16(view.getUint16(at, isLittle)) },
  { numpy: '', name: 'BF16', width: 2, get: (view, at, isLittle) => bfloat16(view.getUint16(at, isLittle)) },
  { numpy: 'i8', name: 'I64', width: 8, get: (view, at, isLittle) => view.getBigInt64(at, isLittle) },
  { numpy: 'i4', name: 'I32', width: 4, get: (view, at, isLittle) => BigInt(view.getInt32(at, isLittle)) },
  { numpy: 'i2', name: 'I16', width: 2, get: (view, at, isLittle) => BigInt(view.getInt16(at, isLittle)) },
  { numpy: 'i1', name: 'I8', width: 1, get: (view, at) => BigInt(view.getInt8(at)) },
  { numpy: 'u4', name: 'U32', width: 4, get: (view, at, isLittle) => BigInt(view.getUint32(at, isLittle)) },
  { numpy: 'u2', name: 'U16', width: 2, get: (view, at, isLittle) => BigInt(view.getUint16(at, isLittle)) },
  { numpy: 'u1', name: 'U8', width: 1, get: (view, at) => BigInt(view.getUint8(at)) },
  { numpy: 'b1', name: 'BOOL', width: 1, get: (view, at) => view.getUint8(at) },
];

/** The array of a .npy file whose header is as NumPy writes it; null for a header that is not. */
export function naiveNpy(file: Uint8Array): Naive | null {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const isShort = view.getUint8(6) === 1;
  const begin = isShort ? 10 : 12;
  const start = begin + (isShort ? view.getUint16(8, true) : view.getUint32(8, true));
  const header = new TextDecoder().decode(file.subarray(begin, start));
  const written = /^\{'descr': '([<>|=]?)([a-z]\d)', 'fortran_order': (True|False), 'shape': \(([\d, ]*)\), \}\s*$/.exec(header);
  if (written === null) return null;
  const [, order, type, fortran, sizes = ''] = written;
  const element = elements.find(({ numpy }) => numpy === type);
  if (element === undefined) return null;
  const shape = sizes.split(',').filter((size) => size.trim() !== '').map(Number);
  return {
    shape,
    at: (index) => element.get(view, start + element.width * (fortran === 'True' ? columnMajor(index, shape) : index), order !== '>'),
  };
}

/** The tensors of a safetensors file that JSON.parse can read. */
export function naiveSafetensors(file: Uint8Array): ReadonlyMap<string, Naive> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const start = 8 + Number(view.getBigUint64(0, true));
  const header: Readonly<Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>> = JSON.parse(
    new TextDecoder().decode(file.subarray(8, start)),
  );
  const tensors = new Map<string, Naive>();
  for (const [name, { dtype, shape, data_offsets: offsets }] of Object.entries(header)) {
    const element = elements.find((each) => each.name === dtype);
    if (name === '__metadata__' || element === undefined) continue;
    tensors.set(name, { shape, at: (index) => element.get(view, start + offsets[0] + element.width * index, true) });
  }
  return tensors;
}

/** Where an element of row-major order lies in column-major order. */
function columnMajor(index: number, shape: readonly number[]): number {
  let rest = index;
  let place = 0;
  const below = shape.map((_, dim) => shape.slice(0, dim).reduce((a, b) => a * b, 1));
  for (let dim = shape.length - 1; dim >= 0; dim--) {
    const size = shape[dim] ?? 1;
    place += (rest % size) * (below[dim] ?? 1);
    rest = Math.floor(rest / size);
  }
  return place;
}

function float16(code: number): number {
  const [sign, exponent, fraction] = [code >> 15 ? -1 : 1, (code >> 10) & 31, code & 1023];
  if (exponent === 31) return fraction > 0 ? NaN : sign * Infinity;
  return sign * (exponent === 0 ? fraction / 2 ** 24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

function bfloat16(code: number): number {
  const [sign, exponent, fraction] = [code >> 15 ? -1 : 1, (code >> 7) & 255, code & 127];
  if (exponent === 255) return fraction > 0 ? NaN : sign * Infinity;
  return sign * (exponent === 0 ? (fraction / 128) * 2 ** -126 : (1 + fraction / 128) * 2 ** (exponent - 127));
}
