// Messages that @bufbuild/protobuf reads and writes, from tables of their fields. It keeps all other fields as they are.
// May import that library.

import { create, createFileRegistry, type DescMessage } from '@bufbuild/protobuf';
import { FieldDescriptorProto_Label, FieldDescriptorProto_Type, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';

/** A field: its type is a scalar or another message of the table; repeated where labelled, packed where it says so. */
export type FieldRow = readonly [name: string, number: number, type: Scalar | `${string}Proto`, label?: 'many' | 'packed'];

type Scalar = keyof typeof scalars;

/** The messages of a table by name: proto2, where what is not there stays so. */
export function describeMessages(table: Readonly<Record<string, readonly FieldRow[]>>): ReadonlyMap<string, DescMessage> {
  const file = create(FileDescriptorProtoSchema, {
    name: 'onnx.proto',
    package: 'onnx',
    syntax: 'proto2',
    messageType: Object.entries(table).map(([name, rows]) => ({ name, field: rows.map(fieldOf) })),
  });
  const messages = [...createFileRegistry(file, () => undefined)].filter((each) => each.kind === 'message');
  return new Map(messages.map((message) => [message.name, message]));
}

const scalars = {
  bytes: FieldDescriptorProto_Type.BYTES,
  double: FieldDescriptorProto_Type.DOUBLE,
  float: FieldDescriptorProto_Type.FLOAT,
  int32: FieldDescriptorProto_Type.INT32,
  int64: FieldDescriptorProto_Type.INT64,
  string: FieldDescriptorProto_Type.STRING,
  uint64: FieldDescriptorProto_Type.UINT64,
} as const;

function fieldOf([name, number, type, label]: FieldRow) {
  const kind = isScalar(type) ? { type: scalars[type] } : { type: FieldDescriptorProto_Type.MESSAGE, typeName: `.onnx.${type}` };
  return {
    name,
    number,
    label: label === undefined ? FieldDescriptorProto_Label.OPTIONAL : FieldDescriptorProto_Label.REPEATED,
    ...kind,
    ...(label === 'packed' ? { options: { packed: true } } : {}),
  };
}

function isScalar(type: string): type is Scalar {
  return Object.hasOwn(scalars, type);
}
