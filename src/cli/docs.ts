// The page of documentation, made of the table of commands. Imports the frame only.

import type { CommandSpec, OptionSpec } from './command.js';
import { exits } from './exit.js';
import { aboutOf, optionLabel, usageOf } from './help.js';
import { VERSION } from './json.js';
import { common } from './parse.js';

/** docs/cli.md as a text. */
export function documentation(specs: readonly CommandSpec[]): string {
  const lines = [
    '# The command line',
    '',
    '`npx evenkeel COMMAND`, for people who have an array, a model or a question. `evenkeel COMMAND --help` shows what stands',
    'here; `evenkeel completion bash`, `zsh` or `fish` prints the script that teaches it to a shell.',
    '',
    '| command | does |',
    '|---|---|',
    ...specs.map(({ name, summary }) => `| [\`${name}\`](#${name}) | ${cell(summary)} |`),
    '',
    '## Exit codes',
    '',
    '| code | says |',
    '|---|---|',
    ...Object.entries(exits).map(([code, says]) => `| ${code} | ${cell(says)} |`),
    '',
    '## JSON',
    '',
    `With \`--json\` a command prints one document on one line: \`version\` (${VERSION}; it changes when a field goes or changes its meaning), \`command\`,`,
    'and the fields listed at the command. NaN and the infinities are the texts `"NaN"`, `"Infinity"`, `"-Infinity"`. Where a command',
    'fails, the document has `error` with `code`, `message`, `data` and `exit` instead.',
    '',
    ...specs.flatMap(section),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

function section(of: CommandSpec): string[] {
  const options = Object.entries<OptionSpec>({ ...of.options, ...common });
  return [
    `## ${of.name}`,
    '',
    '```sh',
    usageOf(of),
    '```',
    '',
    ...of.about.flatMap((paragraph) => [paragraph, '']),
    ...(of.operands.length === 0 ? [] : [
      '| operand | |',
      '|---|---|',
      ...of.operands.map(({ name, about }) => `| \`${name}\` | ${cell(about)} |`),
      '',
    ]),
    '| option | |',
    '|---|---|',
    ...options.map(([name, option]) => `| \`${cell(optionLabel(name, option))}\` | ${cell(aboutOf(option))} |`),
    '',
    '```sh',
    ...of.examples.flatMap(({ line, about }) => [`# ${about}`, line]),
    '```',
    '',
    '| field of its JSON | |',
    '|---|---|',
    ...Object.entries(of.json).map(([name, holds]) => `| \`${name}\` | ${cell(holds)} |`),
    '',
  ];
}

/** In a cell of a table a bar would end it. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
