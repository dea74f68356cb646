// Before the lab's rows: builds the page as it is published, into a folder of this run.
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { build } from 'vite';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    readonly labFolder: string;
  }
}

export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const outDir = resolve(`build/lab-${process.pid}`);
  await build({ configFile: 'lab/vite.config.ts', logLevel: 'warn', build: { outDir } });
  provide('labFolder', outDir);
  return () => rm(outDir, { recursive: true, force: true });
}
