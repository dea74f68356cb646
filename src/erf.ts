// The error function, which the kernels and the random numbers share. Imports nothing.

/** 2/√π ∫₀ˣ exp(−t²) dt to float64 precision: the series of all positive terms, beyond 3 the continued fraction. */
export function erf(x: number): number {
  const z = Math.abs(x);
  if (Number.isNaN(z)) return NaN;
  if (z > 6) return Math.sign(x);
  if (z > 3) return Math.sign(x) * (1 - erfc(z));
  let term = z;
  let sum = z;
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= (2 * z * z) / (2 * n + 1);
    sum += term;
  }
  return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * Math.exp(-z * z) * sum;
}

/** 1 − erf(z) for z > 3: exp(−z²)/√π · 1/(z + ½/(z + 1/(z + 3⁄2/(z + ...)))). */
function erfc(z: number): number {
  let fraction = z;
  for (let n = 60; n > 0; n--) fraction = z + n / 2 / fraction;
  return Math.exp(-z * z) / (Math.sqrt(Math.PI) * fraction);
}
