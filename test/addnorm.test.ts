// Add & Norm in one sweep: what flows back through y, through the sum, or through both; and who has a history.
import { addLayerNorm, addRMSNorm, backends, embedding, grad, layerNorm, ones, randn, rmsNorm, tensor, useBackend, zeros, type Tensor } from 'evenkeel';
import { beforeAll, describe, expect, test } from 'vitest';

const leaf = (shape: readonly number[]): Tensor => randn(shape, { requiresGrad: true });
type Outputs = { readonly sum: Tensor; readonly y: Tensor };

describe.each(backends())('%s', (backend) => {
  beforeAll(() => {
    const before = useBackend(backend);
    return () => useBackend(before);
  });

  const losses: [through: string, loss: (outputs: Outputs) => Tensor][] = [
    ['y', ({ y }) => y.square().sum()],
    ['the sum', ({ sum }) => sum.square().sum()],
    ['both', ({ sum, y }) => sum.mul(y).sum()],
  ];
  const kinds: [name: string, fused: (x: Tensor, r: Tensor, w: Tensor) => Outputs, apart: (sum: Tensor, w: Tensor) => Tensor][] = [
    ['addLayerNorm', (x, r, weight) => addLayerNorm(x, r, [5], { weight }), (sum, weight) => layerNorm(sum, [5], { weight })],
    ['addRMSNorm', (x, r, weight) => addRMSNorm(x, r, [5], { weight }), (sum, weight) => rmsNorm(sum, [5], { weight })],
  ];
  const rows = kinds.flatMap(([name, fused, apart]) => losses.map(([through, loss]) => ({ name, through, fused, apart, loss })));

  test.each(rows)('$name differentiated through $through', ({ fused, apart, loss, through }) => {
    const [x, r, w] = [leaf([3, 5]), leaf([3, 5]), leaf([5])];
    const leaves = through === 'the sum' ? [x, r] : [x, r, w];
    const sum = x.add(r);
    const expected = grad(loss({ sum, y: apart(sum, w) }), leaves);
    for (const createGraph of [false, true]) {
      const found = grad(loss(fused(x, r, w)), leaves, { createGraph });
      found.forEach((dx, i) => {
        dx?.data.forEach((value: number | bigint, j: number) => expect(Number(value)).toBeCloseTo(Number(expected[i]?.data[j]), 4));
      });
    }
  });

  test('the sum has a history where x or the residual has one', () => {
    const w = leaf([5]);
    const plain = addLayerNorm(ones([2, 5]), ones([2, 5]), [5], { weight: w });
    expect([plain.sum.requiresGrad, plain.y.requiresGrad]).toEqual([false, true]);
    const recorded = addLayerNorm(ones([2, 5]), leaf([2, 5]), [5]);
    expect([recorded.sum.requiresGrad, recorded.y.requiresGrad]).toEqual([true, true]);
  });

  test('a table of width 0 leaves other tensors alone', () => {
    const table = zeros([8, 0], { requiresGrad: true });
    const others = Array.from({ length: 40 }, () => ones([1]));
    embedding(tensor([7n, 3n]), table).sum().backward();
    expect(others.map((x) => x.item())).toEqual(Array.from({ length: 40 }, () => 1));
  });
});
