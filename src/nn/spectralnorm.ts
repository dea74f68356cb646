// spectral_norm: a weight divided by its largest singular value, found by power iteration. May import errors, autograd,
// create, random, tensor, ops and nn.

import { detach, noGrad } from '../autograd.js';
import { KeelError } from '../errors.js';
import { clone, copyInto, permute, reshape } from '../ops/movement.js';
import { div, mul } from '../ops/elementwise.js';
import { matmul } from '../ops/matmul.js';
import { norm } from '../ops/norm.js';
import { sum } from '../ops/reduce.js';
import { randn } from '../random.js';
import { scope, sizeOf, Tensor } from '../tensor.js';
import { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from './conv.js';
import { Buffer, Parameter, type Module } from './module.js';
import {
  hookForward,
  parameterAt,
  Parametrization,
  parametrizationsOf,
  registerParametrization,
  removeParametrizations,
  restore,
  setComputed,
  unhookForward,
  type ForwardHook,
} from './parametrize.js';
import type { WeightKeys } from './weightnorm.js';

export interface SpectralNormOptions {
  /** Default `weight`. */
  readonly name?: string;
  /** Power iterations for each forward pass, or access, in training. Default 1. */
  readonly nPowerIterations?: number;
  /** Least length that a vector is divided by. Default 1e-12. */
  readonly eps?: number;
  /** The axis of the outputs. Default null: 1 for transposed convolutions, else 0. */
  readonly dim?: number | null;
  /** `old`: weight_orig, weight_u, weight_v; `parametrized`: parametrizations.weight.original and 0._u, 0._v. */
  readonly keys?: WeightKeys;
}

/**
 * Divides a weight by its largest singular value: w = W/σ with σ = uᵀWv, where W has its axis `dim` first and the
 * others as one. u and v are buffers that power iterations in training bring closer to the singular vectors; no
 * gradient flows through them. Returns the module.
 *
 * With keys `parametrized`, as `torch.nn.utils.parametrizations.spectral_norm`, 15 iterations are done at first and w is
 * computed on each access, u before v; a vector is divided by its length. With `old`, as `torch.nn.utils.spectral_norm`,
 * w is computed before each forward pass, v before u. Neither loads the other's keys. A W of zeros gives NaN.
 *
 * @throws KeelError [argument] for a number of iterations that is not positive, or a second `old` one on a parameter;
 *   [dimension] for an axis that the weight lacks; [name] for a parameter that the module lacks.
 * @see https://arxiv.org/abs/1802.05957
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parametrizations.spectral_norm.html
 * @example
 * const layer = spectralNorm(new Conv2d(3, 8, 3));
 * layer.forward(randn([1, 3, 8, 8]));
 */
export function spectralNorm<T extends Module>(module: T, options: SpectralNormOptions = {}): T {
  const { name = 'weight', nPowerIterations = 1, eps = 1e-12, keys = 'parametrized' } = options;
  const isTransposed = [ConvTranspose1d, ConvTranspose2d, ConvTranspose3d].some((kind) => module instanceof kind);
  const settings = { iterations: nPowerIterations, eps, dim: options.dim ?? (isTransposed ? 1 : 0) };
  if (keys === 'parametrized') parametrize(module, name, settings);
  else hookForward(module, KIND, name, () => hookOn(module, name, settings));
  return module;
}

/**
 * Makes a weight that {@link spectralNorm} computes a parameter again, with its present value: for the `parametrized`
 * kind in training that is one more access. Returns the module.
 *
 * @throws KeelError [name] where there is none.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.remove_spectral_norm.html
 */
export function removeSpectralNorm<T extends Module>(module: T, name = 'weight'): T {
  if (unhookForward(module, KIND, name)) return module;
  const parametrized = [...(parametrizationsOf(module, name) ?? [])].some((each) => each instanceof SpectralNorm);
  if (parametrized && removeParametrizations(module, name)) return module;
  throw new KeelError('name', `spectral_norm of '${name}' not found in ${String(module)}`, { name });
}

const KIND = 'spectral_norm';
const FIRST_ITERATIONS = 15;

interface Settings {
  readonly iterations: number;
  readonly eps: number;
  readonly dim: number;
}

class SpectralNorm extends Parametrization {
  readonly settings: Settings;
  /** null for a vector, whose length is known. */
  readonly _u: Buffer | null = null;
  readonly _v: Buffer | null = null;

  constructor(weight: Tensor, { iterations, eps, dim }: Settings) {
    super();
    const { rank } = weight;
    if (!Number.isInteger(dim) || dim >= rank || dim < -rank) {
      throw new KeelError(
        'dimension',
        `Dimension out of range (expected to be in range of [${-rank}, ${rank - 1}] but got ${dim})`,
        { dim, rank },
      );
    }
    checkIterations(iterations);
    this.settings = { iterations, eps, dim: dim < 0 ? dim + rank : dim };
    if (rank < 2) return;
    const matrix = noGrad(() => matrixOf(weight, this.settings.dim));
    [this._u, this._v] = unitVectors(matrix, eps);
    iterate(matrix, this._u, this._v, 'u first', FIRST_ITERATIONS, eps);
  }

  forward(weight: Tensor): Tensor {
    const { _u: u, _v: v, training } = this;
    const { iterations, eps, dim } = this.settings;
    if (u === null || v === null) return unit(weight, eps);
    return divided(weight, dim, u, v, (matrix) => {
      if (training) iterate(matrix, u, v, 'u first', iterations, eps);
    });
  }

  rightInverse(value: Tensor): readonly Tensor[] {
    return [value];
  }

  protected override typeName(): string {
    return '_SpectralNorm';
  }
}

function parametrize(module: Module, name: string, settings: Settings): void {
  const weight: unknown = Reflect.get(module, name);
  if (!(weight instanceof Tensor)) {
    throw new KeelError('name', `Module '${String(module)}' has no parameter or buffer with name '${name}'`, { name });
  }
  registerParametrization(module, name, new SpectralNorm(weight, settings));
  // PyTorch checks the value's shape and dtype once, which in training is one more iteration.
  noGrad(() => Reflect.get(module, name));
}

function hookOn(module: Module, name: string, { iterations, eps, dim }: Settings): ForwardHook {
  checkIterations(iterations);
  const weight = parameterAt(module, name);
  const [u, v] = unitVectors(noGrad(() => matrixOf(weight, dim)), eps);
  Reflect.deleteProperty(module, name);
  Reflect.set(module, `${name}Orig`, weight);
  Reflect.set(module, `${name}U`, u);
  Reflect.set(module, `${name}V`, v);
  const compute = (training: boolean) =>
    divided(parameterAt(module, `${name}Orig`), dim, u, v, (matrix) => {
      if (training) iterate(matrix, u, v, 'v first', iterations, eps);
    });
  Reflect.set(module, name, detach(weight));
  return {
    before() {
      setComputed(module, name, compute(module.training));
    },
    remove() {
      const value = noGrad(() => compute(false));
      for (const suffix of ['Orig', 'U', 'V']) Reflect.deleteProperty(module, name + suffix);
      restore(module, name, new Parameter(value));
    },
  };
}

function checkIterations(iterations: number): void {
  if (Number.isInteger(iterations) && iterations > 0) return;
  throw new KeelError('argument', `Expected n_power_iterations to be positive, but got n_power_iterations=${iterations}`, {
    nPowerIterations: iterations,
  });
}

/** W with axis `dim` first and the others as one. */
function matrixOf(weight: Tensor, dim: number): Tensor {
  const others = weight.shape.map((_, axis) => axis).filter((axis) => axis !== dim);
  // With a negative dim no axis is left out, and permute refuses, as the old kind does in PyTorch.
  const moved = dim === 0 ? weight : permute(weight, [dim, ...others]);
  const [height = 1, ...rest] = moved.shape;
  return reshape(moved, [height, sizeOf(rest)]);
}

/** Random u and v of length 1 for a matrix. */
function unitVectors(matrix: Tensor, eps: number): [u: Buffer, v: Buffer] {
  const dtype = matrix.dtype === 'float64' ? 'float64' : 'float32';
  const [height = 1, width = 1] = matrix.shape;
  const [u, v] = [randn([height], { dtype }), randn([width], { dtype })];
  return [new Buffer(unit(u, eps)), new Buffer(unit(v, eps))];
}

/** Power iterations on u and v in place: u ← Wv and v ← Wᵀu, each brought to length 1. */
function iterate(
  matrix: Tensor,
  u: Tensor,
  v: Tensor,
  order: 'u first' | 'v first',
  iterations: number,
  eps: number,
): void {
  const improveU = () => copyInto(u, unit(matmul(matrix, v), eps));
  const improveV = () => copyInto(v, unit(matmul(u, matrix), eps));
  const steps = order === 'u first' ? [improveU, improveV] : [improveV, improveU];
  noGrad(() => {
    for (let i = 0; i < iterations; i++) for (const step of steps) scope(step);
  });
}

/** x/max(‖x‖, eps) of a vector. */
function unit(x: Tensor, eps: number): Tensor {
  return norm(x, '[i]', { statistics: 'l2', eps });
}

/** W/(uᵀWv), after `improve` has had the matrix. */
function divided(weight: Tensor, dim: number, u: Tensor, v: Tensor, improve: (matrix: Tensor) => void): Tensor {
  const matrix = matrixOf(weight, dim);
  improve(matrix);
  // Copies: the next iteration writes into u and v, and this pass may still be differentiated then.
  return div(weight, sum(mul(clone(u), matmul(matrix, clone(v)))));
}
