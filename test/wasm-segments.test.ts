// Stretches on WASM against the float64 definition: batch, group and instance norm, odd sizes, extreme values, threads.
import { expect, test } from 'vitest';
import { layout, type Plan } from '../src/plan.js';
import type { Statistics } from '../src/kernels/kernels.js';
import { norm, normBackward } from '../src/kernels/reference/norm.js';
import { Machine } from '../src/kernels/wasm/machine.js';
import { backward, fits, forward } from '../src/kernels/wasm/segments.js';

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

const outputs = ['y', 'mean', 'variance', 'rstd', 'dx', 'dweight', 'dbias'] as const;
type Output = (typeof outputs)[number];
type Results = Record<Output, Float32Array | Float64Array>;

const one = new Machine(1);
const several = [2, 4].map((threads) => new Machine(threads));

const batch = '[b] c [s...], c';
const group = 'b (g [c]) [s...], (g c)';
const instance = 'b c [s...], c';
const last = 'b [s...] (g [c]), (g c)';
const rows: readonly (readonly [pattern: string, shape: readonly number[], groups?: number])[] = [
  [batch, [4, 5, 7, 7]], [batch, [3, 2, 4, 2]], [batch, [2, 3, 45, 91]], [batch, [5, 4, 3, 3]], [batch, [2, 1, 33]], [batch, [9, 2, 31]],
  [group, [2, 6, 5, 5], 3], [group, [2, 6, 13], 2], [group, [1, 4, 33, 33], 1], [group, [2, 4, 8], 2], [group, [1, 2, 64, 65], 1],
  [instance, [3, 4, 9, 3]], [instance, [2, 3, 47, 45]], [instance, [1, 1, 8]], [instance, [4, 2, 29]],
  [last, [2, 5, 7, 48], 3], [last, [3, 70, 34], 2], [last, [2, 9, 19], 1], [last, [1, 5, 4100], 2], ['b... [h w c], c', [3, 5, 2, 21]],
  ['b... [c h w], c', [3, 5, 4, 7]], ['b... [c h w], h', [3, 2, 4, 17]], ['b [c s...]', [2, 3, 5, 7]], ['[b] c [s...],', [3, 2, 51]],
  ['[b] c [s...], b c', [3, 2, 19]], ['[a b] c [s], a', [2, 2, 3, 9]], ['[a b] c [s], b', [2, 4, 3, 11]], ['[a] c [s], a', [5, 3, 9]], ['b [c s...],', [4, 3, 2050]],
];

test.each(rows.map((row) => [row.join(' '), row] as const))('%s', (_, [pattern, shape, g]) => {
  for (const statistics of ['moments', 'rms', 'l2'] as const) {
    compare(inputsOf(planOf(pattern, shape, g), statistics, (random) => gauss(random) + 0.3));
  }
  compare(givenOf(inputsOf(planOf(pattern, shape, g), 'moments', gauss)));
  compare({ ...inputsOf(planOf(pattern, shape, g), 'moments', gauss), weight: null, bias: null });
});

/** Elements by the set that they are in, and their index. */
const extremes: Readonly<Record<string, (random: () => number, set: number, e: number) => number>> = {
  'mean 1e4': (random) => 1e4 + gauss(random),
  'mean 1e6 deviations': (random) => 1 + 1e-6 * gauss(random),
  'far pilots': (random, _, e) => (e % 48 < 4 ? 1e6 : 0) + gauss(random),
  'scale 1e20': (random) => 1e20 * gauss(random),
  'scale 1e30 in some sets': (random, set) => (set % 3 === 1 ? 1e30 : 1) * gauss(random),
  'scale 1e-20': (random) => 1e-20 * gauss(random),
  'scale 1e-30': (random) => 1e-30 * gauss(random),
  subnormal: (random) => 1e-41 * gauss(random),
  constant: () => 3.7,
  'some constant sets': (random, set) => (set % 2 === 1 ? 1e6 : gauss(random)),
  zeros: () => 0,
};

test.each(Object.keys(extremes))('%s', (name) => {
  for (const [pattern, shape, g] of [[batch, [4, 5, 7, 7]], [group, [2, 6, 5, 5], 3], [instance, [3, 4, 9, 11]], [last, [2, 11, 51], 3]] as const) {
    for (const statistics of ['moments', 'rms', 'l2'] as const) {
      for (const eps of [1e-5, 1e-12, 0]) compare({ ...inputsOf(planOf(pattern, shape, g), statistics, extremes[name]!), eps });
    }
  }
});

test('gradients of any size', () => {
  for (const size of [1e-38, 1e-30, 1e-20, 1e20, 1e30]) {
    for (const scale of [1e-10, 1, 1e10]) {
      const inputs = inputsOf(planOf(group, [2, 6, 5, 5], 3), 'moments', (random) => scale * gauss(random));
      compare({ ...inputs, eps: 0, dy: inputs.dy.map((v) => v * size) });
    }
  }
});

test('NaN and infinity stay in their sets', () => {
  for (const [poison, plan] of [NaN, Infinity, -Infinity].flatMap((v) => [[v, planOf(batch, [3, 4, 5, 5])], [v, planOf(last, [2, 5, 34], 2)]] as const)) {
    const inputs = inputsOf(plan, 'moments', gauss);
    inputs.x[130] = poison;
    compare(inputs);
    compare(givenOf(inputs));
    const poisoned = inputsOf(inputs.plan, 'moments', gauss);
    poisoned.dy[60] = poison;
    compare(poisoned);
    compare(givenOf(poisoned));
  }
});

test('given statistics without spread', () => {
  const inputs = inputsOf(planOf(batch, [3, 4, 5, 5]), 'moments', gauss);
  compare({ ...inputs, given: { mean: new Float32Array(4).fill(1), variance: new Float32Array(4) } });
});

test('in place', () => {
  for (const [pattern, shape, g] of rows) {
    const inputs = inputsOf(planOf(pattern, shape, g), 'moments', gauss);
    inputs.x[3] = 1e25;
    for (const machine of [one, ...several]) expectSame(run(machine, inputs, { isInPlace: true }).y, run(one, inputs).y);
  }
});

test('gradients that are not wanted', () => {
  for (const plan of [planOf(batch, [3, 4, 5, 5]), planOf(instance, [3, 4, 5, 5]), planOf(last, [3, 9, 38], 2)]) {
    const inputs = inputsOf(plan, 'moments', gauss);
    for (const asked of [inputs, givenOf(inputs)]) {
      const all = run(one, asked);
      for (const name of ['dx', 'dweight', 'dbias'] as const) expectSame(run(one, asked, { only: name })[name], all[name]);
    }
  }
});

test('a set alone has the same bits as among others, however threads share them', async () => {
  const shapes: readonly (readonly [string, readonly number[], number?])[] = [
    [batch, [3, 2, 160, 161]], [batch, [8, 25, 28, 28]], [batch, [800, 2, 99]], [group, [1, 8, 150, 130], 1], [instance, [1, 2, 300, 301]],
    ['b [c s...]', [2, 3, 150, 170]], [last, [8, 50, 384], 6], [last, [1, 700, 96], 1], [last, [1, 4700, 32], 2],
  ];
  const jobs = shapes.flatMap(([pattern, shape, g]) => {
    // Sets near 0 and far from it take turns: they have loops of their own.
    const inputs = inputsOf(planOf(pattern, shape, g), 'moments', (random, set) => gauss(random) + 3 * (set % 2));
    return [inputs, givenOf(inputs)].map((asked) => ({ asked, alone: run(one, asked) }));
  });
  for (const { asked, alone } of jobs) {
    const first = run(one, fewOf(asked));
    expectSame(first.y, few(alone.y, asked.plan));
    expectSame(first.dx, few(alone.dx, asked.plan));
  }
  for (const machine of several) {
    run(machine, jobs[0]!.asked);
    // By then the workers have started.
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (const { asked, alone } of jobs) {
      const shared = run(machine, asked);
      for (const name of outputs) expectSame(shared[name], alone[name]);
    }
  }
});

test('what has no stretches goes elsewhere', () => {
  expect(fits(planOf(batch, [4, 5, 7, 1]))).toBe(false);
  expect(fits(planOf('[b s...] c, c', [4, 5, 7, 16]))).toBe(false);
  expect(fits(planOf(last, [2, 5, 24], 2))).toBe(false);
  expect(fits(planOf(batch, [4, 5, 0, 1]))).toBe(false);
  // Two stretches in a run.
  expect(fits(planOf('[b] c [h w], w', [3, 2, 2, 36]))).toBe(false);
  expect(fits(planOf(batch, [4, 5, 3, 3]))).toBe(true);
});

function planOf(pattern: string, shape: readonly number[], g?: number): Plan {
  return layout(pattern, shape, g === undefined ? {} : { g }).plan;
}

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

function setOf({ r0, k1, r1 }: Plan, e: number): number {
  return Math.floor(e / (r0 * k1 * r1)) * k1 + (Math.floor(e / r1) % k1);
}

function inputsOf(plan: Plan, statistics: Statistics, element: (random: () => number, set: number, e: number) => number): Inputs {
  const { k0, r0, k1, r1, affine } = plan;
  const random = generator(k0 + 31 * r0 + 1009 * k1 + r1);
  const x = Float32Array.from({ length: k0 * r0 * k1 * r1 }, (_, e) => element(random, setOf(plan, e), e));
  const dy = x.map(() => gauss(random));
  const parameters = () => (affine === 0 ? null : Float32Array.from({ length: affine }, () => 1 + 0.5 * gauss(random)));
  return { plan, statistics, eps: 1e-5, x, dy, weight: parameters(), bias: parameters(), given: null };
}

function givenOf(inputs: Inputs): Inputs {
  const random = generator(7);
  const mean = Float32Array.from({ length: inputs.plan.k0 * inputs.plan.k1 }, () => gauss(random));
  return { ...inputs, given: { mean, variance: mean.map((v) => v * v + 0.5) } };
}

/** The elements of the first sets: one, or two where a single one would have another plan. */
function few(values: Float32Array | Float64Array, plan: Plan): Float32Array {
  return Float32Array.from(values.filter((_, e) => setOf(plan, e) < Math.min(plan.k1, 2)));
}

function fewOf(inputs: Inputs): Inputs {
  const { r0, k1, r1, affine, inner } = inputs.plan;
  const sets = Math.min(k1, 2);
  const count = k1 === 1 ? Math.min(affine, r0 / inner) : inner === 1 ? sets * r1 : sets;
  const parameters = (of: Float32Array | null) => of?.slice(0, count) ?? null;
  return {
    ...inputs, plan: { k0: 1, r0, k1: sets, r1, affine: affine === 0 ? 0 : count, inner },
    x: few(inputs.x, inputs.plan), dy: few(inputs.dy, inputs.plan),
    weight: parameters(inputs.weight), bias: parameters(inputs.bias),
    given: inputs.given && { mean: inputs.given.mean.slice(0, sets), variance: inputs.given.variance.slice(0, sets) },
  };
}

function compare(inputs: Inputs): void {
  const wanted = define(inputs);
  const found = run(one, inputs);
  const { plan } = inputs;
  const sets = plan.k0 * plan.k1;
  const largest = (values: ArrayLike<number>, set = -1) => {
    let most = 0;
    for (let e = 0; e < values.length; e++) {
      const size = Math.abs(values[e]!);
      if ((set < 0 || setOf(plan, e) === set) && size < 3e38) most = Math.max(most, size);
    }
    return most;
  };
  const heaviest = inputs.weight === null ? 1 : largest(inputs.weight);
  for (const name of outputs) {
    const isData = name === 'y' || name === 'dx';
    if ((name === 'dweight' || name === 'dbias') && plan.affine === 0) continue;
    // Sets have scales of their own; terms of dx, of means and of parameters' gradients cancel.
    const scales = Array.from({ length: isData ? sets : 1 }, (_, set) => {
      const steepest = largest(inputs.dy, isData ? set : -1);
      if (name === 'y') return largest(wanted.y, set);
      if (name === 'dx') return Math.max(largest(wanted.dx, set), Math.min(3e38, steepest * heaviest * Math.abs(wanted.rstd[set]!)) || 0);
      const terms = Math.sqrt(inputs.x.length / plan.affine);
      if (name === 'dweight' || name === 'dbias') return Math.max(largest(wanted[name]), steepest * terms);
      return largest(name === 'mean' ? inputs.x : wanted[name]);
    });
    for (let e = 0; e < wanted[name].length; e++) {
      const want = Math.fround(wanted[name][e]!);
      const got = found[name][e]!;
      const limit = 4e-6 * (scales[isData ? setOf(plan, e) : 0] ?? 0) + 1e-44;
      const isClose = Object.is(got, want) || got === want || Math.abs(got - want) <= limit;
      if (!isClose) expect.fail(`${JSON.stringify(plan)} ${inputs.statistics}: ${name}[${e}] is ${got}, not ${want} ± ${limit}`);
    }
  }
}

function define(inputs: Inputs): Results {
  const { plan, statistics, eps, x, dy, weight, bias, given } = inputs;
  const results = empty(inputs);
  const saved = new Float64Array(3 * plan.k0 * plan.k1);
  norm({ ...results, plan, statistics, eps, x, residual: null, sum: null, weight, bias, given, saved });
  normBackward({ ...results, plan, statistics, eps, x, dy, dsum: null, weight, saved });
  return results;
}

function empty({ plan, x }: Inputs): Record<Output, Float64Array> {
  const sets = plan.k0 * plan.k1;
  return {
    y: new Float64Array(x.length), mean: new Float64Array(sets), variance: new Float64Array(sets), rstd: new Float64Array(sets),
    dx: new Float64Array(x.length), dweight: new Float64Array(plan.affine), dbias: new Float64Array(plan.affine),
  };
}

function run(machine: Machine, inputs: Inputs, { isInPlace = false, only = null as Output | null } = {}): Results {
  const { plan, statistics, eps } = inputs;
  const put = (values: Float32Array | Float64Array | null) => {
    if (values === null || values.length === 0) return 0;
    const address = machine.temporary(values.length * 4);
    machine.f32.set(values, address / 4);
    return address;
  };
  // A call ends its temporaries only when this test settles the machine.
  const results = empty(inputs);
  const [x, dy, weight] = [put(inputs.x), put(inputs.dy), put(inputs.weight)];
  const at = Object.fromEntries(outputs.map((name) => [name, put(results[name].fill(NaN))])) as Record<Output, number>; // each name is there
  if (isInPlace) machine.f32.copyWithin(at.y / 4, x / 4, x / 4 + inputs.x.length);
  const saved = put(new Float32Array(3 * plan.k0 * plan.k1));
  const given = { givenMean: put(inputs.given?.mean ?? null), givenVariance: put(inputs.given?.variance ?? null) };
  const job = { plan, statistics, eps, residual: 0, sum: 0, weight, bias: put(inputs.bias), saved, ...given };
  const { y, mean, variance, rstd, ...gradients } = at;
  forward(machine, { ...job, x: isInPlace ? y : x, y, mean, variance, rstd });
  for (const name of ['dx', 'dweight', 'dbias'] as const) if (only !== null && only !== name) gradients[name] = 0;
  backward(machine, { plan, statistics, eps, x, dy, dsum: 0, weight, saved, ...gradients });
  const read = (name: Output) => machine.f32.slice(at[name] / 4, at[name] / 4 + (at[name] === 0 ? 0 : results[name].length));
  const found = Object.fromEntries(outputs.map((name) => [name, read(name)])) as Results; // each name is there
  machine.settle();
  return found;
}

function expectSame(found: Float32Array | Float64Array, wanted: Float32Array | Float64Array): void {
  expect(found.length).toBe(wanted.length);
  for (let i = 0; i < found.length; i++) {
    if (!Object.is(found[i], wanted[i])) expect.fail(`element ${i} is ${found[i]}, not ${wanted[i]}`);
  }
}
