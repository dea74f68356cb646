// ONNX's messages with every field that our reader reads, as @bufbuild/protobuf parses and writes them.

import { create, fromBinary, toBinary, type DescMessage, type Message } from '@bufbuild/protobuf';
import { describeMessages, type FieldRow } from '../../src/fold/protobuf.js';

export interface ModelProto extends Message {
  irVersion: bigint;
  producerName: string;
  producerVersion: string;
  graph?: GraphProto;
  opsetImport: OperatorSetIdProto[];
  metadataProps: StringStringEntryProto[];
}

export interface GraphProto extends Message {
  node: NodeProto[];
  name: string;
  initializer: TensorProto[];
  input: ValueInfoProto[];
  output: ValueInfoProto[];
  valueInfo: ValueInfoProto[];
}

export interface NodeProto extends Message {
  input: string[];
  output: string[];
  name: string;
  opType: string;
  attribute: AttributeProto[];
  domain: string;
}

export interface AttributeProto extends Message {
  name: string;
  f: number;
  i: bigint;
  s: Uint8Array;
  t?: TensorProto;
  g?: GraphProto;
  floats: number[];
  ints: bigint[];
  strings: Uint8Array[];
  tensors: TensorProto[];
  graphs: GraphProto[];
  type: number;
  refAttrName: string;
}

export interface TensorProto extends Message {
  dims: bigint[];
  dataType: number;
  floatData: number[];
  int32Data: number[];
  stringData: Uint8Array[];
  int64Data: bigint[];
  name: string;
  rawData: Uint8Array;
  doubleData: number[];
  uint64Data: bigint[];
  externalData: StringStringEntryProto[];
  dataLocation: number;
}

export interface ValueInfoProto extends Message {
  name: string;
  type?: TypeProto;
}

export interface TypeProto extends Message {
  tensorType?: TensorTypeProto;
}

export interface TensorTypeProto extends Message {
  elemType: number;
  shape?: TensorShapeProto;
}

export interface TensorShapeProto extends Message {
  dim: DimensionProto[];
}

export interface DimensionProto extends Message {
  dimValue: bigint;
  dimParam: string;
}

export interface OperatorSetIdProto extends Message {
  domain: string;
  version: bigint;
}

export interface StringStringEntryProto extends Message {
  key: string;
  value: string;
}

export function parseModel(bytes: Uint8Array): ModelProto {
  // The interfaces are the rows below, word for word.
  return fromBinary(descriptorOf('ModelProto'), bytes) as ModelProto;
}

export function serializeModel(model: ModelProto): Uint8Array {
  return toBinary(descriptorOf('ModelProto'), model);
}

/** A message of these fields. */
export function createMessage<T extends Message>(name: keyof typeof messages, fields: Partial<Omit<T, keyof Message>>): T {
  // As above: the caller's interface is that of the name.
  return create(descriptorOf(name), fields) as T;
}

/** Numbers in a row are packed where onnx.proto says so. */
const messages = {
  ModelProto: [
    ['ir_version', 1, 'int64'],
    ['producer_name', 2, 'string'],
    ['producer_version', 3, 'string'],
    ['graph', 7, 'GraphProto'],
    ['opset_import', 8, 'OperatorSetIdProto', 'many'],
    ['metadata_props', 14, 'StringStringEntryProto', 'many'],
  ],
  GraphProto: [
    ['node', 1, 'NodeProto', 'many'],
    ['name', 2, 'string'],
    ['initializer', 5, 'TensorProto', 'many'],
    ['input', 11, 'ValueInfoProto', 'many'],
    ['output', 12, 'ValueInfoProto', 'many'],
    ['value_info', 13, 'ValueInfoProto', 'many'],
  ],
  NodeProto: [
    ['input', 1, 'string', 'many'],
    ['output', 2, 'string', 'many'],
    ['name', 3, 'string'],
    ['op_type', 4, 'string'],
    ['attribute', 5, 'AttributeProto', 'many'],
    ['domain', 7, 'string'],
  ],
  AttributeProto: [
    ['name', 1, 'string'],
    ['f', 2, 'float'],
    ['i', 3, 'int64'],
    ['s', 4, 'bytes'],
    ['t', 5, 'TensorProto'],
    ['g', 6, 'GraphProto'],
    ['floats', 7, 'float', 'many'],
    ['ints', 8, 'int64', 'many'],
    ['strings', 9, 'bytes', 'many'],
    ['tensors', 10, 'TensorProto', 'many'],
    ['graphs', 11, 'GraphProto', 'many'],
    ['type', 20, 'int32'],
    ['ref_attr_name', 21, 'string'],
  ],
  TensorProto: [
    ['dims', 1, 'int64', 'many'],
    ['data_type', 2, 'int32'],
    ['float_data', 4, 'float', 'packed'],
    ['int32_data', 5, 'int32', 'packed'],
    ['string_data', 6, 'bytes', 'many'],
    ['int64_data', 7, 'int64', 'packed'],
    ['name', 8, 'string'],
    ['raw_data', 9, 'bytes'],
    ['double_data', 10, 'double', 'packed'],
    ['uint64_data', 11, 'uint64', 'packed'],
    ['external_data', 13, 'StringStringEntryProto', 'many'],
    ['data_location', 14, 'int32'],
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
  DimensionProto: [
    ['dim_value', 1, 'int64'],
    ['dim_param', 2, 'string'],
  ],
  OperatorSetIdProto: [
    ['domain', 1, 'string'],
    ['version', 2, 'int64'],
  ],
  StringStringEntryProto: [
    ['key', 1, 'string'],
    ['value', 2, 'string'],
  ],
} as const satisfies Readonly<Record<string, readonly FieldRow[]>>;

const descriptors = describeMessages(messages);

function descriptorOf(name: keyof typeof messages): DescMessage {
  const found = descriptors.get(name);
  if (found !== undefined) return found;
  throw new Error(`no message is called ${name}`);
}
