// A step of Adam in float64, each result rounded once where it is stored: src/kernels/reference/update.ts, to the bit.

@unmanaged
class AdamArgs {
  x: f64;
  dx: f64;
  m: f64;
  v: f64;
  /** 0 where there is none. */
  peak: f64;
  sign: f64;
  coupled: f64;
  kept: f64;
  new1: f64;
  beta2: f64;
  new2: f64;
  stepSize: f64;
  unbias: f64;
  eps: f64;
}

/** Items: elements. */
export function adam(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<AdamArgs>(args);
  const start = <usize>from << 2, end = <usize>to << 2;
  let at = start;
  for (; at + 8 <= end; at += 8) move(a, at, true);
  if (at < end) move(a, at, false);
}

/** Two elements, or one. */
// @ts-ignore: decorator
@inline
function move(a: AdamArgs, at: usize, isPair: bool): void {
  const x = <usize>a.x + at, m = <usize>a.m + at, v = <usize>a.v + at;
  const value = elements(x, isPair), before = elements(m, isPair);
  const g = f64x2.add(
    f64x2.mul(f64x2.splat(a.sign), elements(<usize>a.dx + at, isPair)), f64x2.mul(f64x2.splat(a.coupled), value),
  );
  const first = f64x2.add(before, f64x2.mul(f64x2.splat(a.new1), f64x2.sub(g, before)));
  const second = f64x2.add(
    f64x2.mul(f64x2.splat(a.beta2), elements(v, isPair)), f64x2.mul(f64x2.mul(f64x2.splat(a.new2), g), g),
  );
  round(m, first, isPair);
  round(v, second, isPair);
  let largest = second;
  if (a.peak != 0) {
    const peak = <usize>a.peak + at;
    round(peak, f64x2.max(elements(peak, isPair), second), isPair);
    largest = elements(peak, isPair);
  }
  const divisor = f64x2.add(f64x2.mul(f64x2.sqrt(largest), f64x2.splat(a.unbias)), f64x2.splat(a.eps));
  const step = f64x2.div(f64x2.mul(f64x2.splat(a.stepSize), first), divisor);
  round(x, f64x2.sub(f64x2.mul(f64x2.splat(a.kept), value), step), isPair);
}

// @ts-ignore: decorator
@inline
function elements(at: usize, isPair: bool): v128 {
  return f64x2.promote_low_f32x4(isPair ? v128.load64_zero(at) : v128.load32_zero(at));
}

// @ts-ignore: decorator
@inline
function round(at: usize, values: v128, isPair: bool): void {
  const rounded = f32x4.demote_f64x2_zero(values);
  if (isPair) v128.store64_lane(at, rounded, 0);
  else v128.store32_lane(at, rounded, 0);
}
