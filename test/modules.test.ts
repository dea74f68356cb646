// What every module does alike: loads all of a state or none, refuses what it does not know, lives and moves as one.
import {
  BatchNorm1d, BatchNorm2d, Buffer, Conv1d, Conv2d, ConvTranspose1d, Embedding, FrozenBatchNorm2d, GELU, GroupNorm,
  InstanceNorm1d, LayerNorm, LazyBatchNorm1d, LeakyReLU, Linear, LocalResponseNorm, Module, Parameter, ReLU, RMSNorm,
  Sequential, addLayerNorm, batchNorm, equivalent, explain, groupNorm, instanceNorm, kaimingUniform_, layerNorm,
  localResponseNorm, memory, normalize, ones, randn, removeWeightNorm, rmsNorm, scope, spectralNorm, tensor,
  weightNorm, xavierUniform_, zeros, type Tensor,
} from 'evenkeel';
import { describe, expect, test } from 'vitest';
import { refusal } from './refusal.js';

/** What a caller without types may pass. */
const bad = (value: unknown) => value as never;
const disposed = ones([2]);
disposed.dispose();
const values = (layer: Module) => JSON.stringify([...layer.stateDict()].map(([key, value]) => [key, value.toArray()]));

describe('a refused state is not loaded in part', () => {
  const state = { weight: tensor([5, 5]), bias: ones([2]), running_mean: ones([2]), running_var: ones([2]) };
  test.each<[string, unknown, string, RegExp]>([
    ['a later tensor is disposed', { ...state, running_var: disposed }, 'disposed', /was disposed/],
    ['NaN for the counter', { ...state, num_batches_tracked: tensor(NaN) }, 'dtype', /NaN/],
    ['an array', { ...state, running_var: [1, 1] }, 'state_dict', /"running_var", expected .*Tensor.* got a list/],
    ['an object of no class', { ...state, running_var: Object.create(null) }, 'state_dict', /"running_var".* got an object/],
    ['null', { ...state, running_var: null }, 'state_dict', /"running_var".* got null/],
    ['no state', undefined, 'state_dict', /got undefined/],
    ['null for a state', null, 'state_dict', /got null/],
    ['a list for a state', [ones([2])], 'state_dict', /Map or an object/],
  ])('%s', (_, given, code, message) => {
    const layer = new BatchNorm1d(2);
    const before = values(layer);
    const error = refusal(() => layer.loadStateDict(bad(given)));
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(values(layer)).toBe(before);
  });

  test('nor where a parameter is gone', () => {
    const layer = new BatchNorm1d(2);
    layer.runningVar?.dispose();
    expect(refusal(() => layer.loadStateDict(state)).code).toBe('disposed');
    expect(layer.weight?.toArray()).toEqual([1, 1]);
  });

  test.each([
    ['false, as in Python', false, 'loadStateDict takes its options as an object, such as { strict: true }; got false'],
    ['an unknown one', { strikt: false }, 'loadStateDict has no option strikt: choose from strict'],
  ])('nor with options that are %s', (_, options, message) => {
    expect(refusal(() => new BatchNorm1d(2).loadStateDict(state, bad(options)))).toMatchObject({ code: 'argument', message });
  });

  test('what the module lacks may be anything where it is not strict', () => {
    const report = new BatchNorm1d(2).loadStateDict({ ...state, epoch: bad(3) }, { strict: false });
    expect(report.unexpectedKeys).toEqual(['epoch']);
  });
});

describe('lazy layers stay lazy', () => {
  const whole = new BatchNorm1d(3).stateDict();
  const half = new Map([...whole].filter(([key]) => key !== 'bias'));
  test.each<[string, (layer: LazyBatchNorm1d) => unknown]>([
    ['when the first forward is refused', (layer) => layer.forward(ones([1, 3]))],
    ['when its dtype is', (layer) => layer.forward(zeros([2, 3], { dtype: 'int64' }))],
    ['when a key is missing', (layer) => layer.loadStateDict(half)],
    ['when a vector has another length', (layer) => layer.loadStateDict(new Map([...whole, ['bias', ones([4])]]))],
    ['when no state is given', (layer) => layer.loadStateDict(new Map([...whole, ['weight', bad(5)]]))],
    ['when a neighbour refuses', (layer) => new Sequential(layer, new Linear(3, 3)).loadStateDict(
      new Map([...whole].map(([key, value]) => [`0.${key}`, value])))],
  ])('%s', (_, refused) => {
    const layer = new LazyBatchNorm1d();
    refusal(() => refused(layer));
    expect([String(layer).slice(0, 17), layer.numFeatures]).toEqual(['LazyBatchNorm1d(0', 0]);
    expect(layer.forward(ones([2, 5])).shape).toEqual([2, 5]);
    expect(layer.numFeatures).toBe(5);
  });
});

describe('options', () => {
  test.each<[string, () => unknown, string]>([
    ['in snake case', () => new LayerNorm(3, bad({ elementwise_affine: false })),
      'LayerNorm has no option elementwise_affine: did you mean elementwiseAffine?'],
    ['of BatchNorm', () => new BatchNorm2d(3, bad({ track_running_stats: false })),
      'BatchNorm2d has no option track_running_stats: did you mean trackRunningStats?'],
    ['of InstanceNorm', () => new InstanceNorm1d(3, bad({ Affine: true })), 'did you mean affine?'],
    ['of a lazy layer', () => new LazyBatchNorm1d(bad({ afine: true })),
      'LazyBatchNorm1d has no option afine: choose from eps, '],
    ['of GroupNorm', () => new GroupNorm(1, 3, bad({ epsilon: 1 })),
      'GroupNorm has no option epsilon: choose from eps, affine, bias'],
    ['of RMSNorm', () => new RMSNorm(3, bad({ bias: true })),
      'RMSNorm has no option bias: choose from eps, elementwiseAffine'],
    ['of LocalResponseNorm', () => new LocalResponseNorm(3, bad({ Alpha: 1 })), 'did you mean alpha?'],
    ['of FrozenBatchNorm2d', () => new FrozenBatchNorm2d(3, bad({ affine: 1 })),
      'FrozenBatchNorm2d has no option affine'],
    ['of Linear', () => new Linear(3, 2, bad({ Bias: false })), 'did you mean bias?'],
    ['of Embedding', () => new Embedding(3, 2, bad({ padding_idx: 1 })), 'did you mean paddingIdx?'],
    ['of a convolution', () => new Conv2d(3, 2, 1, bad({ padding_mode: 'zeros' })),
      'Conv2d has no option padding_mode: did you mean paddingMode?'],
    ['of a transposed one', () => new ConvTranspose1d(3, 2, 1, bad({ output_padding: 1 })),
      'did you mean outputPadding?'],
    ['of an activation', () => new LeakyReLU(bad({ negative_slope: 1 })),
      'LeakyReLU has no option negative_slope: did you mean negativeSlope?'],
    ['of ReLU', () => new ReLU(bad({ inPlace: true })), 'did you mean inplace?'],
    ['of weightNorm', () => weightNorm(new Linear(3, 2), bad({ Dim: 1 })),
      'weightNorm has no option Dim: did you mean dim?'],
    ['of spectralNorm', () => spectralNorm(new Linear(3, 2), bad({ n_power_iterations: 1 })),
      'did you mean nPowerIterations?'],
    ['of layerNorm', () => layerNorm(ones([2, 3]), [3], bad({ epsilon: 1 })), 'layerNorm has no option epsilon'],
    ['of batchNorm', () => batchNorm(ones([2, 3]), null, null, bad({ train: true })), 'batchNorm has no option train'],
    ['of instanceNorm', () => instanceNorm(ones([2, 3, 4]), bad({ use_input_stats: true })),
      'did you mean useInputStats?'],
    ['of localResponseNorm', () => localResponseNorm(ones([2, 3, 4]), 3, bad({ K: 1 })), 'did you mean k?'],
    ['of normalize', () => normalize(ones([2, 3]), bad({ dims: 1 })),
      'normalize has no option dims: choose from p, dim, eps'],
    ['of an initializer', () => kaimingUniform_(ones([2, 3]), bad({ Mode: 'fan_in' })), 'did you mean mode?'],
    ['of another one', () => xavierUniform_(ones([2, 3]), bad({ scale: 2 })),
      'xavierUniform_ has no option scale: choose from gain'],
    ['that are no object', () => new LayerNorm(3, bad(1e-6)),
      'LayerNorm takes its options as an object, such as { eps: '],
    ['that are null', () => new GELU(bad(null)), 'GELU takes its options as an object'],
    ['a flag that is text', () => new LayerNorm(3, bad({ bias: 'no' })),
      "LayerNorm: bias must be true or false, got no"],
    ['a flag that is a number', () => new BatchNorm1d(3, bad({ affine: 0 })),
      'BatchNorm1d: affine must be true or false, got 0'],
    ['a mode that is text', () => new ReLU().train(bad('no')), 'train() takes true or false, got no'],
    ['a momentum without end', () => new BatchNorm1d(3, { momentum: Infinity }),
      'momentum must be a finite number, got Infinity'],
    ['a momentum that went away', () => {
      const layer = new BatchNorm1d(3);
      Reflect.set(layer, 'momentum', undefined);
      layer.forward(ones([2, 3]));
    }, 'momentum must be a finite number, got undefined'],
    ['a momentum of instances that went away', () => {
      const layer = new InstanceNorm1d(3, { trackRunningStats: true });
      Reflect.set(layer, 'momentum', undefined);
      layer.forward(ones([2, 3, 4]));
    }, 'momentum must be a finite number, got undefined'],
  ])('refused: %s', (_, run, message) => {
    const error = refusal(run);
    expect(error.message).toContain(message);
    expect(error.code).toBe('argument');
  });

  test('undefined is the default', () => {
    expect(String(new BatchNorm1d(3, bad({ eps: undefined, affine: undefined })))).toBe(String(new BatchNorm1d(3)));
  });
});

const linear = () => new Linear(3, 3);

describe('plausible mistakes', () => {
  const inputs = [undefined, null, [1, 2], 5];
  const layers: Module[] = [
    new LayerNorm(2), new RMSNorm(2), new GroupNorm(1, 2), new BatchNorm1d(2), new InstanceNorm1d(2),
    new LazyBatchNorm1d(), new FrozenBatchNorm2d(2), new LocalResponseNorm(3), linear(),
    new Conv1d(1, 1, 2, { padding: 'same' }), new Conv2d(1, 1, 1), new Embedding(3, 2), new ReLU(), new GELU(),
    new Sequential(new LayerNorm(2)), weightNorm(linear()), spectralNorm(linear(), { keys: 'old' }),
  ];
  test.each(layers.map((layer) => [layer.constructor.name, layer] as const))('%s of what is no tensor', (_, layer) => {
    for (const x of inputs) expect(refusal(() => Reflect.apply(layer.forward, layer, [x])).code).toBe('argument');
  });

  test.each<[string, () => unknown, string]>([
    ['layerNorm of a number', () => layerNorm(ones([2, 4]), bad(4)), '[4]'],
    ['rmsNorm of a number', () => rmsNorm(ones([2, 4]), bad(4)), '[4]'],
    ['a weight that is an array', () => layerNorm(ones([2, 2]), [2], bad({ weight: [1, 1] })), 'Tensor'],
    ['groupNorm of nothing', () => groupNorm(bad(undefined), 2), 'Tensor'],
    ['addLayerNorm of an array', () => addLayerNorm(ones([2, 2]), bad([1]), [2]), 'Tensor'],
    ['normalize of nothing', () => normalize(bad(undefined)), 'Tensor'],
    ['batchNorm without statistics', () => Reflect.apply(batchNorm, null, [ones([2, 3])]), 'got undefined'],
    ['LayerNorm of nothing', () => new LayerNorm(bad(undefined)), 'normalizedShape'],
    ['LayerNorm of null', () => new LayerNorm(bad(null)), 'normalizedShape'],
    ['LayerNorm of text', () => new LayerNorm(bad('x')), 'normalizedShape'],
    ['Sequential of null', () => new Sequential(bad(null)), 'null is no Module'],
    ['Sequential of a function', () => new Sequential().append(bad(() => 1)), 'is no Module'],
    ['weightNorm of nothing', () => weightNorm(bad(undefined)), 'undefined is no Module'],
    ['spectralNorm of a tensor', () => spectralNorm(bad(ones([2, 2]))), 'is no Module'],
    ['removeWeightNorm of nothing', () => removeWeightNorm(bad(undefined)), 'undefined is no Module'],
    ['Conv2d without a kernel', () => Reflect.construct(Conv2d, [1, 1]),
      'kernel_size takes 2 whole numbers from 1, got undefined'],
    ['a stride that is text', () => new Conv2d(1, 1, 1, bad({ stride: '1' })),
      'stride takes 2 whole numbers from 1, got 1'],
    ['a number as a computed weight', () => { weightNorm(linear()).weight = bad(5); }, "'weight'"],
    ['explain without a shape', () => Reflect.apply(explain, null, [new LayerNorm(3)]), 'shape'],
    ['equivalent without a shape', () => Reflect.apply(equivalent, null, [new LayerNorm(3), new LayerNorm(3)]),
      'shape'],
    ['the set of a number', () => explain('b [c]', [2, 3]).setOf(bad(3)), '[1, 2]'],
  ])('%s', (_, run, message) => {
    const error = refusal(run);
    expect(error.message).toContain(message);
    expect(error.code).toBe('argument');
  });

  test('FrozenBatchNorm2d explains no other number of channels', () => {
    expect(refusal(() => explain(new FrozenBatchNorm2d(3), [2, 4, 2, 2]))).toMatchObject({ code: 'shape' });
  });

  test('a hundred million channels that no groups divide', () => {
    const error = refusal(() => new GroupNorm(7, 1e8));
    expect(error.message).toContain('choose from 1, 2, 4, 5, 8');
    expect(error.message.length).toBeLessThan(250);
  });
});

class Loop extends Module {
  gain = new Parameter(ones([1]));
  readonly self: Module = this;
  forward(x: Tensor): Tensor {
    return x.mul(this.gain);
  }
}

test('a module that contains itself ends', () => {
  const loop = new Loop();
  let calls = 0;
  loop.apply(() => calls++);
  expect([calls, [...loop.stateDict().keys()], String(loop)]).toEqual([1, ['gain'], 'Loop(\n  (self): Loop(...)\n)']);
  expect(loop.loadStateDict({ gain: ones([1]) }).missingKeys).toEqual([]);
});

describe('lifetime', () => {
  test.each(['old', 'parametrized'] as const)('what is computed within a scope outlives it, %s', (keys) => {
    const layers = [new Linear(3, 2), new Linear(3, 2), new Linear(3, 2)] as const;
    scope(() => {
      weightNorm(layers[0], { keys });
      spectralNorm(layers[1], { keys });
      removeWeightNorm(weightNorm(layers[2], { keys }));
    });
    for (const layer of layers) {
      expect(layer.forward(ones([1, 3])).shape).toEqual([1, 2]);
      expect([...layer.parameters(), ...layer.buffers()].filter((held) => held.isDisposed)).toEqual([]);
    }
  });

  test.each<[string, () => Module]>([
    ['LayerNorm', () => new LayerNorm([3, 4])],
    ['RMSNorm', () => new RMSNorm(4)],
    ['GroupNorm', () => new GroupNorm(2, 4)],
    ['BatchNorm', () => new BatchNorm1d(4)],
    ['FrozenBatchNorm2d', () => new FrozenBatchNorm2d(4)],
    ['Linear', () => new Linear(4, 3)],
    ['Conv2d', () => new Conv2d(4, 3, 2)],
    ['Embedding', () => new Embedding(4, 3)],
    ['Embedding with padding', () => new Embedding(4, 3, { paddingIdx: 0 })],
    ['a float64 layer', () => new LayerNorm(4).to('float64')],
    ['a lazy layer', () => {
      const [layer, x] = [new LazyBatchNorm1d(), ones([2, 3])];
      layer.forward(x).dispose();
      x.dispose();
      return layer;
    }],
  ])('%s gives its memory back with its state', (_, make) => {
    const before = memory();
    const layer = make();
    for (const held of [...layer.parameters(), ...layer.buffers()]) held.dispose();
    expect(memory()).toEqual(before);
  });

  test('an InstanceNorm without a batch holds its result alone', () => {
    const [layer, x] = [new InstanceNorm1d(2), randn([2, 3])];
    const before = memory();
    layer.forward(x).dispose();
    expect(memory()).toEqual(before);
    x.dispose();
    expect(memory().tensors).toBe(before.tensors - 1);
  });
});

describe('to float64 and back', () => {
  const made: [string, () => Module & { forward(x: Tensor): Tensor }, number[]][] = [
    ['LayerNorm', () => new LayerNorm(4), [2, 4]],
    ['RMSNorm', () => new RMSNorm(4), [2, 4]],
    ['GroupNorm', () => new GroupNorm(2, 4), [2, 4, 3]],
    ['BatchNorm1d', () => new BatchNorm1d(4), [3, 4]],
    ['BatchNorm1d in evaluation', () => new BatchNorm1d(4).eval(), [3, 4]],
    ['InstanceNorm1d', () => new InstanceNorm1d(4, { affine: true, trackRunningStats: true }), [3, 4, 5]],
    ['FrozenBatchNorm2d', () => new FrozenBatchNorm2d(4), [3, 4, 2, 2]],
    ['Linear', () => new Linear(4, 3), [2, 4]],
    ['Conv2d', () => new Conv2d(4, 3, 2), [1, 4, 3, 3]],
    ['ConvTranspose1d', () => new ConvTranspose1d(4, 3, 2), [1, 4, 3]],
    ['Sequential', () => new Sequential(new Linear(4, 3), new LayerNorm(3), new ReLU()), [2, 4]],
    ['weightNorm', () => weightNorm(new Linear(4, 3)), [2, 4]],
    ['weightNorm, old', () => weightNorm(new Linear(4, 3), { keys: 'old' }), [2, 4]],
    ['spectralNorm', () => spectralNorm(new Linear(4, 3)), [2, 4]],
    ['spectralNorm, old', () => spectralNorm(new Linear(4, 3), { keys: 'old' }), [2, 4]],
    ['LazyBatchNorm1d', () => new LazyBatchNorm1d(), [3, 4]],
  ];
  test.each(made)('%s', (_, make, shape) => {
    const layer = make();
    const keys = [...layer.stateDict().keys()];
    expect(layer.to('float64')).toBe(layer);
    expect([...layer.stateDict().keys()]).toEqual(keys);
    const x = randn(shape, { dtype: 'float64', requiresGrad: true });
    const y = layer.forward(x);
    y.square().sum().backward();
    expect([y.dtype, x.grad?.dtype]).toEqual(['float64', 'float64']);
    const parameters = layer.parameters();
    expect(parameters.map((parameter) => parameter.grad?.dtype)).toEqual(parameters.map(() => 'float64'));
    expect(parameters.every((parameter) => parameter instanceof Parameter && parameter.requiresGrad)).toBe(true);
    expect(layer.buffers().every((buffer) => buffer instanceof Buffer)).toBe(true);
    const counters = [...layer.stateDict()].filter(([, { dtype }]) => dtype !== 'float64').map(([key]) => key);
    expect(counters.every((key) => key === 'num_batches_tracked')).toBe(true);
    expect(layer.to('float32').forward(randn(shape)).dtype).toBe('float32');
  });

  test('values, gradients, flags and ties stay; a scope does not end them', () => {
    const [a, b] = [new Linear(2, 2), new Linear(2, 2)];
    b.weight = a.weight;
    const both = new Sequential(a, b).requiresGrad(false);
    a.weight.requiresGrad = true;
    a.weight.grad = ones([2, 2]);
    const before = a.weight.toArray();
    scope(() => void both.to('float64'));
    expect(b.weight).toBe(a.weight);
    expect([a.weight.toArray(), a.weight.requiresGrad, b.bias?.requiresGrad]).toEqual([before, true, false]);
    expect([a.weight.grad?.dtype, a.weight.grad?.toArray()]).toEqual(['float64', [[1, 1], [1, 1]]]);
    const held = a.weight;
    expect(both.to('float64')).toBe(both);
    expect(a.weight).toBe(held);
  });

  test('int64 is refused', () => {
    const error = refusal(() => new Linear(2, 2).to(bad('int64')));
    expect(error).toMatchObject({ code: 'dtype', message: expect.stringContaining('int64') });
  });
});
