// Normalizes a tensor of any size, chunk by chunk: in one sweep where no set crosses chunks, else in two.
// May import 'evenkeel' and, of 'evenkeel/io', types.

import { batchNorm, KeelError, norm, scope, tensor, type Tensor } from 'evenkeel';
import type { Format } from 'evenkeel/io';
import { ahead } from './ahead.js';
import { Coefficients } from './coefficients.js';
import { digitsOf, kept, parametric, patternOf, shared, volume, type Order } from './digits.js';
import { FirstSets, type SetRow } from './firstsets.js';
import { epsOf, type Method, type Sharing } from './method.js';
import { SetStatistics } from './merge.js';
import { partFor } from './parameters.js';
import { chunksOf, splitOf, within, type Chunk, type Split } from './split.js';
import { windowed, windowSplit } from './windows.js';

/** What is known of an array before it is read. */
export interface Described {
  readonly shape: readonly number[];
  readonly format: Format;
  readonly order: Order;
}

/** Elements that lie in a file, or come from a stream. */
export interface Source extends Described {
  /** Elements [begin, end) in the order of memory. */
  range(begin: number, end: number): Promise<Tensor>;
}

export interface SweepOptions {
  /** Elements that a chunk may hold; by default as many as take 8 MiB. */
  readonly most?: number;
  /** Told how many elements are done, of all sweeps together. */
  readonly progress?: (done: number, total: number) => void;
}

/** A normalization that is about to run. */
export interface Sweep {
  /** What is computed in, and comes out. */
  readonly dtype: 'float32' | 'float64';
  readonly sweeps: 1 | 2;
  /** The normalized elements in the order of memory, as tensors of rank 1, each good until the next is asked for. */
  chunks(): AsyncGenerator<Tensor>;
  /** The first sets; reads what it needs where `chunks` did not run before. */
  table(): Promise<SetRow[]>;
}

/** Bytes of a chunk: enough to be fast, and so few that some of them are nothing. */
const CHUNK_BYTES = 2 ** 23;
/** Sets whose statistics take 128 MiB. */
const MOST_SETS = 2 ** 23;

/**
 * Plans the sweeps; nothing is read yet.
 *
 * @throws KeelError [memory] where statistics, or a sample of local response norm, are too large; as `explain`.
 */
export function sweepOf(source: Source, given: Method, { most, progress = () => {} }: SweepOptions = {}): Sweep {
  const plan = planOf(source, given, most);
  const first = new FirstSets(plan.split);
  let isSeen = false;
  const total = plan.sweeps * source.shape.reduce((product, extent) => product * extent, 1);
  let done = 0;

  /** The chunks that `isWanted`, read while the one before is used. */
  async function* read(isWanted: (chunk: Chunk) => boolean): AsyncGenerator<Read> {
    const chunks = async function* () {
      for (const chunk of chunksOf(plan.split)) {
        if (isWanted(chunk)) yield { chunk, x: floats(await source.range(chunk.begin, chunk.end)) };
      }
    };
    for await (const each of ahead(chunks())) {
      yield each;
      done += each.chunk.end - each.chunk.begin;
      if (done < total) progress(done, total);
    }
  }

  async function* sweep(isWanted: (chunk: Chunk) => boolean): AsyncGenerator<Tensor> {
    try {
      const statistics = plan.statistics();
      if (statistics !== null) {
        for await (const { chunk, x } of read(isWanted)) {
          scope(() => statistics.add(plan.split, chunk, x));
          x.dispose();
        }
      }
      first.know(plan.isMoments ? statistics : null);
      const normalize = plan.normalizer(statistics);
      for await (const { chunk, x } of read(isWanted)) {
        const y = normalize(chunk, x);
        scope(() => first.add(plan.split, chunk, x, y));
        x.dispose();
        yield y;
      }
      isSeen = true;
    } finally {
      // Also where no more is wanted: nothing is left to wait for.
      progress(total, total);
    }
  }

  return {
    dtype: plan.dtype,
    sweeps: plan.sweeps,
    chunks: async function* () {
      for await (const y of ahead(sweep(() => true))) {
        yield y;
        y.dispose();
      }
    },
    table: async () => {
      if (!isSeen) for await (const y of sweep((chunk) => first.isIn(chunk))) y.dispose();
      return first.rows();
    },
  };
}

/**
 * How often the elements are read.
 *
 * @throws KeelError as {@link sweepOf}.
 */
export function sweepsOf(described: Described, method: Method): 1 | 2 {
  return planOf(described, method).sweeps;
}

/** The parameters as the elements are computed. */
function inDtype(method: Method, dtype: Tensor['dtype']): Method {
  if (method.kind === 'windows') return method;
  const convert = (parameter: Tensor) => (parameter.dtype === dtype ? parameter : parameter.to(dtype));
  const { weight, bias, running } = method;
  return {
    ...method,
    weight: weight && convert(weight),
    bias: bias && convert(bias),
    running: running && { mean: convert(running.mean), variance: convert(running.variance) },
  };
}

interface Read {
  readonly chunk: Chunk;
  readonly x: Tensor;
}

interface Plan {
  readonly dtype: 'float32' | 'float64';
  readonly split: Split;
  readonly sweeps: 1 | 2;
  /** Whether what is gathered are means and deviations, as the table shows them. */
  readonly isMoments: boolean;
  /** What a first sweep gathers; null where none is needed. */
  readonly statistics: () => SetStatistics | null;
  readonly normalizer: (statistics: SetStatistics | null) => (chunk: Chunk, x: Tensor) => Tensor;
}

function planOf({ shape, format, order }: Described, given: Method, most?: number): Plan {
  const dtype = format === 'F64' ? 'float64' : 'float32';
  // Integers come as eight bytes each, whatever they are in the file.
  const width = ['F32', 'F16', 'BF16', 'BOOL'].includes(format) ? 4 : 8;
  const limit = most ?? CHUNK_BYTES / width;
  const method = inDtype(given, dtype);
  if (method.kind === 'sharing') return { dtype, ...planSharing(shape, order, method, limit, dtype) };
  const split = windowSplit(shape, order, limit);
  const normalize = (_: Chunk, x: Tensor): Tensor => windowed(x, shape, order, method.size);
  return { dtype, split, sweeps: 1, isMoments: false, statistics: () => null, normalizer: () => normalize };
}

function planSharing(shape: readonly number[], order: Order, method: Sharing, most: number, dtype: Tensor['dtype']): Omit<Plan, 'dtype'> {
  const { digits, parameterShape } = digitsOf(method.pattern, shape, method.sizes, order);
  const split = splitOf(digits, most);
  const crosses = split.crosses && method.running === null;
  const sets = volume(kept(digits));
  if (crosses && sets > MOST_SETS) throw tooManySets(sets, shape);
  return {
    split,
    sweeps: crosses ? 2 : 1,
    isMoments: method.statistics === 'moments',
    statistics: () => (crosses ? new SetStatistics(digits, method.statistics, epsOf(method, dtype)) : null),
    normalizer: (statistics) => {
      if (statistics === null) return (chunk, x) => ofOneSweep(split, chunk, method, parameterShape !== null, x);
      const coefficients = new Coefficients(split, method, statistics);
      return (chunk, x) => coefficients.apply(chunk, x);
    },
  };
}

function tooManySets(sets: number, shape: readonly number[]): KeelError {
  const message =
    `${sets} sets share statistics across an array that does not fit memory, ${MOST_SETS} at most: ` +
    'split the array along the axes that are kept, or write it with the shared axes last';
  return new KeelError('memory', message, { sets, limit: MOST_SETS, shape });
}

/** A chunk that holds all of its sets, or whose statistics are given. */
function ofOneSweep(
  split: Split,
  chunk: Chunk,
  { statistics, eps, weight, bias, running }: Sharing,
  hasParameters: boolean,
  x: Tensor,
): Tensor {
  const digits = within(split, chunk);
  return scope(() => {
    const parameters = { weight: partFor(split, chunk, weight), bias: partFor(split, chunk, bias) };
    if (running === null) {
      // With its comma, also where no parameters are given: what the layer computes, bit for bit.
      const pattern = patternOf(digits, hasParameters);
      const settings = { ...parameters, statistics, eps };
      return norm(x.reshape(digits.map(({ size }) => size)), pattern, settings).reshape([x.size]);
    }
    // The channels between what lies outside and inside of them, as batch norm has them.
    const [channel] = parametric(digits);
    const at = channel === undefined ? digits.length : digits.indexOf(channel);
    const channels = channel?.size ?? 1;
    const seen = x.reshape([volume(digits.slice(0, at)), channels, volume(digits.slice(at + 1))]);
    const vector = (values: Tensor | null) => values?.reshape([channels]) ?? null;
    const options = { weight: vector(parameters.weight), bias: vector(parameters.bias), ...(eps !== null && { eps }) };
    const [mean, variance] = [running.mean, running.variance].map((values) => vector(partFor(split, chunk, values)));
    return batchNorm(seen, mean ?? null, variance ?? null, options).reshape([x.size]);
  });
}

/** Integers and bools as float32. */
function floats(x: Tensor): Tensor {
  if (x.dtype === 'float32' || x.dtype === 'float64') return x;
  // From the data, which is faster than from tensor to tensor.
  const converted = tensor(x.data, x.shape, { dtype: 'float32' });
  x.dispose();
  return converted;
}

/** Sets and the elements of each, as reports say it. */
export function setsOf({ pattern, sizes }: Sharing, shape: readonly number[]): { readonly count: number; readonly elements: number } {
  const { digits } = digitsOf(pattern, shape, sizes, 'C');
  return { count: volume(kept(digits)), elements: volume(shared(digits)) };
}
