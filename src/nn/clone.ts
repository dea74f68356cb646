// A deep copy of a module. May import errors, autograd, tensor, movement and nn.

import { noGrad } from '../autograd.js';
import { KeelError } from '../errors.js';
import { clone } from '../ops/movement.js';
import { keep, type Tensor } from '../tensor.js';
import { checkModule, Module } from './module.js';
import { Buffer, bufferOf, Parameter, parameterOf } from './parameter.js';

/**
 * A copy of a module and all below it, with parameters and buffers of its own: equal values, no gradients, the same modes.
 * What the module holds twice, the copy holds twice. Nothing random is drawn, as in Python's `copy.deepcopy`. Other values,
 * lists and maps among them, are shared with the copy; a class with #private members cannot be copied without its constructor.
 *
 * @throws KeelError [argument] for a module whose forward pass is wrapped or whose weight is computed, by hooks,
 *   {@link weightNorm} or {@link spectralNorm}: copy it first.
 * @see https://docs.python.org/3/library/copy.html
 * @example
 * const layers = [0, 1].map(() => cloneModule(layer)); // what TransformerEncoder does
 */
export function cloneModule<T extends Module>(module: T): T {
  checkModule(module);
  for (const each of module.modules()) checkPlain(each);
  return copied(module, new Map());
}

function copied<T>(value: T, done: Map<unknown, unknown>): T {
  if (!(value instanceof Module || value instanceof Parameter || value instanceof Buffer)) return value;
  // What was put there for a value is its copy, of its own class.
  const known = done.get(value) as T | undefined;
  if (known !== undefined) return known;
  if (!(value instanceof Module)) {
    const copy = keep(copyOf(value));
    done.set(value, copy);
    // The copy of a parameter is a parameter, that of a buffer a buffer.
    return copy as T;
  }
  const copy: typeof value = Object.create(Object.getPrototypeOf(value));
  done.set(value, copy);
  for (const [property, held] of Object.entries(value)) Reflect.set(copy, property, copied<unknown>(held, done));
  return copy;
}

function copyOf(held: Parameter | Buffer): Tensor {
  const made = noGrad(() => clone(held));
  return held instanceof Parameter ? parameterOf(made, { requiresGrad: held.requiresGrad }) : bufferOf(made);
}

/** A copy of a wrapped forward would still call the original's. */
function checkPlain(module: Module): void {
  const computed = Object.entries(Object.getOwnPropertyDescriptors(module)).find(
    ([, { enumerable, get }]) => enumerable !== true || get !== undefined,
  );
  if (computed === undefined) return;
  throw new KeelError(
    'argument',
    `cannot copy ${module.typeName()}: its '${computed[0]}' is wrapped by a hook or computed by a parametrization: copy it ` +
      'before, and apply weightNorm, spectralNorm or the hook to each copy',
    { property: computed[0] },
  );
}
