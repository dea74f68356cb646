// First and second derivatives of every differentiable operation against central finite differences in float64.
import {
  cat, conv1d, conv2d, conv3d, convTranspose1d, convTranspose2d, convTranspose3d, elu, embedding, gelu, grad, leakyRelu,
  linear, logSoftmax, matmul, norm, relu6, silu, softmax, softplus, stack, tensor, where, type Statistics, type Tensor,
} from 'evenkeel';
import { expect, test } from 'vitest';
import { normalize } from '../src/ops/norm.js';
import { layout } from '../src/plan.js';
import { gradientError, gradientOf, secondGradientError, wave, type Differentiable } from './gradcheck.js';

/** f by name, and the shapes of its inputs. */
type Row = readonly [name: string, f: Differentiable, ...shapes: (readonly number[])[]];

const mask = tensor([[true, false, true], [false, false, true]]);
const index = tensor(new BigInt64Array([2n, 0n, 2n, 1n]), [2, 2]);
const positive = (x: Tensor): Tensor => x.mul(x).add(0.3);

const rows: readonly Row[] = [
  ['neg', (x) => x.neg(), [2, 3]],
  ['abs', (x) => x.abs(), [2, 3]],
  ['sign', (x) => x.sign().add(x), [2, 3]],
  ['exp', (x) => x.exp(), [2, 3]],
  ['log', (x) => positive(x).log(), [2, 3]],
  ['log1p', (x) => positive(x).log1p(), [2, 3]],
  ['sqrt', (x) => positive(x).sqrt(), [2, 3]],
  ['rsqrt', (x) => positive(x).rsqrt(), [2, 3]],
  ['square', (x) => x.square(), [2, 3]],
  ['reciprocal', (x) => positive(x).reciprocal(), [2, 3]],
  ['sin', (x) => x.sin(), [2, 3]],
  ['cos', (x) => x.cos(), [2, 3]],
  ['tanh', (x) => x.tanh(), [2, 3]],
  ['sigmoid', (x) => x.sigmoid(), [2, 3]],
  ['erf', (x) => x.erf(), [2, 3]],
  ['relu', (x) => x.relu(), [2, 3]],
  ['floor', (x) => x.mul(10).floor().add(x), [2, 3]],
  ['add', (a, b) => a.add(b), [2, 3], [3]],
  ['add a number', (a) => a.add(2).mul(a), [2, 3]],
  ['sub', (a, b) => a.sub(b), [3], [2, 1]],
  ['mul', (a, b) => a.mul(b), [2, 1, 3], [2, 1]],
  ['div', (a, b) => a.div(positive(b)), [2, 3], [1, 3]],
  ['pow', (a, b) => positive(a).pow(b), [2, 3], [3]],
  ['pow of a whole number', (a) => a.pow(3), [2, 3]],
  ['maximum', (a, b) => a.maximum(b), [2, 3], [3]],
  ['minimum', (a, b) => a.minimum(b), [2, 3], [2, 1]],
  ['clamp', (x) => x.clamp({ min: -0.7, max: 0.8 }), [3, 3]],
  ['where', (a, b) => where(mask, a, b), [2, 3], [3]],
  ['x + x', (x) => x.add(x).mul(x), [2, 3]],
  ['a diamond', (x) => x.exp().mul(x.sin()).add(x.exp()), [2, 3]],

  ['sum', (x) => x.sum([0, 2]).square(), [2, 3, 2]],
  ['sum of scattered axes', (x) => x.sum([0, 2, 4], { keepdim: true }).square(), [2, 1, 2, 3, 2]],
  ['mean', (x) => x.mean(1, { keepdim: true }).mul(x), [2, 3, 2]],
  ['mean of all', (x) => x.mean().square(), [2, 3]],
  ['var', (x) => x.var(1), [2, 3]],
  ['var, biased', (x) => x.var([0, 1], { unbiased: false, keepdim: true }).mul(x), [2, 3]],
  ['max', (x) => x.max(1).square(), [2, 4]],
  ['min', (x) => x.min([0, 2], { keepdim: true }).square(), [2, 2, 3]],
  ...[2, 1, 3, 1.5, 0.5, -1, Infinity, -Infinity, 0].map(
    (p): Row => [`vectorNorm ${p}`, (x) => x.vectorNorm(p, 1, { keepdim: true }).mul(x), [2, 3]],
  ),

  ['reshape', (x) => x.reshape([3, -1]).square(), [2, 3]],
  ['permute', (x) => x.permute([2, 0, 1]).square(), [2, 3, 2]],
  ['transpose', (x) => x.transpose(0, -1).square(), [2, 3, 2]],
  ['unsqueeze', (x) => x.unsqueeze(1).square(), [2, 3]],
  ['squeeze', (x) => x.squeeze(1).square(), [2, 1, 3]],
  ['flatten', (x) => x.flatten(1).square(), [2, 3, 2]],
  ['expand', (x) => x.expand([2, 3, 2]).square(), [3, 1]],
  ['repeat', (x) => x.repeat([2, 1, 2]).square(), [2, 3]],
  ['split', (x) => x.split([1, 2], 1).reduce((sum, part) => sum.add(part.square().sum()), x.sum()), [2, 3]],
  ['chunk', (x) => (x.chunk(2, 1)[1] ?? x).square(), [2, 3]],
  ['slice', (x) => x.slice(1, 1, Infinity, 2).square(), [2, 5]],
  ['select', (x) => x.select(1, -1).square(), [2, 3]],
  ['cat', (a, b) => cat([a, b, a], 1).square(), [2, 3], [2, 1]],
  ['stack', (a, b) => stack([a, b], -1).square(), [2, 3], [2, 3]],
  ['clone', (x) => x.clone().square(), [2, 3]],
  ['to', (x) => x.to('float64').square(), [2, 3]],

  ['matmul', (a, b) => matmul(a, b), [2, 3], [3, 2]],
  ['matmul of vectors', (a, b) => matmul(a, b), [3], [3]],
  ['matmul of batches', (a, b) => matmul(a, b), [2, 1, 2, 3], [3, 3, 2]],
  ['matmul of one matrix and a batch', (a, b) => matmul(a, b), [2, 3], [2, 3, 2]],
  ['matmul of itself', (a) => matmul(a, a.transpose(0, 1)), [2, 3]],
  ['linear', (x, w, b) => linear(x, w, b), [2, 1, 3], [2, 3], [2]],
  ['conv1d', (x, w, b) => conv1d(x, w, { bias: b, stride: 2, padding: 1 }), [2, 2, 4], [2, 2, 3], [2]],
  ['conv2d', (x, w) => conv2d(x, w, { groups: 2, dilation: [1, 2] }), [1, 2, 2, 4], [4, 1, 2, 2]],
  ['conv3d', (x, w) => conv3d(x, w), [1, 1, 2, 2, 3], [1, 1, 2, 1, 2]],
  [
    'convTranspose1d', (x, w, b) => convTranspose1d(x, w, { bias: b, stride: 2, outputPadding: 1 }),
    [1, 2, 3], [2, 1, 2], [1],
  ],
  ['convTranspose2d', (x, w) => convTranspose2d(x, w, { groups: 2, padding: 1 }), [1, 2, 2, 3], [2, 1, 2, 3]],
  ['convTranspose3d', (x, w) => convTranspose3d(x, w), [1, 1, 1, 2, 2], [1, 1, 2, 1, 2]],
  ['softmax', (x) => softmax(x, 1), [2, 4]],
  ['softmax of an inner axis', (x) => softmax(x, 1), [2, 3, 2]],
  ['logSoftmax', (x) => logSoftmax(x, 0), [3, 2]],
  ['embedding', (w) => embedding(index, w).square(), [3, 2]],

  ['gelu', (x) => gelu(x), [2, 4]],
  ['gelu by tanh', (x) => gelu(x, 'tanh'), [2, 4]],
  ['silu', (x) => silu(x), [2, 4]],
  ['elu', (x) => elu(x, 0.7), [2, 4]],
  ['leakyRelu', (x) => leakyRelu(x, 0.2), [2, 4]],
  ['relu6', (x) => relu6(x.mul(5)), [2, 4]],
  ['softplus', (x) => softplus(x, 2, 1.5), [2, 4]],
];

test.each(rows.map(([name, f, ...shapes]) => ({ name, f, shapes })))('$name', ({ f, shapes }) => {
  const inputs = shapes.map((shape, i) => wave(shape, i + 0.2));
  expect(gradientError(f, inputs)).toBeLessThan(1e-8);
  expect(secondGradientError(f, inputs)).toBeLessThan(1e-7);
});

/** Every row of the design's table, patterns that are permuted first, and parameters that are spread. */
type Patterned = readonly [text: string, shape: readonly number[], sizes?: Readonly<Record<string, number>>];
const patterns: readonly Patterned[] = [
  ['b... [c], c', [2, 1, 4]],
  ['b... [c h w], c h w', [2, 2, 1, 3]],
  ['b [c] s..., c', [2, 3, 2]],
  ['b (g [c]) [s...], (g c)', [2, 4, 2], { g: 2 }],
  ['b c [s...], c', [2, 2, 3]],
  ['[b] c [s...], c', [2, 3, 2]],
  ['[b s...] c, c', [2, 2, 3]],
  ['b [s...] c, c', [2, 3, 2]],
  ['b [s...] (g [c]), (g c)', [2, 2, 4], { g: 2 }],
  ['o [i...], o', [3, 2, 2]],
  ['a [b] c [d] e, c', [2, 2, 2, 2, 2]],
  ['[a] b [c] d [e], d b', [2, 2, 2, 1, 2]],
  ['[a] b [c] d [e] f, b e', [2, 2, 2, 2, 2, 1]],
  ['a [b c], c b', [2, 2, 3]],
  ['a [b c] d, d a', [2, 2, 2, 2]],
  ['[a b],', [2, 3]],
  ['a b, b', [2, 3]],
];

const kinds: readonly Statistics[] = ['moments', 'rms', 'l2'];

interface NormRow {
  readonly name: string;
  readonly f: Differentiable;
  readonly inputs: readonly Tensor[];
}

function normRow(
  [text, shape, sizes = {}]: Patterned, statistics: Statistics, uses: readonly string[], eps: number,
): NormRow {
  const { parameterShape } = layout(text, shape, sizes);
  const f: Differentiable = (x, ...parameters) => {
    const named = Object.fromEntries(uses.map((name, i) => [name, parameters[i]]));
    return norm(x, text, { ...sizes, statistics, eps, ...named });
  };
  const inputs = [wave(shape, 0.2), ...uses.map((_, i) => wave(parameterShape ?? [], i + 1))];
  const name = `${statistics} of '${text}' on ${shape.join('×')} with ${uses.join(' and ') || 'nothing'}, eps ${eps}`;
  return { name, f, inputs };
}

const both = ['weight', 'bias'];
const normRows: readonly NormRow[] = [
  ...kinds.flatMap((kind) => patterns.map((pattern) => normRow(pattern, kind, both, 0.01))),
  ...kinds.flatMap((kind) =>
    [['weight'], ['bias'], []].flatMap((uses) =>
      patterns.filter((_, i) => [3, 10, 12].includes(i)).map((pattern) => normRow(pattern, kind, uses, 1e-5)),
    ),
  ),
  // The length is below eps, so that eps divides.
  normRow(['b [c], c', [2, 3]], 'l2', both, 10),
];

test.each(normRows)('$name', ({ f, inputs }) => {
  expect(gradientError(f, inputs)).toBeLessThan(1e-8);
  expect(secondGradientError(f, inputs)).toBeLessThan(1e-6);
  expect(disagreement(f, inputs)).toBeLessThan(1e-12);
});

/** Largest difference of the fused backward kernel from the recorded operations. */
function disagreement(f: Differentiable, inputs: readonly Tensor[]): number {
  const y = f(...inputs);
  const gradOutputs = wave(y.shape, 0.9).detach();
  const fused = grad(y, inputs, { gradOutputs, retainGraph: true });
  const recorded = grad(y, inputs, { gradOutputs, createGraph: true });
  const apart = fused.map((dx, i) => dx?.sub(recorded[i] ?? NaN).abs().max().item() ?? NaN);
  return Math.max(...apart);
}

test.each<[name: string, statistics: Statistics, offset: number, scale: number, eps: number]>([
  ['a mean of 10⁴ deviations', 'moments', 1e4, 1, 1e-5],
  ['a mean of 10⁶ deviations', 'moments', 1e6, 1, 1e-5],
  ['10²⁰', 'moments', 0, 1e20, 0],
  ['10⁻²⁰', 'moments', 0, 1e-20, 0],
  ['10²⁰ by rms', 'rms', 0, 1e20, 0],
  ['10³⁰ by l2', 'l2', 0, 1e30, 0],
])('the recorded backward pass is as good as the fused one in float32: %s', (_, statistics, offset, scale, eps) => {
  const x = tensor(wave([4, 8], 0.2).add(offset).mul(scale).detach().data.slice(), [4, 8], { requiresGrad: true, dtype: 'float32' });
  const gradOutputs = tensor(wave([4, 8], 0.9).detach().data.slice(), [4, 8], { dtype: 'float32' });
  const y = norm(x, 'b [c]', { statistics, eps });
  const [fused] = grad(y, x, { gradOutputs, retainGraph: true });
  const [recorded] = grad(y, x, { gradOutputs, createGraph: true });
  const largest = fused?.abs().max().item() ?? NaN;
  expect(largest).toBeGreaterThan(0);
  expect((fused?.sub(recorded ?? NaN).abs().max().item() ?? NaN) / largest).toBeLessThan(3e-7);
});

test.each(['[b] c [s...], c', 'b [c] s..., c', 'a [b] c [d] e, c'])("given statistics of '%s'", (text) => {
  const shape = text.startsWith('a') ? [2, 2, 2, 2, 1] : [2, 3, 2];
  const form = layout(text, shape);
  const [mean, deviation] = [wave(form.statisticShape, 3).detach(), wave(form.statisticShape, 4).detach()];
  const given = { mean, variance: deviation.square() };
  const f: Differentiable = (x, weight, bias) => {
    return normalize(x, form, { weight: weight ?? null, bias: bias ?? null, given, eps: 0.1 }).y;
  };
  const inputs = [wave(shape, 0.2), wave(form.parameterShape ?? [], 1), wave(form.parameterShape ?? [], 2)];
  expect(gradientError(f, inputs)).toBeLessThan(1e-8);
  expect(secondGradientError(f, inputs)).toBeLessThan(1e-7);
  expect(disagreement(f, inputs)).toBeLessThan(1e-12);
});

test.each(kinds)('the third derivative of norm by %s', (statistics) => {
  const f: Differentiable = (x) => norm(x, 'b [c]', { statistics, eps: 0.1 });
  const first: Differentiable = (x) => gradientOf(f, 1)(x, wave([2, 3], 1.9).detach());
  const second: Differentiable = (x) => grad(first(x), x, { createGraph: true })[0] ?? x;
  expect(gradientError(second, [wave([2, 3], 0.2)])).toBeLessThan(1e-7);
});
