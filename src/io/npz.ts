// NumPy's .npz files: a zip archive of .npy files. May import errors and tensor.

import { KeelError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import { inMemory } from './bytesource.js';
import { type Contents, readAll } from './contents.js';
import { crc32 } from './crc32.js';
import { type Elements, fileError, unsupported } from './elements.js';
import { type NpyArray, openArray, writeNpy } from './npy.js';
import { pathTrick } from './pathname.js';
import { openZip, type Zip } from './zip.js';
import { ZipWriter } from './zipwriter.js';

/**
 * Reads a .npz file as numpy.savez or numpy.savez_compressed writes it: its arrays by their names, which are those of the
 * records without `.npy`, in the file's order; elements as {@link readNpy} has them.
 *
 * @throws KeelError [file] for an archive that is cut, damaged or malformed; records that are no .npy files, that lie under
 *   names such as `../x.npy`, or whose size is another than the archive says; and dtypes that no tensor holds.
 * @see https://numpy.org/doc/stable/reference/generated/numpy.savez.html
 * @example
 * const arrays = await readNpz(writeNpz(new Map([['x', ones([2])]])));
 * arrays.get('x')?.toArray(); // [1, 1]
 */
export async function readNpz(bytes: Uint8Array): Promise<Map<string, Tensor>> {
  return readAll(await openNpz(await openZip(inMemory(bytes))));
}

/**
 * A .npz file of these tensors, not compressed, byte for byte as numpy.savez writes it.
 *
 * @throws KeelError [name] for a name that leads out of a folder, such as `../x` or `/x`.
 * @example
 * writeNpz(new Map([['x', zeros([2, 3])]])).length; // 282
 */
export function writeNpz(tensors: ReadonlyMap<string, Elements>): Uint8Array {
  const writer = new ZipWriter();
  const parts: Uint8Array[] = [];
  for (const [name, elements] of tensors) {
    const content = writeNpy(elements);
    parts.push(writer.begin(memberOf(name), content.length, crc32(content)), content);
  }
  parts.push(writer.end());
  const file = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}

/** Whether an archive of these records is a .npz file: one at least is an array, and there is no pickle. */
export function isNpz(records: readonly string[]): boolean {
  return records.some((name) => name.endsWith('.npy')) && !records.some((name) => /^([^/]+\/)?data\.pkl$/.test(name));
}

/** The arrays of a .npz file by range: their headers are read now, elements when they are asked for. */
export async function openNpz(zip: Zip): Promise<Contents> {
  for (const name of zip.records.keys()) checkMember(name);
  const arrays = new Map<string, NpyArray & { readonly record: string }>();
  for (const [record, { size }] of zip.records) {
    const source = { bytes: size, read: (begin: number, end: number) => zip.read(record, begin, end), close: async () => undefined };
    arrays.set(record.slice(0, -SUFFIX.length), { ...(await openArray(source, `'${record}'`)), record });
  }
  const arrayOf = (name: string) => {
    const array = arrays.get(name);
    if (array !== undefined) return array;
    throw fileError(`no array is called '${name}'`, { array: name });
  };
  return {
    entries: new Map([...arrays].map(([name, { entry }]) => [name, entry])),
    metadata: {},
    read: async (name) => {
      const { record, decode } = arrayOf(name);
      // The whole record, of which the sum is checked.
      return decode(await zip.read(record));
    },
    readRange: (name, begin, end) => arrayOf(name).readRange(begin, end),
  };
}

/**
 * The record of an array.
 *
 * @throws KeelError [name] for a name that readers of archives refuse.
 */
export function memberOf(name: string): string {
  const record = `${name}${SUFFIX}`;
  const trick = name === '' ? 'is empty' : pathTrick(record);
  if (trick === null) return record;
  throw new KeelError('name', `'${name}' ${trick}, which readers of .npz files refuse: rename that array`, { name });
}

const SUFFIX = '.npy';

function checkMember(record: string): void {
  const trick = pathTrick(record);
  const facts = { record: record.slice(0, 200) };
  if (trick !== null) throw fileError(`the name of record '${facts.record}' ${trick}: names lie within the archive`, facts);
  if (record.endsWith(SUFFIX)) return;
  throw unsupported(`record '${facts.record}' is no .npy file: a .npz archive holds nothing else`, facts);
}
