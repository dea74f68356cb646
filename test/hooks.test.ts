// Hooks around a forward pass, and deep copies of modules.
import {
  BatchNorm1d, cloneModule, Embedding, LayerNorm, LazyBatchNorm1d, Linear, manualSeed, memory, ModuleList, ones, rand, randn,
  ReLU, Sequential, spectralNorm, tensor, weightNorm, type Module, type Tensor,
} from 'evenkeel';
import { describe, expect, test } from 'vitest';
import { refusal } from './refusal.js';

function doubled(x: Tensor): Tensor {
  return x.mul(2);
}

describe('hooks', () => {
  test('see inputs and output, in the order in which they came, until they are removed', () => {
    const layer = new LayerNorm(2);
    const seen: unknown[] = [];
    const x = tensor([[1, 3]]);
    const removes = [
      layer.registerForwardPreHook((module, inputs) => void seen.push('before', module === layer, inputs)),
      layer.registerForwardHook((_, inputs, y) => void seen.push('first', inputs[0] === x, y)),
      layer.registerForwardHook((_, __, y) => void seen.push('second', y)),
    ];
    const y = layer.forward(x);
    expect(seen).toEqual(['before', true, [x], 'first', true, y, 'second', y]);
    for (const remove of removes) remove();
    layer.forward(x);
    expect(seen).toHaveLength(8);
  });

  test('what a hook returns is the output, in a container too, and is differentiated', () => {
    const model = new Sequential(new Linear(2, 2), new ReLU());
    const x = randn([3, 2]);
    const wanted = model.forward(x).mul(2);
    wanted.sum().backward();
    const gradient = model.parameters().map(({ grad }) => grad?.toArray());
    model.zeroGrad();
    model[0]?.registerForwardHook((_, __, y) => y.mul(2));
    const y = model.forward(x);
    y.sum().backward();
    expect(y.toArray()).toEqual(wanted.toArray());
    expect(model.parameters().map(({ grad }) => grad?.toArray())).toEqual(gradient);
  });

  test.each<[name: string, doubled: (x: Tensor) => Tensor | readonly [Tensor]]>([
    ['the only input', (x) => x.mul(2)],
    ['a list of inputs', (x) => [x.mul(2)]],
  ])('what a hook returns before the pass is %s, and the next hook sees it', (_, doubled) => {
    const layer = new ReLU();
    const seen: unknown[] = [];
    layer.registerForwardPreHook((_module, [x]) => doubled(x));
    layer.registerForwardPreHook((_module, inputs) => void seen.push(inputs.length, String(inputs[0])));
    expect(layer.forward(tensor([1, -1])).toArray()).toEqual([2, 0]);
    expect(seen).toEqual([1, String(tensor([2, -2]))]);
  });

  test('the same function twice is two hooks', () => {
    const layer = new ReLU();
    let calls = 0;
    const hook = () => void calls++;
    const remove = layer.registerForwardHook(hook);
    layer.registerForwardHook(hook);
    layer.forward(ones([1]));
    remove();
    layer.forward(ones([1]));
    expect(calls).toBe(3);
  });

  test('once removed, leave the module as it was: it can be copied', () => {
    const layer = new LayerNorm(2);
    const removes = [layer.registerForwardHook(() => {}), layer.registerForwardPreHook(() => {})];
    expect(refusal(() => cloneModule(layer)).code).toBe('argument');
    for (const remove of removes) remove();
    expect(Object.hasOwn(layer, 'forward')).toBe(false);
    expect(cloneModule(layer).forward(tensor([[1, 3]])).shape).toEqual([1, 2]);
    // Once more, and twice removed: nothing of another's is taken away.
    let calls = 0;
    layer.registerForwardHook(() => void calls++);
    removes[0]?.();
    layer.forward(tensor([[1, 3]]));
    expect(calls).toBe(1);
  });

  test('over a forward of the instance: it is there again afterwards', () => {
    const layer = new ReLU();
    layer.forward = doubled;
    layer.registerForwardHook(() => {})();
    expect(layer.forward).toBe(doubled);
  });

  test('are functions', () => {
    // What JavaScript can hand over.
    const none = null as unknown as () => void;
    expect(refusal(() => new ReLU().registerForwardHook(none)).message).toBe('a hook is a function, got null');
    expect(refusal(() => new ReLU().registerForwardPreHook(none)).code).toBe('argument');
  });

  test('do not enter the state or the repr', () => {
    const layer = new LayerNorm(2);
    const before = [String(layer), ...layer.stateDict().keys()];
    layer.registerForwardHook(() => {});
    expect([String(layer), ...layer.stateDict().keys()]).toEqual(before);
  });
});

describe('copies', () => {
  const makes: [name: string, make: () => Module][] = [
    ['Linear', () => new Linear(3, 2)],
    ['Linear without a bias', () => new Linear(3, 2, { bias: false })],
    ['Embedding with padding', () => new Embedding(4, 3, { paddingIdx: 1 })],
    ['BatchNorm1d', () => new BatchNorm1d(3)],
    ['LazyBatchNorm1d', () => new LazyBatchNorm1d()],
    ['a tree', () => new Sequential(new Linear(3, 3), new Sequential(new BatchNorm1d(3), new ReLU()))],
  ];

  test.each(makes)('%s: equal values, own tensors, nothing drawn', (_, make) => {
    manualSeed(3);
    const module = make().eval();
    const next = rand([4]).toArray();
    manualSeed(3);
    make();
    const copy = cloneModule(module);
    expect(rand([4]).toArray()).toEqual(next);
    expect(copy.constructor).toBe(module.constructor);
    expect(String(copy)).toBe(String(module));
    expect(copy.training).toBe(false);
    const [state, own] = [copy.stateDict(), module.stateDict()];
    expect([...state.keys()]).toEqual([...own.keys()]);
    for (const [key, value] of state) {
      expect(value.toArray()).toEqual(own.get(key)?.toArray());
      expect(value.storage).not.toBe(own.get(key)?.storage);
    }
    expect(copy.namedParameters().map(([key, { requiresGrad }]) => [key, requiresGrad])).toEqual(
      module.namedParameters().map(([key, { requiresGrad }]) => [key, requiresGrad]),
    );
  });

  test('work apart from the original', () => {
    const layer = new Embedding(3, 2, { paddingIdx: 0 });
    const copy = cloneModule(layer);
    const index = tensor([0n, 2n]);
    copy.forward(index).sum().backward();
    expect(copy.weight.grad?.toArray()).toEqual([[0, 0], [0, 0], [1, 1]]);
    expect(layer.weight.grad).toBeNull();
    const norm = new BatchNorm1d(2);
    cloneModule(norm).forward(randn([4, 2]));
    expect(norm.numBatchesTracked?.item()).toBe(0);
  });

  test('what is held twice is held twice', () => {
    const layer = new Linear(2, 2);
    const copy = cloneModule(new ModuleList<Module>([layer, layer]));
    expect(copy[0]).toBe(copy[1]);
    expect(copy[0]).not.toBe(layer);
    expect(copy.parameters()).toHaveLength(2);
  });

  test('leave nothing behind', () => {
    const layer = new Linear(2, 2);
    const before = memory().tensors;
    const copy = cloneModule(layer);
    expect(memory().tensors - before).toBe(2);
    for (const parameter of copy.parameters()) parameter.dispose();
    expect(memory().tensors).toBe(before);
  });

  test.each([
    ['weightNorm', () => weightNorm(new Linear(2, 2))],
    ['weightNorm with old keys', () => weightNorm(new Linear(2, 2), { keys: 'old' })],
    ['spectralNorm below', () => new Sequential(spectralNorm(new Linear(2, 2)))],
    ['a hook', () => {
      const layer = new ReLU();
      layer.registerForwardHook(() => {});
      return layer;
    }],
  ] as const)('%s: refused', (_, make) => {
    const error = refusal(() => cloneModule<Module>(make()));
    expect(error.code).toBe('argument');
    expect(error.message).toMatch(/^cannot copy \w+: its '\w+' is wrapped by a hook or computed by a parametrization: copy it before/);
  });
});
