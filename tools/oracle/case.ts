// One run of a case: its arguments, its tensors on the backend in use, and the gradients it asks for.
// May import 'evenkeel'.

import { grad, tensor, zeros, type Tensor } from 'evenkeel';
import type { Limits } from './compare.js';
import type { Fields } from './fields.js';
import type { Case } from './suite.js';

/** What an op computes, under the names of the corpus. It may hold more than the case asks for. */
export type Outputs = Readonly<Record<string, Tensor>>;

/** Runs a case of one op. */
export type Op = (run: Run) => Outputs;

export class Run {
  readonly id: string;
  readonly args: Fields;
  readonly inputs: readonly string[];
  readonly params: readonly string[];
  readonly outputs: readonly string[];
  readonly json: Fields;
  readonly #stored: Case['tensors'];
  readonly #tensors = new Map<string, Tensor>();

  constructor({ id, json, tensors }: Case) {
    this.id = id;
    this.json = json;
    this.args = json.fields('args', {});
    this.inputs = json.texts('inputs', []);
    this.params = json.texts('params', []);
    this.outputs = json.texts('outputs', []);
    this.#stored = tensors;
  }

  /** Whether the case has such an input or parameter. */
  has(name: string): boolean {
    return this.inputs.includes(name) || this.params.includes(name);
  }

  wants(output: string): boolean {
    return this.outputs.includes(output);
  }

  /** Shape of a stored tensor. */
  shapeOf(name: string): readonly number[] {
    return this.#find(name).shape;
  }

  /** An input or parameter; the same one at each call, and a leaf of the tape where its gradient is asked for. */
  tensor(name: string): Tensor {
    const made = this.#tensors.get(name) ?? this.#make(name);
    this.#tensors.set(name, made);
    return made;
  }

  /** A parameter that need not exist. */
  optional(name: string): Tensor | null {
    return this.has(name) ? this.tensor(name) : null;
  }

  /** Scale and shift as options of a layer: only those that the case has. */
  affine(weight = 'weight', bias = 'bias'): { weight?: Tensor; bias?: Tensor } {
    return {
      ...(this.has(weight) ? { weight: this.tensor(weight) } : {}),
      ...(this.has(bias) ? { bias: this.tensor(bias) } : {}),
    };
  }

  /** All parameters and buffers under their state-dict names. */
  stateDict(): Map<string, Tensor> {
    return new Map(this.params.map((name) => [name, this.tensor(name)]));
  }

  /**
   * d<name> for each leaf that the case asks for: gradients of the sum of every output times its upstream gradient,
   * which is an input of the case. Nothing for a case that is forward only.
   */
  gradients(outputs: Outputs, leaves: Outputs): Outputs {
    const wanted = Object.entries(leaves).filter(([name]) => this.wants(`d${name}`));
    const pairs = Object.entries(outputs).filter(([upstream]) => this.has(upstream));
    if (wanted.length === 0 || pairs.length === 0) return {};
    const gradients = grad(
      pairs.map(([, output]) => output),
      wanted.map(([, leaf]) => leaf),
      { gradOutputs: pairs.map(([upstream]) => this.tensor(upstream)) },
    );
    return Object.fromEntries(
      // A leaf that has no part in the sum has a gradient of zeros.
      wanted.map(([name, leaf], i) => [`d${name}`, gradients[i] ?? zeros(leaf.shape)]),
    );
  }

  /** y, and the gradients of Σ y·dy with respect to the inputs and parameters named. */
  result(y: Tensor, ...leaves: readonly string[]): Outputs {
    const present = leaves.filter((name) => this.has(name));
    return { y, ...this.gradients({ dy: y }, Object.fromEntries(present.map((name) => [name, this.tensor(name)]))) };
  }

  /** The limits of an output; without any it has to be equal. */
  limits(output: string): Limits {
    const limits = this.json.fields('tolerance', {}).fields(output, {});
    return {
      rtol: limits.number('rtol', 0),
      atol: limits.number('atol', 0),
      strictAtol: limits.has('strict_atol') ? limits.number('strict_atol') : null,
    };
  }

  #make(name: string): Tensor {
    const { data, shape, dtype } = this.#find(name);
    // Inputs x0, x1, ... are the x of consecutive passes.
    const isX = this.inputs.includes(name) && /^x\d+$/.test(name);
    const gradient = this.wants(`d${name}`) || (isX && this.wants('dx'));
    return tensor(data, shape, { dtype, requiresGrad: gradient && dtype === 'float32' });
  }

  #find(name: string) {
    const stored = this.#stored.get(name);
    if (stored === undefined) throw new Error(`the suite holds no tensor '${this.id}/${name}'`);
    return stored;
  }
}
