// The records of a zip archive, whole or by range: each is compared with the directory, and its sum checked.
// May import errors.

import type { ByteSource } from './bytesource.js';
import { crc32 } from './crc32.js';
import { fileError } from './elements.js';
import { type Inflation, inflation } from './inflate.js';

/** What the directory of an archive says of a record. */
export interface ZipEntry {
  readonly name: string;
  /** Bytes of its content. */
  readonly size: number;
  readonly isDeflated: boolean;
  /** Bytes it takes in the archive. */
  readonly packed: number;
  readonly crc: number;
  readonly flags: number;
  /** Of its local header. */
  readonly offset: number;
  /** Where the next record, or the directory, begins. */
  readonly limit: number;
}

/** Bytes of a record's content from `begin` to `end`. */
export type ReadRecord = (entry: ZipEntry, begin: number, end: number) => Promise<Uint8Array>;

/** Reads records of an archive, and remembers how far it got in which. */
export function recordReader(source: ByteSource): ReadRecord {
  const starts = new Map<ZipEntry, number>();
  const sums = new Map<ZipEntry, { readonly at: number; readonly crc: number }>();
  const inflations = new Map<ZipEntry, Inflation>();

  const startOf = async (entry: ZipEntry): Promise<number> => {
    const start = starts.get(entry) ?? (await startOfContent(source, entry));
    starts.set(entry, start);
    return start;
  };
  const stored = async (entry: ZipEntry, begin: number, end: number): Promise<Uint8Array> => {
    const start = await startOf(entry);
    const bytes = await source.read(start + begin, start + end);
    const before = begin === 0 ? { at: 0, crc: 0 } : sums.get(entry);
    if (before?.at !== begin) return bytes;
    const crc = crc32(bytes, before.crc);
    if (end === entry.size) checkSum(crc, entry);
    sums.set(entry, { at: end, crc });
    return bytes;
  };
  const inflated = async (entry: ZipEntry, begin: number, end: number): Promise<Uint8Array> => {
    const inflation = await inflationAt(entry, begin);
    try {
      await inflation.skip(begin);
      const bytes = await inflation.take(end);
      if (end < entry.size) hold(entry, inflation);
      else {
        await inflation.finish();
        checkSum(inflation.crc, entry);
      }
      return bytes;
    } catch (error) {
      inflation.cancel();
      throw error;
    }
  };
  /** The one that was held, which is then held no more: whoever reads meanwhile begins anew. */
  const inflationAt = async (entry: ZipEntry, begin: number): Promise<Inflation> => {
    const held = inflations.get(entry);
    if (held !== undefined && held.at <= begin) {
      inflations.delete(entry);
      return held;
    }
    const start = await startOf(entry);
    return inflation(source, { begin: start, end: start + entry.packed, size: entry.size, label: `record '${entry.name}'` });
  };
  const hold = (entry: ZipEntry, inflation: Inflation): void => {
    inflations.get(entry)?.cancel();
    inflations.delete(entry);
    inflations.set(entry, inflation);
    for (const [oldest, each] of inflations) {
      if (inflations.size <= MOST_HELD) break;
      each.cancel();
      inflations.delete(oldest);
    }
  };
  return async (entry, begin, end) => {
    if (begin === end && entry.size > 0) return new Uint8Array(0);
    return entry.isDeflated ? inflated(entry, begin, end) : stored(entry, begin, end);
  };
}

/** Records that are inflated side by side: each takes some hundred kilobytes. */
const MOST_HELD = 4;

const LOCAL = 0x04034b50;

/** A size of 32 bits that says: see the zip64 field. */
const ELSEWHERE = 0xffffffff;

/** Where a record's content begins, once its local header is seen to agree with the directory. */
async function startOfContent(source: ByteSource, entry: ZipEntry): Promise<number> {
  const { name, offset, packed, limit, flags } = entry;
  const bytes = await source.read(offset, Math.min(offset + 30 + 3 * name.length, limit));
  const view = viewOf(bytes);
  const nameEnd = 30 + view.getUint16(26, true);
  const [crc, packedHere, size] = [14, 18, 22].map((field) => view.getUint32(field, true));
  // Behind bit 3 these are written after the content, and as zeros here, or as what says: see the zip64 field.
  const areLater = [packedHere, size].every((bytes) => bytes === 0 || bytes === ELSEWHERE);
  const isLater = (flags & 8) !== 0 && crc === 0 && areLater;
  const isSame =
    crc === entry.crc &&
    (packedHere === entry.packed || packedHere === ELSEWHERE) &&
    (size === entry.size || size === ELSEWHERE);
  const agrees =
    view.getUint32(0, true) === LOCAL &&
    view.getUint16(6, true) === flags &&
    view.getUint16(8, true) === (entry.isDeflated ? 8 : 0) &&
    nameEnd <= bytes.length &&
    nameOf(bytes.subarray(30, nameEnd)) === name &&
    (isLater || isSame);
  const start = nameEnd + offset + view.getUint16(28, true);
  if (agrees && start + packed <= limit) return start;
  throw fileError(`malformed zip archive: the header of record '${name}' contradicts the directory`, { record: name, offset });
}

function checkSum(found: number, { name, crc }: ZipEntry): void {
  // PyTorch leaves 0 where torch.serialization.set_crc32_options(False) was called.
  if (crc === 0 || found === crc) return;
  throw fileError(
    `record '${name}' is damaged: its CRC-32 is ${hex(found)}, the archive says ${hex(crc)}: fetch or save it again`,
    { record: name, found, expected: crc },
  );
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}

/** The name of a record. */
export function nameOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw fileError('malformed zip archive: a name that is not UTF-8', { bytes: [...bytes] });
  }
}

export function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
