// The time from the first line of a program to its first result, each time in a Node of its own. Imports Node only.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Timing } from './measure.js';
import { spreadOf } from './statistics.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const program = `
const start = performance.now();
const { LayerNorm, ones } = await import('evenkeel');
new LayerNorm(768).forward(ones([128, 768])).data;
console.log(performance.now() - start);
`;

/** In µs, over some runs. */
export async function startTime(): Promise<Timing> {
  const times: number[] = [];
  for (let run = 0; run < 9; run++) {
    const ran = spawnSync(process.execPath, ['--input-type=module', '-e', program], { cwd: root, encoding: 'utf8' });
    if (ran.status !== 0) return { error: ran.stderr.trim().split('\n').at(-1) ?? 'no answer' };
    times.push(Number(ran.stdout) * 1000);
  }
  return spreadOf(times);
}
