// What runs before and after a module's forward pass: its own `forward` is wrapped once. May import errors.

import { KeelError, showGiven } from '../errors.js';

/** What hooks need of a module. */
interface Callable {
  forward(...inputs: never[]): unknown;
}

/** What `forward` of a module is called with. */
type Inputs<M extends Callable> = Readonly<Parameters<M['forward']>>;
type Output<M extends Callable> = ReturnType<M['forward']>;

/** Runs before a forward pass; what it returns, unless undefined, takes the place of the inputs: a list of them, or the only one. */
export type PreHook<M extends Callable> = (module: M, inputs: Inputs<M>) => Inputs<M> | Inputs<M>[0] | void;
/** Runs after a forward pass; what it returns, unless undefined, is the output. */
export type Hook<M extends Callable> = (module: M, inputs: Inputs<M>, output: Output<M>) => Output<M> | void;

/** The hooks of one module, in the order in which they came. */
export class Hooks<M extends Callable> {
  readonly before = new Set<PreHook<M>>();
  readonly after = new Set<Hook<M>>();

  /** @param unwrap called once the last hook is gone */
  constructor(private readonly unwrap: () => void) {}

  addBefore(hook: PreHook<M>): () => void {
    return this.add(this.before, hook, (module, inputs) => hook(module, inputs));
  }

  addAfter(hook: Hook<M>): () => void {
    return this.add(this.after, hook, (module, inputs, output) => hook(module, inputs, output));
  }

  /** A wrapper of its own, as the same function may stand twice. */
  private add<F>(among: Set<F>, hook: F, own: F): () => void {
    if (typeof hook !== 'function') {
      this.settle();
      throw new KeelError('argument', `a hook is a function, got ${showGiven(hook)}`, { hook });
    }
    among.add(own);
    return () => {
      if (among.delete(own)) this.settle();
    };
  }

  private settle(): void {
    if (this.before.size + this.after.size === 0) this.unwrap();
  }

  run(module: M, forward: Callable['forward'], given: Inputs<M>): unknown {
    let inputs = given;
    for (const hook of this.before) {
      const replaced = hook(module, inputs);
      // Of the types that forward takes, as the hook's own type says.
      if (replaced !== undefined) inputs = (Array.isArray(replaced) ? replaced : [replaced]) as Inputs<M>;
    }
    // What M's own forward returns.
    let output = Reflect.apply(forward, module, inputs) as Output<M>;
    for (const hook of this.after) {
      const replaced = hook(module, inputs, output);
      if (replaced !== undefined) output = replaced;
    }
    return output;
  }
}

/** The hooks of a module: its `forward` is wrapped as long as there are any. */
export function hooksOf<M extends Callable>(module: M): Hooks<M> {
  // The map holds for each module the hooks that were made for it.
  const held = known.get(module) as Hooks<M> | undefined;
  if (held !== undefined) return held;
  const before = Object.getOwnPropertyDescriptor(module, 'forward');
  const hooks = new Hooks<M>(() => {
    known.delete(module);
    if (before === undefined) Reflect.deleteProperty(module, 'forward');
    else Object.defineProperty(module, 'forward', before);
  });
  known.set(module, hooks);
  const { forward } = module;
  // What M's forward is called with.
  const value = (...inputs: never[]): unknown => hooks.run(module, forward, inputs as unknown as Inputs<M>);
  Object.defineProperty(module, 'forward', { value, configurable: true, writable: true });
  return hooks;
}

/** Whether something sees the module's forward passes: a caller that would compute them otherwise must not. */
export function isHooked(module: object): boolean {
  return known.has(module);
}

/** The hooks of each module that has any. */
const known = new WeakMap<object, unknown>();
