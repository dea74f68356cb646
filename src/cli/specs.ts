// The commands as data, in the order of help.

import type { CommandSpec } from './command.js';
import { benchSpec } from './commands/bench.js';
import { completionSpec } from './commands/completion.js';
import { demoSpec } from './commands/demo.js';
import { normalizeSpec } from './commands/normalize.js';

export const specs: readonly CommandSpec[] = [
  normalizeSpec,
  benchSpec,
  demoSpec,
  completionSpec,
];
