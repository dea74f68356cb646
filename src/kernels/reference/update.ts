// One step of an optimizer on one parameter, computed in float64 and rounded once where it is stored. May import kernels.

import type { AdamUpdate, Reals, SGDUpdate, UpdateCall } from '../kernels.js';

/** Writes x and its state in place. */
export function update(call: UpdateCall<Reals>): void {
  switch (call.rule) {
    case 'sgd':
      return call.momentum === 0 || call.buffer === null ? descend(call) : descendWithMomentum(call, call.buffer);
    case 'adam':
      return adam(call);
  }
}

/** x ← x − lr·(g + λx) */
function descend({ x, dx, lr, weightDecay, maximize }: SGDUpdate<Reals>): void {
  const sign = maximize ? -1 : 1;
  for (let i = 0; i < x.length; i++) {
    const value = x[i]!;
    x[i] = value - lr * (sign * dx[i]! + weightDecay * value);
  }
}

/** d = g + λx; b ← μ·b + (1 − τ)·d, at first d; x ← x − lr·b, or x − lr·(d + μ·b) by Nesterov. */
function descendWithMomentum(call: SGDUpdate<Reals>, buffer: Reals): void {
  const { x, dx, lr, weightDecay, momentum, dampening, nesterov, maximize, isFirst } = call;
  const sign = maximize ? -1 : 1;
  const added = 1 - dampening;
  for (let i = 0; i < x.length; i++) {
    const value = x[i]!;
    const d = sign * dx[i]! + weightDecay * value;
    // What a fresh buffer holds may be NaN.
    const b = isFirst ? d : momentum * buffer[i]! + added * d;
    buffer[i] = b;
    x[i] = value - lr * (nesterov ? d + momentum * b : b);
  }
}

/**
 * m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g²; x ← x − lr·(m/(1 − β₁ᵗ)) / (√(v/(1 − β₂ᵗ)) + eps). The decay λ goes into g,
 * or apart as x ← (1 − lr·λ)x first; with `peak` the largest v so far stands for v.
 */
function adam(call: AdamUpdate<Reals>): void {
  const { x, dx, m, v, peak } = call;
  const { sign, coupled, kept, new1, beta2, new2, stepSize, unbias, eps } = adamFactors(call);
  for (let i = 0; i < x.length; i++) {
    const value = x[i]!;
    const before = m[i]!;
    const g = sign * dx[i]! + coupled * value;
    const first = before + new1 * (g - before);
    const second = beta2 * v[i]! + new2 * g * g;
    m[i] = first;
    v[i] = second;
    x[i] = kept * value - (stepSize * first) / (Math.sqrt(peak === null ? second : raised(peak, i, second)) * unbias + eps);
  }
}

/** What a step of Adam multiplies with: g = sign·dx + coupled·x, x ← kept·x − stepSize·m / (√v·unbias + eps). */
export function adamFactors({ betas, step, lr, eps, weightDecay, decoupled, maximize }: AdamUpdate<unknown>) {
  const [beta1, beta2] = betas;
  return {
    sign: maximize ? -1 : 1,
    coupled: decoupled ? 0 : weightDecay,
    kept: decoupled ? 1 - lr * weightDecay : 1,
    new1: 1 - beta1,
    beta2,
    new2: 1 - beta2,
    stepSize: lr / (1 - beta1 ** step),
    unbias: 1 / Math.sqrt(1 - beta2 ** step),
    eps,
  };
}

/** The larger of what stands in the peak and what comes; a NaN stays, as in PyTorch. */
function raised(peak: Reals, i: number, second: number): number {
  peak[i] = Math.max(peak[i]!, second);
  return peak[i]!;
}
