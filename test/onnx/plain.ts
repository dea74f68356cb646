// A model as plain values, from our reader and from @bufbuild/protobuf, so that the two can be compared.

import type { OnnxAttribute, OnnxGraph, OnnxTensor, OpenOnnx } from 'evenkeel/io';
import type { AttributeProto, GraphProto, ModelProto, TensorProto, ValueInfoProto } from './schema.js';

/** What our reader says; elements of tensors are numbers, bigints or booleans, null where none of ours holds them. */
export async function plainOfOpen(model: OpenOnnx): Promise<unknown> {
  const { irVersion, producer, opsets, metadata } = model;
  return { irVersion, producer, opsets: [...opsets], metadata, graph: await graphOf(model.graph) };

  async function graphOf({ name, nodes, initializers, inputs, outputs, values }: OnnxGraph): Promise<unknown> {
    return {
      name,
      nodes: await all(nodes, async (node) => ({ ...node, attributes: await all(node.attributes, async ([key, value]) => [key, await attributeOf(value)]) })),
      initializers: await all(initializers.values(), tensorOf),
      inputs,
      outputs,
      values,
    };
  }

  async function attributeOf({ kind, value }: OnnxAttribute): Promise<unknown> {
    switch (kind) {
      case 'tensor':
        return { kind, value: await tensorOf(value) };
      case 'tensors':
        return { kind, value: await all(value, tensorOf) };
      case 'graph':
        return { kind, value: await graphOf(value) };
      case 'graphs':
        return { kind, value: await all(value, graphOf) };
      default:
        return { kind, value };
    }
  }

  async function tensorOf(tensor: OnnxTensor): Promise<unknown> {
    const { name, shape, elementType, dtype } = tensor;
    return { name, shape, elementType, elements: dtype === null ? null : [...(await model.read(tensor)).data] };
  }
}

/** What @bufbuild/protobuf says. */
export function plainOfProto(model: ModelProto): unknown {
  return {
    irVersion: Number(model.irVersion),
    producer: `${model.producerName} ${model.producerVersion}`.trim(),
    opsets: model.opsetImport.map(({ domain, version }) => [domain, Number(version)]),
    metadata: Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value])),
    graph: graph(model.graph),
  };
}

function graph(given: GraphProto | undefined): unknown {
  return given && {
    name: given.name,
    nodes: given.node.map(({ name, opType, domain, input, output, attribute }) => ({
      name,
      opType,
      domain,
      inputs: input,
      outputs: output,
      attributes: attribute.map((each) => [each.name, attributeValue(each)]),
    })),
    initializers: given.initializer.map(tensor),
    inputs: given.input.map(valueInfo),
    outputs: given.output.map(valueInfo),
    values: given.valueInfo.map(valueInfo),
  };
}

function attributeValue(given: AttributeProto): unknown {
  const kinds = ['', 'float', 'int', 'string', 'tensor', 'graph', 'floats', 'ints', 'strings', 'tensors', 'graphs'];
  const values = [
    null, given.f, small(given.i), text(given.s), given.t && tensor(given.t), graph(given.g), given.floats,
    given.ints.map(small), given.strings.map(text), given.tensors.map(tensor), given.graphs.map(graph),
  ];
  return { kind: kinds[given.type], value: values[given.type] };
}

function valueInfo({ name, type }: ValueInfoProto): unknown {
  const { elemType = 0, shape } = type?.tensorType ?? {};
  // A name and an extent are a oneof: one of them is what is there.
  const dims = shape?.dim.map((dim) => (Object.hasOwn(dim, 'dimValue') ? Number(dim.dimValue) : dim.dimParam || null));
  return { name, elementType: typeNames[elemType], shape: dims ?? null };
}

function tensor(given: TensorProto): unknown {
  const { name, dims, dataType } = given;
  const [, elements] = decoders[dataType] ?? ['', null];
  const values = elements === null ? null : elements(new DataView(new Uint8Array(given.rawData).buffer), given);
  return { name, shape: dims.map(Number), elementType: typeNames[dataType], elements: values };
}

type Decoder = (raw: DataView, given: TensorProto) => unknown[];

const each = (raw: DataView, width: number, at: (offset: number) => unknown) =>
  Array.from({ length: raw.byteLength / width }, (_, i) => at(width * i));

/** Elements of raw_data, or else of the field for the type, by TensorProto.DataType. */
const decoders: Readonly<Record<number, readonly [name: string, Decoder | null]>> = {
  0: ['UNDEFINED', null],
  1: ['FLOAT', (raw, { floatData }) => (raw.byteLength > 0 ? each(raw, 4, (at) => raw.getFloat32(at, true)) : floatData)],
  2: ['UINT8', (raw, given) => integers(raw, 1, (at) => raw.getUint8(at), given)],
  3: ['INT8', (raw, given) => integers(raw, 1, (at) => raw.getInt8(at), given)],
  4: ['UINT16', (raw, given) => integers(raw, 2, (at) => raw.getUint16(at, true), given)],
  5: ['INT16', (raw, given) => integers(raw, 2, (at) => raw.getInt16(at, true), given)],
  6: ['INT32', (raw, given) => integers(raw, 4, (at) => raw.getInt32(at, true), given)],
  7: ['INT64', (raw, { int64Data }) => (raw.byteLength > 0 ? each(raw, 8, (at) => raw.getBigInt64(at, true)) : int64Data)],
  8: ['STRING', null],
  9: ['BOOL', (raw, given) => (raw.byteLength > 0 ? each(raw, 1, (at) => raw.getUint8(at)) : given.int32Data)],
  10: ['FLOAT16', (raw, given) => halves(raw, given).map(float16)],
  11: ['DOUBLE', (raw, { doubleData }) => (raw.byteLength > 0 ? each(raw, 8, (at) => raw.getFloat64(at, true)) : doubleData)],
  12: ['UINT32', (raw, { uint64Data }) => (raw.byteLength > 0 ? each(raw, 4, (at) => BigInt(raw.getUint32(at, true))) : uint64Data)],
  13: ['UINT64', null],
  14: ['COMPLEX64', null],
  15: ['COMPLEX128', null],
  16: ['BFLOAT16', (raw, given) => halves(raw, given).map(bfloat16)],
  17: ['FLOAT8E4M3FN', null],
  22: ['INT4', null],
  99: ['TYPE_99', null],
};

/** Every type that the rows use. */
export const typeNames = Object.fromEntries(Object.entries(decoders).map(([number, [name]]) => [number, name]));

function integers(raw: DataView, width: number, at: (offset: number) => number, { int32Data }: TensorProto): bigint[] {
  return (raw.byteLength > 0 ? each(raw, width, at) : int32Data).map((value) => BigInt(Number(value)));
}

function halves(raw: DataView, { int32Data }: TensorProto): number[] {
  return raw.byteLength > 0 ? each(raw, 2, (at) => raw.getUint16(at, true)).map(Number) : int32Data;
}

function float16(code: number): number {
  const [sign, exponent, fraction] = [code >> 15 ? -1 : 1, (code >> 10) & 31, code & 1023];
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

function bfloat16(code: number): number {
  return new Float32Array(Uint32Array.of(code << 16).buffer)[0] ?? NaN;
}

function small(value: bigint): number | bigint {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

async function all<T, U>(items: Iterable<T>, f: (item: T) => Promise<U>): Promise<U[]> {
  const results: U[] = [];
  for (const item of items) results.push(await f(item));
  return results;
}
