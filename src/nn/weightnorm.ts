// weight_norm: a weight as a length and a direction, on any parameter of a module. May import errors, autograd, tensor,
// ops and nn.

import { noGrad } from '../autograd.js';
import { KeelError } from '../errors.js';
import { dimension } from '../ops/check.js';
import { norm } from '../ops/norm.js';
import { reshape } from '../ops/movement.js';
import { vectorNorm } from '../ops/reduce.js';
import { scope, type Tensor } from '../tensor.js';
import { optionsOf } from './check.js';
import { checkModule, snakeCase, type Module } from './module.js';
import { Parameter, parameterOf } from './parameter.js';
import {
  hold,
  hookForward,
  parameterAt,
  Parametrization,
  registerParametrization,
  removeComputed,
  setComputed,
  type ForwardHook,
} from './parametrize.js';
import type { Loading } from './state.js';

/** How the state dict names what a reparametrized weight is computed from. */
export type WeightKeys = 'old' | 'parametrized';

/** Which parameter {@link weightNorm} splits, and how. */
export interface WeightNormOptions {
  /** Default `weight`. */
  readonly name?: string;
  /** The axis along which lengths differ, -2 the last but one; null and, as in PyTorch, -1: one length. Default 0. */
  readonly dim?: number | null;
  /** `old`: weight_g, weight_v; `parametrized`, the default: parametrizations.weight.original0, original1. */
  readonly keys?: WeightKeys;
}

/**
 * Learns a weight as w = g · v/‖v‖, the length being over all axes but `dim`. g starts as ‖w‖ and v as w, so that w
 * stays. Returns the module.
 *
 * With keys `parametrized`, as `torch.nn.utils.parametrizations.weight_norm`, w is computed on each access, assigning
 * one sets g and v, and state dicts with the old keys load too. With `old`, as `torch.nn.utils.weight_norm`, w is
 * computed before each forward pass. A v of zeros has no direction: w is NaN there.
 *
 * @throws KeelError [dimension] for an axis that the weight lacks; [name] for a parameter that the module lacks;
 *   [argument] for a second `old` one on a parameter.
 * @see https://arxiv.org/abs/1602.07868
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parametrizations.weight_norm.html
 * @example
 * const layer = weightNorm(new Linear(3, 2));
 * [...layer.stateDict().keys()]; // bias, parametrizations.weight.original0, parametrizations.weight.original1
 */
export function weightNorm<T extends Module>(module: T, options: WeightNormOptions = {}): T {
  checkModule(module);
  const standard = { name: 'weight', dim: 0, keys: 'parametrized' } as const;
  const { name, dim, keys } = optionsOf('weightNorm', options, standard);
  if (isParametrized(keys)) registerParametrization(module, name, new WeightNorm(name, dim));
  else hookForward(module, KIND, name, () => hookOn(module, name, dim));
  return module;
}

/**
 * Makes a weight that {@link weightNorm} computes a parameter again, with its present value. Returns the module.
 *
 * @throws KeelError [name] where there is none.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.remove_weight_norm.html
 * @example
 * [...removeWeightNorm(weightNorm(new Linear(3, 2))).stateDict().keys()]; // bias, weight
 */
export function removeWeightNorm<T extends Module>(module: T, name = 'weight'): T {
  checkModule(module);
  removeComputed(module, name, KIND, WeightNorm);
  return module;
}

/** Which of the two kinds the keys ask for. */
export function isParametrized(keys: WeightKeys): boolean {
  switch (keys) {
    case 'old':
      return false;
    case 'parametrized':
      return true;
    default:
      keys satisfies never;
      throw new KeelError('argument', `keys must be 'old' or 'parametrized', got '${String(keys)}'`, { keys });
  }
}

/** The pattern of weight_norm on a weight of this rank: `o [i...], o` for dim 0, `[i...],` for one length. */
export function weightNormPattern(rank: number, dim: number | null): string {
  if (isWhole(dim)) return '[i...],';
  const before = Array.from({ length: dimension(dim, rank) }, (_, axis) => `[a${axis}] `);
  return `${before.join('')}o [i...], o`;
}

const KIND = 'weight_norm';

class WeightNorm extends Parametrization {
  constructor(
    private readonly weightName: string,
    private readonly dim: number | null,
  ) {
    super();
  }

  forward(g: Tensor, v?: Tensor): Tensor {
    if (v !== undefined) return weightOf(g, v, this.dim);
    throw new KeelError(
      'argument',
      "_WeightNorm.forward() missing 1 required positional argument: 'weight_v': weight_norm must be the first " +
        `parametrization of '${this.weightName}'`,
    );
  }

  rightInverse(weight: Tensor): readonly Tensor[] {
    return [lengths(weight, this.dim), weight];
  }

  /** Takes the keys of the old kind as its own. */
  protected override adaptState({ state }: Loading, prefix: string): void {
    const name = snakeCase(this.weightName);
    const own = `parametrizations.${name}.`;
    const host = prefix.slice(0, prefix.lastIndexOf(own));
    const [g, v] = [state.get(`${host}${name}_g`), state.get(`${host}${name}_v`)];
    if (g === undefined || v === undefined) return;
    state.delete(`${host}${name}_g`);
    state.delete(`${host}${name}_v`);
    state.set(`${host}${own}original0`, g);
    state.set(`${host}${own}original1`, v);
  }

  override typeName(): string {
    return '_WeightNorm';
  }
}

function hookOn(module: Module, name: string, dim: number | null): ForwardHook {
  const weight = parameterAt(module, name);
  const g = parameterOf(noGrad(() => lengths(weight, dim)));
  Reflect.deleteProperty(module, name);
  hold(module, `${name}G`, g);
  hold(module, `${name}V`, new Parameter(weight));
  const compute = () => weightOf(parameterAt(module, `${name}G`), parameterAt(module, `${name}V`), dim);
  Reflect.set(module, name, compute());
  return {
    before() {
      setComputed(module, name, compute());
    },
    remove() {
      const value = noGrad(compute);
      Reflect.deleteProperty(module, `${name}G`);
      Reflect.deleteProperty(module, `${name}V`);
      hold(module, name, parameterOf(value));
    },
  };
}

/** g · v/‖v‖. */
function weightOf(g: Tensor, v: Tensor, dim: number | null): Tensor {
  return scope(() => {
    const weight = isWhole(dim) ? g : reshape(g, [g.size]);
    return norm(v, weightNormPattern(v.rank, dim), { statistics: 'l2', weight, eps: 0 });
  });
}

/** ‖v‖ over all axes but `dim`, those left with extent 1; a scalar over all. */
function lengths(v: Tensor, dim: number | null): Tensor {
  if (isWhole(dim)) return vectorNorm(v);
  const kept = dimension(dim, v.rank);
  // One more axis, so that a vector too has axes besides `dim`.
  const dims = [...v.shape, 1].flatMap((_, axis) => (axis === kept ? [] : [axis]));
  const shape = v.shape.map((extent, axis) => (axis === kept ? extent : 1));
  return scope(() => reshape(vectorNorm(reshape(v, [...v.shape, 1]), 2, dims), shape));
}

function isWhole(dim: number | null): dim is -1 | null {
  return dim === null || dim === -1;
}
