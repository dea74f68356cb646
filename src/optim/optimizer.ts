// Optimizer: parameter groups, steps, and saving both groups and state. May import errors, tensor, autograd, ops, nn and
// state.

import { detach } from '../autograd.js';
import { KeelError, showGiven, showShape } from '../errors.js';
import { optionsOf } from '../nn/check.js';
import { Module, snakeCase } from '../nn/module.js';
import { checkBackend } from '../ops/check.js';
import { Tensor } from '../tensor.js';
import {
  checkedState, checkGroups, checkKind, checkSaved, copyOf, type OptimizerState, type ParamState, type SavedState,
} from './state.js';

/** What every optimizer lets its groups set. */
export interface GroupSettings {
  lr: number;
  weightDecay: number;
  maximize: boolean;
}

/** Parameters that are updated alike. All but the parameters may be written to between steps. */
export type ParamGroup<S> = S & {
  readonly params: Tensor[];
  /** What a schedule started from; it is set by the first one. */
  initialLr?: number;
};

/** A group as it is given: what it leaves out is as the optimizer's own options say. */
export type GroupOptions<S> = Readonly<Partial<S>> & { readonly params: Tensor | Iterable<Tensor> };

/** Tensors to update, or groups of them. */
export type Params<S> = Iterable<Tensor> | Iterable<GroupOptions<S>>;

/**
 * Base of {@link SGD}, {@link Adam} and {@link AdamW}: `step()` moves every parameter that has a gradient and writes in
 * place, outside the tape. The arithmetic is float64, each result is rounded once to the parameter's dtype, which its
 * state has too; state belongs to the optimizer and outlives every scope.
 *
 * @see https://docs.pytorch.org/docs/stable/optim.html
 * @example
 * const optimizer = new SGD(model.parameters(), { lr: 0.1 });
 * optimizer.zeroGrad();
 * model.forward(x).mean().backward();
 * optimizer.step();
 */
export abstract class Optimizer<S extends GroupSettings = GroupSettings> {
  /** The groups in order; `lr` and all other settings are writable. */
  readonly paramGroups: ParamGroup<S>[] = [];
  /** What a group has where it says nothing. */
  readonly defaults: Readonly<S>;
  readonly #states = new Map<Tensor, ParamState>();

  /** @throws KeelError [argument], [graph], [disposed] as {@link addParamGroup}, and for no parameters. */
  constructor(params: Params<S>, defaults: S) {
    this.defaults = defaults;
    this.check(defaults);
    // Which of the two it is, each element says.
    const given = listOf<Tensor | GroupOptions<S>>(params as Iterable<Tensor | GroupOptions<S>>);
    if (given.length === 0) throw new KeelError('argument', 'optimizer got an empty parameter list: give model.parameters()');
    if (!given.some(isGroup)) {
      // No setting is required, and whatever is no tensor among them is refused by name.
      this.addParamGroup({ params: given } as unknown as GroupOptions<S>);
      return;
    }
    for (const group of given) {
      if (!isGroup<S>(group)) throw mixed(group);
      this.addParamGroup(group);
    }
  }

  /** Whether the state of a parameter counts its steps. */
  protected abstract readonly countsSteps: boolean;

  /** Refuses settings outside their range, in PyTorch's words. */
  protected abstract check(settings: S): void;

  /** The tensors that the state of a parameter has after a step. */
  protected abstract kept(settings: S): readonly string[];

  /** One step of one parameter. */
  protected abstract update(x: Tensor, dx: Tensor, settings: S, state: ParamState): void;

  /**
   * Adds parameters, as layers that thaw during training.
   *
   * @throws KeelError [argument] for settings out of range or unknown, what is no tensor, and a parameter that some group
   *   has already; [graph] for the result of an operation; [disposed].
   * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.add_param_group.html
   * @example
   * optimizer.addParamGroup({ params: head.parameters(), lr: 0.01 });
   */
  addParamGroup(group: GroupOptions<S>): void {
    const { params: given, ...own } = group;
    const params = given instanceof Tensor ? [given] : listOf(given);
    // All settings have defaults, and options name no others.
    const settings = optionsOf<object>(this.constructor.name, own, this.defaults) as S;
    this.check(settings);
    const held = new Set(this.paramGroups.flatMap((each) => each.params.map(({ variable }) => variable)));
    const fresh = new Set<unknown>();
    const checked = params.map((param, i) => {
      checkParameter(param, i);
      if (held.has(param.variable)) {
        const message = `some parameters appear in more than one parameter group: ${describe(param, i)}`;
        throw new KeelError('argument', message, { index: i });
      }
      if (fresh.has(param.variable)) {
        const message = `optimizer contains a parameter group with duplicate parameters: ${describe(param, i)} is there twice`;
        throw new KeelError('argument', message, { index: i });
      }
      fresh.add(param.variable);
      return param;
    });
    this.paramGroups.push({ ...settings, params: checked });
  }

  /**
   * Moves every parameter by its gradient; those without one, and their state, stay as they are.
   *
   * @throws KeelError [disposed] for a parameter or gradient that is gone, [backend] for a gradient from elsewhere,
   *   [argument] for a setting that was made one out of range; nothing has been moved then.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.step.html
   */
  step(): void {
    const moves = this.paramGroups.flatMap((group) => {
      this.check(group);
      return group.params.flatMap((x, i) => {
        const { grad: dx } = x.variable;
        // After model.to() the gradients are those of other tensors: to pass these over would train nothing.
        checkHeld(x, i);
        if (dx === null) return [];
        // A gradient is refused if it was disposed.
        if (x.storage.kernels !== dx.storage.kernels) checkBackend('step', [x, dx]);
        return [{ group, x, dx }];
      });
    });
    for (const { group, x, dx } of moves) {
      const state = this.#stateOf(x);
      state.step += 1;
      this.update(x, dx, group, state);
      x.storage.version++;
    }
  }

  /** Sets the gradient of every parameter to null; in a {@link scope} the memory of those that were goes with it. */
  zeroGrad(): void {
    for (const { params } of this.paramGroups) for (const param of params) param.grad = null;
  }

  /**
   * Groups and state under PyTorch's keys, to resume from: `{ state: { 0: { step, exp_avg, ... } }, param_groups }`. The
   * tensors share the optimizer's elements, as those of {@link Module.stateDict} share the module's; JSON would lose them:
   * `saveCheckpoint` writes it.
   *
   * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.state_dict.html
   * @example
   * fresh.loadStateDict(optimizer.stateDict());
   */
  stateDict(): OptimizerState {
    let count = 0;
    const groups = this.paramGroups.map(({ params, ...settings }) => {
      const saved = Object.entries(settings).map(([name, value]) => [snakeCase(name), value] as const);
      return { ...Object.fromEntries(saved), params: params.map(() => count++) };
    });
    const all = this.paramGroups.flatMap(({ params }) => params);
    const states = all.flatMap((param, i) => {
      const state = this.#states.get(param);
      if (state === undefined || (state.tensors.size === 0 && !this.countsSteps)) return [];
      return [[i, this.#saved(state)] as const];
    });
    return { state: Object.fromEntries(states), param_groups: groups };
  }

  #saved({ step, tensors }: ParamState): SavedState {
    const shared = Object.fromEntries([...tensors].map(([name, held]) => [name, detach(held)] as const));
    return this.countsSteps ? { step, ...shared } : shared;
  }

  /**
   * Takes over settings and state: copies, in the dtype of each parameter. Settings that PyTorch has and this optimizer
   * does not (`foreach`, `fused`) are left out.
   *
   * @throws KeelError [state_dict] for what is no such state, other numbers of groups or parameters, tensors of another
   *   shape, values that are none and such as are missing, settings of another type; [argument] for settings out of range;
   *   [disposed]. Nothing has been taken over then.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.load_state_dict.html
   */
  loadStateDict(given: OptimizerState): void {
    const { state, param_groups: saved } = checkSaved(given);
    checkGroups(this.paramGroups.map(({ params }) => params.length), saved);
    const groups = this.paramGroups.map((group, i) => this.#merged(group, saved[i] ?? {}));
    const all = groups.flatMap((group) => group.params.map((param) => ({ param, kept: this.kept(group) })));
    // PyTorch's numbers may be any: they stand for parameters by their order.
    const numbers = saved.flatMap(({ params }) => (Array.isArray(params) ? params : []));
    const numbered = new Map(numbers.map((number, i) => [String(number), all[i]] as const));
    const named = Object.entries(state).flatMap(([key, held]) => {
      const { param, kept } = numbered.get(key) ?? {};
      if (param === undefined || kept === undefined) return [];
      return [[param, checkedState(key, held, { param, kept, countsSteps: this.countsSteps })] as const];
    });
    const states = named.map(([param, held]) => [param, copyOf(held, param)] as const);
    for (const { tensors } of this.#states.values()) for (const old of tensors.values()) old.dispose();
    this.#states.clear();
    for (const [param, copy] of states) this.#states.set(param, copy);
    groups.forEach((group, i) => Object.assign(this.paramGroups[i] ?? {}, group));
  }

  #merged(group: ParamGroup<S>, saved: Readonly<Record<string, unknown>>): ParamGroup<S> {
    const names = [...Object.keys(this.defaults), 'initialLr'];
    const found = names.flatMap((name) => {
      const value = saved[snakeCase(name)];
      if (value === undefined) return [];
      checkKind(name, value, Reflect.get(this.defaults, name) ?? 0);
      return [[name, value] as const];
    });
    const merged = { ...group, ...Object.fromEntries(found) };
    this.check(merged);
    return merged;
  }

  #stateOf(param: Tensor): ParamState {
    const held = this.#states.get(param);
    if (held !== undefined) return held;
    const made = { step: 0, tensors: new Map<string, Tensor>() };
    this.#states.set(param, made);
    return made;
  }
}

/** Refuses a number below 0. `what` is PyTorch's name of it: `learning rate`. */
export function checkNotNegative(what: string, value: number): void {
  if (typeof value === 'number' && value >= 0) return;
  throw new KeelError('argument', `Invalid ${what}: ${String(value)}; it is a number from 0`, { [what]: value });
}

function listOf<T>(given: Iterable<T>): T[] {
  const isList = typeof given === 'object' && given !== null && Symbol.iterator in given;
  // A Sequential is iterable too.
  if (isList && !(given instanceof Tensor || given instanceof Module)) return [...given];
  const message = 'params argument given to the optimizer should be an iterable of Tensors or dicts, but got';
  throw new KeelError('argument', `${message} ${showGiven(given)}: give model.parameters()`, { given });
}

function isGroup<S>(given: unknown): given is GroupOptions<S> {
  return typeof given === 'object' && given !== null && !(given instanceof Tensor) && 'params' in given;
}

function mixed(given: unknown): KeelError {
  const message = `some of params are groups, so all must be: got ${showGiven(given)}; put it as { params: [...] }`;
  return new KeelError('argument', message, { given });
}

function checkParameter(param: unknown, i: number): asserts param is Tensor {
  if (!(param instanceof Tensor)) {
    // From a list of modules, and from namedParameters().
    const hint = param instanceof Module || Array.isArray(param) ? ': give model.parameters()' : '';
    const message = `optimizer can only optimize Tensors, but one of the params is ${showGiven(param)}, at ${i}${hint}`;
    throw new KeelError('argument', message, { index: i, given: param });
  }
  checkHeld(param, i);
  const { node } = param.variable;
  if (node === null) return;
  const message = `can't optimize a non-leaf Tensor: ${describe(param, i)} is the result of ${node.name}`;
  throw new KeelError('graph', message, { index: i, node: node.name });
}

function checkHeld(param: Tensor, i: number): void {
  if (!param.isDisposed) return;
  const message = `${describe(param, i)} was disposed: keep it, and make the optimizer after model.to()`;
  throw new KeelError('disposed', message, { index: i });
}

function describe({ shape }: Tensor, i: number): string {
  return `parameter ${i} of its group, ${showShape(shape)}`;
}
