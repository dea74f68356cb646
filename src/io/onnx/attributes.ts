// AttributeProto: what an attribute of a node holds. May import errors.

import { fileError } from '../elements.js';
import type { OnnxAttribute, OnnxGraph, OnnxTensor } from './model.js';
import { type Extent, integerOf, valueOf, type WireReader } from './wire.js';

/** How what stands in attributes is read. */
export interface Inner {
  tensor(message: Extent, what: string): Promise<OnnxTensor>;
  graph(message: Extent): Promise<OnnxGraph>;
}

/** Name and value of the attribute whose message lies at `message`: of its fields the one that its type names. */
export async function readAttribute(
  wire: WireReader,
  message: Extent,
  what: string,
  inner: Inner,
): Promise<[name: string, value: OnnxAttribute]> {
  const found = new Set<number>();
  const floats: number[] = [];
  const ints: (number | bigint)[] = [];
  const strings: (string | null)[] = [];
  const tensors: OnnxTensor[] = [];
  const graphs: OnnxGraph[] = [];
  const one: { float: number; int: number | bigint; string: string | null; tensor: OnnxTensor | null; graph: OnnxGraph | null } = {
    float: 0,
    int: 0,
    string: '',
    tensor: null,
    graph: null,
  };
  let name = '';
  let reference = '';
  let type = 0;
  for await (const field of wire.fields(message, what)) {
    const { number } = field;
    switch (number) {
      case 1:
        name = await wire.text(field, what);
        break;
      case 2:
        [one.float = 0] = await wire.floats(valueOf(field, 'fixed32', what), what);
        break;
      case 3:
        one.int = valueOf(field, 'varint', what).varint;
        break;
      case 4:
        one.string = await wire.textOrNull(field, what);
        break;
      case 5:
        once(one.tensor, 'tensor', message, what);
        one.tensor = await inner.tensor(valueOf(field, 'bytes', what), what);
        break;
      case 6:
        once(one.graph, 'graph', message, what);
        one.graph = await inner.graph(valueOf(field, 'bytes', what));
        break;
      case 7:
        for (const value of await wire.floats(field, what)) floats.push(value);
        break;
      case 8:
        for (const value of await wire.integers(field, what)) ints.push(value);
        break;
      case 9:
        strings.push(await wire.textOrNull(field, what));
        break;
      case 10:
        tensors.push(await inner.tensor(valueOf(field, 'bytes', what), what));
        break;
      case 11:
        graphs.push(await inner.graph(valueOf(field, 'bytes', what)));
        break;
      case 20:
        type = integerOf(field, what);
        break;
      case 21:
        reference = await wire.text(field, what);
        break;
      default:
    }
    if (number >= 2 && number <= 11) found.add(number);
  }
  if (reference !== '') return [name, { kind: 'reference', value: reference }];
  return [name, valueOfType()];

  function valueOfType(): OnnxAttribute {
    // Before ONNX's second version there was no type: the one field that is there tells.
    const [only = 0] = found;
    const kind = type === 0 && found.size === 1 ? only - 1 : type;
    switch (kind) {
      case 1:
        return { kind: 'float', value: one.float };
      case 2:
        return { kind: 'int', value: one.int };
      case 3:
        return one.string === null ? { kind: 'unread', value: 'STRING' } : { kind: 'string', value: one.string };
      case 4:
        return { kind: 'tensor', value: needed(one.tensor, 'tensor', message, what) };
      case 5:
        return { kind: 'graph', value: needed(one.graph, 'graph', message, what) };
      case 6:
        return { kind: 'floats', value: floats };
      case 7:
        return { kind: 'ints', value: ints };
      case 8:
        return strings.every((text) => text !== null) ? { kind: 'strings', value: strings } : { kind: 'unread', value: 'STRINGS' };
      case 9:
        return { kind: 'tensors', value: tensors };
      case 10:
        return { kind: 'graphs', value: graphs };
      default:
        return { kind: 'unread', value: otherTypes[kind] ?? `TYPE_${kind}` };
    }
  }
}

const otherTypes: Readonly<Record<number, string>> = {
  0: 'UNDEFINED',
  11: 'SPARSE_TENSOR',
  12: 'SPARSE_TENSORS',
  13: 'TYPE_PROTO',
  14: 'TYPE_PROTOS',
};

function once(before: unknown, kind: string, { begin }: Extent, what: string): void {
  if (before === null) return;
  throw fileError(`${what} at byte ${begin} has two values of type ${kind}`, { at: begin });
}

function needed<T>(value: T | null, kind: string, { begin }: Extent, what: string): T {
  if (value !== null) return value;
  throw fileError(`${what} at byte ${begin} is of type ${kind}, and has none`, { at: begin });
}
