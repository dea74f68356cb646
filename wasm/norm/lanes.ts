// Small pieces of SIMD that the norm kernels share.

/** The four lanes' sum in float64. */
// @ts-ignore: decorator
@inline
export function hsum(v: v128): f64 {
  const pairs = f64x2.add(f64x2.promote_low_f32x4(v), f64x2.promote_low_f32x4(i64x2.shuffle(v, v, 1, 1)));
  return f64x2.extract_lane(pairs, 0) + f64x2.extract_lane(pairs, 1);
}

/** out = x + y; any of the three may be the same. */
export function add(x: usize, y: usize, out: usize, bytes: usize): void {
  let i: usize = 0;
  for (const whole = bytes & ~15; i < whole; i += 16) v128.store(out + i, f32x4.add(v128.load(x + i), v128.load(y + i)));
  for (; i < bytes; i += 4) store<f32>(out + i, load<f32>(x + i) + load<f32>(y + i));
}

/** out = x - k; out may be x. */
export function subtract(x: usize, k: f32, out: usize, bytes: usize): void {
  let i: usize = 0;
  for (const whole = bytes & ~15; i < whole; i += 16) v128.store(out + i, f32x4.sub(v128.load(x + i), f32x4.splat(k)));
  for (; i < bytes; i += 4) store<f32>(out + i, load<f32>(x + i) - k);
}
