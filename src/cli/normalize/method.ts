// What is computed: a pattern with its statistics and parameters, or local response norm. May import 'evenkeel'.

import type { Statistics, Tensor } from 'evenkeel';

/** Sets of elements that share statistics, which are their own or given. */
export interface Sharing {
  readonly kind: 'sharing';
  readonly pattern: string;
  readonly sizes: Readonly<Record<string, number>>;
  readonly statistics: Statistics;
  /** null: the default of the statistics and the dtype. */
  readonly eps: number | null;
  /** Of the pattern's parameter shape. */
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
  /** Running statistics, one of each for each value of the parameter, in place of the sets' own. */
  readonly running: { readonly mean: Tensor; readonly variance: Tensor } | null;
}

/** Each element by its neighbours among the channels: (N, C, *). */
export interface Windows {
  readonly kind: 'windows';
  readonly size: number;
}

export type Method = Sharing | Windows;

/** Eps as `norm` has it where none is given. */
export function epsOf({ eps, statistics }: Sharing, dtype: Tensor['dtype']): number {
  if (eps !== null) return eps;
  if (statistics === 'rms') return dtype === 'float64' ? Number.EPSILON : 2 ** -23;
  return statistics === 'l2' ? 1e-12 : 1e-5;
}
