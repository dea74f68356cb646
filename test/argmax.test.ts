// Where the largest and the least element stand, against PyTorch, and what is refused.
import { argmax, argmin, backends, memory, tensor, useBackend, zeros, type Tensor } from 'evenkeel';
import { beforeAll, describe, expect, test } from 'vitest';
import expected from './argmax/expected.json' with { type: 'json' };
import { refusal } from './refusal.js';

const values: Readonly<Record<string, readonly string[]>> = expected.values;
const shapes: Readonly<Record<string, readonly number[]>> = expected.shapes;
const numbers: Readonly<Record<string, number>> = { nan: NaN, inf: Infinity, '-inf': -Infinity };

function inputOf(name: string, dtype: 'float32' | 'float64'): Tensor {
  const flat = (values[name] ?? []).map((text) => numbers[text] ?? Number(text));
  return tensor(dtype === 'float32' ? Float32Array.from(flat) : Float64Array.from(flat), shapes[name] ?? []);
}

describe.each(backends())('%s', (backend) => {
  beforeAll(() => {
    const before = useBackend(backend);
    return () => useBackend(before);
  });

  describe.each(['float32', 'float64'] as const)('%s', (dtype) => {
    test.each(expected.rows)('$name along $dim, keepdim $keepdim', ({ name, dim, keepdim, results }) => {
      const x = inputOf(name, dtype);
      const before = memory().tensors;
      const found = [argmax(x, dim, { keepdim }), argmin(x, dim, { keepdim })];
      expect(memory().tensors - before).toBe(2);
      expect(found.map((index) => index.dtype)).toEqual(['int64', 'int64']);
      expect(found.map((index) => index.toArray())).toEqual(results);
    });
  });
});

test.each([
  ['an axis that is not there', () => argmax(zeros([2]), 1), 'dimension', 'Dimension out of range'],
  ['no elements', () => argmax(zeros([0])), 'shape', 'argmax(): Expected reduction dim to be specified for input.numel() == 0'],
  ['no elements along an axis', () => argmin(zeros([2, 0]), 1), 'shape', 'argmin(): Expected reduction dim'],
  ['too many', () => argmax(zeros([2 ** 24 + 1])), 'size', 'over 16777216 elements at most, got 16777217'],
  ['int64', () => argmax(zeros([2], { dtype: 'int64' })), 'dtype', 'argmax: expected scalar type Float but found int64'],
] as const)('%s is refused', (_, call, code, words) => {
  const error = refusal(call);
  expect(error.code).toBe(code);
  expect(error.message).toContain(words);
});

test('rows of nothing have places nowhere', () => {
  expect(argmax(zeros([0, 3]), 1).shape).toEqual([0]);
  expect(argmax(tensor([1, 3], { requiresGrad: true })).requiresGrad).toBe(false);
});
