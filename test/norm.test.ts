// norm on any pattern: against a brute force that knows no plans, on every backend; and what it refuses.
import fc from 'fast-check';
import { backends, grad, KeelError, norm, normWithStatistics, noGrad, ones, tensor, useBackend, zeros, type Tensor } from 'evenkeel';
import { afterEach, describe, expect, test } from 'vitest';
import { meaning, samples, type Sample } from '../tools/fuzz/samples.js';

const initial = backends()[0] ?? '';
afterEach(() => {
  useBackend(initial);
});

type Kind = 'moments' | 'rms' | 'l2';

/** y and its gradients by walking the elements of each set; sums in float64. */
function bruteForce(sample: Sample, kind: Kind, eps: number, x: number[], dy: number[], w: number[] | null, b: number[] | null) {
  const { statistic, parameter } = meaning(sample);
  const place = (e: number) => parameter?.[e] ?? 0;
  const h = dy.map((d, e) => d * (w?.[place(e)] ?? 1));
  const y = x.map(() => 0);
  const dx = x.map(() => 0);
  const dw = (w ?? []).map(() => 0);
  const db = (b ?? []).map(() => 0);
  const sets = new Map<number, number[]>();
  statistic.forEach((set, e) => sets.set(set, [...(sets.get(set) ?? []), e]));
  const means = new Map<number, number>();
  for (const [set, members] of sets) {
    const n = members.length;
    const sum = (f: (e: number) => number) => members.reduce((total, e) => total + f(e), 0);
    const mean = kind === 'moments' ? sum((e) => x[e] ?? 0) / n : 0;
    const squares = sum((e) => ((x[e] ?? 0) - mean) ** 2);
    const clamped = kind === 'l2' && Math.sqrt(squares) < eps;
    const r = kind === 'l2' ? 1 / Math.max(Math.sqrt(squares), eps) : 1 / Math.sqrt(squares / n + eps);
    const hat = (e: number) => ((x[e] ?? 0) - mean) * r;
    const meanH = kind === 'moments' ? sum((e) => h[e] ?? 0) / n : 0;
    const slope = clamped ? 0 : sum((e) => (h[e] ?? 0) * hat(e)) / (kind === 'l2' ? 1 : n);
    means.set(set, mean);
    for (const e of members) {
      y[e] = hat(e) * (w?.[place(e)] ?? 1) + (b?.[place(e)] ?? 0);
      dx[e] = r * ((h[e] ?? 0) - meanH - hat(e) * slope);
      if (w !== null) dw[place(e)] = (dw[place(e)] ?? 0) + (dy[e] ?? 0) * hat(e);
      if (b !== null) db[place(e)] = (db[place(e)] ?? 0) + (dy[e] ?? 0);
    }
  }
  return { y, dx, dw, db, means: [...means.values()] };
}

const values = (count: number, seed: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.fround(2 * Math.sin(seed + 1.7 * i * i + i)));

const flat = (x: Tensor | null | undefined): number[] => (x ? Array.from(x.data, Number) : []);

function leaf(data: number[], shape: readonly number[]): Tensor {
  return tensor(Float32Array.from(data), shape, { requiresGrad: true });
}

function close(actual: number[], expected: number[], what: string): void {
  const scale = Math.max(1, ...expected.map(Math.abs));
  expect(actual.length, what).toBe(expected.length);
  actual.forEach((value, i) => expect(Math.abs(value - (expected[i] ?? NaN)) / scale, `${what}[${i}]`).toBeLessThan(2e-5));
}

describe.each(backends())('%s', (backend) => {
  test.each<[Kind, boolean]>([
    ['moments', true], ['moments', false], ['rms', true], ['rms', false], ['l2', true], ['l2', false],
  ])('%s of random patterns, weight and bias: %s', (kind, affine) => {
    useBackend(backend);
    fc.assert(
      fc.property(samples, fc.nat(1000), (sample, seed) => {
        const size = sample.shape.reduce((a, b) => a * b, 1);
        const has = affine && sample.parameters !== null;
        const parameterShape = (sample.parameters ?? []).flatMap(({ kind: word, parts }) => {
          const sizes = parts.flatMap((part) => part.sizes);
          return word === 'group' ? [sizes.reduce((a, b) => a * b, 1)] : sizes;
        });
        const count = parameterShape.reduce((a, b) => a * b, 1);
        const [x, dy, w, b] = [values(size, seed), values(size, seed + 1), values(count, seed + 2), values(count, seed + 3)];
        const [tx, tw, tb] = [leaf(x, sample.shape), leaf(w, parameterShape), leaf(b, parameterShape)];
        // Large eps: a set of one element is sensitive to nothing then.
        const options = { statistics: kind, eps: 0.1, ...(has && { weight: tw, bias: tb }), ...sample.given };
        const { y, mean } = normWithStatistics(tx, sample.text, options);
        const expected = bruteForce(sample, kind, 0.1, x, dy, has ? w : null, has ? b : null);
        close(flat(y), expected.y, 'y');
        if (size > 0) close(flat(mean), expected.means, 'mean');
        const [dx, dw, db] = grad(y, has ? [tx, tw, tb] : [tx], { gradOutputs: tensor(Float32Array.from(dy), sample.shape) });
        close(flat(dx), expected.dx, 'dx');
        close(flat(dw), expected.dw, 'dweight');
        close(flat(db), expected.db, 'dbias');
      }),
      { seed: 7, numRuns: 150 },
    );
  });

  test('out takes the result, also of a pattern that needs a copy', () => {
    useBackend(backend);
    for (const pattern of ['b [c]', 'a [b] c [d] e [f], c e']) {
      const shape = pattern === 'b [c]' ? [2, 3] : [2, 3, 2, 2, 3, 2];
      const x = tensor(Float32Array.from(values(shape.reduce((a, b) => a * b, 1), 3)), shape);
      const out = zeros(shape);
      expect(norm(x, pattern, { out })).toBe(out);
      expect(out.toArray()).toEqual(norm(x, pattern).toArray());
    }
  });

  test('in place', () => {
    useBackend(backend);
    const x = tensor([[1, 2, 6], [0, 1, 5]]);
    const expected = norm(x, 'b [c]').toArray();
    norm(x, 'b [c]', { out: x });
    expect(x.toArray()).toEqual(expected);
  });

  test('sets without elements take no time, however many they are', () => {
    useBackend(backend);
    for (const pattern of ['b [c]', 'b [c] s', 'b (g [c]) s, (g c)']) {
      const shape = pattern === 'b [c]' ? [2 ** 32, 0] : [2 ** 31, 2, 0];
      const x = zeros(shape, { requiresGrad: true });
      const y = norm<string>(x, pattern, { ...(pattern.includes('g') && { g: 2 }) });
      expect([y.shape, grad(y, x, { gradOutputs: zeros(shape) })[0]?.shape]).toEqual([shape, shape]);
    }
  });
});

const x = ones([2, 6, 4, 5]);

test.each<[string, () => unknown, string, RegExp]>([
  ['wrong rank', () => norm(x, 'b c'), 'rank', /the pattern has 2 axes, but the tensor has 4/],
  ['indivisible', () => norm(x, 'b (g [c]) h w', { g: 4 }), 'indivisible', /axis 1 has size 6, which does not divide into g = 4/],
  ['not inferable', () => norm(x, 'b (g [c]) h w'), 'uninferable', /g/],
  ['unknown factor', () => norm<string>(x, 'b [c] h w', { g: 2 }), 'name', /g/],
  ['repeated axis', () => norm(x, 'b b h w'), 'name', /b names two axes/],
  ['unclosed bracket', () => norm(x, 'b [c h w'), 'syntax', /never closed/],
  ['NaN size', () => norm(x, 'b (g [c]) h w', { g: NaN }), 'size', /NaN/],
  ['weight without comma', () => norm(x, 'b [c] h w', { weight: ones([6]) }), 'shape', /comma/],
  ['weight of another shape', () => norm(x, 'b [c] h w, c', { weight: ones([5]) }), 'shape', /weight has shape 5; 6 is needed/],
  ['bias of another dtype', () => norm(x, 'b [c] h w, c', { bias: ones([6], { dtype: 'float64' }) }), 'dtype', /mixed dtype/],
  ['int64', () => norm(ones([2, 2], { dtype: 'int64' }), 'a [b]'), 'dtype', /int64/],
  ['NaN eps', () => norm(x, 'b [c] h w', { eps: NaN }), 'argument', /eps must be a number, got NaN/],
  ['out of another shape', () => norm(x, 'b [c] h w', { out: ones([2, 6]) }), 'shape', /out has shape 2 × 6/],
  ['out with history', () => norm(ones([2, 2], { requiresGrad: true }), 'a [b]', { out: ones([2, 2]) }), 'graph', /out=/],
  ['what is no tensor', () => norm(undefined as never, 'a [b]'), 'argument', /norm takes a Tensor, got undefined/],
  ['a list with statistics', () => normWithStatistics([[1, 2]] as never, 'a [b]'), 'argument', /takes a Tensor, got a list/],
  ['a weight that is a number', () => norm(x, 'b [c] h w, c', { weight: 0 as never }), 'argument', /takes a Tensor, got the number 0/],
  ['an out that is an array', () => norm(x, 'b [c] h w', { out: new Float32Array(240) as never }), 'argument', /takes a Tensor/],
  ['unknown statistics', () => norm<string>(x, 'b [c] h w', { statistics: 'median' as 'rms' }), 'argument', /median/],
])('%s is refused', (_, run, code, message) => {
  expect(run).toThrow(KeelError);
  expect(run).toThrow(message);
  expect(run).toThrow(expect.objectContaining({ code }));
});

test('a disposed tensor is refused', () => {
  const gone = ones([2, 2]);
  gone.dispose();
  expect(() => norm(gone, 'a [b]')).toThrow(expect.objectContaining({ code: 'disposed' }));
});

test('out is allowed inside noGrad', () => {
  const out = zeros([2, 2]);
  noGrad(() => norm(ones([2, 2], { requiresGrad: true }), 'a [b]', { out }));
  expect(out.requiresGrad).toBe(false);
});
