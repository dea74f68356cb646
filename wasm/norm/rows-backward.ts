// Contiguous rows, backward: one loop writes dx of a row while it sweeps the next for Σg and Σg·h, with g = dy · weight and
// h = (x - mean) · rstd, and adds dy and dy · h to the sums of the parameters' gradients.

import { BackwardArgs } from './args';
import { clearedPlane, generalBackward, L2, MOMENTS } from './general';
import { hsum } from './lanes';
import { BLOCK } from './rows';

/** Rows whose dy and dy · h are added up in float32 before they join the float64 planes. */
const RUN = 64;
/** Outside these, products with rstd may leave the range of float32. */
const LEAST: f64 = 8.271806125530277e-25, MOST: f64 = 1.2089258196146292e24;

/** Of the row that waits to be written: dx = g · reciprocal - (h · slope + shift). */
let reciprocal: f32 = 0;
let slope: f32 = 0;
let shift: f32 = 0;
let sumG: f64 = 0;
let sumGH: f64 = 0;

/**
 * Items are parts. Row r has the parameters of class r % (affine / r0); extra3 shares of the classes times extra4 shares of
 * the rows of each class make a part, and each share of rows has its own planes of float64 for dweight (extra1) and dbias
 * (extra2). extra5 is the address of ones, for a missing weight.
 */
export function rowsBackward(args: usize, from: i32, to: i32, scratch: usize): void {
  backward(changetype<BackwardArgs>(args), from, to, scratch, false);
}

/** The same with dsum added to dx. */
export function rowsBackwardAdd(args: usize, from: i32, to: i32, scratch: usize): void {
  backward(changetype<BackwardArgs>(args), from, to, scratch, true);
}
