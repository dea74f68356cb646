// Models in code: a message at a time by @bufbuild/protobuf, and a field at a time where the bytes must be just so.

import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import {
  createMessage,
  serializeModel,
  type AttributeProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type OperatorSetIdProto,
  type StringStringEntryProto,
  type TensorProto,
} from './schema.js';

export const attribute = (fields: Partial<AttributeProto>) => createMessage<AttributeProto>('AttributeProto', fields);
export const node = (fields: Partial<NodeProto>) => createMessage<NodeProto>('NodeProto', { opType: 'Custom', ...fields });
export const graph = (fields: Partial<GraphProto>) => createMessage<GraphProto>('GraphProto', fields);
export const tensorProto = (fields: Partial<TensorProto>) => createMessage<TensorProto>('TensorProto', fields);
export const pair = (key: string, value: string) => createMessage<StringStringEntryProto>('StringStringEntryProto', { key, value });

/** A model of one graph, of version 8 and opset 17. */
export function model(fields: Partial<GraphProto>, others: Partial<ModelProto> = {}): ModelProto {
  const opset = createMessage<OperatorSetIdProto>('OperatorSetIdProto', { domain: '', version: 17n });
  return createMessage<ModelProto>('ModelProto', { irVersion: 8n, opsetImport: [opset], graph: graph(fields), ...others });
}

export function bytesOfModel(fields: Partial<GraphProto>, others: Partial<ModelProto> = {}): Uint8Array {
  return serializeModel(model(fields, others));
}

type Value = string | number | bigint | Uint8Array;

/** A message by its fields, in this order: texts and bytes after their length, numbers as varints. */
export function message(...fields: readonly (readonly [number: number, value: Value])[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const [number, value] of fields) {
    if (typeof value === 'string') writer.tag(number, WireType.LengthDelimited).string(value);
    else if (value instanceof Uint8Array) writer.tag(number, WireType.LengthDelimited).bytes(value);
    else writer.tag(number, WireType.Varint).int64(value);
  }
  return writer.finish();
}

/** A model whose graph is these bytes. */
export function modelOf(graphBytes: Uint8Array): Uint8Array {
  return message([1, 8], [7, graphBytes]);
}

/** A model of one initializer, called w, of these fields. */
export function initializer(...fields: readonly (readonly [number: number, value: Value])[]): Uint8Array {
  return modelOf(message([5, message([8, 'w'], ...fields)]));
}

/** A text in hexadecimal as bytes. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/[0-9a-f]{2}/g) ?? [], (byte) => Number.parseInt(byte, 16));
}
