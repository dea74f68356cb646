// The commands as data, in the order of help.

import type { CommandSpec } from './command.js';
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

export const specs: readonly CommandSpec[] = [
  normalizeSpec,
  explainSpec,
  compareSpec,
  inspectSpec,
  convertSpec,
  foldSpec,
  benchSpec,
  demoSpec,
  labSpec,
  completionSpec,
];
