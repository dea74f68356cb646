// Two ways to compute a module's parameter from others: anew on each access, and anew before each forward pass.
// May import errors, autograd, tensor, ops and nn.

import { noGrad } from '../autograd.js';
import { KeelError, showShape } from '../errors.js';
import { checkDtype, checkSameShape, checkTensors } from '../ops/check.js';
import { copyInto } from '../ops/movement.js';
import { keep, type Tensor } from '../tensor.js';
import { ModuleList } from './containers.js';
import { Module } from './module.js';
import { Buffer, bufferOf, Parameter, parameterOf } from './parameter.js';

/** A parameter as a function of original tensors, or of the value that the parametrization before it gives. */
export abstract class Parametrization extends Module {
  abstract override forward(...originals: readonly Tensor[]): Tensor;

  /** Originals whose value this is. */
  abstract rightInverse(value: Tensor): readonly Tensor[];
}

/**
 * Makes `module[name]` the value of a parametrization, computed on each access, as `torch.nn.utils.parametrize` does.
 * What it is computed from moves to `parametrizations.<name>.original`, or `original0`, `original1`, ...; a further
 * parametrization takes the value of those before it. Assigning a tensor to `module[name]` sets the originals.
 *
 * @throws KeelError [name] when the module has no parameter or buffer of this name; nothing has changed then.
 */
export function registerParametrization(module: Module, name: string, parametrization: Parametrization): void {
  parametrization.train(module.training);
  const held = parametrizationsOf(module, name);
  if (held !== null) {
    held.append(parametrization);
    return;
  }
  const original: unknown = Reflect.get(module, name);
  if (!(original instanceof Parameter || original instanceof Buffer)) {
    throw new KeelError(
      'name',
      `Module '${String(module)}' does not have a parameter, a buffer, or a parametrized element with name '${name}'`,
      { name },
    );
  }
  const list = new ParametrizationList(parametrization, original);
  Reflect.deleteProperty(module, name);
  Object.defineProperty(module, name, {
    get: () => list.value(),
    set: (value: Tensor) => {
      checkTensors(`'${name}'`, [value]);
      list.assign(value);
    },
    configurable: true,
  });
  const lists: unknown = Reflect.get(module, PARAMETRIZATIONS);
  if (lists instanceof ModuleDict) lists.set(name, list);
  else {
    const text = `Parametrized${module.typeName()}`;
    Object.defineProperty(module, 'typeName', { value: () => text, configurable: true });
    Reflect.set(module, PARAMETRIZATIONS, new ModuleDict().set(name, list));
  }
}

/** Makes a parametrized property a parameter again, with the value that it has now; false where it is none. */
function removeParametrizations(module: Module, name: string): boolean {
  const list = parametrizationsOf(module, name);
  const lists: unknown = Reflect.get(module, PARAMETRIZATIONS);
  if (list === null || !(lists instanceof ModuleDict)) return false;
  const value = list.settle();
  Reflect.deleteProperty(lists, name);
  hold(module, name, value);
  if (lists.children().length === 0) {
    Reflect.deleteProperty(module, PARAMETRIZATIONS);
    Reflect.deleteProperty(module, 'typeName');
  }
  return true;
}

/** The parametrizations of a property, in order; null where it has none. */
function parametrizationsOf(module: Module, name: string): ParametrizationList | null {
  const lists: unknown = Reflect.get(module, PARAMETRIZATIONS);
  return lists instanceof ModuleDict ? lists.at(name) : null;
}

/** The parameter of this name; refuses what is none. */
export function parameterAt(module: Module, name: string): Parameter {
  const value: unknown = Reflect.get(module, name);
  if (value instanceof Parameter) return value;
  throw new KeelError(
    'name',
    `'${module.typeName()}' object has no attribute '${name}' that is a parameter: ${String(module)} has ` +
      `${module.namedParameters().map(([key]) => key).join(', ') || 'none'}`,
    { name },
  );
}

/** The buffer of this name. */
export function bufferAt(module: Module, name: string): Buffer {
  const value: unknown = Reflect.get(module, name);
  if (value instanceof Buffer) return value;
  const message = `'${module.typeName()}' object has no attribute '${name}' that is a buffer`;
  throw new KeelError('name', message, { name });
}

/** Gives a module a parameter or buffer, as the last it has; a scope around the call ends before it. */
export function hold(module: Module, name: string, value: Parameter | Buffer): void {
  Reflect.deleteProperty(module, name);
  Reflect.set(module, name, keep(value));
}

/** Makes a property hold a computed tensor; refuses to write over a parameter that was assigned meanwhile. */
export function setComputed(module: Module, name: string, value: Tensor): void {
  if (Reflect.get(module, name) instanceof Parameter) {
    throw new KeelError(
      'argument',
      `cannot assign a computed tensor as parameter '${name}' (torch.nn.Parameter or None expected): '${name}' is ` +
        'computed before each forward pass; assign to what it is computed from, or remove the normalization first',
      { name },
    );
  }
  Reflect.set(module, name, value);
}

/** What computes a parameter before each forward pass of a module, and what undoes it. */
export interface ForwardHook {
  before(): void;
  remove(): void;
}

/**
 * Runs a hook before each forward pass of a module, hooks in the order in which they came.
 *
 * @throws KeelError [argument] when the module has a hook of this kind on this property.
 */
export function hookForward(module: Module, kind: string, name: string, makeHook: () => ForwardHook): void {
  const held = forwardHooks.get(module) ?? new Map<string, () => void>();
  forwardHooks.set(module, held);
  const key = `${kind} ${name}`;
  if (held.has(key)) {
    throw new KeelError('argument', `Cannot register two ${kind} hooks on the same parameter ${name}`, { kind, name });
  }
  const { before, remove } = makeHook();
  const unhook = module.registerForwardPreHook(before);
  held.set(key, () => {
    remove();
    unhook();
  });
}

/** Takes a hook away again and undoes what it did; false where there is none. */
function unhookForward(module: Module, kind: string, name: string): boolean {
  const key = `${kind} ${name}`;
  const remove = forwardHooks.get(module)?.get(key);
  if (remove === undefined) return false;
  remove();
  forwardHooks.get(module)?.delete(key);
  return true;
}

/**
 * Makes a computed tensor a parameter again, whichever way it was computed: by the hook of this kind, or by a
 * parametrization of this class.
 *
 * @throws KeelError [name] where neither is there.
 */
export function removeComputed(module: Module, name: string, kind: string, Kind: new (...of: never[]) => Parametrization): void {
  if (unhookForward(module, kind, name)) return;
  const parametrized = [...(parametrizationsOf(module, name) ?? [])].some((each) => each instanceof Kind);
  if (parametrized && removeParametrizations(module, name)) return;
  throw new KeelError('name', `${kind} of '${name}' not found in ${String(module)}`, { name });
}

const PARAMETRIZATIONS = 'parametrizations';
/** What removes each hook, by kind and property. */
const forwardHooks = new WeakMap<Module, Map<string, () => void>>();

/** The originals of one property as own parameters or buffers, and the parametrizations that make its value of them. */
class ParametrizationList extends ModuleList<Parametrization> {
  constructor(parametrization: Parametrization, original: Parameter | Buffer) {
    super([parametrization]);
    const originals = noGrad(() => parametrization.rightInverse(original));
    const { requiresGrad } = original;
    const own = (value: Tensor) =>
      original instanceof Parameter ? new Parameter(value, { requiresGrad }) : new Buffer(value);
    // A single original stays the object that it was, which an optimizer may hold.
    if (originals.length === 1) hold(this, 'original', original);
    else originals.forEach((value, i) => hold(this, `original${i}`, own(value)));
  }

  value(): Tensor {
    const [first, ...rest] = this;
    if (first === undefined) throw new KeelError('argument', 'ParametrizationList requires one or more modules.');
    return rest.reduce((value, parametrization) => parametrization.forward(value), first.forward(...this.originals()));
  }

  assign(value: Tensor): void {
    noGrad(() => {
      let values: readonly Tensor[] = [value];
      for (const each of [...this].reverse()) values = values.flatMap((one) => each.rightInverse(one));
      const pairs = this.originals().map((original, i) => [original, values[i] ?? value] as const);
      for (const [original, source] of pairs) {
        checkSameShape(`${showShape(value.shape)} assigned: the original`, source, original.shape);
        checkDtype('parametrization', [source, original]);
      }
      for (const [original, source] of pairs) copyInto(original, source);
    });
  }

  /** The present value in place of the originals: in the single one where there is one, else in a new tensor. */
  settle(): Parameter | Buffer {
    const [first, second] = this.originals();
    const value = noGrad(() => this.value());
    if (first !== undefined && second === undefined) {
      copyInto(first, value);
      value.dispose();
      return first;
    }
    if (first instanceof Buffer) return bufferOf(value);
    return parameterOf(value, { requiresGrad: this.originals().some(({ requiresGrad }) => requiresGrad) });
  }

  originals(): (Parameter | Buffer)[] {
    return [...this.ownParameters(), ...this.ownBuffers()].map(([, original]) => original);
  }
}

/** Parametrization lists by property. */
class ModuleDict extends Module {
  at(name: string): ParametrizationList | null {
    const list: unknown = Object.getOwnPropertyDescriptor(this, name)?.value;
    return list instanceof ParametrizationList ? list : null;
  }

  set(name: string, list: ParametrizationList): this {
    Object.defineProperty(this, name, { value: list, enumerable: true, configurable: true });
    return this;
  }

  forward(): never {
    throw new KeelError('argument', 'Module [ModuleDict] is missing the required "forward" function');
  }
}
