// A layout in words. May import errors, kernels and what explain is made of.

import type { Statistics } from '../kernels/kernels.js';
import { digitsOf, type Digit } from './digits.js';
import type { Subject } from './subject.js';

/** `3 means, each over 8 elements`. */
export function countOf({ form, statistics, running }: Subject): string {
  const { k0, r0, k1, r1 } = form.plan;
  const each = `${k0 * k1 === 1 ? '' : 'each '}${running === 'now' ? 'for' : 'over'}`;
  return `${plural(k0 * k1, nounOf(statistics, running))}, ${each} ${plural(r0 * r1, 'element')}`;
}

/** `one mean for each sample and channel (axes 0, 1), over 4 positions (axis 2)`. */
export function sentenceOf({ form, statistics, running }: Subject): string {
  const noun = nounOf(statistics, running);
  const digits = digitsOf(form);
  const kept = digits.filter(({ reduced }) => !reduced);
  const reduced = digits.filter((digit) => digit.reduced);
  if (reduced.every(({ size }) => size === 1)) return `one ${noun} for each element, none shared`;
  const each = kept.length === 0 ? '' : ` for each ${list(words(kept, digits).map(({ word }) => word))}${axes(kept)},`;
  const over = words(reduced, digits).map(({ word, sizes }) => {
    const extent = sizes.join(' × ');
    if (!isKnownWord(word)) return `${extent} of ${word}`;
    return sizes.length > 1 ? `${extent} ${word}s` : plural(sizes[0] ?? 1, word);
  });
  return `one ${noun}${each} ${running === 'now' ? 'for' : 'over'} ${over.join(' × ')}${axes(reduced)}`;
}

/** `1 mean`, `3 means`. */
export function plural(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

/** `mean`, `running mean`. */
export function nounOf(statistics: Statistics, running: Subject['running']): string {
  return running === 'now' ? `running ${nouns[statistics]}` : nouns[statistics];
}

/** What an axis is called: `sample`, or the pattern's own name for it. */
export function wordOf(digit: Digit, all: readonly Digit[]): string {
  const { name, many, axis } = digit;
  // The last axis alone is no channel of an image.
  const isVector = all.every((other) => other === digit || (!other.reduced && other.axis < axis));
  // Other letters are the caller's own.
  if (!all.every((other) => meanings.has(other.name))) return name;
  if (name === 'c' && digit.reduced && isVector) return 'feature';
  if (name === 'b' && many) return 'place';
  return meanings.get(name) ?? name;
}

/** Whether it is a word, and no name of a pattern. */
export function isKnownWord(word: string): boolean {
  return known.has(word);
}

/** `axis 1`, `axes 0, 2`. */
export function axesOf(axes: readonly number[]): string {
  const listed = [...new Set(axes)];
  return `${listed.length === 1 ? 'axis' : 'axes'} ${listed.join(', ')}`;
}

const nouns: Readonly<Record<Statistics, string>> = { moments: 'mean', rms: 'root mean square', l2: 'norm' };

/** What the names of the layers' own patterns stand for; other names speak for themselves. */
const meanings: ReadonlyMap<string, string> = new Map([
  ['b', 'sample'], ['n', 'sample'], ['g', 'group'], ['c', 'channel'], ['s', 'position'], ['h', 'row'], ['w', 'column'],
  ['d', 'slice'],
]);
const known: ReadonlySet<string> = new Set([...meanings.values(), 'feature', 'place']);

/** One word for each name, in order, with the sizes that it has. */
function words(some: readonly Digit[], all: readonly Digit[]): { readonly word: string; readonly sizes: number[] }[] {
  const found = new Map<string, { readonly word: string; readonly sizes: number[] }>();
  for (const digit of some) {
    const entry = found.get(digit.name) ?? { word: wordOf(digit, all), sizes: [] };
    entry.sizes.push(digit.size);
    found.set(digit.name, entry);
  }
  return [...found.values()];
}

function list(items: readonly string[]): string {
  return items.length < 2 ? items.join() : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}

const axes = (digits: readonly Digit[]): string => ` (${axesOf(digits.map(({ axis }) => axis))})`;
