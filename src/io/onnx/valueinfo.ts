// ValueInfoProto: name, type and shape of a value. May import errors.

import { elementTypeOf } from './elementtypes.js';
import type { OnnxValueInfo } from './model.js';
import { type Extent, integerOf, valueOf, type WireReader } from './wire.js';

/** The value whose message lies at `message`. Of types that are no tensor's nothing is read. */
export async function readValueInfo(wire: WireReader, message: Extent): Promise<OnnxValueInfo> {
  const what = 'a value';
  let name = '';
  let type: Extent | null = null;
  for await (const field of wire.fields(message, what)) {
    if (field.number === 1) name = await wire.text(field, what);
    if (field.number === 2) type = valueOf(field, 'bytes', what);
  }
  return { name, ...(type === null ? unknown : await readType(wire, type, `the type of '${name}'`)) };
}

type ValueType = Omit<OnnxValueInfo, 'name'>;

const unknown: ValueType = { elementType: 'UNDEFINED', shape: null };

async function readType(wire: WireReader, message: Extent, what: string): Promise<ValueType> {
  let found = unknown;
  for await (const field of wire.fields(message, what)) {
    if (field.number === 1) found = await readTensorType(wire, valueOf(field, 'bytes', what), what);
  }
  return found;
}

async function readTensorType(wire: WireReader, message: Extent, what: string): Promise<ValueType> {
  let elementType = 0;
  let shape: (number | string | null)[] | null = null;
  for await (const field of wire.fields(message, what)) {
    if (field.number === 1) elementType = integerOf(field, what);
    if (field.number !== 2) continue;
    shape = [];
    for await (const part of wire.fields(valueOf(field, 'bytes', what), what)) {
      if (part.number === 1) shape.push(await readDimension(wire, valueOf(part, 'bytes', what), what));
    }
  }
  return { elementType: elementTypeOf(elementType).name, shape };
}

/** Of extent and name the last one counts. */
async function readDimension(wire: WireReader, message: Extent, what: string): Promise<number | string | null> {
  let found: number | string | null = null;
  for await (const field of wire.fields(message, what)) {
    if (field.number === 1) {
      found = integerOf(field, what);
      // Some writers say so of an extent that is free.
      if (found < 0) found = null;
    }
    if (field.number === 2) found = (await wire.text(field, what)) || null;
  }
  return found;
}
