// Layers with running statistics: BatchNorm and InstanceNorm of every rank, their lazy forms, and the frozen one.
// May import errors, create, tensor, ops and nn.

import { ones, zeros } from '../create.js';
import { KeelError } from '../errors.js';
import { fill, reshape } from '../ops/movement.js';
import { scope, type Tensor } from '../tensor.js';
import {
  checkAxes,
  checkCount,
  checkLengths,
  checkMomentum,
  checkNumber,
  checkOperands,
  optionsOf,
  pythonNumber,
} from './check.js';
import { batchNorm, instanceNorm, patterns } from './functional.js';
import { pythonBool } from './module.js';
import { NormLayer, type LayerPattern } from './norm.js';
import { bufferOf, parameterOf, type Buffer, type Parameter } from './parameter.js';
import type { Loading } from './state.js';

/** Options of BatchNorm and InstanceNorm of every rank. */
export interface RunningNormOptions {
  /** Default 1e-5. */
  readonly eps?: number;
  /** Weight of the new batch in the running statistics; null: each batch counts the same. Default 0.1. */
  readonly momentum?: number | null;
  /** Learn a scale for each channel, and a shift unless `bias` is false. Default true for BatchNorm, false for InstanceNorm. */
  readonly affine?: boolean;
  /** Keep running statistics for evaluation. Default true for BatchNorm, false for InstanceNorm. */
  readonly trackRunningStats?: boolean;
  /** Default true. */
  readonly bias?: boolean;
}

/** State and repr that BatchNorm and InstanceNorm have in common. */
export abstract class RunningNorm extends NormLayer {
  numFeatures: number;
  readonly eps: number;
  readonly momentum: number | null;
  readonly affine: boolean;
  trackRunningStats: boolean;
  weight: Parameter | null;
  bias: Parameter | null;
  runningMean: Buffer | null;
  runningVar: Buffer | null;
  numBatchesTracked: Buffer | null;

  constructor(numFeatures: number, options: RunningNormOptions, on: boolean) {
    super();
    const { eps, momentum, affine, trackRunningStats, bias } = optionsOf(new.target.name, options, {
      eps: 1e-5,
      momentum: 0.1,
      affine: on,
      trackRunningStats: on,
      bias: true,
    });
    checkCount('num_features', numFeatures, 0);
    checkNumber('eps', eps);
    if (momentum !== null) checkMomentum(momentum);
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.momentum = momentum;
    this.affine = affine;
    this.trackRunningStats = trackRunningStats;
    this.weight = affine ? parameterOf(ones([numFeatures])) : null;
    this.bias = affine && bias ? parameterOf(zeros([numFeatures])) : null;
    this.runningMean = trackRunningStats ? bufferOf(zeros([numFeatures])) : null;
    this.runningVar = trackRunningStats ? bufferOf(ones([numFeatures])) : null;
    this.numBatchesTracked = trackRunningStats ? bufferOf(zeros([], { dtype: 'int64' })) : null;
  }

  /** Zeroes the running statistics and their counter. */
  resetRunningStats(): void {
    if (this.runningMean !== null) fill(this.runningMean, 0);
    if (this.runningVar !== null) fill(this.runningVar, 1);
    if (this.numBatchesTracked !== null) fill(this.numBatchesTracked, 0);
  }

  /** Refuses an input of a rank that the layer does not take. */
  protected abstract checkInput(shape: readonly number[]): void;

  /** @param layouts the inputs that the layer takes, as their axes */
  protected checkRank(shape: readonly number[], ...layouts: readonly string[]): void {
    const allowed = layouts.map((layout) => layout.split(',').length);
    if (allowed.includes(shape.length)) return;
    const expected = allowed.map((rank) => `${rank}D`).join(' or ');
    const message = `expected ${expected} input (got ${shape.length}D input): ${layouts.join(' or ')}, and not [${shape.join(', ')}]`;
    throw new KeelError('rank', message, { shape, allowed });
  }

  /** The momentum of this batch; null is the average that the layer makes of it. */
  protected momentumOr(average: number): number {
    if (this.momentum === null) return average;
    checkMomentum(this.momentum);
    return this.momentum;
  }

  /** Where running statistics take the place of the input's, if the layer now uses its input's or not. */
  protected runningUse(usesInput: boolean): LayerPattern['running'] {
    if (this.runningMean === null) return 'never';
    return usesInput ? 'eval' : 'now';
  }

  /** A checkpoint without metadata, such as a safetensors file, may come from a time before the counter. */
  protected override optionalKeys(): string[] {
    return ['num_batches_tracked'];
  }

  protected override extraRepr(): string {
    const { numFeatures, eps, momentum, affine, bias, trackRunningStats } = this;
    return (
      `${numFeatures}, eps=${pythonNumber(eps)}, momentum=${momentum === null ? 'None' : pythonNumber(momentum)}, ` +
      `affine=${pythonBool(affine)}, bias=${pythonBool(bias !== null)}, track_running_stats=${pythonBool(trackRunningStats)}`
    );
  }
}

abstract class BatchNorm extends RunningNorm {
  constructor(numFeatures: number, options: RunningNormOptions = {}) {
    super(numFeatures, options, true);
  }

  forward(x: Tensor): Tensor {
    checkOperands(this.typeName(), x);
    this.checkInput(x.shape);
    const { training, trackRunningStats, weight, bias, eps } = this;
    const counter = training && trackRunningStats ? this.numBatchesTracked : null;
    const batches = counter === null ? 0 : counter.item() + 1;
    const cumulative = counter === null ? 0 : 1 / batches;
    const momentum = this.momentumOr(cumulative);
    const running = !training || trackRunningStats;
    const y = batchNorm(x, running ? this.runningMean : null, running ? this.runningVar : null, {
      weight,
      bias,
      eps,
      momentum,
      training: training || (this.runningMean === null && this.runningVar === null),
    });
    if (counter !== null) fill(counter, batches);
    return y;
  }

  patternFor(shape: readonly number[]): LayerPattern {
    this.checkInput(shape);
    const { weight, bias, runningMean: running_mean, runningVar: running_var } = this;
    // A lazy layer has no features before its first input.
    if (this.numFeatures > 0) checkLengths({ running_mean, running_var, weight, bias }, shape);
    return { pattern: patterns.batch, sizes: {}, statistics: 'moments', running: this.runningUse(this.training) };
  }
}

/**
 * Each channel normalized over the batch and all positions: y = (x − E[x]) / √(Var[x] + eps) · γ + β with the biased
 * variance in training; in evaluation with running statistics, which training moves by
 * running ← (1 − momentum)·running + momentum·batch, the variance unbiased.
 *
 * Input (N, C) or (N, C, L), float32 or float64. State: `weight`, `bias`, `running_mean`, `running_var` (C) and
 * `num_batches_tracked` ().
 *
 * @throws KeelError [rank]; [shape] for another number of channels; [too_few_values] for one value a channel in
 *   training; [argument] for eps ≤ 0 in training. Running statistics are untouched then.
 * @see https://arxiv.org/abs/1502.03167
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html
 * @example
 * new BatchNorm1d(3).forward(randn([2, 3, 4])); // 3 means over 8 elements each
 */
export class BatchNorm1d extends BatchNorm {
  static readonly type: string = 'BatchNorm1d';

  protected override checkInput(shape: readonly number[]): void {
    this.checkRank(shape, '(N, C)', '(N, C, L)');
  }
}

/**
 * {@link BatchNorm1d} for images: input (N, C, H, W).
 *
 * @throws KeelError as {@link BatchNorm1d}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html
 * @example
 * new BatchNorm2d(3, { momentum: null }).forward(randn([8, 3, 4, 4]));
 */
export class BatchNorm2d extends BatchNorm {
  static readonly type: string = 'BatchNorm2d';

  protected override checkInput(shape: readonly number[]): void {
    this.checkRank(shape, '(N, C, H, W)');
  }
}

/**
 * {@link BatchNorm1d} for volumes: input (N, C, D, H, W).
 *
 * @throws KeelError as {@link BatchNorm1d}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm3d.html
 * @example
 * new BatchNorm3d(2).forward(randn([2, 2, 3, 3, 3]));
 */
export class BatchNorm3d extends BatchNorm {
  static readonly type: string = 'BatchNorm3d';

  protected override checkInput(shape: readonly number[]): void {
    this.checkRank(shape, '(N, C, D, H, W)');
  }
}

abstract class InstanceNorm extends RunningNorm {
  /** Axes after (N, C). */
  protected abstract readonly positions: number;

  constructor(numFeatures: number, options: RunningNormOptions = {}) {
    super(numFeatures, options, false);
  }

  protected override checkInput(shape: readonly number[]): void {
    const positions = ['L', 'H, W', 'D, H, W'][this.positions - 1] ?? '';
    this.checkRank(shape, `(C, ${positions})`, `(N, C, ${positions})`);
  }

  forward(x: Tensor): Tensor {
    checkOperands(this.typeName(), x);
    this.checkInput(x.shape);
    const unbatched = x.rank === this.positions + 1;
    this.checkFeatures(x.shape, unbatched ? 0 : 1);
    const { weight, bias, eps, runningMean, runningVar } = this;
    const useInputStats = this.training || !this.trackRunningStats;
    // A null momentum freezes the averages here; it is no cumulative average as in BatchNorm.
    const options = { weight, bias, eps, runningMean, runningVar, useInputStats, momentum: this.momentumOr(0) };
    if (!unbatched) return instanceNorm(x, options);
    return scope(() => reshape(instanceNorm(reshape(x, [1, ...x.shape]), options), x.shape));
  }

  patternFor(shape: readonly number[]): LayerPattern {
    this.checkInput(shape);
    const unbatched = shape.length === this.positions + 1;
    if (this.numFeatures > 0) this.checkFeatures(shape, unbatched ? 0 : 1);
    const running = this.runningUse(this.training || !this.trackRunningStats);
    return { pattern: unbatched ? patterns.sample : patterns.instances, sizes: {}, statistics: 'moments', running };
  }

  /** Without parameters or buffers the number of channels is free. */
  private checkFeatures(shape: readonly number[], dim: number): void {
    const channels = shape[dim] ?? 0;
    if (channels === this.numFeatures || !this.affine) return;
    throw new KeelError(
      'shape',
      `expected input's size at dim=${dim} to match num_features (${this.numFeatures}), but got: ${channels}.`,
      { expected: this.numFeatures, got: channels, dim },
    );
  }

  protected override adaptState({ state, complaints }: Loading, prefix: string): void {
    const stray = ['running_mean', 'running_var'].filter((key) => !this.trackRunningStats && state.has(prefix + key));
    if (stray.length === 0) return;
    const type = this.typeName();
    complaints.push(
      `Unexpected running stats buffer(s) ${stray.map((key) => `"${prefix}${key}"`).join(' and ')} for ${type} with ` +
        'track_running_stats=False. If state_dict is a checkpoint saved before 0.4.0, this may be expected because ' +
        `${type} does not track running stats by default since 0.4.0. Please remove these keys from state_dict. If the ` +
        `running stats are actually needed, instead set track_running_stats=True in ${type} to enable them. See the ` +
        `documentation of ${type} for details.`,
    );
  }
}

/**
 * Each channel of each sample normalized over its positions. No parameters and no running statistics unless asked for;
 * with `trackRunningStats` evaluation uses running ones, as {@link BatchNorm1d} does.
 *
 * Input (N, C, L) or (C, L), float32 or float64; a 2-D input is (C, L), never (N, C). State as BatchNorm1d where it exists.
 *
 * @throws KeelError [rank]; [too_few_values] for one position; [shape] for another number of channels.
 * @see https://arxiv.org/abs/1607.08022
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.InstanceNorm1d.html
 * @example
 * new InstanceNorm1d(3).forward(randn([2, 3, 4])); // 6 means over 4 elements each
 */
export class InstanceNorm1d extends InstanceNorm {
  static readonly type: string = 'InstanceNorm1d';

  protected readonly positions = 1;
}

/**
 * {@link InstanceNorm1d} for images: input (N, C, H, W) or (C, H, W).
 *
 * @throws KeelError as {@link InstanceNorm1d}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.InstanceNorm2d.html
 * @example
 * new InstanceNorm2d(3, { affine: true }).forward(randn([2, 3, 4, 4]));
 */
export class InstanceNorm2d extends InstanceNorm {
  static readonly type: string = 'InstanceNorm2d';

  protected readonly positions = 2;
}

/**
 * {@link InstanceNorm1d} for volumes: input (N, C, D, H, W) or (C, D, H, W).
 *
 * @throws KeelError as {@link InstanceNorm1d}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.InstanceNorm3d.html
 * @example
 * new InstanceNorm3d(2).forward(randn([2, 2, 3, 3, 3]));
 */
export class InstanceNorm3d extends InstanceNorm {
  static readonly type: string = 'InstanceNorm3d';

  protected readonly positions = 3;
}

/**
 * BatchNorm2d whose statistics and affine values are constants: it always uses the buffers and learns nothing.
 *
 * Input (N, C, *). State: buffers `weight`, `bias`, `running_mean`, `running_var` (C).
 *
 * @throws KeelError [shape] for another number of channels.
 * @see https://docs.pytorch.org/vision/stable/generated/torchvision.ops.FrozenBatchNorm2d.html
 * @example
 * new FrozenBatchNorm2d(64).forward(randn([1, 64, 7, 7]));
 */
export class FrozenBatchNorm2d extends NormLayer {
  static readonly type: string = 'FrozenBatchNorm2d';

  readonly eps: number;
  weight: Buffer;
  bias: Buffer;
  runningMean: Buffer;
  runningVar: Buffer;

  constructor(numFeatures: number, options: { readonly eps?: number } = {}) {
    super();
    const { eps } = optionsOf(new.target.name, options, { eps: 1e-5 });
    checkCount('num_features', numFeatures, 0);
    checkNumber('eps', eps);
    this.eps = eps;
    this.weight = bufferOf(ones([numFeatures]));
    this.bias = bufferOf(zeros([numFeatures]));
    this.runningMean = bufferOf(zeros([numFeatures]));
    this.runningVar = bufferOf(ones([numFeatures]));
  }

  forward(x: Tensor): Tensor {
    return batchNorm(x, this.runningMean, this.runningVar, { weight: this.weight, bias: this.bias, eps: this.eps });
  }

  patternFor(shape: readonly number[]): LayerPattern {
    checkAxes(shape);
    const { weight, bias, runningMean: running_mean, runningVar: running_var } = this;
    checkLengths({ running_mean, running_var, weight, bias }, shape);
    return { pattern: patterns.batch, sizes: {}, statistics: 'moments', running: 'now' };
  }

  protected override adaptState({ state }: Loading, prefix: string): void {
    state.delete(`${prefix}num_batches_tracked`);
  }

  protected override extraRepr(): string {
    return `${this.weight.size}, eps=${pythonNumber(this.eps)}`;
  }
}
