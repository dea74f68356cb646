// Ops of ONNX and WebNN, by their own names and attributes: most are patterns over axes given by number.
// May import 'evenkeel'.

import { batchNorm, cat, localResponseNorm, norm, normalize, normWithStatistics, type Tensor } from 'evenkeel';
import type { Op, Outputs, Run } from './case.js';
import { axesFrom, patternOf, range } from './patterns.js';

/** ONNX: the data input is called X or x. */
export const onnx: Readonly<Record<string, Op>> = {
  LayerNormalization(run) {
    const x = dataOf(run);
    const axes = axesFrom(x, run.args.number('axis'));
    const options = { ...run.affine('W', 'B'), eps: run.args.number('epsilon') };
    const { y, mean, rstd } = normWithStatistics(x, patternOf(x, axes, axes), options);
    return { Y: y, Mean: mean, InvStdDev: rstd };
  },

  RMSNormalization(run) {
    const x = dataOf(run);
    const axes = axesFrom(x, run.args.number('axis'));
    const options = { ...run.affine('W', 'B'), eps: run.args.number('epsilon') };
    return named(norm(x, patternOf(x, axes, axes), { statistics: 'rms', ...options }));
  },

  GroupNormalization(run) {
    const options = { g: run.args.number('num_groups'), ...run.affine('scale'), eps: run.args.number('epsilon') };
    return named(norm(dataOf(run), 'b (g [c]) [s...], (g c)', options));
  },

  InstanceNormalization(run) {
    const options = { ...run.affine('s'), eps: run.args.number('epsilon') };
    return named(norm(dataOf(run), 'b c [s...], c', options));
  },

  BatchNormalization(run) {
    const x = dataOf(run);
    const options = { ...run.affine('s'), eps: run.args.number('epsilon') };
    const [mean, variance] = [run.tensor('mean'), run.tensor('var')];
    if (run.args.number('training_mode', 0) === 0) return named(batchNorm(x, mean, variance, options));
    const dims = [0, ...range(2, x.shape.length)];
    // ONNX's momentum is the weight of the old value, and its batch variance is biased.
    const momentum = run.args.number('momentum');
    const moved = (old: Tensor, batch: Tensor) => old.mul(momentum).add(batch.mul(1 - momentum));
    return {
      ...named(norm(x, '[b] c [s...], c', options)),
      output_mean: moved(mean, x.mean(dims)),
      output_var: moved(variance, x.var(dims, { unbiased: false })),
    };
  },

  MeanVarianceNormalization(run) {
    const x = dataOf(run);
    const axes = run.args.numbers('axes', [0, 2, 3]);
    const deviation = x.var(axes, { unbiased: false, keepdim: true }).sqrt();
    return named(x.sub(x.mean(axes, { keepdim: true })).div(deviation.add(1e-9)));
  },

  LpNormalization(run) {
    // The smallest normal number as the floor of the norm: 0 where the norm is 0, and no other difference.
    return named(normalize(dataOf(run), { p: run.args.number('p'), dim: run.args.number('axis'), eps: 2 ** -126 }));
  },

  LRN(run) {
    const x = dataOf(run);
    const size = run.args.number('size');
    const options = { alpha: run.args.number('alpha'), beta: run.args.number('beta'), k: run.args.number('bias') };
    if (size % 2 === 1) return named(localResponseNorm(x, size, options));
    // An even window has its longer arm on the other side than PyTorch's.
    return named(reversed(localResponseNorm(reversed(x), size, options)));
  },
};

/** WebNN: from `input` to `output`. */
export const webnn: Readonly<Record<string, Op>> = {
  batchNormalization(run) {
    const x = run.tensor('input');
    const axis = run.args.number('axis');
    const others = range(0, x.shape.length).filter((other) => other !== axis);
    // Rows of channels, which batchNorm takes whatever the axis was.
    const channelsLast = x.permute([...others, axis]);
    const options = { ...run.affine('scale'), eps: run.args.number('epsilon') };
    const rows = channelsLast.reshape([-1, x.shape[axis] ?? 0]);
    const y = batchNorm(rows, run.tensor('mean'), run.tensor('variance'), options).reshape(channelsLast.shape);
    const back = range(0, x.shape.length).map((other) => (other === axis ? others.length : others.indexOf(other)));
    return { output: y.permute(back) };
  },

  instanceNormalization(run) {
    const options = { ...run.affine('scale'), eps: run.args.number('epsilon') };
    const pattern = run.args.text('layout') === 'nhwc' ? 'b [s...] c, c' : 'b c [s...], c';
    return { output: norm(run.tensor('input'), pattern, options) };
  },

  layerNormalization(run) {
    const x = run.tensor('input');
    const axes = run.args.numbers('axes');
    const options = { ...run.affine('scale'), eps: run.args.number('epsilon') };
    return { output: norm(x, patternOf(x, axes, axes), options) };
  },
};

function dataOf(run: Run): Tensor {
  return run.tensor(run.has('X') ? 'X' : 'x');
}

/** The channels in reverse order. */
function reversed(x: Tensor): Tensor {
  return cat(x.split(1, 1).toReversed(), 1);
}

/** The one output, which the operators call Y or y. */
function named(y: Tensor): Outputs {
  return { Y: y, y };
}
