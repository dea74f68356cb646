// A step of the arithmetic of a set: its formula and what it gives. Types only.

/** What is computed on the way from x to y. */
export type StepName =
  | 'x' | 'sum' | 'mean' | 'deviation' | 'square' | 'sumOfSquares' | 'meanSquare' | 'variance' | 'epsilon' | 'root' | 'normalized' | 'gamma' | 'beta';

/** What is computed on the way back; `scaled` is h = dy · γ, `mean` ⟨h⟩, `slope` ⟨h·x̂⟩. */
export type BackwardStepName = 'dy' | 'scaled' | 'mean' | 'product' | 'slope' | 'dx' | 'dgamma' | 'dbeta';

/** One step: a formula, and what it gives. */
export interface Step<N extends string = StepName | BackwardStepName> {
  readonly name: N;
  /** In letters: `d = x − mean`. */
  readonly formula: string;
  /** With the numbers of the element asked for: `3 − 2.5 = 0.5`. */
  readonly worked: string;
  /** What `values` are of: every element of the set, the set, or every parameter that its elements have. */
  readonly of: 'element' | 'set' | 'parameter';
  readonly values: readonly number[];
}
