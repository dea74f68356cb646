// What a command is: operands, options and examples as data, and the function that does it. May import node: and evenkeel.

import type { Terminal } from './terminal.js';

/** What stands without a dash: `IN`. */
export interface OperandSpec {
  /** In capitals, as help shows it. */
  readonly name: string;
  readonly about: string;
  readonly optional?: true;
  /** Takes all that are left, also none. */
  readonly many?: true;
  /** What a shell offers; files by default. */
  readonly complete?: 'layers' | 'shells' | 'nothing';
}

/**
 * What an option takes: nothing (`flag`), a text, a path, a number or a whole number from 0, sizes such as 3x4, an index such as
 * 1,2,0, or one of `choices`.
 */
export interface OptionSpec {
  readonly kind: 'flag' | 'text' | 'path' | 'number' | 'count' | 'shape' | 'index' | 'choice';
  /** Its value's name in help; none for flags and choices. */
  readonly value?: string;
  /** One letter. */
  readonly short?: string;
  readonly about: string;
  readonly choices?: readonly string[];
  /** What a shell offers for a text that is no choice; nothing by default. */
  readonly complete?: 'layers';
  /** May be given again and again. */
  readonly many?: true;
}

/** A line that help shows and a test executes. */
export interface Example {
  readonly line: string;
  readonly about: string;
  /** How it exits, 0 by default. */
  readonly exit?: 1;
  /** What it prints, where it goes on until it is interrupted. */
  readonly until?: string;
}

/** A command as data: parsing, help, completion and the page of documentation are made of it. */
export interface CommandSpec {
  readonly name: string;
  /** In half a line, without a full stop. */
  readonly summary: string;
  /** Paragraphs. */
  readonly about: readonly string[];
  readonly operands: readonly OperandSpec[];
  /** By long name, without the dashes. `--json`, `--quiet` and `--help` are every command's. */
  readonly options: Readonly<Record<string, OptionSpec>>;
  readonly examples: readonly Example[];
  /** The fields of its JSON document beside `version` and `command`, and what they hold. */
  readonly json: Readonly<Record<string, string>>;
}

/** The spec itself, with all its names in its type. */
export function spec<const S extends CommandSpec>(given: S): S {
  return given;
}

interface Values {
  readonly flag: boolean;
  readonly text: string;
  readonly path: string;
  readonly number: number;
  readonly count: number;
  readonly shape: readonly number[];
  readonly index: readonly number[];
}

type ValueOf<O extends OptionSpec> = O['kind'] extends 'choice'
  ? NonNullable<O['choices']>[number]
  : O['kind'] extends keyof Values ? Values[O['kind']] : never;

type OptionOf<O extends OptionSpec> = O['kind'] extends 'flag' ? boolean
  : O extends { readonly many: true } ? readonly ValueOf<O>[]
  : ValueOf<O> | null;

type OperandOf<O extends OperandSpec> = O extends { readonly many: true } ? readonly string[]
  : O extends { readonly optional: true } ? string | null
  : string;

/** A command line that was read: each operand and option by its name, null or empty where it is not given. */
export interface Given<S extends CommandSpec> {
  readonly operands: { readonly [O in S['operands'][number] as O['name']]: OperandOf<O> };
  readonly options: { readonly [name in keyof S['options']]: OptionOf<S['options'][name]> };
}

/** What a command found: with `--json` the document is printed, else the text. */
export interface Outcome {
  /** 1: it differs, or something is flagged. */
  readonly exit: 0 | 1;
  readonly json: Readonly<Record<string, unknown>>;
  readonly text: readonly string[];
}

/** Does a command; what it cannot do is a KeelError, and nothing is half done. */
export type Run<S extends CommandSpec> = (given: Given<S>, terminal: Terminal) => Promise<Outcome>;

/** A command of the table. */
export interface Command {
  readonly spec: CommandSpec;
  /** Loads what does it: nothing of it is read before it is asked for. */
  readonly load: () => Promise<Run<CommandSpec>>;
}

/** A command whose function is loaded when it is asked for. */
export function command<S extends CommandSpec>(of: S, load: () => Promise<Run<S>>): Command {
  // What parse() gives for this spec is what its function takes.
  return { spec: of, load: load as () => Promise<Run<CommandSpec>> };
}
