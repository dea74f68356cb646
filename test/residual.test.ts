// Residual blocks, what stands on their branches, and gradients by depth against torch's; and what is refused.
import {
  BatchNorm1d, backends, Conv1d, Dropout, DropPath, DyT, GELU, grad, GroupNorm, GRN, LayerNorm, LayerScale, LayerScale2d, Linear,
  manualSeed, memory, ones, rand, randn, RMSNorm, Sequential, StochasticDepth, Tanh, tensor, useBackend, zeros, type ErrorCode,
  type Layer, type Module, type Tensor,
} from 'evenkeel';
import {
  addNorm, Attention, deepNormConstants, deepNormInit, gradientByDepth, Mlp, ResidualBlock, type DepthPlacement,
  type Placement,
} from 'evenkeel/nn';
import { beforeAll, describe, expect, test } from 'vitest';
import { closeness } from './closeness.js';
import { secondGradientError, wave } from './gradcheck.js';
import { refusal } from './refusal.js';
import expected from './residual/expected.json' with { type: 'json' };

const { seed, alpha } = expected;
const placements: readonly Placement[] = ['post', 'pre', 'branch', 'sandwich', 'hybrid', 'deepnorm', 'parallel'];
const depthPlacements: readonly DepthPlacement[] = ['none', 'pre', 'branch', 'post'];

const norms: Readonly<Record<string, () => Layer>> = {
  LayerNorm: () => new LayerNorm(4),
  RMSNorm: () => new RMSNorm(4, { eps: 1e-6 }),
  DyT: () => new DyT(4),
  GroupNorm: () => new GroupNorm(2, 4),
  BatchNorm1d: () => new BatchNorm1d(4, { trackRunningStats: false }),
};

interface Sizes {
  readonly placement: Placement;
  readonly norm: string;
  readonly scaled?: boolean;
  readonly drop?: number;
}

/** The block of a row; GroupNorm and BatchNorm1d have channels on axis 1, and sublayers to match. */
function blockOf({ placement, norm, scaled = false, drop = 0 }: Sizes): ResidualBlock {
  const isFirst = norm === 'GroupNorm' || norm === 'BatchNorm1d';
  const attn = new Sequential(isFirst ? new Conv1d(4, 4, 1) : new Linear(4, 4), new Tanh());
  const mlp = isFirst ? new Sequential(new Conv1d(4, 6, 1), new GELU(), new Conv1d(6, 4, 1)) : new Mlp(4, 6);
  return new ResidualBlock(4, attn, mlp, {
    placement,
    normLayer: found(norms[norm]),
    dropPath: drop,
    ...(scaled ? { layerScale: 1e-5 } : {}),
    ...(placement === 'deepnorm' ? { alpha } : {}),
  });
}

/** Parameters of the seed, as generate.py draws them: scales of norms and branches lie around 1. */
function draw(module: Module): void {
  manualSeed(seed);
  for (const [key, parameter] of module.namedParameters()) {
    const isScale = /(gamma|alpha)$/.test(key) || (parameter.rank === 1 && key.endsWith('weight'));
    const drawn = isScale ? rand(parameter.shape).add(0.5) : numbers(parameter.shape);
    module.loadStateDict(new Map([[key, drawn]]), { strict: false });
  }
}

const numbers = (shape: readonly number[]): Tensor => rand(shape).mul(2).sub(1);

interface Row {
  readonly shape: readonly number[];
  /** y, dx and the gradient of each parameter, d<key>, in the order of the keys. */
  readonly values: Readonly<Record<string, string | undefined>>;
  /** How far torch is off in float32. */
  readonly errors: Readonly<Record<string, number | undefined>>;
}

/** Keys, values and every gradient of a module on the seed's numbers. */
function replay(module: Layer, row: Row, change: (x: Tensor) => Tensor = (x) => x): void {
  draw(module);
  const x = change(numbers(row.shape)).detach();
  x.requiresGrad = true;
  const y = module.forward(x);
  const leaves = [['x', x] as const, ...module.namedParameters()];
  expect(['y', ...leaves.map(([key]) => `d${key}`)]).toEqual(Object.keys(row.values));
  const expectValue = (name: string, actual: Tensor | null | undefined) =>
    expectNear(name, actual, row.values[name] ?? '', row.errors[name]);
  expectValue('y', y);
  const dy = numbers(y.shape);
  for (const createGraph of [true, false]) {
    const gradients = grad(y, leaves.map(([, leaf]) => leaf), { gradOutputs: dy, createGraph });
    leaves.forEach(([key], i) => expectValue(`d${key}`, gradients[i]));
  }
}

/** Within a few roundings of the largest number, or of the error that torch makes. */
function expectNear(name: string, actual: Tensor | null | undefined, values: string, error = 0): void {
  const wanted = Float64Array.from(values.split(' ').filter(Boolean), Number);
  const size = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const limits = { rtol: 1e-5, atol: Math.max(2e-6 * size, 4 * error) };
  expect([name, closeness(found(actual).data, wanted, limits)]).toEqual([name, null]);
}

function found<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error('there is no such value');
  return value;
}

describe.each(backends())('%s', (backend) => {
  beforeAll(() => {
    const before = useBackend(backend);
    return () => useBackend(before);
  });

  const blocks = expected.blocks.map((row) => ({
    ...row,
    placement: found(placements.find((name) => name === row.placement)),
  }));

  test.each(blocks)('$placement of $norm, scaled $scaled, drop $drop', (row) => {
    replay(blockOf(row), row);
  });

  const layers: Readonly<Record<string, [layer: () => Layer, change?: (x: Tensor) => Tensor]>> = {
    'GRN(4)': [() => new GRN(4)],
    'GRN(4) of zeros': [() => new GRN(4), (x) => x.mul(silence())],
    'GRN(4) of large numbers': [() => new GRN(4), (x) => x.mul(1e3)],
    'GRN(4), channels first': [() => new GRN(4, { channelsLast: false })],
    'DyT(4)': [() => new DyT(4)],
    'DyT(4) of large numbers': [() => new DyT(4), (x) => x.mul(1e3)],
    'DyT(4), channels first': [() => new DyT(4, { channelsLast: false })],
    'LayerScale(4)': [() => new LayerScale(4)],
    'LayerScale2d(4)': [() => new LayerScale2d(4)],
  };

  test.each(expected.layers)('$layer', (row) => {
    const [make, change] = found(layers[row.layer]);
    replay(make(), row, change);
  });

  const drops: Readonly<Record<string, (p: number) => Layer>> = {
    DropPath: (p) => new DropPath(p),
    'DropPath unscaled': (p) => new DropPath(p, { scaleByKeep: false }),
    'StochasticDepth row': (p) => new StochasticDepth(p, 'row'),
    'StochasticDepth batch': (p) => new StochasticDepth(p, 'batch'),
  };

  test.each(expected.drops)('$layer($p) of $shape $dtype draws as torch does', ({ layer, p, shape, dtype, y, dx, next }) => {
    const module = found(drops[layer])(p);
    manualSeed(seed);
    const x = rand(shape, { dtype: dtype === 'float64' ? 'float64' : 'float32', requiresGrad: true });
    const got = module.forward(x);
    expect(got.dtype).toBe(dtype);
    expectNear('y', got, y);
    expectNear('dx', grad(got.sum(), x)[0], dx);
    expectNear('what the generator gives next', rand([3]), next);
    // In evaluation nothing is drawn.
    manualSeed(seed);
    expect(module.eval().forward(x).data).toEqual(x.data);
    const after = rand([3]);
    manualSeed(seed);
    expect(after.data).toEqual(rand([3]).data);
  });

  const depths = expected.depths.map((row) => ({
    ...row,
    placement: found(depthPlacements.find((name) => name === row.placement)),
  }));

  test.each(depths)('gradients by depth: $placement, residual $residual', ({ placement, residual, lengths }) => {
    const before = memory().tensors;
    const got = gradientByDepth({ depth: 6, width: 8, placement, residual, seed });
    expect(memory().tensors).toBe(before);
    expect(closeness(Float64Array.from(got), Float64Array.from(lengths), { rtol: 1e-5, atol: 0 })).toBeNull();
  });

  test.each(placements)('nothing is left over: %s', (placement) => {
    const block = blockOf({ placement, norm: 'LayerNorm', scaled: true, drop: 0.5 });
    const [x, dy] = [randn([2, 3, 4]), randn([2, 3, 4])];
    const before = memory().tensors;
    for (const mode of [true, false]) {
      const y = block.train(mode).forward(x);
      y.backward(dy);
      for (const parameter of block.parameters()) parameter.grad?.dispose();
      block.zeroGrad();
      y.dispose();
    }
    expect(memory().tensors).toBe(before);
  });

  test.each(Object.keys(norms))('addNorm with %s is the sum and its norm', (name) => {
    const norm = found(norms[name])();
    const [x, residual] = [randn([2, 4, 4], { requiresGrad: true }), randn([2, 4, 4], { requiresGrad: true })];
    const hooked = addNorm(norm, x, residual);
    const seen: unknown[] = [];
    const remove = norm.registerForwardHook((_, [sum]) => void seen.push(sum));
    const apart = addNorm(norm, x, residual);
    remove();
    expect(seen).toHaveLength(1);
    const leaves = [x, residual, ...norm.parameters()];
    const [a, b] = [hooked, apart].map(({ sum, y }) => [sum, y, ...grad(sum.mul(y).sum(), leaves)]);
    found(a).forEach((value, i) => {
      expect(closeness(found(value).data, found(found(b)[i]).data, { rtol: 1e-5, atol: 1e-5 })).toBeNull();
    });
    addNorm(norm, x, residual);
    expect(seen).toHaveLength(1);
  });
});

/** With parameters of the seed, in float64. */
function wide<L extends Layer>(module: L): L {
  draw(module);
  return module.to('float64');
}

describe('second derivatives', () => {
  const rows: [name: string, make: () => Layer, shape: number[]][] = [
    ['GRN', () => new GRN(4), [2, 2, 2, 4]],
    ['DyT', () => new DyT(4), [2, 4]],
    ['LayerScale', () => new LayerScale(4), [2, 4]],
    ...placements.map((placement): [string, () => Layer, number[]] => [
      placement,
      () => blockOf({ placement, norm: 'LayerNorm', scaled: true }),
      [1, 2, 4],
    ]),
  ];
  test.each(rows)('of %s', (_, make, shape) => {
    const module = wide(make());
    expect(secondGradientError((x) => module.forward(found(x)), [wave(shape, 0.3)])).toBeLessThan(1e-6);
  });

  test('of GRN where G is 0', () => {
    const grn = wide(new GRN(4));
    const x = wave([2, 2, 2, 4], 0.3).mul(zeros([4], { dtype: 'float64' })).detach();
    x.requiresGrad = true;
    const [dx] = grad(grn.forward(x).sum(), x, { createGraph: true });
    const [second] = grad(found(dx).mul(wave(x.shape, 1).detach()).sum(), x);
    expect(Array.from(found(second).data, Number).filter((value) => !Number.isFinite(value))).toEqual([]);
  });
});

test.each<[module: () => Module, repr: string]>([
  [() => new DropPath(), 'DropPath(drop_prob=0.000)'],
  [() => new DropPath(0.1), 'DropPath(drop_prob=0.100)'],
  [() => new DropPath(0.0625), 'DropPath(drop_prob=0.062)'],
  [() => new DropPath(0.1875), 'DropPath(drop_prob=0.188)'],
  [() => new DropPath(0.0006), 'DropPath(drop_prob=0.001)'],
  [() => new DropPath(1), 'DropPath(drop_prob=1.000)'],
  [() => new StochasticDepth(0.1, 'row'), 'StochasticDepth(p=0.1, mode=row)'],
  [() => new StochasticDepth(1, 'batch'), 'StochasticDepth(p=1.0, mode=batch)'],
  [() => new Dropout(0), 'Dropout(p=0.0, inplace=False)'],
  [() => new LayerScale(4), 'LayerScale()'],
  [() => new GRN(4), 'GRN(4, eps=1e-06, channels_last=True)'],
  [() => new DyT(4), 'DyT(4, alpha=0.5, channels_last=True)'],
  [
    () => new Mlp(2, 3, { drop: 0.5, bias: false }),
    'Mlp(\n  (fc1): Linear(in_features=2, out_features=3, bias=False)\n' +
      "  (act): GELU(approximate='none')\n  (drop1): Dropout(p=0.5, inplace=False)\n  (norm): Identity()\n" +
      '  (fc2): Linear(in_features=3, out_features=2, bias=False)\n  (drop2): Dropout(p=0.5, inplace=False)\n)',
  ],
  [
    () => new ResidualBlock(2, new Linear(2, 2), new Tanh(), { placement: 'deepnorm', alpha: 2, dropPath: 0.25 }),
    'ResidualBlock(\n  placement=deepnorm, alpha=2\n' +
      '  (norm1): LayerNorm((2,), eps=1e-05, elementwise_affine=True, bias=True)\n' +
      '  (attn): Linear(in_features=2, out_features=2, bias=True)\n  (ls1): Identity()\n' +
      '  (drop_path1): DropPath(drop_prob=0.250)\n' +
      '  (norm2): LayerNorm((2,), eps=1e-05, elementwise_affine=True, bias=True)\n  (mlp): Tanh()\n' +
      '  (ls2): Identity()\n  (drop_path2): DropPath(drop_prob=0.250)\n)',
  ],
])('repr %#', (make, repr) => {
  expect(String(make())).toBe(repr);
});

test('what the layers begin with', () => {
  expect([...new LayerScale(2, { initValues: 0.5 }).gamma.data]).toEqual([0.5, 0.5]);
  expect([...new DyT(2).stateDict()].map(([key, { shape, data }]) => [key, shape, [...data].map(Number)])).toEqual([
    ['alpha', [1], [0.5]], ['weight', [2], [1, 1]], ['bias', [2], [0, 0]],
  ]);
  const x = randn([1, 2, 2, 4]);
  // The identity, as gamma and beta are 0.
  expect(new GRN(4).forward(x).data).toEqual(x.data);
});

test.each<[keys: string, state: (g: Tensor, b: Tensor) => Record<string, Tensor>, layout: string | null, reshaped: string[]]>([
  ['facebook', (gamma, beta) => ({ gamma, beta }), null, []],
  ['timm', (g, b) => ({ weight: g.reshape([4]), bias: b.reshape([4]) }), 'timm', ['gamma', 'beta']],
  ['Hugging Face', (weight, bias) => ({ weight, bias }), 'huggingface', []],
  ['the sparse variant', (g, b) => ({ gamma: g.reshape([1, 4]), beta: b.reshape([1, 4]) }), null, ['gamma', 'beta']],
])("GRN loads %s's keys", (_, state, layout, reshapedKeys) => {
  const grn = new GRN(4);
  const [gamma, beta] = [randn([1, 1, 1, 4]), randn([1, 1, 1, 4])];
  expect(grn.loadStateDict(state(gamma, beta))).toEqual({ missingKeys: [], unexpectedKeys: [], reshapedKeys, layout });
  expect([grn.gamma.data, grn.beta.data]).toEqual([gamma.data, beta.data]);
  expect(refusal(() => new GRN(3).loadStateDict(state(gamma, beta))).code).toBe('state_dict');
});

test("a block has the keys of timm's ViT", () => {
  const block = new ResidualBlock(8, new Attention(8, { numHeads: 2, qkvBias: true }), new Mlp(8, 16), {
    placement: 'hybrid',
    normLayer: (channels) => new RMSNorm(channels),
    layerScale: 1e-5,
  });
  expect(block.namedParameters().map(([key]) => key)).toEqual([
    'norm1.weight', 'attn.qkv.weight', 'attn.qkv.bias', 'attn.proj.weight', 'attn.proj.bias', 'ls1.gamma', 'norm2.weight',
    'mlp.fc1.weight', 'mlp.fc1.bias', 'mlp.fc2.weight', 'mlp.fc2.bias', 'ls2.gamma',
  ]);
});

test.each([
  [{ encoderLayers: 8 }, { encoder: { alpha: 2, beta: 64 ** -0.25 }, decoder: null }],
  [{ decoderLayers: 2 }, { encoder: null, decoder: { alpha: Math.SQRT2, beta: 0.5 } }],
  [
    { encoderLayers: 16, decoderLayers: 1 },
    { encoder: { alpha: 0.81 * 2, beta: 0.87 / 2 }, decoder: { alpha: 3 ** 0.25, beta: 12 ** -0.25 } },
  ],
])('DeepNorm of %j', (depth, constants) => {
  const got = deepNormConstants(depth);
  for (const half of ['encoder', 'decoder'] as const) {
    const wanted = constants[half];
    if (wanted === null) expect(got[half]).toBeNull();
    else for (const name of ['alpha', 'beta'] as const) expect(got[half]?.[name]).toBeCloseTo(wanted[name], 14);
  }
});

test("DeepNorm's initial weights are torch's", () => {
  const block = new ResidualBlock(4, new Attention(4, { numHeads: 2, qkvBias: true }), new Mlp(4, 6));
  manualSeed(seed);
  expect(deepNormInit(block, 0.5)).toEqual(Object.keys(expected.deepnorm));
  const state = block.stateDict();
  for (const [key, values] of Object.entries(expected.deepnorm)) expectNear(key, state.get(key), values);
});

test('gradientByDepth takes blocks and an input of its caller', () => {
  const blocks = [0, 1, 2].map(() => new Linear(4, 4));
  const x = randn([2, 4]);
  const before = memory().tensors;
  const lengths = gradientByDepth({ depth: 3, width: 4, x, block: (i) => found(blocks[i]) });
  expect(lengths).toHaveLength(3);
  expect(memory().tensors).toBe(before);
  expect([x.requiresGrad, found(blocks[0]).weight.grad]).toEqual([false, null]);
  // A block that passes nothing on leaves the identity path alone, and nothing without it.
  const silent = { depth: 3, width: 4, block: () => new LayerScale(4, { initValues: 0 }) };
  for (const length of gradientByDepth(silent)) expect(length).toBeCloseTo(1, 6);
  expect(gradientByDepth({ ...silent, residual: false }).slice(0, 2)).toEqual([0, 0]);
});

/** Passes for any type, as in a program without types. */
const anything = (value: unknown): never => value as never;
const block = (options: object, attn: Layer = new Tanh()) => new ResidualBlock(4, attn, new Tanh(), anything(options));

test.each<[what: string, call: () => unknown, code: ErrorCode, ...facts: string[]]>([
  ['an unknown placement', () => block({ placement: 'prenorm' }), 'argument', 'prenorm', 'pre ', 'post', 'hybrid', 'deepnorm'],
  ['deepnorm without alpha', () => block({ placement: 'deepnorm' }), 'argument', 'alpha', 'deepNormConstants'],
  ['an alpha without deepnorm', () => block({ alpha: 2 }), 'argument', 'placement pre has no alpha', 'got 2'],
  ['a sublayer that is none', () => block({}, anything(null)), 'argument', 'null'],
  ['a norm that is no function', () => block({ normLayer: new LayerNorm(4) }), 'argument', 'normLayer is a function'],
  ['a norm that makes nothing', () => block({ normLayer: () => 3 }), 'argument', '3 is no Module'],
  ['an option that is none', () => block({ norm: 1 }), 'argument', 'no option norm', 'normLayer'],
  ['a dropPath of 2', () => block({ dropPath: 2 }), 'argument', 'between 0 and 1, but got 2'],
  ['a sublayer that changes the shape', () => block({}, new Linear(4, 1)).forward(ones([2, 3, 4])), 'shape', 'attn', '[2, 3, 1]'],
  ['what is no tensor', () => block({}).forward(anything(3)), 'argument', 'number 3'],
  ['a drop of -0.1', () => new DropPath(-0.1), 'argument', 'drop probability has to be between 0 and 1, but got -0.1'],
  ['a drop of NaN', () => new DropPath(NaN), 'argument', 'but got NaN'],
  ['a scalar to drop', () => new DropPath(0.5).forward(ones([])), 'rank', '(N, *)'],
  ['p = 1.5', () => new StochasticDepth(1.5, 'row').forward(ones([2])), 'argument', 'between 0 and 1, but got 1.5'],
  ['p = 1.5 in evaluation', () => new StochasticDepth(1.5, 'row').eval().forward(ones([2])), 'argument', 'got 1.5'],
  [
    'another mode', () => new StochasticDepth(0.5, anything('rows')).forward(ones([2])), 'argument',
    "mode has to be either 'batch' or 'row', but got rows",
  ],
  ['a scale of another width', () => new LayerScale(4).forward(ones([2, 1])), 'shape', 'LayerScale(4)', '[2, 1]'],
  ['a 2d scale of the last axis', () => new LayerScale2d(4).forward(ones([2, 3, 3, 4])), 'shape', '(N, 4, H, W)', '[2, 3, 3, 4]'],
  ['a scale of -1 channels', () => new LayerScale(-1), 'size', '-1'],
  ['GRN of three axes', () => new GRN(4).forward(ones([2, 3, 4])), 'rank', '(N, H, W, 4)', '[2, 3, 4]'],
  ['GRN of channels first', () => new GRN(4).forward(ones([2, 4, 3, 3])), 'shape', 'channelsLast: false'],
  ['GRN of int64', () => new GRN(4).forward(ones([1, 1, 1, 4], { dtype: 'int64' })), 'dtype', 'int64'],
  ['DyT of another width', () => new DyT(4).forward(ones([2, 3])), 'shape', 'DyT(4)', '(*, 4)', '[2, 3]'],
  ['an Mlp of another width', () => new Mlp(4, 8).forward(ones([2, 3])), 'shape', '3'],
  ['an Mlp with a drop of 2', () => new Mlp(4, 8, { drop: 2 }), 'argument', 'between 0 and 1, but got 2'],
  ['DeepNorm of no layers', () => deepNormConstants({}), 'argument', '0 layers'],
  ['DeepNorm of half a layer', () => deepNormConstants({ encoderLayers: 0.5 }), 'size', '0.5'],
  ['DeepNorm with beta 0', () => deepNormInit(new Mlp(4, 8), 0), 'argument', 'beta must be above 0, got 0'],
  ['DeepNorm of a norm', () => deepNormInit(new LayerNorm(4), 0.5), 'name', 'LayerNorm', 'mlp.fc1.weight'],
  ['a depth of 0', () => gradientByDepth({ depth: 0 }), 'size', 'depth', 'got 0'],
  ['an unknown depth placement', () => gradientByDepth({ placement: anything('sandwich') }), 'argument', 'none, pre, branch, post'],
  ['an input of another width', () => gradientByDepth({ width: 4, x: ones([2, 3]) }), 'shape', '4', '[2, 3]'],
  ['a block that is none', () => gradientByDepth({ block: anything(() => 3) }), 'argument', '3 is no Module'],
  ['a block that changes the shape', () => gradientByDepth({ width: 4, block: () => new Linear(4, 1) }), 'shape', 'block 0', '1]'],
])('refused: %s', (_, call, code, ...facts) => {
  const error = refusal(call);
  expect(error.code).toBe(code);
  for (const fact of facts) expect(error.message).toContain(fact);
});

/** 0 in channel 1 of the first of two samples, and throughout the second. */
function silence(): Tensor {
  return tensor([[1, 0, 1, 1], [0, 0, 0, 0]]).reshape([2, 1, 1, 4]);
}
