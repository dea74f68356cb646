// How long tensors live: dispose, using, scope and what the tape holds; memory() is the witness.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  addLayerNorm, BatchNorm1d, BatchNorm2d, Conv2d, conv2d, ConvTranspose2d, Dropout, grad, GroupNorm, Identity, InstanceNorm2d,
  KeelError, keep, LayerNorm, LayerNorm2d, LazyBatchNorm1d, Linear, linear, LocalResponseNorm, matmul, memory, norm, normalize, normWithStatistics,
  ones, RMSNorm, scope, softmax, spectralNorm, Tensor, tensor, weightNorm, zeros,
} from 'evenkeel';
import { describe, expect, test } from 'vitest';

const leaf = (data: readonly number[]): Tensor => tensor(data, { requiresGrad: true });

describe('dispose', () => {
  test('gives memory back at once, and once', () => {
    const before = memory();
    const x = zeros([250]);
    expect(memory()).toEqual({ bytes: before.bytes + 1000, tensors: before.tensors + 1 });
    x.dispose();
    x.dispose();
    expect(memory()).toEqual(before);
  });

  test('of one of two tensors that share elements keeps them for the other', () => {
    const before = memory();
    const x = tensor([1, 2]);
    const y = x.reshape([2, 1]);
    x.dispose();
    expect(y.toArray()).toEqual([[1], [2]]);
    y.dispose();
    expect(memory()).toEqual(before);
  });

  test('using does it at the end of the block', () => {
    const before = memory();
    {
      using x = zeros([8]);
      expect(x.isDisposed).toBe(false);
    }
    expect(memory()).toEqual(before);
  });

  test('of what a layer passes on as it is leaves its input', () => {
    const x = leaf([1, 2]);
    for (const layer of [new Identity(), new Dropout().eval()]) layer.forward(x).dispose();
    expect(x.toArray()).toEqual([1, 2]);
  });

  test('leaves shape, dtype and size', () => {
    const x = tensor([[1n, 2n]]);
    x.dispose();
    expect([x.shape, x.dtype, x.size, x.rank, x.isDisposed]).toEqual([[1, 2], 'int64', 2, 2, true]);
  });

  test('before backward is fine: the tape holds what it needs', () => {
    const x = leaf([1, 2]);
    const y = x.mul(x);
    const z = y.mul(y).sum();
    y.dispose();
    x.dispose();
    z.backward();
    expect(x.grad?.toArray()).toEqual([4, 32]);
  });

  const disposed = leaf([1]);
  disposed.dispose();
  const other = tensor([3]);
  // Every name on Tensor.prototype: each reads elements but these.
  const harmless = new Set(['constructor', 'recordAs', 'dispose', 'isDisposed', 'requiresGrad', 'grad', 'rank']);
  const names = Object.getOwnPropertyNames(Tensor.prototype).filter((name) => !harmless.has(name));
  const calls: Readonly<Record<string, readonly unknown[]>> = {
    to: ['float64'], clamp: [{ min: 0 }], sum: [], mean: [], var: [], max: [], min: [], vectorNorm: [], split: [1],
    unsqueeze: [0], squeeze: [], flatten: [], reshape: [[1]], permute: [[0]], expand: [[2, 1]], repeat: [[2]],
    transpose: [0, 0], chunk: [2], slice: [0], select: [0, 0], backward: [],
  };

  test.each(names)('%s after it is refused', async (name) => {
    const use = async (): Promise<void> => {
      const value: unknown = Reflect.get(disposed, name);
      if (typeof value === 'function') await Reflect.apply(value, disposed, calls[name] ?? [other]);
    };
    await expect(use()).rejects.toMatchObject({ code: 'disposed' });
  });

  const functions: [name: string, f: () => unknown][] = [
    ['as a second operand', () => other.add(disposed)],
    ['matmul', () => matmul(other, disposed)],
    ['softmax', () => softmax(disposed, 0)],
    ['linear', () => linear(other, ones([1, 1]), disposed)],
    ['conv2d', () => conv2d(disposed.detach().reshape([1, 1, 1]), ones([1, 1, 1, 1]))],
    ['norm', () => norm(disposed, '[c]')],
    ['a weight of norm', () => norm(other, '[c], c', { weight: disposed })],
    ['out of norm', () => norm(other, '[c]', { out: disposed })],
    ['grad of it', () => grad(disposed, disposed, { gradOutputs: ones([1]) })],
    ['as dy', () => leaf([1]).mul(1).backward(disposed)],
  ];

  test.each(functions)('%s after it is refused', (_, f) => {
    expect(f).toThrow(KeelError);
    expect(f).toThrow('was disposed');
  });
});

describe('scope', () => {
  test('disposes what it does not return', () => {
    const before = memory();
    const total = scope(() => ones([100]).mul(2).add(1).sum());
    expect([memory().tensors, total.item()]).toEqual([before.tensors + 1, 300]);
    total.dispose();
    expect(memory()).toEqual(before);
  });

  class Pair {
    readonly #hidden = ones([1]);
    readonly seen = ones([1]);
    hidden(): Tensor {
      return this.#hidden;
    }
  }
  const returned: [name: string, make: () => unknown, count: number][] = [
    ['nothing', () => void ones([1]), 0],
    ['a number', () => ones([1]).item(), 0],
    ['a tensor', () => ones([1]), 1],
    ['an array', () => [ones([1]), [ones([1]), null]], 2],
    ['a map', () => new Map([['a', ones([1])], ['b', ones([1])]]), 2],
    ['a set', () => new Set([ones([1]), ones([1])]), 2],
    ['an object', () => ({ a: { b: ones([1]) }, c: 'text', d: undefined }), 1],
    ['an object with a cycle', () => { const o: { x: Tensor; o?: object } = { x: ones([1]) }; o.o = o; return o; }, 1],
    ['an instance', () => new Pair(), 1],
    ['a tensor twice', () => { const x = ones([1]); return [x, x]; }, 1],
    ['one of two that share elements', () => ones([1]).reshape([1, 1]), 1],
    ['a layer', () => new LayerNorm([3]), 2],
    ['a layer with buffers', () => new BatchNorm1d(3), 5],
    ['statistics', () => normWithStatistics(ones([2, 3]), 'b [c]'), 3],
  ];

  test.each(returned)('keeps %s', (_, make, count) => {
    const before = memory().tensors;
    const result = scope(make);
    expect(memory().tensors - before).toBe(count);
    scope(() => result); // what came from outside is not its own
    expect(memory().tensors - before).toBe(count);
  });

  test('nests: an inner result belongs to the outer scope', () => {
    const before = memory();
    let inner: Tensor | null = null;
    const value = scope(() => {
      inner = scope(() => ones([3]).mul(2));
      expect(inner.toArray()).toEqual([2, 2, 2]);
      return inner.sum().item();
    });
    expect(value).toBe(6);
    expect(memory()).toEqual(before);
  });

  test('keep exempts from every scope', () => {
    const x = scope(() => { scope(() => keep(ones([2]))); return keep(ones([3])); });
    expect(x.toArray()).toEqual([1, 1, 1]);
    let y: Tensor | undefined;
    scope(() => { scope(() => { y = keep(ones([2])); }); });
    expect(y?.toArray()).toEqual([1, 1]);
  });

  test('refuses an async function, which would outlive it', () => {
    expect(() => scope(async () => zeros([2]))).toThrow(expect.objectContaining({ code: 'argument' }));
  });

  test('leaves a lazy layer the parameters of its first input', () => {
    const layer = new LazyBatchNorm1d();
    scope(() => layer.forward(leaf([1, 2, 3, 4]).reshape([2, 2])));
    expect(layer.weight?.toArray()).toEqual([1, 1]);
    expect(layer.runningVar?.isDisposed).toBe(false);
  });

  test('disposes on the way out of an error', () => {
    const before = memory();
    expect(() => scope(() => ones([3]).add(ones([4])))).toThrow(KeelError);
    expect(memory()).toEqual(before);
  });

  test('gradients of tensors from outside stay', () => {
    const x = leaf([1, 2]);
    scope(() => { scope(() => x.square().sum().backward()); });
    expect(x.grad?.toArray()).toEqual([2, 4]);
  });

  test('a result keeps its history', () => {
    const x = leaf([1, 2]);
    const y = scope(() => x.exp().log().square().sum());
    y.backward();
    const [a = NaN, b = NaN] = x.grad?.data ?? [];
    expect([Number(a), Number(b)].map((v) => v.toFixed(5))).toEqual(['2.00000', '4.00000']);
  });

  test('with createGraph keeps what the second pass needs', () => {
    const x = leaf([2]);
    const dx = scope(() => grad(x.pow(3), x, { createGraph: true })[0]);
    const [ddx] = grad(dx ?? x, x);
    expect(ddx?.toArray()).toEqual([12]);
  });
});

const row = (): Tensor => leaf([1, 2, 3, 5]).reshape([1, 4]);

describe('scope clears away the tape', () => {
  const layer = new LayerNorm(4);
  const rows: [name: string, f: () => unknown][] = [
    ['of a loss that nobody differentiates', () => layer.forward(row()).square().sum().item()],
    ['of gradients that nobody keeps', () => void grad(layer.forward(row()).square().sum(), layer.parameters())],
    ['of second derivatives', () => {
      const [dx] = grad(layer.forward(row()).square().sum(), layer.parameters(), { createGraph: true });
      if (dx) grad(dx.square().sum(), layer.parameters());
    }],
    ['of a branch that is not walked', () => {
      const y = layer.forward(row());
      y.exp().mul(2);
      grad(y.sum(), layer.parameters());
    }],
    ['of a pass that failed', () => {
      const y = layer.forward(row());
      expect(() => y.backward()).toThrow('implicitly created only for scalar outputs');
    }],
  ];
  test.each(rows)('%s', (_, f) => {
    scope(f);
    const before = memory();
    for (let i = 0; i < 5; i++) scope(f);
    expect(memory()).toEqual(before);
  });

  test('of a long history, without recursion', () => {
    const before = memory();
    const w = leaf([1]);
    scope(() => {
      let y = w.mul(1);
      for (let i = 0; i < 20_000; i++) y = y.mul(1);
    });
    w.dispose();
    expect(memory()).toEqual(before);
  });

  test('but not a gradient that is assigned', () => {
    const w = leaf([2]);
    scope(() => {
      w.mul(3).sum().backward();
      w.grad = w.grad?.mul(0.5) ?? null;
    });
    expect(w.grad?.toArray()).toEqual([1.5]);
  });
});

describe('a loop that never disposes', () => {
  test('holds no more than the collector lets it', () => {
    const data = new Float32Array(1 << 20);
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    for (let i = 0; i < 400; i++) {
      tensor(data);
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    // All of them together are 1.6 GB.
    expect(most).toBeLessThan(800e6);
  });
});

describe('memory comes back to where it was', () => {
  const [w, b] = [tensor(ones([4, 4]).data, [4, 4], { requiresGrad: true }), leaf([0, 0, 0, 0])];
  const ln = new LayerNorm([4]);
  const bn = new BatchNorm1d(4);
  const x = tensor([[1, 2, 3, 5], [2, 1, 0, 4], [0, 3, 1, 1]]);
  const step = (): void => {
    using loss = scope(() => bn.forward(ln.forward(linear(x, w, b).add(x).relu())).square().mean());
    loss.backward();
  };
  const zero = (): void => {
    for (const parameter of [w, b, ...ln.parameters(), ...bn.parameters()]) {
      parameter.grad?.dispose();
      parameter.grad = null;
    }
  };

  test('over 1000 steps of forward and backward', () => {
    step(); // makes the gradients
    const before = memory();
    for (let i = 0; i < 1000; i++) step();
    expect(memory()).toEqual(before);
  });

  test('when gradients are given back each time', () => {
    zero();
    const before = memory();
    for (let i = 0; i < 10; i++) {
      step();
      zero();
    }
    expect(memory()).toEqual(before);
  });

  test('without a scope, when every result is disposed', () => {
    const before = memory();
    for (let i = 0; i < 3; i++) {
      using y = ln.forward(x);
      using z = y.mul(2);
      using loss = z.sum();
      const [dx] = grad(loss, [ln.weight ?? y]);
      dx?.dispose();
    }
    expect(memory()).toEqual(before);
  });

  const photo = tensor(Float32Array.from({ length: 72 }, (_, i) => Math.sin(i)), [2, 4, 3, 3], { requiresGrad: true });
  const [row, pixel, rms, group] = [new LayerNorm([3]), new LayerNorm2d(4), new RMSNorm(3), new GroupNorm(2, 4)];
  const [batch, response] = [new BatchNorm2d(4), new LocalResponseNorm(3)];
  const [weighted, spectral] = [weightNorm(new Linear(3, 2)), spectralNorm(new ConvTranspose2d(4, 4, 1))];
  const conv = new Conv2d(4, 4, 3, { padding: 'same' });
  const instance = new InstanceNorm2d(4, { affine: true, trackRunningStats: true });
  const layers: [name: string, forward: (x: Tensor) => Tensor][] = [
    ['LayerNorm', (x) => row.forward(x)],
    ['LayerNorm2d', (x) => pixel.forward(x)],
    ['RMSNorm', (x) => rms.forward(x)],
    ['GroupNorm', (x) => group.forward(x)],
    ['BatchNorm in training', (x) => batch.train().forward(x)],
    ['BatchNorm in evaluation', (x) => batch.eval().forward(x)],
    ['InstanceNorm in training', (x) => instance.train().forward(x)],
    ['InstanceNorm in evaluation', (x) => instance.eval().forward(x)],
    ['LocalResponseNorm', (x) => response.forward(x)],
    ['Conv2d', (x) => conv.forward(x)],
    ['weightNorm', (x) => weighted.forward(x)],
    ['spectralNorm', (x) => spectral.forward(x)],
    ['normalize', (x) => normalize(x)],
    ['normalize by p = 3', (x) => normalize(x, { p: 3 })],
    ['addLayerNorm', (x) => scope(() => addLayerNorm(x, x, [3]).y)],
  ];

  test.each(layers)('over %s', (_, forward) => {
    const pass = (): void => {
      using y = forward(photo);
      using loss = scope(() => y.square().sum());
      loss.backward();
    };
    pass(); // makes the gradients
    const before = memory();
    pass();
    expect(memory()).toEqual(before);
  });

  test('after a pass that was kept and then let go', () => {
    const before = memory();
    {
      using y = w.square();
      using loss = y.sum();
      for (const retainGraph of [true, true, false]) grad(loss, w, { retainGraph })[0]?.dispose();
    }
    expect(memory()).toEqual(before);
  });

  test('after what was forgotten is collected', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void; // the flag defines it
    const before = memory().tensors;
    for (let i = 0; i < 100; i++) w.mul(2).add(1);
    expect(memory().tensors).toBeGreaterThan(before + 50);
    for (let i = 0; i < 50 && memory().tensors > before; i++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(memory().tensors).toBeLessThanOrEqual(before);
  });
});
