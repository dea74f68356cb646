// The tape: whom gradients reach and whom not, graphs that are kept, freed or spoiled, and what is refused.
import {
  backends, grad, matmul, noGrad, norm, ones, register, softplus, tensor, useBackend, where, zeros, type ErrorCode,
  type Kernels, type Tensor,
} from 'evenkeel';
import { describe, expect, test } from 'vitest';
import { isGradEnabled } from '../src/autograd.js';
import { reference } from '../src/kernels/reference/reference.js';
import { add } from '../src/ops/elementwise.js';
import { copyInto, fill } from '../src/ops/movement.js';
import { refusal } from './refusal.js';

const other = 'reference again';
if (!backends().includes(other)) register({ ...reference, name: other } as Kernels<unknown>); // S is its own affair

const leaf = (data: readonly number[]): Tensor => tensor(data, { requiresGrad: true });
const values = (x: Tensor | null | undefined): unknown => x?.toArray() ?? null;

describe('backward accumulates into leaves', () => {
  test('twice over two graphs adds up', () => {
    const x = leaf([1, 2, 3]);
    x.square().sum().backward();
    expect(values(x.grad)).toEqual([2, 4, 6]);
    const first = x.grad;
    x.mul(10).sum().backward();
    expect(values(x.grad)).toEqual([12, 14, 16]);
    expect(x.grad).toBe(first);
  });

  test('with dy', () => {
    const x = leaf([1, 2]);
    x.mul(x).backward(tensor([1, 10]));
    expect(values(x.grad)).toEqual([2, 40]);
  });

  test('the caller keeps dy, also where it is the gradient itself', () => {
    const x = leaf([1, 2]);
    const dy = tensor([5, 6]);
    x.add(0).backward(dy);
    expect(values(dy)).toEqual([5, 6]);
    copyInto(dy, tensor([0, 0]));
    expect(values(x.grad)).toEqual([5, 6]);
  });

  test('a leaf alone', () => {
    const x = leaf([3]);
    x.backward();
    x.backward();
    expect(values(x.grad)).toEqual([2]);
  });

  test('leaves do not share a gradient', () => {
    const [a, b] = [leaf([1, 2]), leaf([3, 4])];
    a.add(b).sum().backward();
    if (a.grad !== null) fill(a.grad, 7);
    expect(values(b.grad)).toEqual([1, 1]);
  });

  test('leaves behind views do not share one either, nor with dy', () => {
    const [a, b] = [leaf([1, 2]), leaf([3, 4])];
    const dy = tensor([[5], [6]]);
    const y = a.reshape([2, 1]).add(b.reshape([2, 1]));
    y.backward(dy, { retainGraph: true });
    if (a.grad !== null) fill(a.grad, 7);
    y.backward(dy);
    expect([a.grad, b.grad, dy].map(values)).toEqual([[12, 13], [10, 12], [[5], [6]]]);
  });

  test('on the backend of the tensor, whichever is in use', () => {
    const before = useBackend(other);
    const x = leaf([1, 2]);
    useBackend(before);
    x.add(1).square().sum().backward();
    x.mul(2).sum().backward();
    expect(values(x.grad)).toEqual([6, 8]);
  });

  test('intermediate tensors keep none', () => {
    const x = leaf([1, 2]);
    const y = x.mul(2);
    y.sum().backward();
    expect(y.grad).toBeNull();
  });

  test('only into leaves that require it', () => {
    const [a, b] = [leaf([2]), tensor([3])];
    a.mul(b).backward();
    expect([values(a.grad), b.grad]).toEqual([[3], null]);
  });

  test('grad can be set and cleared', () => {
    const x = leaf([1, 2]);
    x.grad = tensor([1, 1]);
    x.sum().backward();
    expect(values(x.grad)).toEqual([2, 2]);
    x.grad = null;
    x.sum().backward();
    expect(values(x.grad)).toEqual([1, 1]);
  });

  test('float64 leaves get float64', () => {
    const x = tensor([1, 2], { dtype: 'float64', requiresGrad: true });
    x.mul(1 / 3).sum().backward();
    expect([x.grad?.dtype, values(x.grad)]).toEqual(['float64', [1 / 3, 1 / 3]]);
  });
});

describe('paths that meet', () => {
  const rows: [name: string, f: (x: Tensor) => Tensor, expected: number[]][] = [
    ['x + x', (x) => x.add(x), [2, 2]],
    ['x · x', (x) => x.mul(x), [4, 6]],
    ['a diamond', (x) => x.mul(3).add(x.mul(x)), [7, 9]],
    ['a shared subexpression', (x) => { const y = x.mul(x); return y.mul(y); }, [32, 108]],
    ['a long chain', (x) => { let y = x; for (let i = 0; i < 3000; i++) y = y.add(1); return y; }, [1, 1]],
    ['of unequal length', (x) => x.add(x.mul(2).mul(2).mul(2)), [9, 9]],
    ['over both pieces', (x) => { const [a = x, b = x] = x.split(1); return a.mul(b); }, [3, 2]],
    ['over one piece', (x) => (x.split(1)[1] ?? x).mul(5), [0, 5]],
    ['the same tensor as both operands', (x) => matmul(x, x), [4, 6]],
    ['the same tensor as every operand', (x) => where(x.gt(2), x, x), [1, 1]],
    ['x, weight and bias in one', (x) => norm(x, '[c], c', { weight: x, bias: x, eps: 0 }), [-2 + 2, 0 + 2]],
  ];

  test.each(rows)('%s', (name, f, expected) => {
    const x = leaf([2, 3]);
    f(x).sum().backward();
    // At a width of two x̂ is ∓1 whatever x is: what is left are the gradients of weight and bias.
    expect(values(x.grad)).toEqual(name.startsWith('x, weight') ? [0, 2] : expected);
  });
});

describe('grad', () => {
  test('of several outputs for several inputs, null where there is no path', () => {
    const [a, b, c] = [leaf([1, 2]), leaf([3, 4]), leaf([5, 6])];
    const found = grad([a.mul(b).sum(), b.square().sum()], [a, b, c]);
    expect(found.map(values)).toEqual([[3, 4], [7, 10], null]);
    expect([a.grad, b.grad]).toEqual([null, null]);
  });

  test('with gradOutputs, of which some are absent', () => {
    const x = leaf([1, 2]);
    const found = grad([x.mul(2), x.sum()], x, { gradOutputs: [tensor([1, 10]), null] });
    expect(found.map(values)).toEqual([[3, 21]]);
  });

  test('for a tensor on the way and its own input', () => {
    const x = leaf([1, 2]);
    const y = x.mul(3);
    expect(grad(y.square().sum(), [y, x]).map(values)).toEqual([[6, 12], [18, 36]]);
  });

  test('for the output itself', () => {
    const x = leaf([1, 2]);
    const y = x.sum();
    expect(grad(y, [y, x]).map(values)).toEqual([1, [1, 1]]);
  });

  test('for the same input twice gives two tensors', () => {
    const x = leaf([1, 2]);
    const [first, second] = grad(x.square().sum(), [x, x]);
    first?.dispose();
    expect(values(second)).toEqual([2, 4]);
  });

  test('for two inputs with one gradient gives two tensors', () => {
    const [a, b] = [leaf([1, 2]), leaf([3, 4])];
    const [da, db] = grad(a.add(b).sum(), [a, b]);
    da?.dispose();
    expect(values(db)).toEqual([1, 1]);
  });

  test('createGraph gives higher derivatives', () => {
    const x = leaf([3]);
    let dx: Tensor | null | undefined = x.pow(4);
    const seen: unknown[] = [];
    for (let order = 0; order < 4; order++) {
      [dx] = grad(dx ?? x, x, { createGraph: true });
      seen.push(values(dx));
    }
    expect(seen).toEqual([[108], [108], [72], [24]]);
  });

  // f, x, PyTorch 2.13's first and second derivative.
  const corners: [name: string, f: (x: Tensor) => Tensor, x: number[], first: number[], second: number[]][] = [
    ['softplus', (x) => softplus(x), [0, 40, -800, NaN], [0.5, 1, 0, NaN], [0.25, 0, 0, NaN]],
    ['softplus of beta 2', (x) => softplus(x, 2), [0, 40], [0.5, 1], [0.5, 0]],
    ['pow 0', (x) => x.pow(0), [0, 2, NaN, -1], [0, 0, 0, 0], [0, 0, 0, 0]],
    ['pow 1', (x) => x.pow(1), [0, 2, -1], [1, 1, 1], [0, 0, 0]],
    ['pow 2', (x) => x.pow(2), [0, NaN, -1], [0, NaN, -2], [2, 2, 2]],
  ];

  test.each(corners)('twice at the corners of %s', (_, f, at, first, second) => {
    const x = tensor(at, { dtype: 'float64', requiresGrad: true });
    const [dx] = grad(f(x), x, { gradOutputs: ones([at.length], { dtype: 'float64' }), createGraph: true });
    const [d2x] = dx?.requiresGrad === true ? grad(dx.sum(), x) : [zeros(x.shape)];
    expect(values(dx?.add(0))).toEqual(first);
    expect(values(d2x?.add(0))).toEqual(second);
  });

  test.each([Infinity, -Infinity])('of vectorNorm %s with NaN is 0, as PyTorch has it', (p) => {
    const x = leaf([1, NaN, 3]);
    expect(grad(x.vectorNorm(p), x).map(values)).toEqual([[0, 0, 0]]);
    expect(grad(x.max(), x).map(values)).toEqual([[NaN, NaN, NaN]]);
  });

  test('backward through a gradient reaches grad', () => {
    const x = leaf([2]);
    const [dx] = grad(x.pow(3), x, { createGraph: true });
    dx?.square().backward();
    expect(values(x.grad)).toEqual([2 * 12 * 12]);
  });

  test('without createGraph has no history', () => {
    const x = leaf([2]);
    const [dx] = grad(x.pow(3), x);
    expect(dx?.requiresGrad).toBe(false);
  });
});

describe('history', () => {
  test('noGrad records nothing and ends with an error too', () => {
    const x = leaf([1]);
    const y = noGrad(() => {
      expect(isGradEnabled()).toBe(false);
      return x.mul(2);
    });
    expect([y.requiresGrad, isGradEnabled()]).toEqual([false, true]);
    expect(() => noGrad(() => { throw new Error('inside'); })).toThrow('inside');
    expect(isGradEnabled()).toBe(true);
    expect(x.mul(2).requiresGrad).toBe(true);
  });

  test('detach cuts it and shares elements', () => {
    const x = leaf([1, 2]);
    const y = x.mul(2);
    const cut = y.detach();
    expect(cut.requiresGrad).toBe(false);
    y.mul(cut).sum().backward();
    expect(values(x.grad)).toEqual([4, 8]);
    fill(y, 5);
    expect(values(cut)).toEqual([5, 5]);
  });

  test('a leaf inside noGrad still is one', () => {
    const x = noGrad(() => leaf([1]));
    x.mul(2).backward();
    expect(values(x.grad)).toEqual([2]);
  });

  test('int64 and bool results have none', () => {
    const x = leaf([1.5, -2]);
    expect([x.gt(0), x.to('int64'), x.to('bool')].map((y) => y.requiresGrad)).toEqual([false, false, false]);
  });

  test('requiresGrad may be set on leaves and cleared on them only', () => {
    const x = tensor([1, 2]);
    x.requiresGrad = true;
    const y = x.mul(2);
    expect(refusal(() => { y.requiresGrad = false; }).code).toBe('graph');
    y.requiresGrad = true;
    x.requiresGrad = false;
    expect(x.mul(2).requiresGrad).toBe(false);
  });
});

describe('retainGraph', () => {
  test('allows another pass', () => {
    const x = leaf([3]);
    const y = x.square();
    y.backward(null, { retainGraph: true });
    y.backward();
    expect(values(x.grad)).toEqual([12]);
    expect(refusal(() => y.backward()).message).toContain('backward through the graph a second time');
  });

  test('is not needed where nothing was saved', () => {
    const x = leaf([3]);
    const y = x.add(1).sum();
    y.backward();
    y.backward();
    expect(values(x.grad)).toEqual([2]);
  });

  test('of createGraph is the default', () => {
    const x = leaf([3]);
    const y = x.square();
    grad(y, x, { createGraph: true });
    expect(grad(y, x).map(values)).toEqual([[6]]);
  });

  test('graphs that share a freed part fail, others do not', () => {
    const x = leaf([3]);
    const shared = x.square();
    const [a, b] = [shared.mul(2), x.mul(2)];
    a.backward();
    expect(refusal(() => shared.mul(3).backward()).code).toBe('graph');
    b.backward();
    expect(values(x.grad)).toEqual([14]);
  });
});

describe('refusals', () => {
  const elsewhere = (): Tensor => {
    const before = useBackend(other);
    const x = tensor([1, 2]);
    useBackend(before);
    return x;
  };
  const x = leaf([1, 2]);
  const saved = (): Tensor => {
    const y = x.mul(1);
    const z = y.mul(y).sum();
    fill(y, 5);
    return z;
  };

  const overwritten = (): Tensor => {
    const y = x.mul(1);
    const z = y.mul(y).sum();
    noGrad(() => norm(zeros([2]), '[c]', { out: y }));
    return z;
  };

  const rows: [name: string, f: () => unknown, code: ErrorCode, ...facts: string[]][] = [
    ['backward of what has no history', () => tensor([1]).backward(), 'graph', 'does not require grad'],
    ['backward of several elements', () => x.mul(2).backward(), 'graph', 'only for scalar outputs', '2'],
    ['dy of another shape', () => x.mul(2).backward(ones([3])), 'graph', 'Mismatch in shape', '3', '2'],
    ['dy of another dtype', () => x.mul(2).backward(ones([2], { dtype: 'float64' })), 'graph', 'float64', 'float32'],
    ['dy on another backend', () => x.mul(2).backward(elsewhere()), 'backend', other],
    ['too few gradOutputs', () => grad([x.sum(), x.sum()], x, { gradOutputs: [ones([])] }), 'graph', '2', '1'],
    ['grad for what needs none', () => grad(x.sum(), tensor([1])), 'graph', 'input 0'],
    ['what was modified in place', () => saved().backward(), 'modified', 'modified by an inplace operation'],
    ['what out has overwritten', () => overwritten().backward(), 'modified', 'expected version 0'],
    ['requiresGrad of int64', () => tensor([1n], { requiresGrad: true }), 'dtype', 'floating point', 'int64'],
    ['grad of another shape', () => { x.grad = zeros([3]); }, 'shape', '3', '2'],
    ['grad of another dtype', () => { x.grad = zeros([2], { dtype: 'float64' }); }, 'shape', 'float64'],
    ['mixed backends', () => x.add(elsewhere()), 'backend', 'reference', other],
    ['mixed backends in where', () => where(x.gt(0), elsewhere(), elsewhere()), 'backend', other],
    ['mixed backends in norm', () => norm(x, '[c], c', { weight: elsewhere() }), 'backend', other],
    ['mixed backends in out', () => norm(x.detach(), '[c]', { out: elsewhere() }), 'backend', other],
    ['mixed dtypes', () => x.add(ones([2], { dtype: 'float64' })), 'dtype', 'float32', 'float64'],
    ['mixed dtypes in where', () => where(x.gt(0), x, ones([2], { dtype: 'float64' })), 'dtype', 'float64'],
    ['mixed dtypes in a comparison', () => x.gt(ones([2], { dtype: 'int64' })), 'dtype', 'int64'],
    ['int64 arithmetic', () => tensor([1], { dtype: 'int64' }).add(1), 'dtype', 'int64'],
    ['bool arithmetic', () => tensor([true]).mul(2), 'dtype', 'bool'],
    ['a sum of int64', () => tensor([1n]).sum(), 'dtype', 'int64'],
    ['a matmul of bool', () => matmul(tensor([[true]]), tensor([[true]])), 'dtype', 'bool'],
    ['logic on floats', () => x.and(x), 'dtype', 'float32'],
    ['where on floats', () => where(x, x, x), 'dtype', 'boolean tensor'],
    ['shapes that do not broadcast', () => x.add(ones([3])), 'shape', '2', '3', 'non-singleton dimension 0'],
    ['two numbers', () => add(1, 2), 'argument', 'tensor'],
    ['out where a gradient is needed', () => norm(x, '[c]', { out: zeros([2]) }), 'graph', 'out='],
  ];

  test.each(rows)('%s', (_, f, code, ...facts) => {
    const { code: got, message } = refusal(f);
    expect(got).toBe(code);
    for (const fact of facts) expect(message).toContain(fact);
  });

  test('an error leaves the tape as it was', () => {
    expect(isGradEnabled()).toBe(true);
    const y = leaf([2]);
    y.square().backward();
    expect(values(y.grad)).toEqual([4]);
  });
});
