// A command line from its words to its exit code. May import node: and evenkeel.

import { KeelError } from 'evenkeel';
import type { Command } from './command.js';
import { exitOf, type Exit } from './exit.js';
import { commandHelp, overview, usageOf } from './help.js';
import { documentOf, errorFields } from './json.js';
import { parse, usageError } from './parse.js';
import { didYouMean } from './suggest.js';
import { clean, columnsOf, hasColoursOn, plain, terminalOf, type Surroundings } from './terminal.js';
import { styleText } from 'node:util';

/** What a process gives. */
export type Process = Omit<Surroundings, 'isJson' | 'isQuiet'>;

/**
 * Runs a command line; gives the exit code. Whatever goes wrong is said on standard error, and with `--json` as a document on
 * standard output too.
 */
export async function run(words: readonly string[], commands: readonly Command[], version: string, process: Process): Promise<Exit> {
  const [name, ...rest] = words;
  // Before anything is parsed: what goes wrong in parsing is a document as well.
  const isJson = rest.includes('--json');
  try {
    return await dispatch(name, rest, commands, version, process);
  } catch (error) {
    if (process.signal.aborted) return 130;
    const exit = exitOf(error);
    complain(error, name ?? null, commands, process);
    if (isJson) process.stdout.write(`${documentOf(name ?? null, errorFields(error, exit))}\n`);
    return exit;
  }
}

async function dispatch(
  name: string | undefined,
  words: readonly string[],
  commands: readonly Command[],
  version: string,
  process: Process,
): Promise<Exit> {
  const { stdout, env } = process;
  const specs = commands.map(({ spec }) => spec);
  const print = (lines: readonly string[]): void => void stdout.write(lines.map((line) => `${clean(line)}\n`).join(''));
  const page = {
    columns: columnsOf(stdout, env),
    paint: terminalOf({ ...process, isJson: false, isQuiet: false }).paint,
  };
  if (name === '--version' || name === '-V') {
    print([`evenkeel ${version}`]);
    return 0;
  }
  if (name === undefined || name === '--help' || name === '-h' || (name === 'help' && words.length === 0)) {
    print(overview(specs, page));
    return name === undefined ? 2 : 0;
  }
  const isHelp = name === 'help';
  const asked = isHelp ? (words[0] ?? '') : name;
  const command = commands.find(({ spec }) => spec.name === asked);
  if (command === undefined) throw asked.startsWith('-') ? noOption(asked) : noCommand(asked, specs.map((each) => each.name));
  const { given, common } = parse(command.spec, isHelp ? ['--help'] : words);
  if (common.help) {
    print(commandHelp(command.spec, page));
    return 0;
  }
  const terminal = terminalOf({ ...process, isJson: common.json, isQuiet: common.quiet });
  const { exit, json, text } = await (await command.load())(given, terminal);
  await terminal.pause();
  if (common.json) stdout.write(`${documentOf(asked, json)}\n`);
  else print(text);
  return exit;
}

function noCommand(asked: string, names: readonly string[]): KeelError {
  const hint = didYouMean(asked, [...names, 'help']);
  return usageError(`evenkeel has no command '${asked}'${hint}: choose from ${names.join(', ')}`, { command: asked });
}

function noOption(asked: string): KeelError {
  const hint = didYouMean(asked, ['--help', '--version']);
  return usageError(`evenkeel has no option ${asked}${hint}: options of a command stand behind it`, { option: asked });
}

function complain(error: unknown, name: string | null, commands: readonly Command[], { stderr, env }: Process): void {
  const label = error instanceof KeelError ? `error [${error.code}]` : 'error';
  const painted = hasColoursOn(stderr, env) ? styleText('red', label, { validateStream: false }) : label;
  const lines = error instanceof KeelError ? [`${painted}: ${plain(shortened(error.message))}`] : defect(error, painted);
  if (error instanceof KeelError && error.data['usage'] === true) {
    const spec = commands.map((each) => each.spec).find((each) => each.name === name);
    lines.push(spec === undefined ? "usage: evenkeel COMMAND ...; 'evenkeel --help' lists the commands" : `usage: ${usageOf(spec)}; 'evenkeel ${spec.name} --help' shows all`);
  }
  stderr.write(lines.map((line) => `${clean(line)}\n`).join(''));
}

/** Names out of a file may be as long as it is. */
const MOST_CHARACTERS = 4000;

/** Without its middle, where it is long: what is wrong stands at the end. */
function shortened(message: string): string {
  if (message.length <= MOST_CHARACTERS) return message;
  const half = MOST_CHARACTERS / 2;
  return `${message.slice(0, half)} … ${message.length - MOST_CHARACTERS} characters more … ${message.slice(-half)}`;
}

function defect(error: unknown, label: string): string[] {
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return [`${label}: this is a defect of evenkeel, please report it with the command and these lines`, trace];
}
