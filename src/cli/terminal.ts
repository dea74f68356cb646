// What a command sees of the outside: where its lines go, how wide they may be, and whether to stop. May import node: and
// evenkeel.

import type { Readable, Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { styleText } from 'node:util';
import { KeelError } from 'evenkeel';

/** A stream that may be a terminal. */
export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number };

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan';

/** The outside as a command sees it. */
export interface Terminal {
  /** Of standard output: as the terminal says, or the variable COLUMNS, else 80. */
  readonly columns: number;
  readonly stdin: Readable;
  /** For bytes; lines go through `print`. */
  readonly stdout: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where relative paths begin. */
  readonly cwd: string;
  /** Aborted by Ctrl-C: long work looks at it, and leaves nothing half done. */
  readonly signal: AbortSignal;
  /** Whether standard output takes a JSON document, and nothing else. */
  readonly isJson: boolean;
  /** A line of standard output; with `--json` none is printed. */
  print(line: string): void;
  /** A line of standard error, for what is not asked for but should be known; not with `--quiet`. */
  note(line: string): void;
  /** How far a long job is, on standard error if that is a terminal. */
  progress(label: string, done: number, total: number): void;
  /** In colour where standard output is a terminal and NO_COLOR is not set. */
  paint(style: Style, text: string): string;
  /** Lets Ctrl-C be seen between stretches of work that wait for nothing; throws where it came. */
  pause(): Promise<void>;
  /** Waits for work that must be finished or undone before the process ends: a temporary file, say. */
  guard<T>(work: Promise<T>): Promise<T>;
  /**
   * Bytes to standard output.
   *
   * @throws KeelError [argument] where that is a terminal.
   */
  writeBytes(chunks: AsyncIterable<Uint8Array>): Promise<void>;
}

/** What {@link terminalOf} is made of: a process has it. */
export interface Surroundings {
  readonly stdin: Readable;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly signal: AbortSignal;
  /** Whether the command prints a JSON document, and whether it says nothing that is not asked for. */
  readonly isJson: boolean;
  readonly isQuiet: boolean;
  guard<T>(work: Promise<T>): Promise<T>;
}

export function terminalOf(surroundings: Surroundings): Terminal {
  const { stdin, stdout, stderr, env, cwd, signal, isJson, isQuiet, guard } = surroundings;
  const hasColours = hasColoursOn(stdout, env);
  const progress = progressOn(stderr, isQuiet);
  return {
    columns: columnsOf(stdout, env),
    stdin,
    stdout,
    env,
    cwd,
    signal,
    isJson,
    guard,
    print: (line) => {
      progress.clear();
      if (!isJson) stdout.write(`${clean(line)}\n`);
    },
    note: (line) => {
      progress.clear();
      if (!isQuiet) stderr.write(`${clean(line)}\n`);
    },
    progress: progress.show,
    pause: async () => {
      await setImmediate();
      signal.throwIfAborted();
    },
    paint: (style, text) => (hasColours ? styleText(style, text, { validateStream: false }) : text),
    writeBytes: async (chunks) => {
      if (stdout.isTTY === true) {
        const message = 'standard output is a terminal, which would not show bytes: write to a file, or into a pipe';
        throw new KeelError('argument', message, {});
      }
      for await (const chunk of chunks) await written(stdout, chunk);
    },
  };
}

/** Whether what is printed there may have colours. */
export function hasColoursOn(output: Output, env: Readonly<Record<string, string | undefined>>): boolean {
  return output.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
}

/** Columns of standard output. */
export function columnsOf({ columns }: Output, env: Readonly<Record<string, string | undefined>>): number {
  const asked = Number(env['COLUMNS']);
  const wanted = Number.isInteger(asked) && asked > 0 ? asked : columns;
  // A terminal that does not know its size says 0.
  return Math.min(1000, Math.max(20, wanted || 80));
}

/**
 * The line without control characters, which a file's names may hold and terminals obey; the paint of {@link Terminal}
 * stays.
 */
export function clean(line: string): string {
  return line.replace(/\p{Cc}\[(?:[12]|22|3[1-69])m|[^\P{Cc}\n\t]/gu, (found) => (found.startsWith('\u001b[') ? found : '\ufffd'));
}

/** The text without any control characters but line breaks and tabs: of a message, which has no paint of its own. */
export function plain(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, '\ufffd');
}

/** Until the bytes are with the system, so that no more than one chunk waits in memory. */
function written(stdout: Writable, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stdout.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}

const BEHIND_MILLIS = 100;

function progressOn(stderr: Output, isQuiet: boolean) {
  let last = 0;
  let isShown = false;
  const clear = (): void => {
    if (isShown) stderr.write('\r\x1b[K');
    isShown = false;
  };
  return {
    clear,
    show: (label: string, done: number, total: number): void => {
      if (stderr.isTTY !== true || isQuiet) return;
      const now = Date.now();
      if (done >= total) clear();
      else if (now - last >= BEHIND_MILLIS) {
        last = now;
        isShown = true;
        stderr.write(`\r\x1b[K${clean(label)} ${Math.floor((100 * done) / total)} %`);
      }
    },
  };
}
