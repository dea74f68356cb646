// Gradients on their way through the tape. May import tensor.

import { keep, type GradNode, type Tensor, type Variable } from './tensor.js';

/** What the tape itself computes on gradients; ops bring it, as it is recorded like all else. */
export interface Arithmetic {
  add(a: Tensor, b: Tensor): Tensor;
  /** a += b, in place. */
  addInto(a: Tensor, b: Tensor): void;
  copy(x: Tensor): Tensor;
  onesLike(x: Tensor): Tensor;
}

/** Gradients on their way: summed where paths meet, handed to leaves, freed when nobody needs them any more. */
export class Gradients {
  readonly #pending = new Map<GradNode, (Tensor | null)[]>();
  readonly #owners = new Map<Tensor, number>();
  readonly #wanted: Map<Variable, Tensor | null> | null;
  readonly #visited: ReadonlySet<GradNode>;
  readonly #arithmetic: Arithmetic;
  readonly #createsGraph: boolean;

  /** @param wanted the variables whose gradients are asked for; null: those of every leaf, into its `grad` */
  constructor(
    wanted: Map<Variable, Tensor | null> | null,
    visited: ReadonlySet<GradNode>,
    arithmetic: Arithmetic,
    createsGraph: boolean,
  ) {
    this.#wanted = wanted;
    this.#visited = visited;
    this.#arithmetic = arithmetic;
    this.#createsGraph = createsGraph;
  }

  /** The seed stays the caller's: a leaf gets a copy of it. */
  start(variable: Variable, dy: Tensor): void {
    this.#own(dy);
    this.hand([dy], [variable], []);
  }

  /** Gives each variable its gradient, made from `used`. All are owned meanwhile, as several may be one tensor. */
  hand(
    dys: readonly (Tensor | null)[],
    variables: readonly (Variable | null)[],
    used: readonly (Tensor | null)[],
  ): void {
    for (const dy of dys) if (dy !== null) this.#own(dy);
    this.drop(used);
    // One after another, so that the last leaf of several takes over what the others have copies of.
    dys.forEach((dy, i) => {
      if (dy === null) return;
      const variable = variables[i] ?? null;
      if (variable !== null) this.#add(variable, dy);
      this.#release(dy);
    });
  }

  #add(variable: Variable, dy: Tensor): void {
    if (this.#wanted?.has(variable) === true) {
      this.#own(dy);
      this.#wanted.set(variable, this.#sum(this.#wanted.get(variable) ?? null, dy));
    } else if (this.#wanted === null && variable.node === null) {
      this.#accumulate(variable, dy);
    }
    if (variable.node === null || !this.#visited.has(variable.node)) return;
    const slots = this.#pending.get(variable.node) ?? [];
    while (slots.length < variable.output) slots.push(null);
    this.#own(dy);
    slots[variable.output] = this.#sum(slots[variable.output] ?? null, dy);
    this.#pending.set(variable.node, slots);
  }

  take(node: GradNode): readonly (Tensor | null)[] {
    const dys = this.#pending.get(node) ?? [];
    this.#pending.delete(node);
    return dys;
  }

  drop(dys: readonly (Tensor | null)[]): void {
    for (const dy of dys) if (dy !== null) this.#release(dy);
  }

  #release(dy: Tensor): void {
    const owners = (this.#owners.get(dy) ?? 1) - 1;
    this.#owners.set(dy, owners);
    if (owners > 0) return;
    this.#owners.delete(dy);
    dy.dispose();
  }

  #own(dy: Tensor): void {
    this.#owners.set(dy, (this.#owners.get(dy) ?? 0) + 1);
  }

  /** The sum takes over the two owners' places. */
  #sum(held: Tensor | null, dy: Tensor): Tensor {
    if (held === null) return dy;
    const total = this.#arithmetic.add(held, dy);
    this.#own(total);
    this.drop([held, dy]);
    return total;
  }

  /** A leaf's gradient is its own: what others than the walk hold too is copied. */
  #accumulate(leafVariable: Variable, dy: Tensor): void {
    const held = leafVariable.grad;
    if (held !== null && !this.#createsGraph) return this.#arithmetic.addInto(held, dy);
    leafVariable.isGradSeen = false;
    if (held !== null) leafVariable.grad = keep(this.#arithmetic.add(held, dy));
    else if (this.#owners.get(dy) === 1 && !dy.storage.isShared) {
      leafVariable.grad = keep(dy);
      this.#own(dy);
    } else leafVariable.grad = keep(this.#arithmetic.copy(dy));
  }
}
