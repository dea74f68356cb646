// Running a module through one or more passes, with its state loaded before and read after. May import 'evenkeel'.

import type { Module, Tensor } from 'evenkeel';
import type { Outputs, Run } from './case.js';

export interface Pass {
  /** The input of the pass. */
  readonly x: string;
  readonly training: boolean;
}

/**
 * Loads the case's state strictly and runs the passes. Outputs are y0, y1, ... and y for the last, its gradients, and
 * the buffers afterwards as `<buffer>_after`.
 */
export function runPasses(run: Run, layer: Module, passes: readonly Pass[]): Outputs {
  layer.loadStateDict(run.stateDict());
  const ys = passes.map(({ x, training }) => forward(layer.train(training), run.tensor(x)));
  const y = ys.at(-1);
  const last = passes.at(-1);
  if (y === undefined || last === undefined) throw new Error(`${run.id} asks for no pass`);
  const x = run.tensor(last.x);
  const leaves = { x, [last.x]: x, ...Object.fromEntries(layer.namedParameters()) };
  return {
    ...Object.fromEntries(ys.map((each, i) => [`y${i}`, each])),
    y,
    ...run.gradients({ dy: y }, leaves),
    ...stateAfter(layer),
  };
}

/** Calls a module of a class that is only known at run time. */
export function forward(layer: Module, ...inputs: readonly Tensor[]): Tensor {
  const y: unknown = Reflect.apply(layer.forward, layer, inputs);
  if (isTensor(y)) return y;
  throw new Error(`${layer.constructor.name} gives no tensor`);
}

/** The state of a module as outputs `<name>_after`. */
export function stateAfter(layer: Module): Outputs {
  const state: ReadonlyMap<string, Tensor> = layer.stateDict();
  return Object.fromEntries([...state].map(([name, value]) => [`${name}_after`, value]));
}

function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && 'shape' in value && 'dtype' in value;
}
