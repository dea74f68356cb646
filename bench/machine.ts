// What a time was measured on. Imports Node only.

import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';

export interface Machine {
  readonly date: string;
  readonly commit: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memory: string;
  readonly node: string;
}

export function machine(): Machine {
  return {
    date: new Date().toISOString(),
    commit: commit(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    node: process.version,
  };
}

/** The commit that is checked out; a + says that files were changed since. */
function commit(): string {
  const hash = git('rev-parse', '--short', 'HEAD');
  return hash === null ? 'unknown' : hash + (git('status', '--porcelain') ? '+' : '');
}

function git(...words: string[]): string | null {
  const ran = spawnSync('git', words, { encoding: 'utf8' });
  return ran.status === 0 ? ran.stdout.trim() : null;
}
