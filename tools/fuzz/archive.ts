// Zip archives and pickles made by hand, right and wrong. May import node:.

import { crc32, deflateRawSync } from 'node:zlib';

/** A record of an archive, and what of it lies: sizes and places that differ from the truth. */
export interface RecordOf {
  readonly name: string;
  readonly content: Uint8Array;
  readonly method?: number;
  readonly flags?: number;
  readonly size?: number;
  readonly packed?: number;
  readonly offset?: number;
  readonly crc?: number;
  readonly localName?: string;
  readonly zip64?: boolean;
}

const encode = (text: string) => new TextEncoder().encode(text);

/** Little-endian numbers, each with its width in bytes. */
export function numbers(...pairs: readonly (readonly [value: number, width: number])[]): number[] {
  return pairs.flatMap(([value, width]) =>
    Array.from({ length: width }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 255n)),
  );
}

/** An archive of these records, and an end that may lie about the directory. */
export function zip(records: readonly RecordOf[], end: { count?: number; size?: number; begin?: number; disk?: number } = {}): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: number[] = [];
  let length = 0;
  const write = (...bytes: readonly Uint8Array[]) => {
    parts.push(...bytes);
    length += bytes.reduce((sum, part) => sum + part.length, 0);
  };
  for (const each of records) {
    const { name, content, method = 0, flags = 0, localName = name, zip64 = false } = each;
    const stored = method === 8 ? deflateRawSync(content) : content;
    const { size = content.length, packed = stored.length, offset = length, crc = crc32(content) } = each;
    const short = (long: number): number => (zip64 ? 2 ** 32 - 1 : long);
    const fields = numbers([flags, 2], [method, 2], [0, 4], [crc, 4], [short(packed), 4], [short(size), 4]);
    const extra = zip64 ? numbers([1, 2], [24, 2], [size, 8], [packed, 8], [offset, 8]) : [];
    const local = [...numbers([0x04034b50, 4], [20, 2]), ...fields, ...numbers([encode(localName).length, 2], [0, 2])];
    write(Uint8Array.from(local), encode(localName), stored);
    directory.push(
      ...numbers([0x02014b50, 4], [20, 2], [20, 2]),
      ...fields,
      ...numbers([encode(name).length, 2], [extra.length, 2], [0, 2], [0, 2], [0, 2], [0, 4], [short(offset), 4]),
      ...encode(name),
      ...extra,
    );
  }
  const { count = records.length, size = directory.length, begin = length, disk = 0 } = end;
  const last = numbers([0x06054b50, 4], [disk, 2], [0, 2], [count, 2], [count, 2], [size, 4], [begin, 4], [0, 2]);
  return new Uint8Array(Buffer.concat([...parts, Uint8Array.from(directory), Uint8Array.from(last)]));
}

/** A .pth file of a pickle and storages by their keys. */
export function pth(pickle: Uint8Array | string, storages: Readonly<Record<string, Uint8Array>> = {}, extra: readonly RecordOf[] = []): Uint8Array {
  const content = typeof pickle === 'string' ? Buffer.from(pickle, 'latin1') : pickle;
  return zip([
    { name: 'x/data.pkl', content },
    ...Object.entries(storages).map(([key, data]) => ({ name: `x/data/${key}`, content: data })),
    { name: 'x/version', content: encode('3\n') },
    ...extra,
  ]);
}

/** Opcodes that push a whole number. */
export function int(value: number | bigint): string {
  const digits = numbers([Number(BigInt.asUintN(64, BigInt(value)) & 0xffffffffn), 4], [Number(BigInt.asUintN(64, BigInt(value)) >> 32n), 4]);
  return String.fromCharCode(0x8a, 8, ...digits);
}

/** Opcodes that push a string. */
export function text(value: string): string {
  return `X${String.fromCharCode(...numbers([value.length, 4]))}${value}`;
}

export function tuple(...items: readonly string[]): string {
  return `(${items.join('')}t`;
}

/** Opcodes of a tensor as torch.save writes it. */
export function tensorOps({
  key = '0', type = 'torch FloatStorage', offset = int(0), size = tuple(int(2)), stride = tuple(int(1)), numel = int(2),
}: Partial<Record<'key' | 'type' | 'offset' | 'size' | 'stride' | 'numel', string>> = {}): string {
  const storage = `${tuple(text('storage'), `c${type.replace(' ', '\n')}\n`, text(key), text('cpu'), numel)}Q`;
  return `ctorch._utils\n_rebuild_tensor_v2\n${tuple(storage, offset, size, stride, '\x89', 'ccollections\nOrderedDict\n)R')}R`;
}

/** A dict of one item. */
export function dict(key: string, value: string): string {
  return `\x80\x02}${text(key)}${value}s.`;
}
