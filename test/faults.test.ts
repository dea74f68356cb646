// The commands as processes on what a system can do to them: files that may not be read, pipes, devices, links, folders that
// are not there, disks that are full, signals, names with escapes. test/cli/normalize-faults.test.ts has what normalize alone
// can meet.

import { spawn, spawnSync } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { tensor, zeros } from 'evenkeel';
import { load, writeNpy, writeSafetensors } from 'evenkeel/io';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

let folder = '';
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'evenkeel-faults-'));
  // Whoever runs a row may enter it.
  await chmod(folder, 0o755);
  await copyFile('test/models/resnet_bn.safetensors', at('resnet.safetensors'));
  await writeFile(at('x.npy'), writeNpy(tensor(Float32Array.from({ length: 2 ** 16 }, (_, i) => i % 7), [256, 256])));
  inFolder('mkfifo pipe');
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(async () => {
  await rm(at('out'), { recursive: true, force: true });
  await mkdir(at('out'));
});

interface Ended {
  /** The exit code, or the signal that ended it. */
  readonly exit: number | string;
  readonly out: string;
  readonly err: string;
  /** Most bytes of memory that the process held, where the system says. */
  readonly peak: number;
}

interface How {
  /** A shell's words around the command, `exec` last: `ulimit -f 8; exec`. */
  readonly before?: string;
  /** And behind it. */
  readonly behind?: string;
}

/** Runs the built command in a shell of its own, in the folder. */
async function evenkeel(words: readonly string[], { before = 'exec', behind = '' }: How = {}): Promise<Ended> {
  const quoted = [process.execPath, resolve('dist/cli/main.js'), ...words].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const child = spawn('bash', ['-c', `${before} ${quoted} ${behind}`], { cwd: folder, env: { ...process.env, TMPDIR: at('out') } });
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (chunk: Buffer) => void out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => void err.push(chunk));
  let peak = 0;
  const watch = setInterval(async () => {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
    peak = Math.max(peak, 1024 * Number(/VmHWM:\s*(\d+)/.exec(status)?.[1] ?? 0));
  }, 20);
  const exit = await new Promise<number | string>((done) => child.on('close', (code, signal) => done(code ?? signal ?? -1)));
  clearInterval(watch);
  return { exit, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString(), peak };
}

function inFolder(line: string): void {
  spawnSync('bash', ['-c', line], { cwd: folder });
}

/** Every command that reads, on a file of that name. */
const readers: readonly (readonly [command: string, words: (path: string) => readonly string[]])[] = [
  ['normalize', (path) => ['normalize', path, '--as', 'layer-norm']],
  ['compare', (path) => ['compare', path, path]],
  ['compare layers', (path) => ['compare', 'layer-norm', 'rms-norm', path]],
  ['convert', (path) => ['convert', path, 'out/converted.safetensors']],
  ['fold', (path) => ['fold', path]],
  ['inspect', (path) => ['inspect', path]],
];

/** Every command that writes, to a file of that name. */
const writers: readonly (readonly [command: string, words: (path: string) => readonly string[]])[] = [
  ['normalize', (path) => ['normalize', 'x.npy', '--as', 'layer-norm', '-o', path, '--overwrite']],
  ['convert', (path) => ['convert', 'resnet.safetensors', path, '--overwrite']],
  ['fold', (path) => ['fold', 'resnet.safetensors', '-o', path, '--overwrite']],
];

const isLinux = process.platform === 'linux';
const isRoot = process.getuid?.() === 0;
const asNobody = 'exec setpriv --reuid=65534 --regid=65534 --clear-groups';
/** Root may read everything: then the rows run as somebody who may not. */
const canBeNobody = !isRoot || (isLinux && spawnSync('bash', ['-c', `${asNobody} true`]).status === 0);

const canMount = isRoot && spawnSync('bash', ['-c', 'd=$(mktemp -d) && mount -t tmpfs -o size=16k none $d && umount $d && rmdir $d']).status === 0;

describe.each(readers)('%s reads', (_, words) => {
  test.runIf(canBeNobody)('a file that may not be read', async () => {
    await writeFile(at('out/secret.npy'), writeNpy(zeros([2, 3])), { mode: 0o000 });
    const { exit, err } = await evenkeel(words('out/secret.npy'), { before: isRoot ? asNobody : 'exec' });
    expect([exit, err]).toEqual([5, expect.stringMatching(/cannot read '.*secret\.npy': permission denied \(EACCES\)/)]);
  });

  test('no file', async () => {
    const { exit, err } = await evenkeel(words('none.npy'));
    expect([exit, err]).toEqual([2, expect.stringContaining('no such file or directory')]);
  });

  test('a folder without a model', async () => {
    await mkdir(at('out/empty'));
    const { exit, err } = await evenkeel(words('out/empty'));
    expect([exit, err]).toEqual([4, expect.stringContaining('there is nothing in it')]);
  });

  // Neither has an end. Nothing is held but what tells that it is no file of tensors.
  test.runIf(isLinux).each([
    ['a device', '/dev/zero', ''],
    ['a pipe', 'pipe', '& cat /dev/zero > pipe 2> /dev/null; wait $!'],
  ])('%s that never ends', async (_what, path, behind) => {
    const { exit, err, peak } = await evenkeel(words(path), behind === '' ? {} : { before: '', behind });
    expect([exit, err]).toEqual([4, expect.stringContaining('it is neither .npy nor')]);
    expect(peak).toBeLessThan(400e6);
  });

  test('a path of 5000 characters', async () => {
    const { exit, err } = await evenkeel(words(`${'x'.repeat(5000)}.npy`));
    expect([exit, err]).toEqual([5, expect.stringContaining('ENAMETOOLONG')]);
  });

  test('a name that a terminal would obey', async () => {
    const { exit, err } = await evenkeel(words('\u001b[2J\u001b]0;title\u0007\nerror: \u009b31m.npy'));
    expect(exit).toBe(2);
    // Nothing but the line break, which tears no more than the line.
    expect(err).not.toMatch(/[^\P{Cc}\n]/u);
  });

  test('a file that is cut', async () => {
    await writeFile(at('out/cut.npy'), (await readFile(at('x.npy'))).subarray(0, 1000));
    const { exit, err } = await evenkeel(words('out/cut.npy'));
    expect([exit, err]).toEqual([3, expect.stringContaining('262144 bytes needed, 872 given')]);
  });
});

test('a pipe that ends is read as a file is', async () => {
  const { exit, out } = await evenkeel(['normalize', 'pipe', '--as', 'layer-norm'], { before: 'cat x.npy > pipe & exec' });
  expect([exit, out]).toEqual([0, expect.stringContaining('pipe: 256 × 256, computed in float32')]);
});

describe('standard input', () => {
  const rows = [
    ['cut off', '< <(head -c 100000 x.npy)', 3, /99872|262144/],
    ['cut off in its header', '< <(head -c 50 x.npy)', 3, /header/],
    ['empty', '< /dev/null', 3, /empty/],
    ['closed', '<&-', 3, /empty/],
    ['endless, of no kind', '< /dev/zero', 4, /it is neither/],
    ['endless behind an array', '< <(cat x.npy /dev/zero)', 3, /more follows|262144 bytes needed/],
  ] as const;
  const layers = ['layer-norm', 'batch-norm'];
  test.runIf(isLinux).each(layers.flatMap((layer) => rows.map((row) => [layer, ...row] as const)))('%s: %s', async (layer, _, behind, code, said) => {
    const { exit, err, peak } = await evenkeel(['normalize', '-', '--as', layer, '-o', 'out/y.npy'], { behind });
    expect([exit, err]).toEqual([code, expect.stringMatching(said)]);
    expect(peak).toBeLessThan(400e6);
    // Neither OUT, nor a temporary, nor what was kept of the input.
    expect(await readdir(at('out'))).toEqual([]);
  });
});

describe.each(writers)('%s writes', (_, words) => {
  test('to a folder that is not there', async () => {
    const { exit, err } = await evenkeel(words('none/y.safetensors'));
    expect([exit, err]).toEqual([2, expect.stringMatching(/cannot write '.*none\/y\.safetensors': no such file or directory \(ENOENT\)/)]);
  });

  test.runIf(canBeNobody)('to a folder that may not be written to', async () => {
    await chmod(at('out'), 0o555);
    const { exit, err } = await evenkeel(words('out/y.safetensors'), { before: isRoot ? asNobody : 'exec' });
    await chmod(at('out'), 0o755);
    expect([exit, err]).toEqual([5, expect.stringContaining('permission denied (EACCES)')]);
    expect(await readdir(at('out'))).toEqual([]);
  });

  test('to a folder', async () => {
    await mkdir(at('out/y.safetensors'));
    const { exit, err } = await evenkeel(words('out/y.safetensors'));
    expect([exit, err]).toEqual([5, expect.stringContaining('it is a folder')]);
    expect(await readdir(at('out'))).toEqual(['y.safetensors']);
  });

  test('through a link, which stays one', async () => {
    await writeFile(at('out/real.safetensors'), 'old');
    await symlink('real.safetensors', at('out/link.safetensors'));
    expect((await evenkeel(words('out/link.safetensors'))).exit).toBe(0);
    expect(await readlink(at('out/link.safetensors'))).toBe('real.safetensors');
    expect((await load(at('out/real.safetensors'))).size).toBeGreaterThan(0);
  });

  test('and not in the place of a link that leads nowhere', async () => {
    await symlink('none.safetensors', at('out/link.safetensors'));
    const { exit, err } = await evenkeel(words('out/link.safetensors'));
    expect([exit, err]).toEqual([2, expect.stringContaining("it is a link to 'none.safetensors', which is not there")]);
    expect(await readlink(at('out/link.safetensors'))).toBe('none.safetensors');
    expect(await readdir(at('out'))).toEqual(['link.safetensors']);
  });

  // The system lets no file grow beyond so many blocks of the shell.
  test('where no file may grow', async () => {
    await writeFile(at('out/y.safetensors'), 'old');
    const { exit, err } = await evenkeel(words('out/y.safetensors'), { before: "trap '' XFSZ; ulimit -f 20; exec" });
    expect([exit, err]).toEqual([5, expect.stringMatching(/cannot write '.*y\.safetensors': .*EFBIG/)]);
    expect([await readdir(at('out')), await readFile(at('out/y.safetensors'), 'utf8')]).toEqual([['y.safetensors'], 'old']);
  });

  test.runIf(canMount)('to a disk that is full', async () => {
    inFolder('mkdir out/disk && mount -t tmpfs -o size=16k none out/disk && echo old > out/disk/y.safetensors');
    try {
      const { exit, err } = await evenkeel(words('out/disk/y.safetensors'));
      expect([exit, err]).toEqual([5, expect.stringMatching(/cannot write '.*y\.safetensors': no space left on the disk \(ENOSPC\)/)]);
      expect([await readdir(at('out/disk')), await readFile(at('out/disk/y.safetensors'), 'utf8')]).toEqual([['y.safetensors'], 'old\n']);
    } finally {
      inFolder('umount out/disk');
    }
  });
});

describe('ended while it writes', () => {
  // 256 MB of which the disk keeps little: the signal comes before the end of it.
  beforeAll(async () => {
    await writeFile(at('large.safetensors'), writeSafetensors(new Map([['w', zeros([2 ** 24])], ['v', zeros([2 ** 24])]])));
  });

  test.each([['SIGTERM', 143], ['SIGHUP', 129], ['SIGINT', 130], ['SIGKILL', 'SIGKILL']] as const)('convert, by %s', async (signal, exit) => {
    await writeFile(at('out/y.safetensors'), 'old');
    const child = spawn(process.execPath, [resolve('dist/cli/main.js'), 'convert', 'large.safetensors', 'out/y.safetensors', '--overwrite'], { cwd: folder });
    const ended = new Promise<number | string>((done) => child.on('close', (code, by) => done(code ?? by ?? -1)));
    while (!(await readdir(at('out'))).some((name) => name.endsWith('.tmp')) && child.exitCode === null) await sleep(1);
    child.kill(signal);
    expect(await ended).toBe(exit);
    expect(await readFile(at('out/y.safetensors'), 'utf8')).toBe('old');
    // Nothing can clear up behind SIGKILL.
    if (signal !== 'SIGKILL') expect(await readdir(at('out'))).toEqual(['y.safetensors']);
  });
});

test('names as long as a file do not fill the screen', async () => {
  const name = 'x'.repeat(100_000);
  await writeFile(at('out/long.safetensors'), writeSafetensors(new Map([[name, zeros([4])], [`${name}2`, zeros([4])]])));
  const { exit, err } = await evenkeel(['fold', 'out/long.safetensors']);
  expect([exit, err.length < 4100, err]).toEqual([2, true, expect.stringMatching(/ … \d+ characters more … /)]);
});

test('names out of a file are printed without what a terminal obeys', async () => {
  const name = '\u001b[31mred\u001b[0m\u0007\r\nerror: \u009b2J.weight';
  await writeFile(at('out/names.safetensors'), writeSafetensors(new Map([[name, zeros([4])], [`${name}2`, zeros([4])]])));
  for (const [, words] of readers) {
    const { out, err } = await evenkeel(words('out/names.safetensors'));
    expect(out).not.toMatch(/^error: /m);
    expect(out + err).not.toMatch(/[^\P{Cc}\n]/u);
  }
});
