// The folded graph into the messages of its model. May import errors, tensor, io's formats and fold's graph and schema.

import { KeelError } from '../errors.js';
import { encode } from '../io/safetensorswriter.js';
import type { FoldGraph, NewInitializer } from './onnxgraph.js';
import { newInput, newNode, newTensor, parseModel, serializeModel, type TensorProto } from './onnxschema.js';
import type { RealFormat } from './round.js';

/** The bytes of a model with its graph as it is now; whatever did not change is written as it was. */
export function writeFolded(bytes: Uint8Array, graph: FoldGraph, irVersion: number): Uint8Array {
  const model = parseModel(bytes);
  const proto = model.graph;
  if (proto === undefined) throw new KeelError('argument', 'the model has no graph', {});
  checkWhole(model.$unknown, 20, 'training_info, which may name initializers that go');
  checkWhole(proto.$unknown, 14, 'quantization_annotation, which would no longer be true');

  proto.node = graph.result().map((node) => {
    const { at, inputs: input, outputs: output, name, opType } = node;
    const given = at === null ? undefined : proto.node[at];
    return given === undefined ? newNode({ name, opType, input, output }) : Object.assign(given, { input, output });
  });
  const kept = proto.initializer.filter(({ name }) => !graph.removed.has(name));
  const known = new Set(kept.map(({ name }) => name));
  const added = [...graph.changed].filter(([name]) => !known.has(name) && !graph.removed.has(name));
  const initializers = kept.map((tensor) => {
    const changed = graph.changed.get(tensor.name);
    return changed === undefined ? tensor : tensorOf(tensor.name, changed);
  });
  proto.initializer = [...initializers, ...added.map(([name, value]) => tensorOf(name, value))];
  proto.valueInfo = proto.valueInfo.filter(({ name }) => !graph.gone.has(name) && !graph.removed.has(name));
  proto.input = proto.input.filter(({ name }) => !graph.removed.has(name));
  if (irVersion < 4) {
    // Every initializer was an input as well.
    const inputs = added.map(([name, { tensor, format }]) => newInput(name, elementTypes[format], tensor.shape.map(BigInt)));
    proto.input = [...proto.input, ...inputs];
  }
  return serializeModel(model);
}

const elementTypes: Readonly<Record<RealFormat, number>> = { F32: 1, F16: 10, F64: 11, BF16: 16 };

const floats = { F32: 'float32', F64: 'float32', F16: 'float16', BF16: 'bfloat16' } as const;

function tensorOf(name: string, { tensor, format }: NewInitializer): TensorProto {
  // A copy: the elements may be a view of memory that others use next.
  const rawData = new Uint8Array(encode(tensor, floats[format]));
  return newTensor({ name, dims: tensor.shape.map(BigInt), dataType: elementTypes[format], rawData });
}

function checkWhole(unknown: readonly { readonly no: number }[] | undefined, field: number, what: string): void {
  if (unknown?.some(({ no }) => no === field) !== true) return;
  throw new KeelError('argument', `the model has ${what}: it cannot be folded`, { field });
}
