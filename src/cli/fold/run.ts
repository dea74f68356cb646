// `evenkeel fold`: from the model that is read to the one that is written. May import node:, evenkeel and neighbours.

import { resolve } from 'node:path';
import { KeelError } from 'evenkeel';
import type { Given, Outcome } from '../command.js';
import type { foldSpec } from '../commands/fold.js';
import type { Terminal } from '../terminal.js';
import { foldGraphFile } from './graph.js';
import { textOf } from './report.js';
import { foldStateFile } from './statedict.js';

export async function run({ operands, options }: Given<typeof foldSpec>, terminal: Terminal): Promise<Outcome> {
  const { MODEL } = operands;
  const { out, overwrite } = options;
  if (out === null && overwrite) throw new KeelError('argument', '--overwrite is about OUT: give -o OUT', { option: '--overwrite' });
  const isGraph = MODEL.endsWith('.onnx');
  const extension = isGraph ? '.onnx' : '.safetensors';
  if (out !== null && !out.endsWith(extension)) {
    const message = `'${out}': what is folded of '${MODEL}' is written as ${extension}; end it so`;
    throw new KeelError('argument', message, { out, extension });
  }
  const job = { name: MODEL, path: resolve(terminal.cwd, MODEL), out, overwrite };
  const report = isGraph ? await foldGraphFile(job, options, terminal) : await foldStateFile(job, options, terminal);
  return {
    exit: report.pairs.length === 0 ? 1 : 0,
    json: { ...report },
    text: textOf(report, options.eps !== null, terminal),
  };
}
