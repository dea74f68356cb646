// explain against brute force that knows nothing of plans: outputs of the layers, walks over all elements; its texts.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Linear, Sequential, weightNorm } from '../src/index.js';
import { tensor } from '../src/create.js';
import { KeelError } from '../src/errors.js';
import { equivalent } from '../src/explain/equivalent.js';
import type { Normalizer } from '../src/explain/subject.js';
import { explain } from '../src/explain.js';
import {
  BatchNorm1d, BatchNorm2d, BatchNorm3d, FrozenBatchNorm2d, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d,
} from '../src/nn/batchnorm.js';
import { LazyBatchNorm2d } from '../src/nn/lazy.js';
import { GroupNorm, LayerNorm, LayerNorm2d, LocalResponseNorm, RMSNorm, type NormLayer } from '../src/nn/norm.js';
import type { Tensor } from '../src/tensor.js';
import { meaning, samples, walk } from '../tools/fuzz/samples.js';

const seed = 20190608;
const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);
const divisorsOf = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1).filter((d) => n % d === 0);

/** Numbers with no pattern in them. */
const noise = (shape: readonly number[]): Tensor =>
  tensor(Float64Array.from({ length: product(shape) }, (_, i) => Math.sin((i + 1) ** 2 * 1.7) * 3 + 0.4), [...shape]);

/** Every layer that takes this shape, batch statistics throughout, none with parameters. */
function layersOn(shape: readonly number[]): NormLayer[] {
  const [batch = 1, channels = 1] = shape;
  const rank = shape.length;
  const own = { affine: false, trackRunningStats: false };
  const Batch = [BatchNorm1d, BatchNorm1d, BatchNorm2d, BatchNorm3d][rank - 2];
  const Instance = [InstanceNorm1d, InstanceNorm2d, InstanceNorm3d][rank - 3];
  const Unbatched = [InstanceNorm1d, InstanceNorm2d, InstanceNorm3d][rank - 2];
  const suffixes = shape.map((_, dim) => shape.slice(dim));
  return [
    ...[Batch, Instance].flatMap((Layer) => (Layer ? [new Layer(channels, own)] : [])),
    ...(Unbatched ? [new Unbatched(batch, own)] : []),
    ...suffixes.map((suffix) => new LayerNorm(suffix, { elementwiseAffine: false })),
    ...suffixes.map((suffix) => new RMSNorm(suffix, { elementwiseAffine: false, eps: 1e-5 })),
    ...(rank === 4 ? [new LayerNorm2d(channels, { elementwiseAffine: false })] : []),
    ...(rank < 2 ? [] : divisorsOf(channels).map((groups) => new GroupNorm(groups, channels, { affine: false }))),
  ];
}

/** What the layer computes, or null where it refuses statistics of one value. */
function output(layer: NormLayer, x: Tensor): number[] | null {
  try {
    return [...layer.forward(x).data].map(Number);
  } catch (error) {
    if (error instanceof KeelError && error.code === 'too_few_values') return null;
    throw error;
  }
}

const close = (a: readonly number[], b: readonly number[]): boolean =>
  a.every((value, i) => Math.abs(value - (b[i] ?? NaN)) < 1e-9);

const shapes = [
  [5], [2, 3], [1, 4], [4, 1], [2, 3, 4], [1, 3, 4], [2, 4, 1], [3, 1, 2], [1, 6, 1], [2, 2, 2], [2, 3, 2, 2],
  [2, 4, 1, 1], [1, 4, 2, 3], [2, 1, 3, 3], [2, 4, 1, 3], [2, 2, 2, 1, 2], [1, 1, 1, 1, 4],
];

describe('layers are equivalent where their outputs are equal', () => {
  test.each(shapes.map((shape) => [shape]))('every pair of layers on %j', (shape) => {
    const x = noise(shape);
    const found = layersOn(shape).flatMap((layer) => {
      const y = output(layer, x);
      return y === null ? [] : [{ layer, y }];
    });
    expect(found.length).toBeGreaterThan(1);
    for (const { layer: a, y: ya } of found) {
      for (const { layer: b, y: yb } of found) {
        const verdict = equivalent(a, b, shape);
        expect([`${a} ${b}`, verdict.same]).toEqual([`${a} ${b}`, close(ya, yb)]);
        expect(verdict.parameters).toBe('none');
      }
    }
  });

  test.each(shapes.map((shape) => [shape]))('explain lists them all on %j', (shape) => {
    const x = noise(shape);
    const all = layersOn(shape).filter((layer) => output(layer, x) !== null);
    // A rank that is (C, *) to one layer and (N, C, *) to another is not listed.
    const batched = new RegExp(`^(?!InstanceNorm)|${shape.length - 2}d\\(`);
    const listable = all.filter((layer) => batched.test(String(layer)));
    for (const layer of all) {
      const y = output(layer, x) ?? [];
      const { name, equivalents } = explain(layer, shape).data;
      const expected = listable.map((other) => ({ name: explain(other, shape).data.name, y: output(other, x) ?? [] }));
      const names = expected.filter((other) => other.name !== name && close(y, other.y)).map((other) => other.name);
      expect([name, equivalents.map((other) => other.name).toSorted()]).toEqual([name, [...new Set(names)].toSorted()]);
      expect(equivalents.every(({ sameParameters }) => sameParameters)).toBe(true);
    }
  });
});

describe('explain', () => {
  test('its data are those of a walk over the elements, and JSON', () => {
    fc.assert(
      fc.property(samples, fc.nat(), (sample, pick) => {
        const { data, setOf, setNumbers, text } = explain({ pattern: sample.text, ...sample.given }, sample.shape);
        const { statistic } = meaning(sample);
        expect(Array.from(setNumbers())).toEqual(statistic);
        expect(JSON.parse(JSON.stringify(data))).toEqual(data);
        expect(text.startsWith(`${data.name} on `)).toBe(true);
        expect(product(data.statisticShape)).toBe(data.count);
        if (statistic.length === 0) return;
        expect(data.count).toBe(new Set(statistic).size);
        expect(data.elements).toBe(statistic.length / data.count);
        const indices = [...walk(sample.shape)];
        const flat = pick % indices.length;
        const expected = indices.filter((_, e) => statistic[e] === statistic[flat]);
        expect(setOf(indices[flat] ?? [])).toEqual(expected);
      }),
      { seed, numRuns: 300 },
    );
  });

  test.each([
    [
      'BatchNorm1d, the worked example',
      () => explain(new BatchNorm1d(3), [2, 3, 4]),
      `BatchNorm1d(3) on 2 × 3 × 4: 3 means, each over 8 elements
  one mean for each channel (axis 1), over 2 samples × 4 positions (axes 0, 2)
  pattern     [b] c [s...], c
  sizes       b = 2, c = 3, s = 4
  statistics  mean and biased variance, 1 × 3 × 1
  running     running_mean and running_var, 3: used in eval; running_var takes the unbiased variance
  parameters  weight 3, bias 3
  plan        k0 1, r0 2, k1 3, r1 4, affine 3, inner 4: segments
  PyTorch     nn.BatchNorm1d(3)`,
    ],
    [
      'LayerNorm(4), the worked example',
      () => explain(new LayerNorm(4), [2, 3, 4]),
      `LayerNorm(4) on 2 × 3 × 4: 6 means, each over 4 elements
  one mean for each place (axes 0, 1), over 4 features (axis 2)
  pattern     b... [c], c
  sizes       b = 2 × 3, c = 4
  statistics  mean and biased variance, 2 × 3 × 1
  parameters  weight 4, bias 4
  plan        k0 6, r0 4, k1 1, r1 1, affine 4, inner 1: rows
  PyTorch     nn.LayerNorm(4)
  same sets   InstanceNorm1d(3), its parameters differ
              GroupNorm(3, 3), its parameters differ`,
    ],
    [
      'LayerNorm([3, 4]), the worked example',
      () => explain(new LayerNorm([3, 4], { bias: false }), [2, 3, 4]),
      `LayerNorm([3, 4]) on 2 × 3 × 4: 2 means, each over 12 elements
  one mean for each sample (axis 0), over 3 rows × 4 columns (axes 1, 2)
  pattern     b... [h w], h w
  sizes       b = 2, h = 3, w = 4
  statistics  mean and biased variance, 2 × 1 × 1
  parameters  weight 3 × 4
  plan        k0 2, r0 12, k1 1, r1 1, affine 12, inner 1: rows
  PyTorch     nn.LayerNorm([3, 4], bias=False)
  same sets   GroupNorm(1, 3), its parameters differ`,
    ],
    [
      'InstanceNorm1d, the worked example',
      () => explain(new InstanceNorm1d(3), [2, 3, 4]),
      `InstanceNorm1d(3) on 2 × 3 × 4: 6 means, each over 4 elements
  one mean for each sample and channel (axes 0, 1), over 4 positions (axis 2)
  pattern     b c [s...]
  sizes       b = 2, c = 3, s = 4
  statistics  mean and biased variance, 2 × 3 × 1
  parameters  none
  plan        k0 6, r0 4, k1 1, r1 1, affine 0, inner 1: rows
  PyTorch     nn.InstanceNorm1d(3)
  same sets   LayerNorm(4)
              GroupNorm(3, 3)`,
    ],
    [
      'LayerNorm2d, the example tensor',
      () => explain(new LayerNorm2d(96, { eps: 1e-6 }), [100, 96, 8, 8]),
      `LayerNorm2d(96) on 100 × 96 × 8 × 8: 6400 means, each over 96 elements
  one mean for each sample, row and column (axes 0, 2, 3), over 96 channels (axis 1)
  pattern     b [c] h w, c
  sizes       b = 100, c = 96, h = 8, w = 8
  statistics  mean and biased variance, 100 × 1 × 8 × 8
  parameters  weight 96, bias 96
  plan        k0 100, r0 96, k1 64, r1 1, affine 96, inner 64: columns
  PyTorch     F.layer_norm(x.permute(0, 2, 3, 1), (96,), weight, bias, eps=1e-06).permute(0, 3, 1, 2)`,
    ],
    [
      'a layer in eval',
      () => explain(new InstanceNorm1d(3, { trackRunningStats: true }).eval(), [2, 3, 4]),
      `InstanceNorm1d(3) on 2 × 3 × 4: 3 running means, each for 8 elements
  one running mean for each channel (axis 1), for 2 samples × 4 positions (axes 0, 2)
  pattern     [b] c [s...]
  sizes       b = 2, c = 3, s = 4
  statistics  running mean and running variance, 1 × 3 × 1
  running     running_mean and running_var, 3: used now, not the input's
  parameters  none
  plan        k0 1, r0 2, k1 3, r1 4, affine 0, inner 1: segments
  PyTorch     nn.InstanceNorm1d(3, track_running_stats=True)`,
    ],
    [
      'a pattern that is a layer',
      () => explain('b (g [c]) [s...], (g c)', [2, 6, 4, 5], { g: 3 }),
      `'b (g [c]) [s...], (g c)' with g = 3 on 2 × 6 × 4 × 5: 6 means, each over 40 elements
  one mean for each sample and group (axes 0, 1), over 2 channels × 4 × 5 positions (axes 1, 2, 3)
  sizes       b = 2, g = 3, c = 2, s = 4 × 5
  statistics  mean and biased variance, 2 × 3 × 1 × 1
  parameters  weight 6, bias 6
  plan        k0 6, r0 40, k1 1, r1 1, affine 6, inner 20: rows
  PyTorch     nn.GroupNorm(3, 6)
  same sets   GroupNorm(3, 6)`,
    ],
    [
      'a pattern that no layer has',
      () => explain('[a] b [c] (d [e]), d b', [2, 3, 2, 6], { e: 3, statistics: 'l2' }),
      `'[a] b [c] (d [e]), d b' with e = 3 on 2 × 3 × 2 × 6: 6 norms, each over 12 elements
  one norm for each b and d (axes 1, 3), over 2 of a × 2 of c × 3 of e (axes 0, 2, 3)
  sizes       a = 2, b = 3, c = 2, d = 2, e = 3
  statistics  L2 norm, 1 × 3 × 1 × 2
  parameters  weight 2 × 3, bias 2 × 3
  plan        k0 6, r0 12, k1 1, r1 1, affine 6, inner 12: permuted
  PyTorch     v = x.reshape(2, 3, 2, 2, 3)
              y = (F.normalize(v, dim=(0, 2, 4)) * weight.permute(1, 0).reshape(1, 3, 1, 2, 1) + bias.permute(1, 0).reshape(1, 3, 1, 2, 1)).reshape(2, 3, 2, 6)`,
    ],
    [
      'weight norm of a convolution',
      () => explain('o [i...], o', [4, 3, 2], { statistics: 'l2' }),
      `'o [i...], o' on 4 × 3 × 2: 4 norms, each over 6 elements
  one norm for each o (axis 0), over 3 × 2 of i (axes 1, 2)
  sizes       o = 4, i = 3 × 2
  statistics  L2 norm, 4 × 1 × 1
  parameters  weight 4, bias 4
  plan        k0 4, r0 6, k1 1, r1 1, affine 4, inner 6: rows
  PyTorch     F.normalize(x, dim=(1, 2)) * weight.reshape(4, 1, 1) + bias.reshape(4, 1, 1)`,
    ],
    [
      'the empty pattern',
      () => explain('', []),
      `'' on scalar: 1 mean, over 1 element
  one mean for each element, none shared
  statistics  mean and biased variance, scalar
  parameters  none
  plan        k0 1, r0 1, k1 1, r1 1, affine 0, inner 1: rows
  PyTorch     v = x.reshape(1)
              y = ((v - v.mean(0, keepdim=True)) / (v.var(0, unbiased=False, keepdim=True) + 1e-05).sqrt()).reshape(())`,
    ],
  ])('text: %s', (_, explained, text) => {
    expect(explained().text).toBe(text);
  });

  test('data of GroupNorm', () => {
    const { data, setOf } = explain(new GroupNorm(2, 4), [2, 4, 2]);
    expect(data).toEqual({
      name: 'GroupNorm(2, 4)',
      pattern: 'b (g [c]) [s...], (g c)',
      shape: [2, 4, 2],
      sizes: { b: 2, g: 2, c: 2, s: [2] },
      statistics: 'moments',
      count: 4,
      elements: 4,
      statisticShape: [2, 2, 1],
      sentence: 'one mean for each sample and group (axes 0, 1), over 2 channels × 2 positions (axes 1, 2)',
      parameters: { weight: [4], bias: [4] },
      running: null,
      plan: { k0: 4, r0: 4, k1: 1, r1: 1, affine: 4, inner: 2 },
      path: 'rows',
      pytorch: 'nn.GroupNorm(2, 4)',
      equivalents: [],
    });
    expect(setOf([1, 2, 0])).toEqual([[1, 2, 0], [1, 2, 1], [1, 3, 0], [1, 3, 1]]);
  });

  const torch: [Normalizer, number[], string][] = [
    [new LayerNorm(4), [2, 4], 'nn.LayerNorm(4)'],
    [new LayerNorm([3, 4], { eps: 1e-6 }), [2, 3, 4], 'nn.LayerNorm([3, 4], eps=1e-06)'],
    [new LayerNorm(4, { elementwiseAffine: false }), [2, 4], 'nn.LayerNorm(4, elementwise_affine=False)'],
    [new LayerNorm2d(3), [2, 3, 4, 4], 'F.layer_norm(x.permute(0, 2, 3, 1), (3,), weight, bias).permute(0, 3, 1, 2)'],
    [new RMSNorm(4), [2, 4], 'nn.RMSNorm(4)'],
    [new RMSNorm(4, { eps: 1e-5 }), [2, 4], 'nn.RMSNorm(4, eps=1e-05)'],
    [new GroupNorm(2, 4, { affine: false }), [2, 4], 'nn.GroupNorm(2, 4, affine=False)'],
    [new GroupNorm(2, 4, { bias: false }), [2, 4], 'nn.GroupNorm(2, 4, bias=False)'],
    [new BatchNorm2d(3, { momentum: null }), [2, 3, 4, 4], 'nn.BatchNorm2d(3, momentum=None)'],
    [new BatchNorm3d(3, { trackRunningStats: false }), [2, 3, 4, 4, 4], 'nn.BatchNorm3d(3, track_running_stats=False)'],
    [new InstanceNorm2d(3), [2, 3, 4, 4], 'nn.InstanceNorm2d(3)'],
    [new InstanceNorm3d(3, { affine: true }), [3, 4, 4, 4], 'nn.InstanceNorm3d(3, affine=True)'],
    [new FrozenBatchNorm2d(3), [2, 3, 4, 4], 'torchvision.ops.FrozenBatchNorm2d(3)'],
    [new LazyBatchNorm2d({ momentum: 0.2 }), [2, 3, 4, 4], 'nn.LazyBatchNorm2d(momentum=0.2)'],
    ['b n [c]', [2, 3, 4], 'nn.LayerNorm(4, elementwise_affine=False)'],
    ['b [c] h w, c', [2, 3, 4, 4], 'F.layer_norm(x.permute(0, 2, 3, 1), (3,), weight, bias).permute(0, 3, 1, 2)'],
    [{ pattern: 'b [c], c', statistics: 'rms' }, [2, 4], 'nn.RMSNorm(4)'],
    [{ pattern: '[b] c', statistics: 'rms', eps: 0.5 }, [2, 4], 'x / (x.square().mean(0, keepdim=True) + 0.5).sqrt()'],
    [
      '[b s...] c, c', [2, 5, 3],
      '(x - x.mean((0, 1), keepdim=True)) / (x.var((0, 1), unbiased=False, keepdim=True) + 1e-05).sqrt() * weight '
        + '+ bias',
    ],
  ];
  test.each(torch)('PyTorch writes %s on %j', (layer, shape, expected) => {
    expect((typeof layer === 'string' ? explain(layer, shape) : explain(layer, shape)).data.pytorch).toBe(expected);
  });

  test('a shape whose parameters would not fit into memory', () => {
    const { equivalents } = explain('b c [s...], c', [2, 3, 2 ** 14, 2 ** 14]).data;
    expect(equivalents.map(({ pytorch }) => pytorch)).toEqual([
      'nn.LayerNorm([16384, 16384])', 'nn.InstanceNorm2d(3, affine=True)', 'nn.GroupNorm(3, 3)',
    ]);
    expect(explain('[b] c [s...]', [2, 9_699_690, 2]).data.equivalents.map(({ pytorch }) => pytorch)).toEqual([
      'nn.BatchNorm1d(9699690, affine=False)',
    ]);
  }, 1000);

  test('a size whose name the pattern lacks is no program', () => {
    // @ts-expect-error g is no name of this pattern
    expect(() => explain('b [c]', [2, 3], { g: 3 })).toThrow(/no axis has that name/);
    // @ts-expect-error a layer has its sizes
    expect(() => explain(new LayerNorm(3), [2, 3], { c: 3 })).toThrow(/has its sizes already/);
  });
});

describe('refusals', () => {
  const refused: [what: string, call: () => unknown, code: string, message: RegExp][] = [
    ['an index of another rank', () => explain('b [c]', [2, 3]).setOf([1]), 'rank', /\[1\].*2 × 3/],
    ['an index out of range', () => explain('b [c]', [2, 3]).setOf([1, 3]), 'argument', /\[1, 3\].*axis 1.*below 3/],
    ['an index that is no number', () => explain('b [c]', [2, 3]).setOf([NaN, 0]), 'argument', /\[NaN, 0\].*axis 0/],
    ['a shape with another width', () => explain(new LayerNorm(5), [2, 3, 4]), 'shape', /5.*4/s],
    ['a shape with another number of channels', () => explain(new BatchNorm2d(3), [2, 4, 3, 3]), 'shape', /4 elements not 3/],
    ['groups that do not divide', () => explain('b (g [c])', [2, 6], { g: 4 }), 'indivisible', /6, .*g = 4/],
    ['a layer without sets', () => explain(new LocalResponseNorm(5) as never, [2]), 'argument', /has no pattern/],
    ['a layer of normalized weights', () => explain(weightNorm(new Linear(2, 1)) as never, [2]), 'argument', /ParametrizedLinear has no pattern: weightNorm is the pattern/],
    ['a layer that holds others', () => explain(new Sequential(new LayerNorm(2)) as never, [2]), 'argument', /Sequential has no pattern: explain each layer in it/],
    ['nothing', () => explain(null as never, [2, 3]), 'argument', /null has no pattern/],
    ['unknown statistics', () => explain('b [c]', [2, 3], { statistics: 'mean' as never }), 'argument', /got 'mean'/],
    ['shapes of different sizes', () => equivalent('b [c]', 'b [c]', [2, 3], [2, 4]), 'shape', /6 elements, .*8/],
    ['a shape that is none', () => equivalent('b [c]', 'b [c]', [2, 1.5]), 'size', /1\.5/],
  ];
  test.each(refused)('%s', (_, call, code, message) => {
    expect(call).toThrow(KeelError);
    expect(call).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
  });
});
