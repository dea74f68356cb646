// What npm run fuzz does, from one seed and for a second each: a KeelError or a right answer, whatever the input.
// npm run fuzz -- TARGET --seed S goes on from any seed.

import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { specs } from '../src/cli/specs.js';
import { targets } from '../tools/fuzz/targets.js';
import { checkEnd } from '../tools/fuzz/arguments.js';
import { allocatedBy } from '../tools/fuzz/allocation.js';
import { mutateBytes, mutateText } from '../tools/fuzz/bytes.js';
import { Dice } from '../tools/fuzz/dice.js';
import { type Failure, fuzz, inputOf, tryInput } from '../tools/fuzz/run.js';
import { claim, packed, type Target } from '../tools/fuzz/target.js';
import { commandLine, unfuzzed } from '../tools/fuzz/words.js';
import { exampleFiles } from '../tools/fuzz/examplefiles.js';
import { evenkeel } from './cli/cli.js';

/** For longer runs of the command line, which npm run fuzz starts a process for: FUZZ_SECONDS=600 npm test -- fuzz -t arguments. */
const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 1.2);
const SEED = Number(process.env['FUZZ_SEED'] ?? 20261127);

const folder = await mkdtemp(join(tmpdir(), 'evenkeel-fuzz-'));
afterAll(() => rm(folder, { recursive: true }));
for (const [name, path] of Object.entries(exampleFiles)) await copyFile(path, join(folder, name));

/** In this process, where a command line takes milliseconds. */
const commandLines: Target = {
  name: 'arguments',
  make: (dice) => packed(commandLine(vocabulary, dice)),
  check: async (input) => {
    const words: string[] = JSON.parse(new TextDecoder().decode(input));
    const { exit, bytes, err } = await evenkeel(words, { cwd: folder });
    checkEnd(words, exit, err, bytes);
  },
  most: () => 2 ** 26,
  isProcess: true,
};

const asked = specs.filter(({ name }) => !unfuzzed.includes(name));
const vocabulary = {
  commands: new Map(asked.map(({ name, options }) => [name, Object.keys(options).map((option) => `--${option}`)])),
  examples: asked.flatMap(({ examples }) => examples.map(({ line }) => line)),
  files: Object.keys(exampleFiles),
};

describe('inputs made to break what reads them', () => {
  test.each([...targets.values()].map((target) => (target.name === 'arguments' ? commandLines : target)))('$name', { timeout: 30_000 + 2000 * SECONDS }, async (target) => {
    const failures: string[] = [];
    const runs = await fuzz(target, {
      seconds: SECONDS,
      seed: SEED,
      onFailure: ({ seed, error, input }: Failure) => void failures.push(`seed ${seed}: ${error.stack}\n${Buffer.from(input).toString('latin1').slice(0, 300)}`),
    });
    expect(failures.slice(0, 3).join('\n')).toBe('');
    expect(runs).toBeGreaterThan(0);
  });
});

describe('a failure is found', () => {
  const rows: [what: string, check: Target['check'], message: string][] = [
    ['a wrong answer', async () => claim(false, () => 'one is two'), 'one is two'],
    ['another error', async () => JSON.parse('{'), 'JSON'],
    ['a buffer too large', async () => void new Uint8Array(101), '101 bytes allocated for an input of 1'],
    ['an array of numbers', async () => void new Float64Array(new Array(13).fill(0)), '104 bytes allocated'],
    ['time', async () => spin(2100), 'ms for an input of 1 bytes'],
  ];
  test.each(rows)('%s', async (_, check, message) => {
    expect((await tryInput(checkedBy(check), packed(1)))?.message).toContain(message);
  });

  test('and what is allowed is none', async () => {
    expect(await tryInput(checkedBy(views), packed(1))).toBe(null);
    expect(await allocatedBy(views)).toMatchObject({ bytes: 100 });
  });
});

describe('a seed makes the same input again', () => {
  test.each([...targets.values()].filter(({ name }) => name !== 'arguments'))('$name', (target) => {
    const inputs = [1, 2, 3, 4].map((seed) => Buffer.from(inputOf(target, seed)).toString('base64'));
    expect([1, 2, 3, 4].map((seed) => Buffer.from(inputOf(target, seed)).toString('base64'))).toEqual(inputs);
    expect(new Set(inputs).size).toBeGreaterThan(1);
  });

  test('mutation changes what it is given, and not in place', () => {
    const bytes = new Uint8Array(100);
    const mutated = Array.from({ length: 50 }, (_, seed) => mutateBytes(bytes, new Dice(seed)));
    expect(bytes).toEqual(new Uint8Array(100));
    expect(new Set(mutated.map(({ length }) => length)).size).toBeGreaterThan(5);
    expect(new Set(Array.from({ length: 50 }, (_, seed) => mutateText('b (g [c])', new Dice(seed)))).size).toBeGreaterThan(30);
    expect(mutateText('', new Dice(1)).length).toBeLessThan(2000);
    expect(mutateBytes(new Uint8Array(0), new Dice(1)).length).toBeLessThan(200);
  });
});

/** A target of which an input may make buffers of 100 bytes. */
function checkedBy(check: Target['check']): Target {
  return { name: 'x', make: (dice) => packed(dice.below(9)), check, most: () => 100 };
}

async function views(): Promise<void> {
  void new Uint8Array(new Uint8Array(100).buffer, 0, 10);
}

function spin(millis: number): void {
  const started = process.cpuUsage();
  for (;;) {
    const { user, system } = process.cpuUsage(started);
    if (user + system > 1000 * millis) return;
  }
}
