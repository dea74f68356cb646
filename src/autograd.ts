// The tape: records operations as they run and walks them backwards. May import errors, tensor and gradients.

import { KeelError, showShape } from './errors.js';
import { Gradients, type Arithmetic } from './gradients.js';
import { keep, leaf, sameShape, scope, Tensor, type GradNode, type Variable } from './tensor.js';

/** Gradients of the inputs from those of the outputs; null where an input has none. */
export type Backward<S extends readonly Tensor[]> = (
  dys: readonly (Tensor | null)[],
  saved: S,
) => readonly (Tensor | null)[];

/** An operation to record: what went in and came out, what its backward needs, and that backward. */
export interface Operation<S extends readonly Tensor[]> {
  readonly name: string;
  readonly inputs: readonly (Tensor | null)[];
  readonly outputs: readonly Tensor[];
  /** Tensors whose values the backward pass reads; given back to it in this order. */
  readonly saved?: S;
  readonly backward: Backward<S>;
}

let arithmetic: Arithmetic | null = null;
let recording = true;
let createsGraph = false;
let sequence = 0;

/** @internal */
export function useArithmetic(given: Arithmetic): void {
  arithmetic = given;
}

/**
 * Runs `f` without recording: its results carry no history and cannot be differentiated.
 *
 * @throws KeelError [argument] for an async function: recording would be on again when it goes on.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.no_grad.html
 * @example
 * const prediction = noGrad(() => layer.forward(x));
 */
export function noGrad<T>(f: () => T): T {
  const result = recordingAs(false, f);
  if (!(result instanceof Promise)) return result;
  throw new KeelError('argument', 'noGrad() takes no async function: await outside of it, and call it for each part between');
}

/** Whether operations are recorded now. */
export function isGradEnabled(): boolean {
  return recording;
}

/** @internal Whether a backward pass runs that must itself be recorded, so of recorded ops and not of a fused kernel. */
export function isCreatingGraph(): boolean {
  return createsGraph;
}

/** @internal Whether an operation on these inputs would be recorded. */
export function isRecorded(inputs: readonly (Tensor | null)[]): boolean {
  return recording && inputs.some((input) => input?.requiresGrad === true);
}

/** @internal Puts an operation on the tape where one of its inputs requires a gradient. */
export function record<const S extends readonly Tensor[] = readonly []>(operation: Operation<S>): void {
  if (!isRecorded(operation.inputs)) return;
  // The node gives `saved` back one for one, in their order: what S says.
  const backward = operation.backward as Backward<readonly Tensor[]>;
  const node = new Node({ ...operation, backward });
  operation.outputs.forEach((output, i) => {
    if (output.dtype === 'float32' || output.dtype === 'float64') output.recordAs(node, i);
  });
}

/** A tensor with the same elements and no history; later writes to one are seen in the other. */
export function detach(x: Tensor): Tensor {
  return new Tensor(x.shape, x.storage, leaf());
}

class Node implements GradNode {
  readonly name: string;
  readonly sequence = sequence++;
  readonly inputs: readonly (Variable | null)[];
  #backward: Backward<readonly Tensor[]>;
  #saved: readonly Saved[] | null;
  #holders = 0;

  constructor({ name, inputs, saved = [], backward }: Operation<readonly Tensor[]>) {
    this.name = name;
    this.inputs = inputs.map((input) => (input?.requiresGrad === true ? input.variable : null));
    this.#backward = backward;
    this.#saved = saved.map((tensor) => ({ tensor: alias(tensor), version: tensor.storage.version }));
    for (const input of this.inputs) input?.node?.retain();
  }

  run(dys: readonly (Tensor | null)[]): readonly (Tensor | null)[] {
    if (this.#saved === null) {
      throw new KeelError(
        'graph',
        `Trying to backward through the graph a second time (at ${this.name}), when its saved tensors have already been ` +
          'freed: specify retainGraph: true in the first backward',
        { node: this.name },
      );
    }
    for (const { tensor, version } of this.#saved) {
      if (tensor.storage.version === version) continue;
      throw new KeelError(
        'modified',
        `one of the variables needed for gradient computation has been modified by an inplace operation: ` +
          `${showShape(tensor.shape)}, saved by ${this.name}, is at version ${tensor.storage.version}; expected version ` +
          `${version}: write to it after the backward pass, or to a copy`,
        { node: this.name, version: tensor.storage.version, expected: version },
      );
    }
    return this.#backward(dys, this.#saved.map(({ tensor }) => tensor));
  }

  /** Gives back what was saved. A node that saved nothing can run again, as in PyTorch. */
  free(): void {
    if (this.#saved === null || this.#saved.length === 0) return;
    for (const { tensor } of this.#saved) tensor.dispose();
    this.#saved = null;
    // Its closure may hold what went in.
    this.#backward = () => [];
  }

  retain(): void {
    this.#holders += 1;
  }

  /** Without a holder nobody can walk through it any more: it frees what it saved, and lets go of the nodes before it. */
  release(): void {
    this.#holders -= 1;
    if (this.#holders > 0) return;
    abandoned.push(this);
    if (abandoned.length > 1) return;
    // A list and not a recursion: histories may be long.
    for (let node = abandoned[0]; node !== undefined; node = abandoned[0]) {
      node.free();
      for (const input of node.inputs) input?.node?.release();
      abandoned.shift();
    }
  }
}

const abandoned: Node[] = [];

interface Saved {
  readonly tensor: Tensor;
  readonly version: number;
}

/** A handle of the tape's own, which outlives the user's and every scope. */
function alias(tensor: Tensor): Tensor {
  return keep(new Tensor(tensor.shape, tensor.storage, tensor.variable));
}

export interface BackwardOptions {
  /** Keep what the tape saved, for another pass over it. Default: the value of createGraph. */
  readonly retainGraph?: boolean;
  /** Record the backward pass itself, so that its results can be differentiated. Default false. */
  readonly createGraph?: boolean;
}

/**
 * Accumulates into `grad` of every leaf the gradient of Σ y·dy.
 *
 * @param dy default 1, for a tensor of one element
 * @throws KeelError [graph] when y has no history, has more than one element and no `dy`, or its graph is freed;
 *   [modified] when a tensor that the tape saved has been written to since.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.backward.html
 */
export function backward(y: Tensor, dy: Tensor | null = null, options: BackwardOptions = {}): void {
  const seeds = [{ dy: seed(y, dy), variable: y.variable }];
  walk(seeds, null, options);
}

export interface GradOptions extends BackwardOptions {
  /** Gradients with respect to each output; null and absent ones are 1, for outputs of one element. */
  readonly gradOutputs?: Tensor | readonly (Tensor | null)[] | null;
}

/**
 * Gradients of Σ outputs·gradOutputs with respect to inputs, without touching any `grad`; null where an input has no part.
 *
 * @throws KeelError [graph] as `backward` does, and for an input that does not require a gradient.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.autograd.grad.html
 * @example
 * const x = tensor([3], { requiresGrad: true });
 * const [dx] = grad(x.mul(x).mul(x).sum(), x, { createGraph: true }); // 3x² = 27
 * if (dx) grad(dx.sum(), x); // 6x = 18
 */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions = {},
): (Tensor | null)[] {
  const ys = outputs instanceof Tensor ? [outputs] : outputs;
  const xs = inputs instanceof Tensor ? [inputs] : inputs;
  for (const [name, list] of Object.entries({ outputs: ys, inputs: xs })) {
    if (!Array.isArray(list)) checkIsTensor(name, list);
    else for (const each of list) checkIsTensor(name, each);
  }
  const { gradOutputs = [] } = options;
  const dys = gradOutputs instanceof Tensor ? [gradOutputs] : (gradOutputs ?? []);
  if (dys.length > 0 && dys.length !== ys.length) {
    throw new KeelError('graph', `got ${ys.length} tensors and ${dys.length} gradients: give one for each output`, {
      outputs: ys.length,
      gradOutputs: dys.length,
    });
  }
  xs.forEach((x, i) => {
    if (x.requiresGrad) return;
    throw new KeelError('graph', `input ${i} does not require grad: set requiresGrad before it is used`, { input: i });
  });
  const seeds = ys.map((y, i) => ({ dy: seed(y, dys[i] ?? null), variable: y.variable }));
  const wanted = new Map<Variable, Tensor | null>(xs.map((x) => [x.variable, null]));
  walk(seeds, wanted, options);
  const given = new Set<Tensor>();
  return xs.map((x) => {
    const dx = wanted.get(x.variable) ?? null;
    // Each result is a handle of its own, so that one can be disposed without the other.
    if (dx === null || !given.has(dx)) return dx === null ? null : (given.add(dx), dx);
    return new Tensor(dx.shape, dx.storage, dx.variable);
  });
}

function seed(y: Tensor, dy: Tensor | null): Tensor {
  checkIsTensor('the output', y);
  if (dy !== null) checkIsTensor('dy', dy);
  const { kernels } = y.storage;
  if (!y.requiresGrad) {
    throw new KeelError(
      'graph',
      'the tensor does not require grad and does not have a grad_fn: compute it from one with requiresGrad, outside noGrad',
      { shape: y.shape },
    );
  }
  if (dy === null) {
    if (y.size === 1) return noGrad(() => bound().onesLike(y));
    throw new KeelError(
      'graph',
      `grad can be implicitly created only for scalar outputs, got ${showShape(y.shape)}: reduce it, or give dy`,
      { shape: y.shape },
    );
  }
  if (!sameShape(dy.shape, y.shape) || dy.dtype !== y.dtype) {
    throw new KeelError(
      'graph',
      `Mismatch in shape: dy is ${dy.dtype} ${showShape(dy.shape)}, the output ${y.dtype} ${showShape(y.shape)}`,
      { expected: y.shape, got: dy.shape },
    );
  }
  if (dy.storage.kernels !== kernels) {
    throw new KeelError(
      'backend',
      `Expected all tensors to be on the same device, but y is on ${kernels.name} and dy on ${dy.storage.kernels.name}`,
      { backends: [kernels.name, dy.storage.kernels.name] },
    );
  }
  return alias(dy);
}

function checkIsTensor(name: string, value: unknown): void {
  if (value instanceof Tensor) return;
  throw new KeelError('argument', `${name} must be a Tensor, got ${typeof value}: make one with tensor()`, { name });
}

function bound(): Arithmetic {
  if (arithmetic !== null) return arithmetic;
  throw new KeelError('graph', "the operations are not loaded: import 'evenkeel'");
}

interface Seed {
  readonly variable: Variable;
  readonly dy: Tensor;
}

/** Visits nodes from the newest to the oldest, so that each has all its gradients when its turn comes. */
function walk(seeds: readonly Seed[], wanted: Map<Variable, Tensor | null> | null, options: BackwardOptions): void {
  const { createGraph = false, retainGraph = createGraph } = options;
  const order = reachable(seeds, wanted);
  const pending = new Gradients(wanted, new Set(order), bound(), createGraph);
  const before = createsGraph;
  createsGraph = createGraph;
  try {
    recordingAs(createGraph, () => {
      for (const { variable, dy } of seeds) pending.start(variable, dy);
      for (const node of order) {
        const dys = pending.take(node);
        if (dys.some((dy) => dy !== null)) {
          // What no input asks for stays in the scope, and goes with it.
          const run = () => node.run(dys).map((dx, i) => (node.inputs[i] === null ? null : dx));
          pending.hand(scope(run), node.inputs, dys);
        }
        if (!retainGraph) node.free();
      }
      pending.drop(seeds.map(({ dy }) => dy));
    });
  } finally {
    createsGraph = before;
  }
}

function reachable(seeds: readonly Seed[], wanted: Map<Variable, Tensor | null> | null): Node[] {
  const leads = new Map<Node, boolean>();
  const stack = seeds.flatMap(({ variable }) => nodesOf(variable));
  const found: Node[] = [];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (leads.has(node)) continue;
    leads.set(node, false);
    found.push(node);
    for (const input of node.inputs) if (input !== null) stack.push(...nodesOf(input));
  }
  found.sort((a, b) => a.sequence - b.sequence);
  if (wanted === null) return found.reverse();
  // Oldest first: a node is needed if an input is wanted or made by a node that is needed.
  for (const node of found) {
    const needed = (input: Variable | null) =>
      input !== null && (wanted.has(input) || nodesOf(input).some((maker) => leads.get(maker) === true));
    leads.set(node, node.inputs.some(needed));
  }
  return found.filter((node) => leads.get(node) === true).reverse();
}

function nodesOf(variable: Variable): Node[] {
  return variable.node instanceof Node ? [variable.node] : [];
}

function recordingAs<T>(on: boolean, f: () => T): T {
  const before = recording;
  recording = on;
  try {
    return f();
  } finally {
    recording = before;
  }
}
