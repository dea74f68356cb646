// Gradients against central finite differences, in float64: of a function, and of its gradient.
import { grad, ones, tensor, type Tensor } from 'evenkeel';

/** A function of tensors; every input is float64 and requires a gradient. */
export type Differentiable = (...inputs: Tensor[]) => Tensor;

/** Fixed values of a shape that are spread over about ±1.5, no two alike. */
export function wave(shape: readonly number[], phase: number): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  const at = (i: number): number => Math.sin(2.3 * i + phase) + 0.5 * Math.cos(0.7 * i * i + 3 * phase);
  return tensor(Float64Array.from({ length: size }, (_, i) => at(i)), shape, { requiresGrad: true });
}

/**
 * The largest error of the gradient of Σ y·w over all elements of all inputs, in units of the largest gradient or 1.
 * Central differences of step h are off by about h²/6 of the third derivative, and 1e-16/h by rounding.
 */
export function gradientError(f: Differentiable, inputs: readonly Tensor[], h = 1e-5): number {
  const y = f(...inputs);
  const w = wave(y.shape, 0.4).detach();
  const analytic = grad(y, inputs, { gradOutputs: w });
  let worst = 0;
  let scale = 1;
  inputs.forEach((x, i) => {
    const dx = analytic[i]?.data;
    const values = x.data as Float64Array; // wave made it
    for (let e = 0; e < x.size; e++) {
      const at = values[e] ?? NaN;
      const [above, below] = [at + h, at - h].map((moved) => {
        values[e] = moved;
        return weighted(f(...inputs), w);
      });
      values[e] = at;
      const slope = ((above ?? NaN) - (below ?? NaN)) / (2 * h);
      const error = Math.abs(slope - Number(dx?.[e] ?? 0));
      worst = Number.isNaN(error) ? NaN : Math.max(worst, error);
      scale = Math.max(scale, Math.abs(slope));
    }
  });
  return worst / scale;
}

/** {@link gradientError} of the gradient itself, as a function of the inputs and of the upstream gradient. */
export function secondGradientError(f: Differentiable, inputs: readonly Tensor[], h?: number): number {
  const dy = wave(f(...inputs).shape, 1.9);
  return gradientError(gradientOf(f, inputs.length), [...inputs, dy], h);
}

/** The gradient of Σ f(inputs)·dy as one flat tensor, recorded. */
export function gradientOf(f: Differentiable, count: number): Differentiable {
  return (...all) => {
    const [inputs, gradOutputs] = [all.slice(0, count), all[count] ?? null];
    const found = grad(f(...inputs), inputs, { gradOutputs, createGraph: true });
    return found
      .map((dx, i) => dx ?? zeroLike(inputs[i]))
      .reduce((sum, dx, i) => sum.add(dx.mul(wave(dx.shape, i).detach()).sum()), zeroLike(undefined));
  };
}

function zeroLike(x: Tensor | undefined): Tensor {
  return ones(x?.shape ?? [], { dtype: 'float64' }).mul(0);
}

function weighted(y: Tensor, w: Tensor): number {
  const [values, weights] = [y.data, w.data];
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Number(values[i]) * Number(weights[i]);
  return sum;
}
