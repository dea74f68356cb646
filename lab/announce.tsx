// What a screen reader says of a change: one polite live region for the page. Imports signals only.

import { signal } from '@preact/signals';

const said = signal('');

/** Says a sentence, once. */
export function announce(sentence: string): void {
  said.value = sentence;
}

export function LiveRegion() {
  return <div class="visually-hidden" role="status" aria-live="polite">{said.value}</div>;
}
