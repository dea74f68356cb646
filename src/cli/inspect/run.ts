// `evenkeel inspect`: from the file to the table and its flags. May import node:, evenkeel and neighbours.

import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { KeelError } from 'evenkeel';
import { inspect, type Flag, type ModelConfig } from 'evenkeel/inspect';
import type { Given, Outcome } from '../command.js';
import type { inspectSpec } from '../commands/inspect.js';
import type { Terminal } from '../terminal.js';
import { textOf } from './report.js';

export async function run({ operands, options }: Given<typeof inspectSpec>, terminal: Terminal): Promise<Outcome> {
  const { MODEL } = operands;
  const { all, config, scan, entry } = options;
  const inspection = await inspect(resolve(terminal.cwd, MODEL), {
    config: config === null ? 'beside' : await configOf(resolve(terminal.cwd, config)),
    scan: scan ?? 'all',
    entry,
    progress: (done, total) => terminal.progress(MODEL, done, total),
    signal: terminal.signal,
  });
  const wanted = options['fail-on'];
  const failed = inspection.flags.filter((flag) => wanted.some((name) => isNamed(flag, name))).length;
  return {
    exit: failed > 0 ? 1 : 0,
    json: { ...inspection, file: MODEL, config: config ?? inspection.config, failed },
    text: textOf({ ...inspection, file: MODEL }, all, terminal),
  };
}

/** By its name or its level; an error is more than a warning. */
function isNamed({ name, level }: Flag, wanted: string): boolean {
  return wanted === name || wanted === level || wanted === 'warning';
}

async function configOf(path: string): Promise<ModelConfig> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of createReadStream(path, { end: MOST_BYTES })) chunks.push(chunk);
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    const message = `cannot read '${path}': ${isMissing ? 'there is no such file' : String(error)}`;
    throw new KeelError('file', message, { path, problem: isMissing ? 'missing' : 'access' });
  }
  try {
    const bytes = Buffer.concat(chunks);
    const parsed: unknown = bytes.length > MOST_BYTES ? null : JSON.parse(bytes.toString());
    if (isRecord(parsed)) return parsed;
  } catch {
    // Said below.
  }
  throw new KeelError('file', `'${path}' is no configuration: a config.json holds one object of JSON`, { path, problem: 'corrupt' });
}

/** More than a configuration has. */
const MOST_BYTES = 2 ** 24;

function isRecord(value: unknown): value is ModelConfig {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
