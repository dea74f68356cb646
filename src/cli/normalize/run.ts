// `evenkeel normalize`: from the words to the file that is written. May import evenkeel and evenkeel/io.

import { resolve } from 'node:path';
import { KeelError } from 'evenkeel';
import type { TensorEntry, TensorPart } from 'evenkeel/io';
import type { Given as GivenWords, Outcome } from '../command.js';
import type { normalizeSpec } from '../commands/normalize.js';
import { explanationLines } from '../explain/lines.js';
import type { Terminal } from '../terminal.js';
import { wrap } from '../text.js';
import { sizesOf } from '../values.js';
import { givenOf, type Given } from './given.js';
import { chosenIn, withInput } from './input.js';
import { isOneSweep, jobOf, type Job } from './job.js';
import { checkWish, type Wish } from './layers.js';
import { copyOf, targetOf, write, type Target } from './output.js';
import type { Input } from './readings.js';
import { dtypeNames, setsTable, showExtents } from './report.js';

export async function run({ operands, options }: GivenWords<typeof normalizeSpec>, terminal: Terminal): Promise<Outcome> {
  const pathOf = (path: string): string => resolve(terminal.cwd, path);
  const { out, overwrite, entry, all, shape, checkpoint, prefix, weight, bias } = options;
  const wish: Wish = { ...options, sizes: sizesOf(operands.SIZES) };
  checkWish(wish);
  if (out === null && overwrite) throw new KeelError('argument', '--overwrite is about OUT: give -o OUT', { option: '--overwrite' });
  if (out === '-' && terminal.isJson) {
    throw new KeelError('argument', '--json and -o - both write to standard output: give one of them', { option: '--json' });
  }
  const given = await givenOf({ checkpoint, prefix, weight, bias }, pathOf);
  const isOnce = (found: TensorEntry): boolean => isOneSweep(found, { wish, given, shape }) && (found.order !== 'F' || !out?.endsWith('.safetensors'));
  const normalize = async (input: Input): Promise<Outcome> => {
    const target = out === null ? null : await targetOf(out, input, overwrite, pathOf);
    const names = chosenIn(input, entry, all);
    const jobs = names.map((name) => jobOf(input, name, { wish, given, shape, target }, terminal));
    const notes = [...statisticsNote(wish, given, checkpoint, prefix), ...jobs.flatMap((job) => job.notes)];
    for (const note of notes) terminal.note(note);
    if (target !== null) await write(target, partsOf(input, jobs, target), input, terminal);
    const outcome = await outcomeOf(input, target, jobs, notes, terminal);
    await input.file.finish?.();
    return outcome;
  };
  return withInput(operands.IN, terminal, pathOf, normalize, isOnce);
}

/** Every tensor that is written: the normalized ones, and beside them what else the file holds. */
function partsOf({ file }: Input, jobs: readonly Job[], target: Target): Map<string, TensorPart> {
  const written = target.kind === 'npy' ? jobs.map(({ name }) => name) : file.keys();
  return new Map(
    written.map((name) => {
      const job = jobs.find((each) => each.name === name);
      if (job === undefined) return [name, copyOf(file, name, target.kind)];
      return [name, { shape: job.shape, format: job.outputFormat, order: job.order, chunks: () => job.sweep.chunks() }];
    }),
  );
}

function statisticsNote({ as }: Wish, { running }: Given, checkpoint: string | null, prefix: string | null): string[] {
  if (running === null) return [];
  const from = `'${checkpoint}'${prefix === null ? '' : ` (${prefix})`}`;
  if (as === null) return [`note: a pattern uses the array's own statistics, not the running ones of ${from}`];
  return [`note: ${as} uses the running statistics of ${from}, not the array's`];
}

async function outcomeOf(
  input: Input, target: Target | null, jobs: readonly Job[], notes: readonly string[], { columns }: Terminal,
): Promise<Outcome> {
  const text: string[] = [];
  const tensors: Record<string, unknown>[] = [];
  for (const job of jobs) {
    const rows = await job.sweep.table();
    const { name, shape, order, inputFormat, outputFormat, asked, sets, sweep } = job;
    const dtype = dtypeNames[inputFormat];
    tensors.push({
      name, shape, dtype, order, outputDtype: dtypeNames[outputFormat], pattern: asked.pattern, sets, sweeps: sweep.sweeps,
      statistics: rows,
    });
    if (text.length > 0) text.push('');
    const label = input.file.entries.size > 1 ? `${input.name}, ${name}` : input.name;
    const facts = [...(dtype === sweep.dtype ? [] : [dtype]), ...(order === 'F' ? ['Fortran order'] : []), `computed in ${sweep.dtype}`];
    const heading = wrap(`${label}: ${showExtents(shape)}, ${facts.join(', ')}`, columns, '  ');
    text.push(...heading, '', ...explanationLines(asked, columns), '', ...setsTable(rows, sets.count, columns));
  }
  if (target?.path === null) return { exit: 0, json: {}, text: [] };
  if (target !== null) text.push('', writtenLine(target, jobs));
  return { exit: 0, json: { input: input.name, output: target?.name ?? null, tensors, notes }, text };
}

function writtenLine({ name }: Target, jobs: readonly Job[]): string {
  const [only] = jobs;
  if (only === undefined || jobs.length > 1) return `${name}: ${jobs.length} tensors normalized`;
  return `${name}: ${showExtents(only.shape)}, ${dtypeNames[only.outputFormat]}`;
}
