// Module: parameters, buffers, state dict, modes, hooks and repr. May import errors, tensor, autograd, ops, check, parameter,
// hooks and state.

import { detach, noGrad } from '../autograd.js';
import { isClass, KeelError, nameOf, showGiven, showValue } from '../errors.js';
import { checkBackend } from '../ops/check.js';
import { copyInto, to } from '../ops/movement.js';
import { keep, scope, type Tensor } from '../tensor.js';
import { optionsOf } from './check.js';
import { hooksOf, type Hook, type PreHook } from './hooks.js';
import { Buffer, bufferOf, Parameter, parameterOf } from './parameter.js';
import { entriesOf, match, respell, type Loading } from './state.js';

/** What became of the entries of a state dict. */
export interface LoadReport {
  readonly missingKeys: string[];
  readonly unexpectedKeys: string[];
  /** Own keys whose tensor has another shape in the checkpoint, with the same elements. */
  readonly reshapedKeys: string[];
  /** The key layout that was recognized, where the keys are not the module's own: `timm`, `module.` of a wrapper; else null. */
  readonly layout: string | null;
}

/** Something of a module by its PyTorch key or path. */
export type Named<T> = readonly [name: string, value: T];

/**
 * Base of all layers. Properties that hold a {@link Parameter}, a {@link Buffer} or a Module are its state; their
 * state-dict key is the property's name in snake case (`runningMean` is `running_mean`), in order of assignment. Lists of
 * modules stand in a {@link ModuleList}. A `static readonly type: string = 'Scale'` is the name that the repr and messages show where
 * a minifier renames the class.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html
 * @example
 * class Scale extends Module {
 *   static readonly type: string = 'Scale';
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
    checkFlag('train', on);
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

  /**
   * Parameters with their state-dict keys, each once.
   *
   * @throws KeelError [argument] for a module or parameter that a property holds in a list and nothing else does: it would
   *   neither learn nor be saved.
   */
  namedParameters(): Named<Tensor>[] {
    checkLists(this.namedModules());
    return unique(this.collect((module) => module.ownParameters()));
  }

  /** Own buffers and those of all modules below. */
  buffers(): Tensor[] {
    return this.namedBuffers().map(([, buffer]) => buffer);
  }

  /** Buffers with their state-dict keys. */
  namedBuffers(): Named<Tensor>[] {
    return unique(this.collect((module) => module.ownBuffers()));
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

  /** Calls f on every module below and then on this one, each once. */
  apply(f: (module: Module) => void, seen = new Set<Module>()): this {
    if (seen.has(this)) return this;
    seen.add(this);
    for (const child of this.children()) child.apply(f, seen);
    f(this);
    return this;
  }

  /**
   * Brings parameters and buffers of this module and all below to a float dtype, and the gradients that they hold;
   * `num_batches_tracked` stays int64. The converted ones are new tensors and the others are disposed, so an optimizer
   * is made afterwards.
   *
   * @throws KeelError [dtype] for another dtype.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.to
   * @example
   * new LayerNorm(4).to('float64').forward(randn([2, 4], { dtype: 'float64' }));
   */
  to(dtype: 'float32' | 'float64'): this {
    if (!isFloat(dtype)) {
      const message = `Module.to only accepts floating point dtypes, got ${String(dtype)}: float32 or float64`;
      throw new KeelError('dtype', message, { dtype });
    }
    const done = new Map<Tensor, Tensor>();
    for (const module of this.modules()) {
      for (const [property, value] of module.fields()) {
        if (!(value instanceof Parameter || value instanceof Buffer)) continue;
        if (!isFloat(value.dtype) || value.dtype === dtype) continue;
        const converted = done.get(value) ?? convertedTo(value, dtype);
        done.set(value, converted);
        Reflect.set(module, property, converted);
      }
    }
    for (const replaced of done.keys()) replaced.dispose();
    return this;
  }

  /** Sets whether every parameter requires a gradient. */
  requiresGrad(on = true): this {
    checkFlag('requiresGrad', on);
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
    checkLists(this.namedModules());
    return new Map(this.stateEntries().map(([key, value]) => [key, detach(value)]));
  }

  /**
   * Copies the tensors of a state dict into the parameters and buffers of the same keys, their dtype converted.
   *
   * @param options `strict`, default true: refuse missing and unexpected keys. Shapes must always fit.
   * @throws KeelError [state_dict] with PyTorch's report, [disposed] or [dtype] for a tensor that cannot be converted,
   *   [argument] for other options; nothing has been copied then, and a lazy layer is still lazy.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.load_state_dict
   */
  loadStateDict(
    state: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>,
    options: { readonly strict?: boolean } = {},
  ): LoadReport {
    const { strict } = optionsOf('loadStateDict', options, { strict: true });
    const found = { reshapedKeys: [], aliases: new Map<string, string>(), layout: null, stranger: null };
    const loading: Loading = { state: entriesOf(state), undo: [], complaints: [], ...found };
    try {
      return scope(() => this.load(loading, strict));
    } catch (error) {
      for (const step of loading.undo) step();
      throw error;
    }
  }

  private load(loading: Loading, strict: boolean): LoadReport {
    const modules = this.namedModules();
    for (const [path, module] of modules) module.adaptState(loading, join(path, ''));
    const optional = modules.flatMap(([path, module]) => module.optionalKeys().map((key) => join(path, key)));
    const own = this.stateEntries();
    const wrapper = respell(loading, new Set(own.map(([key]) => key)), (key) => key.split('.').map(snakeCase).join('.'));
    loading.layout ??= wrapper;
    const { copies, complaints, mismatched, ...report } = match(own, loading, new Set(optional), strict);
    if (complaints.length > 0) {
      throw new KeelError(
        'state_dict',
        `Error(s) in loading state_dict for ${this.typeName()}:\n\t${complaints.join('\n\t')}`,
        { ...report, mismatched },
      );
    }
    noGrad(() => {
      // Whatever may be refused is, before the first copy.
      for (const { target } of copies) checkBackend('loadStateDict', [target]);
      const ready = copies.map(({ target, source }) => [target, to(source, target.dtype)] as const);
      for (const [target, source] of ready) copyInto(target, source);
    });
    return report;
  }

  /**
   * Calls `hook(module, inputs, output)` after each forward pass; what it returns, unless undefined, takes the output's
   * place. Returns the function that removes it. Tensors seen outlive the pass's scopes only with `keep`.
   *
   * @throws KeelError [argument] for a hook that is no function.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_forward_hook
   * @example
   * const remove = new LayerNorm(4).registerForwardHook((_, __, y) => console.log(String(y)));
   */
  registerForwardHook<M extends Module>(this: M, hook: Hook<M>): () => void {
    return hooksOf(this).addAfter(hook);
  }

  /**
   * Calls `hook(module, inputs)` before each forward pass; what it returns, unless undefined, takes the inputs' place: a
   * list of them, or the only one. Returns the function that removes it.
   *
   * @throws KeelError [argument] for a hook that is no function.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_forward_pre_hook
   * @example
   * new LayerNorm(4).registerForwardPreHook((_, [x]) => void console.log(String(x)));
   */
  registerForwardPreHook<M extends Module>(this: M, hook: PreHook<M>): () => void {
    return hooksOf(this).addBefore(hook);
  }

  /** PyTorch's repr. */
  toString(): string {
    if (printing.has(this)) return `${this.typeName()}(...)`;
    const lines = this.childLines();
    const extra = this.extraRepr();
    if (lines.length === 0) return `${this.typeName()}(${extra})`;
    return `${this.typeName()}(\n${extra === '' ? '' : `  ${extra}\n`}${lines.join('\n')}\n)`;
  }

  private childLines(): string[] {
    printing.add(this);
    try {
      return this.reprChildren().map(([name, text]) => `  (${name}): ${text.replaceAll('\n', '\n  ')}`);
    } finally {
      printing.delete(this);
    }
  }

  /** The arguments between the parentheses of the repr. */
  protected extraRepr(): string {
    return '';
  }

  /** The class name of the repr and of messages: a static `type` of the class, as minifiers rename classes, or its name. */
  typeName(): string {
    return nameOf(this.constructor);
  }

  /** What Node's console shows: the repr. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }

  protected reprChildren(): Named<string>[] {
    return this.namedChildren().map(([name, child]) => [name, String(child)]);
  }

  /** State-dict keys that a checkpoint may lack. */
  protected optionalKeys(): string[] {
    return [];
  }

  /** Lets a module rename, reshape or drop entries of an older or foreign checkpoint below `prefix` before they are matched. */
  protected adaptState(_loading: Loading, _prefix: string): void {}

  /** Own parameters by key, in order. */
  protected ownParameters(): Named<Parameter>[] {
    return this.ownValues().flatMap(([name, value]) => (value instanceof Parameter ? [[name, value] as const] : []));
  }

  /** Own buffers by key, in order. */
  protected ownBuffers(): Named<Buffer>[] {
    return this.ownValues().flatMap(([name, value]) => (value instanceof Buffer ? [[name, value] as const] : []));
  }

  private ownValues(): Named<unknown>[] {
    return this.fields().map(([property, value]) => [snakeCase(property), value] as const);
  }

  /** Properties that hold a value; computed ones are none. */
  private fields(): Named<unknown>[] {
    return Object.entries(Object.getOwnPropertyDescriptors(this)).flatMap(([property, { value, enumerable }]) =>
      enumerable === true && value !== undefined ? [[property, value] as const] : [],
    );
  }

  /** A module that stands twice has its entries twice, as in PyTorch, but not within itself. */
  private stateEntries(prefix = '', above: readonly Module[] = []): Named<Tensor>[] {
    if (above.includes(this)) return [];
    const own = [...this.ownParameters(), ...this.ownBuffers()].map(([key, value]) => [prefix + key, value] as const);
    const path = [...above, this];
    const below = this.namedChildren().flatMap(([name, child]) => child.stateEntries(`${prefix}${name}.`, path));
    return [...own, ...below];
  }

  private collect(own: (module: Module) => Named<Tensor>[]): Named<Tensor>[] {
    return this.namedModules().flatMap(([path, module]) => own(module).map(([key, value]) => [join(path, key), value] as const));
  }
}

/** Refuses what is no module. */
export function checkModule(module: unknown): void {
  if (module instanceof Module) return;
  const isForeign = typeof module === 'object' && module !== null && 'stateDict' in module;
  const hint = Array.isArray(module)
    ? 'a list is no Module: spread it, as in new Sequential(...modules)'
    : isForeign
      ? `${String(module)} is a Module of another copy of evenkeel: see that only one is installed`
      : isClass(module) && module.prototype instanceof Module
        ? `${showGiven(module)} is no Module but makes one: new ${nameOf(module)}(...)`
        : typeof module === 'function'
          ? `${showGiven(module)} is no Module: call it in the forward of a class that extends Module`
          : `${showValue(module)} is no Module: make one, as new LayerNorm(4)`;
  throw new KeelError('argument', hint, { module });
}

/** PyTorch passes lists over without a word. */
function checkLists(modules: readonly Named<Module>[]): void {
  const held = new Set<unknown>(modules.flatMap(([, module]) => [module, ...Object.values(module)]));
  const properties = modules.flatMap(([path, module]) => Object.entries(module).map(([name, value]) => [join(path, name), value] as const));
  for (const [property, list] of properties) {
    const entries: readonly unknown[] = Array.isArray(list) ? list : [];
    const stray = entries.find((each) => (each instanceof Module || each instanceof Parameter) && !held.has(each));
    if (stray === undefined) continue;
    const [name, remedy] = stray instanceof Module ? [stray.typeName(), 'make the list a ModuleList'] : ['Parameter', 'give each a property'];
    const message = `'${property}' is a list with a ${name} that is no part of ${modules[0]?.[1].typeName()}: ${remedy}`;
    throw new KeelError('argument', message, { property });
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

/** Modules whose text is being made: one that contains itself ends there. */
const printing = new Set<Module>();

function checkFlag(method: string, on: boolean): void {
  if (typeof on === 'boolean') return;
  throw new KeelError('argument', `${method}() takes true or false, got ${String(on)}`, { on });
}

function isFloat(dtype: string): boolean {
  return dtype === 'float32' || dtype === 'float64';
}

/** The same in another dtype, with its gradient; a scope around it ends before it. */
function convertedTo(held: Parameter | Buffer, dtype: 'float32' | 'float64'): Tensor {
  const { requiresGrad, grad } = held;
  const copy = (x: Tensor) => keep(noGrad(() => to(x, dtype)));
  const made = copy(held);
  const converted = keep(held instanceof Parameter ? parameterOf(made, { requiresGrad }) : bufferOf(made));
  if (grad === null) return converted;
  converted.grad = copy(grad);
  grad.dispose();
  return converted;
}

function join(prefix: string, name: string): string {
  return prefix === '' ? name : `${prefix}.${name}`;
}

function unique(entries: readonly Named<Tensor>[]): Named<Tensor>[] {
  const seen = new Set<Tensor>();
  return entries.flatMap(([name, value]) => {
    if (seen.has(value)) return [];
    seen.add(value);
    return [[name, value] as const];
  });
}
