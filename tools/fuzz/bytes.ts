// Bytes and texts with a few changes that know nothing of what they change. Imports nothing.

import { type Dice, edges } from './dice.js';

/** One to four changes: bits, bytes, numbers, stretches dropped, put in, copied, moved, cut off, or taken from another file. */
export function mutateBytes(bytes: Uint8Array, dice: Dice, others: readonly Uint8Array[] = []): Uint8Array {
  let result = new Uint8Array(bytes);
  for (let changes = 1 + dice.small(3); changes > 0; changes--) result = changed(result, dice, others);
  return result;
}

/** The text with one to three changes: tokens dropped, repeated, swapped, replaced by one of `words` or by a number at an edge. */
export function mutateText(text: string, dice: Dice, words: readonly string[] = []): string {
  const tokens = text.match(/\d+|[A-Za-z_]+|\s+|[^]/g) ?? [];
  for (let changes = 1 + dice.small(2); changes > 0; changes--) {
    const at = dice.below(tokens.length);
    const token = tokens[at] ?? '';
    const number = String(dice.pick(edges));
    switch (dice.below(9)) {
      case 0:
        tokens.splice(at, 1 + dice.small(8));
        break;
      case 1:
        tokens.splice(at, 0, token);
        break;
      case 2:
        tokens.splice(at, 0, ...Array.from({ length: dice.small(2000) }, () => token));
        break;
      case 3:
        tokens.splice(dice.below(tokens.length), 0, ...tokens.splice(at, 1 + dice.small(8)));
        break;
      case 4:
        tokens.splice(at, 0, String.fromCharCode(dice.pick([0, 9, 10, 13, 27, 34, 39, 92, 0xa0, 0x2028, 0xd800, 0xfeff, dice.below(65536)])));
        break;
      case 5:
        tokens.splice(at, dice.below(2), words.length > 0 ? dice.pick(words) : number);
        break;
      case 6:
        tokens.length = at;
        break;
      default: {
        // A number where there is one.
        const places = tokens.flatMap((each, i) => (/^\d/.test(each) ? [i] : []));
        if (places.length > 0) tokens[dice.pick(places)] = number;
      }
    }
  }
  return tokens.join('');
}

function changed(bytes: Uint8Array<ArrayBuffer>, dice: Dice, others: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const at = dice.below(bytes.length);
  const length = 1 + dice.small(64);
  switch (dice.below(12)) {
    case 0:
    case 1:
    case 2:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << dice.below(8));
      return bytes;
    case 3:
      bytes[at] = dice.pick([0, 1, 0x7f, 0x80, 0xff, dice.below(256)]);
      return bytes;
    case 4:
    case 5:
      return withNumber(bytes, dice);
    case 6:
      return joined(bytes.subarray(0, at), bytes.subarray(at + length));
    case 7:
      return joined(bytes.subarray(0, at), new Uint8Array(length).fill(dice.below(256)), bytes.subarray(at));
    case 8:
      return joined(bytes.subarray(0, at + length), bytes.subarray(at));
    case 9:
      return bytes.slice(0, at);
    case 10: {
      const to = dice.below(bytes.length);
      bytes.copyWithin(to, at, at + length);
      return bytes;
    }
    default: {
      const other = others.length > 0 ? dice.pick(others) : bytes;
      return joined(bytes.subarray(0, at), other.subarray(dice.below(other.length)));
    }
  }
}

/** A number at an edge, of 1 to 8 bytes and either order, at a place that is a multiple of its width or not. */
function withNumber(bytes: Uint8Array<ArrayBuffer>, dice: Dice): Uint8Array<ArrayBuffer> {
  const width = dice.pick([1, 2, 4, 8]);
  const places = bytes.length - width + 1;
  if (places < 1) return bytes;
  const at = dice.chance(0.5) ? dice.below(places) : width * dice.below(Math.floor(places / width));
  const isLittle = dice.chance(0.8);
  let value = BigInt.asUintN(8 * width, dice.pick(edges));
  for (let i = 0; i < width; i++) {
    bytes[at + (isLittle ? i : width - 1 - i)] = Number(value & 255n);
    value >>= 8n;
  }
  return bytes;
}

/** These bytes one after another. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
