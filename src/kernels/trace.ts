// KEEL_DEBUG=1: every kernel call as a line on standard error. May import plan.

import type { Plan, Runs } from '../plan.js';

/** What a backend says of the call that runs: kernels and on how many threads. */
const launched: string[] = [];

/** Whether the program was started with KEEL_DEBUG=1. */
export const isTracing = globalThis.process?.env?.['KEEL_DEBUG'] === '1';

/** Notes a kernel of the call that runs. */
export function note(kernel: string, threads: number): void {
  if (isTracing) launched.push(`${kernel} on ${threads === 1 ? '1 thread' : `${threads} threads`}`);
}

/** Of a kernel's arguments: what the call is about, and the bytes of its operands. */
type Tell = (...args: never[]) => [what: string, bytes: number];

interface ConvFacts {
  readonly batch: number;
  readonly groups: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly input: readonly number[];
  readonly kernel: readonly number[];
  readonly output: readonly number[];
}

interface NormFacts {
  readonly plan: Plan;
  readonly statistics: string;
  readonly residual?: unknown;
  readonly dsum?: unknown;
}

const spell = (numbers: object): string => Object.entries(numbers).map(([name, value]) => `${name}=${String(value)}`).join(' ');
const size = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);

const elements = (runs: Runs): number => size([runs.k0, runs.r0, runs.k1, runs.r1]);

/** Members of a backend that are kernels. */
const kernels: Readonly<Record<string, Tell>> = {
  norm: ({ plan, statistics, residual }: NormFacts) => [
    `${statistics} ${spell(plan)}`, (residual === null ? 8 : 16) * elements(plan),
  ],
  normBackward: ({ plan, statistics, dsum }: NormFacts) => [
    `${statistics} ${spell(plan)}`, (dsum === null ? 12 : 16) * elements(plan),
  ],
  pointwise: (op: string, shape: readonly number[], inputs: readonly unknown[]) => [
    `${op} ${shape.join('×')}`, 4 * (inputs.length + 1) * size(shape),
  ],
  reduce: (op: string, _: unknown, runs: Runs) => [`${op} ${spell(runs)}`, 4 * (elements(runs) + runs.k0 * runs.k1)],
  update: ({ rule, length }: { readonly rule: string; readonly length: number }) => [
    `${rule} of ${length}`, (rule === 'adam' ? 28 : 12) * length,
  ],
  softmax: (_: unknown, runs: Runs) => [spell(runs), 8 * elements(runs)],
  matmul: ({ batch, m, n, k }: { readonly batch: number; readonly m: number; readonly n: number; readonly k: number }) => [
    `${batch}×${m}×${k}×${n}`, 4 * batch * (m * k + k * n + m * n),
  ],
  conv: (part: string, of: ConvFacts) => [
    `${part} ${of.inChannels}→${of.outChannels} by ${of.kernel.join('×')} in ${of.groups} groups`,
    4 * of.batch * (of.inChannels * size(of.input) + of.outChannels * size(of.output)) +
      (4 * of.outChannels * of.inChannels * size(of.kernel)) / of.groups,
  ],
};

/** The same backend, or a part of one, whose kernels print their plan, path, threads, bytes and time. */
export function traced<P extends object>(part: P, backend: string): P {
  const wrapped = Object.entries(kernels).flatMap(([name, tell]) => {
    const run: unknown = Reflect.get(part, name);
    if (typeof run !== 'function') return [];
    const call = (...args: unknown[]): unknown => {
      launched.length = 0;
      const start = performance.now();
      const result: unknown = Reflect.apply(run, part, args);
      const millis = performance.now() - start;
      const [what, bytes]: ReturnType<Tell> = Reflect.apply(tell, undefined, args);
      const path = launched.length === 0 ? 'plain loops on 1 thread' : launched.join(' + ');
      console.error(`keel ${backend} ${name} ${what} · ${path} · ${(bytes / 1e6).toFixed(3)} MB · ${millis.toFixed(3)} ms`);
      return result;
    };
    return [[name, call] as const];
  });
  const byName = new Map<string | symbol, (...args: unknown[]) => unknown>(wrapped);
  // A backend may be an instance of a class, whose methods need it as `this`.
  return new Proxy(part, {
    get(target, name) {
      const value: unknown = byName.get(name) ?? Reflect.get(target, name);
      return typeof value === 'function' ? (...args: unknown[]): unknown => Reflect.apply(value, target, args) : value;
    },
  });
}
