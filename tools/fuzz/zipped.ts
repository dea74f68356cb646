// Archives with a record changed, and its sum and sizes right; or with fields that lie. May import node:.

import { inflateRawSync } from 'node:zlib';
import { type RecordOf, zip } from './archive.js';
import { mutateBytes, mutateText } from './bytes.js';
import { type Dice, edges } from './dice.js';

/** Changes what is in a record. */
export type ContentMutator = (content: Uint8Array, dice: Dice) => Uint8Array;

/** An archive like this one: some records changed by `mutate`, renamed, repeated or gone, seldom with fields that lie. */
export function mutateZip(bytes: Uint8Array, dice: Dice, mutate: ContentMutator = (content) => mutateBytes(content, dice)): Uint8Array {
  const records = recordsOf(bytes);
  if (records.length === 0) return mutateBytes(bytes, dice);
  const changed = new Map<number, RecordOf>();
  for (let changes = 1 + dice.small(2); changes > 0; changes--) {
    const at = dice.below(records.length);
    const record = changed.get(at) ?? records[at];
    if (record !== undefined) changed.set(at, { ...record, ...change(record, dice, mutate) });
  }
  const result = records.map((record, i) => changed.get(i) ?? record);
  if (dice.chance(0.1)) result.splice(dice.below(result.length), 1);
  if (dice.chance(0.1) && result.length > 0) result.push(dice.pick(result));
  return zip(result, dice.chance(0.1) ? { [dice.pick(['count', 'size', 'begin', 'disk'])]: Number(dice.pick(edges) & 0x7fffffffn) } : {});
}

function change({ name, content, method = 0 }: RecordOf, dice: Dice, mutate: ContentMutator): Partial<RecordOf> {
  const number = Number(BigInt.asUintN(53, dice.pick(edges)));
  switch (dice.below(10)) {
    case 0:
      return { name: mutateText(name, dice, ['../', '/', '\\', 'C:', '\0', '.npy', 'data.pkl', 'data/0', '__proto__']) };
    case 1:
      return { localName: `${name}x` };
    case 2:
      return { [dice.pick(['size', 'packed', 'offset', 'crc'])]: number % 2 ** 32, zip64: false };
    case 3:
      return { [dice.pick(['size', 'packed', 'offset'])]: number, zip64: true };
    case 4:
      return { method: dice.pick([0, 8, 8, 12, 14, 93]), flags: dice.pick([0, 1, 8, 2048]) };
    case 5:
      return { method: 8 - Math.min(8, method) };
    default:
      return { content: mutate(content, dice) };
  }
}

/** Records of a sound archive; none where it is no such thing. */
function recordsOf(bytes: Uint8Array): RecordOf[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: RecordOf[] = [];
  try {
    for (let at = view.getUint32(bytes.length - 6, true); view.getUint32(at, true) === 0x02014b50; ) {
      const method = view.getUint16(at + 10, true);
      const packed = view.getUint32(at + 20, true);
      const [names, extra, comment] = [28, 30, 32].map((field) => view.getUint16(at + field, true));
      const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + (names ?? 0)));
      const local = view.getUint32(at + 42, true);
      const begin = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
      const stored = bytes.subarray(begin, begin + packed);
      records.push({ name, method, content: method === 8 ? new Uint8Array(inflateRawSync(stored)) : stored });
      at += 46 + (names ?? 0) + (extra ?? 0) + (comment ?? 0);
    }
  } catch {
    return [];
  }
  return records;
}
