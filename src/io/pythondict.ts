// The Python dict that heads a .npy file, read strictly and without running anything. May import errors.

import { fileError, unsupported } from './elements.js';

/** What a header's keys may stand for. */
export type PythonValue = string | boolean | number | readonly number[];

/**
 * A dict of texts, bools, numbers and tuples of numbers, by its keys.
 *
 * @throws KeelError [file] for anything else, a key that stands twice, and lists, which are the fields of structured arrays.
 */
export function pythonDict(text: string): ReadonlyMap<string, PythonValue> {
  const tokens = new Tokens(text);
  const values = new Map<string, PythonValue>();
  tokens.take('{');
  while (tokens.next() !== '}') {
    const key = textOf(tokens.next());
    if (key === null) throw tokens.malformed('a key that is no text');
    tokens.step();
    if (values.has(key)) throw fileError(`malformed .npy header: duplicate key '${key}' in ${shownHeader(text)}`, { key });
    tokens.take(':');
    values.set(key, valueIn(tokens));
    if (tokens.next() !== '}') tokens.take(',');
  }
  tokens.take('}');
  tokens.take('');
  return values;
}

/** A header as errors show it. */
export function shownHeader(text: string): string {
  const trimmed = text.trim();
  return trimmed.length <= 200 ? trimmed : `${trimmed.slice(0, 200)}...`;
}

function valueIn(tokens: Tokens): PythonValue {
  const token = tokens.next();
  if (token === '[') throw structured(tokens.text);
  if (token === '(') return tupleIn(tokens);
  const value = textOf(token) ?? boolOf(token) ?? numberOf(token);
  if (value === null) throw tokens.malformed(`${shown(token)} for a value`);
  tokens.step();
  return value;
}

/** `()`, `(3,)`, `(2, 3)`; `(3)` is a number in Python. */
function tupleIn(tokens: Tokens): readonly number[] {
  const items: number[] = [];
  let commas = 0;
  tokens.take('(');
  while (tokens.next() !== ')') {
    const token = tokens.next();
    if (textOf(token) !== null || token === '(' || token === '[') throw structured(tokens.text);
    const item = numberOf(token);
    if (item === null) throw tokens.malformed(`${shown(token)} in a tuple`);
    items.push(item);
    tokens.step();
    if (tokens.next() === ')') break;
    tokens.take(',');
    commas++;
  }
  tokens.take(')');
  if (items.length === 1 && commas === 0) throw tokens.malformed('a number in parentheses, which is no tuple');
  return items;
}

/** A text in quotes without escapes, which no header has. */
function textOf(token: string): string | null {
  return token[0] === "'" || token[0] === '"' ? token.slice(1, -1) : null;
}

function boolOf(token: string): boolean | null {
  return token === 'True' ? true : token === 'False' ? false : null;
}

/** Python 2 wrote long integers as 3L. */
function numberOf(token: string): number | null {
  return /^\d+L?$/.test(token) ? Number.parseInt(token, 10) : null;
}

function structured(text: string) {
  const message = 'structured arrays are refused: save each field as an array of its own, x[name]';
  return unsupported(message, { dtype: shownHeader(text) });
}

function shown(token: string): string {
  return token === '' ? 'the end' : `'${token}'`;
}

/** Goes through a text token by token; at its end there is the token ''. */
class Tokens {
  readonly text: string;
  readonly #pattern = /\s*('[^'\\\n]*'|"[^"\\\n]*"|\d+L?|[A-Za-z]+|[{}()[\]:,]|$)/y;
  #token: string;

  constructor(text: string) {
    this.text = text;
    this.#token = this.#read();
  }

  next(): string {
    return this.#token;
  }

  step(): void {
    this.#token = this.#read();
  }

  take(expected: string): void {
    if (this.#token !== expected) {
      throw this.malformed(`${shown(this.#token)} where ${shown(expected)} is expected`);
    }
    if (expected !== '') this.step();
  }

  malformed(problem: string) {
    return fileError(`malformed .npy header: ${problem.slice(0, 200)}, in ${shownHeader(this.text)}`, { header: shownHeader(this.text) });
  }

  #read(): string {
    const at = this.#pattern.lastIndex;
    const found = this.#pattern.exec(this.text);
    if (found === null) throw this.malformed(`a character that means nothing at ${at}`);
    return found[1] ?? '';
  }
}
