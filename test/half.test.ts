// The 16-bit floats: every code widened as NumPy and PyTorch do, and rounded to even half way between any two.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { tensor } from 'evenkeel';
import { readSafetensors, writeSafetensors } from 'evenkeel/io';
import { describe, expect, test } from 'vitest';

const { half } = JSON.parse(readFileSync(new URL('arrays/expected.json', import.meta.url), 'utf8'));
const codes = Uint16Array.from({ length: 65536 }, (_, code) => code);

const kinds = [
  // Where its numbers end, and half a step beyond the last.
  { floats: 'float16', format: 'F16', infinity: 0x7c00, beyond: 65520 },
  { floats: 'bfloat16', format: 'BF16', infinity: 0x7f80, beyond: 2 ** 128 - 2 ** 119 },
] as const;

describe.each(kinds)('$floats', ({ floats, format, infinity, beyond }) => {
  const wide = widened(format);

  test('every code is the float32 that NumPy or PyTorch has', () => {
    const bits = new Uint32Array(wide.buffer).map((each, code) => (Number.isNaN(wide[code]) ? 0x7fc00000 : each));
    expect(digest(bits)).toBe(half[floats].wide);
  });

  test('every code comes back from float32', () => {
    expect(rounded(wide, floats)).toEqual(codes);
  });

  test('half way between two codes, just below and just above, rounds as there', () => {
    const middles = Float32Array.from({ length: infinity }, (_, code) => (code === infinity - 1 ? beyond : (wide[code]! + wide[code + 1]!) / 2));
    const positive = [-1, 0, 1].flatMap((step) => Array.from(new Uint32Array(middles.buffer), (each) => each + step));
    const bits = Uint32Array.from([...positive, ...positive.map((each) => each + 2 ** 31)]);
    expect(digest(bits)).toBe(half[floats].bits);
    expect(digest(rounded(new Float32Array(bits.buffer), floats))).toBe(half[floats].rounded);
    // And so to even: of a hundred halves one is enough to see it.
    const halves = rounded(middles, floats);
    expect(halves.findIndex((code, below) => code !== below + (below % 2))).toBe(-1);
  });
});

/** Every code as float32. */
function widened(dtype: string): Float32Array {
  const header = new TextEncoder().encode(JSON.stringify({ x: { dtype, shape: [65536], data_offsets: [0, 131072] } }));
  const file = new Uint8Array(8 + header.length + 131072);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
  file.set(header, 8);
  file.set(new Uint8Array(codes.buffer), 8 + header.length);
  const data = readSafetensors(file).get('x')?.data;
  return Float32Array.from(data instanceof Float32Array ? data : []);
}

function rounded(values: Float32Array, floats: 'float16' | 'bfloat16'): Uint16Array {
  const file = writeSafetensors(new Map([['x', tensor(values, [values.length])]]), { floats });
  return new Uint16Array(Uint8Array.from(file.subarray(file.length - 2 * values.length)).buffer);
}

function digest({ buffer }: Uint16Array | Uint32Array): string {
  return createHash('sha256').update(new Uint8Array(buffer)).digest('hex');
}
