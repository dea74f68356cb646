// ONNX models as bytes: the few fields of the format that a graph of some nodes needs. Imports nothing.

type Attribute = number | readonly number[];

export interface OnnxNode {
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface OnnxTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

export interface OnnxConstant extends OnnxTensor {
  readonly data: Float32Array;
}

/** Attributes that are real numbers; a whole number would be written as an int otherwise. */
const reals = ['epsilon'];
const opset = { '': 23, 'com.microsoft': 1 };

/** A node; its inputs stand in a row with spaces between, its outputs with commas. */
export function node(
  op: string,
  inputs: string,
  attributes: Readonly<Record<string, Attribute>> = {},
  outputs = 'y',
  domain = '',
): OnnxNode {
  return { op, domain, inputs: inputs.split(' '), outputs: outputs.split(','), attributes };
}

/** ModelProto with these inputs, constants and nodes, and one output. */
export function onnxModel(
  nodes: readonly OnnxNode[],
  inputs: readonly OnnxTensor[],
  constants: readonly OnnxConstant[],
  output: OnnxTensor,
): Uint8Array {
  const graph = [
    ...nodes.map((n) => message(1, nodeProto(n))),
    text(2, 'bench'),
    ...constants.map((constant) => message(5, tensorProto(constant))),
    ...inputs.map((input) => message(11, valueInfo(input))),
    message(12, valueInfo(output)),
  ];
  const opsets = Object.entries(opset).map(([domain, version]) => message(8, [text(1, domain), int(2, version)]));
  return join([int(1, 10), message(7, graph), ...opsets]);
}

function nodeProto({ op, domain, inputs, outputs, attributes }: OnnxNode): Uint8Array[] {
  return [
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, op),
    ...Object.entries(attributes).map(([name, value]) => message(5, attributeProto(name, value))),
    text(7, domain),
  ];
}

function attributeProto(name: string, value: Attribute): Uint8Array[] {
  const FLOAT = 1;
  const INT = 2;
  const INTS = 7;
  if (typeof value !== 'number') return [text(1, name), ...value.map((v) => int(8, v)), int(20, INTS)];
  return reals.includes(name)
    ? [text(1, name), float(2, value), int(20, FLOAT)]
    : [text(1, name), int(3, value), int(20, INT)];
}

const FLOAT32 = 1;

function tensorProto({ name, shape, data }: OnnxConstant): Uint8Array[] {
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return [...shape.map((extent) => int(1, extent)), int(2, FLOAT32), text(8, name), bytes(9, raw)];
}

function valueInfo({ name, shape }: OnnxTensor): Uint8Array[] {
  const extents = shape.map((extent) => message(1, [int(1, extent)]));
  return [text(1, name), message(2, [message(1, [int(1, FLOAT32), message(2, extents)])])];
}

function message(field: number, parts: readonly Uint8Array[]): Uint8Array {
  return bytes(field, join(parts));
}

function text(field: number, value: string): Uint8Array {
  return bytes(field, new TextEncoder().encode(value));
}

function bytes(field: number, value: Uint8Array): Uint8Array {
  return join([varint(field * 8 + 2), varint(value.length), value]);
}

function int(field: number, value: number): Uint8Array {
  return join([varint(field * 8), varint(value)]);
}

function float(field: number, value: number): Uint8Array {
  return join([varint(field * 8 + 5), new Uint8Array(new Float32Array([value]).buffer)]);
}

/** Seven bits a byte, the lowest first; a negative number as its 64-bit complement. */
function varint(value: number): Uint8Array {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    out.push(rest > 0n ? low | 128 : low);
  } while (rest > 0n);
  return Uint8Array.from(out);
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
