// Module: parameters, buffers, state dict, modes and repr. May import errors, tensor, autograd and ops.

import { detach, noGrad } from '../autograd.js';
import { KeelError } from '../errors.js';
import { copyInto, reshape } from '../ops/movement.js';
import { sameShape, Tensor } from '../tensor.js';

/**
 * A tensor that a {@link Module} learns: assigned to a property, it is in `parameters()` and in the state dict.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.parameter.Parameter.html
 * @example
 * this.gain = new Parameter(ones([4]));
 */
export class Parameter extends Tensor {
  constructor(data: Tensor, { requiresGrad = true }: { readonly requiresGrad?: boolean } = {}) {
    super(data.shape, data.storage);
    this.requiresGrad = requiresGrad;
  }
}

/**
 * A tensor that belongs to a module's state and is not learned, as running statistics: assigned to a property, it is in
 * `buffers()` and in the state dict.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.parameter.Buffer.html
 */
export class Buffer extends Tensor {
  constructor(data: Tensor) {
    super(data.shape, data.storage);
  }
}

/** Keys of a strict load that found no partner. */
export interface LoadReport {
  readonly missingKeys: string[];
  readonly unexpectedKeys: string[];
}

/** Something of a module by its PyTorch key or path. */
export type Named<T> = readonly [name: string, value: T];

/**
 * Base of all layers. Properties that hold a {@link Parameter}, a {@link Buffer} or a Module are its state; their
 * state-dict key is the property's name in snake case (`runningMean` is `running_mean`), in order of assignment.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html
 * @example
 * class Scale extends Module {
 *   gain = new Parameter(ones([4]));
 *   forward(x: Tensor): Tensor { return x.mul(this.gain); }
 * }
 */
export abstract class Module {
  /** True after construction and `train()`, false after `eval()`. */
  training = true;

  abstract forward(...inputs: never[]): unknown;

  /** Sets the mode of this module and all below it. */
  train(on = true): this {
    for (const module of this.modules()) module.training = on;
    return this;
  }

  /** `train(false)`. */
  eval(): this {
    return this.train(false);
  }

  /** Own parameters and those of all modules below, each once. */
  parameters(): Tensor[] {
    return this.namedParameters().map(([, parameter]) => parameter);
  }

  /** Parameters with their state-dict keys, each once. */
  namedParameters(): Named<Tensor>[] {
    return unique(this.#collect((module) => module.ownParameters()));
  }

  /** Own buffers and those of all modules below. */
  buffers(): Tensor[] {
    return this.namedBuffers().map(([, buffer]) => buffer);
  }

  /** Buffers with their state-dict keys. */
  namedBuffers(): Named<Tensor>[] {
    return unique(this.#collect((module) => module.ownBuffers()));
  }

  /** This module and all below it, each once, parents first. */
  modules(): Module[] {
    return this.namedModules().map(([, module]) => module);
  }

  /** Modules with their path; this one's is empty. */
  namedModules(prefix = '', seen = new Set<Module>()): Named<Module>[] {
    if (seen.has(this)) return [];
    seen.add(this);
    const below = this.namedChildren().flatMap(([name, child]) => child.namedModules(join(prefix, name), seen));
    return [[prefix, this], ...below];
  }

  /** Modules directly below, with their names. */
  namedChildren(): Named<Module>[] {
    return this.ownValues().flatMap(([name, value]) => (value instanceof Module ? [[name, value] as const] : []));
  }

  /** Modules directly below. */
  children(): Module[] {
    return this.namedChildren().map(([, child]) => child);
  }

  /** Calls f on every module below and then on this one. */
  apply(f: (module: Module) => void): this {
    for (const child of this.children()) child.apply(f);
    f(this);
    return this;
  }

  /** Sets whether every parameter requires a gradient. */
  requiresGrad(on = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad = on;
    return this;
  }

  /** Sets every parameter's gradient to null. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.grad = null;
  }

  /**
   * Parameters and buffers by PyTorch's keys in PyTorch's order: own parameters, own buffers, then each child's. The
   * tensors share the module's elements and require no gradient.
   */
  stateDict(): Map<string, Tensor> {
    return new Map(this.stateEntries().map(([key, value]) => [key, detach(value)]));
  }

  /**
   * Copies the tensors of a state dict into the parameters and buffers of the same keys, their dtype converted.
   *
   * @param strict default true: refuse missing and unexpected keys. Shapes must always fit.
   * @throws KeelError [state_dict] with PyTorch's report; nothing has been copied then.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.load_state_dict
   */
  loadStateDict(
    state: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>,
    { strict = true }: { readonly strict?: boolean } = {},
  ): LoadReport {
    const given = new Map(state instanceof Map ? state : Object.entries(state));
    const found = this.namedModules().flatMap(([path, module]) => module.adaptState(given, path === '' ? '' : `${path}.`));
    const own = this.stateEntries();
    const keys = new Set(own.map(([key]) => key));
    const optional = new Set(this.namedModules().flatMap(([path, module]) => module.optionalKeys().map((key) => join(path, key))));
    const missingKeys = own.map(([key]) => key).filter((key) => !given.has(key) && !optional.has(key));
    const unexpectedKeys = [...given.keys()].filter((key) => !keys.has(key));
    const copies = own.flatMap(([key, target]) => {
      const source = given.get(key);
      return source === undefined ? [] : [{ key, target, source: scalarOf(target, source) }];
    });
    const mismatches = copies.filter(({ target, source }) => !sameShape(target.shape, source.shape));
    const complaints = [
      ...(strict && missingKeys.length > 0 ? [`Missing key(s) in state_dict: ${quoted(missingKeys)}. `] : []),
      ...(strict && unexpectedKeys.length > 0 ? [`Unexpected key(s) in state_dict: ${quoted(unexpectedKeys)}. `] : []),
      ...found,
      ...mismatches.map(
        ({ key, target, source }) =>
          `size mismatch for ${key}: copying a param with shape torch.Size([${source.shape.join(', ')}]) from checkpoint, ` +
          `the shape in current model is torch.Size([${target.shape.join(', ')}]).`,
      ),
    ];
    if (complaints.length > 0) {
      throw new KeelError(
        'state_dict',
        `Error(s) in loading state_dict for ${this.typeName()}:\n\t${complaints.join('\n\t')}`,
        { missingKeys, unexpectedKeys, mismatched: mismatches.map(({ key }) => key) },
      );
    }
    noGrad(() => {
      for (const { target, source } of copies) copyInto(target, source);
    });
    return { missingKeys, unexpectedKeys };
  }

  /** PyTorch's repr. */
  toString(): string {
    const lines = this.reprChildren().map(([name, text]) => `  (${name}): ${text.replaceAll('\n', '\n  ')}`);
    const extra = this.extraRepr();
    if (lines.length === 0) return `${this.typeName()}(${extra})`;
    return `${this.typeName()}(\n${extra === '' ? '' : `  ${extra}\n`}${lines.join('\n')}\n)`;
  }

  /** The arguments between the parentheses of the repr. */
  protected extraRepr(): string {
    return '';
  }

  /** The class name of the repr and of messages. */
  protected typeName(): string {
    return this.constructor.name;
  }

  protected reprChildren(): Named<string>[] {
    return this.namedChildren().map(([name, child]) => [name, String(child)]);
  }

  /** State-dict keys that a checkpoint may lack. */
  protected optionalKeys(): string[] {
    return [];
  }

  /**
   * Lets a module rename or drop entries of an older or foreign checkpoint below `prefix` before they are matched.
   * Returns what it finds wrong with them.
   */
  protected adaptState(_state: Map<string, Tensor>, _prefix: string): readonly string[] {
    return [];
  }

  /** Own parameters by key, in order. */
  protected ownParameters(): Named<Tensor>[] {
    return this.ownValues().flatMap(([name, value]) => (value instanceof Parameter ? [[name, value] as const] : []));
  }

  /** Own buffers by key, in order. */
  protected ownBuffers(): Named<Tensor>[] {
    return this.ownValues().flatMap(([name, value]) => (value instanceof Buffer ? [[name, value] as const] : []));
  }

  private ownValues(): Named<unknown>[] {
    return Object.entries(Object.getOwnPropertyDescriptors(this)).flatMap(([name, { value, enumerable }]) =>
      enumerable === true && value !== undefined ? [[snakeCase(name), value] as const] : [],
    );
  }

  private stateEntries(prefix = ''): Named<Tensor>[] {
    const own = [...this.ownParameters(), ...this.ownBuffers()].map(([key, value]) => [prefix + key, value] as const);
    return [...own, ...this.namedChildren().flatMap(([name, child]) => child.stateEntries(`${prefix}${name}.`))];
  }

  #collect(own: (module: Module) => Named<Tensor>[]): Named<Tensor>[] {
    return this.namedModules().flatMap(([path, module]) => own(module).map(([key, value]) => [join(path, key), value] as const));
  }
}

/** `runningMean` is `running_mean`; a name with an underscore or without capitals stays. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter, at: number) => (at === 0 ? letter : '_') + (at === 0 ? '' : letter.toLowerCase()));
}

/** `True` and `False`. */
export function pythonBool(value: boolean): string {
  return value ? 'True' : 'False';
}

/** `(3,)`, `(2, 3)`. */
export function pythonTuple(values: readonly number[]): string {
  return values.length === 1 ? `(${values[0]},)` : `(${values.join(', ')})`;
}

function join(prefix: string, name: string): string {
  return prefix === '' ? name : `${prefix}.${name}`;
}

function quoted(keys: readonly string[]): string {
  return keys.map((key) => `"${key}"`).join(', ');
}

function unique(entries: readonly Named<Tensor>[]): Named<Tensor>[] {
  const seen = new Set<Tensor>();
  return entries.flatMap(([name, value]) => {
    if (seen.has(value)) return [];
    seen.add(value);
    return [[name, value] as const];
  });
}

/** A checkpoint may hold a scalar as one element of rank 1. */
function scalarOf(target: Tensor, source: Tensor): Tensor {
  return target.rank === 0 && source.rank === 1 && source.size === 1 ? reshape(source, []) : source;
}
