// Tensors of two backends side by side. The second one wraps its storages, so that it can read no other's.
import { cat, LayerNorm, register, tensor, useBackend, type Kernels } from 'evenkeel';
import { expect, test } from 'vitest';
import type { Data, Strided } from '../src/kernels/kernels.js';
import { reference } from '../src/kernels/reference/reference.js';
import { copyInto } from '../src/ops/movement.js';
import { refusal } from './refusal.js';

interface Box {
  readonly held: Data;
}

const open = ({ data, ...rest }: Strided<Box>): Strided<Data> => ({ ...rest, data: data.held });
const boxed: Partial<Kernels<Box>> & Pick<Kernels<Box>, 'name'> = {
  name: 'boxed',
  holds: (dtype) => dtype !== 'float64',
  alloc: (dtype, length) => ({ held: reference.alloc(dtype, length) }),
  collected: () => true,
  free: () => undefined,
  write: ({ held }, data) => reference.write(held, data),
  read: ({ held }) => reference.read(held),
  view: ({ held }) => held,
  pointwise: (op, shape, inputs, out) => reference.pointwise(op, shape, inputs.map(open), open(out)),
};
register(boxed as Kernels<Box>); // these tests reach no other kernel

function boxedly<T>(f: () => T): T {
  const before = useBackend('boxed');
  try {
    return f();
  } finally {
    useBackend(before);
  }
}

test('copies across backends, broadcast and converted', () => {
  const near = tensor([[0, 0], [0, 0]]);
  const far = boxedly(() => tensor([[0, 0], [0, 0]]));
  copyInto(near, boxedly(() => tensor([1, 2])));
  copyInto(far, tensor([3, 4], { dtype: 'float64' }));
  expect([near.toArray(), far.toArray()]).toEqual([[[1, 2], [1, 2]], [[3, 4], [3, 4]]]);
});

test('a state dict of another backend', () => {
  const layer = new LayerNorm(2);
  layer.loadStateDict(boxedly(() => ({ weight: tensor([1.5, 2]), bias: tensor([3, -4]) })));
  const state = [...layer.stateDict()].map(([key, x]) => [key, x.toArray()]);
  expect(state).toEqual([['weight', [1.5, 2]], ['bias', [3, -4]]]);
});

test('cat refuses a mix', () => {
  expect(refusal(() => cat([tensor([1]), boxedly(() => tensor([2]))])).code).toBe('backend');
});
