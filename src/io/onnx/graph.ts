// GraphProto and what it is made of: nodes, their attributes, and graphs in those. May import errors.

import { fileError } from '../elements.js';
import { type Inner, readAttribute } from './attributes.js';
import type { OnnxAttribute, OnnxGraph, OnnxNode, OnnxTensor, OnnxValueInfo } from './model.js';
import { describeTensor, type Place, refuseSparse } from './tensors.js';
import { readValueInfo } from './valueinfo.js';
import { type Extent, valueOf, type WireReader } from './wire.js';

/** What a walk through a model reads from, and where it notes the places of tensors. */
export interface Walk {
  readonly wire: WireReader;
  readonly places: WeakMap<OnnxTensor, Place>;
}

/** The graph whose message lies at `message`, in so many others. */
export async function readGraph(walk: Walk, message: Extent, depth = 0): Promise<OnnxGraph> {
  if (depth > MOST_DEPTH) {
    throw fileError(`graphs nest deeper than ${MOST_DEPTH} at byte ${message.begin}`, { at: message.begin, limit: MOST_DEPTH });
  }
  const { wire } = walk;
  const what = 'the graph';
  const nodes: OnnxNode[] = [];
  const initializers = new Map<string, OnnxTensor>();
  const inputs: OnnxValueInfo[] = [];
  const outputs: OnnxValueInfo[] = [];
  const values: OnnxValueInfo[] = [];
  let name = '';
  for await (const field of wire.fields(message, what)) {
    switch (field.number) {
      case 1:
        nodes.push(await readNode(walk, valueOf(field, 'bytes', what), `node ${nodes.length}`, depth));
        break;
      case 2:
        name = await wire.text(field, what);
        break;
      case 5: {
        const tensor = await readTensor(walk, valueOf(field, 'bytes', what), `initializer ${initializers.size}`);
        if (initializers.has(tensor.name)) {
          throw fileError(`two initializers are called '${tensor.name}'`, { tensor: tensor.name, at: field.begin });
        }
        initializers.set(tensor.name, tensor);
        break;
      }
      case 11:
        inputs.push(await readValueInfo(wire, valueOf(field, 'bytes', what)));
        break;
      case 12:
        outputs.push(await readValueInfo(wire, valueOf(field, 'bytes', what)));
        break;
      case 13:
        values.push(await readValueInfo(wire, valueOf(field, 'bytes', what)));
        break;
      case 15:
        return refuseSparse(wire, valueOf(field, 'bytes', what));
      default:
    }
  }
  return { name, nodes, initializers, inputs, outputs, values };
}

/** ONNX's own domain has two names. */
export function domainOf(name: string): string {
  return name === 'ai.onnx' ? '' : name;
}

/** Models in use nest a few; no writer and no runtime means more than this. */
const MOST_DEPTH = 64;

const none: ReadonlyMap<string, OnnxAttribute> = new Map();

async function readNode(walk: Walk, message: Extent, what: string, depth: number): Promise<OnnxNode> {
  const { wire } = walk;
  const inner: Inner = {
    tensor: (tensor, place) => readTensor(walk, tensor, place),
    graph: (graph) => readGraph(walk, graph, depth + 1),
  };
  const inputs: string[] = [];
  const outputs: string[] = [];
  let attributes: Map<string, OnnxAttribute> | null = null;
  let name = '';
  let opType = '';
  let domain = '';
  for await (const field of wire.fields(message, what)) {
    switch (field.number) {
      case 1:
        inputs.push(await wire.text(field, what));
        break;
      case 2:
        outputs.push(await wire.text(field, what));
        break;
      case 3:
        name = await wire.text(field, what);
        break;
      case 4:
        opType = await wire.text(field, what);
        break;
      case 5: {
        attributes ??= new Map();
        const [key, value] = await readAttribute(wire, valueOf(field, 'bytes', what), `an attribute of ${what}`, inner);
        if (attributes.has(key)) throw fileError(`${what} has two attributes called '${key}'`, { at: field.begin, attribute: key });
        attributes.set(key, value);
        break;
      }
      case 7:
        domain = await wire.text(field, what);
        break;
      default:
    }
  }
  if (opType === '') throw fileError(`${what} at byte ${message.begin} has no op_type`, { at: message.begin });
  return { name, opType, domain: domainOf(domain), inputs, outputs, attributes: attributes ?? none };
}

async function readTensor({ wire, places }: Walk, message: Extent, what: string): Promise<OnnxTensor> {
  const { tensor, place } = await describeTensor(wire, message, what);
  places.set(tensor, place);
  return tensor;
}
