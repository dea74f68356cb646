// How many numbers of a format lie between two. Imports types of evenkeel/io only.

import type { Format } from 'evenkeel/io';

/** Formats of floating-point numbers. */
export type FloatFormat = Extract<Format, 'F64' | 'F32' | 'F16' | 'BF16'>;

/** Whether numbers of this format have neighbours that are not 1 apart. */
export function isFloat(format: Format): format is FloatFormat {
  return format === 'F64' || format === 'F32' || format === 'F16' || format === 'BF16';
}

/** The format of the two that has fewer digits. */
export function coarser(a: FloatFormat, b: FloatFormat): FloatFormat {
  return digits[a] <= digits[b] ? a : b;
}

/** Bits of the fraction. */
const digits: Readonly<Record<FloatFormat, number>> = { F64: 52, F32: 23, F16: 10, BF16: 7 };

/**
 * Units in the last place: by how many steps from number to next number of the format one comes from a to b; 0 between
 * −0 and 0. What the format does not hold is rounded towards 0 to what it does. a and b are finite.
 */
export function ulpsBetween(a: number, b: number, format: FloatFormat): number {
  switch (format) {
    case 'F64': {
      const [x, y] = [place64(a), place64(b)];
      return Number(x > y ? x - y : y - x);
    }
    case 'F32':
      return Math.abs(place32(a) - place32(b));
    case 'BF16':
      return Math.abs(Math.trunc(place32(a) / 2 ** 16) - Math.trunc(place32(b) / 2 ** 16));
    case 'F16':
      return Math.abs(place16(a) - place16(b));
    default:
      return format satisfies never;
  }
}

const float64 = new Float64Array(1);
const bits64 = new BigInt64Array(float64.buffer);
const float32 = new Float32Array(1);
const bits32 = new Int32Array(float32.buffer);

/** Which number after 0 it is, negative before. */
function place64(value: number): bigint {
  float64[0] = Math.abs(value);
  const place = bits64[0] ?? 0n;
  return value < 0 ? -place : place;
}

function place32(value: number): number {
  float32[0] = Math.abs(value);
  const place = bits32[0] ?? 0;
  return value < 0 ? -place : place;
}

/** float16 has the exponents from −14, 1024 numbers each, and as many below. */
function place16(value: number): number {
  const size = Math.abs(value);
  const exponent = Math.max(-14, (place32(size) >> 23) - 127);
  const place = (exponent + 14) * 1024 + Math.trunc((size / 2 ** exponent) * 1024);
  return value < 0 ? -place : place;
}
