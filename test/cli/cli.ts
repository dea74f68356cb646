// The command line in tests: in this process with streams of its own, or as users run it.
import { spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { commands } from '../../src/cli/commands.js';
import { run } from '../../src/cli/run.js';
import { exampleFiles } from '../../tools/fuzz/examplefiles.js';

export interface Ran {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
  /** What went to standard output, as bytes. */
  readonly bytes: Uint8Array;
}

export interface How {
  readonly cwd?: string;
  /** Of standard output; also what makes it a terminal. */
  readonly columns?: number;
  readonly isTerminal?: boolean;
  readonly stdin?: Uint8Array | string;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Runs a command in this process. */
export async function evenkeel(words: readonly string[], how: How = {}): Promise<Ran> {
  const [stdout, stderr] = [collector(how), collector({})];
  const exit = await run(words, commands, '0.0.0', {
    stdin: Readable.from(how.stdin === undefined ? [] : [Buffer.from(how.stdin)]),
    stdout: stdout.stream,
    stderr: stderr.stream,
    env: { COLUMNS: String(how.columns ?? 80), ...how.env },
    cwd: how.cwd ?? process.cwd(),
    signal: how.signal ?? new AbortController().signal,
    guard: (work) => work,
  });
  return { exit, out: stdout.bytes().toString(), err: stderr.bytes().toString(), bytes: stdout.bytes() };
}

function collector({ isTerminal = false }: How) {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      chunks.push(Buffer.from(chunk));
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY: isTerminal }), bytes: () => Buffer.concat(chunks) };
}

/** Runs a line until it has printed this, then interrupts it as Ctrl-C does. */
export function interrupted(line: string, cwd: string, until: string): Promise<Ran> {
  return shell(`exec ${line}`, cwd, undefined, until);
}

/** Runs a line in a shell where `evenkeel` is the built command. */
export async function shell(line: string, cwd: string, stdin?: Uint8Array, until?: string): Promise<Ran> {
  const bin = await binFolder();
  const child = spawn('sh', ['-c', line], { cwd, env: { ...process.env, COLUMNS: '80', PATH: `${bin}:${process.env['PATH'] ?? ''}` } });
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (chunk: Buffer) => {
    out.push(chunk);
    if (until !== undefined && Buffer.concat(out).includes(until)) child.kill('SIGINT');
  });
  child.stderr.on('data', (chunk: Buffer) => void err.push(chunk));
  child.stdin.on('error', () => undefined);
  new PassThrough().end(stdin ?? '').pipe(child.stdin);
  const exit = await new Promise<number>((done) => child.on('close', (code) => done(code ?? -1)));
  const bytes = Buffer.concat(out);
  return { exit, out: bytes.toString(), err: Buffer.concat(err).toString(), bytes };
}

let bin: Promise<string> | null = null;

/** A folder with the command in it, for PATH. */
function binFolder(): Promise<string> {
  bin ??= (async () => {
    const folder = resolve('build/test-bin');
    await mkdir(folder, { recursive: true });
    await rm(join(folder, 'evenkeel'), { force: true });
    await writeFile(join(folder, 'evenkeel'), `#!/bin/sh\nexec '${process.execPath}' '${resolve('dist/cli/main.js')}' "$@"\n`, { mode: 0o755 });
    return folder;
  })();
  return bin;
}

/** A new folder with the files of the examples. */
export async function exampleFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'evenkeel-cli-'));
  for (const [name, path] of Object.entries(exampleFiles)) await copyFile(path, join(folder, name));
  return folder;
}

