// Help, made of the table of commands. Imports the frame only.

import type { CommandSpec, OperandSpec, OptionSpec } from './command.js';
import { exits } from './exit.js';
import { common } from './parse.js';
import type { Style } from './terminal.js';
import { labelled, wrap } from './text.js';

/** How help is laid out. */
export interface Page {
  readonly columns: number;
  paint(style: Style, text: string): string;
}

/** All commands, each in a line. */
export function overview(specs: readonly CommandSpec[], page: Page): string[] {
  const heading = (text: string) => page.paint('bold', text);
  return [
    ...wrap("evenkeel: PyTorch's normalization layers, for arrays and models in files", page.columns),
    '',
    `${heading('usage')}  evenkeel COMMAND ...`,
    '',
    heading('commands'),
    ...labelled(specs.map(({ name, summary }) => [name, summary]), page.columns),
    '',
    heading('exit codes'),
    ...labelled(Object.entries(exits), page.columns),
    '',
    ...wrap("'evenkeel COMMAND --help' shows a command's options and examples, 'evenkeel --version' the version.", page.columns),
  ];
}

/** One command: usage, operands, options, examples. */
export function commandHelp(of: CommandSpec, page: Page): string[] {
  const heading = (text: string) => page.paint('bold', text);
  const options = Object.entries<OptionSpec>({ ...of.options, ...common });
  return [
    `${heading('usage')}  ${usageOf(of)}`,
    '',
    ...of.about.flatMap((paragraph) => [...wrap(paragraph, page.columns), '']),
    ...(of.operands.length === 0 ? [] : [
      heading('operands'),
      ...labelled(of.operands.map(({ name, about }) => [name, about]), page.columns),
      '',
    ]),
    heading('options'),
    ...labelled(options.map(([name, option]) => [optionLabel(name, option), aboutOf(option)]), page.columns),
    '',
    heading('examples'),
    ...of.examples.flatMap(({ line, about }) => [`  ${page.paint('cyan', line)}`, ...wrap(about, page.columns - 6).map((text) => `      ${text}`)]),
  ];
}

/** `evenkeel inspect MODEL [options]` */
export function usageOf({ name, operands }: CommandSpec): string {
  return ['evenkeel', name, ...operands.map(operandLabel), '[options]'].join(' ');
}

/** `-o, --out OUT` */
export function optionLabel(name: string, { short, value, choices, kind }: OptionSpec): string {
  const taken = kind === 'flag' ? '' : ` ${value ?? choices?.join('|') ?? 'VALUE'}`;
  return `${short === undefined ? '' : `-${short}, `}--${name}${taken}`;
}

/** What an option is about, with its choices where its label does not show them. */
export function aboutOf({ about, value, choices, many }: OptionSpec): string {
  const listed = value !== undefined && choices !== undefined ? `: ${choices.join(', ')}` : '';
  return `${about}${listed}${many === true ? '; may be repeated' : ''}`;
}

function operandLabel({ name, optional, many }: OperandSpec): string {
  if (many === true) return `[${name} ...]`;
  return optional === true ? `[${name}]` : name;
}
