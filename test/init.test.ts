// init comes before the first tensor; each file of tests is a program of its own.
import { readFileSync } from 'node:fs';
import { init, LayerNorm, tensor, zeros } from 'evenkeel';
import { expect, test } from 'vitest';

const file = readFileSync('dist/evenkeel.wasm');
const other = Buffer.from(file);
other.write('0', other.length - 12);
other.write('1', other.length - 11);
const emptyModule = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

const refused: [what: string, options: Parameters<typeof init>[0], code: string, message: string][] = [
  ['no threads', { threads: 0 }, 'argument', 'threads must be a whole number from 1 to 64, got the number 0'],
  ['NaN threads', { threads: NaN }, 'argument', 'got the number NaN'],
  ['too many threads', { threads: 65 }, 'argument', 'got the number 65'],
  ['threads as text', { threads: '2' as unknown as number }, 'argument', "got the string '2'"],
  ['an option that is not there', { thread: 2 } as object, 'argument', 'init has no option thread'],
  ['no options at all', null as unknown as object, 'argument', 'as an object'],
  ['a file that is not there', { wasm: 'no/evenkeel.wasm' }, 'wasm', 'could not load no/evenkeel.wasm'],
  ['an address that nobody serves', { wasm: 'http://127.0.0.1:9/evenkeel.wasm' }, 'wasm', 'could not load http'],
  ['a truncated file', { wasm: file.subarray(0, 500) }, 'wasm', '500 bytes are no WASM file'],
  ['bytes of something else', { wasm: new TextEncoder().encode('<!doctype html>') }, 'wasm', '15 bytes are no WASM file'],
  ['an empty file', { wasm: new Uint8Array() }, 'wasm', '0 bytes are no WASM file'],
  ['another module', { wasm: emptyModule }, 'wasm', 'is not evenkeel.wasm'],
  ['another version', { wasm: other }, 'wasm', 'this evenkeel.wasm has version 01'],
  ['what is neither', { wasm: 5 as unknown as string }, 'argument', 'wasm is the address of evenkeel.wasm or its bytes'],
];

test.each(refused)('%s', async (_, options, code, message) => {
  await expect(init(options)).rejects.toMatchObject({ code, message: expect.stringContaining(message) as string });
});

test('init settles options before the first tensor, and refuses afterwards', async () => {
  await init();
  await init({ wasm: new URL('../dist/evenkeel.wasm', import.meta.url), threads: 2 });
  await init({ wasm: new URL('../dist/evenkeel.wasm', import.meta.url).href });
  await init({ wasm: file, threads: 1 });
  expect(new LayerNorm(2).forward(tensor([1, 3])).toArray()).toEqual([-0.9999949932098389, 0.9999949932098389]);
  zeros([1]);
  await expect(init()).rejects.toThrow('init() comes before the first tensor');
});
