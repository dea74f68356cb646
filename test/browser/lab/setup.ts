// Before the lab's rows: builds the page as it is published, into a folder of this run.
import { execFileSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    readonly labFolder: string;
  }
}

export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const outDir = resolve(`build/lab-${process.pid}`);
  const vite = ['node_modules/vite/bin/vite.js', 'build', '--config', 'lab/vite.config.ts', '--outDir', outDir, '--logLevel', 'error'];
  // In a process of its own: here NODE_ENV is test, and what is built would not be what is published.
  execFileSync(process.execPath, vite, { env: { ...process.env, NODE_ENV: 'production' }, stdio: 'inherit' });
  provide('labFolder', outDir);
  return () => rm(outDir, { recursive: true, force: true });
}
