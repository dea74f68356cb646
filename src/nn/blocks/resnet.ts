// ResNet and its two blocks, with any norm. May import errors, tensor, ops and nn.

import { KeelError, showGiven } from '../../errors.js';
import { add } from '../../ops/elementwise.js';
import { flatten } from '../../ops/shape.js';
import { sameShape, scope, type Tensor } from '../../tensor.js';
import { ReLU } from '../activation.js';
import { BatchNorm2d } from '../batchnorm.js';
import { checkCount, checkImages, checkList, optionsOf } from '../check.js';
import { Sequential } from '../containers.js';
import { Conv2d } from '../conv.js';
import { kaimingNormal_, zeros_ } from '../init.js';
import { Linear, type Layer } from '../layers.js';
import { checkModule, Module } from '../module.js';
import { NormLayer } from '../norm.js';
import { AdaptiveAvgPool2d, MaxPool2d } from '../pool.js';
import type { Loading } from '../state.js';
import { adaptLayout } from './layouts.js';
import { makeNorm, type MakeNorm } from './normlayer.js';

/** Options of {@link BasicBlock} and {@link Bottleneck}. */
export interface ResNetBlockOptions {
  /** Step of the convolution that makes the image smaller. Default 1. */
  readonly stride?: number;
  /** What stands on the residual path where shapes change. Default null: nothing. */
  readonly downsample?: Layer | null;
  /** Groups of the 3×3 convolution of a {@link Bottleneck}. Default 1. */
  readonly groups?: number;
  /** Distance between the elements of the 3×3 convolution of a {@link Bottleneck}. Default 1. */
  readonly dilation?: number;
  /** Width of a {@link Bottleneck}: of its 3×3 convolution, for 64 planes and one group. Default 64. */
  readonly baseWidth?: number;
  /** Default BatchNorm2d. */
  readonly normLayer?: MakeNorm;
}

/** A class of block that {@link ResNet} is made of. */
export interface ResNetBlock {
  /** Channels that come out for each of `planes`. */
  readonly expansion: number;
  new (inPlanes: number, planes: number, options?: ResNetBlockOptions): BasicBlock | Bottleneck;
}

const batchNorm: MakeNorm = (channels) => new BatchNorm2d(channels);
const blockDefaults = { stride: 1, downsample: null, groups: 1, dilation: 1, baseWidth: 64, normLayer: batchNorm };

/**
 * y = relu(F(x) + x) with F = norm(conv₃ₓ₃(relu(norm(conv₃ₓ₃(x))))); the first convolution steps by `stride`, and where
 * shapes change x goes through `downsample`.
 *
 * Input (N, inPlanes, H, W), output (N, planes, ⌈H/stride⌉, ⌈W/stride⌉). State: `conv1`, `bn1`, `conv2`, `bn2`,
 * `downsample`, as torchvision and timm, whatever the norm is.
 *
 * @throws KeelError [argument] for groups or a dilation other than 1 or a base width other than 64; [rank] for other inputs;
 *   [shape] where F(x) and x differ.
 * @see https://arxiv.org/abs/1512.03385
 * @see https://github.com/pytorch/vision/blob/main/torchvision/models/resnet.py
 * @example
 * new BasicBlock(16, 16, { normLayer: (c) => new GroupNorm(4, c) }).forward(randn([2, 16, 8, 8]));
 */
export class BasicBlock extends Module {
  static readonly type: string = 'BasicBlock';
  static readonly expansion = 1;

  conv1: Conv2d;
  bn1: Layer;
  relu: ReLU;
  conv2: Conv2d;
  bn2: Layer;
  downsample: Layer | null;

  constructor(inPlanes: number, planes: number, options: ResNetBlockOptions = {}) {
    super();
    const all = optionsOf(new.target.name, options, blockDefaults);
    const { stride, downsample, groups, dilation, baseWidth, normLayer } = all;
    if (groups !== 1 || baseWidth !== 64) {
      throw new KeelError(
        'argument',
        `BasicBlock only supports groups=1 and base_width=64, got groups=${groups} and base_width=${baseWidth}: use Bottleneck`,
        { groups, baseWidth },
      );
    }
    if (dilation !== 1) {
      const message = `Dilation > 1 not supported in BasicBlock, got dilation=${dilation}: use Bottleneck`;
      throw new KeelError('argument', message, { dilation });
    }
    checkDownsample(downsample);
    this.conv1 = new Conv2d(inPlanes, planes, 3, { stride, padding: 1, bias: false });
    this.bn1 = makeNorm('BasicBlock', normLayer, planes);
    this.relu = new ReLU({ inplace: true });
    this.conv2 = new Conv2d(planes, planes, 3, { padding: 1, bias: false });
    this.bn2 = makeNorm('BasicBlock', normLayer, planes);
    this.downsample = downsample;
  }

  forward(x: Tensor): Tensor {
    checkImages('BasicBlock', x);
    return scope(() => {
      const y = this.relu.forward(this.bn1.forward(this.conv1.forward(x)));
      return this.relu.forward(joined(x, this.bn2.forward(this.conv2.forward(y)), this.downsample));
    });
  }

  /** The norm whose scale 0 makes the block pass x on. */
  get lastNorm(): Layer {
    return this.bn2;
  }
}

/**
 * y = relu(F(x) + x) with F of three convolutions: 1×1 to a width of planes·baseWidth/64·groups, 3×3 in groups that steps by
 * `stride`, and 1×1 to 4·planes, each with its norm.
 *
 * Input (N, inPlanes, H, W), output (N, 4·planes, ⌈H/stride⌉, ⌈W/stride⌉). State: `conv1`, `bn1`, ..., `bn3`,
 * `downsample`, as torchvision and timm.
 *
 * @throws KeelError [size] for sizes that are no counts; [rank] for other inputs; [shape] where F(x) and x differ: inPlanes
 *   other than 4·planes, or a stride, need a downsample.
 * @see https://arxiv.org/abs/1512.03385
 * @see https://github.com/pytorch/vision/blob/main/torchvision/models/resnet.py
 * @example
 * new Bottleneck(64, 16).forward(randn([2, 64, 8, 8]));
 */
export class Bottleneck extends Module {
  static readonly type: string = 'Bottleneck';
  static readonly expansion = 4;

  conv1: Conv2d;
  bn1: Layer;
  conv2: Conv2d;
  bn2: Layer;
  conv3: Conv2d;
  bn3: Layer;
  relu: ReLU;
  downsample: Layer | null;

  constructor(inPlanes: number, planes: number, options: ResNetBlockOptions = {}) {
    super();
    const all = optionsOf(new.target.name, options, blockDefaults);
    const { stride, downsample, groups, dilation, baseWidth, normLayer } = all;
    checkCount('planes', planes, 1);
    checkCount('groups', groups, 1);
    checkCount('base_width', baseWidth, 1);
    checkCount('dilation', dilation, 1);
    checkDownsample(downsample);
    const width = Math.floor(planes * (baseWidth / 64)) * groups;
    checkCount(`the width of ${planes} planes at base_width ${baseWidth}`, width, 1);
    const out = planes * Bottleneck.expansion;
    this.conv1 = new Conv2d(inPlanes, width, 1, { bias: false });
    this.bn1 = makeNorm('Bottleneck', normLayer, width);
    this.conv2 = new Conv2d(width, width, 3, { stride, padding: dilation, dilation, groups, bias: false });
    this.bn2 = makeNorm('Bottleneck', normLayer, width);
    this.conv3 = new Conv2d(width, out, 1, { bias: false });
    this.bn3 = makeNorm('Bottleneck', normLayer, out);
    this.relu = new ReLU({ inplace: true });
    this.downsample = downsample;
  }

  forward(x: Tensor): Tensor {
    checkImages('Bottleneck', x);
    return scope(() => {
      const narrow = this.relu.forward(this.bn1.forward(this.conv1.forward(x)));
      const seen = this.relu.forward(this.bn2.forward(this.conv2.forward(narrow)));
      return this.relu.forward(joined(x, this.bn3.forward(this.conv3.forward(seen)), this.downsample));
    });
  }

  /** The norm whose scale 0 makes the block pass x on. */
  get lastNorm(): Layer {
    return this.bn3;
  }
}

/** What {@link ResNet} calls `layer1`, `layer2`, ...: blocks one after another. */
export type ResNetStage = Sequential<BasicBlock | Bottleneck>;

/** How {@link ResNet} begins: a convolution, and a max pool of 3 with stride 2 or none. */
export interface ResNetStem {
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly maxPool: boolean;
}

/** Options of {@link ResNet}. */
export interface ResNetOptions {
  /** Default 1000. */
  readonly numClasses?: number;
  /** Default 3. */
  readonly inChannels?: number;
  /** Planes of each stage. Default 64, 128, 256, 512, as many as there are stages. */
  readonly widths?: readonly number[];
  /** Default a 7×7 convolution with stride 2 and padding 3, and a max pool. */
  readonly stem?: ResNetStem;
  /** Default BatchNorm2d. Called once for each norm with its channels. */
  readonly normLayer?: MakeNorm;
  /** Begin each block as the identity: the scale of its last norm at 0. Default false. */
  readonly zeroInitResidual?: boolean;
  /** Default 1. */
  readonly groups?: number;
  /** Default 64. */
  readonly widthPerGroup?: number;
}

/**
 * logits = fc(mean over H and W of the stages of the stem): stages `layer1`, `layer2`, ... of blocks, each but the first
 * beginning with a stride of 2.
 *
 * Input (N, inChannels, H, W), output (N, numClasses). State: `conv1`, `bn1`, `layer1.0.conv1`, ..., `fc`, as torchvision
 * and timm. Convolutions begin with He's normal numbers by fan-out, in torchvision's order of draws.
 *
 * @throws KeelError [argument] for more stages than widths; [size], [indivisible] for sizes that do not fit; [rank], [shape]
 *   for another input.
 * @see https://arxiv.org/abs/1512.03385
 * @see https://docs.pytorch.org/vision/stable/models/resnet.html
 * @example
 * new ResNet(BasicBlock, [2, 2, 2, 2], { normLayer: (c) => new GroupNorm(32, c) }).forward(randn([1, 3, 64, 64]));
 */
export class ResNet extends Module {
  static readonly type: string = 'ResNet';

  [stage: `layer${number}`]: ResNetStage;

  conv1: Conv2d;
  bn1: Layer;
  relu: ReLU;
  maxpool: MaxPool2d | null;
  // Declared only: the stages stand here, as many as there are layers (torchvision's four), and what follows behind them.
  declare layer1: ResNetStage;
  declare layer2: ResNetStage;
  declare layer3: ResNetStage;
  declare layer4: ResNetStage;
  declare avgpool: AdaptiveAvgPool2d;
  /** A {@link Linear} at first; any layer of (N, features) may take its place. */
  declare fc: Layer;

  constructor(block: ResNetBlock, layers: readonly number[], options: ResNetOptions = {}) {
    super();
    checkBlock(block);
    checkList('ResNet: layers', layers);
    const stem = { kernel: 7, stride: 2, padding: 3, maxPool: true };
    const all = optionsOf(new.target.name, options, {
      numClasses: 1000,
      inChannels: 3,
      widths: [64, 128, 256, 512].slice(0, layers.length),
      stem,
      normLayer: batchNorm,
      zeroInitResidual: false,
      groups: 1,
      widthPerGroup: 64,
    });
    const { kernel, stride, padding, maxPool } = optionsOf('ResNet: stem', all.stem, stem);
    checkStages(layers, all.widths);
    let planes = all.widths[0] ?? 0;
    this.conv1 = new Conv2d(all.inChannels, planes, kernel, { stride, padding, bias: false });
    this.bn1 = makeNorm('ResNet', all.normLayer, planes);
    this.relu = new ReLU({ inplace: true });
    this.maxpool = maxPool ? new MaxPool2d(3, { stride: 2, padding: 1 }) : null;
    layers.forEach((depth, i) => {
      const width = all.widths[i] ?? 0;
      this[`layer${i + 1}`] = stage(block, planes, width, depth, i === 0 ? 1 : 2, all);
      planes = width * block.expansion;
    });
    this.avgpool = new AdaptiveAvgPool2d([1, 1]);
    this.fc = new Linear(planes, all.numClasses);
    initialize(this, all.zeroInitResidual);
  }

  /** `layer1`, `layer2`, ... */
  get stages(): ResNetStage[] {
    const stages: ResNetStage[] = [];
    for (let stage: ResNetStage | undefined = this.layer1; stage !== undefined; stage = this[`layer${stages.length + 1}`]) stages.push(stage);
    return stages;
  }

  forward(x: Tensor): Tensor {
    checkImages('ResNet', x);
    return scope(() => {
      const stem = this.relu.forward(this.bn1.forward(this.conv1.forward(x)));
      let y = this.maxpool === null ? stem : this.maxpool.forward(stem);
      for (const each of this.stages) y = each.forward(y);
      return this.fc.forward(flatten(this.avgpool.forward(y), 1));
    });
  }

  protected override adaptState(loading: Loading, prefix: string): void {
    adaptLayout('ResNet', this, loading, prefix);
  }
}

/**
 * The ResNet of 18 layers: two {@link BasicBlock}s in each of four stages.
 *
 * @throws KeelError as {@link ResNet}.
 * @see https://docs.pytorch.org/vision/stable/models/generated/torchvision.models.resnet18.html
 * @example
 * resnet18({ numClasses: 10 }).forward(randn([1, 3, 64, 64])).shape; // [1, 10]
 */
export function resnet18(options: ResNetOptions = {}): ResNet {
  return new ResNet(BasicBlock, [2, 2, 2, 2], options);
}

/**
 * The ResNet of 34 layers: 3, 4, 6 and 3 {@link BasicBlock}s.
 *
 * @throws KeelError as {@link ResNet}.
 * @see https://docs.pytorch.org/vision/stable/models/generated/torchvision.models.resnet34.html
 * @example
 * resnet34({ numClasses: 10 });
 */
export function resnet34(options: ResNetOptions = {}): ResNet {
  return new ResNet(BasicBlock, [3, 4, 6, 3], options);
}

/**
 * The ResNet of 50 layers: 3, 4, 6 and 3 {@link Bottleneck}s.
 *
 * @throws KeelError as {@link ResNet}.
 * @see https://docs.pytorch.org/vision/stable/models/generated/torchvision.models.resnet50.html
 * @example
 * resnet50({ numClasses: 10 });
 */
export function resnet50(options: ResNetOptions = {}): ResNet {
  return new ResNet(Bottleneck, [3, 4, 6, 3], options);
}

/** F(x) + x, where x may go another way. */
function joined(x: Tensor, branch: Tensor, downsample: Layer | null): Tensor {
  const residual = downsample === null ? x : downsample.forward(x);
  if (sameShape(branch.shape, residual.shape)) return add(branch, residual);
  throw new KeelError(
    'shape',
    `The size of the branch, [${branch.shape.join(', ')}], must match the size of the residual, [${residual.shape.join(', ')}]: ` +
      'a stride and other planes need a downsample that makes the same of x',
    { branch: branch.shape, residual: residual.shape },
  );
}

function checkDownsample(downsample: Layer | null): void {
  if (downsample !== null) checkModule(downsample);
}

function checkBlock(block: ResNetBlock): void {
  if (typeof block === 'function' && Number.isInteger(block.expansion)) return;
  const message = `ResNet takes the class of its blocks, BasicBlock or Bottleneck, got ${showGiven(block)}`;
  throw new KeelError('argument', message, { block });
}

/** Blocks one after another; the first brings x to their shape, by a 1×1 convolution where it has another. */
function stage(
  block: ResNetBlock,
  inPlanes: number,
  planes: number,
  depth: number,
  stride: number,
  { normLayer, groups, widthPerGroup }: Required<ResNetOptions>,
): ResNetStage {
  const out = planes * block.expansion;
  const shared = { groups, baseWidth: widthPerGroup, normLayer };
  const reshapes = stride !== 1 || inPlanes !== out;
  // Before the block, as torchvision draws it first.
  const downsample = reshapes
    ? new Sequential(new Conv2d(inPlanes, out, 1, { stride, bias: false }), makeNorm('ResNet', normLayer, out))
    : null;
  const blocks: ResNetStage = new Sequential(new block(inPlanes, planes, { ...shared, stride, downsample }));
  for (let i = 1; i < depth; i++) blocks.append(new block(out, planes, shared));
  return blocks;
}

function initialize(network: ResNet, zeroInitResidual: boolean): void {
  for (const module of network.modules()) {
    if (module instanceof Conv2d) kaimingNormal_(module.weight, { mode: 'fan_out', nonlinearity: 'relu' });
    if (!zeroInitResidual || !(module instanceof BasicBlock || module instanceof Bottleneck)) continue;
    const { lastNorm } = module;
    if (lastNorm instanceof NormLayer && lastNorm.weight !== null) zeros_(lastNorm.weight);
  }
}

function checkStages(layers: readonly number[], widths: readonly number[]): void {
  checkList('ResNet: widths', widths);
  for (const depth of layers) checkCount('the depth of a stage', depth, 1);
  for (const width of widths) checkCount('width', width, 1);
  if (layers.length > 0 && layers.length === widths.length) return;
  throw new KeelError(
    'argument',
    `ResNet has one width for each stage: ${layers.length} stages [${layers.join(', ')}] and ${widths.length} widths ` +
      `[${widths.join(', ')}]`,
    { layers, widths },
  );
}
