// The hand-written layers against evenkeel's and against stored results, values and gradients; and what the examples claim.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  BatchNorm1d, BatchNorm2d, Conv2d, grad, GroupNorm, InstanceNorm1d, InstanceNorm2d, LayerNorm, LayerNorm2d, Linear,
  LocalResponseNorm, manualSeed, randn, RMSNorm, spectralNorm, tensor, weightNorm, type Module, type Tensor,
} from 'evenkeel';
import { describe, expect, test } from 'vitest';
import { batchNorm, batchNormEval, batchStatistics, runningAfter } from '../examples/by-hand/batch-norm.js';
import { groupNorm } from '../examples/by-hand/group-norm.js';
import { instanceNorm } from '../examples/by-hand/instance-norm.js';
import { layerNorm2d } from '../examples/by-hand/layer-norm-2d.js';
import { layerNormOver } from '../examples/by-hand/layer-norm-dims.js';
import { errors, LayerNormByHand } from '../examples/by-hand/layer-norm.js';
import { localResponseNorm } from '../examples/by-hand/local-response-norm.js';
import { rmsNorm } from '../examples/by-hand/rms-norm.js';
import { iterated, matrixOf, spectrallyNormalized } from '../examples/by-hand/spectral-norm.js';
import { normalizedWeight, rowLengths } from '../examples/by-hand/weight-norm.js';
import { contrasts } from '../examples/claims/instance-norm-contrast.js';
import { rewrites } from '../examples/claims/layer-norm-2d-rewrite.js';
import { spreads } from '../examples/claims/layer-norm-erases-differences.js';
import { batchNorm as batchNormOfWords, changes, layerNorm as layerNormOfWords } from '../examples/claims/padding.js';
import { pass } from '../examples/claims/recurrent.js';
import { firstToLast, gradients as gradientsByDepth } from '../examples/claims/residual.js';
import { loadSuites, type Case } from '../tools/oracle/suite.js';
import { closeness } from './closeness.js';

type Layer = Module & { forward(x: Tensor): Tensor };
/** The layer by hand; weight and bias are the layer's own, null where it has none. */
type ByHand = (x: Tensor, weight: Tensor | null, bias: Tensor | null) => Tensor;

// The layer, the same by hand, the input's shape, and how far values and gradients may be apart.
const rows: [name: string, layer: () => Layer, byHand: ByHand, shape: number[], atol: number, gradAtol: number][] = [
  ['BatchNorm1d', () => new BatchNorm1d(5, { affine: false }), batchNormOf, [8, 5], 1e-6, 1e-6],
  ['BatchNorm1d of sequences', () => new BatchNorm1d(3, { affine: false }), batchNormOf, [2, 3, 4], 1e-6, 1e-6],
  ['BatchNorm2d', () => new BatchNorm2d(3, { affine: false }), batchNormOf, [4, 3, 5, 5], 1e-6, 1e-6],
  ['LayerNorm over -1', () => new LayerNorm(4, { elementwiseAffine: false }), (x) => layerNormOver(x, -1), [2, 3, 4], 1e-6, 1e-6],
  ['LayerNorm over -2 and -1', () => new LayerNorm([3, 4], { elementwiseAffine: false }), (x) => layerNormOver(x, [-2, -1]),
    [2, 3, 4], 1e-6, 1e-6],
  ['LayerNorm2d', () => new LayerNorm2d(6), layerNorm2d, [2, 6, 4, 5], 1e-6, 1e-5],
  ['InstanceNorm1d', () => new InstanceNorm1d(3), (x) => instanceNorm(x), [2, 3, 4], 1e-6, 2e-6],
  ['InstanceNorm2d', () => new InstanceNorm2d(3), (x) => instanceNorm(x), [2, 3, 4, 4], 1e-6, 1e-6],
  ['GroupNorm, 3 of 6', () => new GroupNorm(3, 6), (x, weight, bias) => groupNorm(x, 3, weight, bias), [2, 6, 4, 4], 1e-6, 1e-5],
  ['GroupNorm, one channel each', () => new GroupNorm(6, 6), (x, weight, bias) => groupNorm(x, 6, weight, bias), [2, 6, 5],
    1e-6, 1e-5],
  ['RMSNorm', () => new RMSNorm(8), (x, weight) => rmsNorm(x, weight), [2, 3, 8], 1e-6, 2e-6],
  ['LocalResponseNorm of 5', () => new LocalResponseNorm(5), (x) => localResponseNorm(x, 5), [2, 8, 3, 3], 1e-6, 1e-6],
  ['LocalResponseNorm of 4, strong', () => new LocalResponseNorm(4, { alpha: 2, beta: 0.5, k: 2 }),
    (x) => localResponseNorm(x, 4, { alpha: 2, beta: 0.5, k: 2 }), [2, 3, 5], 1e-6, 1e-6],
];

function batchNormOf(x: Tensor): Tensor {
  return batchNorm(x);
}

describe('by hand and the layer', () => {
  test.each(rows)('%s', (_, make, byHand, shape, atol, gradAtol) => {
    manualSeed(1);
    const layer = make();
    layer.loadStateDict(new Map([...layer.stateDict()].map(([key, value]) => [key, random(value)])));
    const x = randn(shape, { requiresGrad: true });
    const dy = randn(shape);
    const own = new Map(layer.namedParameters());
    const leaves = [x, ...own.values()];
    const results = [
      layer.train().forward(x),
      byHand(x, own.get('weight') ?? null, own.get('bias') ?? null),
    ].map((y) => ({ y, gradients: grad(y, leaves, { gradOutputs: dy }) }));
    const [wanted, got] = results;
    if (wanted === undefined || got === undefined) throw new Error('there are two results');
    expect(apart(got.y, wanted.y)).toBeLessThanOrEqual(atol);
    leaves.forEach((_, i) => expect(apart(got.gradients[i], wanted.gradients[i])).toBeLessThanOrEqual(gradAtol));
  });

  test.each(['deviations', 'mean of squares'] as const)('LayerNorm as a module, variance by %s', (variance) => {
    manualSeed(2);
    const [weight, bias, dy] = [randn([3, 4]), randn([3, 4]), randn([2, 3, 4])];
    const x = randn([2, 3, 4], { requiresGrad: true });
    const layer = new LayerNorm([3, 4]);
    layer.loadStateDict({ weight, bias });
    const module = new LayerNormByHand([3, 4], variance);
    module.loadStateDict({ gain: weight, bias });
    const [y, wanted] = [module.forward(x), layer.forward(x)];
    expect(apart(y, wanted)).toBeLessThanOrEqual(1e-6);
    const expected = grad(wanted, [x, ...layer.parameters()], { gradOutputs: dy });
    grad(y, [x, ...module.parameters()], { gradOutputs: dy }).forEach((dx, i) => {
      expect(apart(dx, expected[i])).toBeLessThanOrEqual(3e-6);
    });
  });

  test('running statistics', () => {
    manualSeed(2);
    const layer = new BatchNorm2d(3, { affine: false });
    let running = { mean: tensor([0, 0, 0]), variance: tensor([1, 1, 1]) };
    for (const x of [randn([4, 3, 2, 2]), randn([5, 3, 2, 2])]) {
      layer.forward(x);
      running = runningAfter(x, running);
    }
    expect(apart(running.mean, layer.runningMean)).toBeLessThanOrEqual(1e-7);
    expect(apart(running.variance, layer.runningVar)).toBeLessThanOrEqual(2e-7);
    const x = randn([1, 3, 2, 2]);
    expect(apart(batchNormEval(x, running), layer.eval().forward(x))).toBeLessThanOrEqual(1e-6);
  });

  test('weight norm', () => {
    manualSeed(3);
    const layer = weightNorm(new Linear(4, 3), { keys: 'old' });
    const state = layer.stateDict();
    const [v, g] = [randn([3, 4], { requiresGrad: true }), randn([3, 1], { requiresGrad: true })];
    layer.loadStateDict(new Map([...state, ['weight_v', v.detach()], ['weight_g', g.detach()]]));
    layer.forward(randn([2, 4]));
    const dweight = randn([3, 4]);
    const w = normalizedWeight(v, g);
    expect(apart(w, layer.weight)).toBeLessThanOrEqual(1e-6);
    const parameters = new Map(layer.namedParameters());
    const wanted = grad(layer.weight, ['weight_v', 'weight_g'].map((key) => found(parameters.get(key))), { gradOutputs: dweight });
    grad(w, [v, g], { gradOutputs: dweight }).forEach((dx, i) => expect(apart(dx, wanted[i])).toBeLessThanOrEqual(2e-6));
  });

  test.each([
    ['Linear', () => new Linear(4, 3), [2, 4]],
    ['Conv2d', () => new Conv2d(3, 4, 2), [2, 3, 5, 5]],
  ] as const)('spectral norm of %s', (_, make, shape) => {
    manualSeed(4);
    const layer = spectralNorm<Linear | Conv2d>(make(), { keys: 'old' });
    const state = layer.stateDict();
    const weight = found(state.get('weight_orig')).clone();
    weight.requiresGrad = true;
    const vectors = { u: found(state.get('weight_u')).clone(), v: found(state.get('weight_v')).clone() };
    const next = iterated(matrixOf(weight).detach(), vectors);
    layer.forward(randn(shape));
    const w = spectrallyNormalized(weight, next);
    expect(apart(w, layer.weight)).toBeLessThanOrEqual(1e-6);
    expect(apart(next.u, found(layer.stateDict().get('weight_u')))).toBeLessThanOrEqual(1e-6);
    const dweight = randn(weight.shape);
    const own = found(new Map(layer.namedParameters()).get('weight_orig'));
    const [wanted] = grad(layer.weight, [own], { gradOutputs: dweight });
    expect(apart(grad(w, [weight], { gradOutputs: dweight })[0], wanted)).toBeLessThanOrEqual(2e-6);
  });
});

/** The largest distance between two tensors. */
function apart(a: Tensor | null | undefined, b: Tensor | null | undefined): number {
  const [first, second] = [found(a), found(b)];
  expect(first.shape).toEqual(second.shape);
  return first.sub(second).abs().max().item();
}

function found<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error('there is no such tensor');
  return value;
}

function random(value: Tensor): Tensor {
  return value.dtype === 'float32' ? randn(value.shape) : value;
}

type Computed = Readonly<Record<string, Tensor | undefined>>;
/** A case of the worked examples by hand; `tensors` are its inputs and parameters. */
type Worked = (tensors: Record<string, Tensor>) => Computed;

const over = (dims: number | readonly number[]): Worked => ({ x }) => ({
  y: layerNormOver(found(x), dims),
  mean: x?.mean(dims),
  var: x?.var(dims, { unbiased: false }),
});
const batch: Worked = ({ x }) => {
  const { mean, variance } = batchStatistics(found(x));
  return { y: batchNorm(found(x)), mean, var: variance };
};
const module: Worked = (tensors) => {
  const { weight, bias } = tensors;
  const x = found(tensors['x']);
  const layer = new LayerNormByHand(x.shape.slice(1), 'deviations', { elementwiseAffine: weight !== undefined });
  if (weight !== undefined && bias !== undefined) layer.loadStateDict({ gain: weight, bias });
  // Gradients are taken of the module's own parameters.
  if (layer.gain !== null && layer.bias !== null) Object.assign(tensors, { weight: layer.gain, bias: layer.bias });
  const { mean, meanX2, variance } = layer.statistics(x);
  return { y: layer.forward(x), mean, mean_x2: meanX2, var: variance };
};
const pixels = (eps: number): Worked => ({ x, weight, bias }) => ({ y: layerNorm2d(found(x), weight, bias, eps) });
const weights: Worked = ({ weight_v: v, weight_g: g }) => ({
  weight: normalizedWeight(found(v), found(g)),
  direction: v?.div(rowLengths(v)),
});

// The ids of cases, and the layer by hand.
const worked: [id: RegExp, byHand: Worked][] = [
  [/^001\.table\.(bn_3_means|bn_official)$/, batch],
  [/^001\.table\.(ln_2_means|ln_official)$/, over([-2, -1])],
  [/^001\.table\.(in_6_means|in_official)$/, ({ x }) => ({ y: instanceNorm(found(x)) })],
  [/^001\.(randn123|randn123second|linspace)\.(layernorm4|by_hand_dim-1)$/, over(-1)],
  [/^001\.(randn123|randn123second|linspace)\.(layernorm3x4|by_hand_dim-2-1)$/, over([-2, -1])],
  [/^001\..*\.instancenorm2d$/, ({ x }) => ({ y: instanceNorm(found(x)) })],
  [/^002\.(ln_class|feature_map)\./, module],
  [/^003\.layernorm2d/, pixels(1e-5)],
  [/^000\.convnext_ln$/, pixels(1e-6)],
  [/^000\.cv_ln$/, over([-3, -2, -1])],
  [/^004\.batchnorm2d\.|^004\.table\.(bn_cv|bn_nlp|bn_nlp_official)$/, batch],
  [/^004\.layernorm_nlp\./, over(-1)],
  [/^004\.layernorm_cv\./, over([-3, -2, -1])],
  [/^004\.instancenorm2d\.|^004\.table\.(in_cv|in_nlp|in_nlp_official)$/, ({ x }) => ({ y: instanceNorm(found(x)) })],
  [/^004\.groupnorm(_6ch)?\.|^004\.table\.gn_/, ({ x }) => ({ y: groupNorm(found(x), 2) })],
  [/^004\.weight_norm\./, weights],
];

describe('by hand and the worked examples', async () => {
  const [suite] = await loadSuites(fileURLToPath(new URL('oracle', import.meta.url)), ['worked-examples']);
  const cases = found(suite).cases.flatMap((stored) => {
    const [, byHand] = worked.find(([pattern]) => pattern.test(stored.id)) ?? [];
    return byHand === undefined ? [] : [{ id: stored.id, stored, byHand }];
  });

  test('there are as many as there were', () => expect(cases).toHaveLength(53));
  test.each(cases)('$id', ({ stored, byHand }) => {
    const { json } = stored;
    const leaves = Object.fromEntries([...json.texts('inputs'), ...json.texts('params', [])].map((name) => [name, leaf(stored, name)]));
    const computed = byHand(leaves);
    const [name, upstream] = computed.y === undefined ? ['weight', 'dweight'] : ['y', 'dy'];
    const outputs: Computed = { ...computed, printed_y: computed.y, ...gradients(found(computed[name]), leaves, leaves[upstream]) };
    let compared = 0;
    for (const output of json.texts('outputs')) {
      const got = outputs[output];
      const { data } = found(stored.tensors.get(output));
      const limits = json.fields('tolerance').fields(output);
      if (got === undefined) continue;
      const [rtol, atol] = [limits.number('rtol'), limits.number('atol')];
      expect(closeness(got.data, data, { rtol, atol }), output).toBeNull();
      compared++;
    }
    expect(compared).toBeGreaterThan(0);
  });
});

function leaf(stored: Case, name: string): Tensor {
  const { data, shape } = found(stored.tensors.get(name));
  const x = tensor(data, shape);
  if (data instanceof Float32Array) x.requiresGrad = true;
  return x;
}

/** Gradients of Σ y·dy as `d<name>`; none where there is no dy. */
function gradients(y: Tensor, leaves: Readonly<Record<string, Tensor>>, dy: Tensor | undefined): Record<string, Tensor> {
  if (dy === undefined) return {};
  const names = Object.keys(leaves).filter((name) => leaves[name]?.requiresGrad === true);
  const all = grad(y, names.map((name) => found(leaves[name])), { gradOutputs: dy.detach() });
  return Object.fromEntries(names.flatMap((name, i) => (all[i] ? [[`d${name}`, found(all[i])]] : [])));
}

describe('what the examples claim', () => {
  const files = ['by-hand', 'claims'].flatMap((part) => readdirSync(`examples/${part}`).map((file) => ({ file: `${part}/${file}` })));

  test.each(files)('$file says it in lines of 120 characters', async ({ file }) => {
    const found: { example(): string | Promise<string> } = await import(/* @vite-ignore */ `../examples/${file}`);
    const lines = (await found.example()).split('\n');
    expect(lines.length).toBeGreaterThan(1);
    expect(lines.filter((line) => line.length > 120)).toEqual([]);
  });

  test('E[x²] − E[x]² loses the variance of a large mean', () => {
    const x = tensor(Float32Array.from({ length: 24 }, (_, i) => i), [2, 3, 4]);
    const [small, large] = [errors(x), errors(x.add(1e4))];
    expect(small.meanOfSquares).toBeLessThan(1e-6);
    expect(large.meanOfSquares).toBeGreaterThan(0.3);
    expect(large.deviations).toBeLessThan(1e-6);
    expect(errors(x.div(23).add(1e4)).meanOfSquares).toBeGreaterThan(50);
    expect(errors(x.div(11.5).add(1e4)).meanOfSquares).toBeNaN();
  });

  test('the module by hand refuses another shape', () => {
    expect(() => new LayerNormByHand([3, 4]).forward(randn([2, 4, 3]))).toThrow('the input ends in 4 × 3, not in 3 × 4');
  });

  test('LayerNorm erases how far features lie apart', async () => {
    const { before, after, largestDifference } = await spreads();
    expect(before[0] / before[1]).toBeCloseTo(10, 3);
    expect(after[0]).toBeCloseTo(1, 3);
    expect(after[1]).toBeCloseTo(1, 1);
    expect(largestDifference).toBeLessThan(0.01);
  });

  test('InstanceNorm removes contrast, BatchNorm does not', async () => {
    const { input, instanceNorm: instance, batchNorm: batched, largestDifference } = await contrasts();
    expect(input[0] / input[1]).toBeCloseTo(4, 3);
    expect(instance[0] / instance[1]).toBeCloseTo(1, 1);
    expect(batched[0] / batched[1]).toBeCloseTo(4, 3);
    expect(largestDifference).toBeLessThan(0.03);
  });

  test('padding moves words in BatchNorm and not in LayerNorm', () => {
    const { padding, ...moved } = changes(batchNormOfWords);
    expect(padding).toBeCloseTo(0.54, 2);
    for (const far of Object.values(moved)) expect(far).toBeGreaterThan(1);
    expect(changes(layerNormOfWords)).toEqual({ padding, morePadding: 0, noNeighbours: 0, evaluation: 0 });
  });

  test('LayerNorm keeps a recurrent network in range', async () => {
    for (const scale of [1, 2, 4]) {
      const normalized = await pass(scale, (a) => new LayerNorm(32).forward(a));
      expect(normalized.deviation).toBeCloseTo(1, 2);
      expect(Math.abs(Math.log10(normalized.growth))).toBeLessThan(1);
    }
    const [weak, strong] = [await pass(1, (a) => a), await pass(4, (a) => a)];
    expect(weak.deviation).toBeLessThan(0.5);
    expect(weak.growth).toBeLessThan(0.05);
    expect(strong.deviation).toBeGreaterThan(3);
    expect(strong.growth).toBeGreaterThan(1e6);
  });

  test.each([0, 1, 2])('a residual carries the gradient, with seed %i', (seed) => {
    const { residual, plain } = gradientsByDepth(seed);
    expect(firstToLast(residual)).toBeGreaterThan(1);
    expect(firstToLast(residual)).toBeLessThan(10);
    expect(firstToLast(plain)).toBeLessThan(1e-6);
    // It is shorter at every block than at the next.
    expect(plain.filter((length, i) => length >= (plain[i + 1] ?? Infinity))).toEqual([]);
  });

  test('the rewrite of LayerNorm2d fails, and its mends agree', () => {
    const { error, betweenMends, fromLayerNorm2d } = rewrites();
    expect(error).toContain('Expected weight to be of same shape as normalized_shape, but got weight of shape [6]');
    expect(betweenMends).toBeLessThan(1e-6);
    expect(fromLayerNorm2d).toBeGreaterThan(1);
  });
});
