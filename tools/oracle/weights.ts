// Ops of the layers whose weight is reparametrized: weight_norm and spectral_norm. May import 'evenkeel'.

import { Conv1d, Conv2d, Conv3d, Linear, ones, spectralNorm, weightNorm, type Tensor } from 'evenkeel';
import type { Op, Outputs, Run } from './case.js';
import { stateAfter } from './passes.js';

export const weights: Readonly<Record<string, Op>> = {
  weight_norm(run) {
    const dim = run.args.numberOrNull('dim', 0);
    const layer = weightNorm(layerOf(run, run.shapeOf('weight_v')), { name: 'weight', dim, keys: 'old' });
    layer.loadStateDict(run.stateDict());
    const y = layer.forward(run.tensor('x'));
    return { y, ...weightOf(run, layer), ...(run.wants('direction') ? { direction: direction(run, dim) } : {}) };
  },

  spectral_norm(run) {
    const shape = run.shapeOf('weight_orig');
    const layer = spectralNorm(layerOf(run, shape), {
      name: 'weight',
      nPowerIterations: run.args.number('n_power_iterations', 1),
      eps: run.args.number('eps', 1e-12),
      dim: run.args.numberOrNull('dim', null),
      keys: 'old',
    });
    layer.loadStateDict(run.stateDict());
    layer.train(run.args.text('mode', 'train') === 'train');
    // The weight is made anew by a forward pass; which input it sees does not matter.
    const x = run.has('x') ? run.tensor('x') : ones([1, ...shape.slice(1)]);
    const y = layer.forward(x);
    return { y, ...weightOf(run, layer), ...stateAfter(layer) };
  },
};

type Layer = Linear | Conv1d | Conv2d | Conv3d;

/** The plain layer with a weight of this shape: stride 1, no padding. */
function layerOf(run: Run, [out = 0, into = 0, ...kernel]: readonly number[]): Layer {
  const options = { bias: run.has('bias') };
  const kind = run.args.text('layer');
  switch (kind) {
    case 'linear':
      return new Linear(into, out, options);
    case 'conv1d':
      return new Conv1d(into, out, kernel, options);
    case 'conv2d':
      return new Conv2d(into, out, kernel, options);
    case 'conv3d':
      return new Conv3d(into, out, kernel, options);
    default:
      throw new Error(`unknown layer '${kind}': choose from linear, conv1d, conv2d, conv3d`);
  }
}

/** The weight that the last forward pass used, and the gradients of Σ weight·dweight. */
function weightOf(run: Run, layer: Layer): Outputs {
  const { weight } = layer;
  return { weight, ...run.gradients({ dweight: weight }, Object.fromEntries(layer.namedParameters())) };
}

/** v/‖v‖, the norm being over all dims but `dim`, or over all of them. */
function direction(run: Run, dim: number | null): Tensor {
  const v = run.tensor('weight_v');
  const kept = dim === null || dim === -1 ? -1 : (dim + v.shape.length) % v.shape.length;
  const dims = v.shape.map((_, axis) => axis).filter((axis) => axis !== kept);
  return v.div(v.vectorNorm(2, dims, { keepdim: true }));
}
