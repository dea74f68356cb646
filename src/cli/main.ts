#!/usr/bin/env node
// The process of `evenkeel`: its streams, its signals, its exit code. May import node: and evenkeel.

import { readFileSync } from 'node:fs';
import { commands } from './commands.js';
import { run } from './run.js';

const controller = new AbortController();
const guarded = new Set<Promise<unknown>>();
let interruptedBy: 130 | 143 | 129 | null = null;

/** Ends the process once what is half written is undone. */
async function leave(exit: number): Promise<void> {
  await Promise.allSettled(guarded);
  process.exit(exit);
}

for (const [signal, exit] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]] as const) {
  process.on(signal, () => {
    // A second one does not wait.
    if (interruptedBy !== null) process.exit(exit);
    interruptedBy = exit;
    controller.abort();
    void leave(exit);
  });
}

// Whoever reads may stop reading, as head does.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    const isClosed = error.code === 'EPIPE';
    controller.abort(error);
    if (!isClosed && stream === process.stdout) process.stderr.write(`error: cannot write to standard output: ${error.message}\n`);
    void leave(isClosed ? 0 : 5);
  });
}

const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
const version = typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : '';

const code = await run(process.argv.slice(2), commands, version, {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  signal: controller.signal,
  guard: async (work) => {
    guarded.add(work);
    try {
      return await work;
    } finally {
      guarded.delete(work);
    }
  },
});
process.exitCode = interruptedBy ?? code;
