// Threads of the WASM backend: they start on need, give the same bits, and tell when they die.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import threads from 'node:worker_threads';
import { KeelError } from 'evenkeel';
import { afterAll, describe, expect, test } from 'vitest';
import { Machine } from '../src/kernels/wasm/machine.js';
import { rows } from '../src/kernels/wasm/rows.wasm.js';
import { forwardArgs } from '../src/kernels/wasm/job.js';
import { refusal } from './refusal.js';

const started: threads.Worker[] = [];
const { Worker } = threads;
class Watched extends Worker {
  constructor(...args: ConstructorParameters<typeof Worker>) {
    super(...args);
    started.push(this);
  }
}
Reflect.set(threads, 'Worker', Watched);
afterAll(() => Reflect.set(threads, 'Worker', Worker));

const SETS = 2048;
const WIDTH = 100;

const hash = (data: Float32Array): string => createHash('sha256').update(data).digest('hex');

/** Rows of 100 numbers, their y, and a launch of the plain kernel over them that returns a hash of y. */
function rowsOn(machine: Machine): { run: () => string } {
  const bytes = SETS * WIDTH * 4;
  const [x, y, saved] = [machine.alloc(bytes), machine.alloc(bytes), machine.alloc(SETS * 12)];
  for (let i = 0; i < SETS * WIDTH; i++) machine.f32[x / 4 + i] = Math.sin(i * 1.7) * 3;
  const plan = { k0: SETS, r0: WIDTH, k1: 1, r1: 1, affine: 0, inner: 1 };
  const none = { residual: 0, sum: 0, weight: 0, bias: 0, givenMean: 0, givenVariance: 0, mean: 0, variance: 0, rstd: 0 };
  const args = forwardArgs({ plan, statistics: 'moments', eps: 1e-5, x, y, saved, ...none });
  return {
    run() {
      machine.f32.fill(NaN, y / 4, y / 4 + SETS * WIDTH);
      machine.launch(rows, 'generalForwardSets', args, { items: SETS, grain: 64, parallel: true, scratch: 0 });
      return hash(machine.f32.slice(y / 4, y / 4 + SETS * WIDTH));
    },
  };
}

const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis));

describe('a pool', () => {
  const alone = rowsOn(new Machine(1)).run();

  test.each([2, 4])('of %d threads does the work of one, before and after its workers are there', async (count) => {
    const before = started.length;
    const { run } = rowsOn(new Machine(count));
    expect(run()).toEqual(alone);
    expect(started.length - before).toBe(count - 1);
    await pause(150);
    for (let i = 0; i < 20; i++) run();
    expect(run()).toEqual(alone);
    expect(started.length - before).toBe(count - 1);
  });

  test('whose worker died says so on the next call, and has new ones on the one after', async () => {
    const { run } = rowsOn(new Machine(2));
    run();
    await pause(150);
    run();
    const worker = started.at(-1);
    await worker?.terminate();
    await pause(20);
    const error = refusal(run);
    expect([error.code, error.message]).toEqual(['worker', expect.stringContaining('worker thread 1 of 1 ended')]);
    expect(run()).toEqual(alone);
    expect(started.at(-1)).not.toBe(worker);
  });

  test('that cannot have workers says so once, and goes on with one thread', async () => {
    Reflect.set(threads, 'Worker', class extends Worker {
      constructor(_: unknown, options: threads.WorkerOptions) {
        super('throw new Error("no such file")', { ...options, eval: true });
      }
    });
    const { run } = rowsOn(new Machine(2));
    expect(run()).toEqual(alone);
    await pause(200);
    expect(refusal(run)).toBeInstanceOf(KeelError);
    expect(run()).toEqual(alone);
    await pause(100);
    expect(run()).toEqual(alone);
    Reflect.set(threads, 'Worker', Watched);
  });
});

const program = `
  const { layerNorm, randn } = await import('evenkeel');
  const x = randn([4096, 256]);
  for (let i = 0; i < 20; i++) layerNorm(x, [256]).dispose();
  await new Promise((resolve) => setTimeout(resolve, 200));
  for (let i = 0; i < 20; i++) layerNorm(x, [256]).dispose();
`;
const environment = (more: Readonly<Record<string, string>>) => ({ ...process.env, ...more });
const node = (code: string, more: Readonly<Record<string, string>>): string =>
  execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8', stdio: 'pipe', timeout: 20_000, env: environment(more) });

describe('a program', () => {
  test.each(['1', '2', '4'])('with KEEL_THREADS=%s ends by itself', (count) => {
    expect(node(`${program} console.log('done')`, { KEEL_THREADS: count })).toBe('done\n');
  });

  test.each(['0', 'two', '1.5', '100'])('with KEEL_THREADS=%s is refused', (count) => {
    expect(() => node(program, { KEEL_THREADS: count })).toThrow(`KEEL_THREADS must be a whole number from 1 to 64, got the string '${count}'`);
  });

  const lacking: [what: string, setup: string, why: string][] = [
    ['WebAssembly', 'delete globalThis.WebAssembly;', 'there is no WebAssembly'],
    ['SIMD', "WebAssembly.Module = class { constructor() { throw new WebAssembly.CompileError('invalid value type 0x7b'); } };", 'invalid value type 0x7b'],
    ['room for a memory', "WebAssembly.Memory = class { constructor() { throw new RangeError('could not allocate memory'); } };", 'could not allocate memory'],
  ];
  test.each(lacking)('on a machine without %s is told so, and can use the reference backend', (_, setup, why) => {
    const code = `${setup}
      const { tensor, layerNorm, useBackend } = await import('evenkeel');
      try { layerNorm(tensor([1, 3]), [2]); } catch (error) { console.log(error.name, error.message); }
      useBackend('reference');
      console.log(layerNorm(tensor([1, 3]), [2]).data[0] < -0.99);`;
    const printed = node(code, {});
    expect(printed).toMatch(/^KeelError \[wasm\] the WASM backend cannot run here: /);
    expect(printed).toContain(why);
    expect(printed).toMatch(/useBackend\('reference'\)\ntrue\n$/);
  });

  test('with KEEL_DEBUG=1 prints each kernel', () => {
    const code = `process.stderr.write = process.stdout.write.bind(process.stdout); ${program}`;
    const lines = node(code, { KEEL_DEBUG: '1', KEEL_THREADS: '1' }).split('\n').filter((line) => line.startsWith('keel wasm norm '));
    expect(lines.length).toBe(40);
    expect(lines[0]).toMatch(/^keel wasm norm moments k0=4096 r0=256 k1=1 r1=1 affine=256 inner=1 · \w+ on 1 thread · 8\.389 MB · [\d.]+ ms$/);
  });
});
