// Replays a row of expected.json: the same seed, module, input and passes here, compared number by number.
import { expect } from 'vitest';
import '../../src/methods.js';
import { tensor } from '../../src/create.js';
import type { Module } from '../../src/nn/module.js';
import { manualSeed, rand, randint } from '../../src/random.js';
import { Tensor } from '../../src/tensor.js';
import expected from './expected.json' with { type: 'json' };

/** The tables of expected.json. */
export const tables = expected as unknown as {
  readonly layers: readonly Row[];
  readonly weights: readonly Row[];
  readonly removals: readonly Row[];
  readonly assignments: readonly Omit<Row, 'repr'>[];
  readonly dropouts: readonly (Drawn & { readonly p: number })[];
  readonly initializers: readonly (Drawn & { readonly call: string })[];
};

export interface Entry {
  readonly shape: readonly number[];
  readonly values: string;
}

export interface Row {
  readonly module: string;
  readonly repr: string;
  readonly state: Readonly<Record<string, Entry>>;
  readonly x?: string | readonly (number | readonly number[])[];
  readonly passes?: readonly string[];
  readonly ys?: readonly Entry[];
  readonly gradients?: Readonly<Record<string, Entry>>;
  readonly after?: Readonly<Record<string, Entry>>;
}

interface Drawn extends Entry {
  readonly dtype: 'float32' | 'float64';
  /** The three numbers that the generator gives afterwards. */
  readonly next: string;
}

/** What was made from the row's seed. */
export function fresh<T>(build: () => T): T {
  manualSeed(expected.seed);
  return build();
}

/** Repr, fresh state, outputs, gradients and buffers of a module, as the row has them. */
export function replay(row: Row, build: () => Module): void {
  const module = fresh(build);
  expect(String(module)).toBe(row.repr);
  expectState(module, row.state);
  if (row.x === undefined) return;
  const x = draw(row.x);
  const ys = (row.passes ?? []).map((mode) => run(module.train(mode === 'train'), x));
  ys.forEach((y, i) => expectEntry(`y of pass ${i}`, y, row.ys?.[i]));
  const y = ys.at(-1) ?? x;
  y.backward(rand(y.shape));
  const leaves = [['input', x] as const, ...module.namedParameters()];
  const gradients = leaves.flatMap(([name, { grad }]) => (grad === null ? [] : [[name, grad] as const]));
  expect(gradients.map(([name]) => name)).toEqual(Object.keys(row.gradients ?? {}));
  for (const [name, grad] of gradients) expectEntry(`gradient of ${name}`, grad, row.gradients?.[name]);
  const after = module.stateDict();
  for (const [name, entry] of Object.entries(row.after ?? {})) expectEntry(`${name} after`, after.get(name), entry);
}

/** The state dict's keys in order, shapes and values. */
export function expectState(module: Module, state: Row['state']): void {
  const own = module.stateDict();
  expect([...own.keys()]).toEqual(Object.keys(state));
  for (const [key, entry] of Object.entries(state)) expectEntry(key, own.get(key), entry);
}

export function expectEntry(name: string, actual: Tensor | undefined, entry: Entry | undefined): void {
  expect([name, actual?.shape]).toEqual([name, entry?.shape]);
  expect([name, farFrom(actual, entry?.values ?? '')]).toEqual([name, []]);
}

/** Elements further from the numbers of a text than float32 arithmetic explains. */
export function farFrom(actual: Tensor | undefined, values: string): string[] {
  const wanted = numbers(values);
  const got = Array.from(actual?.data ?? [], Number);
  if (got.length !== wanted.length) return [`${got.length} elements for ${wanted.length}`];
  return wanted.flatMap((value, i) => (isNear(got[i], value) ? [] : [`${got[i]} for ${value} at ${i}`]));
}

function isNear(actual: number | undefined, wanted: number): boolean {
  if (actual === undefined) return false;
  return Object.is(actual, wanted) || actual === wanted || Math.abs(actual - wanted) <= 1e-6 + 3e-6 * Math.abs(wanted);
}

/** `[V, [...]]` is an index into V rows, `[...]` uniform numbers, a text the numbers themselves. */
function draw(x: NonNullable<Row['x']>): Tensor {
  if (typeof x === 'string') return tensor(numbers(x), { requiresGrad: true });
  const [rows, shape] = x;
  if (typeof rows === 'number' && Array.isArray(shape)) return randint(0, rows, shape);
  return rand(x.map(Number), { requiresGrad: true });
}

/** Numbers as Python prints them. */
function numbers(text: string): number[] {
  return text.split(' ').filter(Boolean).map((number) => Number(number.replace('inf', 'Infinity')));
}

function run(module: Module, x: Tensor): Tensor {
  const y: unknown = Reflect.apply(module.forward, module, [x]);
  if (y instanceof Tensor) return y;
  throw new Error(`${String(module)} gave no tensor`);
}
