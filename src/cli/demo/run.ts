// `evenkeel demo`: every layer on real data, beside PyTorch. May import evenkeel.

import { resolve } from 'node:path';
import type { Given, Outcome } from '../command.js';
import type { demoSpec } from '../commands/demo.js';
import type { Terminal } from '../terminal.js';
import { dataFolder } from './inputs.js';
import { report } from './report.js';
import { loadStored } from './stored.js';

export async function run({ options }: Given<typeof demoSpec>, terminal: Terminal): Promise<Outcome> {
  const stored = await loadStored(options.stored === null ? dataFolder : resolve(terminal.cwd, options.stored));
  const { rows, deviations } = await report(stored, terminal);
  // The text was printed line by line, as each layer was done.
  return { exit: deviations.length === 0 ? 0 : 1, json: { torch: stored.torch, rows, deviations }, text: [] };
}
