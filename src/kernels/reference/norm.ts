// The definition of every normalization: one loop over a plan, forward and backward, in float64.
// May import plan and kernels.

import type { Plan } from '../../plan.js';
import type { NormBackwardCall, NormCall, Reals, Statistics } from '../kernels.js';

/**
 * y = (x − mean) / scale · weight + bias. Saves three planes of one value for each set: mean, scale, and 1 where the
 * statistics follow x, 0 where they are constants (given ones, and an l2 norm below eps).
 */
export function norm(call: NormCall<Reals>): void {
  const { plan, statistics, eps, y, weight, bias, given } = call;
  const sets = plan.k0 * plan.k1;
  const x = added(call);
  for (let set = 0; set < sets; set++) {
    const { mean, variance, scale, follows } =
      given === null ? measure(x, plan, set, statistics, eps) : constants(given.mean[set]!, given.variance[set]!, eps);
    if (call.saved !== null) {
      call.saved[set] = mean;
      call.saved[sets + set] = scale;
      call.saved[2 * sets + set] = follows ? 1 : 0;
    }
    if (call.mean !== null) call.mean[set] = mean;
    if (call.variance !== null) call.variance[set] = variance;
    if (call.rstd !== null) call.rstd[set] = 1 / scale;
    forEach(plan, set, (e, parameter) => {
      const normalized = (x[e]! - mean) / scale;
      y[e] = (weight === null ? normalized : normalized * weight[parameter]!) + (bias === null ? 0 : bias[parameter]!);
    });
  }
}

/** What is normalized: x, or its sum with the residual as the storage of that sum holds it. */
function added({ x, residual, sum }: NormCall<Reals>): Reals {
  if (residual === null || sum === null) return x;
  for (let e = 0; e < sum.length; e++) sum[e] = x[e]! + residual[e]!;
  return sum;
}

/** float64, so that the backward pass knows the mean as well as the forward did. */
export function normSaved(plan: Plan): { dtype: 'float64'; length: number } {
  return { dtype: 'float64', length: 3 * plan.k0 * plan.k1 };
}

/**
 * With h = dy · weight, x̂ the normalized value and ⟨·⟩ the mean over the set:
 * moments dx = (h − ⟨h⟩ − x̂⟨h·x̂⟩) / scale + dsum, rms without ⟨h⟩, l2 with the sum in place of ⟨h·x̂⟩, constants dx = h / scale.
 * dweight = Σ dy·x̂, dbias = Σ dy.
 */
export function normBackward(call: NormBackwardCall<Reals>): void {
  const { plan, statistics, x, dy, dsum, weight, saved, dx } = call;
  const sets = plan.k0 * plan.k1;
  const n = statistics === 'l2' ? 1 : plan.r0 * plan.r1;
  const dweight = new Float64Array(plan.affine);
  const dbias = new Float64Array(plan.affine);
  for (let set = 0; set < sets; set++) {
    const mean = saved[set]!;
    const scale = saved[sets + set]!;
    const follows = saved[2 * sets + set] === 1;
    let sumH = 0;
    let sumHX = 0;
    forEach(plan, set, (e, parameter) => {
      const normalized = (x[e]! - mean) / scale;
      const h = weight === null ? dy[e]! : dy[e]! * weight[parameter]!;
      sumH += h;
      sumHX += h * normalized;
      if (plan.affine > 0) {
        dweight[parameter]! += dy[e]! * normalized;
        dbias[parameter]! += dy[e]!;
      }
    });
    if (dx === null) continue;
    const shift = follows && statistics === 'moments' ? sumH / n : 0;
    const slope = follows ? sumHX / n : 0;
    forEach(plan, set, (e, parameter) => {
      const h = weight === null ? dy[e]! : dy[e]! * weight[parameter]!;
      const through = follows ? (h - shift - ((x[e]! - mean) / scale) * slope) / scale : h / scale;
      dx[e] = through + (dsum === null ? 0 : dsum[e]!);
    });
  }
  call.dweight?.set(dweight);
  call.dbias?.set(dbias);
}

/** Visits the elements of a set in memory order with the index of each one's parameter. */
function forEach(plan: Plan, set: number, visit: (e: number, parameter: number) => void): void {
  const { r0, k1, r1, affine, inner } = plan;
  const i0 = Math.floor(set / k1);
  const i1 = set % k1;
  for (let j0 = 0; j0 < r0; j0++) {
    const start = ((i0 * r0 + j0) * k1 + i1) * r1;
    for (let e = start; e < start + r1; e++) visit(e, affine === 0 ? 0 : Math.floor(e / inner) % affine);
  }
}

interface Measured {
  readonly mean: number;
  /** Biased variance; the mean square for rms; the sum of squares for l2. */
  readonly variance: number;
  /** What deviations are divided by: √(variance + eps), or max(√Σx², eps) for l2. */
  readonly scale: number;
  readonly follows: boolean;
}

function constants(mean: number, variance: number, eps: number): Measured {
  return { mean, variance, scale: Math.sqrt(variance + eps), follows: false };
}

function measure(x: Reals, plan: Plan, set: number, statistics: Statistics, eps: number): Measured {
  const plain = moments(x, plan, set, statistics, 1);
  if (plain.squares > 1e-290 && plain.squares < Infinity) return finish(plain, plan, statistics, eps, 1);
  // Squares of float64 elements may overflow or vanish: measure once more with the largest element brought to about 1.
  let largest = 0;
  forEach(plan, set, (e) => {
    largest = Math.max(largest, Math.abs(x[e]!));
  });
  if (!(largest > 0 && largest < Infinity)) return finish(plain, plan, statistics, eps, 1);
  const unit = 2 ** -Math.max(-1022, Math.min(1022, Math.floor(Math.log2(largest))));
  return finish(moments(x, plan, set, statistics, unit), plan, statistics, eps, unit);
}

/** Mean, and the sum of squared deviations from it, of unit · x; rms and l2 take deviations from 0. */
function moments(x: Reals, plan: Plan, set: number, statistics: Statistics, unit: number) {
  const n = plan.r0 * plan.r1;
  let mean = 0;
  if (statistics === 'moments') {
    forEach(plan, set, (e) => {
      mean += x[e]! * unit;
    });
    mean /= n;
    if (!Number.isFinite(mean)) return { mean, squares: NaN };
  }
  let squares = 0;
  let rest = 0;
  forEach(plan, set, (e) => {
    const deviation = x[e]! * unit - mean;
    rest += deviation;
    squares += deviation * deviation;
  });
  if (statistics !== 'moments') return { mean, squares };
  // The rounding error of the mean is the mean of the deviations.
  return { mean: mean + rest / n, squares: Math.max(0, squares - (rest * rest) / n) };
}

function finish(
  { mean, squares }: { mean: number; squares: number },
  plan: Plan,
  statistics: Statistics,
  eps: number,
  unit: number,
): Measured {
  if (statistics === 'l2') {
    const length = Math.sqrt(squares) / unit;
    // A length of NaN is not below eps: it stays, as torch.clamp_min leaves it.
    const clamped = length < eps;
    return { mean: 0, variance: length * length, scale: clamped ? eps : length, follows: !clamped };
  }
  const deviation = Math.sqrt(squares / (plan.r0 * plan.r1)) / unit;
  const variance = unit === 1 ? squares / (plan.r0 * plan.r1) : deviation * deviation;
  const rescaled = unit !== 1 && eps >= 0;
  const scale = rescaled ? Math.hypot(deviation, Math.sqrt(eps)) : Math.sqrt(variance + eps);
  return { mean: mean / unit, variance, scale, follows: true };
}
