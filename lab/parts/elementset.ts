// The set of the element that is looked at, in what is drawn of a layer's sets.

import type { ReadonlySignal } from '@preact/signals';
import { type Known, useJob } from '../client.js';
import { indexOf } from '../field/geometry.js';

/** Asked again whenever another element is selected, or something else is drawn. */
export function useElementSet(sets: ReadonlySignal<Known<'sets'>>, selected: ReadonlySignal<number | null>): ReadonlySignal<Known<'sentence'>> {
  return useJob('sentence', () => {
    const drawn = sets.value.answer?.drawn ?? null;
    if (drawn === null || selected.value === null || selected.value >= drawn.sets.length) return null;
    return { subject: drawn.subject, shape: drawn.shape, index: indexOf(selected.value, drawn.shape) };
  });
}
