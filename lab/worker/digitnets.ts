// The networks that learn the digits, each with any norm, and the digits. May import evenkeel.

import {
  BatchNorm1d, BatchNorm2d, GroupNorm, Identity, InstanceNorm2d, KeelError, keep, LayerNorm, LayerNorm2d, Linear, ReLU, scope, Sequential,
  type Layer, type Module, type Tensor,
} from 'evenkeel';
import { BasicBlock, ResNet } from 'evenkeel/nn';
import { arrayOf } from './files.js';
import type { NetworkName, TrainNorm } from './jobs/trainnames.js';

export type Network = Module & { forward(x: Tensor): Tensor };

/** Images with pixels from 0 to 1, and their labels, int64. */
export interface Digits {
  readonly images: Tensor;
  readonly labels: Tensor;
}

/** A network as PyTorch makes it after the same seed: an MLP of vectors (N, 64), or a ResNet of images (N, 1, 8, 8). */
export function networkOf(network: NetworkName, norm: TrainNorm): Network {
  switch (network) {
    case 'mlp':
      return new Sequential(
        new Linear(64, 64), normOfVectors(norm, 64), new ReLU(), new Linear(64, 64), normOfVectors(norm, 64), new ReLU(), new Linear(64, 10),
      );
    case 'resnet':
      return new ResNet(BasicBlock, [1, 1], {
        inChannels: 1,
        numClasses: 10,
        widths: [16, 32],
        stem: { kernel: 3, stride: 1, padding: 1, maxPool: false },
        normLayer: (channels) => normOfImages(norm, channels),
      });
    default:
      return network satisfies never;
  }
}

function normOfVectors(norm: TrainNorm, width: number): Layer {
  switch (norm) {
    case 'batch':
      return new BatchNorm1d(width);
    case 'group':
      return new GroupNorm(4, width);
    case 'instance':
      throw new KeelError('argument', 'InstanceNorm of a vector has one number in each set, which becomes 0: choose another norm', { norm });
    case 'layer':
      return new LayerNorm(width);
    case 'none':
      return new Identity();
    default:
      return norm satisfies never;
  }
}

function normOfImages(norm: TrainNorm, channels: number): Layer {
  switch (norm) {
    case 'batch':
      return new BatchNorm2d(channels);
    case 'group':
      return new GroupNorm(4, channels);
    case 'instance':
      return new InstanceNorm2d(channels, { affine: true });
    case 'layer':
      return new LayerNorm2d(channels, { eps: 1e-6 });
    case 'none':
      return new Identity();
    default:
      return norm satisfies never;
  }
}

/** Rows that train; the others test. */
const TRAINING = 1437;

export interface Parts {
  readonly train: Digits;
  readonly test: Digits;
}

let read: Promise<{ readonly vectors: Parts; readonly images: Parts }> | null = null;

/** In the file's own order the first 1437 train, the other 360 test; read once. */
export async function digitsFor(network: NetworkName): Promise<Parts> {
  read ??= readDigits();
  try {
    const { vectors, images } = await read;
    return network === 'mlp' ? vectors : images;
  } catch (error) {
    // Asked again, it is read again.
    read = null;
    throw error;
  }
}

async function readDigits() {
  const [pixels, labels] = [await arrayOf('digits'), await arrayOf('labels')];
  return scope(() => {
    const images = pixels.to('float32').div(16).unsqueeze(1);
    return { vectors: partsOf(images.flatten(1), labels), images: partsOf(images, labels) };
  });
}

function partsOf(images: Tensor, labels: Tensor): Parts {
  const part = (start: number, end?: number): Digits => ({ images: keep(images.slice(0, start, end)), labels: keep(labels.slice(0, start, end)) });
  return { train: part(0, TRAINING), test: part(TRAINING) };
}
