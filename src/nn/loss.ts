// Losses: PyTorch's checks and reductions over the operations. May import errors, tensor, ops and nn.

import { KeelError, showGiven } from '../errors.js';
import { checkFloats, checkTensors } from '../ops/check.js';
import { add, div, mul, neg } from '../ops/elementwise.js';
import { classEntropy, squaredError, type Classes } from '../ops/loss.js';
import { reshape } from '../ops/movement.js';
import { sum } from '../ops/reduce.js';
import { logSoftmax } from '../ops/softmax.js';
import { sameShape, scope, sizeOf, type Tensor } from '../tensor.js';
import { optionsOf, pythonNumber } from './check.js';
import { Module } from './module.js';
import { bufferOf, type Buffer } from './parameter.js';

/** What becomes of the losses of the elements: their mean, their sum, or nothing. */
export type Reduction = 'mean' | 'sum' | 'none';

/** Options of {@link crossEntropy} and {@link CrossEntropyLoss}. */
export interface CrossEntropyOptions {
  /** A weight for each class, (C). Default null: 1 each. */
  readonly weight?: Tensor | null;
  /** The label of positions that do not count. Default −100. */
  readonly ignoreIndex?: number;
  /** Default 'mean'. */
  readonly reduction?: Reduction;
  /** Share of each target that is spread over all classes evenly, 0..1. Default 0. */
  readonly labelSmoothing?: number;
}

/**
 * ℓ = −Σ_c w_c·q_c·log softmax(x)_c, where q is the target: 1 at its class, or given probabilities, and with
 * labelSmoothing ε it is (1 − ε)·q + ε/C. With class indices the smoothed part has the weights of all classes, the rest
 * that of the target's class.
 *
 * Input (C), (N, C) or (N, C, d1, ...), float32 or float64. Target: int64 classes, (), (N) or (N, d1, ...), or
 * probabilities in the input's shape and dtype. `none` gives the shape of such classes.
 *
 * The mean over classes is Σℓ/Σw_y over the positions that count, NaN where none does, with a gradient of zeros; over
 * probabilities it is Σℓ over the number of positions.
 *
 * @throws KeelError [dimension] for a label out of range; [shape] for shapes that do not fit; [dtype] for labels that are
 *   no int64; [argument] for options out of range. Nothing has been computed then.
 * @see https://arxiv.org/abs/1512.00567 label smoothing
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.cross_entropy.html
 * @example
 * crossEntropy(tensor([[2, 0], [0, 2]]), tensor([0n, 1n])).item(); // 0.1269…
 */
export function crossEntropy(input: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const settings = optionsOf('crossEntropy', options, crossEntropyDefaults);
  const { weight, reduction } = settings;
  checkSettings(settings);
  checkTensors('crossEntropy', [input, target]);
  checkFloats('crossEntropy', weight === null ? [input] : [input, weight]);
  if (input.rank === 0) {
    const message = 'Expected 1 or more dimensions (got 0): (C), (N, C) or (N, C, d1, ...)';
    throw new KeelError('rank', message, { shape: input.shape });
  }
  const axis = input.rank === 1 ? 0 : 1;
  const classes = input.shape[axis] ?? 0;
  if (weight !== null && !sameShape(weight.shape, [classes])) {
    throw new KeelError(
      'shape',
      `weight tensor should be defined either for all ${classes} classes or no classes but got weight tensor of shape: ` +
        list(weight.shape),
      { classes, weight: weight.shape },
    );
  }
  if (sameShape(input.shape, target.shape)) return withProbabilities(input, target, axis, settings);
  const found = classesOf(input, target, axis, settings);
  return scope(() => {
    const shape = axis === 0 ? [1, classes, 1] : [input.shape[0] ?? 0, classes, sizeOf(input.shape.slice(2))];
    const losses = classEntropy(reshape(input, shape), found);
    if (reduction === 'none') return reshape(losses, target.shape);
    const total = sum(losses);
    return reduction === 'sum' ? total : div(total, totalWeight(found));
  });
}

/** Targets that are probabilities, which may have a gradient too. */
function withProbabilities(x: Tensor, target: Tensor, axis: number, settings: Required<CrossEntropyOptions>): Tensor {
  const { weight, ignoreIndex, reduction, labelSmoothing } = settings;
  if (target.dtype !== 'float32' && target.dtype !== 'float64') {
    throw new KeelError(
      'dtype',
      `Expected floating point type for target with class probabilities, got ${target.dtype} of the input's shape ` +
        `${list(x.shape)}: class indices have no axis of classes`,
      { dtype: target.dtype },
    );
  }
  checkFloats('crossEntropy', [x, target]);
  if (ignoreIndex >= 0) {
    const message = `ignore_index is not supported for floating point target: got ${ignoreIndex}`;
    throw new KeelError('argument', message, { ignoreIndex });
  }
  const classes = x.shape[axis] ?? 0;
  return scope(() => {
    const q = labelSmoothing === 0 ? target : add(mul(target, 1 - labelSmoothing), labelSmoothing / classes);
    const terms = mul(logSoftmax(x, axis), q);
    const shape = x.shape.map((_, i) => (i === axis ? classes : 1));
    const weighted = weight === null ? terms : mul(terms, reshape(weight, shape));
    if (reduction === 'none') return neg(sum(weighted, axis));
    const total = neg(sum(weighted));
    return reduction === 'sum' ? total : div(total, x.size / classes);
  });
}

/** The labels that count, each checked. */
function classesOf(x: Tensor, target: Tensor, axis: number, settings: Required<CrossEntropyOptions>): Classes {
  const { weight, ignoreIndex, labelSmoothing: smoothing } = settings;
  const expected = x.shape.filter((_, i) => i !== axis);
  if (target.dtype !== 'int64') {
    throw new KeelError(
      'dtype',
      `expected scalar type Long but found ${target.dtype}: targets are int64 classes, of shape ${list(expected)}, or ` +
        `probabilities of the input's shape ${list(x.shape)}; got ${list(target.shape)}; make classes with ` +
        "tensor(labels, { dtype: 'int64' }) or .to('int64')",
      { dtype: target.dtype, shape: target.shape },
    );
  }
  checkTargetShape(x.shape, target.shape, expected);
  const count = x.shape[axis] ?? 0;
  // int64 elements are in a BigInt64Array.
  const given = target.data as BigInt64Array;
  const at: number[] = [];
  const labels: number[] = [];
  given.forEach((label, i) => {
    const value = Number(label);
    if (value === ignoreIndex) return;
    if (value < 0 || value >= count) throw outOfBounds(label, i, target.shape, count, ignoreIndex);
    at.push(i);
    labels.push(value);
  });
  const weights = weight === null ? null : Float64Array.from(weight.data, Number);
  return { at: labels.length === given.length ? null : at, labels, weight: weights, smoothing };
}

function totalWeight({ labels, weight }: Classes): number {
  return weight === null ? labels.length : labels.reduce((total, label) => total + weight[label]!, 0);
}

function checkTargetShape(input: readonly number[], target: readonly number[], expected: readonly number[]): void {
  if (sameShape(target, expected)) return;
  const isBatch = input.length > 1 && target.length > 0 && input[0] !== target[0];
  throw new KeelError(
    'shape',
    isBatch
      ? `Expected input batch_size (${input[0]}) to match target batch_size (${target[0]}): an input of ${list(input)} takes ` +
          `targets of ${list(expected)}, got ${list(target)}`
      : `Expected target size ${list(expected)}, got ${list(target)}: an input of ${list(input)}`,
    { input, expected, got: target },
  );
}

function outOfBounds(label: bigint, i: number, shape: readonly number[], classes: number, ignoreIndex: number): KeelError {
  const place = placeOf(i, shape);
  const where = place.length === 0 ? 'alone' : `at [${place.join(', ')}]`;
  return new KeelError(
    'dimension',
    `Target ${label} is out of bounds. It stands ${where}, and the input has ${classes} classes: labels are ` +
      `0..${classes - 1}, or ignoreIndex ${ignoreIndex}`,
    { label, place, classes, ignoreIndex },
  );
}

function placeOf(i: number, shape: readonly number[]): number[] {
  return shape.map((extent, axis) => Math.floor(i / sizeOf(shape.slice(axis + 1))) % extent);
}

/** Options of {@link mseLoss} and {@link MSELoss}. */
export interface MSELossOptions {
  /** Default 'mean'. */
  readonly reduction?: Reduction;
}

/**
 * The mean of (x − t)², or their sum, or each.
 *
 * @param input any shape, float32 or float64
 * @param target of the same shape and dtype; PyTorch broadcasts others, with a warning
 * @throws KeelError [shape] for another shape; [dtype], [backend]; [argument] for another reduction.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.mse_loss.html
 * @example
 * mseLoss(tensor([1, 2]), tensor([1, 4])).item(); // 2
 */
export function mseLoss(input: Tensor, target: Tensor, options: MSELossOptions = {}): Tensor {
  const { reduction } = optionsOf('mseLoss', options, mseDefaults);
  checkReduction(reduction);
  checkFloats('mseLoss', [input, target]);
  if (sameShape(input.shape, target.shape)) return squaredError(input, target, reduction);
  throw new KeelError(
    'shape',
    `Using a target size (torch.Size(${list(target.shape)})) that is different to the input size ` +
      `(torch.Size(${list(input.shape)})). This will likely lead to incorrect results due to broadcasting. Please ensure they ` +
      'have the same size.',
    { input: input.shape, target: target.shape },
  );
}

/**
 * {@link crossEntropy} as a module.
 *
 * Buffer: `weight` (C), where it is given; it is in the state dict, as in PyTorch.
 *
 * @throws KeelError [argument] for options out of range; from `forward` as {@link crossEntropy}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
 * @example
 * new CrossEntropyLoss({ labelSmoothing: 0.1 }).forward(randn([4, 10]), randint(0, 10, [4]));
 */
export class CrossEntropyLoss extends Module {
  static readonly type: string = 'CrossEntropyLoss';

  readonly ignoreIndex: number;
  readonly reduction: Reduction;
  readonly labelSmoothing: number;
  weight: Buffer | null;

  constructor(options: CrossEntropyOptions = {}) {
    super();
    const settings = optionsOf(new.target.name, options, crossEntropyDefaults);
    const { weight, ignoreIndex, reduction, labelSmoothing } = settings;
    checkSettings(settings);
    if (weight !== null) checkFloats('CrossEntropyLoss', [weight]);
    this.ignoreIndex = ignoreIndex;
    this.reduction = reduction;
    this.labelSmoothing = labelSmoothing;
    this.weight = weight === null ? null : bufferOf(reshape(weight, weight.shape));
  }

  forward(input: Tensor, target: Tensor): Tensor {
    const { weight, ignoreIndex, reduction, labelSmoothing } = this;
    return crossEntropy(input, target, { weight, ignoreIndex, reduction, labelSmoothing });
  }
}

/**
 * {@link mseLoss} as a module.
 *
 * @throws KeelError [argument] for another reduction; from `forward` as {@link mseLoss}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.MSELoss.html
 * @example
 * new MSELoss().forward(randn([4, 2]), zeros([4, 2]));
 */
export class MSELoss extends Module {
  static readonly type: string = 'MSELoss';

  readonly reduction: Reduction;

  constructor(options: MSELossOptions = {}) {
    super();
    const { reduction } = optionsOf(new.target.name, options, mseDefaults);
    checkReduction(reduction);
    this.reduction = reduction;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return mseLoss(input, target, { reduction: this.reduction });
  }
}

const crossEntropyDefaults: Required<CrossEntropyOptions> = {
  weight: null,
  ignoreIndex: -100,
  reduction: 'mean',
  labelSmoothing: 0,
};
const mseDefaults: Required<MSELossOptions> = { reduction: 'mean' };

function checkReduction(reduction: Reduction): void {
  if (reduction === 'mean' || reduction === 'sum' || reduction === 'none') return;
  const given = typeof reduction === 'string' ? reduction : showGiven(reduction);
  const message = `${given} is not a valid value for reduction: choose from 'mean', 'sum', 'none'`;
  throw new KeelError('argument', message, { reduction });
}

function checkSettings({ ignoreIndex, reduction, labelSmoothing }: Required<CrossEntropyOptions>): void {
  checkReduction(reduction);
  if (!Number.isInteger(ignoreIndex)) {
    const message = `ignoreIndex is a whole number such as -100, got ${showGiven(ignoreIndex)}`;
    throw new KeelError('argument', message, { ignoreIndex });
  }
  if (typeof labelSmoothing === 'number' && labelSmoothing >= 0 && labelSmoothing <= 1) return;
  const given = typeof labelSmoothing === 'number' ? pythonNumber(labelSmoothing) : showGiven(labelSmoothing);
  throw new KeelError('argument', `label_smoothing must be between 0.0 and 1.0. Got: ${given}`, { labelSmoothing });
}

/** `[2, 3]` */
function list(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}
