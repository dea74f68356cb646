// Layers that learn their number of channels from the first input. May import create and nn.

import { ones, zeros } from '../create.js';
import { keep, Tensor } from '../tensor.js';
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
import { checkOperands } from './check.js';
import { bufferOf, parameterOf, type Buffer, type Parameter } from './parameter.js';
import type { Loading } from './state.js';

/**
 * A {@link BatchNorm1d} that takes num_features from dim 1 of its first input (N, C) or (N, C, L) and is a
 * BatchNorm1d from then on.
 *
 * @throws KeelError as {@link BatchNorm1d}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LazyBatchNorm1d.html
 * @example
 * new LazyBatchNorm1d().forward(randn([2, 3])); // num_features is 3 from now on
 */
export class LazyBatchNorm1d extends BatchNorm1d {
  static override readonly type: string = 'LazyBatchNorm1d';

  constructor(options: RunningNormOptions = {}) {
    super(0, options);
  }

  override forward(x: Tensor): Tensor {
    return firstForward(this, BatchNorm1d, x);
  }

  protected override adaptState(...load: Load): void {
    settleFrom(this, BatchNorm1d, ...load);
  }
}

/**
 * A {@link BatchNorm2d} that takes num_features from dim 1 of its first input (N, C, H, W) and is a
 * BatchNorm2d from then on.
 *
 * @throws KeelError as {@link BatchNorm2d}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LazyBatchNorm2d.html
 * @example
 * new LazyBatchNorm2d().forward(randn([2, 3, 4, 4])); // num_features is 3 from now on
 */
export class LazyBatchNorm2d extends BatchNorm2d {
  static override readonly type: string = 'LazyBatchNorm2d';

  constructor(options: RunningNormOptions = {}) {
    super(0, options);
  }

  override forward(x: Tensor): Tensor {
    return firstForward(this, BatchNorm2d, x);
  }

  protected override adaptState(...load: Load): void {
    settleFrom(this, BatchNorm2d, ...load);
  }
}

/**
 * A {@link BatchNorm3d} that takes num_features from dim 1 of its first input (N, C, D, H, W) and is a
 * BatchNorm3d from then on.
 *
 * @throws KeelError as {@link BatchNorm3d}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LazyBatchNorm3d.html
 * @example
 * new LazyBatchNorm3d().forward(randn([2, 3, 4, 4, 4])); // num_features is 3 from now on
 */
export class LazyBatchNorm3d extends BatchNorm3d {
  static override readonly type: string = 'LazyBatchNorm3d';

  constructor(options: RunningNormOptions = {}) {
    super(0, options);
  }

  override forward(x: Tensor): Tensor {
    return firstForward(this, BatchNorm3d, x);
  }

  protected override adaptState(...load: Load): void {
    settleFrom(this, BatchNorm3d, ...load);
  }
}

/**
 * An {@link InstanceNorm1d} that takes num_features from dim 1 of its first input (N, C, L) and is an
 * InstanceNorm1d from then on. `affine` and `trackRunningStats` default to true here, unlike there.
 *
 * @throws KeelError as {@link InstanceNorm1d}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LazyInstanceNorm1d.html
 * @example
 * new LazyInstanceNorm1d().forward(randn([2, 3, 4])); // num_features is 3 from now on
 */
export class LazyInstanceNorm1d extends InstanceNorm1d {
  static override readonly type: string = 'LazyInstanceNorm1d';

  constructor(options: RunningNormOptions = {}) {
    super(0, { affine: true, trackRunningStats: true, ...options });
  }

  override forward(x: Tensor): Tensor {
    return firstForward(this, InstanceNorm1d, x);
  }

  protected override adaptState(...load: Load): void {
    settleFrom(this, InstanceNorm1d, ...load);
  }
}

/**
 * An {@link InstanceNorm2d} that takes num_features from dim 1 of its first input (N, C, H, W) and is an
 * InstanceNorm2d from then on. `affine` and `trackRunningStats` default to true here, unlike there.
 *
 * @throws KeelError as {@link InstanceNorm2d}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LazyInstanceNorm2d.html
 * @example
 * new LazyInstanceNorm2d().forward(randn([2, 3, 4, 4])); // num_features is 3 from now on
 */
export class LazyInstanceNorm2d extends InstanceNorm2d {
  static override readonly type: string = 'LazyInstanceNorm2d';

  constructor(options: RunningNormOptions = {}) {
    super(0, { affine: true, trackRunningStats: true, ...options });
  }

  override forward(x: Tensor): Tensor {
    return firstForward(this, InstanceNorm2d, x);
  }

  protected override adaptState(...load: Load): void {
    settleFrom(this, InstanceNorm2d, ...load);
  }
}

/**
 * An {@link InstanceNorm3d} that takes num_features from dim 1 of its first input (N, C, D, H, W) and is an
 * InstanceNorm3d from then on. `affine` and `trackRunningStats` default to true here, unlike there.
 *
 * @throws KeelError as {@link InstanceNorm3d}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.LazyInstanceNorm3d.html
 * @example
 * new LazyInstanceNorm3d().forward(randn([2, 3, 4, 4, 4])); // num_features is 3 from now on
 */
export class LazyInstanceNorm3d extends InstanceNorm3d {
  static override readonly type: string = 'LazyInstanceNorm3d';

  constructor(options: RunningNormOptions = {}) {
    super(0, { affine: true, trackRunningStats: true, ...options });
  }

  override forward(x: Tensor): Tensor {
    return firstForward(this, InstanceNorm3d, x);
  }

  protected override adaptState(...load: Load): void {
    settleFrom(this, InstanceNorm3d, ...load);
  }
}

/** A class of such layers. */
interface Kind {
  readonly prototype: RunningNorm;
}

type Load = [loading: Loading, prefix: string];

/**
 * Gives the layer channels and a class: settled it is no longer lazy, as in PyTorch, and with 0 channels it may be lazy
 * again. A scope around it ends before it.
 */
function become(layer: RunningNorm, prototype: object, channels: number): void {
  const { weight, bias, runningMean, runningVar } = layer;
  const vector = (make: typeof ones, { dtype }: Tensor) => make([channels], { dtype });
  const learned = (held: Parameter | null, make: typeof ones) =>
    held && keep(parameterOf(vector(make, held), { requiresGrad: held.requiresGrad }));
  const average = (held: Buffer | null, make: typeof ones) => held && keep(bufferOf(vector(make, held)));
  layer.weight = learned(weight, ones);
  layer.bias = learned(bias, zeros);
  layer.runningMean = average(runningMean, zeros);
  layer.runningVar = average(runningVar, ones);
  // Without anything of that length, PyTorch leaves it at 0.
  if (layer.affine || runningMean !== null) layer.numFeatures = channels;
  for (const held of [weight, bias, runningMean, runningVar]) held?.dispose();
  Object.setPrototypeOf(layer, prototype);
}

/** Runs the settled layer; an input that it refuses leaves it lazy. */
function firstForward(layer: RunningNorm, settled: Kind, x: Tensor): Tensor {
  checkOperands(layer.typeName(), x);
  const lazy: object = Object.getPrototypeOf(layer);
  become(layer, settled.prototype, x.shape[1] ?? 0);
  try {
    return layer.forward(x);
  } catch (error) {
    become(layer, lazy, 0);
    throw error;
  }
}

/** A state dict tells the channels too. */
function settleFrom(layer: RunningNorm, settled: Kind, ...[{ state, undo }, prefix]: Load): void {
  const vector: unknown = state.get(`${prefix}weight`) ?? state.get(`${prefix}running_mean`);
  const channels = vector instanceof Tensor ? vector.shape[0] : undefined;
  if (channels === undefined) return;
  const lazy: object = Object.getPrototypeOf(layer);
  undo.push(() => {
    become(layer, lazy, 0);
  });
  become(layer, settled.prototype, channels);
}
