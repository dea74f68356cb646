// The commands as data, in the order of help.

import type { CommandSpec } from './command.js';
import { benchSpec } from './commands/bench.js';
import { completionSpec } from './commands/completion.js';
import { demoSpec } from './commands/demo.js';

export const specs: readonly CommandSpec[] = [
  benchSpec,
  demoSpec,
  completionSpec,
];
