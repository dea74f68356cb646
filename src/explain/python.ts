// A call as Python writes it: text -> lexemes -> a name and its arguments, each with its place. May import errors.

import { KeelError, underline, type ErrorCode, type ErrorData, type Span } from '../errors.js';

/** What stands for an argument. */
export type Value =
  | { readonly kind: 'number'; readonly number: number; readonly isWhole: boolean }
  | { readonly kind: 'flag'; readonly flag: boolean }
  | { readonly kind: 'none' }
  | { readonly kind: 'list'; readonly items: readonly Argument[] }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'name'; readonly name: string };

/** A value and where it stands. */
export type Argument = Value & { readonly at: Span };

/** `nn.GroupNorm(3, num_channels=6)` */
export interface Call {
  readonly text: string;
  readonly name: { readonly dotted: string; readonly at: Span };
  readonly positional: readonly Argument[];
  readonly keywords: readonly { readonly name: string; readonly at: Span; readonly value: Argument }[];
  /** The parenthesis that ends it. */
  readonly end: Span;
}

/**
 * Reads one call, such as a constructor or the repr of a module; `(bn1):`, `self.bn1 =` before it and a comma after it
 * say nothing. Arguments are numbers, True, False, None, lists and tuples of numbers, torch.Size, strings and names.
 *
 * @throws KeelError [syntax] with a caret for anything else.
 */
export function parseCall(text: string): Call {
  if (typeof text !== 'string') {
    throw new KeelError('argument', `a layer is written as in PyTorch, such as 'nn.GroupNorm(3, 6)', got ${String(text)}`);
  }
  if (text.length > MOST_CHARACTERS) {
    const message = `the text has ${text.length} characters; a layer has at most ${MOST_CHARACTERS}`;
    throw new KeelError('syntax', message, { length: text.length, limit: MOST_CHARACTERS });
  }
  const reader = new Reader(text, lexemesOf(text));
  reader.skipTarget();
  const name = reader.take('name', "a layer's name, such as nn.GroupNorm");
  reader.take('(', 'the arguments in parentheses');
  const positional: Argument[] = [];
  const keywords: Call['keywords'][number][] = [];
  while (reader.peek().kind !== ')') {
    const lexeme = reader.peek();
    if (lexeme.kind === 'name' && reader.peek(1).kind === '=') {
      reader.next();
      reader.next();
      keywords.push({ name: lexeme.text, at: lexeme.at, value: argumentOf(reader) });
    } else if (keywords.length > 0) {
      throw syntax('an argument without a name after one with a name', text, lexeme.at, 'name it, or put it before them');
    } else positional.push(argumentOf(reader));
    reader.comma(')');
  }
  const end = reader.next().at;
  if (reader.peek().kind === ',') reader.next();
  const rest = reader.peek();
  if (rest.kind !== 'end') throw syntax('the text goes on after the call', text, rest.at, 'give one layer');
  return { text, name: { dotted: name.text, at: name.at }, positional, keywords, end };
}

/** An error that points into a text: the message, the text, a caret under `at`, then the way out. */
export function textError(
  code: ErrorCode, message: string, text: string, at: Span, hint: string, data: ErrorData = {},
): KeelError {
  // Line breaks and control characters would move the caret away from its place.
  const lines = [message, underline(text.replace(/[\s\p{Cc}]/gu, ' '), at), `  ${hint}`];
  return new KeelError(code, lines.join('\n'), { text, ...data });
}

const MOST_CHARACTERS = 1000;

function syntax(message: string, text: string, at: Span, hint: string): KeelError {
  return textError('syntax', message, text, at, hint);
}

// Text -> lexemes.

const MARKS = ['(', ')', '[', ']', ',', '=', ':'] as const;

interface Lexeme {
  readonly kind: 'name' | 'number' | 'text' | 'end' | (typeof MARKS)[number];
  readonly text: string;
  readonly at: Span;
}

/** A dotted name, a number with its sign and exponent, a string without escapes, white space, or whatever else stands there. */
const LEXEME =
  /(?<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)|(?<number>[-+]?\.?\d(?:(?<=[eE])[-+]|[\w.])*)|(?<text>'[^'\\]*'|"[^"\\]*")|(?<space>\s+)|./gsu;

const NUMBER = /^[-+]?(?:\d+(?:_\d+)*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?$/;

function lexemesOf(text: string): Lexeme[] {
  const lexemes: Lexeme[] = [];
  for (const match of text.matchAll(LEXEME)) {
    const [written] = match;
    const at = { start: match.index, end: match.index + written.length };
    const { name, number, text: quoted, space } = match.groups ?? {};
    const mark = MARKS.find((known) => known === written);
    if (name !== undefined) lexemes.push({ kind: 'name', text: name, at });
    else if (quoted !== undefined) lexemes.push({ kind: 'text', text: quoted.slice(1, -1), at });
    else if (mark !== undefined) lexemes.push({ kind: mark, text: mark, at });
    else if (number !== undefined) {
      if (!NUMBER.test(number)) throw syntax(`${number} is no number`, text, at, 'write it as Python does: 3, 1e-05, 0.1');
      lexemes.push({ kind: 'number', text: number, at });
    } else if (space === undefined) {
      const point = written.codePointAt(0) ?? 0;
      const shown = point > 0x20 && point < 0x7f ? written : `U+${point.toString(16).toUpperCase().padStart(4, '0')}`;
      throw syntax(`${shown} has no place in a layer`, text, at, 'write numbers, True, False, None and lists: nn.GroupNorm(3, 6)');
    }
  }
  return lexemes;
}

// Lexemes -> arguments.

class Reader {
  private place = 0;

  constructor(readonly text: string, private readonly lexemes: readonly Lexeme[]) {}

  peek(ahead = 0): Lexeme {
    const { length } = this.text;
    return this.lexemes[this.place + ahead] ?? { kind: 'end', text: '', at: { start: length, end: length } };
  }

  next(): Lexeme {
    const lexeme = this.peek();
    this.place += 1;
    return lexeme;
  }

  take(kind: Lexeme['kind'], what: string): Lexeme {
    const lexeme = this.next();
    if (lexeme.kind === kind) return lexeme;
    throw syntax(`${shown(lexeme)} where there should be ${what}`, this.text, lexeme.at, EXAMPLE);
  }

  /** What a model's repr and an assignment have before the layer: `(0):`, `self.norm =`. */
  skipTarget(): void {
    const [first, second, third, fourth] = [0, 1, 2, 3].map((ahead) => this.peek(ahead));
    const isKey = second?.kind === 'name' || second?.kind === 'number';
    if (first?.kind === '(' && isKey && third?.kind === ')' && fourth?.kind === ':') this.place = 4;
    else if (first?.kind === 'name' && second?.kind === '=') this.place = 2;
  }

  /** A comma, or else what closes must be next. */
  comma(close: ')' | ']'): void {
    const lexeme = this.peek();
    if (lexeme.kind === ',') this.place += 1;
    else if (lexeme.kind !== close) {
      throw syntax(`${shown(lexeme)} where there should be a comma or ${close}`, this.text, lexeme.at, EXAMPLE);
    }
  }
}

const EXAMPLE = "write it as PyTorch does: nn.GroupNorm(3, 6)";

function shown({ kind, text }: Lexeme): string {
  return kind === 'end' ? 'the text ends' : `${kind === 'text' ? 'a string' : text} stands`;
}

function argumentOf(reader: Reader): Argument {
  const lexeme = reader.next();
  const { kind, text, at } = lexeme;
  switch (kind) {
    case 'number':
      return { kind, number: Number(text.replaceAll('_', '')), isWhole: /^[-+]?[\d_]+$/.test(text), at };
    case 'text':
      return { kind, text, at };
    case '[':
      return listOf(reader, ']', at);
    case '(':
      return listOf(reader, ')', at);
    case 'name':
      if (reader.peek().kind === '(') return sizeOf(reader, lexeme);
      if (text === 'True' || text === 'False') return { kind: 'flag', flag: text === 'True', at };
      return text === 'None' ? { kind: 'none', at } : { kind, name: text, at };
    default:
      throw syntax(`${shown(lexeme)} where there should be an argument`, reader.text, at, EXAMPLE);
  }
}

/** `[3, 4]`, `(3, 4)`, `(4,)`; in Python `(4)` is no tuple. */
function listOf(reader: Reader, close: ')' | ']', open: Span): Argument {
  const items: Argument[] = [];
  let commas = 0;
  while (reader.peek().kind !== close) {
    const { kind, at } = reader.peek();
    if (kind === '[' || kind === '(') throw syntax('a list within a list', reader.text, at, 'a shape is one list: [3, 4]');
    items.push(argumentOf(reader));
    if (reader.peek().kind === ',') commas += 1;
    reader.comma(close);
  }
  const at = { start: open.start, end: reader.next().at.end };
  const [only] = items;
  return close === ')' && only !== undefined && commas === 0 ? { ...only, at } : { kind: 'list', items, at };
}

/** `torch.Size([3, 4])` and `torch.device('cpu')` */
function sizeOf(reader: Reader, { text, at }: Lexeme): Argument {
  if (text !== 'torch.Size' && text !== 'torch.device') {
    throw syntax(`${text} is a call, not a value`, reader.text, at, 'write its value');
  }
  reader.next();
  const inside = argumentOf(reader);
  const close = reader.take(')', 'a )');
  return { ...inside, at: { start: at.start, end: close.at.end } };
}
