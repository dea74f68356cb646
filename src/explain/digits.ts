// The axes of a layout, factor by factor, in memory order. May import notation and plan.

import { factorsOf, namesOf } from '../notation.js';
import type { Layout } from '../plan.js';

/** One factor of one axis of the tensor. */
export interface Digit {
  readonly name: string;
  readonly size: number;
  readonly reduced: boolean;
  /** The axis of the tensor that it is a factor of. */
  readonly axis: number;
  /** Its place among the factors of the parameter, outermost 0; null if the parameter does not vary along it. */
  readonly parameter: number | null;
  /** Whether it is one of many axes that an ellipsis stands for. */
  readonly many: boolean;
}

/** Every factor of every axis, outermost first. */
export function digitsOf(form: Layout): Digit[] {
  const { pattern, sizes } = form;
  const parameters = (pattern.parameters ?? []).flatMap(namesOf);
  const names = parameters.flatMap(({ name }) => (sizes.get(name) ?? []).map(() => name));
  let axis = -1;
  return pattern.axes.flatMap((word) => {
    if (word.kind !== 'ellipsis') axis += 1;
    return factorsOf(word).flatMap(({ name, reduced }) => {
      const first = names.indexOf(name);
      const extents = sizes.get(name) ?? [];
      return extents.map((size, nth) => {
        if (word.kind === 'ellipsis') axis += 1;
        return { name, size, reduced, axis, parameter: first < 0 ? null : first + nth, many: extents.length > 1 };
      });
    });
  });
}
