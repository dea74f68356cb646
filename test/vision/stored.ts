// The tables of expected.json, and comparing a tensor with an entry of them.
import { tensor, type Tensor } from 'evenkeel';
import { expect } from 'vitest';
import expected from './expected.json' with { type: 'json' };

export interface Entry {
  readonly shape: readonly number[];
  readonly values: string;
}

export interface PoolRow {
  readonly name: string;
  readonly x: Entry;
  readonly y: Entry;
  readonly dy: Entry;
  readonly dx: Entry;
}

export interface ModuleRow extends PoolRow {
  readonly state: Readonly<Record<string, Entry>>;
  readonly gradients: Readonly<Record<string, Entry>>;
}

/** The state of a module that was just made from the seed. */
export interface FreshRow {
  readonly name: string;
  readonly state: Readonly<Record<string, Entry>>;
}

// JSON has a type for each row; all have these fields.
export const tables = expected as unknown as {
  readonly seed: number;
  readonly pools: readonly PoolRow[];
  readonly modules: readonly ModuleRow[];
  readonly fresh: readonly FreshRow[];
};

export function tensorOf(entry: Entry, requiresGrad = false): Tensor {
  return tensor(Float32Array.from(numbers(entry)), entry.shape, { requiresGrad });
}

export function stateOf(row: ModuleRow): Map<string, Tensor> {
  return new Map(Object.entries(row.state).map(([key, entry]) => [key, tensorOf(entry)]));
}

/** Within 1e-5 of the largest number; NaN and infinities where they are expected. */
export function expectEntry(name: string, actual: Tensor | null | undefined, entry: Entry): void {
  expect([name, actual?.shape]).toEqual([name, entry.shape]);
  const wanted = numbers(entry);
  const got = Array.from(actual?.data ?? [], Number);
  const finite = wanted.filter(Number.isFinite).map(Math.abs);
  const limit = 1e-5 * Math.max(1e-3, ...finite);
  const off = wanted.findIndex((value, i) => !(Object.is(value, got[i]) || Math.abs(value - (got[i] ?? NaN)) <= limit));
  expect([name, off, got[off]]).toEqual([name, -1, undefined]);
}

function numbers({ values }: Entry): number[] {
  const words = values.split(' ').filter(Boolean);
  return words.map((word) => Number(word.replace('inf', 'Infinity')));
}
