// Two layers or patterns: whether they are the same computation, and how far apart they are on data. May import evenkeel.

import { equivalent, KeelError, LocalResponseNorm, noGrad, norm, NormLayer, scope, type Tensor, type Verdict } from 'evenkeel';
import { subjectOf, type Subject } from '../explain/subject.js';
import type { LayerOptions } from '../layeroptions.js';
import { Distances, indexAt, type Distance } from './distance.js';

/** What comparing two layers finds. */
export interface LayersCompared {
  readonly names: readonly [a: string, b: string];
  readonly verdict: Verdict;
  /** null where one of them refuses the data, which `refusal` then says. */
  readonly distance: (Distance & { readonly index: readonly number[] | null }) | null;
  readonly refusal: string | null;
}

/**
 * Compares the two on a shape, and on the data where there are any.
 *
 * @throws KeelError where one of them does not fit the shape, or shares no statistics.
 */
export function compareLayers(a: string, b: string, shape: readonly number[], settings: LayerOptions, x: Tensor | null): LayersCompared {
  const [first, second] = [subjectOf(a, shape, settings), subjectOf(b, shape, settings)];
  const verdict = equivalent(sharing(first, a), sharing(second, b), shape);
  const names = [a, b] as const;
  if (x === null) return { names, verdict, distance: null, refusal: null };
  try {
    const distance = noGrad(() => scope(() => {
      const [y, z] = [outputOf(first, x), outputOf(second, x)];
      const distances = new Distances(x.dtype === 'float64' ? 'F64' : 'F32');
      distances.add(y.data, z.data);
      return distances.result();
    }));
    const index = distance.at === null ? null : indexAt(distance.at, shape, 'C');
    return { names, verdict, distance: { ...distance, index }, refusal: null };
  } catch (error) {
    // Statistics of a single value, say: the verdict holds all the same.
    if (error instanceof KeelError) return { names, verdict, distance: null, refusal: error.message };
    throw error;
  }
}

function sharing({ of }: Subject, text: string) {
  if (!(of instanceof LocalResponseNorm)) return of;
  const message = `'${text}' shares no mean: each element has neighbours of its own, so that no other layer is the same`;
  throw new KeelError('argument', message, { layer: text });
}

/** By the input's own statistics, without scale and shift. */
function outputOf({ of }: Subject, x: Tensor): Tensor {
  if (of instanceof NormLayer || of instanceof LocalResponseNorm) return of.forward(x);
  const { pattern, ...settings } = of;
  // Scale and shift, which a comma asks for, are 1 and 0.
  return norm(x, pattern.split(',')[0] ?? '', settings);
}
