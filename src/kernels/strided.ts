// WASM kernels of plans that are no contiguous rows, apart: a page that has LayerNorm alone does not load them.
// May import kernels.

import * as columns from './wasm/columns.js';
import { addFamilies } from './wasm/norm.js';
import * as segments from './wasm/segments.js';

/** Whoever may meet such a plan calls this before; without it the plan runs too, set by set. */
export function bringStrided(): void {
  addFamilies(columns, segments);
}
