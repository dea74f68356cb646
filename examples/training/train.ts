// One loop for all that learns the digits: epochs, batches, steps, a line of progress. May import 'evenkeel'.

import { argmax, crossEntropy, DataLoader, noGrad, Progress, scope, shiftImages, type Adam, type SGD, type Tensor } from 'evenkeel';
import type { Digits } from './data.js';
import type { Network } from './networks.js';

/** How a network is trained. */
export interface Training {
  readonly train: Digits;
  readonly test: Digits;
  readonly batch: number;
  readonly epochs: number;
  readonly optimizer: SGD | Adam;
  /** Moves the rate after each step; none: it stays. */
  readonly schedule?: { step(): void };
  readonly labelSmoothing?: number;
  /** What becomes of the images of a batch before they are learned. */
  readonly augment?: (images: Tensor) => Tensor;
  /** What the line of progress begins with; none: no line. */
  readonly label?: string;
}

/** What keeps the recipes of test/models from learning by heart. */
export const regularization = {
  labelSmoothing: 0.1,
  augment: (images: Tensor): Tensor => shiftImages(images, 1),
} as const satisfies Partial<Training>;

/** What is known after an epoch. */
export interface Epoch {
  /** Mean loss of its batches. */
  readonly loss: number;
  /** Share of the test images that the network in evaluation names right. */
  readonly accuracy: number;
}

/** Trains in place; incomplete batches are left out. */
export function trainNetwork(network: Network, training: Training): Epoch[] {
  const { train, test, batch, epochs, optimizer, schedule, labelSmoothing = 0, augment, label } = training;
  const loader = new DataLoader([train.images, train.labels], { batchSize: batch, shuffle: true, dropLast: true });
  const progress = label === undefined ? null : new Progress(epochs * loader.length * batch, { label, unit: 'images' });
  const history: Epoch[] = [];
  let done = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    network.train();
    let total = 0;
    for (const [images, labels] of loader) {
      total += scope(() => {
        const seen = augment === undefined ? images : augment(images);
        const loss = crossEntropy(network.forward(seen), labels, { labelSmoothing });
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        return loss.item();
      });
      schedule?.step();
      images.dispose();
      labels.dispose();
      done += batch;
      progress?.update(done, `loss ${(total / (1 + ((done / batch - 1) % loader.length))).toFixed(3)}`);
    }
    history.push({ loss: total / loader.length, accuracy: accuracyOf(network.eval(), test) });
  }
  progress?.done();
  return history;
}

/** Share of the images that the network names right, in the mode that it is in. */
export function accuracyOf(network: Network, { images, labels }: Digits): number {
  const named = predictions(network, images);
  const right = named.filter((digit, i) => digit === Number(labels.data[i])).length;
  return right / named.length;
}

/** The digit with the largest logit for each image. */
export function predictions(network: Network, images: Tensor): number[] {
  return scope(() => Array.from(argmax(noGrad(() => network.forward(images)), 1).data, Number));
}
