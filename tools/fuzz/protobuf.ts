// Protocol buffers with a field changed, and the lengths around it right; or with lengths that lie. Imports nothing.

import { joined, mutateBytes } from './bytes.js';
import { type Dice, edges } from './dice.js';

interface Field {
  readonly number: number;
  /** 0: a varint; 1 and 5: 8 and 4 bytes; 2: bytes with their length. */
  readonly wire: number;
  readonly varint: bigint;
  readonly bytes: Uint8Array;
  /** The length that is written, where it is not that of the bytes. */
  readonly lie?: bigint;
}

/** A message like this one, with one field changed at any depth. */
export function mutateMessage(bytes: Uint8Array, dice: Dice, depth = 0): Uint8Array {
  const fields = fieldsOf(bytes);
  if (fields === null || fields.length === 0) return mutateBytes(bytes, dice);
  const at = dice.below(fields.length);
  const field = fields[at];
  if (field === undefined) return bytes;
  const nested = fields.flatMap(({ wire, bytes: { length } }, i) => (wire === 2 && length > 1 ? [i] : []));
  if (nested.length > 0 && depth < 6 && dice.chance(0.8)) {
    const place = dice.pick(nested);
    return encoded(fields.with(place, { ...(fields[place] ?? field), bytes: mutateMessage(fields[place]?.bytes ?? bytes, dice, depth + 1) }));
  }
  switch (dice.below(9)) {
    case 0:
      return encoded(fields.toSpliced(at, 1));
    case 1:
      return encoded(fields.toSpliced(at, 0, field));
    case 2:
      return encoded(fields.toSpliced(at, 0, ...Array.from({ length: dice.small(3000) }, () => field)));
    case 3:
      return encoded(fields.with(at, { ...field, number: dice.below(30) }));
    case 4:
      return encoded(fields.with(at, { ...field, wire: dice.below(8) }));
    case 5:
      return encoded(fields.with(at, { ...field, lie: BigInt.asUintN(64, dice.pick(edges)) }));
    case 6:
      return encoded(fields.toSpliced(dice.below(fields.length), 0, { ...field, number: 1 + dice.below(25), wire: 0, varint: dice.pick(edges) }));
    case 7:
      return joined(bytes, field.bytes);
    default:
      return encoded(fields.with(at, { ...field, varint: dice.pick(edges), bytes: mutateBytes(field.bytes, dice) }));
  }
}

/** The fields of a message in their order; null where the bytes are none. */
function fieldsOf(bytes: Uint8Array): Field[] | null {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) break;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
    at = Infinity;
    return 0n;
  };
  while (at < bytes.length) {
    const tag = varint();
    const [number, wire] = [Number(tag >> 3n), Number(tag & 7n)];
    const value = wire === 0 || wire === 2 ? varint() : 0n;
    const length = wire === 2 ? Number(value) : wire === 1 ? 8 : wire === 5 ? 4 : wire === 0 ? 0 : NaN;
    if (number === 0 || !(at + length <= bytes.length)) return null;
    fields.push({ number, wire, varint: value, bytes: bytes.subarray(at, at + length) });
    at += length;
  }
  return fields;
}

function encoded(fields: readonly Field[]): Uint8Array {
  return joined(
    ...fields.flatMap(({ number, wire, varint, bytes, lie }) => {
      const tag = written((BigInt(number) << 3n) | BigInt(wire));
      if (wire === 0) return [tag, written(BigInt.asUintN(64, varint))];
      return wire === 2 ? [tag, written(lie ?? BigInt(bytes.length)), bytes] : [tag, bytes];
    }),
  );
}

function written(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Uint8Array.from([...bytes, Number(rest)]);
}
