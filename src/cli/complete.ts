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

/** What a shell offers for a command's operands: words, files, or both. */
function operandsOf({ operands }: CommandSpec): { readonly words: readonly string[]; readonly hasFiles: boolean } {
  const kinds = operands.map(({ complete }) => complete);
  const words = kinds.includes('layers') ? layerNames : kinds.includes('shells') ? shells : [];
  return { words, hasFiles: kinds.includes(undefined) || kinds.includes('layers') };
}

/** The words that an option's value may be; null where it is anything. */
function valuesOf({ choices, complete }: OptionSpec): readonly string[] | null {
  return choices ?? (complete === 'layers' ? layerNames : null);
}

function bash(specs: readonly CommandSpec[]): string[] {
  const cases = specs.flatMap((of) => {
    const valued = optionsOf(of).flatMap(([name, option]) => {
      if (option.kind === 'flag') return [];
      const labels = [`--${name}`, ...(option.short === undefined ? [] : [`-${option.short}`])].join('|');
      const values = valuesOf(option);
      const offer = values !== null ? `_evenkeel_offer -W '${values.join(' ')}'; ` : option.kind === 'path' ? '_evenkeel_offer -f; ' : '';
      return [`        ${labels}) ${offer}return ;;`];
    });
    const { words, hasFiles } = operandsOf(of);
    return [
      `    ${of.name})`,
      '      case "$before" in',
      ...valued,
      '      esac',
      `      if [[ $word == -* ]]; then _evenkeel_offer -W '${flagsOf(of).join(' ')}'`,
      `      else _evenkeel_offer -W '${words.join(' ')}'${hasFiles ? '; _evenkeel_offer -f' : ''}; fi ;;`,
    ];
  });
  return [
    '# bash completion: eval "$(evenkeel completion bash)"',
    // Line by line: names of files may have spaces.
    '_evenkeel_offer() {',
    '  local each',
    '  while IFS= read -r each; do COMPREPLY+=("$each"); done < <(compgen "$@" -- "$word")',
    '}',
    '_evenkeel() {',
    '  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}',
    '  COMPREPLY=()',
    '  if ((COMP_CWORD == 1)); then',
    `    _evenkeel_offer -W '${[...specs.map(({ name }) => name), 'help', '--help', '--version'].join(' ')}'`,
    '    return',
    '  fi',
    '  case ${COMP_WORDS[1]} in',
    `    help) _evenkeel_offer -W '${specs.map(({ name }) => name).join(' ')}' ;;`,
    ...cases,
    '  esac',
    '}',
    'complete -o filenames -F _evenkeel evenkeel',
  ];
}

function zsh(specs: readonly CommandSpec[]): string[] {
  const cases = specs.flatMap((of) => {
    const options = optionsOf(of).map(([name, option]) => {
      const { kind, short, about, many, value } = option;
      const values = valuesOf(option);
      const action = values === null ? (kind === 'path' ? '_files' : ' ') : `(${values.join(' ')})`;
      const takes = kind === 'flag' ? '' : `:${value ?? 'value'}:${action}`;
      const star = many === true ? '*' : '';
      if (short === undefined || many === true) return `        '${star}--${name}[${zshText(about)}]${takes}'`;
      return `        '(-${short} --${name})'{-${short},--${name}}'[${zshText(about)}]${takes}'`;
    });
    const { words, hasFiles } = operandsOf(of);
    const offered = `(${words.join(' ')})`;
    const both = `{_alternative "words:word:${offered}" "files:file:_files"}`;
    const operand = `'*:operand:${words.length === 0 ? (hasFiles ? '_files' : ' ') : hasFiles ? both : offered}'`;
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
    // A file of $fpath is itself the function when it is asked for the first time.
    'if [[ $funcstack[1] == _evenkeel ]]; then _evenkeel "$@"; else compdef _evenkeel evenkeel; fi',
  ];
}

function fish(specs: readonly CommandSpec[]): string[] {
  const none = `not __fish_seen_subcommand_from ${specs.map(({ name }) => name).join(' ')}`;
  return [
    '# fish completion: evenkeel completion fish | source',
    ...specs.map(({ name, summary }) => `complete -c evenkeel -f -n '${none}' -a ${name} -d ${fishText(summary)}`),
    ...specs.flatMap((of) => {
      const seen = `-n '__fish_seen_subcommand_from ${of.name}'`;
      const { words, hasFiles } = operandsOf(of);
      return [
        ...optionsOf(of).map(([name, option]) => {
          const { kind, short, about } = option;
          const takes = kind === 'flag' ? '' : kind === 'path' ? ' -r' : ' -x';
          const values = valuesOf(option);
          const offered = values === null ? '' : ` -a ${fishText(values.join(' '))}`;
          return `complete -c evenkeel ${seen} -l ${name}${short === undefined ? '' : ` -s ${short}`}${takes}${offered} -d ${fishText(about)}`;
        }),
        ...(words.length === 0 && hasFiles ? [] : [`complete -c evenkeel ${seen}${hasFiles ? '' : ' -f'} -a ${fishText(words.join(' '))}`]),
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
