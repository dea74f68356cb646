// Matrix products on WASM against the float64 definition: odd sizes, both orders of storage, batches, order of sums.
import { expect, test } from 'vitest';
import type { MatmulCall } from '../src/kernels/kernels.js';
import { matmul as define } from '../src/kernels/reference/dense.js';
import { Machine } from '../src/kernels/wasm/machine.js';
import { matmul } from '../src/kernels/wasm/matmul.js';

type Sizes = Omit<MatmulCall<unknown>, 'a' | 'b' | 'out'>;

const machines = [1, 2, 4].map((threads) => new Machine(threads));
const [alone] = machines as [Machine, ...Machine[]];

const sizes: readonly (readonly [batch: number, m: number, n: number, k: number])[] = [
  [1, 1, 1, 1], [1, 4, 8, 5], [1, 5, 9, 7], [3, 3, 2, 1], [1, 1, 270, 515], [1, 129, 1, 600], [1, 8, 40, 768], [2, 65, 70, 513],
  [1, 47, 70, 1100], [20, 17, 23, 29], [1, 300, 40, 33], [6, 1, 9, 40], [1, 33, 600, 12], [1, 9, 7, 5000], [2, 100, 300, 3], [1, 110, 130, 40],
];

test.each(sizes)('%d × (%d×%d, sums of %d)', (batch, m, n, k) => {
  for (const [stepA, stepB] of [[m * k, k * n], ...(batch > 1 ? [[0, k * n], [m * k, 0]] : [])] as [number, number][]) {
    const given = operands({ batch, m, n, k, stepA, stepB, transposeA: false, transposeB: false });
    for (const [transposeA, transposeB] of [[false, false], [false, true], [true, false], [true, true]] as const) {
      compare({ batch, m, n, k, stepA, stepB, transposeA, transposeB }, given);
    }
  }
});

test('sizes at random', () => {
  const random = generator(5);
  const below = (limit: number) => Math.floor(random() * limit);
  for (let i = 0; i < 150; i++) {
    const [batch, m, n] = [1 + below(4), 1 + below(i % 2 ? 9 : 90), 1 + below(i % 3 ? 90 : 9)];
    const k = below(i % 5 ? 50 : 1200);
    const [stepA, stepB] = [below(4) ? m * k : 0, below(4) ? k * n : 0];
    compare({ batch, m, n, k, stepA, stepB, transposeA: below(2) === 0, transposeB: below(2) === 0 });
  }
});

test('empty operands', () => {
  const plain = { transposeA: false, transposeB: false };
  expect(run(alone, { ...plain, batch: 2, m: 3, n: 5, k: 0, stepA: 0, stepB: 0 }).every((value) => Object.is(value, 0))).toBe(true);
  for (const [batch, m, n] of [[0, 3, 5], [2, 0, 5], [2, 3, 0]] as const) {
    expect(run(alone, { ...plain, batch, m, n, k: 4, stepA: m * 4, stepB: n * 4 })).toHaveLength(0);
  }
});

test('NaN and infinity stay in their rows and columns', () => {
  for (const [m, n, k] of [[13, 21, 30], [1, 70, 600], [70, 1, 600]] as const) {
    const call = { batch: 1, m, n, k, stepA: m * k, stepB: k * n, transposeA: false, transposeB: m === 1 };
    const [a, b] = operands(call);
    a[(m >> 1) * k + 2] = Infinity;
    b[n * 2 + (n >> 1)] = NaN;
    compare(call, [a, b]);
    a[k - 1] = -Infinity;
    b[n * k - 1] = 1e38;
    compare(call, [a, b]);
  }
});

test('a row or a column alone has the same bits', () => {
  for (const [m, n, k] of [[70, 90, 700], [300, 20, 1030], [9, 400, 64]] as const) {
    for (const transposeB of [false, true]) {
      const call = { batch: 1, m, n, k, stepA: m * k, stepB: k * n, transposeA: false, transposeB };
      const [a, b] = operands(call);
      const all = run(alone, call, [a, b]);
      for (const row of [0, 3, m - 1]) {
        const one = run(alone, { ...call, m: 1, stepA: k }, [a.slice(row * k, row * k + k), b]);
        expectSame(one, all.slice(row * n, row * n + n));
      }
      const column = n - 2;
      const cut = Float32Array.from({ length: k }, (_, i) => (transposeB ? b[column * k + i]! : b[i * n + column]!));
      expectSame(run(alone, { ...call, n: 1, stepB: k }, [a, cut]), Float32Array.from({ length: m }, (_, i) => all[i * n + column]!));
      const twice = Float32Array.from([...b, ...b]);
      expectSame(run(alone, { ...call, batch: 2, stepA: 0 }, [a, twice]).subarray(m * n), all);
    }
  }
});

test('sums are no less accurate than one after the other in float32', () => {
  const call = { batch: 1, m: 8, n: 8, k: 6000, stepA: 48_000, stepB: 48_000, transposeA: false, transposeB: true };
  const [a, b] = operands(call).map((values) => values.map((value) => Math.abs(value))) as [Float32Array, Float32Array];
  const wanted = exact(call, a, b);
  const found = run(alone, call, [a, b]);
  let [mine, naive] = [0, 0];
  for (let e = 0; e < 64; e++) {
    let sum = 0;
    for (let i = 0; i < 6000; i++) sum = Math.fround(sum + Math.fround(a[Math.floor(e / 8) * 6000 + i]! * b[(e % 8) * 6000 + i]!));
    naive += Math.abs(sum - wanted[e]!);
    mine += Math.abs(found[e]! - wanted[e]!);
  }
  expect(mine).toBeLessThanOrEqual(naive);
});

test('any number of threads gives the same bits', async () => {
  const calls = ([[1, 130, 300, 90], [12, 100, 64, 100], [3, 200, 70, 130], [1, 3, 1500, 700], [1, 2000, 5, 300]] as const).map(
    ([batch, m, n, k]) => ({ batch, m, n, k, stepA: m * k, stepB: k * n, transposeA: false, transposeB: batch === 12 }),
  );
  for (let turn = 0; turn < 3; turn++) {
    for (const call of calls) {
      const given = operands(call);
      const [one, ...others] = machines.map((machine) => run(machine, call, given));
      for (const other of others) expectSame(other, one!);
    }
    // By then the workers have started.
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) / 2 ** 24;
  };
}

function operands({ batch, m, n, k, stepA, stepB }: Sizes): [Float32Array, Float32Array] {
  const random = generator(m + 31 * n + 1009 * k);
  const matrices = (size: number, step: number) => {
    return Float32Array.from({ length: size === 0 ? 0 : Math.max(0, batch - 1) * step + size }, () => 2 * random() - 1);
  };
  return [matrices(m * k, stepA), matrices(k * n, stepB)];
}

function exact(call: Sizes, a: Float32Array, b: Float32Array): Float64Array {
  const out = new Float64Array(call.batch * call.m * call.n);
  define({ ...call, a, b, out });
  return out;
}

function compare(call: Sizes, [a, b] = operands(call)): void {
  const wanted = exact(call, a, b);
  const found = run(alone, call, [a, b]);
  const root = Math.sqrt(call.k);
  const most = (want: number) => 6e-8 * (4 + root) * (1 + root / 2 + Math.abs(want));
  const e = found.findIndex((have, i) => !Object.is(have, Math.fround(wanted[i]!)) && !(Math.abs(have - wanted[i]!) <= most(wanted[i]!)));
  if (e !== -1) expect.fail(`element ${e} of ${JSON.stringify(call)} is ${found[e]}, wanted ${wanted[e]}`);
}

function expectSame(a: Float32Array, b: Float32Array): void {
  expect(a.length).toBe(b.length);
  const e = a.findIndex((value, i) => !Object.is(value, b[i]));
  if (e !== -1) expect.fail(`element ${e} is ${a[e]} and ${b[e]}`);
}

function run(machine: Machine, call: Sizes, [a, b] = operands(call)): Float32Array {
  const put = (values: Float32Array) => {
    const address = machine.temporary(values.byteLength + 4);
    machine.f32.set(values, address / 4);
    return address;
  };
  try {
    const length = call.batch * call.m * call.n;
    const [left, right, out] = [put(a), put(b), put(new Float32Array(length + 1).fill(123))] as const;
    matmul(machine, { ...call, a: left, b: right, out });
    expect(machine.f32[out / 4 + length]).toBe(123);
    return machine.f32.slice(out / 4, out / 4 + length);
  } finally {
    machine.settle();
  }
}
