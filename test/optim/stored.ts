// The tables of expected.json, and numbers against their texts.
import type { Tensor } from 'evenkeel';
import { expect } from 'vitest';
import { closeness, type Limits } from '../closeness.js';
import stored from './expected.json' with { type: 'json' };

/** One parameter, or all of them after one step, as text. */
type Texts = readonly string[];

interface LossRow {
  readonly shape: readonly number[];
  readonly target: string;
  readonly options: Readonly<Record<string, number | string>>;
  readonly x: string;
  /** Classes, or probabilities as text. */
  readonly t: readonly number[] | string;
  readonly places: readonly number[];
  readonly weight: string | null;
  readonly dy: string;
  readonly v: string;
  readonly y: string;
  readonly dx: string;
  readonly dt: string | null;
  readonly second: string;
}

export const expected = stored as unknown as {
  readonly shapes: readonly (readonly number[])[];
  readonly starts: Texts;
  readonly gradients: readonly Texts[];
  readonly gaps: readonly number[];
  readonly optimizers: readonly { readonly optimizer: string; readonly gaps: boolean; readonly after: readonly Texts[] }[];
  readonly schedules: readonly {
    readonly optimizer: string;
    readonly schedules: readonly string[];
    readonly groups: readonly (readonly (readonly [lr: number, momentum: number])[])[];
  }[];
  readonly training: {
    readonly state: Readonly<Record<string, string>>;
    readonly x: string;
    readonly labels: readonly number[];
    readonly steps: readonly {
      readonly loss: number;
      readonly norm: number;
      readonly lr: readonly number[];
      readonly after: Readonly<Record<string, string>>;
    }[];
  };
  readonly clips: readonly { readonly normType: number | 'inf'; readonly maxNorm: number; readonly total: number; readonly after: Texts }[];
  readonly losses: readonly LossRow[];
  readonly mse: readonly (Readonly<Record<'x' | 't' | 'dy' | 'v' | 'y' | 'dx' | 'dt' | 'second', string>> & {
    readonly reduction: 'mean' | 'sum' | 'none';
  })[];
};

function numbers(text: string): Float64Array {
  return Float64Array.from(text.split(' '), Number);
}

/** What the rows started from: nine digits name a float32 number. */
export function singles(text: string): Float64Array {
  return numbers(text).map(Math.fround);
}

/** Rounding of float32 numbers about 1 in a few steps; of float64, and of texts of nine digits. */
const limits = {
  float32: { rtol: 2e-6, atol: 2e-6 },
  float64: { rtol: 1e-8, atol: 1e-10 },
} as const satisfies Record<string, Limits>;

/** The elements of a tensor are those of a text. */
export function expectNear(name: string, x: Tensor | null | undefined, text: string): void {
  const dtype = x?.dtype === 'float64' ? 'float64' : 'float32';
  const got = x === null || x === undefined ? 'nothing' : closeness(x.data, numbers(text), limits[dtype]);
  expect([name, got]).toEqual([name, null]);
}
