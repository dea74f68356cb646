// BatchNorm's running statistics over a stream of batches that drifts: PyTorch's momentum and Keras's, evaluation with what is
// kept, and a batch of one. May import evenkeel.

import { BatchNorm1d, KeelError, manualSeed, ones, randn, scope, zeros, type Tensor } from 'evenkeel';

export interface RunningJobs {
  readonly running: {
    readonly ask: RunningAsk;
    readonly answer: RunningAnswer;
    readonly part: never;
  };
}

export interface RunningAsk {
  /** Values in a batch; one is refused by the layer itself. */
  readonly size: number;
  readonly batches: number;
  /** Null: the average of all batches. */
  readonly momentum: number | null;
  /** How far the mean moves from the first batch to the last. */
  readonly drift: number;
  readonly seed: number;
  /** Training ends after as many batches. */
  readonly stop: number;
}

/** A running mean and variance after every batch; the first is what a fresh layer has. */
export interface Kept {
  readonly mean: readonly number[];
  readonly variance: readonly number[];
}

export interface RunningAnswer {
  /** What the stream is drawn from, at every batch. */
  readonly trueMean: readonly number[];
  readonly trueVariance: number;
  /** Of the batches themselves; `biased` normalizes them, `unbiased` goes to running_var. */
  readonly batchMean: readonly number[];
  readonly biased: readonly number[];
  readonly unbiased: readonly number[];
  /** momentum as PyTorch reads it: the weight of the new batch. */
  readonly pytorch: Kept;
  /** The same number as Keras and ONNX read it: the weight of what is kept, and the variance biased. Null for the average. */
  readonly keras: Kept | null;
  /** The last batch of the stream by the layer in eval, with what it kept when training ended. */
  readonly stale: { readonly mean: number; readonly deviation: number; readonly error: number };
  /** A batch of one: what training says, and what eval makes of the value. */
  readonly one: { readonly x: number; readonly code: string; readonly message: string; readonly y: number };
}

/** The stream's own deviation: its variance is 4. */
const DEVIATION = 2;

const MOST = { size: 1024, batches: 400 } as const;

export function running(ask: RunningAsk): RunningAnswer {
  for (const name of ['size', 'batches'] as const) {
    const value = ask[name];
    if (Number.isInteger(value) && value >= 1 && value <= MOST[name]) continue;
    throw new KeelError('size', `${name} must be a whole number from 1 to ${MOST[name]}, got ${value}`, { field: name });
  }
  return scope(() => through(ask));
}

function through({ size, batches, momentum, drift, seed, stop }: RunningAsk): RunningAnswer {
  const trueMean = Array.from({ length: batches }, (_, i) => (batches === 1 ? 0 : (drift * i) / (batches - 1)));
  const [pytorch, keras] = [layerKeeper(momentum), momentum === null ? null : averageKeeper(momentum)];
  const [batchMean, biased, unbiased]: [number[], number[], number[]] = [[], [], []];
  let atStop = pytorch.now();
  let last = zeros([0]);
  manualSeed(seed);
  trueMean.forEach((mean, i) => {
    const x = randn([size, 1]).mul(DEVIATION).add(mean);
    pytorch.see(x);
    keras?.see(x);
    batchMean.push(x.mean().item());
    biased.push(x.var(null, { unbiased: false }).item());
    unbiased.push(x.var().item());
    if (i + 1 === stop) atStop = pytorch.now();
    last = x;
  });
  return {
    trueMean,
    trueVariance: DEVIATION ** 2,
    batchMean,
    biased,
    unbiased,
    pytorch: pytorch.kept,
    keras: keras?.kept ?? null,
    stale: staleness(last, atStop),
    one: batchOfOne(atStop),
  };
}

interface Statistics {
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/** What a layer keeps: the statistics now, and their history. */
interface Keeper {
  readonly kept: Kept;
  see(x: Tensor): void;
  now(): Statistics;
}

function keeper(see: (x: Tensor) => void, now: () => Statistics): Keeper {
  const first = now();
  const kept = { mean: [first.mean.item()], variance: [first.variance.item()] };
  return {
    kept,
    now,
    see(x: Tensor): void {
      see(x);
      const { mean, variance } = now();
      kept.mean.push(mean.item());
      kept.variance.push(variance.item());
    },
  };
}

/** BatchNorm1d in training: running ← (1 − momentum) · running + momentum · batch, the variance unbiased. */
function layerKeeper(momentum: number | null): Keeper {
  const layer = new BatchNorm1d(1, { momentum });
  return keeper((x) => void layer.forward(x), () => ({ mean: copyOf(layer.runningMean), variance: copyOf(layer.runningVar) }));
}

function copyOf(buffer: Tensor | null): Tensor {
  if (buffer !== null) return buffer.clone();
  throw new KeelError('no_statistics', 'the layer keeps no statistics', {});
}

/** Keras 3 and ONNX: moving ← momentum · moving + (1 − momentum) · batch, the variance biased. */
function averageKeeper(momentum: number): Keeper {
  let [mean, variance] = [zeros([1]), ones([1])];
  const moved = (old: Tensor, batch: Tensor): Tensor => old.mul(momentum).add(batch.mul(1 - momentum));
  const see = (x: Tensor): void => {
    mean = moved(mean, x.mean(0));
    variance = moved(variance, x.var(0, { unbiased: false }));
  };
  return keeper(see, () => ({ mean, variance }));
}

/** A layer in eval that has these statistics. */
function evaluating({ mean, variance }: Statistics): BatchNorm1d {
  const layer = new BatchNorm1d(1);
  layer.loadStateDict(new Map([['running_mean', mean], ['running_var', variance]]), { strict: false });
  return layer.eval();
}

/** Mean 0 and deviation 1 where the statistics are those of the data; the error is against the batch's own statistics. */
function staleness(x: Tensor, statistics: Statistics): RunningAnswer['stale'] {
  const y = evaluating(statistics).forward(x);
  const own = new BatchNorm1d(1).forward(x);
  return { mean: y.mean().item(), deviation: y.var(null, { unbiased: false }).sqrt().item(), error: y.sub(own).abs().max().item() };
}

function batchOfOne(statistics: Statistics): RunningAnswer['one'] {
  const x = randn([1, 1]).mul(DEVIATION);
  const layer = evaluating(statistics);
  const y = layer.forward(x).item();
  try {
    layer.train().forward(x);
  } catch (error) {
    if (error instanceof KeelError) return { x: x.item(), code: error.code, message: error.message, y };
    throw error;
  }
  throw new KeelError('argument', 'a batch of one was not refused', {});
}
