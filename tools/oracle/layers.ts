// Ops of the layers: the functional forms, the stateful layers pass by pass, and the hand-written form.
// May import 'evenkeel'.

import {
  addLayerNorm, batchNorm, BatchNorm1d, BatchNorm2d, BatchNorm3d, groupNorm, instanceNorm, InstanceNorm1d,
  InstanceNorm2d, InstanceNorm3d, layerNorm, layerNorm2d, localResponseNorm, normalize, normWithStatistics, rmsNorm,
  zeros, type Tensor,
} from 'evenkeel';
import type { Op, Outputs, Run } from './case.js';
import { isList } from './fields.js';
import { runPasses, type Pass } from './passes.js';
import { axesFrom, patternOf, range } from './patterns.js';

export const layers: Readonly<Record<string, Op>> = {
  layer_norm(run) {
    const x = run.tensor('x');
    const shape = run.args.numbers('normalized_shape');
    const y = layerNorm(x, shape, { ...run.affine(), eps: run.args.number('eps', 1e-5) });
    return { ...withPrinted(run, y), ...statistics(run, x, axesFrom(x, -shape.length)) };
  },

  rms_norm(run) {
    const x = run.tensor('x');
    const shape = run.args.numbers('normalized_shape');
    const y = rmsNorm(x, shape, { ...weightOf(run), eps: run.args.numberOrNull('eps', null) });
    return { ...withPrinted(run, y), ...statistics(run, x, axesFrom(x, -shape.length)) };
  },

  native_layer_norm(run) {
    const x = run.tensor('x');
    const axes = axesFrom(x, -run.args.numbers('normalized_shape').length);
    const affine = run.affine();
    const pattern = patternOf(x, axes, Object.keys(affine).length > 0 ? axes : null);
    const { y, mean, rstd } = normWithStatistics(x, pattern, { ...affine, eps: run.args.number('eps', 1e-5) });
    return { ...withPrinted(run, y), save_mean: mean, save_rstd: rstd };
  },

  layer_norm2d(run) {
    const x = run.tensor('x');
    const y = layerNorm2d(x, { ...run.affine(), eps: run.args.number('eps', 1e-6) });
    return { ...withPrinted(run, y), ...statistics(run, x, [1]) };
  },

  group_norm(run) {
    const x = run.tensor('x');
    const groups = run.args.number('num_groups');
    const y = groupNorm(x, groups, { ...run.affine(), eps: run.args.number('eps', 1e-5) });
    return { ...withPrinted(run, y), ...statistics(run, inGroups(x, groups), range(2, x.shape.length + 1)) };
  },

  batch_norm1d: (run) => batchNormModule(run, BatchNorm1d),
  batch_norm2d: (run) => batchNormModule(run, BatchNorm2d),
  batch_norm3d: (run) => batchNormModule(run, BatchNorm3d),
  instance_norm1d: (run) => instanceNormModule(run, InstanceNorm1d),
  instance_norm2d: (run) => instanceNormModule(run, InstanceNorm2d),
  instance_norm3d: (run) => instanceNormModule(run, InstanceNorm3d),

  batch_norm: functionalBatchNorm,

  native_batch_norm(run) {
    const x = run.tensor('x');
    const outputs = functionalBatchNorm(run);
    if (!run.args.flag('training')) return { ...outputs, save_mean: zeros([0]), save_rstd: zeros([0]) };
    const eps = run.args.number('eps', 1e-5);
    const { mean, rstd } = normWithStatistics(x, '[b] c [s...]', { eps });
    const channels = [x.shape[1] ?? 0];
    return { ...outputs, save_mean: mean.reshape(channels), save_rstd: rstd.reshape(channels) };
  },

  instance_norm(run) {
    const runningMean = run.optional('running_mean');
    const runningVar = run.optional('running_var');
    const y = instanceNorm(run.tensor('x'), {
      ...(runningMean === null ? {} : { runningMean }),
      ...(runningVar === null ? {} : { runningVar }),
      ...run.affine(),
      useInputStats: run.args.flag('use_input_stats', true),
      momentum: run.args.number('momentum', 0.1),
      eps: run.args.number('eps', 1e-5),
    });
    return { ...withPrinted(run, y), ...buffersAfter(run) };
  },

  local_response_norm(run) {
    const y = localResponseNorm(run.tensor('x'), run.args.number('size'), {
      alpha: run.args.number('alpha', 1e-4),
      beta: run.args.number('beta', 0.75),
      k: run.args.number('k', 1),
    });
    return withPrinted(run, y);
  },

  normalize(run) {
    const dim = isList(run.args.get('dim')) ? run.args.numbers('dim') : run.args.number('dim', 1);
    const y = normalize(run.tensor('x'), { p: run.args.number('p', 2), dim, eps: run.args.number('eps', 1e-12) });
    return withPrinted(run, y);
  },

  add_layer_norm(run) {
    const x = run.tensor('x');
    const residual = run.tensor('residual');
    const affine = run.affine();
    const eps = run.args.number('eps', 1e-5);
    const { sum, y } = addLayerNorm(x, residual, run.args.numbers('normalized_shape'), { ...affine, eps });
    return { y, sum, ...run.gradients({ dy: y, dsum: sum }, { x, residual, ...affine }) };
  },

  /** Normalization line by line, in tensor operations. */
  stats(run) {
    const x = run.tensor('x');
    const groups = run.args.numberOrNull('groups', null);
    const seen = groups === null ? x : inGroups(x, groups);
    const dims = run.args.numbers('dims');
    const kept = { keepdim: true };
    const mean = seen.mean(dims, kept);
    const variance = seen.var(dims, { unbiased: false, ...kept });
    const deviation = variance.add(run.args.number('eps', 1e-5)).sqrt();
    const y = seen.sub(mean).div(deviation).reshape(x.shape);
    const keepdim = run.args.flag('keepdim', false);
    const dropped = { mean: seen.mean(dims), var: seen.var(dims, { unbiased: false }) };
    return { ...withPrinted(run, y), ...(keepdim ? { mean, var: variance } : dropped) };
  },
};

/** y with the gradients of x and the scale and shift; `printed_y` is y again, compared to the digits a text prints. */
function withPrinted(run: Run, y: Tensor): Outputs {
  return { ...run.result(y, 'x', 'weight', 'bias'), printed_y: y };
}

function weightOf(run: Run): { weight?: Tensor } {
  const { weight } = run.affine();
  return weight === undefined ? {} : { weight };
}

/** Mean, biased variance and mean square over the dims that share a mean, in the shapes the case stores. */
function statistics(run: Run, x: Tensor, dims: readonly number[]): Outputs {
  const formulas: Readonly<Record<string, () => Tensor>> = {
    mean: () => x.mean(dims),
    var: () => x.var(dims, { unbiased: false }),
    mean_x2: () => x.mul(x).mean(dims),
  };
  const wanted = Object.entries(formulas).filter(([name]) => run.wants(name));
  return Object.fromEntries(wanted.map(([name, formula]) => [name, formula().reshape(run.shapeOf(name))]));
}

/** x of N × C × ... as N × G × C/G × ... */
function inGroups(x: Tensor, groups: number): Tensor {
  const [n = 0, channels = 0, ...spatial] = x.shape;
  return x.reshape([n, groups, channels / groups, ...spatial]);
}

function functionalBatchNorm(run: Run): Outputs {
  const y = batchNorm(run.tensor('x'), run.optional('running_mean'), run.optional('running_var'), {
    ...run.affine(),
    training: run.args.flag('training', false),
    momentum: run.args.number('momentum', 0.1),
    eps: run.args.number('eps', 1e-5),
  });
  return { ...withPrinted(run, y), ...buffersAfter(run) };
}

/** Running statistics after the pass, which writes into the tensors it was given. */
function buffersAfter(run: Run): Outputs {
  const names = ['running_mean', 'running_var'].filter((name) => run.has(name));
  return Object.fromEntries(names.map((name) => [`${name}_after`, run.tensor(name)]));
}

/** What the case's lists say of a layer with running statistics: the layer has what they name, and nothing else. */
function layerOptions(run: Run) {
  return {
    eps: run.args.number('eps', 1e-5),
    momentum: run.args.numberOrNull('momentum', 0.1),
    affine: run.has('weight'),
    bias: run.has('bias'),
    trackRunningStats: run.has('running_mean'),
  };
}

function batchNormModule(run: Run, Layer: typeof BatchNorm1d | typeof BatchNorm2d | typeof BatchNorm3d): Outputs {
  const layer = new Layer(run.args.number('num_features'), layerOptions(run));
  const x = lastOf(run, passesOf(run));
  const dims = [0, ...range(2, x.shape.length)];
  return { ...runPasses(run, layer, passesOf(run)), ...statistics(run, x, dims) };
}

function instanceNormModule(
  run: Run,
  Layer: typeof InstanceNorm1d | typeof InstanceNorm2d | typeof InstanceNorm3d,
): Outputs {
  const layer = new Layer(run.args.number('num_features'), layerOptions(run));
  const x = lastOf(run, passesOf(run));
  const spatial = run.args.flag('unbatched', false) ? 1 : 2;
  return { ...runPasses(run, layer, passesOf(run)), ...statistics(run, x, range(spatial, x.shape.length)) };
}

function lastOf(run: Run, passes: readonly Pass[]): Tensor {
  return run.tensor(passes.at(-1)?.x ?? 'x');
}

/** `steps` training passes, one evaluation pass, or both in that order, on x or on x0, x1, ... */
function passesOf(run: Run): Pass[] {
  const mode = run.args.text('mode');
  const inputs = run.inputs.filter((name) => /^x\d*$/.test(name));
  const training = mode === 'eval' ? 0 : run.args.number('steps', 1);
  const count = training + (mode === 'train' ? 0 : 1);
  return range(0, count).map((i) => ({ x: inputs[Math.min(i, inputs.length - 1)] ?? 'x', training: i < training }));
}
