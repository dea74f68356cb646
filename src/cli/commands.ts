// The table of commands: each spec with the function that does it, loaded when it is asked for.

import { command, type Command } from './command.js';
import { benchSpec } from './commands/bench.js';
import { compareSpec } from './commands/compare.js';
import { completionSpec } from './commands/completion.js';
import { convertSpec } from './commands/convert.js';
import { demoSpec } from './commands/demo.js';
import { explainSpec } from './commands/explain.js';
import { foldSpec } from './commands/fold.js';
import { inspectSpec } from './commands/inspect.js';
import { labSpec } from './commands/lab.js';
import { normalizeSpec } from './commands/normalize.js';

/** All commands, as specs.ts has them. */
export const commands: readonly Command[] = [
  command(normalizeSpec, async () => (await import('./normalize/run.js')).run),
  command(explainSpec, async () => (await import('./explain/run.js')).run),
  command(compareSpec, async () => (await import('./compare/run.js')).run),
  command(inspectSpec, async () => (await import('./inspect/run.js')).run),
  command(convertSpec, async () => (await import('./convert/run.js')).run),
  command(foldSpec, async () => (await import('./fold/run.js')).run),
  command(benchSpec, async () => (await import('./bench/run.js')).run),
  command(demoSpec, async () => (await import('./demo/run.js')).run),
  command(labSpec, async () => (await import('./lab/run.js')).run),
  command(completionSpec, async () => (await import('./completion/run.js')).run),
];
