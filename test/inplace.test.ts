// Updates in place: what they write, that the tape sees them, and what they refuse.
import { backends, grad, LayerNorm, noGrad, ones, scope, tensor, useBackend, zeros, type Tensor } from 'evenkeel';
import { afterEach, describe, expect, test } from 'vitest';
import { refusal } from './refusal.js';

const initial = backends()[0] ?? '';
afterEach(() => {
  useBackend(initial);
});

const rows: [name: string, f: (x: Tensor) => Tensor, expected: number[]][] = [
  ['copy_', (x) => x.copy_(tensor([7])), [7, 7]],
  ['copy_ of another dtype', (x) => x.copy_(tensor([7, 8], { dtype: 'float64' })), [7, 8]],
  ['add_', (x) => x.add_(tensor([10, 20])), [12, 24]],
  ['add_ of itself', (x) => x.add_(x), [4, 8]],
  ['sub_', (x) => x.sub_(1), [1, 3]],
  ['mul_', (x) => x.mul_(tensor([3])), [6, 12]],
  ['div_', (x) => x.div_(4), [0.5, 1]],
];

describe.each(backends())('%s', (backend) => {
  test.each(rows)('%s', (_, f, expected) => {
    useBackend(backend);
    const x = tensor([2, 4]);
    expect(f(x)).toBe(x);
    expect(x.toArray()).toEqual(expected);
  });

  test('a step of gradient descent inside a scope', () => {
    useBackend(backend);
    const layer = new LayerNorm(2, { bias: false });
    scope(() => {
      layer.forward(tensor([[1, 3]])).mul(tensor([1, 2])).sum().backward();
      noGrad(() => {
        for (const p of layer.parameters()) if (p.grad) p.sub_(p.grad.mul(0.1));
      });
      layer.zeroGrad();
    });
    const [first, second] = Array.from(layer.weight?.data ?? [], Number);
    expect(first).toBeCloseTo(1.1, 5);
    expect(second).toBeCloseTo(0.8, 5);
    expect(layer.weight?.grad).toBeNull();
  });
});

test('the tape sees a write between forward and backward', () => {
  const x = tensor([2], { requiresGrad: true });
  const w = tensor([3]);
  const y = x.mul(w);
  w.add_(1);
  expect(refusal(() => grad(y.sum(), x)).code).toBe('modified');
});

test.each<[string, () => unknown, string, string]>([
  ['a leaf outside noGrad', () => ones([2], { requiresGrad: true }).add_(1), 'graph', 'a leaf Variable that requires grad'],
  ['a source with history', () => zeros([1]).copy_(ones([1], { requiresGrad: true }).mul(2)), 'graph', 'not recorded'],
  ['a source that is larger', () => zeros([2]).add_(ones([3, 2])), 'shape', "doesn't match the broadcast shape [3, 2]"],
  ['another dtype', () => zeros([1]).add_(ones([1], { dtype: 'float64' })), 'dtype', 'mixed dtype'],
  ['int64', () => zeros([1], { dtype: 'int64' }).add_(1), 'dtype', 'int64'],
])('%s is refused', (_, run, code, message) => {
  const error = refusal(run);
  expect(error.code).toBe(code);
  expect(error.message).toContain(message);
});
