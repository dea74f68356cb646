// Files as their parts come, for what is larger than memory. May import errors and tensor.

import { KeelError, showGiven } from '../errors.js';
import { sizeOf, type Tensor } from '../tensor.js';
import { crc32 } from './crc32.js';
import { bytesOf, type Format, formats, ownFormats } from './elements.js';
import { roundToBfloat16, roundToFloat16 } from './half.js';
import { npyHead } from './npyheader.js';
import { memberOf } from './npz.js';
import { checkOptions, safetensorsLayout, type SafetensorsOptions } from './safetensorswriter.js';
import { ZipWriter } from './zipwriter.js';

/** A tensor that is written as its elements come. */
export interface TensorPart {
  readonly shape: readonly number[];
  /** Any; NumPy's files take no BF16. */
  readonly format: Format;
  /** Of the elements in a .npy or .npz file; default C. */
  readonly order?: 'C' | 'F';
  /**
   * All elements, in that order, in tensors of the format's dtype: F16 and BF16 are rounded from float32, to even, and int64s
   * must fit shorter integers. One may be disposed once the next is asked for.
   */
  chunks(): AsyncIterable<Tensor>;
}

/**
 * A file as bytes that are made when they are asked for: of no more than one chunk of one part at a time. A .npy file has one
 * part; .npz archives are not compressed.
 *
 * `options.metadata` is what a safetensors file says of itself, `{ format: 'pt' }` by default.
 *
 * @throws KeelError [argument] for another kind or option, a format or an order that the file does not take, and several
 *   parts of a .npy file; [name] for a name that it does not take; while it is read [dtype] for chunks of another dtype, and
 *   [shape] where they have more or fewer elements than the shape.
 * @example
 * const part = { shape: [6], format: 'F32', chunks: async function* () { yield ones([2]); yield zeros([4]); } } as const;
 * await replaceFile('x.npy', fileChunks('npy', new Map([['x', part]])));
 */
export function fileChunks(
  kind: 'npy' | 'npz' | 'safetensors',
  parts: ReadonlyMap<string, TensorPart>,
  options: Pick<SafetensorsOptions, 'metadata'> = {},
): AsyncIterable<Uint8Array> {
  const { metadata } = checkOptions(options);
  for (const [name, part] of parts) checkPart(kind, name, part);
  switch (kind) {
    case 'npy':
      return npyChunks(parts);
    case 'npz':
      return npzChunks(parts);
    case 'safetensors':
      return safetensorsChunks(parts, metadata);
    default:
      throw new KeelError('argument', `files are made as npy, npz or safetensors, got ${showGiven(kind satisfies never)}`, { kind });
  }
}

function checkPart(kind: string, name: string, { format, order = 'C' }: TensorPart): void {
  if (!Object.hasOwn(formats, format)) {
    const known = Object.keys(formats).join(', ');
    throw new KeelError('argument', `'${name}' cannot be written as ${String(format)}: choose from ${known}`, { name, format });
  }
  if (order === 'C' || (order === 'F' && kind !== 'safetensors')) return;
  throw new KeelError('argument', `'${name}' cannot be written in order ${String(order)} to .${kind}: only .npy and .npz take F`, { name, order });
}

function npyChunks(parts: ReadonlyMap<string, TensorPart>): AsyncIterable<Uint8Array> {
  const [only] = parts;
  if (only === undefined || parts.size > 1) {
    const message = `a .npy file holds one tensor, got ${parts.size}: write them to .npz or .safetensors`;
    throw new KeelError('argument', message, { count: parts.size });
  }
  const [name, part] = only;
  const head = npyHead(part);
  return (async function* () {
    yield head;
    yield* elementsOf(name, part);
  })();
}

function npzChunks(parts: ReadonlyMap<string, TensorPart>): AsyncIterable<Uint8Array> {
  const records = [...parts].map(([name, part]) => ({ name, part, member: memberOf(name), head: npyHead(part) }));
  return (async function* () {
    const writer = new ZipWriter();
    for (const { name, part, member, head } of records) {
      yield writer.begin(member, head.length + bytesIn(part), null);
      yield head;
      let crc = crc32(head);
      for await (const bytes of elementsOf(name, part)) {
        crc = crc32(bytes, crc);
        yield bytes;
      }
      yield writer.finish(crc);
    }
    yield writer.end();
  })();
}

function safetensorsChunks(
  parts: ReadonlyMap<string, TensorPart>,
  metadata: Readonly<Record<string, string>>,
): AsyncIterable<Uint8Array> {
  const { head, names } = safetensorsLayout(parts, metadata);
  return (async function* () {
    yield head;
    for (const name of names) {
      const part = parts.get(name);
      if (part !== undefined) yield* elementsOf(name, part);
    }
  })();
}

function bytesIn({ shape, format }: TensorPart): number {
  return sizeOf(shape) * formats[format].width;
}

/** The bytes of all elements, of which there are exactly as many as the shape says. */
async function* elementsOf(name: string, part: TensorPart): AsyncGenerator<Uint8Array> {
  const { shape, format } = part;
  const expected = sizeOf(shape);
  const { dtype } = formats[format];
  let given = 0;
  for await (const chunk of part.chunks()) {
    if (chunk.dtype !== dtype) {
      throw new KeelError('dtype', `'${name}' is written as ${format}, of ${dtype} tensors, and a chunk is ${chunk.dtype}`, {
        name,
        dtype: chunk.dtype,
        expected: dtype,
      });
    }
    given += chunk.size;
    if (given > expected) throw wrongCount(name, shape, `more than the ${expected}`);
    yield await encoded(name, chunk, format);
  }
  if (given < expected) throw wrongCount(name, shape, `${given} of the ${expected}`);
}

function wrongCount(name: string, shape: readonly number[], given: string): KeelError {
  const message = `the chunks of '${name}' have ${given} elements of shape [${shape.join(', ')}]`;
  return new KeelError('shape', message, { name, shape });
}

/** A copy: a tensor's own memory may move while it is written. */
async function encoded(name: string, chunk: Tensor, format: Format): Promise<Uint8Array> {
  const data = await chunk.read();
  if (format === ownFormats[chunk.dtype]) return bytesOf(data);
  if (data instanceof BigInt64Array) return shortened(name, data, format);
  const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
  return new Uint8Array((format === 'F16' ? roundToFloat16(bits) : roundToBfloat16(bits)).buffer);
}

/** The low bytes of each, which must be all of it. */
function shortened(name: string, values: BigInt64Array, format: Format): Uint8Array {
  const { width } = formats[format];
  const bytes = bytesOf(values);
  const short = new Uint8Array(values.length * width);
  const isSigned = format.startsWith('I');
  for (let i = 0; i < values.length; i++) {
    // What is left out repeats the sign.
    const sign = isSigned && bytes[8 * i + width - 1]! > 127 ? 255 : 0;
    for (let byte = 0; byte < width; byte++) short[i * width + byte] = bytes[8 * i + byte]!;
    for (let byte = width; byte < 8; byte++) if (bytes[8 * i + byte]! !== sign) throw tooLarge(name, values[i]!, format);
  }
  return short;
}

function tooLarge(name: string, value: bigint, format: Format): KeelError {
  return new KeelError('argument', `'${name}' has ${value}, which ${format} does not hold: write I64`, { name, value, format });
}
