// Folding an ONNX model. May import node:, evenkeel and neighbours.

import { dirname, resolve } from 'node:path';
import { KeelError } from 'evenkeel';
import { foldOnnx } from 'evenkeel/fold';
import { replaceFile } from 'evenkeel/io';
import { checkPlace } from '../normalize/output.js';
import type { Terminal } from '../terminal.js';
import type { Job, Report } from './report.js';
import type { StateWish } from './statedict.js';

export async function foldGraphFile({ name, path, out, overwrite }: Job, wish: StateWish, terminal: Terminal): Promise<Report> {
  checkWish(name, wish);
  const target = out === null ? null : { name: out, path: resolve(terminal.cwd, out) };
  if (target !== null) await checkPlace(target, path, overwrite);
  const { bytes, pairs, kept, beside } = await foldOnnx(path);
  const isWritten = target !== null && pairs.length > 0;
  if (isWritten) {
    checkFolder(path, target.path, beside);
    const chunks = async function* () {
      yield bytes;
    };
    await terminal.guard(replaceFile(target.path, chunks(), { signal: terminal.signal }));
  }
  const report = { layout: null, eps: null, pairs, kept, added: [], removed: [], beside };
  return { input: name, output: isWritten ? target.name : null, ...report };
}

/** The graph says what a state dict does not. */
function checkWish(name: string, { eps, pair, entry }: StateWish): void {
  const [given] = [...(eps === null ? [] : ['--eps']), ...(pair.length === 0 ? [] : ['--pair']), ...(entry === null ? [] : ['--entry'])];
  if (given === undefined) return;
  const message = `${given} is about state dicts, and '${name}' is a graph, which says itself what follows what: leave it out`;
  throw new KeelError('argument', message, { option: given });
}

/** Elements in other files are found in the model's own folder. */
function checkFolder(path: string, out: string, beside: readonly string[]): void {
  if (beside.length === 0 || dirname(path) === dirname(out)) return;
  const message = `the folded model takes elements from ${beside.join(', ')} beside it: write it to the folder of the model`;
  throw new KeelError('argument', message, { beside, out });
}
