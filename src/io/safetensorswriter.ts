// Writing safetensors, byte for byte as the reference writer. May import errors and tensor.

import { KeelError, showGiven } from '../errors.js';
import { bytesOf, type Elements, type Format, formats, ownFormats } from './elements.js';
import { roundToBfloat16, roundToFloat16 } from './half.js';
import { MOST_HEADER_BYTES } from './headerjson.js';

/** How {@link writeSafetensors} writes. */
export interface SafetensorsOptions {
  /**
   * How to write float32 tensors: as they are (default), or rounded to the nearest number of 16 bits, ties to even;
   * float16 ends at 65504, and what lies beyond becomes infinite, as in PyTorch. Other dtypes stay.
   */
  readonly floats?: 'float32' | 'float16' | 'bfloat16';
  /** What the file says of itself. Default `{ format: 'pt' }`: Hugging Face's loaders refuse files that do not say so. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * A safetensors file of these tensors, byte for byte as the reference writer's: wider dtypes first, then by name.
 *
 * @throws KeelError [name] for a tensor named `__metadata__`, which the format reserves; [argument] for options
 *   that are none.
 * @see https://huggingface.co/docs/safetensors
 * @example
 * writeSafetensors(model.stateDict());
 * writeSafetensors(model.stateDict(), { floats: 'bfloat16' }); // half the size
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, Elements>,
  options: SafetensorsOptions = {},
): Uint8Array {
  const checked = checkOptions(options);
  const { head, names, bytes } = layoutOf(tensors, checked);
  const file = new Uint8Array(head.length + bytes);
  file.set(head);
  let at = head.length;
  for (const name of names) {
    const elements = tensors.get(name);
    if (elements === undefined) continue;
    const encoded = encode(elements, checked.floats);
    file.set(encoded, at);
    at += encoded.length;
  }
  return file;
}

/** What comes before the elements, whose tensors these are in order, and how many bytes they have. */
export interface SafetensorsLayout {
  readonly head: Uint8Array;
  readonly names: readonly string[];
  readonly bytes: number;
}

/** A tensor as the header describes it. */
export interface Described {
  readonly shape: readonly number[];
  readonly format: Format;
}

/** The file of tensors of which dtype and shape are known; errors as {@link writeSafetensors}. */
export function layoutOf(
  tensors: ReadonlyMap<string, Pick<Elements, 'dtype' | 'shape'>>,
  { floats, metadata }: Required<SafetensorsOptions>,
): SafetensorsLayout {
  const described = [...tensors].map(([name, { dtype, shape }]) => [name, { shape, format: formatOf(dtype, floats) }] as const);
  return safetensorsLayout(new Map(described), metadata);
}

/** The file of tensors in these formats. */
export function safetensorsLayout(
  tensors: ReadonlyMap<string, Described>,
  metadata: Readonly<Record<string, string>>,
): SafetensorsLayout {
  if (tensors.has('__metadata__')) {
    throw new KeelError('name', "'__metadata__' is reserved in safetensors files: rename that tensor", {});
  }
  const records = [...tensors].map(([name, { shape, format }]) => ({ name, shape, format }));
  records.sort((a, b) => order.indexOf(a.format) - order.indexOf(b.format) || compare(a.name, b.name));

  // Written entry by entry: an object would move names that look like integers to the front.
  const header = Object.keys(metadata).length === 0 ? [] : [`"__metadata__":${JSON.stringify(metadata)}`];
  let bytes = 0;
  for (const { name, format, shape } of records) {
    const begin = bytes;
    bytes += shape.reduce((product, extent) => product * extent, formats[format].width);
    header.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype: format, shape, data_offsets: [begin, bytes] })}`);
  }
  const text = new TextEncoder().encode(`{${header.join(',')}}`);
  if (text.length > MOST_HEADER_BYTES) {
    const message = `the header would have ${text.length} bytes, ${MOST_HEADER_BYTES} at most: keep long lists as tensors`;
    throw new KeelError('argument', message, { bytes: text.length, limit: MOST_HEADER_BYTES });
  }
  const head = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(0x20, 8);
  new DataView(head.buffer).setBigUint64(0, BigInt(head.length - 8), true);
  head.set(text, 8);
  return { head, names: records.map(({ name }) => name), bytes };
}

/** The reference writer's order of dtypes. */
const order: readonly Format[] = ['I64', 'F64', 'F32', 'U32', 'I32', 'BF16', 'F16', 'U16', 'I16', 'I8', 'U8', 'BOOL'];

const kinds = ['float32', 'float16', 'bfloat16'] as const;

type Floats = (typeof kinds)[number];

function formatOf(dtype: Elements['dtype'], floats: Floats): Format {
  if (dtype !== 'float32' || floats === 'float32') return ownFormats[dtype];
  return floats === 'float16' ? 'F16' : 'BF16';
}

/** Elements as the file has them; these themselves where it keeps them as they are. */
export function encode({ dtype, data }: Pick<Elements, 'dtype' | 'data'>, floats: Floats): Uint8Array {
  if (dtype !== 'float32' || floats === 'float32') return bytesOf(data);
  const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
  return bytesOfCodes(floats === 'float16' ? roundToFloat16(bits) : roundToBfloat16(bits));
}

function bytesOfCodes({ buffer }: Uint16Array): Uint8Array {
  return new Uint8Array(buffer);
}

/** By code points, which is the order of UTF-8: JavaScript's own is that of UTF-16. */
function compare(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  const at = left.findIndex((character, i) => character !== right[i]);
  if (at < 0) return left.length - right.length;
  return (left[at]?.codePointAt(0) ?? -1) - (right[at]?.codePointAt(0) ?? -1);
}

/**
 * The options with their defaults.
 *
 * @throws KeelError [argument] for unknown ones and other values.
 */
export function checkOptions(options: SafetensorsOptions): Required<SafetensorsOptions> {
  if (typeof options !== 'object' || options === null) {
    throw new KeelError('argument', `options are an object such as { floats: 'float16' }, got ${showGiven(options)}`, {});
  }
  const { floats = 'float32', metadata = { format: 'pt' }, ...rest } = options;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) {
    const message = `no option is called '${unknown}': choose from floats, metadata`;
    throw new KeelError('argument', message, { option: unknown });
  }
  if (!kinds.includes(floats)) {
    const message = `floats must be one of ${kinds.join(', ')}, got ${showGiven(floats)}`;
    throw new KeelError('argument', message, { floats });
  }
  const isRecord = typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata);
  const bad = isRecord ? Object.entries(metadata).find(([, text]) => typeof text !== 'string') : ['metadata', metadata];
  if (bad === undefined) return { floats, metadata };
  throw new KeelError('argument', `metadata takes strings by name; '${bad[0]}' is ${showGiven(bad[1])}`, { metadata });
}
