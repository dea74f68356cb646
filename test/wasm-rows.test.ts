// Contiguous rows on WASM against the float64 definition: odd widths, rows in blocks, extreme values, threads, Add & Norm.
import { expect, test } from 'vitest';
import type { Plan } from '../src/plan.js';
import type { Statistics } from '../src/kernels/kernels.js';
import { norm, normBackward } from '../src/kernels/reference/norm.js';
import { Machine } from '../src/kernels/wasm/machine.js';
import { backward, fits, forward } from '../src/kernels/wasm/rows.js';

interface Inputs {
  readonly plan: Plan;
  readonly statistics: Statistics;
  readonly eps: number;
  readonly x: Float32Array;
  readonly residual: Float32Array | null;
  readonly dy: Float32Array;
  readonly dsum: Float32Array | null;
  readonly weight: Float32Array | null;
  readonly bias: Float32Array | null;
  readonly given: { readonly mean: Float32Array; readonly variance: Float32Array } | null;
}

const outputs = ['y', 'mean', 'variance', 'rstd', 'dx', 'dweight', 'dbias'] as const;
type Output = (typeof outputs)[number];
type Results = Record<Output, Float32Array | Float64Array>;
type Element = (random: () => number, row: number, j: number) => number;

const kinds = ['moments', 'rms', 'l2'] as const;
const one = new Machine(1);
const several = [2, 4].map((threads) => new Machine(threads));

const widths = [4, 5, 7, 8, 12, 15, 16, 17, 31, 33, 100, 257, 768, 1025, 4099, 16384, 16389, 33_001];

test.each(widths)('width %i', (width) => {
  // Parameters of one row, of several rows in turn, of none.
  const plans = width < 1000 ? [planOf(23, width), planOf(72, width, 3), planOf(9, width, 0)] : [planOf(2, width), planOf(4, width, 2)];
  for (const plan of plans) {
    for (const statistics of kinds) compare(inputsOf(plan, statistics, (random) => gauss(random) + 0.3));
    const inputs = inputsOf(plan, 'moments', gauss);
    compare({ ...inputs, weight: null });
    compare({ ...inputs, bias: null, residual: inputs.x.map((v) => v / 3), dsum: inputs.dy.map((v) => 1 - v) });
  }
  compare(givenOf(inputsOf(plans[0]!, 'moments', gauss)));
});

const extremes: Readonly<Record<string, Element>> = {
  'mean 1e4': (random) => 1e4 + gauss(random),
  'mean 1e6 deviations': (random) => 1 + 1e-6 * gauss(random),
  'far pilots': (random, _, j) => (j < 16 ? 1e6 * (j + 1) : 0) + gauss(random),
  'scale 1e20': (random) => 1e20 * gauss(random),
  'scale 1e30 in some rows': (random, row) => (row % 3 === 1 ? 1e30 : 1) * gauss(random),
  'scale 1e-20': (random) => 1e-20 * gauss(random),
  'scale 1e-30': (random) => 1e-30 * gauss(random),
  subnormal: (random) => 1e-41 * gauss(random),
  constant: () => 3.7,
  'some constant rows': (random, row) => (row % 2 === 1 ? 1e6 : gauss(random)),
  zeros: () => 0,
};

test.each(Object.keys(extremes))('%s', (name) => {
  for (const statistics of kinds) {
    for (const plan of [planOf(7, 100), planOf(6, 37, 2)]) {
      for (const eps of [1e-5, 1e-12, 0]) compare({ ...inputsOf(plan, statistics, extremes[name]!), eps });
    }
    compare(inputsOf(planOf(2, 16_400), statistics, extremes[name]!));
  }
});

test('gradients of any size', () => {
  for (const size of [1e-38, 1e-20, 1e20, 1e30]) {
    for (const scale of [1e-10, 1, 1e10]) {
      const inputs = inputsOf(planOf(9, 52), 'moments', (random) => scale * gauss(random));
      compare({ ...inputs, eps: 0, dy: inputs.dy.map((v) => v * size) });
    }
  }
});

test('NaN and infinity stay in their rows', () => {
  for (const poison of [NaN, Infinity, -Infinity]) {
    for (const width of [60, 18_000]) {
      const inputs = inputsOf(planOf(4, width), 'moments', gauss);
      inputs.x[width + 3] = poison;
      compare(inputs);
      compare(givenOf(inputs));
      const poisoned = inputsOf(inputs.plan, 'moments', gauss);
      poisoned.dy[2 * width] = poison;
      compare(poisoned);
    }
  }
});

test('in place', () => {
  for (const width of [20, 100, 17_001]) {
    const inputs = inputsOf(planOf(5, width), 'moments', gauss);
    inputs.x[3] = 1e25;
    for (const machine of [one, ...several]) expectSame(run(machine, inputs, { isInPlace: true }).y, run(one, inputs).y);
  }
});

test('gradients that are not wanted', () => {
  for (const plan of [planOf(32, 60), planOf(4, 17_001)]) {
    const inputs = inputsOf(plan, 'moments', gauss);
    const all = run(one, inputs);
    for (const name of ['dx', 'dweight', 'dbias'] as const) expectSame(run(one, inputs, { only: name })[name], all[name]);
  }
});

test('a row alone has the same bits as among others, however threads share them', async () => {
  for (let turn = 0; turn < 2; turn++) {
    for (const plan of [planOf(2100, 100), planOf(300, 768), planOf(4096, 64, 32), planOf(13, 16_384), planOf(11, 20_001), planOf(3, 70_000, 3)]) {
      const inputs = inputsOf(plan, 'moments', (random, row) => gauss(random) + row);
      const alone = run(one, inputs);
      for (const machine of several) {
        const shared = run(machine, inputs);
        for (const name of outputs) expectSame(shared[name], alone[name]);
      }
      const first = run(one, firstOf(inputs));
      expectSame(first.y, alone.y.slice(0, plan.r0));
      expectSame(first.dx, alone.dx.slice(0, plan.r0));
    }
    // By then the workers have started.
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

test('rows that are too short, or whose parameters do not run along them, go elsewhere', () => {
  expect(fits(planOf(4, 3))).toBe(false);
  expect(fits({ k0: 4, r0: 6, k1: 1, r1: 1, affine: 3, inner: 2 })).toBe(false);
  expect(fits({ k0: 4, r0: 6, k1: 1, r1: 1, affine: 3, inner: 1 })).toBe(false);
  expect(fits({ k0: 4, r0: 6, k1: 5, r1: 1, affine: 6, inner: 5 })).toBe(false);
  expect(fits(planOf(4, 6))).toBe(true);
});

function planOf(rows: number, width: number, classes = 1): Plan {
  return { k0: rows, r0: width, k1: 1, r1: 1, affine: classes * width, inner: 1 };
}

function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) / 2 ** 24;
  };
}

/** About normal; quick, for the rows are long. */
function gauss(random: () => number): number {
  return (random() + random() + random() + random() - 2) * Math.sqrt(3);
}

function inputsOf(plan: Plan, statistics: Statistics, element: Element): Inputs {
  const { k0, r0, affine } = plan;
  const random = generator(k0 + 31 * r0 + affine);
  const x = Float32Array.from({ length: k0 * r0 }, (_, e) => element(random, Math.floor(e / r0), e % r0));
  const parameters = () => (affine === 0 ? null : Float32Array.from({ length: affine }, () => 1 + 0.5 * gauss(random)));
  return {
    plan, statistics, eps: 1e-5, x, residual: null, dy: x.map(() => gauss(random)), dsum: null, weight: parameters(), bias: parameters(), given: null,
  };
}

function givenOf(inputs: Inputs): Inputs {
  const random = generator(7);
  const mean = Float32Array.from({ length: inputs.plan.k0 }, () => gauss(random));
  return { ...inputs, given: { mean, variance: mean.map((v) => v * v + 0.5) } };
}

/** The first row alone. */
function firstOf(inputs: Inputs): Inputs {
  const { r0 } = inputs.plan;
  const first = (of: Float32Array | null) => of?.slice(0, r0) ?? null;
  return {
    ...inputs, plan: planOf(1, r0), x: inputs.x.slice(0, r0), dy: inputs.dy.slice(0, r0), weight: first(inputs.weight), bias: first(inputs.bias),
  };
}

function compare(inputs: Inputs): void {
  const { plan, statistics, dy } = inputs;
  const wanted = define(inputs, Float64Array);
  const found = run(one, inputs);
  const heaviest = inputs.weight === null ? 1 : largest(inputs.weight);
  const addends = Math.sqrt(inputs.x.length / Math.max(plan.affine, 1));
  for (const name of outputs) {
    const isData = name === 'y' || name === 'dx';
    const width = isData ? plan.r0 : wanted[name].length;
    for (let start = 0; start < wanted[name].length; start += width) {
      const part = wanted[name].subarray(start, start + width);
      // Rows have scales of their own; the terms of dx, of means and of parameters' gradients cancel.
      let scale = largest(part);
      if (name === 'mean') scale = largest(inputs.x);
      if (name === 'dx') scale = Math.max(scale, Math.min(3e38, largest(dy.subarray(start, start + width)) * heaviest * wanted.rstd[start / width]!) || 0);
      if (name === 'dweight' || name === 'dbias') scale = Math.max(scale, largest(dy) * addends);
      const limit = 4e-6 * scale + 1e-44;
      for (let i = 0; i < part.length; i++) {
        const want = Math.fround(part[i]!);
        const got = found[name][start + i]!;
        const isClose = Object.is(got, want) || got === want || Math.abs(got - want) <= limit;
        if (!isClose) expect.fail(`${JSON.stringify(plan)} ${statistics}: ${name}[${start + i}] is ${got}, not ${want} ± ${limit}`);
      }
    }
  }
}

/** The largest finite magnitude. */
function largest(values: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i]!);
    if (size < 3e38) most = Math.max(most, size);
  }
  return most;
}

function define(inputs: Inputs, Reals: Float32ArrayConstructor | Float64ArrayConstructor): Results {
  const { plan, statistics, eps, dy, dsum, weight, bias, given, residual } = inputs;
  const { k0: rows, affine } = plan;
  // float32, as the sum is on the other side.
  const x = residual === null ? inputs.x : inputs.x.map((v, e) => v + residual[e]!);
  const results = {
    y: new Reals(x.length), mean: new Reals(rows), variance: new Reals(rows), rstd: new Reals(rows),
    dx: new Reals(x.length), dweight: new Reals(affine), dbias: new Reals(affine),
  };
  const saved = new Float64Array(3 * rows);
  norm({ ...results, plan, statistics, eps, x, residual: null, sum: null, weight, bias, given, saved });
  normBackward({ ...results, plan, statistics, eps, x, dy, dsum, weight, saved });
  return results;
}

function run(machine: Machine, inputs: Inputs, { isInPlace = false, only = null as Output | null } = {}): Results {
  const { plan, statistics, eps } = inputs;
  const room = (length: number) => (length === 0 ? 0 : machine.temporary(length * 4));
  const put = (values: Float32Array | null) => {
    if (values === null) return 0;
    const address = room(values.length);
    machine.f32.set(values, address / 4);
    return address;
  };
  const lengths = { y: inputs.x.length, mean: plan.k0, variance: plan.k0, rstd: plan.k0, dx: inputs.x.length, dweight: plan.affine, dbias: plan.affine };
  const x = put(inputs.x);
  const to = (name: Output) => (isInPlace && name === 'y' ? x : only !== null && name !== only && name.startsWith('d') ? 0 : room(lengths[name]));
  const at = Object.fromEntries(outputs.map((name) => [name, to(name)])) as Record<Output, number>; // one for each of `outputs`
  const saved = room(3 * plan.k0);
  const weight = put(inputs.weight);
  const residual = put(inputs.residual);
  const sum = residual === 0 ? 0 : room(lengths.y);
  const givenMean = put(inputs.given?.mean ?? null);
  const givenVariance = put(inputs.given?.variance ?? null);
  forward(machine, { ...at, plan, statistics, eps, x, residual, sum, weight, bias: put(inputs.bias), givenMean, givenVariance, saved });
  if (!isInPlace) backward(machine, { ...at, plan, statistics, eps, x: sum || x, dy: put(inputs.dy), dsum: put(inputs.dsum), weight, saved });
  const read = (name: Output) => machine.f32.slice(at[name] / 4, at[name] / 4 + (at[name] === 0 ? 0 : lengths[name]));
  const results = Object.fromEntries(outputs.map((name) => [name, read(name)])) as Results; // one for each of `outputs`
  machine.settle();
  return results;
}

function expectSame(a: Float32Array | Float64Array, b: Float32Array | Float64Array): void {
  expect(bitsOf(a).equals(bitsOf(b))).toBe(true);
}

function bitsOf(values: Float32Array | Float64Array): Buffer {
  return Buffer.from(Float32Array.from(values).buffer);
}
