// The declarations that are published compile in a strict project without types or libs of its own, by both compilers.
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

const run = (...args: string[]): string => {
  try {
    return execFileSync(process.execPath, args, { encoding: 'utf8' });
  } catch (error) {
    // What the compiler found, which it prints.
    return String((error as { stdout?: unknown }).stdout);
  }
};

test.each(['ts7', 'typescript'])('%s', (compiler) => {
  expect(run(`node_modules/${compiler}/bin/tsc`, '-p', 'test/consumer')).toBe('');
});
