// A page without isolation has no shared memory: one thread works on a memory whose growth takes all views away.
import { threads } from './watch.js';
import { init, LayerNorm, memory, tensor, zeros, type Tensor } from 'evenkeel';
import { expect, test } from 'vitest';
import { bitsOf, jobNames } from './work.js';

const MIB = 2 ** 20;

test('threads that were asked for do not start, and nothing needs them', async () => {
  await init({ threads: 4 });
  expect([globalThis.crossOriginIsolated, typeof SharedArrayBuffer]).toEqual([false, 'undefined']);
  for (const name of jobNames) expect(bitsOf(name)).toBe(bitsOf(name));
  expect(threads().created).toBe(0);
});

test('tensors outlive the growth of their memory; their old views do not', () => {
  const before = memory();
  const x = tensor([1, 2, 3, 5], { requiresGrad: true });
  const layer = new LayerNorm(4);
  const y = layer.forward(x);
  const old = { x: x.data, y: y.data };
  const numbers = Array.from(y.data, Number);
  const large: Tensor[] = [];
  while (old.x.length > 0 && large.length < 100) large.push(zeros([4 * MIB]));
  expect([old.x.length, old.y.length]).toEqual([0, 0]);
  expect([...x.data]).toEqual([1, 2, 3, 5]);
  expect([...y.data]).toEqual(numbers);
  const dy = tensor([1, 0, 0, 0]);
  y.backward(dy);
  // By the formula: (dy - mean(dy) - y * mean(dy * y)) / deviation.
  const [first = NaN] = numbers;
  const wanted = numbers.map((each, i) => (Number(i === 0) - 0.25 - (each * first) / 4) / Math.sqrt(2.1875 + 1e-5));
  for (const [i, each] of Array.from(x.grad?.data ?? [], Number).entries()) expect(each).toBeCloseTo(wanted[i] ?? NaN, 6);
  expect(memory().bytes - before.bytes).toBeGreaterThanOrEqual(large.length * 16 * MIB);
  for (const each of large) each.dispose();
  for (const each of [x, y, dy, x.grad, layer.weight, layer.bias, layer.weight?.grad, layer.bias?.grad]) each?.dispose();
  expect(memory()).toEqual(before);
});
