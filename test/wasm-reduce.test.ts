// Reductions, softmax and rows by index on WASM against the reference: rows, columns and stretches, extreme values, sets that
// must not know of one another, threads.
import { expect, test } from 'vitest';
import type { ReduceOp } from '../src/kernels/kernels.js';
import { reduce as referenceReduce } from '../src/kernels/reference/reduce.js';
import * as reference from '../src/kernels/reference/softmax.js';
import { gather, scatterAdd } from '../src/kernels/wasm/gather.js';
import { Machine } from '../src/kernels/wasm/machine.js';
import { reduce } from '../src/kernels/wasm/reduce.js';
import { softmax } from '../src/kernels/wasm/softmax.js';
import type { Runs } from '../src/plan.js';

const machines = [1, 2, 4].map((threads) => new Machine(threads));
const ops: readonly ReduceOp[] = ['sum', 'mean', 'max', 'min', 'l2', 'variance', 'unbiased_variance'];

let state = 1;
const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
const gauss = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

const runsOf = (k0: number, r0: number, k1: number, r1: number): Runs => ({ k0, r0, k1, r1 });
const shapes: readonly Runs[] = [
  runsOf(1, 1, 1, 1), runsOf(5, 1, 1, 1), runsOf(1, 2, 1, 1), runsOf(3, 7, 1, 1), runsOf(2, 33, 1, 1), runsOf(3, 1030, 1, 1),
  runsOf(2, 9001, 1, 1), runsOf(1, 70_001, 1, 1), runsOf(1, 1, 6, 1), runsOf(1, 5, 3, 1), runsOf(2, 7, 5, 1), runsOf(1, 300, 9, 1),
  runsOf(1, 1500, 17, 1), runsOf(2, 40, 530, 1), runsOf(1, 3, 2, 5), runsOf(2, 3, 4, 9), runsOf(1, 30, 3, 49), runsOf(1, 3, 2, 66_000),
  runsOf(1, 30_000, 3, 5),
];

function fill({ k0, r0, k1, r1 }: Runs, value: (set: number, e: number) => number): Float32Array {
  const set = (e: number) => Math.floor(e / (r0 * k1 * r1)) * k1 + (Math.floor(e / r1) % k1);
  return Float32Array.from({ length: k0 * r0 * k1 * r1 }, (_, e) => value(set(e), e));
}

/** Runs a kernel that reads x and writes `length` results. */
function run(machine: Machine, x: Float32Array, length: number, kernel: (x: number, out: number) => void): Float32Array {
  const [from, to] = [machine.alloc(4 * x.length), machine.alloc(4 * length + 4)];
  machine.f32.set(x, from / 4);
  machine.f32.fill(77, to / 4, to / 4 + length + 1);
  kernel(from, to);
  machine.settle();
  const y = machine.f32.slice(to / 4, to / 4 + length + 1);
  machine.free(from, 4 * x.length);
  machine.free(to, 4 * length + 4);
  expect(y[length]).toBe(77);
  return y.subarray(0, length);
}

function expectSame(a: Float32Array, b: Float32Array, label: string): void {
  const differs = a.findIndex((v, i) => !Object.is(v, b[i]));
  expect(differs < 0 ? null : [differs, a[differs], b[differs]], label).toBe(null);
}

function expectClose(got: Float32Array, want: Float64Array, limit: (i: number) => number, label: string): void {
  const bad = got.findIndex((y, i) => {
    const [e, rounded] = [want[i]!, Math.fround(want[i]!)];
    return Number.isFinite(rounded) ? !(Math.abs(y - e) <= limit(i)) : !Object.is(y, rounded);
  });
  expect(bad < 0 ? null : [bad, got[bad], want[bad]], label).toBe(null);
}

/** The error of a sum is counted in the sum of magnitudes. */
function compare(runs: Runs, x: Float32Array): void {
  const sets = runs.k0 * runs.k1;
  const n = runs.r0 * runs.r1;
  const size = new Float64Array(sets);
  referenceReduce('sum', x.map(Math.abs), runs, size);
  for (const op of ops) {
    const want = new Float64Array(sets);
    referenceReduce(op, x, runs, want);
    const label = `${op} ${JSON.stringify(runs)}`;
    const [first, ...others] = machines.map((machine) => {
      return run(machine, x, sets, (from, to) => expect(reduce(machine, op, from, runs, to)).toBe(true));
    });
    const limits: Record<ReduceOp, (i: number) => number> = {
      sum: (i) => 6e-7 * size[i]!, mean: (i) => (6e-7 * size[i]!) / n + 1e-45, max: () => 0, min: () => 0,
      l2: (i) => 1e-6 * want[i]! + 1e-45,
      variance: (i) => 3e-6 * want[i]! + 1e-45,
      unbiased_variance: (i) => 3e-6 * want[i]! + 1e-45,
    };
    expectClose(first!, want, limits[op], label);
    for (const other of others) expectSame(other, first!, `${label} on threads`);
  }
}

test.each(shapes)('sets of %j', (runs) => {
  compare(runs, fill(runs, () => gauss()));
  compare(runs, fill(runs, () => 1 + random()));
});

/** Elements by their set and place. */
const extremes: Readonly<Record<string, (set: number, e: number) => number>> = {
  'mean 1e4': () => 1e4 + gauss(),
  'mean 1e6 deviations': () => 1 + 1e-6 * gauss(),
  'far pilots': (_, e) => (e % 16 === 0 ? 1e6 : 0) + gauss(),
  'scale 1e20': () => 1e20 * gauss(),
  'scale 1e30 in some sets': (set) => (set % 2 === 1 ? 1e30 : 1) * gauss(),
  'scale 1e38': () => 1e38 * gauss(),
  'scale 1e-20': () => 1e-20 * gauss(),
  subnormal: () => 1e-41 * gauss(),
  constant: () => 3.7,
  zeros: () => 0,
  'minus zeros': (_, e) => (e % 3 === 0 ? 0 : -0),
  'poison in some sets': (set) => (set % 2 === 0 ? gauss() : [NaN, Infinity, -Infinity, 1][Math.floor(random() * 4)]!),
};

test.each(Object.keys(extremes))('%s', (name) => {
  for (const runs of [runsOf(3, 700, 1, 1), runsOf(1, 600, 7, 1), runsOf(2, 9, 5, 1), runsOf(2, 5, 3, 37)]) {
    compare(runs, fill(runs, extremes[name]!));
  }
});

test('a set has the same bits alone and among others', () => {
  const [machine] = machines;
  const rows = [runsOf(5, 1500, 1, 1), runsOf(1, 1500, 1, 1), 3000] as const;
  const stretches = [runsOf(3, 4, 5, 9), runsOf(1, 4, 5, 9), 180] as const;
  for (const [all, one, at] of [rows, stretches]) {
    const x = fill(all, () => gauss());
    const part = x.slice(at, at + one.r0 * one.k1 * one.r1);
    for (const op of ops) {
      const whole = run(machine!, x, all.k0 * all.k1, (from, to) => reduce(machine!, op, from, all, to));
      const alone = run(machine!, part, one.k1, (from, to) => reduce(machine!, op, from, one, to));
      const first = at / part.length * one.k1;
      expectSame(whole.subarray(first, first + one.k1), alone, op);
    }
  }
});

test('sets without elements are left to the reference', () => {
  expect(reduce(machines[0]!, 'sum', 0, runsOf(3, 0, 1, 1), 0)).toBe(false);
  expect(reduce(machines[0]!, 'sum', 0, runsOf(0, 3, 1, 1), 0)).toBe(true);
});

function compareSoftmax(runs: Runs, x: Float32Array): void {
  for (const log of [false, true]) {
    const want = new Float64Array(x.length);
    reference.softmax(x, runs, log, want);
    const label = `${log ? 'log ' : ''}softmax ${JSON.stringify(runs)}`;
    // The exponent is a difference of float32, whose rounding the exponential shows.
    const limit = (i: number) => {
      const e = want[i]!;
      return log ? 4e-7 * Math.abs(e) + 6e-7 : (1.5e-6 - 2e-7 * Math.log(e + 1e-300)) * e + 1.2e-38;
    };
    const [first, ...others] = machines.map((machine) => {
      return run(machine, x, x.length, (from, to) => softmax(machine, from, runs, log, to));
    });
    expectClose(first!, want, limit, label);
    for (const other of others) expectSame(other, first!, `${label} on threads`);
    const [machine] = machines;
    const inPlace = run(machine!, x, x.length, (from, to) => {
      softmax(machine!, from, runs, log, from);
      machine!.f32.copyWithin(to / 4, from / 4, from / 4 + x.length);
    });
    expectSame(inPlace, first!, `${label} in place`);
  }
}

test.each(shapes)('softmax of %j', (runs) => compareSoftmax(runs, fill(runs, () => 3 * gauss())));

const logits: Readonly<Record<string, (set: number, e: number) => number>> = {
  'far apart': () => 200 * gauss(),
  large: () => 1e4 + gauss(),
  huge: () => 1e38 * gauss(),
  equal: () => 2.5,
  masked: () => (random() < 0.4 ? -Infinity : gauss()),
  'nothing but masks in some sets': (set) => (set % 2 === 0 ? -Infinity : gauss()),
  'poison in some sets': (set, e) => (set % 2 === 0 && e % 11 === 3 ? [NaN, Infinity][set % 4 >> 1]! : gauss()),
};

test.each(Object.keys(logits))('softmax: %s', (name) => {
  for (const runs of [runsOf(6, 77, 1, 1), runsOf(1, 40, 9, 1), runsOf(2, 3, 70, 1), runsOf(2, 5, 3, 37)]) {
    compareSoftmax(runs, fill(runs, logits[name]!));
  }
});

test('the logarithm of what outweighs all others keeps its digits', () => {
  for (const runs of [runsOf(40, 77, 1, 1), runsOf(40, 10, 1, 1), runsOf(1, 40, 19, 1), runsOf(2, 5, 3, 37)]) {
    const { r0, k1, r1 } = runs;
    const within = (e: number) => (Math.floor(e / (k1 * r1)) % r0) * r1 + (e % r1);
    const x = fill(runs, (set, e) => (within(e) === (set * 7) % (r0 * r1) ? 9 : -4 + gauss()));
    const want = new Float64Array(x.length);
    reference.softmax(x, runs, true, want);
    const got = run(machines[0]!, x, x.length, (from, to) => softmax(machines[0]!, from, runs, true, to));
    // The sum of the others is right to its own rounding and theirs; beside 1 it would be to 6e-8 / 1e-4.
    expectClose(got, want, (i) => 4e-6 * Math.abs(want[i]!), `sure ${JSON.stringify(runs)}`);
  }
});

test('rows by index, and their sums', () => {
  for (const [height, width, count] of [[1, 1, 5], [7, 3, 40], [50, 33, 9], [300, 96, 5000]] as const) {
    const index = BigInt64Array.from({ length: count }, () => BigInt(Math.floor(random() * height)));
    const table = Float32Array.from({ length: height * width }, gauss);
    const rows = Float32Array.from({ length: count * width }, gauss);
    const picked = new Float32Array(count * width);
    reference.gather(table, index, width, picked);
    const sums = table.slice();
    reference.scatterAdd(rows, index, width, sums);
    for (const machine of machines) {
      const at = {
        index: machine.alloc(index.byteLength), table: machine.alloc(table.byteLength), rows: machine.alloc(rows.byteLength),
      };
      const job = { ...at, height, width, count };
      new BigInt64Array(machine.buffer as ArrayBuffer, at.index, count).set(index);
      machine.f32.set(table, at.table / 4);
      gather(machine, job);
      expectSame(machine.f32.slice(at.rows / 4, at.rows / 4 + picked.length), picked, 'gather');
      machine.f32.set(rows, at.rows / 4);
      scatterAdd(machine, job);
      machine.settle();
      expectSame(machine.f32.slice(at.table / 4, at.table / 4 + sums.length), sums, 'scatterAdd');
    }
  }
});
