// How far two results are apart, for the examples' last lines.

import type { Tensor } from 'evenkeel';

/** The largest distance between two tensors of one shape, with two digits. */
export function difference(a: Tensor, b: Tensor): string {
  const largest = a.sub(b).abs().max().item();
  return largest === 0 ? '0' : largest.toPrecision(2);
}
