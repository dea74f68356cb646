// The words of a command line as the operands and options of its command. May import node: and evenkeel.

import { parseArgs } from 'node:util';
import { KeelError } from 'evenkeel';
import type { CommandSpec, Given, OptionSpec } from './command.js';
import { didYouMean } from './suggest.js';
import { indexOf, numberOf, shapeOf, wholeOf } from './values.js';

/** Options that every command has. */
export const common = {
  json: { kind: 'flag', about: 'prints one JSON document instead of text' },
  quiet: { kind: 'flag', short: 'q', about: 'says nothing on standard error but errors' },
  help: { kind: 'flag', short: 'h', about: 'shows this' },
} as const satisfies Readonly<Record<string, OptionSpec>>;

/** What every command is asked beside its own. */
export type Common = { readonly [name in keyof typeof common]: boolean };

/**
 * Reads the words behind a command's name.
 *
 * @throws KeelError [argument] for an unknown option, one without its value or twice, values of another kind, operands
 *   that are missing, empty or too many.
 */
export function parse<S extends CommandSpec>(of: S, words: readonly string[]): { given: Given<S>; common: Common } {
  const known: Readonly<Record<string, OptionSpec>> = { ...common, ...of.options };
  const { positionals, values } = read(of.name, known, words);
  const isHelp = values.has('help');
  const options = Object.fromEntries(
    Object.entries(known).map(([name, option]) => [name, valueOf(name, option, values.get(name) ?? [])]),
  );
  const operands = isHelp ? {} : operandsOf(of, positionals);
  const { json, quiet, help, ...own } = options;
  return {
    // Names and kinds are those of the spec, from which the type is made.
    given: { operands, options: own } as unknown as Given<S>,
    common: { json: json === true, quiet: quiet === true, help: help === true },
  };
}

/** A mistake in the words themselves, behind which help is worth naming. */
export function usageError(message: string, data: Readonly<Record<string, unknown>>): KeelError {
  return new KeelError('argument', message, { ...data, usage: true });
}

function read(command: string, known: Readonly<Record<string, OptionSpec>>, words: readonly string[]) {
  const { tokens } = parseArgs({
    args: [...words],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(
      Object.entries(known).map(([name, { kind, short }]) => [
        name,
        { type: kind === 'flag' ? ('boolean' as const) : ('string' as const), ...(short !== undefined && { short }) },
      ]),
    ),
  });
  const positionals: string[] = [];
  const values = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const option = Object.hasOwn(known, token.name) ? known[token.name] : undefined;
    if (option === undefined) throw unknownOption(command, token.rawName, words[token.index] ?? '', known);
    const text = textOf(token, option, known);
    const before = values.get(token.name);
    if (before !== undefined && option.kind !== 'flag' && option.many !== true) {
      throw usageError(`--${token.name} is given twice: '${before.join()}' and '${text}'`, { option: token.name });
    }
    values.set(token.name, [...(before ?? []), text]);
  }
  return { positionals, values };
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function textOf({ name, rawName, value, inlineValue }: OptionToken, option: OptionSpec, known: Readonly<Record<string, OptionSpec>>): string {
  if (option.kind === 'flag') {
    if (value === undefined) return '';
    throw usageError(`${rawName} takes no value, got '${value}'`, { option: name });
  }
  // `--out --json`: another option where the value should be.
  const isOption = inlineValue !== true && value !== undefined && Object.hasOwn(known, value.replace(/^--/, '')) && value.startsWith('--');
  if (value !== undefined && !isOption) return value;
  const example = option.choices?.join(' or ') ?? option.value ?? 'VALUE';
  throw usageError(`${rawName} needs a value: ${rawName} ${example}`, { option: name });
}

function unknownOption(command: string, rawName: string, word: string, known: Readonly<Record<string, OptionSpec>>): KeelError {
  const isFile = /^-[^-].*[./]/.test(word);
  const hint = isFile ? `: a name that begins with a dash is written ./${word}` : didYouMean(rawName, Object.keys(known).map((name) => `--${name}`));
  return usageError(`evenkeel ${command} has no option ${rawName}${hint}`, { option: rawName });
}

function valueOf(name: string, option: OptionSpec, texts: readonly string[]): unknown {
  if (option.kind === 'flag') return texts.length > 0;
  const values = texts.map((text) => one(`--${name}`, option, text));
  return option.many === true ? values : (values[0] ?? null);
}

function one(label: string, { kind, choices = [] }: OptionSpec, text: string): unknown {
  switch (kind) {
    case 'flag':
    case 'text':
      return text;
    case 'path':
      if (text !== '') return text;
      throw usageError(`${label} needs a path, got nothing`, { option: label });
    case 'number':
      return numberOf(label, text);
    case 'count':
      return wholeOf(label, text);
    case 'shape':
      return shapeOf(label, text);
    case 'index':
      return indexOf(label, text);
    case 'choice':
      if (choices.includes(text)) return text;
      throw usageError(`${label} takes ${choices.join(', ')}, got '${text}'${didYouMean(text, choices)}`, { option: label });
    default:
      return kind satisfies never;
  }
}

function operandsOf(of: CommandSpec, positionals: readonly string[]): Readonly<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  let at = 0;
  for (const { name, optional, many, about } of of.operands) {
    const isEmpty = many === true ? positionals.slice(at).includes('') : positionals[at] === '';
    if (isEmpty) throw usageError(`${name} is empty: ${about}`, { operand: name });
    if (many === true) {
      found[name] = positionals.slice(at);
      at = positionals.length;
      continue;
    }
    const value = positionals[at++];
    if (value === undefined && optional !== true) {
      throw usageError(`evenkeel ${of.name} needs ${name}: ${about}`, { operand: name });
    }
    found[name] = value ?? null;
  }
  if (at >= positionals.length) return found;
  const left = positionals.slice(at).map((word) => `'${word}'`).join(' ');
  const names = of.operands.map(({ name }) => name).join(' ');
  const takes = names === '' ? 'no operands' : `${names} and no more`;
  throw usageError(`evenkeel ${of.name} takes ${takes}, got ${left} besides: quote what has spaces in it`, { left });
}
