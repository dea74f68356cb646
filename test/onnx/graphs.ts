// Graphs as rows of text, with random parameters: `c: y = Conv(x, w, b; group=2)` is the node c, which makes y.

import { model, attribute, node, tensorProto } from './build.js';
import { createMessage, serializeModel, type AttributeProto, type NodeProto, type TensorProto, type ValueInfoProto } from './schema.js';

export interface Rows {
  readonly nodes: readonly string[];
  /** Shapes of initializers; those called v... are positive. */
  readonly initializers: Readonly<Record<string, readonly number[]>>;
  readonly input: readonly number[];
  /** Default: y. */
  readonly outputs?: readonly string[];
  /** Whether the input's shape is described. */
  readonly isDescribed?: boolean;
  /** Elements of the initializers: FLOAT, FLOAT16 or DOUBLE. */
  readonly dataType?: 1 | 10 | 11;
  readonly irVersion?: bigint;
  /** Initializers that are inputs too. */
  readonly inputs?: readonly string[];
  readonly opset?: bigint;
}

/** The bytes of a model whose input is x. */
export function modelOfRows(rows: Rows): Uint8Array {
  const { nodes, initializers, input, outputs = ['y'], isDescribed = true, dataType = 1, irVersion = 8n, inputs = [], opset = 17n } = rows;
  const values = generator();
  const proto = model({
    node: nodes.map(nodeOf),
    initializer: Object.entries(initializers).map(([name, shape]) => initializerOf(name, shape, dataType, values)),
    input: [valueInfo('x', isDescribed ? input : null), ...inputs.map((name) => valueInfo(name, initializers[name] ?? null))],
    output: outputs.map((name) => valueInfo(name, null)),
  }, { irVersion });
  for (const each of proto.opsetImport) each.version = opset;
  return serializeModel(proto);
}

/** Uniform numbers around 0, the same in every run. */
export function generator(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

export function nodeOf(text: string): NodeProto {
  const [, name = '', outputs = '', call = '', inputs = '', attributes = ''] = /^(\w*): (.*) = ([\w.]+)\((.*?)(?:; (.*))?\)$/.exec(text) ?? [];
  const [opType = '', ...domain] = call.split('.').reverse();
  const attributesOf = attributes === '' ? [] : attributes.split(', ').map(attributeOf);
  return node({ name, opType, domain: domain.reverse().join('.'), input: inputs.split(', '), output: outputs.split(', '), attribute: attributesOf });
}

/** `perm=[1 0]` is a list, `alpha=0.5` a float, `auto_pad=VALID` a string, `group=2` a whole number. */
function attributeOf(text: string): AttributeProto {
  const [name = '', value = ''] = text.split('=');
  if (value.startsWith('[')) return attribute({ name, type: 7, ints: value.slice(1, -1).split(' ').map(BigInt) });
  if (/^-?\d+$/.test(value)) return attribute({ name, type: 2, i: BigInt(value) });
  if (/^[-\d.e]+$/.test(value)) return attribute({ name, type: 1, f: Number(value) });
  return attribute({ name, type: 3, s: new TextEncoder().encode(value) });
}

function initializerOf(name: string, shape: readonly number[], dataType: 1 | 10 | 11, values: () => number): TensorProto {
  const size = shape.reduce((a, b) => a * b, 1);
  const drawn = Array.from({ length: size }, () => (name.startsWith('v') ? 0.1 + Math.abs(values()) : values()));
  const dims = shape.map(BigInt);
  if (dataType === 11) return tensorProto({ name, dims, dataType, rawData: new Uint8Array(Float64Array.from(drawn).buffer) });
  if (dataType === 1) return tensorProto({ name, dims, dataType, rawData: new Uint8Array(Float32Array.from(drawn).buffer) });
  // float16 from 0.5 up to 1: sign and fraction alone.
  const codes = drawn.map((value) => (value < 0 ? 0x8000 : 0) | 0x3800 | Math.floor(Math.abs(value) * 1023));
  return tensorProto({ name, dims, dataType, int32Data: codes });
}

function valueInfo(name: string, shape: readonly number[] | null): ValueInfoProto {
  if (shape === null) return createMessage<ValueInfoProto>('ValueInfoProto', { name });
  const dim = shape.map((extent) => createMessage('DimensionProto', { dimValue: BigInt(extent) } as object));
  const tensorType = createMessage('TensorTypeProto', { elemType: 1, shape: createMessage('TensorShapeProto', { dim } as object) } as object);
  return createMessage<ValueInfoProto>('ValueInfoProto', { name, type: createMessage('TypeProto', { tensorType } as object) });
}
