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

  /** The same function may stand twice. */
  addBefore(hook: PreHook<M>): () => void {
    checkHook(hook);
    const own: PreHook<M> = (module, inputs) => hook(module, inputs);
    this.before.add(own);
    return () => void this.before.delete(own);
  }

  addAfter(hook: Hook<M>): () => void {
    checkHook(hook);
    const own: Hook<M> = (module, inputs, output) => hook(module, inputs, output);
    this.after.add(own);
    return () => void this.after.delete(own);
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

/** The hooks of a module, which sees none of them yet: without any the wrapper only passes on. */
export function hooksOf<M extends Callable>(module: M): Hooks<M> {
  // The map holds for each module the hooks that were made for it.
  const held = known.get(module) as Hooks<M> | undefined;
  if (held !== undefined) return held;
  const hooks = new Hooks<M>();
  known.set(module, hooks);
  const { forward } = module;
  // What M's forward is called with.
  const value = (...inputs: never[]): unknown => hooks.run(module, forward, inputs as unknown as Inputs<M>);
  Object.defineProperty(module, 'forward', { value, configurable: true, writable: true });
  return hooks;
}

/** Whether something sees the module's forward passes: a caller that would compute them otherwise must not. */
export function isHooked(module: object): boolean {
  const hooks = known.get(module);
  return hooks !== undefined && hooks.before.size + hooks.after.size > 0;
}

function checkHook(hook: unknown): void {
  if (typeof hook === 'function') return;
  throw new KeelError('argument', `a hook is a function, got ${showGiven(hook)}`, { hook });
}

/** The hooks of each module, as far as they can be told of modules of any class. */
const known = new WeakMap<object, { readonly before: ReadonlySet<unknown>; readonly after: ReadonlySet<unknown> }>();
