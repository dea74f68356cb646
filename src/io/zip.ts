// Zip archives, strictly: the central directory is checked as a whole, a record again when it is read. May import errors.

import type { ByteSource } from './bytesource.js';
import { fileError, unsupported } from './elements.js';
import { nameOf, recordReader, viewOf, type ZipEntry } from './ziprecords.js';

/** A record of an archive. */
export type ZipRecord = Pick<ZipEntry, 'name' | 'size' | 'isDeflated'>;

/** An archive whose directory was read. */
export interface Zip {
  readonly records: ReadonlyMap<string, ZipRecord>;
  /**
   * Bytes of a record's content from `begin` to `end`, by default all of it. The CRC-32 is checked, if there is one, of a
   * record that is read whole, or in order from its first byte to its last. Of a stored record nothing else is read, without
   * a copy where the archive is in memory; of a deflated one what stands before is inflated and dropped, unless the last
   * range of it ended there or before.
   *
   * @throws KeelError [file] for a record that is not as the directory says.
   */
  read(name: string, begin?: number, end?: number): Promise<Uint8Array>;
}

/**
 * Reads the directory of an archive: sizes are compared with the file before anything is allocated by them.
 *
 * @throws KeelError [file] for an archive that is cut or contradicts itself; encrypted or split archives, methods other
 *   than stored and deflated, records that repeat a name or overlap, sizes that no compression reaches.
 * @see https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */
export async function openZip(source: ByteSource): Promise<Zip> {
  const directory = await findDirectory(source);
  const entries = parseDirectory(await source.read(directory.begin, directory.end), directory);
  const read = recordReader(source);
  return {
    records: entries,
    read: async (name, begin = 0, end) => {
      const entry = entries.get(name);
      if (entry === undefined) throw fileError(`the archive has no record '${name}'`, { record: name });
      return read(entry, begin, end ?? entry.size);
    },
  };
}

interface Directory {
  readonly begin: number;
  readonly end: number;
  readonly count: number;
}

const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const CENTRAL = 0x02014b50;

/** A size of 32 bits that says: see the zip64 field. */
const ELSEWHERE = 0xffffffff;

/** More than any archive of tensors needs: a million records. */
const MOST_DIRECTORY_BYTES = 2 ** 27;

async function findDirectory(source: ByteSource): Promise<Directory> {
  // The archive ends in a record of 22 bytes and a comment of up to 65535; before it, that of zip64 may point further.
  const tailStart = Math.max(0, source.bytes - 22 - 0xffff - 20);
  const tail = viewOf(await source.read(tailStart, source.bytes));
  const isEnd = (at: number) => tail.getUint32(at, true) === END && at + 22 + tail.getUint16(at + 20, true) === tail.byteLength;
  let at = tail.byteLength - 22;
  while (at >= 0 && !isEnd(at)) at--;
  if (at < 0) {
    throw fileError('not a complete zip archive: its end is missing, so the download or the copy was cut: fetch it again', {
      bytes: source.bytes,
    });
  }
  const has64 = at >= 20 && tail.getUint32(at - 20, true) === LOCATOR64;
  const end = has64 ? await readEnd64(source, tail, at - 20, tailStart) : readEnd(tail, at, tailStart + at);
  if (end.begin + end.size !== end.before || end.count * 46 > end.size) {
    throw fileError(
      `not a complete zip archive: its directory of ${end.size} bytes and ${end.count} records does not end at ${end.before}`,
      end,
    );
  }
  if (end.size > MOST_DIRECTORY_BYTES) {
    const message = `the archive's directory has ${end.size} bytes, ${MOST_DIRECTORY_BYTES} at most`;
    throw fileError(message, { ...end, limit: MOST_DIRECTORY_BYTES });
  }
  return { begin: end.begin, end: end.before, count: end.count };
}

/** `before` is where the record begins that the directory must reach up to. */
function readEnd(tail: DataView, at: number, before: number) {
  const [disk, directoryDisk, count, total] = [4, 6, 8, 10].map((field) => tail.getUint16(at + field, true));
  if (disk !== 0 || directoryDisk !== 0 || count !== total) throw split();
  return { count: total ?? 0, size: tail.getUint32(at + 12, true), begin: tail.getUint32(at + 16, true), before };
}

async function readEnd64(source: ByteSource, tail: DataView, at: number, tailStart: number) {
  const before = size64(tail, at + 8, source.bytes);
  if (before + 56 > tailStart + at) {
    throw fileError(`not a complete zip archive: its zip64 end would begin at ${before}`, { begin: before });
  }
  const view = viewOf(await source.read(before, before + 56));
  if (view.getUint32(0, true) !== END64) {
    throw fileError(`not a complete zip archive: there is no zip64 end at ${before}`, { begin: before });
  }
  const [count, total, size, begin] = [24, 32, 40, 48].map((field) => size64(view, field, source.bytes));
  if (view.getUint32(16, true) !== 0 || view.getUint32(20, true) !== 0 || count !== total) throw split();
  return { count: total ?? 0, size: size ?? 0, begin: begin ?? 0, before };
}

function split() {
  return unsupported('the zip archive is split over several files, which are not read: join them', {});
}

/** A size of 64 bits, which no file of fewer bytes can hold. */
function size64(view: DataView, at: number, fileBytes: number): number {
  const size = view.getBigUint64(at, true);
  if (size <= BigInt(fileBytes)) return Number(size);
  throw fileError(`not a complete zip archive: a size of ${size} in a file of ${fileBytes} bytes`, { size, fileBytes });
}

function parseDirectory(bytes: Uint8Array, { begin, count }: Directory): ReadonlyMap<string, ZipEntry> {
  const view = viewOf(bytes);
  const found: Omit<ZipEntry, 'limit'>[] = [];
  let at = 0;
  while (found.length < count) {
    const isEntry = at + 46 <= bytes.length && view.getUint32(at, true) === CENTRAL;
    // Behind the fixed part: name, extra fields, comment.
    const length = 46 + (isEntry ? [28, 30, 32].reduce((sum, field) => sum + view.getUint16(at + field, true), 0) : 0);
    if (!isEntry || at + length > bytes.length) {
      throw fileError(`malformed zip archive: its directory has no entry ${found.length} of ${count}`, { count });
    }
    found.push(parseEntry(bytes.subarray(at, at + length), begin));
    at += length;
  }
  if (at !== bytes.length) {
    const left = bytes.length - at;
    throw fileError(`malformed zip archive: ${left} bytes left over in its directory`, { left });
  }
  return withLimits(found, begin);
}

function parseEntry(bytes: Uint8Array, directoryBegin: number): Omit<ZipEntry, 'limit'> {
  const view = viewOf(bytes);
  const nameEnd = 46 + view.getUint16(28, true);
  const name = nameOf(bytes.subarray(46, nameEnd));
  const [flags, method] = [view.getUint16(8, true), view.getUint16(10, true)];
  // Sizes that 32 bits do not hold stand in the zip64 field, in this order.
  const long = zip64Field(bytes.subarray(nameEnd, nameEnd + view.getUint16(30, true)));
  let at = 0;
  const sizeAt = (field: number): number => {
    const size = view.getUint32(field, true);
    if (size !== ELSEWHERE) return size;
    at += 8;
    if (long !== null && at <= long.byteLength) return size64(long, at - 8, directoryBegin);
    throw fileError(`malformed zip archive: record '${name}' lacks its size`, { record: name });
  };
  const [size, packed, offset] = [sizeAt(24), sizeAt(20), sizeAt(42)];
  const isDeflated = method === 8;
  const facts = { record: name, size, packed, offset, method };
  if ((flags & 1) !== 0) throw unsupported(`record '${name}' is encrypted: decrypt the archive first`, facts);
  if (method !== 0 && !isDeflated) {
    throw unsupported(`record '${name}' is compressed by method ${method}: stored (0) and deflated (8) are read`, facts);
  }
  // Deflate's best: 258 bytes from 2 bits.
  if (isDeflated ? size > 1032 * packed : size !== packed) {
    throw fileError(`record '${name}' cannot have ${size} bytes: it takes ${packed} in the archive`, facts);
  }
  if (offset + 30 + nameEnd - 46 + packed > directoryBegin) {
    throw fileError(`record '${name}' runs into the archive's directory: ${packed} bytes from ${offset}`, facts);
  }
  return { name, size, packed, offset, isDeflated, flags, crc: view.getUint32(16, true) };
}

/** The extra field of id 1; null where there is none. */
function zip64Field(extra: Uint8Array): DataView | null {
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.length; ) {
    const end = at + 4 + view.getUint16(at + 2, true);
    if (end > extra.length) return null;
    if (view.getUint16(at, true) === 1) return viewOf(extra.subarray(at + 4, end));
    at = end;
  }
  return null;
}

/** The entries by name, each with the place where it has to end. */
function withLimits(found: readonly Omit<ZipEntry, 'limit'>[], directoryBegin: number): ReadonlyMap<string, ZipEntry> {
  const begins = found.map(({ offset }) => offset).sort((a, b) => a - b);
  // Of records that begin at one place, the first has no room at all.
  const nexts = new Map(begins.map((begin, i) => [begin, begins[i + 1] ?? directoryBegin] as const).reverse());
  const entries = new Map<string, ZipEntry>();
  for (const entry of found) {
    const { name, offset, packed } = entry;
    if (entries.has(name)) throw fileError(`record '${name}' stands twice in the archive`, { record: name });
    const limit = nexts.get(offset) ?? directoryBegin;
    if (offset + 30 + packed > limit) {
      throw fileError(`records overlap: '${name}' has ${packed} bytes from ${offset}, the next begins at ${limit}`, {
        record: name,
        offset,
        packed,
        limit,
      });
    }
    entries.set(name, { ...entry, limit });
  }
  return entries;
}
