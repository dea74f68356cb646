// KEEL_DEBUG=1: every kernel call as a line on standard error. May import kernels.

import type { Core, Dense, Kernels } from './kernels.js';

/** What a backend says of the call that runs: kernels and on how many threads. */
const launched: string[] = [];

/** Whether the program was started with KEEL_DEBUG=1. */
export const isTracing = globalThis.process?.env?.['KEEL_DEBUG'] === '1';

/** Notes a kernel of the call that runs. */
export function note(kernel: string, threads: number): void {
  if (isTracing) launched.push(`${kernel} on ${threads === 1 ? '1 thread' : `${threads} threads`}`);
}

type Part = Core<unknown> | Dense<unknown>;

/** What a call is about, and the bytes of its operands; null for what is not a kernel. */
type Describe = { readonly [K in keyof Kernels<unknown>]?: (...args: Parameters<Extract<Kernels<unknown>[K], Call>>) => [what: string, bytes: number] };
type Call = (...args: never[]) => unknown;

const spell = (numbers: object): string => Object.entries(numbers).map(([name, value]) => `${name}=${String(value)}`).join(' ');
const size = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);

const describe: Describe = {
  norm: ({ plan, statistics, residual }) => [
    `${statistics} ${spell(plan)}`,
    (residual === null ? 8 : 16) * size([plan.k0, plan.r0, plan.k1, plan.r1]),
  ],
  normBackward: ({ plan, statistics, dsum }) => [
    `${statistics} ${spell(plan)}`,
    (dsum === null ? 12 : 16) * size([plan.k0, plan.r0, plan.k1, plan.r1]),
  ],
  pointwise: (op, shape, inputs) => [`${op} ${shape.join('×')}`, 4 * (inputs.length + 1) * size(shape)],
  reduce: (op, _, runs) => [`${op} ${spell(runs)}`, 4 * (size(Object.values(runs)) + runs.k0 * runs.k1)],
  matmul: ({ batch, m, n, k }) => [`${batch}×${m}×${k}×${n}`, 4 * batch * (m * k + k * n + m * n)],
  conv: (part, { batch, groups, inChannels, outChannels, input, kernel, output }) => [
    `${part} ${inChannels}→${outChannels} by ${kernel.join('×')}, ${groups} groups`,
    4 * (batch * (inChannels * size(input) + outChannels * size(output)) + (outChannels * inChannels * size(kernel)) / groups),
  ],
  softmax: (_, runs, log) => [`${log ? 'log ' : ''}${spell(runs)}`, 8 * size(Object.values(runs))],
};

/** The same kernels, each printing its plan, path, bytes, time and threads. */
export function traced<P extends Part>(part: P, backend: string): P {
  const wrapped = Object.entries(describe).flatMap(([name, tell]) => {
    const run: unknown = Reflect.get(part, name);
    if (typeof run !== 'function') return [];
    const call = (...args: unknown[]): unknown => {
      launched.length = 0;
      const start = performance.now();
      const result: unknown = Reflect.apply(run, part, args);
      const millis = performance.now() - start;
      const [what, bytes] = Reflect.apply(tell as Call, undefined, args) as [string, number]; // of the member's own arguments
      const path = launched.length === 0 ? 'plain loops on 1 thread' : launched.join(' + ');
      console.error(`keel ${backend} ${name} ${what} · ${path} · ${(bytes / 1e6).toFixed(3)} MB · ${millis.toFixed(3)} ms`);
      return result;
    };
    return [[name, call] as const];
  });
  return { ...part, ...Object.fromEntries(wrapped) };
}
