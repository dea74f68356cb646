// Prints a completion script. May import evenkeel.

import type { Given, Outcome } from '../command.js';
import type { completionSpec } from '../commands/completion.js';
import { completionFor, shells } from '../complete.js';
import { usageError } from '../parse.js';
import { specs } from '../specs.js';
import { didYouMean } from '../suggest.js';

export async function run({ operands }: Given<typeof completionSpec>): Promise<Outcome> {
  const shell = shells.find((name) => name === operands.SHELL);
  if (shell === undefined) {
    const message = `no shell '${operands.SHELL}'${didYouMean(operands.SHELL, shells)}: choose from ${shells.join(', ')}`;
    throw usageError(message, { shell: operands.SHELL });
  }
  const text = completionFor(shell, specs);
  return { exit: 0, json: { shell, script: `${text.join('\n')}\n` }, text };
}
