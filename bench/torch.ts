// PyTorch as a peer: a Python process that is kept alive and driven one sample at a time. May import row.

import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { seedOf, valuesOf, type Contestant, type Missing, type Pass, type Peer } from './contestant.js';
import { states, type Row } from './row.js';

/** build/bench/torch.js runs the script that stays in bench. */
const script = fileURLToPath(new URL('../../bench/torch_peer.py', import.meta.url));
const wanted = '2.13';

/** The newest PyTorch of the interpreters at hand, as a peer. */
export async function pytorch(threads: number): Promise<Peer | Missing> {
  const best = pythonWithTorch();
  if (best === null) {
    return {
      name: 'PyTorch',
      why: `no torch in ${candidates().join(', ')}`,
      command: 'pip install torch, or apt-get install python3-torch; EVENKEEL_PYTHON names another interpreter',
    };
  }
  try {
    return await start(best.python, threads);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { name: 'PyTorch', why: `${best.python} failed: ${why}`, command: 'EVENKEEL_PYTHON names another interpreter' };
  }
}

/** The interpreter with the newest PyTorch; EVENKEEL_PYTHON names the only one to ask. */
export function pythonWithTorch(): { readonly python: string; readonly version: string } | null {
  const found = candidates().flatMap((python) => {
    const version = versionOf(python);
    return version === null ? [] : [{ python, version }];
  });
  return found.find(({ version }) => version.startsWith(`${wanted}.`)) ?? found[0] ?? null;
}

function candidates(): readonly string[] {
  const chosen = process.env['EVENKEEL_PYTHON'];
  return chosen ? [chosen] : ['python3', '.venv/bin/python', 'python', '/usr/bin/python3'];
}

function versionOf(python: string): string | null {
  const asked = spawnSync(python, ['-c', 'import torch; print(torch.__version__)'], { encoding: 'utf8' });
  return asked.status === 0 ? asked.stdout.trim() : null;
}

interface Answer {
  readonly error?: string;
  readonly version?: string;
  readonly micros?: number;
  readonly values?: readonly number[];
}

type Ask = (request: object) => Promise<Answer>;

async function start(python: string, threads: number): Promise<Peer> {
  let talk = await connect(python, threads);
  return {
    name: 'PyTorch',
    version: talk.version,
    enter: async (row, pass) => {
      // A row that killed it must not take the others along.
      if (talk.hasEnded()) talk = await connect(python, threads);
      return enterTorch(talk.ask, row, pass);
    },
    close: () => talk.end(),
  };
}

interface Talk {
  readonly version: string;
  readonly ask: Ask;
  hasEnded(): boolean;
  end(): void;
}

async function connect(python: string, threads: number): Promise<Talk> {
  const child = spawn(python, [script], { env: environment(threads), stdio: ['pipe', 'pipe', 'inherit'] });
  // Its standard error is the terminal's, which the type does not know.
  const { greeting, ask } = conversation(child as unknown as ChildProcessWithoutNullStreams);
  const { version = '?' } = await greeting;
  await ask({ what: 'threads', threads });
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return { version, ask, hasEnded, end: () => void child.stdin.end() };
}

/** As many threads as the others have, and an allocator that keeps its pages: fresh ones cost more than the kernels. */
function environment(threads: number): NodeJS.ProcessEnv {
  const keep = String(2 ** 40);
  return {
    ...process.env,
    OMP_NUM_THREADS: String(threads),
    PYTHONDONTWRITEBYTECODE: '1',
    MALLOC_MMAP_MAX_: '0',
    MALLOC_MMAP_THRESHOLD_: keep,
    MALLOC_TRIM_THRESHOLD_: keep,
  };
}

/** Questions and answers in turn; a child that ends answers everything with an error. */
function conversation(child: ChildProcessWithoutNullStreams): { readonly greeting: Promise<Answer>; readonly ask: Ask } {
  let settle: ((answer: Answer) => void) | null = null;
  let ended: string | null = null;
  const next = (): Promise<Answer> =>
    new Promise((resolve, reject) => {
      settle = (answer) => (answer.error === undefined ? resolve(answer) : reject(new Error(answer.error)));
      if (ended !== null) settle({ error: ended });
    });
  const greeting = next();
  createInterface({ input: child.stdout }).on('line', (line) => settle?.(JSON.parse(line)));
  child.stdin.on('error', () => {});
  child.on('exit', (code, signal) => {
    ended = `Python ended with ${signal ?? `code ${code}`}: run the row alone, with a filter`;
    settle?.({ error: ended });
  });
  return {
    greeting,
    ask: (request) => {
      const answer = next();
      child.stdin.write(`${JSON.stringify(request)}\n`);
      return answer;
    },
  };
}

async function enterTorch(ask: Ask, row: Row, pass: Pass): Promise<Contestant> {
  const spec = (name: string, shape: readonly number[]) => ({ shape, seed: seedOf(row, name), ...valuesOf(row, name) });
  const names = Object.keys(row.inputs);
  const learns = pass !== 'forward' || row.recorded;
  await ask({
    what: 'enter',
    pass,
    [typeof row.own === 'function' ? 'run' : 'module']: row.torch,
    inputs: Object.fromEntries(Object.entries(row.inputs).map(([name, shape]) => [name, spec(name, shape)])),
    leaves: learns ? names.filter((name) => !states.includes(name)) : [],
    dy: pass === 'forward' ? null : spec('dy', row.output),
    batch: row.batch,
  });
  return {
    sample: async (calls) => (await ask({ what: 'sample', calls })).micros ?? NaN,
    probe: async (places) => (await ask({ what: 'probe', places })).values ?? [],
    close: async () => void (await ask({ what: 'close' })),
  };
}
