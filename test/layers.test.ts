// The layers that are no normalization against PyTorch's: repr, keys, fresh weights, outputs and gradients.
import { expect, test } from 'vitest';
import { arange, ones, tensor, zeros } from '../src/create.js';
import type { KeelError } from '../src/errors.js';
import {
  ELU, GELU, LeakyReLU, LogSoftmax, ReLU, ReLU6, Sigmoid, SiLU, Softmax, Softplus, Tanh,
} from '../src/nn/activation.js';
import { ModuleList, Sequential } from '../src/nn/containers.js';
import {
  Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d,
} from '../src/nn/conv.js';
import {
  calculateFanInAndFanOut, calculateGain, constant_, kaimingNormal_, kaimingUniform_, ones_, xavierNormal_,
  xavierUniform_, zeros_,
} from '../src/nn/init.js';
import { Dropout, Embedding, Flatten, Identity, Linear } from '../src/nn/layers.js';
import type { Module } from '../src/nn/module.js';
import { Parameter } from '../src/nn/parameter.js';
import { manualSeed, normal_, rand, truncNormal, uniform_ } from '../src/random.js';
import type { Tensor } from '../src/tensor.js';
import { expectEntry, farFrom, fresh, replay, tables } from './nn/replay.js';
import { refusal } from './refusal.js';

const modules: Readonly<Record<string, () => Module>> = {
  'Linear(5, 4)': () => new Linear(5, 4),
  'Linear(5, 4, bias=False)': () => new Linear(5, 4, { bias: false }),
  'Linear(20, 33)': () => new Linear(20, 33),
  'Linear(0, 3)': () => new Linear(0, 3),
  'Linear(3, 2)': () => new Linear(3, 2),
  'Embedding(7, 3)': () => new Embedding(7, 3),
  'Embedding(5, 4, padding_idx=1)': () => new Embedding(5, 4, { paddingIdx: 1 }),
  'Embedding(30, 2, padding_idx=-1)': () => new Embedding(30, 2, { paddingIdx: -1 }),
  'Embedding(4, 4)': () => new Embedding(4, 4),
  'Identity()': () => new Identity(),
  'Flatten()': () => new Flatten(),
  'Flatten(0, 1)': () => new Flatten({ startDim: 0, endDim: 1 }),
  'Conv1d(4, 6, 3)': () => new Conv1d(4, 6, 3),
  'Conv1d(4, 6, 3, stride=2, padding=1, dilation=2, groups=2)': () =>
    new Conv1d(4, 6, 3, { stride: 2, padding: 1, dilation: 2, groups: 2 }),
  "Conv1d(2, 3, 4, padding='same')": () => new Conv1d(2, 3, 4, { padding: 'same' }),
  "Conv1d(2, 3, 3, padding='same', dilation=2)": () => new Conv1d(2, 3, 3, { padding: 'same', dilation: 2 }),
  "Conv1d(6, 6, 3, padding='valid', groups=6, bias=False)": () =>
    new Conv1d(6, 6, 3, { padding: 'valid', groups: 6, bias: false }),
  'Conv2d(3, 8, 3)': () => new Conv2d(3, 8, 3),
  'Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2, bias=False)': () =>
    new Conv2d(2, 4, [3, 2], { stride: [2, 1], padding: [1, 0], dilation: [1, 2], groups: 2, bias: false }),
  "Conv2d(2, 3, (4, 3), padding='same', dilation=(1, 2))": () =>
    new Conv2d(2, 3, [4, 3], { padding: 'same', dilation: [1, 2] }),
  'Conv3d(2, 4, (1, 2, 3), stride=(1, 2, 1), padding=(0, 1, 1), groups=2)': () =>
    new Conv3d(2, 4, [1, 2, 3], { stride: [1, 2, 1], padding: [0, 1, 1], groups: 2 }),
  "Conv3d(1, 2, 2, padding='same')": () => new Conv3d(1, 2, 2, { padding: 'same' }),
  'ConvTranspose1d(4, 6, 3)': () => new ConvTranspose1d(4, 6, 3),
  'ConvTranspose1d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2, dilation=2)': () =>
    new ConvTranspose1d(4, 6, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2, dilation: 2 }),
  'ConvTranspose2d(3, 6, (3, 2), stride=2, output_padding=1, groups=3)': () =>
    new ConvTranspose2d(3, 6, [3, 2], { stride: 2, outputPadding: 1, groups: 3 }),
  'ConvTranspose2d(4, 2, 2, stride=2, bias=False)': () => new ConvTranspose2d(4, 2, 2, { stride: 2, bias: false }),
  'ConvTranspose3d(2, 2, 2, stride=(1, 2, 1))': () => new ConvTranspose3d(2, 2, 2, { stride: [1, 2, 1] }),
  'ReLU()': () => new ReLU(),
  'ReLU(inplace=True)': () => new ReLU({ inplace: true }),
  'ReLU6()': () => new ReLU6(),
  'LeakyReLU()': () => new LeakyReLU(),
  'LeakyReLU(0.2, inplace=True)': () => new LeakyReLU({ negativeSlope: 0.2, inplace: true }),
  'ELU()': () => new ELU(),
  'ELU(0.5)': () => new ELU({ alpha: 0.5 }),
  'GELU()': () => new GELU(),
  "GELU('tanh')": () => new GELU({ approximate: 'tanh' }),
  'SiLU()': () => new SiLU(),
  'Sigmoid()': () => new Sigmoid(),
  'Tanh()': () => new Tanh(),
  'Softplus()': () => new Softplus(),
  'Softplus(2, 10)': () => new Softplus({ beta: 2, threshold: 10 }),
  'Softmax(1)': () => new Softmax(1),
  'Softmax(-1)': () => new Softmax(-1),
  'LogSoftmax(0)': () => new LogSoftmax(0),
  'Dropout()': () => new Dropout(),
  'Dropout(0.1, inplace=True)': () => new Dropout(0.1, { inplace: true }),
  'Sequential(Linear(4, 3), ReLU(), Sequential(Linear(3, 3), Linear(3, 3)))': () =>
    new Sequential(new Linear(4, 3), new ReLU(), new Sequential(new Linear(3, 3), new Linear(3, 3))),
  'Sequential()': () => new Sequential(),
  'ModuleList([ReLU(), ReLU(), Linear(2, 2), Linear(2, 2), ModuleList([])])': () =>
    new ModuleList([new ReLU(), new ReLU(), new Linear(2, 2), new Linear(2, 2), new ModuleList()]),
};

test('every row has its module', () => {
  expect(Object.keys(modules).sort()).toEqual(tables.layers.map((row) => row.module).sort());
});

test.each(tables.layers)('$module', (row) => {
  const build = modules[row.module];
  if (build !== undefined) replay(row, build);
});

test.each(tables.dropouts)('Dropout($p) of $shape $dtype', ({ p, shape, dtype, values, next }) => {
  const layer = new Dropout(p);
  const x = ones(shape, { dtype });
  const y = fresh(() => layer.forward(x));
  expectEntry('y', y, { shape, values });
  expect(farFrom(rand([3]), next)).toEqual([]);
  expect(layer.eval().forward(x).data).toEqual(x.data);
});

const initializers: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  'uniform_(x)': (x) => uniform_(x),
  'normal_(x, 2, 0.5)': (x) => normal_(x, 2, 0.5),
  'trunc_normal_(x, std=0.02)': (x) => truncNormal(x, { std: 0.02 }),
  'trunc_normal_(x, 1, 2, 0.5, 0.7)': (x) => truncNormal(x, { mean: 1, std: 2, a: 0.5, b: 0.7 }),
  'constant_(x, 7)': (x) => constant_(x, 7),
  'ones_(x)': ones_,
  'zeros_(x)': zeros_,
  'xavier_uniform_(x)': (x) => xavierUniform_(x),
  'xavier_uniform_(x, gain=5 / 3)': (x) => xavierUniform_(x, { gain: calculateGain('tanh') }),
  'xavier_normal_(x)': (x) => xavierNormal_(x),
  'kaiming_uniform_(x)': (x) => kaimingUniform_(x),
  "kaiming_uniform_(x, a=0.2, mode='fan_out')": (x) => kaimingUniform_(x, { a: 0.2, mode: 'fan_out' }),
  'kaiming_normal_(x)': (x) => kaimingNormal_(x),
  "kaiming_normal_(x, nonlinearity='relu')": (x) => kaimingNormal_(x, { nonlinearity: 'relu' }),
  "kaiming_normal_(x, nonlinearity='tanh', mode='fan_out')": (x) =>
    kaimingNormal_(x, { nonlinearity: 'tanh', mode: 'fan_out' }),
};

test.each(tables.initializers)('$call of $shape $dtype', ({ call, shape, dtype, values, next }) => {
  const x = new Parameter(zeros(shape, { dtype }));
  const { version } = x.storage;
  fresh(() => expect(initializers[call]?.(x)).toBe(x));
  expectEntry(call, x, { shape, values });
  expect(farFrom(rand([3]), next)).toEqual([]);
  if (x.size > 0) expect(x.storage.version).toBeGreaterThan(version);
  expect([x.requiresGrad, x.variable.node]).toEqual([true, null]);
});

test.each([
  ['linear', undefined, 1], ['conv_transpose3d', undefined, 1], ['sigmoid', undefined, 1], ['tanh', undefined, 5 / 3],
  ['relu', undefined, Math.SQRT2], ['leaky_relu', undefined, 1.4141428569978354], ['leaky_relu', 2, 0.6324555320336759],
  ['selu', undefined, 0.75],
] as const)('gain of %s %s', (nonlinearity, slope, gain) => {
  expect(calculateGain(nonlinearity, slope)).toBeCloseTo(gain, 15);
});

test('a list of modules', () => {
  const list = new ModuleList([new Linear(2, 2)]).append(new Linear(2, 3));
  expect(list.length).toBe(2);
  expect([...list].map((layer) => layer.outFeatures)).toEqual([2, 3]);
  expect(list[1]?.weight.shape).toEqual([3, 2]);
  expect(list.namedParameters().map(([name]) => name)).toEqual(['0.weight', '0.bias', '1.weight', '1.bias']);
});

test('a written weight is seen by the tape', () => {
  const layer = new Linear(2, 2);
  const y = layer.forward(ones([1, 2])).sum();
  xavierUniform_(layer.weight);
  expect(layer.forward(ones([1, 2], { requiresGrad: true })).sum().requiresGrad).toBe(true);
  const z = layer.forward(ones([1, 2], { requiresGrad: true })).sum();
  uniform_(layer.weight);
  expect(() => z.backward()).toThrow(/modified by an inplace operation/);
  expect(y.shape).toEqual([]);
});

const index = (value: number) => tensor([value], { dtype: 'int64' });
const bad = (value: unknown) => value as never;
const refusals: [string, () => unknown, KeelError['code'], string][] = [
  ['negative features', () => new Linear(-1, 2), 'size', 'in_features must be a whole number from 0, got -1'],
  ['NaN features', () => new Linear(2, NaN), 'size', 'out_features must be a whole number from 0, got NaN'],
  ['input of another width', () => new Linear(3, 2).forward(ones([4, 5])), 'shape',
    'mat1 and mat2 shapes cannot be multiplied (4x5 and 3x2)'],
  ['int64 input', () => new Linear(2, 2).forward(zeros([1, 2], { dtype: 'int64' })), 'dtype', 'int64'],
  ['float64 input', () => new Linear(2, 2).forward(zeros([1, 2], { dtype: 'float64' })), 'dtype', 'float64'],
  ['groups that do not divide the input', () => new Conv2d(3, 4, 1, { groups: 2 }), 'indivisible',
    'in_channels must be divisible by groups'],
  ['groups that do not divide the output', () => new Conv2d(4, 3, 1, { groups: 2 }), 'indivisible',
    'out_channels must be divisible by groups'],
  ['no groups', () => new Conv1d(3, 4, 1, { groups: 0 }), 'argument', 'groups must be a positive integer'],
  ['another padding mode', () => new Conv2d(3, 4, 1, { paddingMode: bad('reflect') }), 'argument',
    "padding_mode='reflect'"],
  ['another padding', () => new Conv2d(3, 4, 1, { padding: bad('full') }), 'argument', "Invalid padding string 'full'"],
  ['same with a stride', () => new Conv2d(3, 4, 1, { padding: 'same', stride: 2 }), 'argument',
    "padding='same' is not supported for strided convolutions"],
  ['a kernel of one size for two axes', () => new Conv2d(3, 4, [3]), 'argument',
    'kernel_size takes 2 whole numbers from 1, got 3'],
  ['a stride of 0', () => new Conv1d(3, 4, 1, { stride: 0 }), 'argument', 'stride takes 1 whole numbers from 1, got 0'],
  ['channels of another number', () => new Conv2d(3, 4, 1).forward(ones([1, 2, 3, 3])), 'shape',
    'Given groups=1, weight of size [4, 3, 1, 1], expected input[1, 2, 3, 3] to have 3 channels, but got 2 channels'],
  ['a rank that is none of a convolution', () => new Conv1d(3, 4, 1).forward(ones([3])), 'rank',
    'Expected 2D (unbatched) or 3D (batched) input to conv1d, but got input of size: [3]'],
  ['the same rank with padding', () => new Conv2d(3, 4, 2, { padding: 'same' }).forward(ones([3])), 'rank',
    'to conv2d'],
  ['a kernel larger than the input', () => new Conv1d(1, 1, 4).forward(ones([1, 1, 3])), 'shape',
    "input size per channel: (3). Kernel size: (4). Kernel size can't be greater than actual input size"],
  ['output padding as large as the stride', () =>
    new ConvTranspose1d(1, 1, 2, { outputPadding: 1 }).forward(ones([1, 3])), 'argument',
    'output padding must be smaller than either stride or dilation'],
  ['padding that leaves no output', () => new ConvTranspose1d(1, 1, 1, { padding: 1 }).forward(ones([1, 2])), 'shape',
    'Given input size per channel: (1 x 2). Calculated output size per channel: (1 x 0). Output size is too small'],
  ['an input without positions', () => new Conv2d(3, 4, 2, { padding: 1 }).forward(ones([1, 3, 0, 4])), 'shape',
    'Only zero batch or zero channel inputs are supported, but got input shape: [1, 3, 0, 4]'],
  ['a padding row below the table', () => new Embedding(3, 2, { paddingIdx: -4 }), 'dimension',
    'Padding_idx must be within num_embeddings'],
  ['a padding row above the table', () => new Embedding(3, 2, { paddingIdx: 3 }), 'dimension',
    'Padding_idx must be within num_embeddings'],
  ['an index above the table', () => new Embedding(3, 2).forward(index(3)), 'dimension', 'index out of range in self'],
  ['an index below the table', () => new Embedding(3, 2, { paddingIdx: 0 }).forward(index(-1)), 'dimension',
    'index out of range'],
  ['a float index', () => new Embedding(3, 2).forward(arange(2)), 'dtype', 'scalar type Long'],
  ['a probability above 1', () => new Dropout(1.5), 'argument',
    'dropout probability has to be between 0 and 1, but got 1.5'],
  ['a scalar to a linear layer', () => new Linear(4, 2).forward(tensor(1)), 'rank',
    'both arguments to linear need to be at least 1D, but they are 0D and 2D'],
  ['nothing to a linear layer', () => new Linear(4, 2).forward(zeros([3, 0])), 'shape', '(3x0 and 4x2)'],
  ['a probability of text', () => new Dropout(bad('0.5')), 'argument', "between 0 and 1, but got the string '0.5'"],
  ['no probability', () => new Dropout(bad(null)), 'argument', 'between 0 and 1, but got null'],
  ['a probability that is NaN', () => new Dropout(NaN), 'argument', 'between 0 and 1, but got NaN'],
  ['another GELU', () => new GELU({ approximate: bad('fast') }).forward(ones([1])), 'argument',
    'approximate argument must be either none or tanh'],
  ['an axis that the input lacks', () => new Softmax(2).forward(ones([2, 2])), 'dimension',
    'Dimension out of range (expected to be in range of [-2, 1], but got 2)'],
  ['a list as a layer', () => new ModuleList().forward(), 'argument',
    'Module [ModuleList] is missing the required "forward"'],
  ['fans of a vector', () => calculateFanInAndFanOut(ones([3])), 'rank',
    'Fan in and fan out can not be computed for tensor with fewer than 2 dimensions'],
  ['an unknown mode', () => kaimingNormal_(ones([2, 2]), { mode: bad('fan_avg') }), 'argument',
    'Mode fan_avg not supported'],
  ['an unknown nonlinearity', () => calculateGain(bad('gelu')), 'argument', 'Unsupported nonlinearity gelu'],
  ['a slope that is NaN', () => calculateGain('leaky_relu', NaN), 'argument', 'negative_slope NaN not a valid number'],
];

test.each(refusals)('refuses %s', (_, call, code, words) => {
  manualSeed(1);
  const raised = refusal(call);
  expect(raised).toMatchObject({ code });
  expect(String(raised)).toContain(words);
});
