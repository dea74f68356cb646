// The notation: pattern text -> tokens -> axes -> a checked Pattern, and back to text.
// May import errors only; knows nothing of shapes.
import { KeelError, underline, type ErrorCode, type ErrorData, type Span } from './errors.js';

/** A name and where it stands in the text. */
export interface Name {
  readonly name: string;
  readonly at: Span;
}

/** One factor of an axis; `reduced` if it stands in brackets. */
export interface Factor extends Name {
  readonly reduced: boolean;
}

/** What one word of a pattern stands for: one axis, any number of axes, or one axis that is a product of factors. */
export type Axis =
  | { readonly kind: 'axis'; readonly factor: Factor }
  | { readonly kind: 'ellipsis'; readonly factor: Factor }
  | { readonly kind: 'group'; readonly factors: readonly Factor[]; readonly at: Span };

/** What one word after the comma stands for: the parameter has an axis along it. */
export type ParameterAxis =
  | (Name & { readonly kind: 'axis' | 'ellipsis' })
  | { readonly kind: 'group'; readonly names: readonly Name[]; readonly at: Span };

/** A parsed pattern. `parameters` is null without a comma, empty where the comma ends the pattern. */
export interface Pattern {
  readonly text: string;
  readonly axes: readonly Axis[];
  readonly parameters: readonly ParameterAxis[] | null;
}

/**
 * The names that may get a size in the options of a pattern: those of plain axes and of factors in parentheses.
 * `string` where the pattern is not a literal.
 *
 * @example
 * type Names = AxisNames<'b (g [c]) [s...], (g c)'>; // 'b' | 'g' | 'c'
 */
export type AxisNames<P extends string> = P extends `${infer Axes},${string}` ? Words<Spaced<Axes>> : Words<Spaced<P>>;

/**
 * Parses a pattern: the axes of a tensor in memory order, brackets around those whose elements share statistics; after
 * a comma the axes along which the scale and shift vary. `(g c)` is one axis, a product of factors; `s...` is any
 * number of axes. Patterns are cached: the same text gives the same object.
 *
 * @throws KeelError `syntax` where the text is no pattern, `name` where a name is repeated, unknown or reserved.
 * @example
 * parsePattern('b (g [c]) [s...], (g c)').axes.length; // 3
 */
export function parsePattern(text: string): Pattern {
  const known = cache.get(text);
  if (known !== undefined) return known;
  const pattern = checkNames(parse(text, tokensOf(text)));
  if (cache.size >= MOST_CACHED) cache.clear();
  cache.set(text, pattern);
  return pattern;
}

/**
 * The canonical text of a pattern: single spaces, one pair of brackets around neighbours that share statistics.
 * Parsing it gives the same axes and parameters.
 *
 * @example
 * printPattern(parsePattern('[b]c[h][w] ,c')); // '[b] c [h w], c'
 */
export function printPattern(pattern: Pattern): string {
  const axes = bracketed(pattern.axes.map(axisWord));
  if (pattern.parameters === null) return axes;
  return [`${axes},`, ...pattern.parameters.map(parameterWord)].join(' ');
}

/** The factors of an axis, outermost first. */
export function factorsOf(axis: Axis): readonly Factor[] {
  return axis.kind === 'group' ? axis.factors : [axis.factor];
}

/** The names of a parameter's axis, outermost first. */
export function namesOf(axis: ParameterAxis): readonly Name[] {
  return axis.kind === 'group' ? axis.names : [axis];
}

/** An error that points into a pattern: the message, the text, a caret under `at`, then one line for each of `more`. */
export function patternError(
  code: ErrorCode, message: string, text: string, at: Span, more: readonly string[], data: ErrorData = {},
): KeelError {
  // Line breaks and control characters would move the caret away from its place.
  const lines = [message, underline(text.replace(/[\s\p{Cc}]/gu, ' '), at), ...more.map((line) => `  ${line}`)];
  return new KeelError(code, lines.join('\n'), { pattern: text, ...data });
}

const MOST_CHARACTERS = 1000;
const MOST_CACHED = 1000;
const cache = new Map<string, Pattern>();

/** Options of norm() beside the sizes of factors. */
const RESERVED: ReadonlySet<string> = new Set(['statistics', 'weight', 'bias', 'eps', 'out', 'backend']);

// Text -> tokens.

const MARKS = ['[', ']', '(', ')', ','] as const;

type Token =
  | (Name & { readonly kind: 'axis' | 'ellipsis' })
  | { readonly kind: (typeof MARKS)[number]; readonly at: Span };

/** A name and perhaps its dots, white space, or whatever else stands there. */
const LEXEME = /(?<name>[A-Za-z_]\w*)(?<dots>\.\.\.)?|(?<space>[ \t\r\n]+)|\.\.\.|\d+|./gsu;

function tokensOf(text: string): Token[] {
  if (typeof text !== 'string') {
    throw new KeelError('argument', `a pattern is a text such as 'b [c], c', but got ${String(text)}`);
  }
  if (text.length > MOST_CHARACTERS) {
    throw new KeelError('syntax', `the pattern has ${text.length} characters; at most ${MOST_CHARACTERS} are allowed`, {
      length: text.length,
      limit: MOST_CHARACTERS,
    });
  }
  const tokens: Token[] = [];
  for (const match of text.matchAll(LEXEME)) {
    const { name, dots, space } = match.groups ?? {};
    const mark = MARKS.find((known) => known === match[0]);
    const at = { start: match.index, end: match.index + match[0].length };
    if (name !== undefined) tokens.push({ kind: dots === undefined ? 'axis' : 'ellipsis', name, at });
    else if (mark !== undefined) tokens.push({ kind: mark, at });
    else if (space === undefined) throw strange(text, match[0], at);
  }
  return tokens;
}

function strange(text: string, lexeme: string, at: Span): KeelError {
  if (lexeme === '...') return syntax('the ellipsis has no name', text, at, 'give it a name: s...');
  if (/^\d/.test(lexeme)) {
    return syntax(`${lexeme} is no name`, text, at, 'name the axis; the sizes of factors are options: { g: 4 }');
  }
  const point = lexeme.codePointAt(0) ?? 0;
  const shown = point > 0x20 && point < 0x7f ? lexeme : `U+${point.toString(16).toUpperCase().padStart(4, '0')}`;
  return syntax(`${shown} means nothing in a pattern`, text, at, 'write names, s..., [ ], ( ) and one comma');
}

// Tokens -> axes.

function parse(text: string, tokens: readonly Token[]): Pattern {
  const [comma, second] = tokens.filter((token) => token.kind === ',');
  if (second !== undefined) {
    throw syntax('a second comma', text, second.at, 'one comma parts the axes from those of the parameters');
  }
  if (comma === undefined) return { text, axes: axesOf(text, tokens), parameters: null };
  const middle = tokens.indexOf(comma);
  const after = tokens.slice(middle + 1);
  const bracket = after.find((token) => token.kind === '[' || token.kind === ']');
  if (bracket !== undefined) {
    throw syntax('a bracket after the comma', text, bracket.at, 'mark what shares statistics before it');
  }
  return { text, axes: axesOf(text, tokens.slice(0, middle)), parameters: axesOf(text, after).map(parameterAxis) };
}

function axesOf(text: string, tokens: readonly Token[]): Axis[] {
  const axes: Axis[] = [];
  let bracket: Span | null = null;
  let group: { readonly at: Span; readonly factors: Factor[] } | null = null;
  for (const token of tokens) {
    const { kind, at } = token;
    switch (kind) {
      case 'axis':
      case 'ellipsis': {
        const factor = { name: token.name, reduced: bracket !== null, at };
        if (group !== null) {
          if (kind === 'ellipsis') throw syntax('an ellipsis in parentheses', text, at, 'write names alone: (g c)');
          group.factors.push(factor);
          break;
        }
        if (kind === 'ellipsis' && axes.some((axis) => axis.kind === kind)) {
          throw syntax('a second ellipsis', text, at, 'name its axes, or put them into the first');
        }
        axes.push({ kind, factor });
        break;
      }
      case '[':
        if (bracket !== null) throw syntax('a bracket within brackets', text, at, 'close the first one before it');
        bracket = at;
        break;
      case ']':
        if (bracket === null) throw syntax('the bracket was never opened', text, at, 'write [ before what it encloses');
        if (group !== null && bracket.start < group.at.start) throw crossing(text, at);
        bracket = null;
        break;
      case '(':
        if (group !== null) throw syntax('parentheses within parentheses', text, at, 'write all in one: (a b c)');
        group = { at, factors: [] };
        break;
      case ')':
        if (group === null) throw syntax('the parenthesis was never opened', text, at, 'write ( before the factors');
        if (bracket !== null && bracket.start > group.at.start) throw crossing(text, at);
        axes.push({ kind: 'group', factors: group.factors, at: { start: group.at.start, end: at.end } });
        group = null;
        break;
      case ',':
        break; // parse() has cut the text there
      default:
        kind satisfies never;
    }
  }
  if (bracket !== null) throw syntax('the bracket is never closed', text, bracket, 'write ] after what it encloses');
  if (group !== null) throw syntax('the parenthesis is never closed', text, group.at, 'write ) after the factors');
  return axes;
}

function parameterAxis(axis: Axis): ParameterAxis {
  if (axis.kind !== 'group') return { kind: axis.kind, name: axis.factor.name, at: axis.factor.at };
  return { kind: 'group', names: axis.factors.map(({ name, at }) => ({ name, at })), at: axis.at };
}

function crossing(text: string, at: Span): KeelError {
  return syntax('a bracket and a parenthesis cross', text, at, 'put one inside the other: ([a] b) or [(a b)]');
}

function syntax(message: string, text: string, at: Span, hint: string): KeelError {
  return patternError('syntax', message, text, at, [hint]);
}

// Axes -> a checked pattern.

function checkNames(pattern: Pattern): Pattern {
  const { text, parameters } = pattern;
  const kinds = new Map<string, Axis['kind']>();
  for (const axis of pattern.axes) {
    for (const { name, at } of factorsOf(axis)) {
      if (RESERVED.has(name)) throw wrongName(`${name} is an option, not an axis`, text, at, name, 'rename the axis');
      if (kinds.has(name)) throw wrongName(`${name} names two axes`, text, at, name, 'give each a name of its own');
      kinds.set(name, axis.kind === 'ellipsis' ? 'ellipsis' : 'axis');
    }
  }
  const seen = new Set<string>();
  for (const axis of parameters ?? []) {
    for (const { name, at } of namesOf(axis)) {
      const kind = kinds.get(name);
      const choice = kinds.size === 0 ? 'the pattern has no axes' : `choose from ${[...kinds.keys()].join(', ')}`;
      if (kind === undefined) throw wrongName(`there is no axis ${name} before the comma`, text, at, name, choice);
      if (kind === 'ellipsis' && axis.kind !== 'ellipsis') {
        const way = axis.kind === 'axis' ? `write ${name}...` : 'take it out of the parentheses';
        throw wrongName(`${name} is an ellipsis before the comma`, text, at, name, way);
      }
      if (kind === 'axis' && axis.kind === 'ellipsis') {
        throw wrongName(`${name} is a single axis before the comma`, text, at, name, `write ${name} without the dots`);
      }
      if (seen.has(name)) throw wrongName(`${name} names two parameter axes`, text, at, name, 'name it once');
      seen.add(name);
    }
  }
  return pattern;
}

function wrongName(message: string, text: string, at: Span, name: string, hint: string): KeelError {
  return patternError('name', message, text, at, [hint], { name });
}

// Pattern -> text.

interface Word {
  readonly word: string;
  readonly reduced: boolean;
}

function axisWord(axis: Axis): Word {
  if (axis.kind !== 'group') {
    return { word: axis.factor.name + (axis.kind === 'ellipsis' ? '...' : ''), reduced: axis.factor.reduced };
  }
  const factors = axis.factors.map(({ name, reduced }) => ({ word: name, reduced }));
  // Brackets go around the parentheses where they can; `()` has nothing to reduce.
  const reduced = factors.length > 0 && factors.every((factor) => factor.reduced);
  return { word: `(${reduced ? factors.map(({ word }) => word).join(' ') : bracketed(factors)})`, reduced };
}

function parameterWord(axis: ParameterAxis): string {
  if (axis.kind === 'group') return `(${axis.names.map(({ name }) => name).join(' ')})`;
  return axis.name + (axis.kind === 'ellipsis' ? '...' : '');
}

function bracketed(words: readonly Word[]): string {
  const opens = (i: number): boolean => words[i]?.reduced === true && words[i - 1]?.reduced !== true;
  const closes = (i: number): boolean => words[i]?.reduced === true && words[i + 1]?.reduced !== true;
  return words.map(({ word }, i) => `${opens(i) ? '[' : ''}${word}${closes(i) ? ']' : ''}`).join(' ');
}

// The same reading of names on the level of types: marks become spaces, words with dots drop out.

type Spaced<P extends string> = Swap<
  Swap<Swap<Swap<Swap<Swap<Swap<Swap<P, '[', ' '>, ']', ' '>, '(', ' '>, ')', ' '>, '\t', ' '>, '\n', ' '>, '\r', ' '>,
  '...',
  '... '
>;

// Written with accumulators, so that the compiler follows long patterns without recursion.
type Swap<P extends string, From extends string, To extends string, Done extends string = ''> =
  P extends `${infer Head}${From}${infer Rest}` ? Swap<Rest, From, To, `${Done}${Head}${To}`> : `${Done}${P}`;

type Words<P extends string, Done extends string = never> = string extends P
  ? string
  : P extends `${infer Head} ${infer Rest}`
    ? Words<Rest, Done | Plain<Head>>
    : Done | Plain<P>;

type Plain<W extends string> = W extends '' | `${string}...` ? never : W;
