// Columns on WASM against the float64 definition: shapes of both layouts of parameters, odd sizes, extreme values.
import { expect, test } from 'vitest';
import type { Plan } from '../src/plan.js';
import type { Statistics } from '../src/kernels/kernels.js';
import { norm, normBackward } from '../src/kernels/reference/norm.js';
import { backward, fits, forward } from '../src/kernels/wasm/columns.js';
import { Machine } from '../src/kernels/wasm/machine.js';

/** k0, r0, k1, affine, inner. */
type Shape = readonly [k0: number, r0: number, k1: number, affine: number, inner: number];

interface Inputs {
  readonly plan: Plan;
  readonly statistics: Statistics;
  readonly eps: number;
  readonly x: Float32Array;
  readonly dy: Float32Array;
  readonly weight: Float32Array | null;
  readonly bias: Float32Array | null;
  readonly given: { readonly mean: Float32Array; readonly variance: Float32Array } | null;
}

type Four = [Float64Array, Float64Array, Float64Array, Float64Array];
const outputs = ['y', 'mean', 'variance', 'rstd', 'dx', 'dweight', 'dbias'] as const;
type Results = Record<(typeof outputs)[number], Float32Array | Float64Array>;

const machines = [1, 2, 4].map((threads) => new Machine(threads));

const byRow: readonly Shape[] = [
  [2, 96, 64, 96, 64], [1, 3, 9, 3, 9], [3, 8, 49, 8, 49], [2, 33, 7, 33, 7], [5, 2, 4, 2, 4], [2, 600, 70, 600, 70],
  [1, 2, 5, 1, 50], [4, 6, 11, 4, 66], [2, 12, 6, 4, 18], [1, 1500, 5, 1500, 5], [1, 40, 3001, 40, 3001], [9, 4, 1030, 4, 1030],
];
const byColumn: readonly Shape[] = [
  [1, 256, 768, 768, 1], [1, 7, 5, 5, 1], [3, 300, 13, 13, 1], [1, 5000, 6, 6, 1], [2, 1024, 37, 37, 1], [1, 4, 4, 4, 1],
  [1, 31, 24, 4, 6], [2, 50, 24, 3, 4], [2, 9, 10, 0, 1], [3, 20, 9, 1, 540], [1, 1100, 12, 0, 1],
  [1, 9000, 4, 2, 2], [1, 2, 6, 6, 1],
];

test.each([...byRow, ...byColumn].map((shape) => [shape.join(' '), shape] as const))('%s', (_, shape) => {
  for (const statistics of ['moments', 'rms', 'l2'] as const) {
    compare(inputsOf(shape, statistics, (random) => gauss(random) + 0.3));
  }
  compare({ ...inputsOf(shape, 'moments', gauss), weight: null, bias: null });
  compare(givenOf(inputsOf(shape, 'moments', gauss)));
});

/** Elements of column `i`, by row: beyond 100 the random ones go on. */
const extremes: Readonly<Record<string, (random: () => number, i: number) => number>> = {
  'mean 1e4': (random) => 1e4 + gauss(random),
  'mean 1e6 deviations': (random) => 1 + 1e-6 * gauss(random),
  'a few far pilots': (random, i) => (i % 5 === 2 ? 1e5 : 0) + gauss(random),
  'scale 1e20': (random) => 1e20 * gauss(random),
  'scale 1e30 in some columns': (random, i) => (i % 7 === 3 ? 1e30 : 1) * gauss(random),
  'scale 1e-30': (random) => 1e-30 * gauss(random),
  subnormal: (random) => 1e-41 * gauss(random),
  constant: () => 3.7,
  'constant columns': (random, i) => (i % 3 === 1 ? 1e6 : gauss(random)),
  zeros: () => 0,
};

test.each(Object.keys(extremes))('%s', (name) => {
  const element = extremes[name]!;
  for (const shape of [[2, 24, 18, 24, 18], [1, 300, 11, 11, 1], [1, 1030, 9, 9, 1], [3, 2, 5, 2, 5]] as const) {
    for (const statistics of ['moments', 'rms', 'l2'] as const) {
      for (const eps of [1e-5, 1e-12, 1e-36]) compare({ ...inputsOf(shape, statistics, element), eps });
    }
  }
});

test('the first rows are no sample of the column', () => {
  const inputs = inputsOf([1, 1200, 8, 8, 1], 'moments', gauss);
  for (let i = 0; i < 8; i++) for (const row of [0, 300, 600, 900]) inputs.x[row * 8 + i] = 1e9;
  compare(inputs);
  compare({ ...inputs, plan: { ...inputs.plan, k0: 2, r0: 600 } });
});

test('NaN and infinity stay in their columns', () => {
  for (const shape of [[2, 40, 13, 40, 13], [2, 40, 13, 13, 1], [1, 1100, 13, 13, 1]] as const) {
    const inputs = inputsOf(shape, 'moments', gauss);
    inputs.x[13 * 5 + 3] = NaN;
    inputs.x[13 * 7 + 12] = Infinity;
    compare(inputs);
    const poisoned = { ...inputs, x: inputsOf(shape, 'moments', gauss).x };
    poisoned.dy[13 * 6 + 4] = NaN;
    compare(poisoned);
    compare(givenOf(inputs));
  }
});

test('in place', () => {
  for (const shape of [[2, 40, 13, 40, 13], [2, 40, 13, 13, 1], [1, 1100, 13, 13, 1]] as const) {
    const inputs = inputsOf(shape, 'moments', (random, i) => (i === 2 ? 1e25 : 1) * gauss(random));
    expectSame(run(machines[0]!, inputs, true).y, run(machines[0]!, inputs).y);
  }
});

test('gradients that are not wanted', () => {
  for (const shape of [[2, 40, 13, 40, 13], [2, 40, 13, 13, 1], [1, 1100, 13, 13, 1]] as const) {
    const inputs = inputsOf(shape, 'moments', gauss);
    const all = run(machines[0]!, inputs);
    for (const name of ['dx', 'dweight', 'dbias'] as const) {
      expectSame(run(machines[0]!, inputs, false, [name])[name], all[name]);
    }
  }
});

test('a column alone in other company has the same bits', () => {
  for (const [shape, width] of [[[2, 96, 1500, 96, 1500], 5], [[1, 512, 200, 200, 1], 4], [[1, 9000, 21, 21, 1], 7]] as const) {
    const inputs = inputsOf(shape, 'moments', gauss);
    const [, r0, k1, affine] = shape;
    const { y, dx } = run(machines[0]!, inputs);
    const cut = (values: Float32Array | Float64Array, of: number) => {
      const part = new Float32Array(r0 * of);
      for (let j = 0; j < r0; j++) for (let i = 0; i < of; i++) part[j * of + i] = values[j * k1 + i]!;
      return part;
    };
    const isByRow = affine === r0;
    const parameters = (of: Float32Array | null) => (isByRow ? of : of!.slice(0, width));
    const plan = { k0: 1, r0, k1: width, r1: 1, affine: isByRow ? affine : width, inner: isByRow ? width : 1 };
    const few = {
      ...inputs, plan, x: cut(inputs.x, width), dy: cut(inputs.dy, width),
      weight: parameters(inputs.weight), bias: parameters(inputs.bias),
    };
    const alone = run(machines[0]!, few);
    expectSame(alone.y, cut(y, width));
    expectSame(alone.dx, cut(dx, width));
  }
});

test('any number of threads gives the same bits', async () => {
  const shapes = [[2, 96, 784, 96, 784], [1, 256, 768, 768, 1], [1, 3136, 64, 64, 1], [25, 96, 64, 96, 64]] as const;
  for (let turn = 0; turn < 3; turn++) {
    for (const shape of shapes) {
      const inputs = inputsOf(shape, 'moments', gauss);
      const [one, ...others] = machines.map((machine) => run(machine, inputs));
      for (const other of others) for (const name of outputs) expectSame(other[name], one![name]);
    }
    // By then the workers have started.
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

test('what is not columns goes elsewhere', () => {
  const plan = { k0: 2, r0: 3, k1: 6, r1: 1, affine: 18, inner: 1 };
  expect(fits(plan)).toBe(false);
  expect(fits({ ...plan, affine: 6, r1: 2 })).toBe(false);
  expect(fits({ ...plan, affine: 4, inner: 9 })).toBe(false);
  expect(fits({ ...plan, k1: 2, affine: 0 })).toBe(false);
  expect(fits({ ...plan, affine: 6, r0: 1 })).toBe(false);
  expect(fits({ ...plan, affine: 6, r0: 0 })).toBe(false);
});

function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) / 2 ** 24;
  };
}

function gauss(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function inputsOf(shape: Shape, statistics: Statistics, element: (random: () => number, column: number) => number): Inputs {
  const [k0, r0, k1, affine, inner] = shape;
  const random = generator(k0 + 31 * r0 + 1009 * k1);
  const x = Float32Array.from({ length: k0 * r0 * k1 }, (_, e) => element(random, e % k1));
  const dy = x.map(() => gauss(random));
  const parameters = () => (affine === 0 ? null : Float32Array.from({ length: affine }, () => 1 + 0.5 * gauss(random)));
  const plan = { k0, r0, k1, r1: 1, affine, inner };
  return { plan, statistics, eps: 1e-5, x, dy, weight: parameters(), bias: parameters(), given: null };
}

function givenOf(inputs: Inputs): Inputs {
  const random = generator(7);
  const mean = Float32Array.from({ length: inputs.plan.k0 * inputs.plan.k1 }, () => gauss(random));
  return { ...inputs, given: { mean, variance: mean.map((v) => v * v + 0.5) } };
}

function compare(inputs: Inputs): void {
  const wanted = define(inputs);
  const found = run(machines[0]!, inputs);
  const { k1, affine } = inputs.plan;
  const steepest = largest(inputs.dy) * (inputs.weight === null ? 1 : largest(inputs.weight));
  for (const name of outputs) {
    const isColumns = name === 'y' || name === 'dx';
    const isParameters = name === 'dweight' || name === 'dbias';
    if (isParameters && affine === 0) continue;
    // Columns have scales of their own; terms of dx and of parameters' gradients cancel.
    const step = isColumns ? k1 : 1;
    for (let i = 0; i < step; i++) {
      const least = name === 'dx' ? steepest * largest(wanted.rstd, i, step) : isParameters ? 1 : 1e-30;
      const scale = Math.max(least, largest(wanted[name], i, step));
      for (let e = i; e < wanted[name].length; e += step) {
        const want = Math.fround(wanted[name][e]!);
        const have = found[name][e]!;
        if (Object.is(have, want) || Math.abs(have - want) <= 2e-6 * scale) continue;
        const call = `${name} of ${inputs.statistics}, eps ${inputs.eps}`;
        expect.fail(`${call}: element ${e} is ${have}, wanted ${want}, scale ${scale}`);
      }
    }
  }
}

/** Of finite magnitudes. */
function largest(values: ArrayLike<number>, first = 0, step = 1): number {
  let most = 0;
  for (let i = first; i < values.length; i += step) {
    const size = Math.abs(values[i]!);
    if (size < 3e38) most = Math.max(most, size);
  }
  return most;
}

function expectSame(a: Float32Array | Float64Array, b: Float32Array | Float64Array): void {
  expect(a.length).toBe(b.length);
  const e = a.findIndex((value, i) => !Object.is(value, b[i]));
  if (e !== -1) expect.fail(`element ${e} is ${a[e]} and ${b[e]}`);
}

function define({ plan, statistics, eps, x, dy, weight, bias, given }: Inputs): Results {
  const sets = plan.k0 * plan.k1;
  const [y, dx] = [new Float64Array(x.length), new Float64Array(x.length)];
  const [mean, variance, rstd, saved] = [1, 1, 1, 3].map((planes) => new Float64Array(planes * sets)) as Four;
  const [dweight, dbias] = [new Float64Array(plan.affine), new Float64Array(plan.affine)];
  const results = { y, mean, variance, rstd, dx, dweight, dbias };
  norm({ plan, statistics, eps, x, residual: null, sum: null, weight, bias, given, saved, ...results });
  normBackward({ plan, statistics, eps, x, dy, dsum: null, weight, saved, ...results });
  return results;
}

/** What the kernels make of it. */
function run(machine: Machine, inputs: Inputs, isInPlace = false, wanted: readonly string[] = outputs): Results {
  const { plan, statistics, eps, x, dy, weight, bias, given } = inputs;
  expect(fits(plan)).toBe(true);
  const sets = plan.k0 * plan.k1;
  const put = (values: Float32Array | null | undefined) => {
    if (!values) return 0;
    const address = machine.temporary(values.byteLength);
    machine.f32.set(values, address / 4);
    return address;
  };
  const room = (length: number) => put(new Float32Array(length).fill(123));
  const gradient = (name: string, length: number) => (wanted.includes(name) ? room(length) : 0);
  try {
    const at = {
      x: put(x), weight: put(weight), mean: room(sets), variance: room(sets), rstd: room(sets), saved: room(3 * sets),
    };
    const y = isInPlace ? at.x : room(x.length);
    const dx = gradient('dx', x.length);
    const [dweight, dbias] = [gradient('dweight', plan.affine), gradient('dbias', plan.affine)];
    const ofGiven = { givenMean: put(given?.mean), givenVariance: put(given?.variance) };
    forward(machine, { plan, statistics, eps, ...at, ...ofGiven, bias: put(bias), residual: 0, sum: 0, y });
    if (!isInPlace) backward(machine, { plan, statistics, eps, ...at, dy: put(dy), dsum: 0, dx, dweight, dbias });
    const get = (address: number, length: number) => machine.f32.slice(address / 4, address / 4 + length);
    return {
      y: get(y, x.length), mean: get(at.mean, sets), variance: get(at.variance, sets), rstd: get(at.rstd, sets),
      dx: get(dx, x.length), dweight: get(dweight, plan.affine), dbias: get(dbias, plan.affine),
    };
  } finally {
    machine.settle();
  }
}
