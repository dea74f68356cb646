// ConvNeXt, ViT and ResNet: PyTorch's numbers, any norm, fresh parameters, reprs and refusals.
import {
  backends, BatchNorm2d, Conv2d, DropPath, DyT, GroupNorm, InstanceNorm2d, LayerNorm, LayerNorm2d, Linear, manualSeed, memory, noGrad, ones,
  randn, RMSNorm, scope, Sequential, useBackend, zeros, type Layer, type Tensor,
} from 'evenkeel';
import {
  BasicBlock, Bottleneck, ConvNeXt, ConvNeXtBlock, ResNet, resnet18, VisionTransformer, type MakeNorm,
} from 'evenkeel/nn';
import { beforeAll, describe, expect, test } from 'vitest';
import { refusal } from './refusal.js';
import { expectEntry, stateOf, tables, tensorOf } from './vision/stored.js';

const layerNorm: MakeNorm = (channels) => new LayerNorm(channels, { eps: 1e-6 });

const groupNorm: MakeNorm = (channels) => new GroupNorm(2, channels);

const builds: Readonly<Record<string, () => Layer>> = {
  'ConvNeXt block': () => new ConvNeXtBlock(4),
  'ConvNeXt V2 block': () => new ConvNeXtBlock(3, { grn: true }),
  'ConvNeXt V2': () => new ConvNeXt({ inChannels: 2, numClasses: 3, depths: [1, 1], dims: [3, 4], patch: 2, grn: true }),
  'ViT of the mean, with layer scale and norms of queries and keys': () =>
    new VisionTransformer({
      imageSize: [4, 9], patchSize: [2, 3], inChannels: 2, numClasses: 3, dim: 8, depth: 1, numHeads: 2, mlpRatio: 1.5,
      layerScale: 1e-5, qkNorm: layerNorm, pool: 'avg',
    }),
  'ViT with a representation': () =>
    new VisionTransformer({ imageSize: 4, patchSize: 2, inChannels: 1, numClasses: 3, dim: 6, depth: 0, representationSize: 4 }),
  'Bottleneck in groups, dilated': () => {
    const downsample = new Sequential(new Conv2d(3, 16, 1, { stride: 2, bias: false }), groupNorm(16));
    return new Bottleneck(3, 4, { stride: 2, dilation: 2, groups: 2, baseWidth: 64, downsample, normLayer: groupNorm });
  },
};

describe.each(backends())('%s', (backend) => {
  beforeAll(() => {
    const before = useBackend(backend);
    return () => useBackend(before);
  });

  test.each(tables.modules)('$name', (row) => {
    const module = builds[row.name]?.();
    if (module === undefined) throw new Error(`no module for the row '${row.name}'`);
    expect([...module.stateDict().keys()]).toEqual(Object.keys(row.state));
    expect(module.loadStateDict(stateOf(row))).toEqual({ missingKeys: [], unexpectedKeys: [], reshapedKeys: [], layout: null });
    const x = tensorOf(row.x, true);
    const y = module.forward(x);
    expectEntry('y', y, row.y);
    y.backward(tensorOf(row.dy));
    expectEntry('dx', x.grad, row.dx);
    for (const [key, { grad }] of module.namedParameters()) expectEntry(key, grad, row.gradients[key] ?? row.x);
  });

  test('a pass leaves its output alone', () => {
    for (const [row, build] of tables.modules.map((each) => [each, builds[each.name]] as const)) {
      const module = build?.().eval();
      const x = tensorOf(row.x);
      const before = memory().tensors;
      noGrad(() => module?.forward(x).dispose());
      expect(memory().tensors).toBe(before);
    }
  });
});

const images = { inChannels: 1, numClasses: 3, dims: [4, 8], depths: [1, 1], patch: 2 };
const residual = { inChannels: 1, numClasses: 3, widths: [4, 8], stem: { kernel: 3, stride: 1, padding: 1, maxPool: false } };
const tokens = { imageSize: 4, patchSize: 2, inChannels: 1, numClasses: 3, dim: 8, depth: 2, numHeads: 2 };

const norms: readonly (readonly [string, MakeNorm])[] = [
  ['BatchNorm2d', (c) => new BatchNorm2d(c)],
  ['GroupNorm', (c) => new GroupNorm(2, c)],
  ['InstanceNorm2d', (c) => new InstanceNorm2d(c, { affine: true })],
  ['LayerNorm2d', (c) => new LayerNorm2d(c)],
];

test.each([
  ...norms.map(([name, normLayer]) => [`ConvNeXt with ${name}`, () => new ConvNeXt({ ...images, normLayer })] as const),
  ...norms.map(([name, normLayer]) => [`ResNet with ${name}`, () => new ResNet(BasicBlock, [1, 1], { ...residual, normLayer })] as const),
  ['ResNet of Bottleneck in groups', () => new ResNet(Bottleneck, [1, 1], { ...residual, groups: 2, widthPerGroup: 64 })] as const,
  ['ViT with RMSNorm', () => new VisionTransformer({ ...tokens, normLayer: (c) => new RMSNorm(c) })] as const,
  ['ViT with DyT', () => new VisionTransformer({ ...tokens, normLayer: (c) => new DyT(c), dropPathRate: 0.1 })] as const,
])('%s: a step against the gradient brings the loss down', (name, build) => {
  manualSeed(3);
  const model: Layer = build();
  const x = name.startsWith('ViT') ? randn([6, 1, 4, 4]) : randn([6, 1, 8, 8]);
  const loss = () => model.forward(x).sub(1).square().mean();
  const before = loss();
  before.backward();
  noGrad(() => {
    for (const parameter of model.parameters()) parameter.sub_(parameter.grad?.mul(0.02) ?? 0);
  });
  expect(loss().item()).toBeLessThan(before.item());
});

const small = { inChannels: 1, numClasses: 3, stem: residual.stem };
const fresh: Readonly<Record<string, () => ResNet>> = {
  'ResNet of BasicBlock': () => new ResNet(BasicBlock, [2, 1], { ...small, widths: [3, 4] }),
  'ResNet of Bottleneck': () => new ResNet(Bottleneck, [2], { ...small, widths: [2] }),
};

test.each(tables.fresh)("$name begins with torchvision's numbers", ({ name, state }) => {
  manualSeed(tables.seed);
  const found = fresh[name]?.().stateDict() ?? new Map<string, Tensor>();
  expect([...found.keys()]).toEqual(Object.keys(state));
  for (const [key, entry] of Object.entries(state)) expectEntry(key, found.get(key), entry);
});

test('drop rates grow linearly over all blocks', () => {
  expect(rates(new ConvNeXt({ ...images, depths: [2, 3], dropPathRate: 0.4 }))).toEqual([0.1, 0.2, 0.3, 0.4].map((rate) => expect.closeTo(rate)));
  const vit = new VisionTransformer({ ...tokens, depth: 3, dropPathRate: 0.2 });
  expect(rates(vit)).toEqual([0.1, 0.1, 0.2, 0.2]);
});

test('fresh parameters: truncated normal of deviation 0.02 and biases 0; He by fan-out', () => {
  manualSeed(1);
  const convnext = new ConvNeXt({ dims: [48, 96], depths: [1, 1], numClasses: 100 });
  const vit = new VisionTransformer({ imageSize: 32, patchSize: 8, dim: 64, depth: 1, numHeads: 4, numClasses: 100 });
  for (const key of ['stages.0.0.pwconv1.weight', 'head.weight', 'downsample_layers.1.1.weight']) {
    expect(deviation(convnext.stateDict().get(key) ?? zeros([1]))).toBeCloseTo(0.02, 3);
  }
  for (const key of ['blocks.0.attn.qkv.weight', 'blocks.0.mlp.fc2.weight', 'pos_embed', 'head.weight']) {
    expect(deviation(vit.stateDict().get(key) ?? zeros([1]))).toBeCloseTo(0.02, 2);
  }
  for (const [key, value] of [...convnext.stateDict(), ...vit.stateDict()]) {
    if (key.endsWith('bias') && !key.includes('patch_embed')) expect([key, deviation(value)]).toEqual([key, 0]);
  }
  const resnet = new ResNet(Bottleneck, [1], { widths: [32], zeroInitResidual: true });
  const { conv1, layer1 } = resnet;
  expect(deviation(conv1.weight)).toBeCloseTo(Math.sqrt(2 / (32 * 49)), 2);
  const block = layer1[0];
  expect(block instanceof Bottleneck && block.bn3 instanceof BatchNorm2d && deviation(block.bn3.weight ?? ones([1]))).toBe(0);
});

test('parameters of whole models', () => {
  // The published numbers: ResNet-18, ConvNeXt V2 Atto, ViT-Ti/16.
  expect(scope(() => count(resnet18()))).toBe(11_689_512);
  expect(scope(() => count(new ConvNeXt({ depths: [2, 2, 6, 2], dims: [40, 80, 160, 320], grn: true })))).toBe(3_708_400);
  expect(scope(() => count(new VisionTransformer({ dim: 192, depth: 12, numHeads: 3 })))).toBe(5_717_416);
});

test('String(resnet)', () => {
  expect(String(new ResNet(BasicBlock, [1, 1], { widths: [8, 16], numClasses: 10 }))).toBe(`ResNet(
  (conv1): Conv2d(3, 8, kernel_size=(7, 7), stride=(2, 2), padding=(3, 3), bias=False)
  (bn1): ${bn(8)}
  (relu): ReLU(inplace=True)
  (maxpool): MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=False)
  (layer1): Sequential(
    (0): BasicBlock(
      (conv1): Conv2d(8, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)
      (bn1): ${bn(8)}
      (relu): ReLU(inplace=True)
      (conv2): Conv2d(8, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)
      (bn2): ${bn(8)}
    )
  )
  (layer2): Sequential(
    (0): BasicBlock(
      (conv1): Conv2d(8, 16, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), bias=False)
      (bn1): ${bn(16)}
      (relu): ReLU(inplace=True)
      (conv2): Conv2d(16, 16, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)
      (bn2): ${bn(16)}
      (downsample): Sequential(
        (0): Conv2d(8, 16, kernel_size=(1, 1), stride=(2, 2), bias=False)
        (1): ${bn(16)}
      )
    )
  )
  (avgpool): AdaptiveAvgPool2d(output_size=(1, 1))
  (fc): Linear(in_features=16, out_features=10, bias=True)
)`);
});

const vit = new VisionTransformer(tokens);
test.each([
  ['groups of a BasicBlock', () => new BasicBlock(4, 4, { groups: 2 }), 'argument', 'BasicBlock only supports groups=1 and base_width=64'],
  ['a dilation of a BasicBlock', () => new BasicBlock(4, 4, { dilation: 2 }), 'argument', 'Dilation > 1 not supported in BasicBlock'],
  ['a base width that leaves none', () => new Bottleneck(4, 4, { baseWidth: 1 }), 'size', 'got 0'],
  ['a base width of text', () => new Bottleneck(4, 4, JSON.parse('{ "baseWidth": "64" }')), 'size', 'base_width'],
  ['a downsample that is none', () => new BasicBlock(4, 4, JSON.parse('{ "downsample": 3 }')), 'argument', '3 is no Module'],
  ['a class as the downsample', () => Reflect.construct(BasicBlock, [4, 4, { downsample: Linear }]), 'argument', 'Linear is no Module'],
  ['a residual of other channels, which would broadcast', () => new BasicBlock(1, 4).forward(zeros([2, 1, 4, 4])), 'shape', 'need a downsample'],
  ['a block that is none', () => new ResNet(JSON.parse('"basic"'), [1]), 'argument', "got the string 'basic'"],
  ['a number of blocks for all stages', () => new ResNet(BasicBlock, JSON.parse('2')), 'argument', 'layers is a list'],
  ['a width of 0', () => new ResNet(BasicBlock, [1], { widths: [0] }), 'size', 'width'],
  ['a width for all stages', () => new ResNet(BasicBlock, [1], JSON.parse('{ "widths": 8 }')), 'argument', 'widths is a list'],
  ['images without a batch', () => new ResNet(BasicBlock, [1, 1], residual).forward(zeros([1, 8, 8])), 'rank', 'expected 4D input (got 3D input)'],
  ['an image without a batch for ConvNeXt', () => new ConvNeXt(images).forward(zeros([1, 8, 8])), 'rank', 'expected 4D input (got 3D input)'],
  ['depths that are no list', () => new ConvNeXt(JSON.parse('{ "depths": 3 }')), 'argument', 'depths is a list such as [2, 2], got the number 3'],
  ['a drop rate of text', () => new ConvNeXt({ ...images, ...JSON.parse('{ "dropPathRate": "0.1" }') }), 'argument', "but got the string '0.1'"],
  ['a drop rate of one block', () => new VisionTransformer({ ...tokens, depth: 1, dropPathRate: 2 }), 'argument', 'but got 2'],
  ['a ratio of text', () => new VisionTransformer(JSON.parse('{ "mlpRatio": "4" }')), 'argument', 'mlpRatio must be a number'],
  ['no image size', () => new VisionTransformer(JSON.parse('{ "imageSize": null }')), 'size', 'imageSize'],
  ['a width too few', () => new ResNet(BasicBlock, [1, 1, 1], { widths: [4, 8] }), 'argument', '3 stages [1, 1, 1] and 2 widths [4, 8]'],
  ['five stages of four widths', () => new ResNet(BasicBlock, [1, 1, 1, 1, 1]), 'argument', '5 stages'],
  ['a stage without blocks', () => new ResNet(BasicBlock, [0, 1], { widths: [4, 8] }), 'size', 'the depth of a stage'],
  ['a part of a stem', () => new ResNet(BasicBlock, [1], JSON.parse('{ "stem": { "kernels": 3 } }')), 'argument', 'ResNet: stem has no option kernels'],
  ['a norm instead of its maker', () => new ResNet(BasicBlock, [1], JSON.parse('{ "normLayer": "bn" }')), 'argument', 'normLayer is a function'],
  ['a depth too few', () => new ConvNeXt({ depths: [1], dims: [4, 8] }), 'argument', '1 depths [1] and 2 dims [4, 8]'],
  ['a drop rate above 1', () => new ConvNeXt({ ...images, dropPathRate: 1.5 }), 'argument', 'drop probability has to be between 0 and 1, but got 1.5'],
  ['an image smaller than the stem', () => new ConvNeXt({ ...images, patch: 4 }).forward(zeros([1, 1, 3, 3])), 'shape', "Kernel size can't be greater than actual input size"],
  ['another number of channels', () => new ConvNeXtBlock(4).forward(zeros([1, 3, 8, 8])), 'shape', 'to have 4 channels, but got 3 channels instead'],
  ['an image of another height', () => vit.forward(zeros([1, 1, 6, 4])), 'shape', "Input height (6) doesn't match model (4)"],
  ['an image of another width', () => vit.forward(zeros([1, 1, 4, 8])), 'shape', "Input width (8) doesn't match model (4)"],
  ['an image without a batch', () => vit.forward(zeros([1, 4, 4])), 'rank', 'expected 4D input'],
  ['patches that do not divide', () => new VisionTransformer({ ...tokens, imageSize: 5 }), 'indivisible', 'image size (5, 5) must be divisible by patch size (2, 2)'],
  ['heads that do not divide', () => new VisionTransformer({ ...tokens, numHeads: 3 }), 'indivisible', '3'],
  ['another pool', () => new VisionTransformer(JSON.parse('{ "pool": "max" }')), 'argument', "pool must be 'token' or 'avg', got 'max'"],
])('refuses %s', (_, call, code, words) => {
  const error = refusal(call);
  expect([error.code, error.message]).toEqual([code, expect.stringContaining(words)]);
});

function rates(model: Layer): number[] {
  return model.modules().flatMap((module) => (module instanceof DropPath ? [module.dropProb] : []));
}

/** The root of the mean square. */
function deviation({ data, size }: Tensor): number {
  return Math.sqrt(Array.from(data, Number).reduce((total, value) => total + value ** 2, 0) / size);
}

function count(model: Layer): number {
  return model.parameters().reduce((total, { size }) => total + size, 0);
}

function bn(channels: number): string {
  return `BatchNorm2d(${channels}, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)`;
}
