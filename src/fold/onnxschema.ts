// Of an ONNX model's messages the fields that folding changes, for @bufbuild/protobuf, which keeps all others as they are: what
// it does not parse it cannot misread. May import errors, io's reader, that library and fold's tables.

import { create, fromBinary, toBinary, type DescMessage, type Message } from '@bufbuild/protobuf';
import { KeelError } from '../errors.js';
import { inMemory } from '../io/bytesource.js';
import { type Extent, valueOf, WireReader } from '../io/onnx/wire.js';
import { describeMessages, type FieldRow } from './protobuf.js';

export interface ModelProto extends Message {
  graph?: GraphProto;
}

export interface GraphProto extends Message {
  node: NodeProto[];
  initializer: TensorProto[];
  input: ValueInfoProto[];
  valueInfo: ValueInfoProto[];
}

export interface NodeProto extends Message {
  input: string[];
  output: string[];
  name: string;
  opType: string;
}

export interface TensorProto extends Message {
  dims: bigint[];
  dataType: number;
  name: string;
  rawData: Uint8Array;
}

export interface ValueInfoProto extends Message {
  name: string;
  type?: Message;
}

/**
 * Sees that every field of the tables is written as its type is: the library reads it so without a look, and all behind it
 * from a wrong place.
 *
 * @throws KeelError [file] for one that is not.
 */
export async function checkWires(bytes: Uint8Array): Promise<void> {
  const reader = new WireReader(inMemory(bytes));
  const messages: [name: string, extent: Extent][] = [['ModelProto', { begin: 0, end: bytes.length }]];
  for (let next = messages.pop(); next !== undefined; next = messages.pop()) {
    const [name, extent] = next;
    const rows = tables.get(name) ?? [];
    for await (const field of reader.fields(extent, 'the model')) {
      const row = rows.find(([, number]) => number === field.number);
      if (row === undefined) continue;
      const [, , type, label] = row;
      const isWhole = type === 'int32' || type === 'int64';
      // Several whole numbers may be packed.
      if (!isWhole || label === undefined || field.wire !== 'bytes') valueOf(field, isWhole ? 'varint' : 'bytes', 'the model');
      if (type.endsWith('Proto')) messages.push([type, field]);
    }
  }
}

/** The model that these bytes are, which were checked. */
export function parseModel(bytes: Uint8Array): ModelProto {
  // The interfaces are the rows below, word for word.
  return fromBinary(descriptorOf('ModelProto'), bytes) as ModelProto;
}

/** A model's bytes. */
export function serializeModel(model: ModelProto): Uint8Array {
  return toBinary(descriptorOf('ModelProto'), model);
}

export function newNode(fields: Pick<NodeProto, 'name' | 'opType' | 'input' | 'output'>): NodeProto {
  // As above.
  return create(descriptorOf('NodeProto'), fields) as NodeProto;
}

export function newTensor(fields: Pick<TensorProto, 'name' | 'dims' | 'dataType' | 'rawData'>): TensorProto {
  // As above.
  return create(descriptorOf('TensorProto'), fields) as TensorProto;
}

/** A graph's input of this type and shape. */
export function newInput(name: string, elemType: number, dims: readonly bigint[]): ValueInfoProto {
  const shape = { dim: dims.map((dimValue) => create(descriptorOf('DimensionProto'), { dimValue })) };
  const tensorType = create(descriptorOf('TensorTypeProto'), { elemType, shape: create(descriptorOf('TensorShapeProto'), shape) });
  // As above.
  return create(descriptorOf('ValueInfoProto'), { name, type: create(descriptorOf('TypeProto'), { tensorType }) }) as ValueInfoProto;
}

/** With them the fields that come before in number: so a model that was written in this order is written in it again. */
const table = {
  ModelProto: [
    ['ir_version', 1, 'int64'],
    ['producer_name', 2, 'bytes'],
    ['producer_version', 3, 'bytes'],
    ['domain', 4, 'bytes'],
    ['model_version', 5, 'int64'],
    ['doc_string', 6, 'bytes'],
    ['graph', 7, 'GraphProto'],
  ],
  GraphProto: [
    ['node', 1, 'NodeProto', 'many'],
    ['name', 2, 'bytes'],
    ['initializer', 5, 'TensorProto', 'many'],
    ['doc_string', 10, 'bytes'],
    ['input', 11, 'ValueInfoProto', 'many'],
    ['output', 12, 'bytes', 'many'],
    ['value_info', 13, 'ValueInfoProto', 'many'],
  ],
  NodeProto: [
    ['input', 1, 'string', 'many'],
    ['output', 2, 'string', 'many'],
    ['name', 3, 'string'],
    ['op_type', 4, 'string'],
  ],
  TensorProto: [
    ['dims', 1, 'int64', 'many'],
    ['data_type', 2, 'int32'],
    ['name', 8, 'string'],
    ['raw_data', 9, 'bytes'],
  ],
  ValueInfoProto: [
    ['name', 1, 'string'],
    ['type', 2, 'TypeProto'],
  ],
  TypeProto: [['tensor_type', 1, 'TensorTypeProto']],
  TensorTypeProto: [
    ['elem_type', 1, 'int32'],
    ['shape', 2, 'TensorShapeProto'],
  ],
  TensorShapeProto: [['dim', 1, 'DimensionProto', 'many']],
  DimensionProto: [['dim_value', 1, 'int64']],
} as const satisfies Readonly<Record<string, readonly FieldRow[]>>;

const tables: ReadonlyMap<string, readonly FieldRow[]> = new Map(Object.entries(table));

let messages: ReadonlyMap<string, DescMessage> | null = null;

/** Made when the first model is folded. */
function descriptorOf(name: keyof typeof table): DescMessage {
  messages ??= describeMessages(table);
  const found = messages.get(name);
  if (found !== undefined) return found;
  throw new KeelError('argument', `no message is called '${name}'`, { name });
}
