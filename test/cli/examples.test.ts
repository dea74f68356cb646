// Every example that help shows, as users run it.
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { specs } from '../../src/cli/specs.js';
import { exampleFolder, interrupted, shell } from './cli.js';

let folder = '';
beforeAll(async () => {
  folder = await exampleFolder();
});
afterAll(() => rm(folder, { recursive: true }));

const examples = specs.flatMap(({ examples: own }) => own);

test('every command has examples', () => {
  expect(specs.filter((each) => each.examples.length === 0)).toEqual([]);
});

// In order: some read what one before them wrote.
test.each(examples)('$line', { timeout: 60_000 }, async ({ line, exit = 0, until }) => {
  if (until !== undefined) {
    expect(await interrupted(line, folder, until)).toMatchObject({ exit: 130, out: expect.stringContaining(until) });
    return;
  }
  const ran = await shell(line, folder);
  expect([ran.exit, ran.exit === exit ? '' : ran.err]).toEqual([exit, '']);
});
