// spectral_norm: a weight divided by its largest singular value, found by power iteration. May import errors, autograd,
// create, random, tensor, ops and nn.

import { detach, noGrad } from '../autograd.js';
import { KeelError } from '../errors.js';
import { copyInto, permute, reshape, to } from '../ops/movement.js';
import { div, mul } from '../ops/elementwise.js';
import { matmul } from '../ops/matmul.js';
import { norm } from '../ops/norm.js';
import { sum } from '../ops/reduce.js';
import { randn } from '../random.js';
import { keep, scope, sizeOf, Tensor } from '../tensor.js';
import { optionsOf } from './check.js';
import { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from './conv.js';
import { checkModule, type Module } from './module.js';
import { bufferOf, parameterOf, type Buffer } from './parameter.js';
import {
  bufferAt,
  hold,
  hookForward,
  parameterAt,
  Parametrization,
  registerParametrization,
  removeComputed,
  setComputed,
  type ForwardHook,
} from './parametrize.js';
import { isParametrized, type WeightKeys } from './weightnorm.js';

/** Which parameter {@link spectralNorm} divides, and how. */
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
 * With keys `parametrized`, as `torch.nn.utils.parametrizations.spectral_norm`, 15 iterations are done at first and w
 * is computed on each access, u before v; a vector is divided by its length. With `old`, as
 * `torch.nn.utils.spectral_norm`, w is computed before each forward pass, v before u. Neither loads the other's keys.
 * A W of zeros gives NaN.
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
  checkModule(module);
  const { name, nPowerIterations, eps, dim, keys } = optionsOf('spectralNorm', options, {
    name: 'weight',
    nPowerIterations: 1,
    eps: 1e-12,
    dim: null,
    keys: 'parametrized',
  });
  const isTransposed = [ConvTranspose1d, ConvTranspose2d, ConvTranspose3d].some((kind) => module instanceof kind);
  const settings = { iterations: nPowerIterations, eps, dim: dim ?? (isTransposed ? 1 : 0) };
  if (isParametrized(keys)) parametrize(module, name, { ...settings, first: 'u' });
  else hookForward(module, KIND, name, () => hookOn(module, name, { ...settings, first: 'v' }));
  return module;
}

/**
 * Makes a weight that {@link spectralNorm} computes a parameter again, with its present value: for the `parametrized`
 * kind in training that is one more access. Returns the module.
 *
 * @throws KeelError [name] where there is none.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.remove_spectral_norm.html
 * @example
 * [...removeSpectralNorm(spectralNorm(new Linear(3, 2))).stateDict().keys()]; // bias, weight
 */
export function removeSpectralNorm<T extends Module>(module: T, name = 'weight'): T {
  checkModule(module);
  removeComputed(module, name, KIND, SpectralNorm);
  return module;
}

const KIND = 'spectral_norm';
const FIRST_ITERATIONS = 15;

interface Settings {
  readonly iterations: number;
  readonly eps: number;
  readonly dim: number;
  /** Which vector an iteration improves first. */
  readonly first: 'u' | 'v';
}

class SpectralNorm extends Parametrization {
  readonly settings: Settings;
  /** null for a vector, whose length is known. */
  readonly _u: Buffer | null = null;
  readonly _v: Buffer | null = null;

  constructor(weight: Tensor, settings: Settings) {
    super();
    const { dim, iterations } = settings;
    const { rank } = weight;
    if (!Number.isInteger(dim) || dim >= rank || dim < -rank) {
      throw new KeelError(
        'dimension',
        `Dimension out of range (expected to be in range of [${-rank}, ${rank - 1}] but got ${dim})`,
        { dim, rank },
      );
    }
    checkIterations(iterations);
    this.settings = { ...settings, dim: dim < 0 ? dim + rank : dim };
    if (rank < 2) return;
    const [u, v] = unitVectors(weight, this.settings);
    [this._u, this._v] = [keep(u), keep(v)];
    noGrad(() => divided(weight, u, v, { ...this.settings, iterations: FIRST_ITERATIONS })).dispose();
  }

  forward(weight: Tensor): Tensor {
    const { _u: u, _v: v, settings, training } = this;
    if (u === null || v === null) return unit(weight, settings.eps);
    return divided(weight, u, v, training ? settings : { ...settings, iterations: 0 });
  }

  rightInverse(value: Tensor): readonly Tensor[] {
    return [value];
  }

  override typeName(): string {
    return '_SpectralNorm';
  }
}

function parametrize(module: Module, name: string, settings: Settings): void {
  const weight: unknown = Reflect.get(module, name);
  if (!(weight instanceof Tensor)) {
    throw new KeelError('name', `Module '${String(module)}' has no parameter or buffer with name '${name}'`, { name });
  }
  registerParametrization(module, name, new SpectralNorm(weight, settings));
  // PyTorch looks at the value once, which in training is one more iteration.
  scope(() => void Reflect.get(module, name));
}

function hookOn(module: Module, name: string, settings: Settings): ForwardHook {
  checkIterations(settings.iterations);
  const weight = parameterAt(module, name);
  const [u, v] = unitVectors(weight, settings);
  Reflect.deleteProperty(module, name);
  hold(module, `${name}Orig`, weight);
  hold(module, `${name}U`, u);
  hold(module, `${name}V`, v);
  const compute = (training: boolean) => {
    const [left, right] = [bufferAt(module, `${name}U`), bufferAt(module, `${name}V`)];
    const now = training ? settings : { ...settings, iterations: 0 };
    return divided(parameterAt(module, `${name}Orig`), left, right, now);
  };
  Reflect.set(module, name, detach(weight));
  return {
    before() {
      setComputed(module, name, compute(module.training));
    },
    remove() {
      const value = noGrad(() => compute(false));
      for (const suffix of ['Orig', 'U', 'V']) Reflect.deleteProperty(module, name + suffix);
      hold(module, name, parameterOf(value));
    },
  };
}

function checkIterations(iterations: number): void {
  if (Number.isInteger(iterations) && iterations > 0) return;
  throw new KeelError(
    'argument',
    `Expected n_power_iterations to be positive, but got n_power_iterations=${iterations}`,
    { nPowerIterations: iterations },
  );
}

/** W with axis `dim` first and the others as one. */
function matrixOf(weight: Tensor, dim: number): Tensor {
  const others = weight.shape.map((_, axis) => axis).filter((axis) => axis !== dim);
  // With a negative dim no axis is left out, and permute refuses, as the old kind does in PyTorch.
  const moved = dim === 0 ? weight : permute(weight, [dim, ...others]);
  const [height = 1, ...rest] = moved.shape;
  return reshape(moved, [height, sizeOf(rest)]);
}

/** Random u and v of length 1. */
function unitVectors(weight: Tensor, { dim, eps }: Settings): [u: Buffer, v: Buffer] {
  const dtype = weight.dtype === 'float64' ? 'float64' : 'float32';
  return scope(() => {
    const [height = 1, width = 1] = noGrad(() => matrixOf(weight, dim)).shape;
    const [u, v] = [randn([height], { dtype }), randn([width], { dtype })];
    return [bufferOf(unit(u, eps)), bufferOf(unit(v, eps))];
  });
}

/** W/(uᵀWv), after power iterations that are written into u and v. */
function divided(weight: Tensor, u: Tensor, v: Tensor, settings: Settings): Tensor {
  return scope(() => {
    // In float64, for products of small u, W and v leave float32's range.
    const wide = to(weight, 'float64');
    const matrix = matrixOf(wide, settings.dim);
    const [left, right] = noGrad(() => iterate(matrix, u, v, settings));
    return to(div(wide, sum(mul(left, matmul(matrix, right)))), weight.dtype);
  });
}

/** Power iterations, u ← Wv and v ← Wᵀu, each brought to length 1; in place, and in float64 as the result. */
function iterate(
  matrix: Tensor,
  u: Tensor,
  v: Tensor,
  { iterations, eps, first }: Settings,
): [left: Tensor, right: Tensor] {
  // Copies: the next pass writes into u and v, and this one may still be differentiated then.
  let [left, right] = [to(u, 'float64'), to(v, 'float64')];
  for (let i = 0; i < iterations; i++) {
    if (first === 'u') left = unit(matmul(matrix, right), eps);
    right = unit(matmul(left, matrix), eps);
    if (first === 'v') left = unit(matmul(matrix, right), eps);
  }
  if (iterations > 0) {
    copyInto(u, to(left, u.dtype));
    copyInto(v, to(right, v.dtype));
  }
  return [left, right];
}

/** x/max(‖x‖, eps) of a vector. */
function unit(x: Tensor, eps: number): Tensor {
  return norm(x, '[i]', { statistics: 'l2', eps });
}
