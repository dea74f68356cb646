// The 16-bit floats and float32, by their bits: NaNs keep sign and payload. Imports nothing.

/** float16 codes as the bits of the float32s they are equal to: 1 sign, 5 exponent and 10 fraction bits. */
export function widenFloat16(codes: Uint16Array, out: Uint32Array): void {
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i]!;
    const sign = (code & 0x8000) << 16;
    const exponent = (code >> 10) & 31;
    const fraction = code & 0x3ff;
    if (exponent === 31) out[i] = sign | 0x7f800000 | (fraction << 13);
    else if (exponent > 0) out[i] = sign | ((exponent + 112) << 23) | (fraction << 13);
    else if (fraction === 0) out[i] = sign;
    else {
      // A subnormal of float16 is a normal float32: its leading bit becomes the implicit one.
      const shift = Math.clz32(fraction) - 21;
      out[i] = sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
    }
  }
}

/** bfloat16 codes as the bits of the float32s they are equal to: they are the upper halves. */
export function widenBfloat16(codes: Uint16Array, out: Uint32Array): void {
  for (let i = 0; i < codes.length; i++) out[i] = codes[i]! << 16;
}

/** float32 bits rounded to the nearest float16, ties to even; from 65520 on it is infinity. */
export function roundToFloat16(bits: Uint32Array): Uint16Array {
  return rounded(bits, (x) => {
    const sign = (x >>> 16) & 0x8000;
    const magnitude = x & 0x7fffffff;
    if (magnitude > 0x7f800000) return sign | 0x7c00 | ((magnitude >> 13) & 0x3ff || 0x200);
    if (magnitude >= 0x47800000) return sign | 0x7c00;
    // Rounding up may carry into the exponent, which is right: the next code is the next number, infinity after 65504.
    if (magnitude >= 0x38800000) return sign | shiftToEven(magnitude - (112 << 23), 13);
    // Below 2⁻¹⁴ float16 counts steps of 2⁻²⁴; half a step and less is zero.
    const exponent = magnitude >> 23;
    return exponent < 102 ? sign : sign | shiftToEven((magnitude & 0x7fffff) | 0x800000, 126 - exponent);
  });
}

/** float32 bits rounded to the nearest bfloat16, ties to even. */
export function roundToBfloat16(bits: Uint32Array): Uint16Array {
  return rounded(bits, (x) => {
    const isNaN = (x & 0x7fffffff) > 0x7f800000;
    if (!isNaN) return shiftToEven(x, 16);
    // A payload of lower bits alone would leave an infinity.
    const upper = x >>> 16;
    return upper & 0x7f ? upper : upper | 0x40;
  });
}

/** Not Uint16Array.from, which takes ten times as long. */
function rounded(bits: Uint32Array, round: (x: number) => number): Uint16Array {
  const codes = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) codes[i] = round(bits[i]!);
  return codes;
}

/** x · 2⁻ˢʰⁱᶠᵗ rounded to the nearest whole number, ties to even. */
function shiftToEven(x: number, shift: number): number {
  const whole = x >>> shift;
  const rest = x & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return whole + Number(rest > half || (rest === half && whole % 2 === 1));
}
