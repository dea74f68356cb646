// Layers with state: when running statistics move, what a state dict may hold, when PyTorch raises, and how layers print.
// Numbers are PARITY's reference vectors: PyTorch in float64.
import {
  BatchNorm1d, BatchNorm2d, BatchNorm3d, Buffer, FrozenBatchNorm2d, GroupNorm, InstanceNorm1d, InstanceNorm2d,
  InstanceNorm3d, instanceNorm, LayerNorm, LayerNorm2d, LazyBatchNorm1d, LazyBatchNorm2d, LazyBatchNorm3d, LazyInstanceNorm1d, LazyInstanceNorm2d,
  LazyInstanceNorm3d, LocalResponseNorm, Module, Parameter, RMSNorm, backends, batchNorm, groupNorm, layerNorm, normalize, ones,
  rmsNorm, tensor, useBackend, zeros, type Nested, type Tensor,
} from 'evenkeel';
import { afterEach, describe, expect, test } from 'vitest';
import { refusal } from './refusal.js';

const initial = backends()[0] ?? '';
afterEach(() => {
  useBackend(initial);
});

function close(actual: Tensor | null, expected: Nested): void {
  const wanted = tensor(expected, { dtype: 'float64' });
  expect(actual?.shape).toEqual(wanted.shape);
  Array.from(actual?.data ?? [], Number).forEach((value, i) => expect(value).toBeCloseTo(Number(wanted.data[i]), 5));
}

const batch = () => tensor([[1, -2], [3, 0], [8, 1]], { requiresGrad: true });

describe.each(backends())('%s', (backend) => {
  test('BatchNorm1d trains, then evaluates', () => {
    useBackend(backend);
    const layer = new BatchNorm1d(2);
    const x = batch();
    const y = layer.forward(x);
    close(y, [[-1.01904874282, -1.33630191431], [-0.339682914273, 0.267260382863], [1.35873165709, 1.06904153145]]);
    y.backward(tensor([[1, 0], [0, 2], [0, -1]]));
    close(x.grad, [[0.108872864606, -0.458159429128], [-0.152421775283, 1.37448172357], [0.0435489106774, -0.916322294438]]);
    close(layer.weight?.grad ?? null, [-1.01904874282, -0.534520765725]);
    close(layer.runningMean, [0.4, -0.0333333333333]);
    close(layer.runningVar, [2.2, 1.13333333333]);
    expect(layer.numBatchesTracked?.item()).toBe(1);
    const x2 = batch();
    const y2 = layer.eval().forward(x2);
    close(y2, [[0.404518998118, -1.84735350863], [1.75291565851, 0.0313110764175], [5.12390730949, 0.970643368941]]);
    y2.backward(tensor([[1, 0], [0, 2], [0, -1]]));
    close(x2.grad, [[0.674198330196, 0], [0, 1.87866458505], [0, -0.939332292524]]);
    expect(layer.numBatchesTracked?.item()).toBe(1);
  });

  test('InstanceNorm1d with running statistics', () => {
    useBackend(backend);
    const layer = new InstanceNorm1d(2, { trackRunningStats: true });
    const x = tensor([[[1, 2, 6], [0, 1, 2]], [[3, 3, 0], [4, 8, 0]]]);
    close(layer.forward(x).slice(0, 0, 1).slice(1, 0, 1), [[[-0.925819107824, -0.462909553912, 1.38872866174]]]);
    close(layer.runningMean, [0.25, 0.25]);
    close(layer.runningVar, [1.4, 1.75]);
    expect(layer.numBatchesTracked?.item()).toBe(0);
    close(layer.eval().forward(x).slice(0, 0, 1).slice(1, 0, 1), [[[0.633863427252, 1.47901466359, 4.85961960894]]]);
  });

  test('momentum null: every batch counts the same; 0: averages stay, the counter moves', () => {
    useBackend(backend);
    const cumulative = new BatchNorm1d(1, { momentum: null });
    for (const rows of [[[0], [2]], [[4], [6]], [[8], [10]]]) cumulative.forward(tensor(rows));
    close(cumulative.runningMean, [5]);
    close(cumulative.runningVar, [2]);
    const frozen = new BatchNorm1d(1, { momentum: 0 });
    frozen.forward(tensor([[0], [2]]));
    close(frozen.runningMean, [0]);
    expect(frozen.numBatchesTracked?.item()).toBe(1);
    const instance = new InstanceNorm1d(1, { momentum: null, trackRunningStats: true });
    instance.forward(tensor([[[1, 3]]]));
    close(instance.runningMean, [0]);
  });

  test('±1e20 gives ±1', () => {
    useBackend(backend);
    const x = tensor([[1e20, -1e20]]);
    for (const y of [layerNorm(x, [2]), rmsNorm(x, [2]), normalize(x).mul(Math.SQRT2)]) close(y, [[1, -1]]);
  });
});

describe('which statistics, and are the buffers moved', () => {
  const x = tensor([[1, 5], [3, 9]]);
  test('training, flag off later: batch statistics, buffers stay, counter stays', () => {
    const layer = new BatchNorm1d(2);
    layer.trackRunningStats = false;
    close(layer.forward(x), batchNorm(x, null, null, { training: true }).toArray());
    expect(layer.runningMean?.toArray()).toEqual([0, 0]);
    expect(layer.numBatchesTracked?.item()).toBe(0);
  });
  test('evaluation, flag off later: running statistics', () => {
    const layer = new BatchNorm1d(2).eval();
    layer.trackRunningStats = false;
    close(layer.forward(x), [[1, 5], [3, 9]].map((row) => row.map((value) => value / Math.sqrt(1 + 1e-5))));
  });
  test('no buffers: batch statistics in both modes', () => {
    const layer = new BatchNorm1d(2, { trackRunningStats: false });
    expect(layer.eval().forward(x).toArray()).toEqual(layer.train().forward(x).toArray());
    expect([...layer.stateDict().keys()]).toEqual(['weight', 'bias']);
  });
  test('a counter set to null: the average still moves', () => {
    const layer = new BatchNorm1d(2);
    layer.numBatchesTracked = null;
    layer.forward(x);
    close(layer.runningMean, [0.2, 0.7]);
  });
  test('InstanceNorm with the flag off later: evaluation moves the buffers', () => {
    const layer = new InstanceNorm1d(1, { trackRunningStats: true }).eval();
    layer.trackRunningStats = false;
    layer.forward(tensor([[[1, 3]]]));
    close(layer.runningMean, [0.2]);
  });
  test('an empty batch: averages stay, the counter moves; InstanceNorm leaves all alone', () => {
    const layer = new BatchNorm1d(2);
    expect(layer.forward(zeros([0, 2])).shape).toEqual([0, 2]);
    expect(layer.runningMean?.toArray()).toEqual([0, 0]);
    expect(layer.numBatchesTracked?.item()).toBe(1);
    const instance = new InstanceNorm1d(2, { trackRunningStats: true });
    expect(instance.forward(zeros([0, 2, 3])).shape).toEqual([0, 2, 3]);
    expect(instance.runningMean?.toArray()).toEqual([0, 0]);
  });
  test('gradients of parameters over an empty batch are zeros', () => {
    for (const layer of [new LayerNorm(4), new BatchNorm1d(4), new GroupNorm(2, 4)]) {
      layer.forward(zeros([0, 4], { requiresGrad: true })).sum().backward();
      expect(layer.weight?.grad?.toArray()).toEqual([0, 0, 0, 0]);
      expect(layer.bias?.grad?.toArray()).toEqual([0, 0, 0, 0]);
    }
  });
});

const of = (shape: readonly number[]) => ones(shape);

test.each<[string, (layers: { bn: BatchNorm1d; bn2: BatchNorm2d; in1: InstanceNorm1d }) => unknown, string, string]>([
  ['one value a channel', ({ bn }) => bn.forward(of([1, 4])), 'too_few_values', 'Expected more than 1 value per channel when training, got input size torch.Size([1, 4])'],
  ['one value, no buffers, evaluation', () => new BatchNorm1d(4, { trackRunningStats: false }).eval().forward(of([1, 4])), 'too_few_values', 'Expected more than 1 value per channel'],
  ['rank 1', ({ bn }) => bn.forward(of([4])), 'rank', 'expected 2D or 3D input (got 1D input)'],
  ['rank 3 for images', ({ bn2 }) => bn2.forward(of([2, 4, 3])), 'rank', 'expected 4D input (got 3D input)'],
  ['rank 4 for volumes', () => new BatchNorm3d(4).forward(of([2, 4, 3, 3])), 'rank', 'expected 5D input (got 4D input)'],
  ['another number of channels', ({ bn }) => bn.forward(of([2, 5])), 'shape', 'running_mean should contain 5 elements not 4'],
  ['eps 0 in training', () => batchNorm(of([2, 4]), null, null, { training: true, eps: 0 }), 'argument', 'batch_norm eps must be positive during training, but got 0'],
  ['negative eps', () => batchNorm(of([2, 4]), zeros([4]), ones([4]), { eps: -1 }), 'argument', 'batch_norm eps must be non-negative, but got -1'],
  ['no running mean', () => batchNorm(of([2, 4]), null, null), 'no_statistics', 'running_mean must be defined in evaluation mode'],
  ['no running variance', () => batchNorm(of([2, 4]), zeros([4]), null), 'no_statistics', 'running_var must be defined in evaluation mode'],
  ['one of two', () => batchNorm(of([2, 4]), zeros([4]), null, { training: true }), 'no_statistics', 'running_mean and running_var must either both be None or neither be None'],
  ['float64 with float32 buffers', ({ bn }) => bn.forward(ones([2, 4], { dtype: 'float64' })), 'dtype', 'mixed dtype'],
  ['NaN momentum', () => new BatchNorm1d(4, { momentum: NaN }), 'argument', 'momentum must be a finite number, got NaN'],
  ['momentum that is text', () => new BatchNorm1d(4, JSON.parse('{"momentum":"0.1"}')), 'argument', 'momentum must be a finite number, got 0.1'],
  ['NaN features', () => new BatchNorm1d(NaN), 'size', 'num_features must be a whole number from 0, got NaN'],
  ['one position', ({ in1 }) => in1.forward(of([2, 4, 1])), 'too_few_values', 'Expected more than 1 spatial element when training, got input size torch.Size([2, 4, 1])'],
  ['one position, unbatched', ({ in1 }) => in1.forward(of([4, 1])), 'too_few_values', 'torch.Size([1, 4, 1])'],
  ['rank for InstanceNorm2d', () => new InstanceNorm2d(4).forward(of([2, 4])), 'rank', 'expected 3D or 4D input (got 2D input)'],
  ['rank for InstanceNorm3d', () => new InstanceNorm3d(4).forward(of([2, 4, 3])), 'rank', 'expected 4D or 5D input (got 3D input)'],
  ['features of an affine InstanceNorm', () => new InstanceNorm1d(4, { affine: true }).forward(of([2, 5, 3])), 'shape', "expected input's size at dim=1 to match num_features (4), but got: 5."],
  ['features, unbatched', () => new InstanceNorm1d(4, { affine: true }).forward(of([5, 3])), 'shape', "expected input's size at dim=0"],
  ['features of a tracking InstanceNorm', () => new InstanceNorm1d(4, { trackRunningStats: true }).forward(of([2, 5, 3])), 'shape', 'running_mean should contain 10 elements not 8'],
  ['InstanceNorm without statistics', () => instanceNorm(of([2, 4, 3]), { useInputStats: false }), 'no_statistics', 'Expected running_mean and running_var to be defined when use_input_stats is false'],
  ['groups do not divide', () => new GroupNorm(3, 4), 'indivisible', 'num_channels (4) must be divisible by num_groups (3)'],
  ['no groups', () => new GroupNorm(0, 4), 'argument', 'Expected num groups to be greater than 0, got 0'],
  ['group of one value', () => groupNorm(of([1, 4]), 4), 'too_few_values', 'got input size [1, 4]'],
  ['groups of a vector', () => groupNorm(of([4]), 2), 'rank', 'Expected at least 2 dimensions for input tensor but received 1'],
  ['groups that do not divide the input', () => groupNorm(of([2, 5, 3]), 2), 'indivisible', 'but got input of shape [2, 5, 3] and num_groups=2'],
  ['weight of a group norm', () => new GroupNorm(2, 4).forward(of([2, 6, 3])), 'shape', 'but got weight of shape [4] and input of shape [2, 6, 3]'],
  ['trailing shape', () => layerNorm(of([2, 4, 3]), [3, 4]), 'shape', 'Given normalized_shape=[3, 4], expected input with shape [*, 3, 4], but got input of size[2, 4, 3]'],
  ['trailing shape of rms', () => rmsNorm(of([2, 5]), [4]), 'shape', 'Given normalized_shape=[4], expected input with shape [*4], but got input of size[2, 5]'],
  ['channels first for LayerNorm', () => new LayerNorm(8).forward(of([2, 8, 4, 4])), 'shape', 'axis 1 has 8; use LayerNorm2d(8) for each pixel, GroupNorm(1, 8) or LayerNorm([8, 4, 4]) for each sample'],
  ['channels last for BatchNorm', () => new BatchNorm2d(3).forward(of([2, 4, 4, 3])), 'shape', 'running_mean should contain 4 elements not 3: axis 1 of the input has 4 channels; the last axis has 3: permute it to axis 1'],
  ['an image for BatchNorm2d without a batch', () => new BatchNorm2d(3).forward(of([3, 4, 4])), 'rank', 'expected 4D input (got 3D input): (N, C, H, W), and not [3, 4, 4]'],
  ['an empty batch for an affine InstanceNorm', () => new InstanceNorm1d(4, { affine: true }).forward(of([0, 4, 3])), 'shape', 'select(): index 0 out of range for tensor of size [0] at dimension 0'],
  ['no channels for an affine BatchNorm', () => new BatchNorm1d(0).forward(of([2, 0])), 'shape', 'select(): index 0 out of range for tensor of size [0] at dimension 0'],
  ['no trailing shape', () => new LayerNorm([]).forward(of([2])), 'shape', 'Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got normalized_shape = []'],
  ['weight of a layer norm', () => layerNorm(of([2, 4]), [4], { weight: ones([5]) }), 'shape', 'Expected weight to be of same shape as normalized_shape, but got weight of shape [5] and normalized_shape = [4]'],
  ['LayerNorm2d of another rank', () => new LayerNorm2d(4).forward(of([2, 4, 3])), 'rank', 'LayerNorm2d only supports inputs with shape (N, C, H, W), but got tensor with shape [2, 4, 3]'],
  ['LayerNorm2d of other channels', () => new LayerNorm2d(4, { elementwiseAffine: false }).forward(of([2, 5, 3, 3])), 'shape', 'Given normalized_shape=[4]'],
  ['local response of a matrix', () => new LocalResponseNorm(3).forward(of([2, 3])), 'rank', 'Expected 3D or higher dimensionality input (got 2 dimensions)'],
  ['local response of too many channels', () => new LocalResponseNorm(2 ** 53), 'size', 'size must be a whole number from 1, got 9007199254740992'],
  ['local response of no channels', () => new LocalResponseNorm(0), 'size', 'size must be a whole number from 1, got 0'],
  ['dim of normalize', () => normalize(of([3])), 'dimension', 'Dimension out of range (expected to be in range of [-1, 0], but got 1)'],
])('%s is refused and nothing moves', (_, run, code, message) => {
  const layers = { bn: new BatchNorm1d(4), bn2: new BatchNorm2d(4), in1: new InstanceNorm1d(4, { trackRunningStats: true }) };
  const before = Object.values(layers).map((layer) => JSON.stringify([...layer.stateDict()].map(([key, value]) => [key, value.toArray()])));
  const error = refusal(() => run(layers));
  expect(error.message).toContain(message);
  expect(error.code).toBe(code);
  expect(Object.values(layers).map((layer) => JSON.stringify([...layer.stateDict()].map(([key, value]) => [key, value.toArray()])))).toEqual(before);
});

test.each<[string, () => Tensor, readonly number[]]>([
  ['GroupNorm of one value a group, two samples', () => new GroupNorm(4, 4).forward(of([2, 4])), [2, 4]],
  ['GroupNorm of other channels without parameters', () => new GroupNorm(2, 4, { affine: false }).forward(of([2, 6, 3])), [2, 6, 3]],
  ['InstanceNorm of other channels without parameters', () => new InstanceNorm1d(4).forward(of([2, 5, 3])), [2, 5, 3]],
  ['InstanceNorm1d reads a matrix as (C, L)', () => new InstanceNorm1d(2).forward(of([2, 3])), [2, 3]],
  ['BatchNorm of one sample with positions', () => new BatchNorm2d(4).forward(of([1, 4, 2, 2])), [1, 4, 2, 2]],
  ['BatchNorm in evaluation of one value', () => new BatchNorm1d(4).eval().forward(of([1, 4])), [1, 4]],
  ['InstanceNorm in evaluation of one position, tracking', () => new InstanceNorm1d(4, { trackRunningStats: true }).eval().forward(of([2, 4, 1])), [2, 4, 1]],
  ['LayerNorm of no channels', () => new LayerNorm(0).forward(of([2, 0])), [2, 0]],
  ['LayerNorm over everything', () => new LayerNorm([2, 3]).forward(of([2, 3])), [2, 3]],
  ['BatchNorm of no positions', () => new BatchNorm1d(3).forward(of([2, 3, 0])), [2, 3, 0]],
  ['BatchNorm of no channels without parameters', () => new BatchNorm1d(0, { affine: false }).forward(of([2, 0])), [2, 0]],
  ['an empty batch for InstanceNorm', () => new InstanceNorm1d(4).forward(of([0, 4, 3])), [0, 4, 3]],
  ['local response of nothing', () => new LocalResponseNorm(3).forward(of([0, 3, 4])), [0, 3, 4]],
])('%s is allowed', (_, run, shape) => {
  expect(run().shape).toEqual(shape);
});

test('a window of LocalResponseNorm wider than all channels is as wide as they are', () => {
  const x = tensor(Array.from({ length: 24 }, Math.sin), [2, 3, 4]);
  const wide = new LocalResponseNorm(2 ** 40, { alpha: 2 ** 40 }).forward(x);
  expect(wide.toArray()).toEqual(new LocalResponseNorm(8, { alpha: 8 }).forward(x).toArray());
});

describe('state dicts', () => {
  class Both extends Module {
    bn = new BatchNorm1d(2);
    g = new Parameter(ones([1]));
    forward(x: Tensor): Tensor {
      return this.bn.forward(x).mul(this.g);
    }
  }
  test('own parameters first, then children, in PyTorch\'s keys', () => {
    expect([...new Both().stateDict().keys()]).toEqual([
      'g', 'bn.weight', 'bn.bias', 'bn.running_mean', 'bn.running_var', 'bn.num_batches_tracked',
    ]);
    expect([...new LayerNorm(2, { bias: false }).stateDict().keys()]).toEqual(['weight']);
    expect([...new InstanceNorm1d(2).stateDict().keys()]).toEqual([]);
  });
  test('round trip', () => {
    const [from, to] = [new Both(), new Both()];
    from.forward(tensor([[1, 2], [3, 5]]));
    expect(to.loadStateDict(from.stateDict())).toEqual({ missingKeys: [], unexpectedKeys: [], reshapedKeys: [], layout: null });
    close(to.bn.runningMean, [0.2, 0.35]);
    expect(to.bn.numBatchesTracked?.item()).toBe(1);
  });
  test('missing, unexpected and misshapen entries are listed together, and nothing is copied', () => {
    const layer = new BatchNorm1d(2);
    const error = refusal(() => layer.loadStateDict({ weight: ones([3]), bias: ones([2]), running_mean: ones([2]), extra: ones([1]) }));
    expect(error.code).toBe('state_dict');
    expect(error.message).toBe(
      'Error(s) in loading state_dict for BatchNorm1d:\n\tMissing key(s) in state_dict: "running_var". \n' +
        '\tUnexpected key(s) in state_dict: "extra". \n\tsize mismatch for weight: copying a param with shape torch.Size([3]) ' +
        'from checkpoint, the shape in current model is torch.Size([2]).',
    );
    expect(layer.bias?.toArray()).toEqual([0, 0]);
    expect(layer.runningMean?.toArray()).toEqual([0, 0]);
  });
  test('not strict: reports, copies what fits', () => {
    const layer = new LayerNorm(2);
    expect(layer.loadStateDict({ bias: ones([2]), extra: ones([1]) }, { strict: false })).toEqual({
      missingKeys: ['weight'], unexpectedKeys: ['extra'], reshapedKeys: [], layout: null,
    });
    expect(layer.bias?.toArray()).toEqual([1, 1]);
  });
  test('the counter may be missing, or one element of rank 1; two are refused', () => {
    const state = { weight: ones([2]), bias: ones([2]), running_mean: ones([2]), running_var: ones([2]) };
    const layer = new BatchNorm1d(2);
    layer.loadStateDict(state);
    const rank1 = tensor(new BigInt64Array([7n]));
    expect(layer.loadStateDict({ ...state, num_batches_tracked: rank1 }).reshapedKeys).toEqual(['num_batches_tracked']);
    expect(layer.numBatchesTracked?.item()).toBe(7);
    expect(layer.numBatchesTracked?.shape).toEqual([]);
    const two = tensor(new BigInt64Array([7n, 8n]));
    expect(refusal(() => layer.loadStateDict({ ...state, num_batches_tracked: two })).message).toContain('size mismatch for num_batches_tracked');
  });
  test('dtypes are converted', () => {
    const layer = new LayerNorm(2, { bias: false });
    layer.loadStateDict({ weight: tensor(new Float64Array([1.5, 2])) });
    expect(layer.weight?.dtype).toBe('float32');
    expect(layer.weight?.toArray()).toEqual([1.5, 2]);
  });
  test('running statistics for an InstanceNorm that has none', () => {
    const error = refusal(() => new InstanceNorm1d(2).loadStateDict({ running_mean: ones([2]), running_var: ones([2]) }));
    expect(error.message).toContain(
      'Unexpected running stats buffer(s) "running_mean" and "running_var" for InstanceNorm1d with track_running_stats=False.',
    );
  });
  test('FrozenBatchNorm2d drops an incoming counter and has no parameters', () => {
    const layer = new FrozenBatchNorm2d(2);
    layer.loadStateDict(new BatchNorm2d(2).stateDict());
    expect(layer.parameters()).toEqual([]);
    expect([...layer.stateDict().keys()]).toEqual(['weight', 'bias', 'running_mean', 'running_var']);
    expect(layer.weight).toBeInstanceOf(Buffer);
  });
});

describe('lazy layers', () => {
  test.each<[Module & { numFeatures: number; forward(x: Tensor): Tensor }, readonly number[], string]>([
    [new LazyBatchNorm1d(), [2, 3], 'BatchNorm1d'],
    [new LazyBatchNorm2d(), [2, 3, 2, 2], 'BatchNorm2d'],
    [new LazyBatchNorm3d(), [2, 3, 2, 2, 2], 'BatchNorm3d'],
    [new LazyInstanceNorm1d(), [2, 3, 4], 'InstanceNorm1d'],
    [new LazyInstanceNorm2d(), [2, 3, 2, 2], 'InstanceNorm2d'],
    [new LazyInstanceNorm3d(), [2, 3, 2, 2, 2], 'InstanceNorm3d'],
  ])('%s becomes itself at its first input', (layer, shape, name) => {
    expect(String(layer)).toBe(`Lazy${name}(0, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)`);
    expect(refusal(() => layer.forward(of([3]))).code).toBe('rank');
    expect(layer.numFeatures).toBe(0);
    layer.forward(of(shape));
    expect(String(layer)).toBe(`${name}(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)`);
    expect(layer.stateDict().get('running_var')?.shape).toEqual([3]);
  });
  test('nothing to initialize: the number of features stays 0', () => {
    const layer = new LazyBatchNorm1d({ affine: false, trackRunningStats: false });
    layer.forward(of([2, 3]));
    expect(layer.numFeatures).toBe(0);
  });
  test('a state dict settles it', () => {
    const layer = new LazyBatchNorm1d();
    layer.loadStateDict(new BatchNorm1d(5).stateDict());
    expect(layer.numFeatures).toBe(5);
    expect(layer).not.toBeInstanceOf(LazyBatchNorm1d);
  });
});

test.each<[Module, string]>([
  [new LayerNorm(4), 'LayerNorm((4,), eps=1e-05, elementwise_affine=True, bias=True)'],
  [new LayerNorm([2, 3], { eps: 1e-6, bias: false }), 'LayerNorm((2, 3), eps=1e-06, elementwise_affine=True, bias=False)'],
  [new LayerNorm(4, { elementwiseAffine: false }), 'LayerNorm((4,), eps=1e-05, elementwise_affine=False, bias=False)'],
  [new LayerNorm2d(96, { eps: 1e-6 }), 'LayerNorm2d((96,), eps=1e-06, elementwise_affine=True, bias=True)'],
  [new RMSNorm(4), 'RMSNorm((4,), eps=None, elementwise_affine=True)'],
  [new GroupNorm(2, 4), 'GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)'],
  [new BatchNorm1d(3, { affine: false }), 'BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=True)'],
  [new BatchNorm2d(3, { momentum: null }), 'BatchNorm2d(3, eps=1e-05, momentum=None, affine=True, bias=True, track_running_stats=True)'],
  [new InstanceNorm2d(3), 'InstanceNorm2d(3, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=False)'],
  [new LocalResponseNorm(5), 'LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=1.0)'],
  [new LocalResponseNorm(5, { k: 2 }), 'LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=2)'],
  [new FrozenBatchNorm2d(64), 'FrozenBatchNorm2d(64, eps=1e-05)'],
])('%s prints as in PyTorch', (layer, text) => {
  expect(String(layer)).toBe(text);
});
