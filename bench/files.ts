// Normalizing a file of a gigabyte by the command line: the time from the shell's call until the result is on the disk, beside
// that of a copy of the file, and PyTorch's. May import 'evenkeel', 'evenkeel/io', statistics and torch.

import { spawnSync } from 'node:child_process';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { randn } from 'evenkeel';
import { fileChunks } from 'evenkeel/io';
import type { Timing } from './measure.js';
import { spreadOf } from './statistics.js';
import { pythonWithTorch } from './torch.js';

const command = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const script = fileURLToPath(new URL('../../bench/torch_file.py', import.meta.url));

/** 2²⁸ float32 in all of them. */
const rows = [
  { name: 'normalize layer-norm file 262144×1024', words: ['--as', 'layer-norm', '--shape', '262144x1024'] },
  { name: 'normalize batch-norm file 1024×64×64×64', words: ['--as', 'batch-norm', '--shape', '1024x64x64x64'] },
] as const;

export const fileNames: readonly string[] = rows.map(({ name }) => name);

/** A row: times in µs. */
export interface FileResult {
  readonly row: string;
  /** Of the file that is read; as many are written. */
  readonly bytes: number;
  readonly own: Timing;
  readonly copy: Timing;
  /** null where there is none, or it is not asked for. */
  readonly pytorch: { readonly version: string; readonly timing: Timing } | null;
}

const ROUNDS = 3;

/** Each of the rows in turn, somebody else first in each round; on as many threads as the command takes, which is all. */
export async function fileTimes(names: readonly string[], withTorch: boolean): Promise<FileResult[]> {
  const python = withTorch ? pythonWithTorch() : null;
  const folder = await mkdtemp(join(tmpdir(), 'evenkeel-bench-'));
  const [from, to] = [join(folder, 'x.npy'), join(folder, 'y.npy')];
  try {
    const bytes = await writeInput(from);
    const results: FileResult[] = [];
    for (const { name, words } of rows.filter((row) => names.includes(row.name))) {
      const contestants: (() => Promise<number | string>)[] = [
        async () => ran(process.execPath, [command, 'normalize', from, ...words, '-o', to, '--overwrite'], null),
        () => copied(from, to),
        async () => (python === null ? '' : ran(python.python, [script, from, to, words[1], words[3], String(availableParallelism())], 'last line')),
      ];
      const times = contestants.map((): (number | string)[] => []);
      for (let round = 0; round < ROUNDS; round++) {
        for (let i = 0; i < contestants.length; i++) {
          const turn = (round + i) % contestants.length;
          times[turn]?.push((await contestants[turn]?.()) ?? 'nobody');
          await rm(to, { force: true });
        }
      }
      const [own, copy, torch] = times.map(timingOf);
      const pytorch = python === null || torch === undefined ? null : { version: python.version, timing: torch };
      results.push({ row: name, bytes, own: own ?? { error: '' }, copy: copy ?? { error: '' }, pytorch });
    }
    return results;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function timingOf(times: readonly (number | string)[]): Timing {
  const failure = times.find((time) => typeof time === 'string');
  return failure === undefined ? spreadOf(times.map(Number)) : { error: failure };
}

/** Normal numbers, a stretch of them again and again: files are not packed. Gives the file's size. */
async function writeInput(path: string): Promise<number> {
  const stretch = randn([2 ** 22]).mul(2).add(1);
  const chunks = async function* () {
    for (let i = 0; i < 64; i++) yield stretch;
  };
  const file = await open(path, 'w');
  for await (const part of fileChunks('npy', new Map([['x', { shape: [2 ** 28], format: 'F32', chunks }]]))) await file.writeFile(part);
  await file.sync();
  const { size } = await file.stat();
  await file.close();
  return size;
}

/** µs of a process, or what it says itself; a text where it failed. */
function ran(program: string, words: readonly string[], says: 'last line' | null): number | string {
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(program, words, { encoding: 'utf8' });
  const micros = 1000 * (performance.now() - start);
  if (status !== 0) return stderr.trim().split('\n').at(-1) ?? 'no answer';
  return says === null ? micros : Number(stdout.trim().split('\n').at(-1));
}

/** What nobody is faster than: the same bytes read and written, and on the disk. */
async function copied(from: string, to: string): Promise<number> {
  const start = performance.now();
  const [input, output] = [await open(from), await open(to, 'w')];
  const buffers = [Buffer.alloc(2 ** 23), Buffer.alloc(2 ** 23)] as const;
  let next = input.read(buffers[0]);
  for (let turn = 0; ; turn++) {
    const { bytesRead, buffer } = await next;
    if (bytesRead === 0) break;
    next = input.read(buffers[turn % 2 === 0 ? 1 : 0]);
    await output.write(buffer, 0, bytesRead);
  }
  await output.sync();
  await Promise.all([input.close(), output.close()]);
  return 1000 * (performance.now() - start);
}
