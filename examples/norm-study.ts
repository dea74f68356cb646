// Small networks learn the digits with each norm, 32 and 2 images a step: what a batch statistic over few numbers does.
// `npm run example -- norm-study --seeds 3`

import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import {
  BatchNorm1d, BatchNorm2d, GroupNorm, Identity, InstanceNorm2d, LayerNorm, LayerNorm2d, manualSeed, SGD, type Layer,
} from 'evenkeel';
import { save } from 'evenkeel/io';
import { checkpointOption, countOption } from './options.js';
import { loadDigits, type Digits } from './training/data.js';
import { digitsMlp, digitsResNet, type Network } from './training/networks.js';
import { accuracyOf, trainNetwork } from './training/train.js';

export const usage = `npm run example -- norm-study [--seeds N] [--out FILE]
  --seeds   runs of each network, norm and batch (1); 3 are what the ranges of PyTorch's results are made of
  --out     checkpoint of the last ResNet with BatchNorm2d, safetensors (build/norm-study.safetensors)`;

/** One network with one norm at one batch size. */
export interface Setting {
  readonly network: 'resnet' | 'mlp';
  readonly norm: string;
  readonly batch: number;
}

/** What became of it, a number for each seed. */
export interface Outcome extends Setting {
  readonly loss: readonly number[];
  readonly accuracy: readonly number[];
  /** Test accuracy when norms that keep running statistics use those of the test batch instead. */
  readonly withBatchStatistics: readonly number[];
}

type Norms = Readonly<Record<string, (channels: number) => Layer>>;

/** Named as in test/models/norm_study.json, which has PyTorch's results. */
const networks: Readonly<Record<Setting['network'], { readonly epochs: number; readonly norms: Norms }>> = {
  resnet: {
    epochs: 3,
    norms: {
      BatchNorm2d: (channels) => new BatchNorm2d(channels),
      'GroupNorm(4)': (channels) => new GroupNorm(4, channels),
      'InstanceNorm2d(affine)': (channels) => new InstanceNorm2d(channels, { affine: true }),
      LayerNorm2d: (channels) => new LayerNorm2d(channels, { eps: 1e-6 }),
    },
  },
  mlp: {
    epochs: 6,
    norms: {
      BatchNorm1d: (width) => new BatchNorm1d(width),
      'GroupNorm(4)': (width) => new GroupNorm(4, width),
      LayerNorm: (width) => new LayerNorm(width),
      none: () => new Identity(),
    },
  },
};

export const settings: readonly Setting[] = (['resnet', 'mlp'] as const).flatMap((network) =>
  [32, 2].flatMap((batch) => Object.keys(networks[network].norms).map((norm) => ({ network, norm, batch }))),
);

export async function example(args: readonly string[] = []): Promise<string> {
  const { values } = parseArgs({
    args: [...args],
    options: { seeds: { type: 'string', default: '1' }, out: { type: 'string', default: 'build/norm-study.safetensors' } },
  });
  const seeds = Array.from({ length: countOption('--seeds', values.seeds, { from: 1 }) }, (_, seed) => seed);
  const out = checkpointOption('--out', values.out);
  const digits = await loadDigits();
  const outcomes: Outcome[] = [];
  let last: Network | null = null;
  for (const [i, setting] of settings.entries()) {
    const runs = seeds.map((seed) => run(setting, seed, digits, `${i + 1}/${settings.length} ${setting.norm}, batch ${setting.batch}`));
    if (setting.norm === 'BatchNorm2d') last = runs.at(-1)?.network ?? null;
    outcomes.push({
      ...setting,
      loss: runs.map(({ loss }) => loss),
      accuracy: runs.map(({ accuracy }) => accuracy),
      withBatchStatistics: runs.map(({ withBatchStatistics }) => withBatchStatistics),
    });
  }
  if (last !== null) await save(out, last.stateDict());
  return [...table(outcomes, await references()), '', ...conclusions(outcomes), '', `saved as ${out}`].join('\n');
}

/** SGD with momentum and a constant rate that is proportional to the batch. */
export function run(
  { network: kind, norm, batch }: Setting,
  seed: number,
  digits: { readonly train: Digits; readonly test: Digits },
  label?: string,
) {
  const { epochs, norms } = networks[kind];
  const make = norms[norm];
  if (make === undefined) throw new Error(`${kind} has no norm '${norm}'`);
  manualSeed(seed);
  const network: Network = kind === 'resnet' ? digitsResNet(make) : digitsMlp(make);
  const { train, test } = kind === 'resnet' ? digits : { train: asVectors(digits.train), test: asVectors(digits.test) };
  const optimizer = new SGD(network.parameters(), { lr: (0.05 * batch) / 32, momentum: 0.9, weightDecay: 5e-4 });
  const history = trainNetwork(network, { train, test, batch, epochs, optimizer, ...(label === undefined ? {} : { label }) });
  const { loss = NaN, accuracy = NaN } = history.at(-1) ?? {};
  return { network, history, loss, accuracy, withBatchStatistics: accuracyOf(network.train(), test) };
}

function asVectors({ images, labels }: Digits): Digits {
  return { images: images.flatten(1), labels };
}

/** What PyTorch reached with three seeds, in shares of the test images. */
interface Reference {
  readonly norm: string;
  readonly batch: number;
  readonly test_mean: number;
  readonly test_min: number;
  readonly test_max: number;
}

async function references(): Promise<ReadonlyMap<string, Reference>> {
  const text = await readFile('test/models/norm_study.json', 'utf8');
  // The file is one of our own, of this form.
  const json = JSON.parse(text) as Readonly<Record<Setting['network'], { readonly summary_last_epoch: readonly Reference[] }>>;
  const rows = (['resnet', 'mlp'] as const).flatMap((network) =>
    json[network].summary_last_epoch.map((row) => [nameOf({ ...row, network }), row] as const),
  );
  return new Map(rows);
}

function nameOf({ network, norm, batch }: Setting): string {
  return `${network} ${norm} ${batch}`;
}

function table(outcomes: readonly Outcome[], known: ReadonlyMap<string, Reference>): string[] {
  const rows = outcomes.map((outcome) => {
    const { network, norm, batch, loss, accuracy, withBatchStatistics } = outcome;
    const torch = known.get(nameOf(outcome));
    return [
      network.padEnd(7), norm.padEnd(22), String(batch).padStart(5), mean(loss).toFixed(3).padStart(7),
      percent(mean(accuracy)).padStart(6), range(Math.min(...accuracy), Math.max(...accuracy)), bar(mean(accuracy)),
      torch === undefined ? ''.padEnd(18) : `${percent(torch.test_mean).padStart(6)} ${range(torch.test_min, torch.test_max)}`,
      norm.startsWith('BatchNorm') ? percent(mean(withBatchStatistics)).padStart(6) : '',
    ].join(' ').trimEnd();
  });
  return [
    `${''.padEnd(36)} training  test accuracy, %${''.padEnd(22)} PyTorch's          with the test`,
    `network norm                   batch    loss   mean range       ${''.padEnd(20)}   mean range       batch's own statistics`,
    ...rows,
  ];
}

function range(low: number, high: number): string {
  return `${percent(low)}–${percent(high)}`.padEnd(11);
}

/** What the table shows, each sentence with its numbers. */
export function conclusions(outcomes: readonly Outcome[]): string[] {
  const of = (norm: string, batch: number): Outcome | undefined => outcomes.find((each) => each.norm === norm && each.batch === batch);
  const shown = (norm: string) => [32, 2].map((batch) => percent(mean(of(norm, batch)?.accuracy ?? [NaN]))).join(' to ');
  const vectors = mean(of('BatchNorm1d', 2)?.accuracy ?? [NaN]);
  const images = mean(of('BatchNorm2d', 2)?.accuracy ?? [NaN]);
  return [
    `At batch 2 BatchNorm1d ${vectors < 0.75 ? 'collapses' : 'does not collapse'}: ${shown('BatchNorm1d')}. Each mean is over two numbers, and normalized they are ±1.`,
    `BatchNorm2d ${images < 0.75 ? 'collapses too' : 'does not'}: ${shown('BatchNorm2d')}. Two images of 8×8 positions fill each statistic with 128 numbers.`,
    `LayerNorm does not depend on the batch: ${shown('LayerNorm')}; nor do GroupNorm (${shown('GroupNorm(4)')}) and InstanceNorm2d (${shown('InstanceNorm2d(affine)')}).`,
  ];
}

function bar(share: number): string {
  return '█'.repeat(Math.round(20 * share)).padEnd(20, '·');
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}`;
}
