// One epoch of examples/digits as a call: order, shifts, loss, AdamW and its schedule as there. May import 'evenkeel', 'evenkeel/io',
// contestant, network and row.

import {
  AdamW, crossEntropy, DataLoader, manualSeed, noDecay, noGrad, OneCycleLR, scope, shiftImages, tensor,
} from 'evenkeel';
import { load } from 'evenkeel/io';
import { timeCalls, type Contestant, type Numbers } from './contestant.js';
import { networkOf, on } from './network.js';
import type { Work } from './row.js';

const EPOCHS = 60;
const MAX_LR = 0.008;

/** Every call is the first epoch of the job: from the row's parameters, with the same order and shifts. */
export async function enterEpoch(work: Work, numbers: Numbers, backend: string): Promise<Contestant> {
  const { own, batch, inputs } = work;
  if (typeof own === 'function' || batch === null) throw new Error(`${work.name} has no epochs`);
  const [count = 0] = inputs['x'] ?? [];
  const [pixels, digits] = [await numbersIn('data/digits_images.npy'), await numbersIn('data/digits_labels.npy')];
  const images = on(backend, () => tensor(Float32Array.from(pixels.slice(0, 64 * count), (pixel) => pixel / 16), [count, 1, 8, 8]));
  const labels = on(backend, () => tensor(BigInt64Array.from(digits.slice(0, count), BigInt)));
  const { module, restart, dispose } = on(backend, () => networkOf(work, own.module, numbers));

  const loader = new DataLoader([images, labels], { batchSize: batch, shuffle: true, dropLast: true });
  const optimizer = new AdamW(noDecay(module), { lr: MAX_LR, weightDecay: 0.05 });
  const fresh = optimizer.stateDict();
  const epoch = (): void => {
    manualSeed(0);
    restart();
    optimizer.loadStateDict(fresh);
    const schedule = new OneCycleLR(optimizer, { maxLr: MAX_LR, epochs: EPOCHS, stepsPerEpoch: loader.length, pctStart: 0.15 });
    loader.forEach(([x, y]) => {
      const loss = crossEntropy(module.forward(shiftImages(x, 1)), y, { labelSmoothing: 0.1 });
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      loss.item();
      schedule.step();
    });
  };
  return {
    sample: (calls) => on(backend, () => timeCalls(calls, epoch)),
    probe: async (places) =>
      on(backend, () => {
        epoch();
        return scope(() => {
          const { data } = noGrad(() => module.forward(images));
          return places.map((place) => Number(data[place]));
        });
      }),
    close: () => {
      images.dispose();
      labels.dispose();
      dispose();
    },
  };
}

async function numbersIn(path: string): Promise<number[]> {
  const stored = (await load(path)).get('array');
  if (stored === undefined) throw new Error(`${path} holds no array`);
  return Array.from(stored.data, Number);
}
