// A network learns the digits: losses and accuracies as they come, until it is done or told to stop. May import evenkeel.

import { argmax, crossEntropy, DataLoader, getRngState, manualSeed, noGrad, scope, setRngState, SGD, type Tensor } from 'evenkeel';
import type { Control } from '../control.js';
import { digitsFor, networkOf, type Digits, type Network } from '../digitnets.js';
import { rateOf, type TrainSettings } from './trainnames.js';

export interface TrainJobs {
  readonly train: {
    readonly ask: TrainSettings;
    readonly answer: TrainAnswer;
    readonly part: TrainPart;
  };
}

/** What is known after an epoch; the first is before any step, and has no loss. */
export interface TrainEpoch {
  /** Mean loss of its steps. */
  readonly loss: number;
  /** Share of the test images that the network in eval names right. */
  readonly accuracy: number;
}

export interface TrainPart {
  /** Of the steps since the last part. */
  readonly losses: readonly number[];
  readonly epochs: readonly TrainEpoch[];
  readonly done: number;
  readonly total: number;
  /** Null before the first step. */
  readonly secondsLeft: number | null;
}

export interface TrainAnswer {
  readonly isFinished: boolean;
  /** Of learning alone: pauses do not count. */
  readonly seconds: number;
  /** Test accuracy where BatchNorm takes the test images' own statistics in place of the running ones; null without BatchNorm. */
  readonly withBatchStatistics: number | null;
}

/** The page hears of it as often. */
const MILLIS = 90;

export async function train(settings: TrainSettings, control: Control): Promise<TrainAnswer> {
  const { network: kind, norm, batch, epochs, seed } = settings;
  const digits = await digitsFor(kind);
  manualSeed(seed);
  const network = networkOf(kind, norm);
  const optimizer = new SGD(network.parameters(), { lr: rateOf(settings), momentum: 0.9, weightDecay: 5e-4 });
  const loader = new DataLoader([digits.train.images, digits.train.labels], { batchSize: batch, shuffle: true, dropLast: true });
  const reporter = new Reporter(control, epochs * loader.length);
  reporter.epoch({ loss: NaN, accuracy: accuracyOf(network.eval(), digits.test) });
  for (let epoch = 0; epoch < epochs; epoch++) {
    network.train();
    let sum = 0;
    for (const [images, labels] of loader) {
      const loss = learn(network, optimizer, images, labels);
      sum += loss;
      images.dispose();
      labels.dispose();
      reporter.step(loss);
      if (reporter.isDue() && !(await reporter.report())) return { isFinished: false, seconds: reporter.seconds, withBatchStatistics: null };
    }
    reporter.epoch({ loss: sum / loader.length, accuracy: accuracyOf(network.eval(), digits.test) });
  }
  await reporter.report();
  const withBatchStatistics = norm === 'batch' ? accuracyOf(network.train(), digits.test) : null;
  return { isFinished: true, seconds: reporter.seconds, withBatchStatistics };
}

function learn(network: Network, optimizer: SGD, images: Tensor, labels: Tensor): number {
  return scope(() => {
    const loss = crossEntropy(network.forward(images), labels);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return loss.item();
  });
}

/** In the mode that the network is in. */
function accuracyOf(network: Network, { images, labels }: Digits): number {
  const named = scope(() => Array.from(argmax(noGrad(() => network.forward(images)), 1).data, Number));
  return named.filter((digit, i) => digit === Number(labels.data[i])).length / named.length;
}

/** Collects what happened since the page last heard, and how long it took. */
class Reporter {
  readonly #control: Control;
  readonly #total: number;
  #done = 0;
  #losses: number[] = [];
  #epochs: TrainEpoch[] = [];
  #millis = 0;
  #since = performance.now();

  constructor(control: Control, total: number) {
    this.#control = control;
    this.#total = total;
  }

  get seconds(): number {
    return this.#millis / 1000;
  }

  step(loss: number): void {
    this.#losses.push(loss);
    this.#done++;
  }

  epoch(epoch: TrainEpoch): void {
    this.#epochs.push(epoch);
  }

  isDue(): boolean {
    return performance.now() - this.#since >= MILLIS;
  }

  /** Tells the page, lets messages in, waits while paused; whether to go on. */
  async report(): Promise<boolean> {
    this.#millis += performance.now() - this.#since;
    const left = (this.#millis / this.#done) * (this.#total - this.#done);
    const part: TrainPart = {
      losses: this.#losses, epochs: this.#epochs, done: this.#done, total: this.#total, secondsLeft: this.#done === 0 ? null : left / 1000,
    };
    this.#control.give(part);
    [this.#losses, this.#epochs] = [[], []];
    // Other jobs may draw numbers meanwhile: the order of the images goes on from here.
    const state = getRngState();
    const goesOn = await this.#control.turn();
    setRngState(state);
    state.dispose();
    this.#since = performance.now();
    return goesOn;
  }
}
