// Elements of a tensor in an ONNX file: raw bytes, numbers among the fields of its message, or bytes in a file beside.
// May import errors and tensor.

import { sizeOf, type Tensor } from '../../tensor.js';
import type { ByteSource } from '../bytesource.js';
import { decode, fileError, type Format, formats, unsupported } from '../elements.js';
import type { OnnxTensor } from './model.js';
import type { Place } from './tensors.js';
import { type Extent, type Field, valueOf, varintsIn, wholes, WireReader } from './wire.js';

/** What tensors are read from: the model's file, and those beside it. */
export interface Files {
  readonly model: ByteSource;
  beside(location: string): Promise<ByteSource>;
  /** Bytes that all initializers in each file beside the model take. */
  readonly wanted: ReadonlyMap<string, number>;
  /** The last tensor that was gathered from fields for a part of it, so that the next part need not be. */
  gathered: { readonly message: Extent; readonly bytes: Uint8Array } | null;
}

/**
 * A tensor's elements, or of those in row-major order the ones from `begin` up to `end` as a tensor of rank 1.
 *
 * @throws KeelError [file] where the file has not as many as its shape says, or elements that no tensor holds.
 */
export async function readElements(
  files: Files,
  tensor: OnnxTensor,
  place: Place,
  range: Extent | null = null,
): Promise<Tensor> {
  const { name, elementType, format } = tensor;
  if (format === null) {
    const message = `'${name}' is of ONNX's type ${elementType}, which no tensor holds: convert it, or read the others by name`;
    throw unsupported(message, { tensor: name, elementType });
  }
  const { begin, end } = range ?? { begin: 0, end: sizeOf(tensor.shape) };
  const bytes = await bytesOf(files, { ...tensor, format }, place, begin, end);
  if (range === null) files.gathered = null;
  return decode(format, bytes, range === null ? tensor.shape : [end - begin], `'${name}'`);
}

interface Known {
  readonly name: string;
  readonly shape: readonly number[];
  readonly format: Format;
}

/** The elements from `begin` up to `end` as little-endian bytes, once all are known to be there. */
async function bytesOf(files: Files, tensor: Known, place: Place, begin: number, end: number): Promise<Uint8Array> {
  const { width } = formats[tensor.format];
  switch (place.kind) {
    case 'raw': {
      const { begin: start, end: stop } = place.extent;
      checkBytes(tensor, stop - start);
      return files.model.read(start + begin * width, start + end * width);
    }
    case 'fields':
      if (files.gathered?.message !== place.message) {
        files.gathered = { message: place.message, bytes: await gathered(files.model, tensor, place.message) };
      }
      return files.gathered.bytes.subarray(begin * width, end * width);
    case 'beside': {
      const { location, offset, length } = place;
      const file = await files.beside(location);
      try {
        checkShared(location, files.wanted.get(location) ?? 0, file.bytes);
        const needed = sizeOf(tensor.shape) * width;
        if (length !== null) checkBytes(tensor, length);
        if (offset + needed <= file.bytes) return await file.read(offset + begin * width, offset + end * width);
        const message = `'${tensor.name}' lies beyond its file: bytes ${offset} to ${offset + needed} of '${location}', which has`;
        throw fileError(`${message} ${file.bytes}`, { tensor: tensor.name, location, offset, needed, bytes: file.bytes });
      } finally {
        await file.close();
      }
    }
    case 'segment':
      throw unsupported(`'${tensor.name}' is a segment of a tensor, which is not read`, { tensor: tensor.name });
    default:
      return place satisfies never;
  }
}

/** Initializers may share bytes of a file: without a limit a small one could fill memory. */
function checkShared(location: string, wanted: number, bytes: number): void {
  if (wanted <= 8 * bytes + 64 * 2 ** 20) return;
  const message = `its initializers would take ${wanted} bytes of '${location}', which is too much for a file of ${bytes}`;
  throw fileError(message, { location, wanted, bytes });
}

function checkBytes({ name, shape, format }: Known, given: number): void {
  const needed = sizeOf(shape) * formats[format].width;
  if (needed === given) return;
  const message = `'${name}' of shape [${shape.join(', ')}] and format ${format}: ${needed} bytes needed, ${given} given`;
  throw fileError(message, { tensor: name, shape, needed, given });
}

/** Numbers among the fields of a tensor's message as the bytes that raw_data would be. */
async function gathered(model: ByteSource, tensor: Known, message: Extent): Promise<Uint8Array> {
  const { name, shape, format } = tensor;
  const wire = new WireReader(model);
  const carrier = carriers[format] ?? INT32_DATA;
  const count = sizeOf(shape);
  const complain = (given: string) => {
    const text = `'${name}' of shape [${shape.join(', ')}]: ${count} elements needed, ${given} given`;
    return fileError(text, { tensor: name, shape, needed: count });
  };
  // Each takes a byte at least: nothing is allocated for more than the message can hold.
  if (count > message.end - message.begin) throw complain('fewer');
  const out = new Uint8Array(count * formats[format].width);
  let filled = 0;
  for await (const field of wire.fields(message, `'${name}'`)) {
    if (!DATA_FIELDS.includes(field.number)) continue;
    if (field.number !== carrier) throw complain('those of another type');
    const bytes = await encoded(model, field, tensor);
    if (bytes.length > out.length - filled) throw complain('more');
    out.set(bytes, filled);
    filled += bytes.length;
  }
  if (filled < out.length) throw complain(String(filled / formats[format].width));
  return out;
}

/** The fields of a tensor that hold its elements, but raw_data; string_data among them. */
const DATA_FIELDS = [4, 5, 6, 7, 10, 11];
const INT32_DATA = 5;

/** The field of each format: float_data, double_data, int64_data, uint64_data. */
const carriers: Readonly<Partial<Record<Format, number>>> = { F32: 4, F64: 10, I64: 7, U32: 11 };

/** One number or many in a row, as raw bytes of the format. */
async function encoded(model: ByteSource, field: Field, tensor: Known): Promise<Uint8Array> {
  const { name, format } = tensor;
  const what = `'${name}'`;
  const { width } = formats[format];
  if (format === 'F32' || format === 'F64') {
    const one = format === 'F32' ? 'fixed32' : 'fixed64';
    const { begin, end } = field.wire === one ? field : valueOf(field, 'bytes', what);
    const bytes = await model.read(begin, end);
    wholes(bytes, width, begin, what);
    return bytes;
  }
  if (field.wire === 'varint') return integers([field.varint], 1, tensor);
  const { begin, end } = valueOf(field, 'bytes', what);
  const bytes = await model.read(begin, end);
  // A varint's last byte is below 128.
  const count = bytes.reduce((sum, byte) => sum + Number(byte < 128), 0);
  return integers(varintsIn(bytes, begin, what), count, tensor);
}

function integers(values: Iterable<number | bigint>, count: number, { name, format }: Known): Uint8Array {
  const { width } = formats[format];
  const out = new DataView(new ArrayBuffer(count * width));
  const [least, most] = ranges[format] ?? [-Infinity, Infinity];
  let at = 0;
  for (const given of values) {
    const value = format in carriers ? given : truncated(given);
    if (value < least || value > most) {
      throw fileError(`'${name}' of format ${format} holds ${value}, from ${least} to ${most} allowed`, { tensor: name, value });
    }
    if (width === 8) out.setBigInt64(at, BigInt(value), true);
    else if (width === 4) out.setUint32(at, Number(value), true);
    else if (width === 2) out.setUint16(at, Number(value), true);
    else out.setUint8(at, Number(value));
    at += width;
  }
  return new Uint8Array(out.buffer);
}

/** An int32 is the lower half of what the varint says. */
function truncated(value: number | bigint): number {
  return typeof value === 'number' ? value | 0 : Number(BigInt.asIntN(32, value));
}

/** 16-bit floats stand as their bits. */
const ranges: Readonly<Partial<Record<Format, readonly [least: number, most: number]>>> = {
  I16: [-(2 ** 15), 2 ** 15 - 1],
  I8: [-128, 127],
  U32: [0, 2 ** 32 - 1],
  U16: [0, 2 ** 16 - 1],
  U8: [0, 255],
  BOOL: [0, 1],
  F16: [0, 2 ** 16 - 1],
  BF16: [0, 2 ** 16 - 1],
};
