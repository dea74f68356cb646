// TensorProto: what a tensor is and where its elements lie, which are not read. May import errors.

import { fileError, formats, MOST_AXES, unsupported } from '../elements.js';
import { elementTypeOf } from './elementtypes.js';
import type { OnnxTensor } from './model.js';
import { type Extent, type Field, integerOf, valueOf, type WireReader } from './wire.js';

/** A tensor, and where its elements are. */
export interface PlacedTensor {
  readonly tensor: OnnxTensor;
  readonly place: Place;
}

/** Raw bytes in the file, numbers among the fields of the tensor's message, or raw bytes in a file beside. */
export type Place =
  | { readonly kind: 'raw'; readonly extent: Extent }
  | { readonly kind: 'fields'; readonly message: Extent }
  | { readonly kind: 'beside'; readonly location: string; readonly offset: number; readonly length: number | null }
  /** A part of a tensor, which is not read. */
  | { readonly kind: 'segment' };

/** The tensor whose message lies at `message`. */
export async function describeTensor(wire: WireReader, message: Extent, what: string): Promise<PlacedTensor> {
  const shape: number[] = [];
  const external = new Map<string, string>();
  let name = '';
  let type = 0;
  let raw: Extent | null = null;
  let hasFields = false;
  let isSegment = false;
  let isBeside = false;
  for await (const field of wire.fields(message, what)) {
    switch (field.number) {
      case 1:
        shape.push(...(await extents(wire, field, what)));
        checkAxes(shape.length, what, field);
        break;
      case 2:
        type = integerOf(field, what);
        break;
      case 3:
        isSegment = true;
        break;
      case 8:
        name = await wire.text(field, what);
        break;
      case 9:
        raw = valueOf(field, 'bytes', what);
        break;
      case 13: {
        const [key, value] = await readPair(wire, valueOf(field, 'bytes', what), what);
        external.set(key, value);
        break;
      }
      case 14:
        isBeside = integerOf(field, what) === 1;
        break;
      // float_data, int32_data, string_data, int64_data, double_data, uint64_data
      case 4:
      case 5:
      case 6:
      case 7:
      case 10:
      case 11:
        hasFields = true;
        break;
      default:
    }
  }
  const { name: elementType, format } = elementTypeOf(type);
  const dtype = format === null ? null : formats[format].dtype;
  const location = isBeside ? (external.get('location') ?? '') : null;
  const tensor = { name, shape, elementType, dtype, format, location };
  if (isSegment) return { tensor, place: { kind: 'segment' } };
  if (location !== null) return { tensor, place: placeBeside(location, external, name) };
  if (raw === null) return { tensor, place: { kind: 'fields', message } };
  if (!hasFields) return { tensor, place: { kind: 'raw', extent: raw } };
  throw fileError(`'${name}' has raw_data at byte ${raw.begin}, and its elements in another field too`, { tensor: name });
}

/** The error of a sparse initializer, whose name is that of its values. */
export async function refuseSparse(wire: WireReader, message: Extent): Promise<never> {
  let name = '';
  for await (const field of wire.fields(message, 'a sparse initializer')) {
    if (field.number !== 1) continue;
    const { tensor } = await describeTensor(wire, valueOf(field, 'bytes', 'a sparse initializer'), 'its values');
    name = tensor.name;
  }
  throw unsupported(`the initializer '${name}' is sparse, which is not read: make it dense`, { tensor: name });
}

/** Key and value of a StringStringEntryProto. */
export async function readPair(wire: WireReader, message: Extent, what: string): Promise<[key: string, value: string]> {
  let key = '';
  let value = '';
  for await (const field of wire.fields(message, what)) {
    if (field.number === 1) key = await wire.text(field, what);
    if (field.number === 2) value = await wire.text(field, what);
  }
  return [key, value];
}

async function extents(wire: WireReader, field: Field, what: string): Promise<number[]> {
  // Each takes a byte at least: no list is made of more.
  if (field.wire === 'bytes') checkAxes((field.end - field.begin) / 10, what, field);
  const given = await wire.integers(field, what);
  return given.map((extent) => {
    if (typeof extent === 'number' && extent >= 0) return extent;
    throw fileError(`${what} has a bad dimension at byte ${field.begin}: ${extent}`, { at: field.begin, extent });
  });
}

function checkAxes(axes: number, what: string, { begin }: Extent): void {
  if (axes <= MOST_AXES) return;
  throw fileError(`${what} has more than ${MOST_AXES} axes at byte ${begin}`, { at: begin, limit: MOST_AXES });
}

function placeBeside(location: string, external: ReadonlyMap<string, string>, name: string): Place {
  const number = (key: string) => {
    const text = external.get(key);
    if (text === undefined) return null;
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
    throw fileError(`the ${key} of '${name}' in '${location}' is '${text}', no whole number`, { tensor: name, [key]: text });
  };
  return { kind: 'beside', location, offset: number('offset') ?? 0, length: number('length') };
}
