// Every file of models/broken: its error, word for word what its README asks, or what it holds, and nothing allocated before.

import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { memory } from 'evenkeel';
import { load, open } from 'evenkeel/io';
import { describe, expect, test } from 'vitest';
import { refusesFile } from './refusal.js';

const broken = (name: string) => fileURLToPath(new URL(`models/broken/${name}`, import.meta.url));

const rows = [
  ['truncated.safetensors', "tensor data runs past the end of the file: 'fc.weight' ends at byte 24 of the data, which has 20"],
  ['header_too_long.safetensors', 'header length exceeds the file: 100000 bytes of header in a file of 168 bytes'],
  ['header_huge.safetensors', 'header length exceeds the file: 9223372036854775816 bytes'],
  ['header_not_json.safetensors', 'header is not JSON'],
  ['overlap.safetensors', "tensors overlap: 'fc.bias' begins at byte 20, 'fc.weight' ends at 24"],
  ['offsets_beyond.safetensors', "'fc.bias' has offsets beyond the data: 1000000 to 1000008 in 32 bytes"],
  ['unknown_dtype.safetensors', "unknown dtype F31 in 'fc.bias'"],
  ['size_mismatch.safetensors', "'fc.weight' of dtype F32 and shape [2, 4]: 32 bytes needed, 24 given"],
  ['duplicate_key.safetensors', "duplicate key 'fc.bias'"],
  ['negative_dim.safetensors', "'fc.weight' has a bad dimension: its shape is [-2,-3]"],
  ['disallowed_global.pth', "the pickle asks for 'posix.system', which is refused"],
  ['truncated.pth', 'not a complete zip archive'],
  ['short_storage.pth', "storage too short: 'fc.weight' of shape [2, 3] needs 24 bytes of it, it has 8"],
  ['object_dtype.npy', 'object arrays are refused'],
  ['header_too_long.npy', 'header length exceeds the file: 60000 bytes of header in a file of 152 bytes'],
  ['short_data.npy', 'shape (64, 64) of <f4: 16384 bytes needed, 256 given'],
] as const;

describe('malformed files are refused', () => {
  test.each(rows)('%s', async (name, message) => {
    const path = broken(name);
    const before = { ...memory(), heap: process.memoryUsage().arrayBuffers };
    await refusesFile(() => load(path), `cannot read '${path}': `);
    await refusesFile(() => load(path), message);
    if (!name.endsWith('.npy')) await refusesFile(() => open(path), message);
    const bytes = await readFile(path);
    await refusesFile(() => load(bytes), message);
    // Tensors: none. Buffers: no more than the file and what reads it.
    expect(memory().tensors).toBe(before.tensors);
    expect(process.memoryUsage().arrayBuffers - before.heap).toBeLessThan(2 ** 20);
  });
});

test('every file has its row', async () => {
  const whole = ['fortran_order.npy', 'nan_poisoned.safetensors', 'shared_storage.pth'];
  const names = (await readdir(broken('.'))).filter((name) => name !== 'README.md');
  expect(names.sort()).toEqual([...rows.map(([name]) => String(name)), ...whole].sort());
  expect(existsSync(broken('README.md'))).toBe(true);
});

describe('whole files that are unusual are read right', () => {
  test('fortran_order.npy', async () => {
    const x = (await load(broken('fortran_order.npy'))).get('array');
    expect(x?.toArray()).toEqual([0, 1, 2].map((i) => [0, 1, 2, 3].map((j) => (4 * i + j) / 2)));
  });

  test('nan_poisoned.safetensors', async () => {
    const state = await load(broken('nan_poisoned.safetensors'));
    expect(state.get('bn1.running_mean')?.data[3]).toBeNaN();
    expect(state.get('bn1.running_var')?.data[5]).toBe(Infinity);
    expect(state.get('fc.weight')?.toArray()).toHaveProperty([2, 7], -Infinity);
    expect(state.get('bn1.num_batches_tracked')).toMatchObject({ dtype: 'int64', shape: [] });
  });

  test('shared_storage.pth', async () => {
    const state = await load(broken('shared_storage.pth'));
    expect(Object.fromEntries([...state].map(([name, x]) => [name, x.toArray()]))).toEqual({
      a: [[0, 0.5, 1, 1.5], [2, 2.5, 3, 3.5], [4, 4.5, 5, 5.5]],
      a_transposed: [[0, 2, 4], [0.5, 2.5, 4.5], [1, 3, 5], [1.5, 3.5, 5.5]],
      a_last_row: [4, 4.5, 5, 5.5],
      a_every_other: [[0, 1], [2, 3], [4, 5]],
      scalar: 7,
      half: [1.5, -2],
    });
    expect(state.get('scalar')).toMatchObject({ dtype: 'int64', shape: [] });
    expect(state.get('half')?.dtype).toBe('float32');
  });
});
