// Steps of SGD and Adam in float64, each result rounded once where it is stored: src/kernels/reference/update.ts, to the bit.

@unmanaged
class SGDArgs {
  x: f64;
  dx: f64;
  /** 0 where there is none. */
  buffer: f64;
  /** Flags: 0 or 1. */
  isFirst: f64;
  nesterov: f64;
  sign: f64;
  weightDecay: f64;
  momentum: f64;
  added: f64;
  lr: f64;
}

/** Items: elements. */
export function sgd(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<SGDArgs>(args);
  const start = <usize>from << 2, end = <usize>to << 2;
  // Read once: a store might have changed them, for all that the compiler knows.
  const x = <usize>a.x, dx = <usize>a.dx, buffer = <usize>a.buffer;
  const sign = f64x2.splat(a.sign), decay = f64x2.splat(a.weightDecay), lr = f64x2.splat(a.lr);
  const momentum = f64x2.splat(a.momentum), added = f64x2.splat(a.added);
  const isFirst = a.isFirst != 0, nesterov = a.nesterov != 0;
  for (let at = start; at < end; at += 8) {
    const isPair = at + 8 <= end;
    const value = elements(x + at, isPair);
    const d = f64x2.add(f64x2.mul(sign, elements(dx + at, isPair)), f64x2.mul(decay, value));
    let step = d;
    if (buffer != 0) {
      if (!isFirst) step = f64x2.add(f64x2.mul(momentum, elements(buffer + at, isPair)), f64x2.mul(added, d));
      round(buffer + at, step, isPair);
      if (nesterov) step = f64x2.add(d, f64x2.mul(momentum, step));
    }
    round(x + at, f64x2.sub(value, f64x2.mul(lr, step)), isPair);
  }
}

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
