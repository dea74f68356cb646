// Files that change while they are read, and files that the system does not give: said as what they are.

import { appendFile, chmod, mkdtemp, open as openPath, readFile, rename, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ones, tensor, zeros } from 'evenkeel';
import { load, loadCheckpoint, open, writeNpy, writeNpz, writeSafetensors } from 'evenkeel/io';
import { afterAll, describe, expect, test } from 'vitest';
import { dict, pth, tensorOps, zip } from '../tools/fuzz/archive.js';
import { refusesFile } from './refusal.js';

const folder = await mkdtemp(join(tmpdir(), 'evenkeel-'));
afterAll(() => rm(folder, { recursive: true }));

// Bits that do not deflate, more than are read at once.
const x = tensor(Float32Array.from({ length: 2 ** 18 }, (_, i) => Math.sin(i * 12.9898) * 43758.5453), [2 ** 18]);
const files = [
  ['x.npy', 'array', writeNpy(x)],
  ['stored.npz', 'x', writeNpz(new Map([['x', x]]))],
  ['deflated.npz', 'x', zip([{ name: 'x.npy', content: writeNpy(x), method: 8 }])],
  ['x.safetensors', 'x', writeSafetensors(new Map([['x', x]]))],
  ['x.pth', 'w', pth(Buffer.from(dict('w', tensorOps()), 'latin1'), { 0: new Uint8Array(8) })],
] as const;

const changes = [
  ['grows', (path: string) => appendFile(path, 'more')],
  ['shrinks', async (path: string) => truncate(path, Math.floor((await readFile(path)).length / 2))],
  ['is emptied', (path: string) => truncate(path, 0)],
  ['is written to', async (path: string) => {
    const file = await openPath(path, 'r+');
    await file.write(Uint8Array.of(1), 0, 1, 200);
    await file.close();
  }],
  ['is written again', async (path: string) => writeFile(path, await readFile(path))],
] as const;

describe('a file that changes after it was opened', () => {
  test.each(files.flatMap(([name, key, bytes]) => changes.map(([what, change]) => [name, what, key, bytes, change] as const)))(
    '%s %s',
    async (name, what, key, bytes, change) => {
      const path = join(folder, `${what} ${name}`);
      await writeFile(path, bytes);
      // Clocks of file systems tick a few times in a hundredth of a second.
      await utimes(path, 1e9, 1e9);
      const file = await open(path);
      expect((await file.readRange(key, 0, 1)).size).toBe(1);
      await change(path);
      const count = file.entries.get(key)?.shape[0] ?? 0;
      await refusesFile(() => file.readRange(key, count - 1, count), `cannot read '${path}': the file changed while it was read`);
      await refusesFile(() => file.read(key), 'the file changed while it was read');
      await file.close();
    },
  );

  test.each(files)('%s: another that takes its name changes nothing', async (name, key, bytes) => {
    const path = join(folder, name);
    await writeFile(path, bytes);
    const file = await open(path);
    await writeFile(`${path}.new`, 'other');
    await rename(`${path}.new`, path);
    const [now, then] = [(await file.read(key)).data, (await load(bytes)).get(key)?.data ?? new Float32Array(0)];
    // Not toEqual, which takes a second for a megabyte.
    expect(Buffer.compare(new Uint8Array(now.buffer, now.byteOffset, now.byteLength), new Uint8Array(then.buffer, then.byteOffset, then.byteLength))).toBe(0);
    await file.close();
  });
});

describe('what the system does not give', () => {
  const long = 'x'.repeat(300);
  const rows = [
    ['no such file', () => 'none.npy', "none.npy': no such file or directory", 'missing'],
    ['a folder that is none', () => 'x.npy/none.npy', 'no such file: a part of its path is no folder (ENOTDIR)', 'missing'],
    ['a name too long', () => long, 'ENAMETOOLONG', 'access'],
  ] as const;

  test.each(rows)('%s', async (_, name, message, problem) => {
    await writeFile(join(folder, 'x.npy'), writeNpy(zeros([1])));
    for (const read of [load, open, loadCheckpoint]) {
      await refusesFile(() => read(join(folder, name())), message);
      await expect(read(join(folder, name()))).rejects.toMatchObject({ data: { problem } });
    }
  });

  test('a folder is no checkpoint', async () => {
    await refusesFile(() => loadCheckpoint(folder), `cannot read '${folder}': it is a folder (EISDIR)`);
  });

  // Root may read everything.
  test.skipIf(process.getuid?.() === 0)('a file that may not be read', async () => {
    const path = join(folder, 'secret.npy');
    await writeFile(path, writeNpy(ones([1])));
    await chmod(path, 0);
    await refusesFile(() => load(path), `cannot read '${path}': permission denied (EACCES)`);
    await expect(load(path)).rejects.toMatchObject({ data: { problem: 'access' } });
  });
});
