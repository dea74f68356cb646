// The safetensors format: 8 bytes of header length, a JSON header, then the elements. Reading; writing is beside.
// May import errors and tensor.

import type { KeelError } from '../errors.js';
import { scope, type Tensor } from '../tensor.js';
import { type ByteSource, lent } from './bytesource.js';
import type { Contents } from './contents.js';
import { decode, fileError, type Format, formats, unsupported } from './elements.js';
import { isRecord, MOST_HEADER_BYTES, parseHeader, showJson } from './headerjson.js';

/** Whether a file begins as safetensors files do: after the length comes a JSON object. */
export function isSafetensors(bytes: Uint8Array): boolean {
  return bytes[8] === 0x7b;
}

/**
 * Reads a safetensors file. F32, F64, I64 and BOOL come bit for bit, by one copy into the tensor's storage; F16 and BF16
 * become float32, and integers of up to 32 bits int64, all exactly. The order is the header's.
 *
 * @throws KeelError [file] for whatever the format forbids: a header that is cut, no JSON or longer than the file;
 *   duplicate keys; an unknown dtype, a bad shape; elements that overlap, leave a gap, or run past the end of the file.
 * @see https://huggingface.co/docs/safetensors
 * @example
 * const tensors = readSafetensors(writeSafetensors(new Map([['weight', ones([3])]])));
 * tensors.get('weight')?.toArray(); // [1, 1, 1]
 */
export function readSafetensors(bytes: Uint8Array): Map<string, Tensor> {
  const start = startOfData(bytes, bytes.length);
  const { entries } = parse(bytes.subarray(8, start), bytes.length - start);
  const data = bytes.subarray(start);
  // A tensor that is refused takes those before it along.
  return scope(() => {
    const tensors = [...entries].map(([name, { format, shape, begin, end }]) => {
      return [name, decode(format, data.subarray(begin, end), shape, `'${name}'`)] as const;
    });
    return new Map(tensors);
  });
}

/** The tensors of a safetensors file by range: the header is read now, elements when they are asked for. */
export async function openSafetensors(source: ByteSource): Promise<Contents> {
  const start = startOfData(await source.read(0, Math.min(8, source.bytes)), source.bytes);
  const { entries, metadata } = parse(await source.read(8, start), source.bytes - start);
  return {
    entries,
    metadata,
    read: async (name) => {
      const { format, shape, begin, end } = described(entries, name);
      return decode(format, await source.read(start + begin, start + end), shape, `'${name}'`);
    },
    readRange: async (name, first, last) => {
      const { format, begin } = described(entries, name);
      const { width } = formats[format];
      return lent(source, start + begin + first * width, start + begin + last * width, (bytes) =>
        decode(format, bytes, [last - first], `'${name}'`),
      );
    },
  };
}

/** Dtypes of the format that none of ours holds exactly. */
const others = ['U64', 'C64', 'F8_E4M3', 'F8_E5M2', 'F8_E8M0', 'F6_E2M3', 'F6_E3M2', 'F4'];

interface Entry {
  readonly name: string;
  readonly format: Format;
  readonly dtype: Tensor['dtype'];
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

function described(entries: ReadonlyMap<string, Entry>, name: string): Entry {
  const found = entries.get(name);
  if (found !== undefined) return found;
  throw fileError(`no tensor is called '${name}'`, { tensor: name });
}

/** Where the elements begin in a file of so many bytes. */
function startOfData(bytes: Uint8Array, fileBytes: number): number {
  if (bytes.length < 8) {
    throw fileError(`a safetensors file begins with 8 bytes of header length; this one has ${fileBytes} bytes`, {
      bytes: fileBytes,
    });
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > BigInt(fileBytes - 8)) {
    throw fileError(`header length exceeds the file: ${length} bytes of header in a file of ${fileBytes} bytes`, {
      header: length,
      bytes: fileBytes,
    });
  }
  if (length > MOST_HEADER_BYTES) {
    const message = `header length exceeds the format's limit: ${length} bytes of header, ${MOST_HEADER_BYTES} at most`;
    throw fileError(message, { header: length, limit: MOST_HEADER_BYTES });
  }
  return 8 + Number(length);
}

/** What the header says, checked against the bytes of data that follow it. */
function parse(header: Uint8Array, dataLength: number) {
  const { keys, json } = parseHeader(header);
  const entries = keys
    .filter((name) => name !== '__metadata__')
    .map((name) => entry(name, json[name], dataLength));
  checkLayout(entries, dataLength);
  return { entries: new Map(entries.map((each) => [each.name, each])), metadata: metadataOf(json['__metadata__']) };
}

function metadataOf(value: unknown): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  if (isRecord(value) && Object.values(value).every((text) => typeof text === 'string')) {
    // Every value was just seen to be a string.
    return value as Readonly<Record<string, string>>;
  }
  throw fileError(`__metadata__ is not an object of strings: ${showJson(value)}`, { metadata: value });
}

function entry(name: string, value: unknown, dataLength: number): Entry {
  if (!isRecord(value)) throw fileError(`'${name}' is not described by a JSON object`, { tensor: name });
  const { dtype, shape, data_offsets: offsets } = value;
  const format = formatOf(name, dtype);
  if (!areSizes(shape)) {
    throw fileError(`'${name}' has a bad dimension: its shape is ${showJson(shape)}, not whole numbers from 0`, {
      tensor: name,
      shape,
    });
  }
  const [begin, end] = areSizes(offsets) && offsets.length === 2 ? offsets : [];
  if (begin === undefined || end === undefined || begin > end) {
    throw fileError(`'${name}' has bad data_offsets ${showJson(offsets)}: expected [begin, end] in bytes`, {
      tensor: name,
      offsets,
    });
  }
  const facts = { tensor: name, begin, end, bytes: dataLength };
  if (begin > dataLength) {
    throw fileError(`'${name}' has offsets beyond the data: ${begin} to ${end} in ${dataLength} bytes`, facts);
  }
  if (end > dataLength) {
    throw fileError(
      `tensor data runs past the end of the file: '${name}' ends at byte ${end} of the data, which has ${dataLength}`,
      facts,
    );
  }
  const needed = shape.reduce((product, extent) => product * extent, formats[format].width);
  if (needed !== end - begin) {
    throw fileError(
      `'${name}' of dtype ${format} and shape [${shape.join(', ')}]: ${needed} bytes needed, ${end - begin} given`,
      { ...facts, needed, given: end - begin },
    );
  }
  return { name, format, dtype: formats[format].dtype, shape, begin, end };
}

function formatOf(name: string, dtype: unknown): Format {
  if (isFormat(dtype)) return dtype;
  const given = typeof dtype === 'string' ? dtype : showJson(dtype);
  const problem = others.includes(given) ? `dtype ${given} is not supported` : `unknown dtype ${given}`;
  throw unsupported(`${problem} in '${name}': choose from ${Object.keys(formats).join(', ')}`, { tensor: name, dtype });
}

/** The format wants every byte of the data to belong to exactly one tensor. */
function checkLayout(entries: readonly Entry[], dataLength: number): void {
  const sorted = [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  let before = '';
  for (const { name, begin, end } of sorted) {
    if (begin < covered) {
      throw fileError(`tensors overlap: '${name}' begins at byte ${begin}, '${before}' ends at ${covered}`, {
        tensors: [before, name],
        begin,
        end: covered,
      });
    }
    if (begin > covered) throw gap(covered, begin);
    covered = end;
    before = name;
  }
  if (covered < dataLength) throw gap(covered, dataLength);
}

function gap(begin: number, end: number): KeelError {
  return fileError(`bytes ${begin} to ${end} of the data belong to no tensor`, { begin, end });
}

function areSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function isFormat(dtype: unknown): dtype is Format {
  return typeof dtype === 'string' && Object.hasOwn(formats, dtype);
}
