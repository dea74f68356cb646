// explain and equivalent against brute force that knows nothing of plans: outputs of the layers, walks over all
// elements, parameters carried by the very calls that the sentences name; and their texts.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import '../src/index.js';
import { arange, tensor } from '../src/create.js';
import { KeelError } from '../src/errors.js';
import { equivalent } from '../src/explain/equivalent.js';
import type { Normalizer } from '../src/explain/subject.js';
import { explain } from '../src/explain.js';
import {
  BatchNorm1d, BatchNorm2d, BatchNorm3d, FrozenBatchNorm2d, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d,
} from '../src/nn/batchnorm.js';
import { LazyBatchNorm2d } from '../src/nn/lazy.js';
import {
  GroupNorm, LayerNorm, LayerNorm2d, LocalResponseNorm, RMSNorm, type NormLayer,
} from '../src/nn/norm.js';
import type { Tensor } from '../src/tensor.js';
import { meaning, plainSample, samples, walk, type Sample } from './patterns.js';

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
  const classes = { 2: [BatchNorm1d], 3: [BatchNorm1d, InstanceNorm1d], 4: [BatchNorm2d, InstanceNorm2d], 5: [BatchNorm3d, InstanceNorm3d] };
  const unbatched = { 2: InstanceNorm1d, 3: InstanceNorm2d, 4: InstanceNorm3d }[rank];
  const suffixes = shape.map((_, dim) => shape.slice(dim));
  return [
    ...(classes[rank as keyof typeof classes] ?? []).map((Layer) => new Layer(channels, own)),
    ...(unbatched ? [new unbatched(batch, own)] : []),
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

const close = (a: readonly number[], b: readonly number[]): boolean => a.every((value, i) => Math.abs(value - (b[i] ?? NaN)) < 1e-9);

const shapes = [
  [5], [2, 3], [1, 4], [4, 1], [2, 3, 4], [1, 3, 4], [2, 4, 1], [3, 1, 2], [1, 6, 1], [2, 2, 2], [2, 3, 2, 2], [2, 4, 1, 1], [1, 4, 2, 3],
  [2, 1, 3, 3], [2, 4, 1, 3], [2, 2, 2, 1, 2], [1, 1, 1, 1, 4],
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
    const listable = all.filter((layer) => !/InstanceNorm/.test(String(layer)) || String(layer).includes(`${shape.length - 2}d(`));
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

/** Evaluates `weight.reshape([3, 1]).expand([3, 4])`, as a sentence has it, on a parameter. */
function carried(sentence: string, weight: Tensor): Tensor {
  const [calls = ''] = /(?<=weight)(\.\w+\(\[[\d, ]*\]\))+/.exec(sentence) ?? [];
  let made = weight;
  for (const [, method, list = ''] of calls.matchAll(/\.(\w+)\(\[([\d, ]*)\]\)/g)) {
    const numbers = list === '' ? [] : list.split(', ').map(Number);
    if (method === 'reshape') made = made.reshape(numbers);
    else if (method === 'expand') made = made.expand(numbers);
    else if (method === 'permute') made = made.permute(numbers);
    else throw new Error(`${method} in ${sentence}`);
  }
  return made;
}

/** Whether some values of b's parameter give every element what a's gives it, for any values of a's. */
function canCarry(a: readonly number[], b: readonly number[]): boolean {
  const values = new Map<number, number>();
  return b.every((parameter, e) => {
    const own = a[e] ?? -1;
    if (!values.has(parameter)) values.set(parameter, own);
    return values.get(parameter) === own;
  });
}

const asPattern = ({ text, given }: Sample): Normalizer => ({ pattern: text, ...given });
const partition = (of: readonly number[]): string => of.map((set) => of.indexOf(set)).join();

/** Two plain patterns with parameters, on the same elements in shapes of their own. */
const pairs = fc
  .constantFrom(
    [[2, 3, 4], [2, 3, 4]], [[2, 3, 4], [6, 4]], [[2, 3, 4], [24]], [[2, 6], [4, 3]], [[2, 3], [3, 2]], [[2, 2, 2], [4, 2]],
    [[2, 3, 2, 2], [2, 3, 4]], [[1, 3, 2], [3, 2]], [[6, 6], [4, 9]], [[2, 3, 5], [5, 6]], [[2, 3, 4], [2, 1, 3, 2, 2]],
  )
  .chain(([a = [], b = []]) => fc.tuple(plain(a), plain(b)));

function plain(shape: readonly number[]): fc.Arbitrary<Sample> {
  return fc
    .tuple(fc.nat(2 ** shape.length - 1), fc.shuffledSubarray(shape.map((_, axis) => axis)))
    .map(([bits, listed]) => plainSample(shape, bits, listed));
}

describe('the verdict on patterns', () => {
  test('sets and parameters as a walk over the elements finds them', () => {
    const kinds = new Map<string, number>();
    fc.assert(
      fc.property(pairs, ([a, b]) => {
        const verdict = equivalent(asPattern(a), asPattern(b), a.shape, b.shape);
        const [inA, inB] = [meaning(a), meaning(b)];
        expect(verdict.same).toBe(partition(inA.statistic) === partition(inB.statistic));
        const [ofA, ofB] = [inA.parameter ?? [], inB.parameter ?? []];
        const expected = canCarry(ofA, ofB);
        expect(verdict.parameters !== 'impossible').toBe(expected);
        if (verdict.parameters === 'expand') expect(canCarry(ofB, ofA)).toBe(false);
        if (verdict.parameters === 'reshape' || verdict.parameters === 'same') expect(canCarry(ofB, ofA)).toBe(true);
        kinds.set(verdict.parameters, (kinds.get(verdict.parameters) ?? 0) + 1);
        // The calls that the sentence names do it.
        const [from, to] = expected ? [ofA, ofB] : [ofB, ofA];
        if (!canCarry(from, to)) return;
        const [source, target] = expected ? [a, b] : [b, a];
        const own = shapeOf(source);
        const values = carried(verdict.carry, arange(product(own)).reshape(own));
        expect(values.shape).toEqual(shapeOf(target));
        expect(to.map((parameter) => Number(values.data[parameter]))).toEqual(from);
      }),
      { seed, numRuns: 4000 },
    );
    for (const kind of ['same', 'reshape', 'expand', 'impossible']) expect(kinds.get(kind)).toBeGreaterThan(40);
  });

  test('a pattern is itself in any spelling', () => {
    fc.assert(
      fc.property(samples, (sample) => {
        const verdict = equivalent(asPattern(sample), asPattern({ ...sample, text: explain(asPattern(sample), sample.shape).data.pattern }), sample.shape);
        expect(verdict.same).toBe(true);
        expect(['none', 'same']).toContain(verdict.parameters);
        expect(verdict.differences).toEqual([]);
      }),
      { seed, numRuns: 300 },
    );
  });
});

const shapeOf = (sample: Sample): number[] => sample.parameters?.flatMap(({ parts }) => parts.flatMap(({ sizes }) => sizes)) ?? [];

describe('explain', () => {
  test('its data are those of a walk over the elements, and JSON', () => {
    fc.assert(
      fc.property(samples, fc.nat(), (sample, pick) => {
        const { data, setOf, text } = explain(asPattern(sample), sample.shape);
        const { statistic } = meaning(sample);
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
  statistics  mean and biased variance, 1 × 3 × 1
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
      () => explain('[a] b [c] (d [e]), d b', [2, 3, 2, 6], { e: 3, eps: 1e-3 }),
      `'[a] b [c] (d [e]), d b' with e = 3 on 2 × 3 × 2 × 6: 6 means, each over 12 elements
  one mean for each b and d (axes 1, 3), over 2 of a × 2 of c × 3 of e (axes 0, 2, 3)
  sizes       a = 2, b = 3, c = 2, d = 2, e = 3
  statistics  mean and biased variance, 1 × 3 × 1 × 2
  parameters  weight 2 × 3, bias 2 × 3
  plan        k0 6, r0 12, k1 1, r1 1, affine 6, inner 12: permuted
  PyTorch     v = x.reshape(2, 3, 2, 2, 3)
              y = ((v - v.mean((0, 2, 4), keepdim=True)) / (v.var((0, 2, 4), unbiased=False, keepdim=True) + 0.001).sqrt() * weight.permute(1, 0).reshape(1, 3, 1, 2, 1) + bias.permute(1, 0).reshape(1, 3, 1, 2, 1)).reshape(2, 3, 2, 6)`,
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
      '(x - x.mean((0, 1), keepdim=True)) / (x.var((0, 1), unbiased=False, keepdim=True) + 1e-05).sqrt() * weight + bias',
    ],
  ];
  test.each(torch)('PyTorch writes %s on %j', (layer, shape, expected) => {
    expect((typeof layer === 'string' ? explain(layer, shape) : explain(layer, shape)).data.pytorch).toBe(expected);
  });

  test('a size whose name the pattern lacks is no program', () => {
    // @ts-expect-error g is no name of this pattern
    expect(() => explain('b [c]', [2, 3], { g: 3 })).toThrow(/no axis has that name/);
    // @ts-expect-error a layer has its sizes
    expect(() => explain(new LayerNorm(3), [2, 3], { c: 3 })).toThrow(/has its sizes already/);
  });
});

interface Claim {
  readonly claim: string;
  readonly a: Normalizer;
  readonly b: Normalizer;
  readonly shape: number[];
  readonly shapeB?: number[];
  readonly same: boolean;
  readonly reason: string;
  readonly parameters: string;
  readonly carry: string;
  readonly differences?: string[];
}

const claims: Claim[] = [
  {
    claim: 'LayerNorm is InstanceNorm',
    a: new InstanceNorm1d(3), b: new LayerNorm(4), shape: [2, 3, 4],
    same: true,
    reason: 'InstanceNorm1d(3) is LayerNorm(4) on 2 × 3 × 4: the same 6 sets of 4 elements',
    parameters: 'none',
    carry: "InstanceNorm1d(3) has no parameters: leave LayerNorm(4)'s weight at 1 and bias at 0; if both had parameters, "
      + "InstanceNorm1d(3)'s parameters (3 along axis 1) can become LayerNorm(4)'s (4 along axis 2) only where they are constant along axis 1",
    differences: ['parameters: InstanceNorm1d(3) has no parameters; LayerNorm(4) has weight and bias of shape 4'],
  },
  {
    claim: 'LayerNorm is InstanceNorm, by a reshape',
    a: new InstanceNorm2d(3, { affine: true }), b: new LayerNorm(4), shape: [2, 3, 4, 1], shapeB: [2, 3, 4],
    same: true,
    reason: 'InstanceNorm2d(3) on 2 × 3 × 4 × 1 is LayerNorm(4) on 2 × 3 × 4: the same 6 sets of 4 elements',
    parameters: 'impossible',
    carry: "InstanceNorm2d(3)'s parameters (3 along axis 1) can become LayerNorm(4)'s (4 along axis 2) only where they are constant along axis 1",
  },
  {
    claim: 'LayerNorm is InstanceNorm: false in general',
    a: new InstanceNorm2d(3), b: new LayerNorm(5), shape: [2, 3, 4, 5],
    same: false,
    reason: 'InstanceNorm2d(3) has 6 means, each over 20 elements; LayerNorm(5) has 24 means, each over 5 elements',
    parameters: 'none',
    carry: "InstanceNorm2d(3) has no parameters: leave LayerNorm(5)'s weight at 1 and bias at 0; if both had parameters, "
      + "InstanceNorm2d(3)'s parameters (3 along axis 1) can become LayerNorm(5)'s (5 along axis 3) only where they are constant along axis 1",
  },
  {
    claim: 'GroupNorm(1, C) is LayerNorm',
    a: new GroupNorm(1, 3), b: new LayerNorm([3, 2, 2]), shape: [2, 3, 2, 2],
    same: true,
    reason: 'GroupNorm(1, 3) is LayerNorm([3, 2, 2]) on 2 × 3 × 2 × 2: the same 2 sets of 12 elements',
    parameters: 'expand',
    carry: "GroupNorm(1, 3)'s parameters (3 along axis 1) become LayerNorm([3, 2, 2])'s (3 × 2 × 2 along axes 1, 2, 3) by "
      + 'weight.reshape([3, 1, 1]).expand([3, 2, 2]); back only where they are constant along axes 2, 3',
    differences: ['parameters: GroupNorm(1, 3) has weight and bias of shape 3; LayerNorm([3, 2, 2]) has weight and bias of shape 3 × 2 × 2'],
  },
  {
    claim: 'LayerNorm is GroupNorm(1, C)',
    a: new LayerNorm([3, 2, 2]), b: new GroupNorm(1, 3, { eps: 1e-6 }), shape: [2, 3, 2, 2],
    same: true,
    reason: 'LayerNorm([3, 2, 2]) is GroupNorm(1, 3) on 2 × 3 × 2 × 2: the same 2 sets of 12 elements',
    parameters: 'impossible',
    carry: "LayerNorm([3, 2, 2])'s parameters (3 × 2 × 2 along axes 1, 2, 3) can become GroupNorm(1, 3)'s (3 along axis 1) only "
      + 'where they are constant along axes 2, 3; back by weight.reshape([3, 1, 1]).expand([3, 2, 2])',
    differences: [
      'eps: eps is 1e-05 in LayerNorm([3, 2, 2]), 1e-06 in GroupNorm(1, 3): give both the same',
      'parameters: LayerNorm([3, 2, 2]) has weight and bias of shape 3 × 2 × 2; GroupNorm(1, 3) has weight and bias of shape 3',
    ],
  },
  {
    claim: 'LayerNorm2d = GroupNorm(1, C): no',
    a: new LayerNorm2d(3), b: new GroupNorm(1, 3), shape: [2, 3, 2, 2],
    same: false,
    reason: 'LayerNorm2d(3) has 8 means, each over 3 elements; GroupNorm(1, 3) has 2 means, each over 12 elements',
    parameters: 'same',
    carry: "LayerNorm2d(3)'s parameters (3 along axis 1) serve GroupNorm(1, 3) as they are",
    differences: ['sets: LayerNorm2d(3) has 8 means, each over 3 elements; GroupNorm(1, 3) has 2 means, each over 12 elements'],
  },
  {
    claim: 'LayerNorm2d = GroupNorm(1, C) on a single pixel',
    a: new LayerNorm2d(3), b: new GroupNorm(1, 3), shape: [2, 3, 1, 1],
    same: true,
    reason: 'LayerNorm2d(3) is GroupNorm(1, 3) on 2 × 3 × 1 × 1: the same 2 sets of 3 elements',
    parameters: 'same',
    carry: "LayerNorm2d(3)'s parameters (3 along axis 1) serve GroupNorm(1, 3) as they are",
    differences: ['shape: the same on this shape only: with more than 1 along axes 2, 3 they differ'],
  },
  {
    claim: 'GroupNorm(C, C) = InstanceNorm',
    a: new GroupNorm(3, 3), b: new InstanceNorm2d(3, { affine: true, trackRunningStats: true }), shape: [2, 3, 2, 2],
    same: true,
    reason: 'GroupNorm(3, 3) is InstanceNorm2d(3) on 2 × 3 × 2 × 2: the same 6 sets of 4 elements',
    parameters: 'same',
    carry: "GroupNorm(3, 3)'s parameters (3 along axis 1) serve InstanceNorm2d(3) as they are",
    differences: ['eval: in eval InstanceNorm2d(3) uses its running statistics, GroupNorm(3, 3) still those of its input'],
  },
  {
    claim: 'GroupNorm(C, C) = InstanceNorm, which has no parameters by default',
    a: new GroupNorm(3, 3), b: new InstanceNorm2d(3), shape: [2, 3, 2, 2],
    same: true,
    reason: 'GroupNorm(3, 3) is InstanceNorm2d(3) on 2 × 3 × 2 × 2: the same 6 sets of 4 elements',
    parameters: 'impossible',
    carry: "InstanceNorm2d(3) has no parameters: GroupNorm(3, 3)'s must be weight 1 and bias 0; if both had parameters, "
      + "GroupNorm(3, 3)'s parameters (3 along axis 1) serve InstanceNorm2d(3) as they are",
    differences: ['parameters: GroupNorm(3, 3) has weight and bias of shape 3; InstanceNorm2d(3) has no parameters'],
  },
  {
    claim: 'RMSNorm = LayerNorm without bias',
    a: new LayerNorm(4, { bias: false }), b: new RMSNorm(4), shape: [2, 3, 4],
    same: false,
    reason: 'LayerNorm(4) and RMSNorm(4) have the same 6 sets of 4 elements, but LayerNorm(4) takes off the mean and divides by the '
      + 'deviation, and RMSNorm(4) divides by the root mean square and takes no mean off; equal where the mean of each set is 0',
    parameters: 'same',
    carry: "LayerNorm(4)'s parameters (4 along axis 2) serve RMSNorm(4) as they are",
    differences: [
      'statistics: LayerNorm(4) and RMSNorm(4) have the same 6 sets of 4 elements, but LayerNorm(4) takes off the mean and divides by the '
      + 'deviation, and RMSNorm(4) divides by the root mean square and takes no mean off; equal where the mean of each set is 0',
      "eps: eps is 1e-05 in LayerNorm(4), the dtype's machine epsilon in RMSNorm(4): give both the same",
    ],
  },
  {
    claim: 'RMSNorm has no bias',
    a: new LayerNorm(4), b: new RMSNorm(4), shape: [2, 3, 4],
    same: false,
    reason: 'LayerNorm(4) and RMSNorm(4) have the same 6 sets of 4 elements, but LayerNorm(4) takes off the mean and divides by the '
      + 'deviation, and RMSNorm(4) divides by the root mean square and takes no mean off; equal where the mean of each set is 0',
    parameters: 'impossible',
    carry: "LayerNorm(4)'s parameters (4 along axis 2) serve RMSNorm(4) as they are; RMSNorm(4) has no bias, so LayerNorm(4)'s must be 0",
  },
  {
    claim: 'InstanceNorm = BatchNorm on (1, N·C, …)',
    a: new InstanceNorm1d(3, { affine: true }), b: new BatchNorm1d(6), shape: [2, 3, 4], shapeB: [1, 6, 4],
    same: true,
    reason: 'InstanceNorm1d(3) on 2 × 3 × 4 is BatchNorm1d(6) on 1 × 6 × 4: the same 6 sets of 4 elements',
    parameters: 'expand',
    carry: "InstanceNorm1d(3)'s parameters (3 along axis 1) become BatchNorm1d(6)'s (6 along axis 1) by "
      + 'weight.reshape([1, 3]).expand([2, 3]).reshape([6]); back only where they are constant along axis 1',
  },
  {
    claim: 'BatchNorm of one sample is InstanceNorm, in training',
    a: new BatchNorm1d(3), b: new InstanceNorm1d(3, { affine: true }), shape: [1, 3, 4],
    same: true,
    reason: 'BatchNorm1d(3) is InstanceNorm1d(3) on 1 × 3 × 4: the same 3 sets of 4 elements',
    parameters: 'same',
    carry: "BatchNorm1d(3)'s parameters (3 along axis 1) serve InstanceNorm1d(3) as they are",
    differences: [
      'eval: in eval BatchNorm1d(3) uses its running statistics, InstanceNorm1d(3) still those of its input',
      'shape: the same on this shape only: with more than 1 along axis 0 they differ',
    ],
  },
  {
    claim: 'eval() turns off normalization by batch statistics',
    a: new BatchNorm1d(3).eval(), b: new InstanceNorm1d(3, { affine: true }).eval(), shape: [1, 3, 4],
    same: false,
    reason: 'BatchNorm1d(3) is in eval and uses its running statistics; InstanceNorm1d(3) uses those of its input',
    parameters: 'same',
    carry: "BatchNorm1d(3)'s parameters (3 along axis 1) serve InstanceNorm1d(3) as they are",
  },
  {
    claim: 'eval() turns off normalization by batch statistics: not without buffers',
    a: new BatchNorm1d(3, { trackRunningStats: false }).eval(), b: new InstanceNorm1d(3, { affine: true }).eval(), shape: [1, 3, 4],
    same: true,
    reason: 'BatchNorm1d(3) is InstanceNorm1d(3) on 1 × 3 × 4: the same 3 sets of 4 elements',
    parameters: 'same',
    carry: "BatchNorm1d(3)'s parameters (3 along axis 1) serve InstanceNorm1d(3) as they are",
  },
  {
    claim: 'tracked InstanceNorm in eval is BatchNorm in eval',
    a: new InstanceNorm1d(3, { affine: true, trackRunningStats: true }).eval(), b: new BatchNorm1d(3).eval(), shape: [2, 3, 4],
    same: true,
    reason: 'in eval InstanceNorm1d(3) and BatchNorm1d(3) have 3 running means, each for 8 elements, the same ones: alike where their values are',
    parameters: 'same',
    carry: "InstanceNorm1d(3)'s parameters (3 along axis 1) serve BatchNorm1d(3) as they are",
    differences: [],
  },
  {
    claim: 'as many sets need not be the same ones',
    a: 'a [b] c', b: 'a b [c]', shape: [2, 3, 3],
    same: false,
    reason: "'a [b] c' and 'a b [c]' have 6 means, each over 3 elements, but not the same ones: x[0, 1, 0] shares with x[0, 0, 0] in 'a [b] c' only",
    parameters: 'none',
    carry: "'a [b] c' and 'a b [c]' have no parameters",
  },
  {
    claim: 'channels last is a permutation of channels first',
    a: 'b h w [c], c h w', b: 'b h w [c], h w c', shape: [2, 3, 4, 5],
    same: true,
    reason: "'b h w [c], c h w' is 'b h w [c], h w c' on 2 × 3 × 4 × 5: the same 24 sets of 5 elements",
    parameters: 'reshape',
    carry: "'b h w [c], c h w''s parameters (5 × 3 × 4 along axes 1, 2, 3) become 'b h w [c], h w c''s (3 × 4 × 5 along axes 1, 2, 3) by "
      + 'weight.permute([1, 2, 0])',
  },
  {
    claim: 'nothing to normalize',
    a: new LayerNorm(4), b: new LayerNorm([0, 4]), shape: [0, 4],
    same: true,
    reason: '0 × 4 has no elements: there is nothing to normalize',
    parameters: 'impossible',
    carry: "LayerNorm(4)'s parameters (4 along axis 1) cannot become LayerNorm([0, 4])'s (0 × 4 along axis 1)",
  },
  {
    claim: 'an empty batch has parameters all the same',
    a: new GroupNorm(1, 3), b: new LayerNorm([3, 2]), shape: [0, 3, 2],
    same: true,
    reason: '0 × 3 × 2 has no elements: there is nothing to normalize',
    parameters: 'expand',
    carry: "GroupNorm(1, 3)'s parameters (3 along axis 1) become LayerNorm([3, 2])'s (3 × 2 along axes 1, 2) by "
      + 'weight.reshape([3, 1]).expand([3, 2]); back only where they are constant along axis 2',
  },
];

describe('equivalent', () => {
  test.each(claims)('$claim', ({ a, b, shape, shapeB, differences, same, reason, parameters, carry }) => {
    const verdict = equivalent(a, b, shape, shapeB);
    expect(verdict).toMatchObject({ same, reason, parameters, carry });
    if (differences) expect(verdict.differences.map((found) => `${found.in}: ${found.text}`)).toEqual(differences);
    // Either way round.
    expect(equivalent(b, a, shapeB ?? shape, shape).same).toBe(same);
  });
});

describe('refusals', () => {
  const refused: [what: string, call: () => unknown, code: string, message: RegExp][] = [
    ['an index of another rank', () => explain('b [c]', [2, 3]).setOf([1]), 'rank', /\[1\].*2 × 3/],
    ['an index out of range', () => explain('b [c]', [2, 3]).setOf([1, 3]), 'argument', /\[1, 3\].*2 × 3.*axis 1.*below 3/],
    ['an index that is no number', () => explain('b [c]', [2, 3]).setOf([NaN, 0]), 'argument', /\[NaN, 0\].*axis 0/],
    ['a shape with another width', () => explain(new LayerNorm(5), [2, 3, 4]), 'shape', /5.*4/s],
    ['a shape with another number of channels', () => explain(new BatchNorm2d(3), [2, 4, 3, 3]), 'shape', /3.*4/s],
    ['groups that do not divide', () => explain('b (g [c])', [2, 6], { g: 4 }), 'indivisible', /6, which does not divide into g = 4/],
    ['a layer without sets', () => explain(new LocalResponseNorm(5) as never, [2, 3, 4]), 'argument', /LocalResponseNorm.* has no pattern/],
    ['nothing', () => explain(null as never, [2, 3]), 'argument', /null has no pattern/],
    ['unknown statistics', () => explain('b [c]', [2, 3], { statistics: 'mean' as never }), 'argument', /got 'mean'/],
    ['shapes of different sizes', () => equivalent('b [c]', 'b [c]', [2, 3], [2, 4]), 'shape', /2 × 3 has 6 elements, 2 × 4 has 8/],
    ['a shape that is none', () => equivalent('b [c]', 'b [c]', [2, 1.5]), 'size', /1\.5/],
  ];
  test.each(refused)('%s', (_, call, code, message) => {
    expect(call).toThrow(KeelError);
    expect(call).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
  });
});
