// ONNX models from files: the description is read at once, elements when they are asked for. May import errors and tensor.

import { type ErrorData, KeelError } from '../../errors.js';
import { sizeOf } from '../../tensor.js';
import { openBeside } from '../beside.js';
import type { ByteSource } from '../bytesource.js';
import type { Contents, TensorEntry } from '../contents.js';
import { fileError, formats } from '../elements.js';
import { named } from '../failure.js';
import { type FileSource, nameOf, rangesOf } from '../source.js';
import { readElements, type Files } from './elements.js';
import { domainOf, readGraph } from './graph.js';
import type { OnnxGraph, OnnxModel, OnnxTensor, OpenOnnx } from './model.js';
import { type Place, readPair } from './tensors.js';
import { type Extent, integerOf, valueOf, WireReader } from './wire.js';

/**
 * Opens an ONNX model, which may be larger than memory: its graph is read, and of its tensors what they are. Elements are
 * read from `raw_data`, the fields of each type, or files beside the model, which must lie in its folder. Types that no
 * tensor holds (strings, complex numbers, floats of 8 bits and fewer) are described; reading them is refused.
 *
 * @param source a path (Node), a URL, a Blob, or the bytes themselves, as `open` takes them.
 * @throws KeelError [file] for what is no ONNX model or a malformed one, and for sparse initializers.
 * @see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 * @example
 * const model = await openOnnx('model.onnx');
 * model.graph.nodes.map(({ opType }) => opType); // ['Conv', 'BatchNormalization', 'Relu', ...]
 * const [name = ''] = model.graph.initializers.keys();
 * const weight = await model.read(name);
 * await model.close();
 */
export async function openOnnx(source: FileSource): Promise<OpenOnnx> {
  const name = nameOf(source);
  return named(name, async () => {
    const bytes = await rangesOf(source);
    try {
      return opened(source, bytes, name, await readModel(bytes));
    } catch (error) {
      await bytes.close();
      throw error;
    }
  });
}

/** The initializers of a model's graph as `load` and `open` give them. */
export async function openInitializers(source: FileSource, bytes: ByteSource): Promise<Contents> {
  const described = await readModel(bytes);
  const { model, places } = described;
  const { initializers } = model.graph;
  const entries = new Map<string, TensorEntry>();
  const refused = new Set<string>();
  for (const [name, { shape, dtype, format }] of initializers) {
    if (dtype === null || format === null) refused.add(name);
    else entries.set(name, { shape, dtype, format });
  }
  const files = filesOf(source, bytes, described);
  const read = (name: string, range: Extent | null) => {
    const tensor = initializers.get(name);
    const place = tensor === undefined ? undefined : places.get(tensor);
    if (tensor !== undefined && place !== undefined) return readElements(files, tensor, place, range);
    throw fileError(`no initializer is called '${name}'`, { tensor: name });
  };
  return {
    entries,
    refused,
    metadata: model.metadata,
    read: (name) => read(name, null),
    readRange: (name, begin, end) => read(name, { begin, end }),
  };
}

interface Described {
  readonly model: OnnxModel;
  readonly places: WeakMap<OnnxTensor, Place>;
}

function filesOf(source: FileSource, bytes: ByteSource, { model, places }: Described): Files {
  const wanted = new Map<string, number>();
  for (const tensor of model.graph.initializers.values()) {
    const place = places.get(tensor);
    if (place?.kind !== 'beside' || tensor.format === null) continue;
    const needed = sizeOf(tensor.shape) * formats[tensor.format].width;
    wanted.set(place.location, (wanted.get(place.location) ?? 0) + needed);
  }
  return { model: bytes, beside: (location) => openBeside(source, location), wanted, gathered: null };
}

function opened(source: FileSource, bytes: ByteSource, name: string | null, described: Described): OpenOnnx {
  const { model, places } = described;
  const files = filesOf(source, bytes, described);
  let isClosed = false;
  return {
    ...model,
    read: (given) =>
      named(name, () => {
        const tensor = typeof given === 'string' ? model.graph.initializers.get(given) : given;
        const place = tensor === undefined ? undefined : places.get(tensor);
        const key = typeof given === 'string' ? given : given.name;
        if (isClosed) throw new KeelError('disposed', `the file is closed: open it again to read '${key}'`, { key });
        if (tensor !== undefined && place !== undefined) return readElements(files, tensor, place);
        const message = `no initializer is called '${key}': graph.initializers has the names of all`;
        throw new KeelError('argument', message, { key });
      }),
    close: async () => {
      if (!isClosed) await bytes.close();
      isClosed = true;
    },
  };
}

async function readModel(bytes: ByteSource): Promise<Described> {
  const wire = new WireReader(bytes);
  const places = new WeakMap<OnnxTensor, Place>();
  const opsets = new Map<string, number>();
  const metadata: [key: string, value: string][] = [];
  const producer = ['', ''];
  const what = 'the model';
  let irVersion = 0;
  let functions = 0;
  let graph: OnnxGraph | null = null;
  try {
    for await (const field of wire.fields({ begin: 0, end: bytes.bytes }, what)) {
      switch (field.number) {
        case 1:
          irVersion = integerOf(field, what);
          break;
        case 2:
        case 3:
          producer[field.number - 2] = await wire.text(field, what);
          break;
        case 7:
          if (graph !== null) throw fileError(`${what} has two graphs, the second at byte ${field.begin}`, { at: field.begin });
          graph = await readGraph({ wire, places }, valueOf(field, 'bytes', what));
          break;
        case 8: {
          const [domain, version] = await readOpset(wire, valueOf(field, 'bytes', what));
          opsets.set(domain, version);
          break;
        }
        case 14:
          metadata.push(await readPair(wire, valueOf(field, 'bytes', what), what));
          break;
        case 25:
          functions++;
          break;
        default:
      }
    }
  } catch (error) {
    // Every writer begins with the version: what has none so far is of another kind.
    throw irVersion === 0 && error instanceof KeelError ? notOnnx(error.message, error.data) : error;
  }
  if (graph === null || irVersion === 0) throw notOnnx(`it has no ${graph === null ? 'graph' : 'ir_version'}`, {});
  const model = {
    irVersion,
    producer: producer.join(' ').trim(),
    opsets,
    graph,
    metadata: Object.fromEntries(metadata),
    functions,
  };
  return { model, places };
}

async function readOpset(wire: WireReader, message: Extent): Promise<[domain: string, version: number]> {
  const what = 'an opset';
  let domain = '';
  let version = 0;
  for await (const field of wire.fields(message, what)) {
    if (field.number === 1) domain = await wire.text(field, what);
    if (field.number === 2) version = integerOf(field, what);
  }
  return [domainOf(domain), version];
}

function notOnnx(why: string, data: ErrorData): KeelError {
  return fileError(`it is no ONNX model: ${why}`, data);
}
