// Nested lists of numbers as people paste them: JSON, Python, a printed tensor. May import evenkeel.

import { KeelError } from 'evenkeel';

/** Numbers in lists in lists. */
export type Nested = number | Nested[];

const MOST_CHARACTERS = 2_000_000;
const MOST_LEVELS = 8;

/**
 * Reads `[[1, 2], [3, 4.]]`, also within `tensor(...)`, `array(...)` or `torch.tensor(...)`, with or without commas between
 * numbers, as NumPy prints them.
 *
 * @throws KeelError [syntax] with a caret under what is no list of numbers.
 */
export function parseNested(text: string): Nested {
  if (text.length > MOST_CHARACTERS) {
    throw new KeelError('syntax', `${text.length} characters, ${MOST_CHARACTERS} at most: save it as .npy and open the file`, {});
  }
  const begin = text.indexOf('[');
  const open: Nested[][] = [];
  let whole: Nested | null = null;
  for (let at = Math.max(0, begin); at < text.length && whole === null; ) {
    const rest = text.slice(at, at + 64);
    const skipped = /^[\s,]+/.exec(rest)?.[0].length ?? 0;
    if (skipped > 0) {
      at += skipped;
      continue;
    }
    const number = /^[-+]?(\d+\.?\d*(e[-+]?\d+)?|\.\d+(e[-+]?\d+)?|inf(inity)?|nan)/i.exec(rest)?.[0];
    if (text[at] === '[' && open.length < MOST_LEVELS) open.push([]);
    else if (text[at] === ']' && open.length > 0) {
      const closed = open.pop() ?? [];
      const outer = open.at(-1);
      if (outer === undefined) whole = closed;
      else outer.push(closed);
    } else if (number !== undefined && open.length > 0) {
      open.at(-1)?.push(numberOf(number));
      at += number.length - 1;
    } else throw noList(text, at);
    at++;
  }
  if (whole !== null) return whole;
  throw noList(text, Math.max(0, text.length - 1));
}

function numberOf(text: string): number {
  if (/nan/i.test(text)) return NaN;
  return /inf/i.test(text) ? (text.startsWith('-') ? -Infinity : Infinity) : Number(text);
}

function noList(text: string, at: number): KeelError {
  const from = Math.max(0, at - 30);
  const around = text.slice(from, at + 30).replaceAll(/\s/g, ' ');
  const message = `a list of numbers is needed, such as [[1, 2], [3, 4]]\n  ${around}\n  ${' '.repeat(at - from)}^`;
  return new KeelError('syntax', message, { at });
}
