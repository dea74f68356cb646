// Layers that learn their number of channels from the first input. May import create and nn.

import { ones, zeros } from '../create.js';
import { keep, type Tensor } from '../tensor.js';
import {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
  type RunningNorm,
  type RunningNormOptions,
} from './batchnorm.js';
import { Buffer, Parameter } from './module.js';

/**
 * A {@link BatchNorm1d} that takes num_features from dim 1 of its first input (N, C) or (N, C, L) and is a BatchNorm1d from then on.
 *
 * @throws KeelError as {@link BatchNorm1d}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LazyBatchNorm1d.html
 */
export class LazyBatchNorm1d extends BatchNorm1d {
  constructor(options: RunningNormOptions = {}) {
    super(0, options);
  }

  override forward(x: Tensor): Tensor {
    this.checkInput(x.shape);
    return settle(this, BatchNorm1d, x.shape[1] ?? 0).forward(x);
  }

  protected override adaptState(state: Map<string, Tensor>, prefix: string): readonly string[] {
    return settleFrom(this, BatchNorm1d, state, prefix);
  }
}

/**
 * A {@link BatchNorm2d} that takes num_features from dim 1 of its first input (N, C, H, W) and is a BatchNorm2d from then on.
 *
 * @throws KeelError as {@link BatchNorm2d}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LazyBatchNorm2d.html
 */
export class LazyBatchNorm2d extends BatchNorm2d {
  constructor(options: RunningNormOptions = {}) {
    super(0, options);
  }

  override forward(x: Tensor): Tensor {
    this.checkInput(x.shape);
    return settle(this, BatchNorm2d, x.shape[1] ?? 0).forward(x);
  }

  protected override adaptState(state: Map<string, Tensor>, prefix: string): readonly string[] {
    return settleFrom(this, BatchNorm2d, state, prefix);
  }
}

/**
 * A {@link BatchNorm3d} that takes num_features from dim 1 of its first input (N, C, D, H, W) and is a BatchNorm3d from then on.
 *
 * @throws KeelError as {@link BatchNorm3d}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LazyBatchNorm3d.html
 */
export class LazyBatchNorm3d extends BatchNorm3d {
  constructor(options: RunningNormOptions = {}) {
    super(0, options);
  }

  override forward(x: Tensor): Tensor {
    this.checkInput(x.shape);
    return settle(this, BatchNorm3d, x.shape[1] ?? 0).forward(x);
  }

  protected override adaptState(state: Map<string, Tensor>, prefix: string): readonly string[] {
    return settleFrom(this, BatchNorm3d, state, prefix);
  }
}

/**
 * An {@link InstanceNorm1d} that takes num_features from dim 1 of its first input (N, C, L) and is an InstanceNorm1d from then on. `affine` and `trackRunningStats` default to true here,
 * unlike there.
 *
 * @throws KeelError as {@link InstanceNorm1d}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LazyInstanceNorm1d.html
 */
export class LazyInstanceNorm1d extends InstanceNorm1d {
  constructor(options: RunningNormOptions = {}) {
    super(0, { affine: true, trackRunningStats: true, ...options });
  }

  override forward(x: Tensor): Tensor {
    this.checkInput(x.shape);
    return settle(this, InstanceNorm1d, x.shape[1] ?? 0).forward(x);
  }

  protected override adaptState(state: Map<string, Tensor>, prefix: string): readonly string[] {
    return settleFrom(this, InstanceNorm1d, state, prefix);
  }
}

/**
 * An {@link InstanceNorm2d} that takes num_features from dim 1 of its first input (N, C, H, W) and is an InstanceNorm2d from then on. `affine` and `trackRunningStats` default to true here,
 * unlike there.
 *
 * @throws KeelError as {@link InstanceNorm2d}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LazyInstanceNorm2d.html
 */
export class LazyInstanceNorm2d extends InstanceNorm2d {
  constructor(options: RunningNormOptions = {}) {
    super(0, { affine: true, trackRunningStats: true, ...options });
  }

  override forward(x: Tensor): Tensor {
    this.checkInput(x.shape);
    return settle(this, InstanceNorm2d, x.shape[1] ?? 0).forward(x);
  }

  protected override adaptState(state: Map<string, Tensor>, prefix: string): readonly string[] {
    return settleFrom(this, InstanceNorm2d, state, prefix);
  }
}

/**
 * An {@link InstanceNorm3d} that takes num_features from dim 1 of its first input (N, C, D, H, W) and is an InstanceNorm3d from then on. `affine` and `trackRunningStats` default to true here,
 * unlike there.
 *
 * @throws KeelError as {@link InstanceNorm3d}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LazyInstanceNorm3d.html
 */
export class LazyInstanceNorm3d extends InstanceNorm3d {
  constructor(options: RunningNormOptions = {}) {
    super(0, { affine: true, trackRunningStats: true, ...options });
  }

  override forward(x: Tensor): Tensor {
    this.checkInput(x.shape);
    return settle(this, InstanceNorm3d, x.shape[1] ?? 0).forward(x);
  }

  protected override adaptState(state: Map<string, Tensor>, prefix: string): readonly string[] {
    return settleFrom(this, InstanceNorm3d, state, prefix);
  }
}

/** Gives the layer its channels, and its class: it is no longer lazy, as in PyTorch. A scope around it ends before it. */
function settle<T extends RunningNorm>(layer: T, settled: { readonly prototype: T }, channels: number): T {
  if (layer.affine) layer.weight = keep(new Parameter(ones([channels])));
  if (layer.bias !== null) layer.bias = keep(new Parameter(zeros([channels])));
  if (layer.runningMean !== null) layer.runningMean = keep(new Buffer(zeros([channels])));
  if (layer.runningVar !== null) layer.runningVar = keep(new Buffer(ones([channels])));
  // Without anything of that length, PyTorch leaves it at 0.
  if (layer.affine || layer.runningMean !== null) layer.numFeatures = channels;
  Object.setPrototypeOf(layer, settled.prototype);
  return layer;
}

/** A state dict tells the channels too. */
function settleFrom<T extends RunningNorm>(
  layer: T,
  settled: { readonly prototype: T },
  state: ReadonlyMap<string, Tensor>,
  prefix: string,
): readonly string[] {
  const vector = state.get(`${prefix}weight`) ?? state.get(`${prefix}running_mean`);
  const [channels] = vector?.shape ?? [];
  if (channels !== undefined) settle(layer, settled, channels);
  return [];
}
