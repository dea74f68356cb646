// The networks that learn the digits, each with any norm. May import 'evenkeel' and 'evenkeel/nn'.

import {
  BatchNorm1d, BatchNorm2d, DyT, GroupNorm, Identity, InstanceNorm1d, InstanceNorm2d, LayerNorm, LayerNorm2d, Linear, Module,
  ReLU, RMSNorm, Sequential, type Layer, type Tensor,
} from 'evenkeel';
import { BasicBlock, ConvNeXt, ResNet, VisionTransformer } from 'evenkeel/nn';

export const modelNames = ['resnet', 'convnext', 'vit'] as const;
export type ModelName = (typeof modelNames)[number];

export const normNames = [
  'batch-norm', 'group-norm', 'instance-norm', 'layer-norm', 'rms-norm', 'dyt', 'none',
] as const;
export type NormName = (typeof normNames)[number];

/** A network from images to ten logits. */
export type Network = Module & { forward(x: Tensor): Tensor };

/** The sizes, schedule and rate at batch 64 with which PyTorch trained the checkpoints of test/models. */
export interface Recipe {
  readonly epochs: number;
  readonly maxLr: number;
  readonly norm: NormName;
  build(norm: NormName): Network;
}

export const recipes: Readonly<Record<ModelName, Recipe>> = {
  resnet: {
    epochs: 15,
    maxLr: 0.004,
    norm: 'batch-norm',
    build: (norm) => digitsResNet((channels) => normOfImages(norm, channels)),
  },
  convnext: {
    epochs: 60,
    maxLr: 0.008,
    norm: 'layer-norm',
    build: (norm) =>
      new ConvNeXt({
        inChannels: 1,
        numClasses: 10,
        patch: 2,
        depths: [2, 2],
        dims: [18, 30],
        layerScale: 0.1,
        normLayer: (channels) => normOfImages(norm, channels),
      }),
  },
  vit: {
    epochs: 70,
    maxLr: 0.002,
    norm: 'layer-norm',
    build: (norm) =>
      new VisionTransformer({
        imageSize: 8,
        patchSize: 2,
        inChannels: 1,
        numClasses: 10,
        dim: 48,
        depth: 3,
        numHeads: 4,
        mlpRatio: 2,
        normLayer: (width) => normOfTokens(norm, width),
      }),
  },
};

/** Two stages of one BasicBlock, 16 and 32 channels, on images as small as 8×8. */
export function digitsResNet(normLayer: (channels: number) => Layer): ResNet {
  return new ResNet(BasicBlock, [1, 1], {
    inChannels: 1,
    numClasses: 10,
    widths: [16, 32],
    stem: { kernel: 3, stride: 1, padding: 1, maxPool: false },
    normLayer,
  });
}

/** Three linear layers with a norm after each of the first two. */
export function digitsMlp(normLayer: (width: number) => Layer): Sequential {
  return new Sequential(
    new Linear(64, 64), normLayer(64), new ReLU(), new Linear(64, 64), normLayer(64), new ReLU(), new Linear(64, 10),
  );
}

/** A norm of images (N, C, H, W). */
export function normOfImages(norm: NormName, channels: number): Layer {
  switch (norm) {
    case 'batch-norm':
      return new BatchNorm2d(channels);
    case 'group-norm':
      return new GroupNorm(groupsOf(channels), channels);
    case 'instance-norm':
      return new InstanceNorm2d(channels, { affine: true });
    case 'layer-norm':
      return new LayerNorm2d(channels, { eps: 1e-6 });
    case 'rms-norm':
      return new ChannelsLast(new RMSNorm(channels, { eps: 1e-6 }));
    case 'dyt':
      return new ChannelsLast(new DyT(channels));
    case 'none':
      return new Identity();
    default:
      return norm satisfies never;
  }
}

/** A norm of tokens (N, T, C). */
export function normOfTokens(norm: NormName, width: number): Layer {
  switch (norm) {
    case 'batch-norm':
      return new ChannelsFirst(new BatchNorm1d(width));
    case 'group-norm':
      return new ChannelsFirst(new GroupNorm(groupsOf(width), width));
    case 'instance-norm':
      return new ChannelsFirst(new InstanceNorm1d(width, { affine: true }));
    case 'layer-norm':
      return new LayerNorm(width, { eps: 1e-6 });
    case 'rms-norm':
      return new RMSNorm(width, { eps: 1e-6 });
    case 'dyt':
      return new DyT(width);
    case 'none':
      return new Identity();
    default:
      return norm satisfies never;
  }
}

/** The largest number of groups up to four that divides the channels. */
function groupsOf(channels: number): number {
  return [4, 3, 2].find((groups) => channels % groups === 0) ?? 1;
}

/** A norm of (*, C) on (N, C, H, W). */
class ChannelsLast extends Module {
  constructor(readonly norm: Layer) {
    super();
  }

  forward(x: Tensor): Tensor {
    return this.norm.forward(x.permute([0, 2, 3, 1])).permute([0, 3, 1, 2]);
  }
}

/** A norm of (N, C, T) on (N, T, C). */
class ChannelsFirst extends Module {
  constructor(readonly norm: Layer) {
    super();
  }

  forward(x: Tensor): Tensor {
    return this.norm.forward(x.transpose(1, 2)).transpose(1, 2);
  }
}
