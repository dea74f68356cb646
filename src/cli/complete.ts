// Completion scripts for shells, made of the table of commands. Imports the frame only.

import type { CommandSpec, OptionSpec } from './command.js';
import { layerNames } from './layernames.js';
import { common } from './parse.js';

export const shells = ['bash', 'zsh', 'fish'] as const;

export type Shell = (typeof shells)[number];

/** The script that teaches a shell the commands, their options and the choices of these. */
export function completionFor(shell: Shell, specs: readonly CommandSpec[]): string[] {
  switch (shell) {
    case 'bash':
      return bash(specs);
    case 'zsh':
      return zsh(specs);
    case 'fish':
      return fish(specs);
    default:
      return shell satisfies never;
  }
}

function optionsOf(of: CommandSpec): [name: string, option: OptionSpec][] {
  return Object.entries<OptionSpec>({ ...of.options, ...common });
}

function flagsOf(of: CommandSpec): string[] {
  return optionsOf(of).flatMap(([name, { short }]) => [`--${name}`, ...(short === undefined ? [] : [`-${short}`])]);
}

/** What a shell offers for an operand: layers, or files. */
function operandWords({ operands }: CommandSpec): readonly string[] {
  return operands.some(({ complete }) => complete === 'layers') ? layerNames : [];
}

function bash(specs: readonly CommandSpec[]): string[] {
  const cases = specs.flatMap((of) => {
    const valued = optionsOf(of).flatMap(([name, { kind, short, choices }]) => {
      if (kind === 'flag') return [];
      const labels = [`--${name}`, ...(short === undefined ? [] : [`-${short}`])].join('|');
      if (choices !== undefined) return [`        ${labels}) COMPREPLY=($(compgen -W '${choices.join(' ')}' -- "$word")); return ;;`];
      return kind === 'path' ? [`        ${labels}) COMPREPLY=($(compgen -f -- "$word")); return ;;`] : [`        ${labels}) return ;;`];
    });
    return [
      `    ${of.name})`,
      '      case "$before" in',
      ...valued,
      '      esac',
      `      if [[ $word == -* ]]; then COMPREPLY=($(compgen -W '${flagsOf(of).join(' ')}' -- "$word"))`,
      `      else COMPREPLY=($(compgen -W '${operandWords(of).join(' ')}' -- "$word") $(compgen -f -- "$word")); fi ;;`,
    ];
  });
  return [
    '# bash completion: eval "$(evenkeel completion bash)"',
    '_evenkeel() {',
    '  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}',
    '  COMPREPLY=()',
    '  if ((COMP_CWORD == 1)); then',
    `    COMPREPLY=($(compgen -W '${[...specs.map(({ name }) => name), 'help', '--help', '--version'].join(' ')}' -- "$word"))`,
    '    return',
    '  fi',
    '  case ${COMP_WORDS[1]} in',
    `    help) COMPREPLY=($(compgen -W '${specs.map(({ name }) => name).join(' ')}' -- "$word")) ;;`,
    ...cases,
    '  esac',
    '}',
    'complete -o filenames -F _evenkeel evenkeel',
  ];
}

function zsh(specs: readonly CommandSpec[]): string[] {
  const cases = specs.flatMap((of) => {
    const options = optionsOf(of).map(([name, option]) => {
      const { kind, short, about, choices, many, value } = option;
      const action = choices === undefined ? (kind === 'path' ? '_files' : ' ') : `(${choices.join(' ')})`;
      const takes = kind === 'flag' ? '' : `:${value ?? 'value'}:${action}`;
      const star = many === true ? '*' : '';
      if (short === undefined || many === true) return `        '${star}--${name}[${zshText(about)}]${takes}'`;
      return `        '(-${short} --${name})'{-${short},--${name}}'[${zshText(about)}]${takes}'`;
    });
    const words = operandWords(of);
    const operand = words.length === 0 ? "'*:file:_files'" : `'1:layer:(${words.join(' ')})' '*:file:_files'`;
    return [`      ${of.name}) _arguments \\`, ...options.map((line) => `${line} \\`), `        ${operand} ;;`];
  });
  return [
    '#compdef evenkeel',
    '# zsh completion: eval "$(evenkeel completion zsh)"',
    '_evenkeel() {',
    '  local -a names',
    `  names=(${specs.map(({ name, summary }) => `'${name}:${zshText(summary)}'`).join(' ')})`,
    '  if ((CURRENT == 2)); then _describe command names; return; fi',
    '  local name=$words[2]',
    '  shift words; ((CURRENT--))',
    '  case $name in',
    '      help) _describe command names ;;',
    ...cases,
    '  esac',
    '}',
    'compdef _evenkeel evenkeel',
  ];
}

function fish(specs: readonly CommandSpec[]): string[] {
  const none = `not __fish_seen_subcommand_from ${specs.map(({ name }) => name).join(' ')}`;
  return [
    '# fish completion: evenkeel completion fish | source',
    ...specs.map(({ name, summary }) => `complete -c evenkeel -f -n '${none}' -a ${name} -d ${fishText(summary)}`),
    ...specs.flatMap((of) => {
      const seen = `-n '__fish_seen_subcommand_from ${of.name}'`;
      const words = operandWords(of);
      return [
        ...optionsOf(of).map(([name, { kind, short, about, choices }]) => {
          const takes = kind === 'flag' ? '' : kind === 'path' ? ' -r' : ' -x';
          const offered = choices === undefined ? '' : ` -a ${fishText(choices.join(' '))}`;
          return `complete -c evenkeel ${seen} -l ${name}${short === undefined ? '' : ` -s ${short}`}${takes}${offered} -d ${fishText(about)}`;
        }),
        ...(words.length === 0 ? [] : [`complete -c evenkeel ${seen} -a ${fishText(words.join(' '))}`]),
      ];
    }),
  ];
}

/** Within single quotes, where _arguments and _describe read brackets and colons. */
function zshText(about: string): string {
  return about.replaceAll("'", "'\\''").replaceAll(/[[\]:]/g, (c) => `\\${c}`);
}

function fishText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
