// The table of commands: each spec with the function that does it, loaded when it is asked for.

import { command, type Command } from './command.js';
import { benchSpec } from './commands/bench.js';
import { completionSpec } from './commands/completion.js';
import { demoSpec } from './commands/demo.js';
import { normalizeSpec } from './commands/normalize.js';

/** All commands, as specs.ts has them. */
export const commands: readonly Command[] = [
  command(normalizeSpec, async () => (await import('./normalize/run.js')).run),
  command(benchSpec, async () => (await import('./bench/run.js')).run),
  command(demoSpec, async () => (await import('./demo/run.js')).run),
  command(completionSpec, async () => (await import('./completion/run.js')).run),
];
