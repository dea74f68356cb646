// Cross entropy and squared errors against PyTorch's: values, gradients and second derivatives, stored by optim/generate.py.
import {
  backends, crossEntropy, CrossEntropyLoss, grad, memory, mseLoss, MSELoss, ones, scope, tensor, useBackend, zeros,
  type CrossEntropyOptions, type DType, type Tensor,
} from 'evenkeel';
import { afterEach, describe, expect, test } from 'vitest';
import { expected, expectNear, singles } from './optim/stored.js';
import { refusal } from './refusal.js';

const inUse = useBackend('reference');
useBackend(inUse);
afterEach(() => {
  useBackend(inUse);
});

const places = [...backends().map((backend) => [backend, 'float32'] as const), ['reference', 'float64'] as const];
const int64 = (labels: readonly number[], shape?: readonly number[]): Tensor => tensor(labels, shape, { dtype: 'int64' });

describe.each(places)('%s %s', (backend, dtype) => {
  const make = (text: string, shape: readonly number[], requiresGrad = false): Tensor =>
    tensor(singles(text), shape, { dtype, requiresGrad });

  test.each(expected.losses.map((row) => ({ ...row, title: JSON.stringify(row.options) })))('$shape $target $title', (row) => {
    useBackend(backend);
    const before = memory().tensors;
    scope(() => {
      const x = make(row.x, row.shape, true);
      const t = typeof row.t === 'string' ? make(row.t, row.shape, true) : int64(row.t, row.places);
      const weight = row.weight === null ? null : make(row.weight, [row.weight.split(' ').length]);
      const options = optionsOf(row.options, weight);
      const y = crossEntropy(x, t, options);
      expectNear('y', y, row.y);
      expect(y.shape).toEqual(row.options['reduction'] === 'none' ? row.places : []);
      const dy = make(row.dy, y.shape);
      const wanted = t.requiresGrad ? [x, t] : [x];
      const [dx, dt] = grad(y, wanted, { gradOutputs: dy });
      expectNear('dx', dx, row.dx);
      if (row.dt !== null) expectNear('dt', dt, row.dt);
      const [again] = grad(crossEntropy(x, t, options), wanted, { gradOutputs: dy, createGraph: true });
      expectNear('dx as a graph', again, row.dx);
      const [second] = again?.requiresGrad === true ? grad(again, [x], { gradOutputs: make(row.v, row.shape) }) : [null];
      expectNear('second derivative', second, row.second);
      expectNear('layer', new CrossEntropyLoss(options).forward(x, t), row.y);
    });
    expect(memory().tensors).toBe(before);
  });

  test.each(expected.mse)('mse $reduction', (row) => {
    useBackend(backend);
    const before = memory().tensors;
    scope(() => {
      const [x, t] = [make(row.x, [2, 3], true), make(row.t, [2, 3], true)];
      const y = mseLoss(x, t, { reduction: row.reduction });
      expectNear('y', y, row.y);
      const dy = make(row.dy, y.shape);
      const [dx, dt] = grad(y, [x, t], { gradOutputs: dy, createGraph: true });
      expectNear('dx', dx, row.dx);
      expectNear('dt', dt, row.dt);
      expectNear('second derivative', dx && grad(dx, [x], { gradOutputs: make(row.v, [2, 3]) })[0], row.second);
      expectNear('layer', new MSELoss({ reduction: row.reduction }).forward(x, t), row.y);
    });
    expect(memory().tensors).toBe(before);
  });

  test('no rows at all have no mean', () => {
    useBackend(backend);
    const x = zeros([0, 3], { dtype });
    expect(crossEntropy(x, int64([], [0])).item()).toBeNaN();
    expect(crossEntropy(x, int64([], [0]), { reduction: 'sum' }).item()).toBe(0);
    expect(crossEntropy(x, int64([], [0]), { reduction: 'none' }).shape).toEqual([0]);
    expect(crossEntropy(x, zeros([0, 3], { dtype })).item()).toBeNaN();
  });

  test('a NaN in a row that does not count stays out of the loss', () => {
    useBackend(backend);
    const x = tensor([[NaN, 0], [1, 1]], { dtype });
    expect(crossEntropy(x, int64([-100, 1])).item()).toBeCloseTo(Math.LN2, 6);
  });
});

/** PyTorch's option names, as here. */
function optionsOf(given: Readonly<Record<string, number | string>>, weight: Tensor | null): CrossEntropyOptions {
  const names: Readonly<Record<string, string>> = { ignore_index: 'ignoreIndex', label_smoothing: 'labelSmoothing' };
  return { weight, ...Object.fromEntries(Object.entries(given).map(([name, value]) => [names[name] ?? name, value])) };
}

test('the weight is a buffer of the layer, and its print PyTorch\'s', () => {
  const weight = tensor([1, 2]);
  const layer = new CrossEntropyLoss({ weight });
  weight.dispose();
  expect([...layer.stateDict()].map(([key, value]) => [key, value.toArray()])).toEqual([['weight', [1, 2]]]);
  expect([String(layer), String(new MSELoss())]).toEqual(['CrossEntropyLoss()', 'MSELoss()']);
});

const x = ones([2, 3]);
const wrong = (dtype: DType): Tensor => zeros([2], { dtype });

test.each([
  ['a label beyond the classes', () => crossEntropy(x, int64([0, 3])), 'dimension', 'Target 3 is out of bounds. It stands at [1], and the input has 3 classes'],
  ['a negative label', () => crossEntropy(x, int64([-1, 0])), 'dimension', 'Target -1 is out of bounds. It stands at [0]'],
  ['a label within an image', () => crossEntropy(ones([1, 2, 2, 2]), int64([0, 1, 5, 0], [1, 2, 2])), 'dimension', 'Target 5 is out of bounds. It stands at [0, 1, 0]'],
  ['the only label', () => crossEntropy(ones([3]), int64([7], [])), 'dimension', 'Target 7 is out of bounds. It stands alone'],
  ['another batch', () => crossEntropy(x, int64([0, 0, 0])), 'shape', 'Expected input batch_size (2) to match target batch_size (3).'.slice(0, -1)],
  ['other places', () => crossEntropy(ones([2, 3, 4]), int64([0, 0], [2, 1])), 'shape', 'Expected target size [2, 4], got [2, 1]'],
  ['float labels', () => crossEntropy(x, wrong('float32')), 'dtype', "expected scalar type Long but found float32: targets are int64 classes, of shape [2], or probabilities of the input's shape [2, 3]; got [2]; make classes with tensor(labels, { dtype: 'int64' }) or .to('int64')"],
  ['int64 probabilities', () => crossEntropy(x, zeros([2, 3], { dtype: 'int64' })), 'dtype', 'Expected floating point type for target with class probabilities, got int64'],
  ['ignoring among probabilities', () => crossEntropy(x, x, { ignoreIndex: 1 }), 'argument', 'ignore_index is not supported for floating point target'],
  ['a mix of dtypes', () => crossEntropy(x, ones([2, 3], { dtype: 'float64' })), 'dtype', 'float32 and float64'],
  ['too few weights', () => crossEntropy(x, int64([0, 0]), { weight: ones([2]) }), 'shape', 'weight tensor should be defined either for all 3 classes or no classes but got weight tensor of shape: [2]'],
  ['too much smoothing', () => crossEntropy(x, int64([0, 0]), { labelSmoothing: 1.5 }), 'argument', 'label_smoothing must be between 0.0 and 1.0. Got: 1.5'],
  ['a broken label to ignore', () => new CrossEntropyLoss({ ignoreIndex: 1.5 }), 'argument', 'ignoreIndex is a whole number such as -100, got the number 1.5'],
  ['an unknown reduction', () => new MSELoss({ reduction: 'max' as 'sum' }), 'argument', 'max is not a valid value for reduction'],
  ['a scalar', () => crossEntropy(ones([]), int64([0], [])), 'rank', 'Expected 1 or more dimensions (got 0)'],
  ['an unknown option', () => crossEntropy(x, int64([0, 0]), { label_smoothing: 0.1 } as CrossEntropyOptions), 'argument', 'did you mean labelSmoothing?'],
  ['shapes that broadcast', () => mseLoss(ones([3, 1]), ones([3])), 'shape', 'Using a target size (torch.Size([3])) that is different to the input size (torch.Size([3, 1]))'],
  ['what is no tensor', () => mseLoss(x, [1] as unknown as Tensor), 'argument', 'mseLoss takes a Tensor'],
] as const)('%s is refused', (_, run, code, words) => {
  const error = refusal(run);
  expect([error.code, error.message]).toEqual([code, expect.stringContaining(words)]);
});
