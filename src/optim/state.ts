// What an optimizer knows of each parameter, and loads: PyTorch's state dict, checked before anything is taken over.
// May import errors, create, tensor, autograd, ops and nn.

import { noGrad } from '../autograd.js';
import { empty } from '../create.js';
import { KeelError, showGiven, showShape } from '../errors.js';
import { snakeCase } from '../nn/module.js';
import { fill, toBackend } from '../ops/movement.js';
import { keep, sameShape, Tensor } from '../tensor.js';

/** What an optimizer knows of one parameter: tensors by PyTorch's names, and `step` where it counts them. */
export type SavedState = Readonly<Record<string, Tensor | number>>;

/** State and groups under PyTorch's keys; parameters are numbered through all groups in order. */
export interface OptimizerState {
  readonly state: Readonly<Record<string, SavedState>>;
  readonly param_groups: readonly Readonly<Record<string, unknown>>[];
}

/** The state of one parameter. */
export interface ParamState {
  step: number;
  readonly tensors: Map<string, Tensor>;
}

/** A tensor of the state by its name: zeros like the parameter, at first. */
export function stateTensor(state: ParamState, name: string, param: Tensor): Tensor {
  const found = state.tensors.get(name);
  if (found !== undefined) return found;
  const made = keep(empty(param.shape, param.dtype, param));
  fill(made, 0);
  state.tensors.set(name, made);
  return made;
}

/** Refuses what is no state dict of an optimizer. */
export function checkSaved(given: OptimizerState): OptimizerState {
  if (isObject(given) && isObject(given.state)) return given;
  const message = `an optimizer loads what its stateDict() gave, { state, param_groups }, got ${showGiven(given)}`;
  throw new KeelError('state_dict', message, { given });
}

/** Refuses groups of other numbers of parameters than `counts`. */
export function checkGroups(counts: readonly number[], saved: OptimizerState['param_groups']): void {
  if (!Array.isArray(saved) || saved.length !== counts.length) {
    const got = Array.isArray(saved) ? saved.length : showGiven(saved);
    const message = `loaded state dict has a different number of parameter groups: ${got}, and the optimizer ${counts.length}`;
    throw new KeelError('state_dict', message, { expected: counts.length, got });
  }
  saved.forEach((group: OptimizerState['param_groups'][number] | null, i) => {
    const params = group?.['params'];
    const got = Array.isArray(params) ? params.length : 0;
    if (got === counts[i]) return;
    const message =
      "loaded state dict contains a parameter group that doesn't match the size of optimizer's group: " +
      `group ${i} has ${got} parameters, and the optimizer's ${counts[i]}`;
    throw new KeelError('state_dict', message, { group: i, expected: counts[i], got });
  });
}

/** Refuses a setting that is of another type than `model`, the optimizer's own. */
export function checkKind(name: string, value: unknown, model: unknown): void {
  const isList = Array.isArray(model);
  if (isList ? Array.isArray(value) && value.length === model.length : typeof value === typeof model) return;
  const expected = isList ? `a list of ${model.length} numbers` : `a ${typeof model}`;
  const message = `${snakeCase(name)} of a loaded group is ${showGiven(value)}, not ${expected}`;
  throw new KeelError('state_dict', message, { name, value });
}

/** What the state of a parameter has to fit. */
interface Expected {
  readonly param: Tensor;
  /** Tensors that are there after a step. */
  readonly kept: readonly string[];
  readonly countsSteps: boolean;
}

/** The state of one parameter, once its steps are a number, its tensors have the parameter's shape, and none is missing. */
export function checkedState(key: string, saved: SavedState, { param, kept, countsSteps }: Expected): SavedState {
  const complain = (message: string, data: Readonly<Record<string, unknown>>, hint = ''): KeelError =>
    new KeelError('state_dict', `${message} in the loaded state dict${hint}`, { key, ...data });
  if (!isObject(saved)) throw complain(`parameter ${key} has ${showGiven(saved)} for its state`, { saved });
  for (const [name, value] of Object.entries<unknown>(saved)) {
    // Refuses what was disposed.
    const size = value instanceof Tensor ? value.storage.length : 1;
    if (name === 'step') {
      const steps = value instanceof Tensor && size === 1 ? value.item() : value;
      if (typeof steps === 'number' && steps >= 0) continue;
      throw complain(`step of parameter ${key} is ${showGiven(steps)}, not how many there were,`, { steps });
    }
    if (value === null || typeof value === 'number') continue;
    if (!(value instanceof Tensor)) {
      const message = `${name} of parameter ${key} is ${showGiven(value)}, neither tensor nor number nor null,`;
      throw complain(message, { name, value }, wayOut);
    }
    if (sameShape(value.shape, param.shape)) continue;
    const facts = { name, expected: param.shape, got: value.shape };
    throw complain(`${name} of parameter ${key}, whose shape is ${showShape(param.shape)}, has shape ${showShape(value.shape)}`, facts);
  }
  const lacking = [...(countsSteps ? ['step'] : []), ...kept].find((name) => isLacking(saved, name, countsSteps));
  if (lacking === undefined) return saved;
  throw complain(`parameter ${key} lacks ${lacking}, from which this optimizer goes on,`, { name: lacking }, wayOut);
}

const wayOut = ': JSON keeps no tensors, saveCheckpoint and loadCheckpoint do';

/** Before the first step there is nothing to keep; a buffer that is null begins in the next one. */
function isLacking(saved: SavedState, name: string, countsSteps: boolean): boolean {
  if (name === 'step') return saved[name] === undefined;
  if (saved[name] instanceof Tensor) return false;
  const { step = 0 } = saved;
  return countsSteps ? (step instanceof Tensor ? step.item() : step) > 0 : saved[name] !== null;
}

/** Where nothing was saved, a checkpoint may have null: a momentum buffer before the first step. */
export function copyOf({ step = 0, ...rest }: SavedState, param: Tensor): ParamState {
  const tensors = Object.entries(rest).flatMap(([name, value]) =>
    value instanceof Tensor ? [[name, keep(noGrad(() => toBackend(value, param.dtype, param)))] as const] : [],
  );
  return { step: step instanceof Tensor ? step.item() : step, tensors: new Map(tensors) };
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
