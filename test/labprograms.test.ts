// The programs that screens 6 and 7 give to copy print what the screens show: the expected values are PyTorch's.
import { readFileSync } from 'node:fs';
import * as evenkeel from 'evenkeel';
import * as nn from 'evenkeel/nn';
import type { Placement } from 'evenkeel/nn';
import { transformWithOxc } from 'vite';
import { expect, test } from 'vitest';
import { blockProgram } from '../lab/screens/blockprogram.js';
import { paddingProgram } from '../lab/screens/paddingprogram.js';

interface Expected {
  padding: { address: { sentences: string; more: number; mask: string; seed: number }; morePadding: number }[];
  blocks: { address: { placement: Placement; depth: number; scale: number; seed: number }; rms: Record<string, number> }[];
}

// Written by test/browser/lab/generate.py.
const expected = JSON.parse(readFileSync(new URL('browser/lab/expected.json', import.meta.url), 'utf8')) as Expected;

/** What a program prints: its imports are taken from the sources. */
async function printed(program: string): Promise<number[]> {
  const { code } = await transformWithOxc(program, 'program.ts');
  const body = code.replaceAll(/import \{([^}]*)\} from "evenkeel(\/nn)?";/g, (_, names: string, isNN?: string) => `const {${names}} = ${isNN === undefined ? 'evenkeel' : 'nn'};`);
  const numbers: number[] = [];
  // The program's only word to the outside is console.log.
  new Function('evenkeel', 'nn', 'console', body)(evenkeel, nn, { log: (value: number) => void numbers.push(value) });
  return numbers;
}

test.each(expected.padding.filter(({ address }) => address.mask === 'off').map((row) => [row.address.sentences, row] as const))('padding of %s', async (text, { address, morePadding }) => {
  const [batch = NaN, layer] = await printed(paddingProgram(text.split('/').map((words) => words.trim().split(' ')), address.more, address.seed, 'typescript'));
  expect(batch).toBeCloseTo(morePadding, 5);
  expect(layer).toBe(0);
});

test.each(expected.blocks.map((row) => [row.address.placement, row] as const))('the %s block', async (_, { address, rms }) => {
  const [y = NaN] = await printed(blockProgram({ ...address, scale: String(address.scale) }, 'typescript'));
  expect(y).toBeCloseTo(rms['y'] ?? NaN, 5);
});
