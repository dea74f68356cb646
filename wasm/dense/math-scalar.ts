// Functions of one float32 by float64 arithmetic, rounded once. Minimax coefficients as in math.ts.

/** The first 224 binary places of 2/π after 32 zeros. */
const twoOverPi = memory.data<u32>([0, 0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab]);

/** log2 of a positive number that is not subnormal in float64; NaN stays. */
export function log2(x: f64): f64 {
  if (!(x < Infinity)) return x;
  const bits = reinterpret<i64>(x) - 0x3fe6a09e667f3bcd;
  const m = reinterpret<f64>((bits & 0xfffffffffffff) + 0x3fe6a09e667f3bcd);
  const s = (m - 1) / (m + 1), t = s * s;
  let p = t * 0.28289810886791511 + 0.31990585878361033;
  p = t * p + 0.4122092477667646;
  p = t * p + 0.5770779424228526;
  p = t * p + 0.96179669411303714;
  return s * (t * p + 2.8853900817778504) + <f64>(bits >> 52);
}

function exp2(v: f64): f64 {
  const x = min(max(v, -1000), 1000), n = nearest(x), r = x - n;
  let p = r * 1.5201921698754483e-05 + 0.00015469291370519899;
  p = r * p + 0.0013333922565275638;
  p = r * p + 0.0096180272529553645;
  p = r * p + 0.055504103534430305;
  p = r * p + 0.24022651198162787;
  p = r * p + 0.6931471807284495;
  return (r * p + 1) * reinterpret<f64>((<i64>n + 1023) << 52);
}

/** C's pow. */
export function pow(base: f32, exponent: f32): f32 {
  const a = <f64>base, b = <f64>exponent;
  if (b == 2) return <f32>(a * a);
  if (b == 1) return base;
  if (b == -1) return <f32>(1 / a);
  if (b == 0 || a == 1) return 1;
  if (a != a || b != b) return f32.NaN;
  const size = abs(a);
  let y: f64;
  if (abs(b) == Infinity) y = size == 1 ? 1 : size > 1 == b > 0 ? Infinity : 0;
  else if (size == 0 || size == Infinity) y = (size == 0) == b > 0 ? 0 : Infinity;
  else if (a < 0 && b != nearest(b)) return f32.NaN;
  else y = exp2(b * log2(size));
  // The half of an odd number is not whole.
  const isOdd = abs(b) < 16777216 && b == nearest(b) && b * 0.5 != nearest(b * 0.5);
  return <f32>(isOdd && reinterpret<i32>(base) < 0 ? -y : y);
}

/** The sine of x, or with `turn` 1 its cosine. */
export function sine(x: f32, turn: i32): f32 {
  const a = abs(<f64>x);
  if (!(a < Infinity)) return f32.NaN;
  let quadrant: i32, r: f64;
  if (a < 1e6) {
    const n = nearest(a * 0.63661977236758134);
    quadrant = <i32>n;
    // π/2 in two parts: 33 binary places of the first, so that its product with n is exact.
    r = a - n * 1.5707963267341256 - n * 6.077100506506192e-11;
  } else {
    const bits = reinterpret<i32>(abs(x));
    const m = <u64>((bits & 0x7fffff) | 0x800000), first = (bits >> 23) - 150 + 30;
    const high = (<u64>places(first) << 32) | <u64>places(first + 32);
    // x·2/π in units of 2^-62, quadrants above 4 cut off.
    const product = m * high + ((m * <u64>places(first + 64)) >> 32);
    quadrant = <i32>((product + (1 << 61)) >> 62);
    r = <f64>(<i64>product - (<i64>quadrant << 62)) * (1.5707963267948966 / 4611686018427387904.0);
  }
  if (turn == 0 && quadrant == 0 && a < 1e-4) return <f32>(<f64>x * (1 - r * r / 6));
  const t = r * r;
  let y: f64;
  if ((quadrant + turn) & 1) {
    y = t * -2.7174789029982516e-07 + 2.4798960733251057e-05;
    y = t * y - 0.0013888880659488271;
    y = t * y + 0.041666666553429842;
    y = t * (t * y - 0.49999999999489397) + 1;
  } else {
    y = t * 2.7171530368155668e-06 - 0.00019839178390247886;
    y = t * y + 0.0083333286903257593;
    y = t * y - 0.1666666663044942;
    y = r * (t * y + 0.99999999999545197);
  }
  const isNegative = ((quadrant + turn) & 2) != 0;
  return <f32>(isNegative != (turn == 0 && reinterpret<i32>(x) < 0) ? -y : y);
}

/** 32 binary places of 2/π from the one at `first`, which counts the zeros in front. */
function places(first: i32): u32 {
  const at = twoOverPi + ((first >> 5) << 2), shift = first & 31;
  return <u32>((((<u64>load<u32>(at)) << 32) | <u64>load<u32>(at, 4)) >> (32 - shift));
}
