// BatchNorm's running statistics over a stream of batches that drifts: PyTorch's momentum and Keras's, evaluation with what is
// kept, and a batch of one. May import evenkeel.

import { BatchNorm1d, KeelError, manualSeed, randn, scope, type Tensor } from 'evenkeel';

export interface RunningJobs {
  readonly running: {
    readonly ask: RunningAsk;
    readonly answer: RunningAnswer;
    readonly part: never;
  };
}

export interface RunningAsk {
  /** Values in a batch, at least 2. */
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
  /** The same number as Keras and ONNX read it: the weight of what is kept. Null for the average. */
  readonly keras: Kept | null;
  /** The last batch of the stream by the layer in eval, with what it kept when training ended. */
  readonly stale: { readonly mean: number; readonly deviation: number; readonly error: number };
  /** A batch of one: what training says, and what eval makes of the value. */
  readonly one: { readonly x: number; readonly code: string; readonly message: string; readonly y: number };
}

/** The stream's own deviation: its variance is 4. */
const DEVIATION = 2;

const limits: Readonly<Record<'size' | 'batches', readonly [least: number, most: number]>> = { size: [2, 1024], batches: [2, 400] };

export function running(ask: RunningAsk): RunningAnswer {
  for (const [name, [least, most]] of Object.entries(limits)) {
    const value = name === 'size' ? ask.size : ask.batches;
    if (Number.isInteger(value) && value >= least && value <= most) continue;
    throw new KeelError('size', `${name} must be a whole number from ${least} to ${most}, got ${value}`, { field: name });
  }
  return scope(() => through(ask));
}

function through({ size, batches, momentum, drift, seed, stop }: RunningAsk): RunningAnswer {
  const layer = new BatchNorm1d(1, { momentum });
  // 1 − 0.9 is 0.09999999999999998 in both libraries.
  const other = momentum === null ? null : new BatchNorm1d(1, { momentum: 1 - momentum });
  const trueMean = Array.from({ length: batches }, (_, i) => (drift * i) / (batches - 1));
  const [pytorch, keras] = [keeper(layer), other === null ? null : keeper(other)];
  const [batchMean, biased, unbiased]: [number[], number[], number[]] = [[], [], []];
  let atStop = keptBy(layer);
  let last: Tensor | null = null;
  manualSeed(seed);
  trueMean.forEach((mean, i) => {
    const x = randn([size, 1]).mul(DEVIATION).add(mean);
    batchMean.push(x.mean().item());
    biased.push(x.var(null, { unbiased: false }).item());
    unbiased.push(x.var().item());
    pytorch.see(x);
    keras?.see(x);
    if (i + 1 === stop) atStop = keptBy(layer);
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
    stale: staleness(last ?? randn([size, 1]), atStop),
    one: batchOfOne(atStop),
  };
}

interface Statistics {
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/** Copies of a layer's buffers as they are now. */
function keptBy({ runningMean, runningVar }: BatchNorm1d): Statistics {
  if (runningMean === null || runningVar === null) throw new KeelError('no_statistics', 'the layer keeps no statistics', {});
  return { mean: runningMean.clone(), variance: runningVar.clone() };
}

function keeper(layer: BatchNorm1d) {
  const first = keptBy(layer);
  const kept = { mean: [first.mean.item()], variance: [first.variance.item()] };
  return {
    kept,
    see(x: Tensor): void {
      layer.forward(x);
      const { mean, variance } = keptBy(layer);
      kept.mean.push(mean.item());
      kept.variance.push(variance.item());
    },
  };
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
