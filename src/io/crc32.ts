// The checksum of zip archives: Node's own, which is several times as fast, or by tables. May import errors.

import { builtins } from './source.js';

/**
 * CRC-32 of ISO 3309, whose polynomial is 0xedb88320 with its bits reversed. `before` is that of the bytes before these.
 *
 * @see https://www.w3.org/TR/png/#D-CRCAppendix
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  return builtins()?.('node:zlib')?.crc32?.(bytes, before) ?? byTables(bytes, before);
}

/** Four bytes a step. */
function byTables(bytes: Uint8Array, before: number): number {
  tables ??= makeTables();
  const [t0, t1, t2, t3] = tables;
  const whole = bytes.length & ~3;
  let crc = ~before;
  let i = 0;
  for (; i < whole; i += 4) {
    crc ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    crc = t3[crc & 255]! ^ t2[(crc >>> 8) & 255]! ^ t1[(crc >>> 16) & 255]! ^ t0[crc >>> 24]!;
  }
  for (; i < bytes.length; i++) crc = t0[(crc ^ bytes[i]!) & 255]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

type Tables = readonly [Int32Array, Int32Array, Int32Array, Int32Array];

let tables: Tables | undefined;

/** Table n: what a byte does to the checksum with n bytes after it. */
function makeTables(): Tables {
  const t0 = Int32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    return crc;
  });
  const after = (table: Int32Array) => table.map((crc) => t0[crc & 255]! ^ (crc >>> 8));
  const t1 = after(t0);
  const t2 = after(t1);
  return [t0, t1, t2, after(t2)];
}
