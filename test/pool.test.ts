// Pooling: PyTorch's numbers on every backend, gradients of gradients, reprs and refusals.
import {
  AdaptiveAvgPool2d, adaptiveAvgPool2d, arange, AvgPool2d, avgPool2d, backends, conv2d, grad, MaxPool2d, maxPool2d, memory, ones,
  scope, useBackend, zeros, type Tensor,
} from 'evenkeel';
import { beforeAll, describe, expect, test } from 'vitest';
import { secondGradientError, gradientError, wave } from './gradcheck.js';
import { refusal } from './refusal.js';
import { expectEntry, tables, tensorOf } from './vision/stored.js';

const calls: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  'max 3, stride 2, padding 1': (x) => maxPool2d(x, 3, { stride: 2, padding: 1 }),
  'max 2 of ties': (x) => maxPool2d(x, 2),
  'max 3, stride 1 of ties': (x) => new MaxPool2d(3, { stride: 1, padding: 1 }).forward(x),
  'max of NaN': (x) => maxPool2d(x, 3, { stride: 2, padding: 1 }),
  'max of infinities': (x) => maxPool2d(x, 2),
  'max [3, 2], dilation [1, 2]': (x) => new MaxPool2d([3, 2], { stride: [2, 1], padding: [1, 0], dilation: [1, 2] }).forward(x),
  'max 3, padding 1, dilation 2': (x) => maxPool2d(x, 3, { stride: 2, padding: 1, dilation: 2 }),
  'max 2, ceil': (x) => new MaxPool2d(2, { ceilMode: true }).forward(x),
  'max 3, stride 2, padding 1, ceil': (x) => maxPool2d(x, 3, { stride: 2, padding: 1, ceilMode: true }),
  'max 2, stride 3, padding 1, ceil': (x) => maxPool2d(x, 2, { stride: 3, padding: 1, ceilMode: true }),
  'max without a batch': (x) => new MaxPool2d(2).forward(x),
  'max of no samples': (x) => maxPool2d(x, 2),
  'avg 2': (x) => avgPool2d(x, 2),
  'avg 3, stride 2, padding 1': (x) => new AvgPool2d(3, { stride: 2, padding: 1 }).forward(x),
  'avg 3, padding 1, not counted': (x) => avgPool2d(x, 3, { stride: 2, padding: 1, countIncludePad: false }),
  'avg [3, 2], ceil': (x) => new AvgPool2d([3, 2], { stride: 2, padding: 1, ceilMode: true }).forward(x),
  'avg 3, ceil, not counted': (x) => avgPool2d(x, 3, { stride: 2, padding: 1, ceilMode: true, countIncludePad: false }),
  'avg 2, divisor 3': (x) => avgPool2d(x, 2, { divisorOverride: 3 }),
  'avg 2, stride 3, ceil': (x) => avgPool2d(x, 2, { stride: 3, ceilMode: true }),
  'adaptive 1': (x) => new AdaptiveAvgPool2d(1).forward(x),
  'adaptive [2, 3]': (x) => adaptiveAvgPool2d(x, [2, 3]),
  'adaptive [4, null]': (x) => new AdaptiveAvgPool2d([4, null]).forward(x),
  'adaptive to more': (x) => adaptiveAvgPool2d(x, [5, 3]),
  'adaptive of NaN': (x) => adaptiveAvgPool2d(x, 2),
};

describe.each(backends())('%s', (backend) => {
  beforeAll(() => {
    const before = useBackend(backend);
    return () => useBackend(before);
  });

  test.each(tables.pools)('$name', (row) => {
    const x = tensorOf(row.x, true);
    const y = calls[row.name]?.(x);
    expectEntry('y', y, row.y);
    y?.backward(tensorOf(row.dy));
    expectEntry('dx', x.grad, row.dx);
    const recorded = grad(calls[row.name]?.(x) ?? x, x, { gradOutputs: tensorOf(row.dy), createGraph: true });
    expectEntry('dx, recorded', recorded[0], row.dx);
  });

  test('what a pass leaves is its output', () => {
    const x = ones([1, 2, 5, 5]);
    const before = memory().tensors;
    for (const call of Object.values(calls)) scope(() => void call(x.detach()));
    for (const call of [calls['max 2 of ties'], calls['avg 2'], calls['adaptive [2, 3]']]) call?.(x).dispose();
    expect(memory().tensors).toBe(before);
  });
});

test('every stored row is run', () => {
  expect(Object.keys(calls)).toEqual(tables.pools.map(({ name }) => name));
});

test.each([
  ['max', (x: Tensor) => maxPool2d(x.mul(x), 3, { stride: 2, padding: 1 })],
  ['avg', (x: Tensor) => avgPool2d(x.mul(x), 3, { stride: 2, padding: 1, countIncludePad: false })],
  ['adaptive', (x: Tensor) => adaptiveAvgPool2d(x.mul(x), [2, 3])],
])('%s: both derivatives against differences, in float64', (_, f) => {
  const x = wave([1, 2, 5, 4], 0.3);
  expect(gradientError(f, [x])).toBeLessThan(1e-8);
  expect(secondGradientError(f, [x])).toBeLessThan(1e-8);
});

test.each([
  [new MaxPool2d(3, { stride: 2, padding: 1 }), 'MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=False)'],
  [new MaxPool2d([3, 2]), 'MaxPool2d(kernel_size=(3, 2), stride=(3, 2), padding=0, dilation=1, ceil_mode=False)'],
  [new AvgPool2d(2), 'AvgPool2d(kernel_size=2, stride=2, padding=0)'],
  [new AdaptiveAvgPool2d(1), 'AdaptiveAvgPool2d(output_size=1)'],
  [new AdaptiveAvgPool2d([1, null]), 'AdaptiveAvgPool2d(output_size=(1, None))'],
])('%s', (layer, text) => {
  expect(String(layer)).toBe(text);
});

const x = zeros([1, 2, 5, 6]);
const plane = zeros([5, 6]);
test.each([
  ['half a window of padding', () => maxPool2d(x, 3, { padding: 2 }), 'argument',
    'pad should be at most half of effective kernel size, but got pad=2, kernel_size=3 and dilation=1'],
  ['no window', () => maxPool2d(x, 0), 'argument', 'kernel_size must either be a single int, or a tuple of two ints'],
  ['no step', () => avgPool2d(x, 3, { stride: 0 }), 'argument', 'greater than zero'],
  ['padding below 0', () => maxPool2d(x, 3, { padding: -1 }), 'argument', 'non-negative'],
  ['three sizes', () => new MaxPool2d([2, 2, 2]).forward(x), 'argument', 'a tuple of two ints'],
  ['half an element', () => maxPool2d(x, 2.5), 'argument', 'number 2.5'],
  ['a window larger than the image', () => maxPool2d(x, 7), 'shape',
    'Given input size: (2x5x6). Calculated output size: (2x0x0). Output size is too small'],
  ['a plane', () => maxPool2d(plane, 2), 'rank', 'non-empty 3D or 4D (batch mode) tensor expected for input'],
  ['an empty image', () => maxPool2d(zeros([1, 2, 0, 6]), 2), 'shape', 'but got:[1, 2, 0, 6]'],
  ['whole numbers', () => maxPool2d(arange(16).reshape([1, 4, 4]).to('int64'), 2), 'dtype', 'int64'],
  ['a divisor of 0', () => avgPool2d(x, 2, { divisorOverride: 0 }), 'argument', 'divisor must be not zero'],
  ['an adaptive plane', () => adaptiveAvgPool2d(plane, 2), 'rank', 'Expected 3D or 4D tensor, but got [5, 6]'],
  ['one of two sizes', () => new AdaptiveAvgPool2d([2]).forward(x), 'argument', 'output_size must be 2'],
  ['fewer than no windows', () => adaptiveAvgPool2d(x, -1), 'argument', 'greater than or equal to 0 but received {-1, -1}'],
  ['windows beyond what a tensor holds', () => adaptiveAvgPool2d(x, 2 ** 20), 'size', '1 × 2 × 1048576 × 1048576'],
  ['an adaptive pool of nothing', () => adaptiveAvgPool2d(zeros([1, 2, 0, 6]), 2), 'shape',
    'input has sizes [1, 2, 0, 6] with dimension 2 being empty'],
  ["PyTorch's place of the stride", () => Reflect.apply(maxPool2d, null, [x, 3, 2]), 'argument', 'takes its options as an object of stride, '],
  ["another function's option", () => Reflect.apply(avgPool2d, null, [x, 2, { dilation: 2 }]), 'argument', 'avg_pool2d has no option dilation'],
  ['a divisor of text', () => Reflect.apply(avgPool2d, null, [x, 2, { divisorOverride: '3' }]), 'argument', 'divisor must be'],
  ["PyTorch's place of the bias", () => Reflect.apply(conv2d, null, [x, zeros([1, 2, 3, 3]), zeros([1])]), 'argument',
    'conv2d takes its options as an object of bias, '],
  ['an option of a convolution', () => Reflect.apply(conv2d, null, [x, zeros([1, 2, 3, 3]), { pading: 1 }]), 'argument',
    'conv2d has no option pading'],
  ['an unknown option', () => new MaxPool2d(2, JSON.parse('{ "ceil_mode": true }')), 'argument', 'did you mean ceilMode?'],
])('refuses %s', (_, call, code, words) => {
  const error = refusal(call);
  expect([error.code, error.message]).toEqual([code, expect.stringContaining(words)]);
});
