// Words of a command line, right and wrong, from what the commands say of themselves. Imports nothing.

import { mutateText } from './bytes.js';
import type { Dice } from './dice.js';

/** What a command line may be made of. */
export interface Vocabulary {
  /** Each command with its options, dashes and all. */
  readonly commands: ReadonlyMap<string, readonly string[]>;
  /** Lines that work. */
  readonly examples: readonly string[];
  /** Names of files in the folder where it runs. */
  readonly files: readonly string[];
}

/** Commands that take their time, and no file; the lab's ends when it is told to. */
export const unfuzzed: readonly string[] = ['bench', 'demo', 'lab'];

/** Words of one command line. Paths stay in the folder where it runs. */
export function commandLine(vocabulary: Vocabulary, dice: Dice): string[] {
  const words = dice.chance(0.5) ? exampleLike(vocabulary, dice) : madeUp(vocabulary, dice);
  // NUL ends an argument in every system: no process is ever given one.
  return (dice.chance(0.2) ? words.map((word) => (dice.chance(0.2) ? mutateText(word, dice) : word)) : words)
    .map((word) => word.replaceAll('\0', '').replaceAll('/', '_'));
}

/** The words of a line as a shell parts them; none of one with a pipe or a redirection. */
function wordsOf(line: string): string[] {
  if (/[|<>&;$]/.test(line.replaceAll(/'[^']*'/g, ''))) return [];
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '').slice(1);
}

/** An example with a word or two replaced, dropped, or put in. */
function exampleLike({ commands, examples, files }: Vocabulary, dice: Dice): string[] {
  const words = wordsOf(dice.pick(examples));
  for (let changes = dice.below(3); changes > 0; changes--) {
    const options = commands.get(words[0] ?? '') ?? [];
    words.splice(1 + dice.below(words.length), dice.below(2), ...(dice.chance(0.9) ? [dice.pick([...files, ...values, ...options])] : []));
  }
  return words;
}

function madeUp({ commands, files }: Vocabulary, dice: Dice): string[] {
  const name = dice.pick([...commands.keys()]);
  const options = commands.get(name) ?? [];
  const value = (): string => dice.pick([...files, ...values, String(dice.below(5))]);
  const words = [dice.chance(0.97) ? name : mutateText(name, dice)];
  for (let count = dice.below(4); count > 0; count--) words.push(dice.chance(0.4) ? dice.pick(files) : value());
  for (let count = dice.below(4); count > 0 && options.length > 0; count--) {
    const option = dice.pick(options);
    if (dice.chance(0.3)) words.push(`${option}=${value()}`);
    else words.push(option, ...(dice.chance(0.6) ? [value()] : []));
  }
  if (dice.chance(0.2)) words.push('--json');
  if (dice.chance(0.1)) words.splice(dice.below(words.length), 0, dice.pick(['--', '-', '', '--help', '-q', '-o', '--no-json', '-oq', '-5']));
  return words;
}

const values = [
  'layer-norm', 'batch-norm', 'group-norm', 'rms-norm', 'instance-norm', 'local-response-norm', 'layer-norm-2d', 'batch_norm', 'b [c], c', '[b] c [s...], c',
  'b (g [c]) [s...], (g c)', 'nn.GroupNorm(3, 6)', 'nn.LayerNorm(4)', '2x3x4', '2x6x4', '0x3', '1e3x2', '3', '1,2,0', 'g=3', 'c=-1', '1e-5', 'NaN', '-1', '0',
  '', ' ', 'out.npy', 'out.npz', 'out.safetensors', 'out.onnx', 'missing.npy', '-', '__proto__', 'constructor', 'timm', 'facebook', 'array', 'é', '\u001b[31m',
  'expected 4D input (got 3D input)', 'running_mean should contain 6 elements not 3', 'float16', 'nan', 'bash',
];
