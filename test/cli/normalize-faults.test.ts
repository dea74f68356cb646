// evenkeel normalize as a process that something happens to: interrupted, killed, out of disk, its input changed; and its memory.
import { spawn, type ChildProcess } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileChunks } from 'evenkeel/io';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { shell } from './cli.js';

let folder = '';
const at = (name: string) => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'evenkeel-faults-'));
  await zeros('large.npy', [2048, 64, 32, 64]);
  await zeros('small.npy', [64, 64, 32, 32]);
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(async () => {
  await rm(at('place'), { recursive: true, force: true });
  await mkdir(at('place'));
  await mkdir(at('place/temporary'));
  await writeFile(at('place/out.npy'), 'old');
});

async function* none() {}

/** An array of float32 zeros, of which the disk keeps the header. */
async function zeros(name: string, shape: readonly number[]): Promise<void> {
  for await (const head of fileChunks('npy', new Map([['x', { shape, format: 'F32', chunks: none }]]))) {
    await writeFile(at(name), head);
    await truncate(at(name), head.length + 4 * shape.reduce((product, extent) => product * extent, 1));
    return;
  }
}

interface Started {
  readonly child: ChildProcess;
  /** The exit code, or the signal that ended it, and standard error. */
  readonly ended: Promise<{ readonly exit: number | string; readonly err: string }>;
}

/** The built command, with a folder of its own for temporary files. */
function start(line: string): Started {
  const child = spawn(process.execPath, [resolve('dist/cli/main.js'), 'normalize', ...line.split(' ')], {
    cwd: folder,
    env: { ...process.env, TMPDIR: at('place/temporary') },
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let err = '';
  child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
  child.stdin?.on('error', () => undefined);
  return { child, ended: new Promise((done) => child.on('close', (code, signal) => done({ exit: code ?? signal ?? -1, err }))) };
}

/** Waits until a file under a name like this has some bytes. */
async function appears(name: RegExp): Promise<void> {
  for (;;) {
    const [found] = (await readdir(at('place'), { recursive: true })).filter((each) => name.test(each));
    const file = found === undefined ? null : await open(at(`place/${found}`)).catch(() => null);
    const size = (await file?.stat())?.size ?? 0;
    await file?.close();
    if (size > 2 ** 20) return;
    await sleep(5);
  }
}

const whole = ['out.npy', 'temporary'];
const placed = async () => ({ names: (await readdir(at('place'), { recursive: true })).sort(), old: await readFile(at('place/out.npy'), 'utf8') });

test.each(['layer-norm', 'batch-norm'])('interrupted in mid-write: %s', async (layer) => {
  const { child, ended } = start(`large.npy --as ${layer} -o place/out.npy --overwrite`);
  await appears(/\.tmp$/);
  child.kill('SIGINT');
  expect(await ended).toEqual({ exit: 130, err: '' });
  expect(await placed()).toEqual({ names: whole, old: 'old' });
});

test('interrupted while standard input is kept, which is given up', async () => {
  const { child, ended } = start('- --as batch-norm -o place/out.npy --overwrite');
  child.stdin?.write((await readFile(at('small.npy'))).subarray(0, 2 ** 22));
  await appears(/input$/);
  child.kill('SIGINT');
  expect(await ended).toEqual({ exit: 130, err: '' });
  expect(await placed()).toEqual({ names: whole, old: 'old' });
});

test('interrupted while nothing comes', async () => {
  const { child, ended } = start('- --as layer-norm -o place/out.npy --overwrite');
  // More than a chunk, which is written then.
  child.stdin?.write((await readFile(at('small.npy'))).subarray(0, 12e6));
  await appears(/\.tmp$/);
  child.kill('SIGINT');
  expect(await ended).toEqual({ exit: 130, err: '' });
  expect(await placed()).toEqual({ names: whole, old: 'old' });
});

test('killed in mid-write: what was there is there', async () => {
  const { child, ended } = start('large.npy --as layer-norm -o place/out.npy --overwrite');
  await appears(/\.tmp$/);
  child.kill('SIGKILL');
  expect(await ended).toEqual({ exit: 'SIGKILL', err: '' });
  expect((await placed()).old).toBe('old');
});

test('the input changes while it is read', async () => {
  const { ended } = start('large.npy --as layer-norm -o place/out.npy --overwrite');
  await appears(/\.tmp$/);
  await appendFile(at('large.npy'), '!');
  expect(await ended).toEqual({ exit: 3, err: expect.stringContaining('the file changed while it was read') });
  expect(await placed()).toEqual({ names: whole, old: 'old' });
  await zeros('large.npy', [2048, 64, 32, 64]);
});

// The system lets no file grow beyond a limit; the shell's units are half or whole kilobytes.
const limited = (line: string) => shell(`trap '' XFSZ; ulimit -f 4000; TMPDIR=place/temporary exec evenkeel normalize ${line}`, folder);

test('no room for what is written', async () => {
  const ran = await limited('small.npy --as layer-norm -o place/out.npy --overwrite');
  expect([ran.exit, ran.err]).toEqual([5, expect.stringContaining("cannot write '")]);
  expect(await placed()).toEqual({ names: whole, old: 'old' });
});

test('no room for standard input', async () => {
  const ran = await limited('- --as batch-norm -o place/out.npy --overwrite < small.npy');
  expect([ran.exit, ran.err]).toEqual([5, expect.stringContaining("cannot keep standard input in 'place/temporary'")]);
  expect(await placed()).toEqual({ names: whole, old: 'old' });
});

test.runIf(process.platform === 'linux')('standard output is full', async () => {
  const ran = await shell('evenkeel normalize small.npy --as layer-norm -o - > /dev/full', folder);
  expect([ran.exit, ran.err]).toEqual([5, expect.stringMatching(/cannot write .*standard output/)]);
});

test('whoever reads stops reading', async () => {
  const ran = await shell('evenkeel normalize large.npy --as layer-norm -o - | head -c 1000 | wc -c', folder);
  expect([ran.exit, ran.out.trim(), ran.err]).toEqual([0, '1000', '']);
});

// A gigabyte passes through; what is kept of it would show.
test.runIf(process.platform === 'linux').each(['layer-norm', 'batch-norm'])('a file of 1 GB in 512 MB of memory: %s', { timeout: 120_000 }, async (layer) => {
  const { child, ended } = start(`large.npy --as ${layer} -o -`);
  const peaks: number[] = [];
  const watching = setInterval(async () => {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
    peaks.push(Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1] ?? 0) * 1024);
  }, 50);
  expect(await ended).toEqual({ exit: 0, err: '' });
  clearInterval(watching);
  const peak = Math.max(...peaks);
  expect(peak).toBeGreaterThan(2 ** 25);
  expect(peak).toBeLessThan(400e6);
});
