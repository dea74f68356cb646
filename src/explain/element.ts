// Which elements share the statistic of one, in words. May import plan and what explain is made of.

import { setOf } from '../plan.js';
import { digitsOf, type Digit } from './digits.js';
import type { Subject } from './subject.js';
import { isKnownWord, nounOf, plural, wordOf } from './words.js';

/** `x[1, 2, 0] shares its mean with 11 others: sample 1, channels 2–3, all positions`. */
export function elementSentence({ form, statistics, running }: Subject, index: readonly number[]): string {
  const others = setOf(form, index).length - 1;
  const x = `x[${index.join(', ')}]`;
  const noun = nounOf(statistics, running);
  if (others === 0) return `${x} shares its ${noun} with no other element`;
  const digits = digitsOf(form);
  const places = form.shape.map((size, axis) => placeOf(digits, axis, size, index[axis] ?? 0));
  return `${x} shares its ${noun} with ${plural(others, 'other')}: ${joined(places)}`;
}

/** Where along one axis the set lies. */
interface Place {
  readonly word: string;
  readonly isKnown: boolean;
  /** null: all along the axis. */
  readonly at: readonly number[] | null;
}

function placeOf(digits: readonly Digit[], axis: number, size: number, i: number): Place {
  const factors = digits.filter((digit) => digit.axis === axis);
  const last = factors.at(-1);
  // `()` is an axis of size 1 without a name.
  if (last === undefined) return { word: `axis ${axis}`, isKnown: false, at: [i] };
  const word = wordOf(last, digits);
  const isKnown = isKnownWord(word);
  const name = factors.length === 1 || isKnown ? word : `(${factors.map((factor) => factor.name).join(' ')})`;
  return { word: name, isKnown, at: factors.every(({ reduced }) => reduced) ? null : along(factors, size, i) };
}

/** Indices along an axis whose kept factors are those of `i`. */
function along(factors: readonly Digit[], size: number, i: number): number[] {
  let step = size;
  let places = [0];
  for (const factor of factors) {
    step /= factor.size;
    const own = Math.floor(i / step) % factor.size;
    const values = factor.reduced ? Array.from({ length: factor.size }, (_, value) => value) : [own];
    places = places.flatMap((place) => values.map((value) => place + value * step));
  }
  return places;
}

/** Axes with one word, such as positions along two, are one place. */
function joined(places: readonly Place[]): string {
  const byWord = new Map<string, Place[]>();
  for (const place of places) byWord.set(place.word, [...(byWord.get(place.word) ?? []), place]);
  return [...byWord.values()].map(shown).join(', ');
}

function shown(places: readonly Place[]): string {
  const [first] = places;
  if (first === undefined) return '';
  const { word, isKnown, at } = first;
  if (at === null) return isKnown ? `all ${word}s` : `all of ${word}`;
  if (places.length > 1) return `${word} (${places.map((place) => place.at?.join()).join(', ')})`;
  const list = ranges(at);
  if (!isKnown) return `${word} = ${list}`;
  return `${word}${at.length === 1 ? '' : 's'} ${list}`;
}

/** `2–3`, `0, 2, 4`, `0, 2, 4, ..., 62`. */
function ranges(at: readonly number[]): string {
  const [first = 0] = at;
  const last = at.at(-1) ?? first;
  if (at.length > 1 && last - first === at.length - 1) return `${first}–${last}`;
  return at.length > MOST_LISTED ? `${at.slice(0, 3).join(', ')}, ..., ${last}` : at.join(', ');
}

const MOST_LISTED = 6;
