// y = (x − mean)·scale + shift with one mean, scale and shift for each set and parameter of a chunk.
// May import 'evenkeel'.

import { batchNorm, ones, scope, tensor, type Tensor } from 'evenkeel';
import { epsOf, type Sharing } from './method.js';
import type { SetStatistics } from './merge.js';
import { kept, parametric, shared, volume, type Digit } from './digits.js';
import { setsOf, valueAt, within, type Chunk, type Split } from './split.js';

type Floats = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/** Scales that float32 holds in full, and means that leave room for a difference. */
const [LEAST, MOST] = [2 ** -120, 2 ** 120];

/** Normalizes chunks by the statistics of their whole sets. */
export class Coefficients {
  readonly #split: Split;
  readonly #method: Sharing;
  readonly #sets: SetStatistics;
  readonly #elements: number;
  readonly #weight: Tensor['data'] | null;
  readonly #bias: Tensor['data'] | null;
  #known: { readonly key: string; readonly made: Made } | null = null;

  constructor(split: Split, method: Sharing, sets: SetStatistics) {
    this.#split = split;
    this.#method = method;
    this.#sets = sets;
    this.#elements = volume(shared(split.digits));
    // Copies: a view would be of memory that moves.
    this.#weight = method.weight?.data.slice() ?? null;
    this.#bias = method.bias?.data.slice() ?? null;
  }

  /** The chunk's elements, normalized. */
  apply(chunk: Chunk, x: Tensor): Tensor {
    const made = this.#of(chunk, x.dtype);
    return scope(() => {
      // What float32 cannot hold.
      if (x.dtype === 'float32' && made.isWide) return applied(this.#make(chunk, 'float64'), x.to('float64')).to('float32');
      return applied(made, x);
    });
  }

  /** Chunks of the same sets and parameters have the same coefficients. */
  #of(chunk: Chunk, dtype: Tensor['dtype']): Made {
    const { digits, at } = this.#split;
    const telling = digits.slice(0, at + 1).map((digit, i) => (isTelling(digit) ? valueAt(chunk, i, at) : ''));
    const key = `${telling.join()} ${chunk.count}`;
    if (this.#known?.key !== key) this.#known = { key, made: this.#make(chunk, dtype) };
    return this.#known.made;
  }

  #make(chunk: Chunk, dtype: Tensor['dtype']): Made {
    const { digits, at } = this.#split;
    const inner = within(this.#split, chunk);
    const places = inner.flatMap((digit, i) => (isTelling(digit) && digit.size > 1 ? [i] : []));
    const [from, to] = [places[0] ?? 0, (places.at(-1) ?? -1) + 1];
    const block = inner.slice(from, to);
    const shape: Made['shape'] = [volume(inner.slice(0, from)), volume(block), volume(inner.slice(to))];

    const setStrides = stridesAmong(kept(digits), digits);
    const parameterStrides = stridesAmong(parametric(digits), digits);
    const steps = block.map(({ size }, i) => {
      const place = at + from + i;
      return { size, set: setStrides[place] ?? 0, parameter: parameterStrides[place] ?? 0 };
    });
    const first = {
      set: setsOf(this.#split, chunk).first,
      parameter: parameterStrides.reduce((sum, stride, i) => sum + stride * valueAt(chunk, i, at), 0),
    };
    return this.#fill(shape, first, steps, dtype);
  }

  #fill(shape: Made['shape'], first: Place, steps: readonly (Place & { readonly size: number })[], dtype: Tensor['dtype']): Made {
    const length = shape[1];
    const floats = (): Floats => (dtype === 'float64' ? new Float64Array(length) : new Float32Array(length));
    const [mean, scale, shift] = [floats(), floats(), floats()];
    const eps = epsOf(this.#method, dtype);
    let isWide = false;
    let [set, parameter] = [first.set, first.parameter];
    const values = new Array<number>(steps.length).fill(0);
    for (let i = 0; i < length; i++) {
      const whole = this.#sets.mean[set]!;
      const rounded = dtype === 'float64' ? whole : Math.fround(whole);
      const factor = this.#rstd(set, eps) * Number(this.#weight?.[parameter] ?? 1);
      mean[i] = rounded;
      scale[i] = factor;
      // What rounding took off the mean; an infinite one leaves nothing to tell apart.
      shift[i] = Number(this.#bias?.[parameter] ?? 0) - (whole === rounded ? 0 : (whole - rounded) * factor);
      isWide ||= Math.abs(whole) > MOST || (factor !== 0 && (Math.abs(factor) < LEAST || Math.abs(factor) > MOST));
      // The next place, from the innermost digit.
      for (let j = steps.length - 1; j >= 0; j--) {
        const step = steps[j];
        if (step === undefined) break;
        set += step.set;
        parameter += step.parameter;
        values[j]! += 1;
        if (values[j]! < step.size) break;
        set -= step.set * step.size;
        parameter -= step.parameter * step.size;
        values[j] = 0;
      }
    }
    return { shape, mean, scale, shift, isWide };
  }

  /** What the set is multiplied by: 1/√(variance + eps), or 1/max(‖x‖, eps). */
  #rstd(set: number, eps: number): number {
    const length = this.#sets.length[set] ?? NaN;
    if (Number.isNaN(length)) return NaN;
    if (this.#method.statistics === 'l2') return 1 / Math.max(length, eps);
    const deviation = length / Math.sqrt(this.#elements);
    // Without squares, which overflow; a negative eps is PyTorch's to allow.
    return 1 / (eps < 0 ? Math.sqrt(deviation ** 2 + eps) : Math.hypot(deviation, Math.sqrt(eps)));
  }
}

interface Place {
  readonly set: number;
  readonly parameter: number;
}

/** Coefficients of a tensor seen as `shape`, one of each along its middle axis. */
interface Made {
  readonly shape: readonly [before: number, length: number, behind: number];
  readonly mean: Floats;
  readonly scale: Floats;
  readonly shift: Floats;
  /** Whether one of them is outside of what float32 computes with. */
  readonly isWide: boolean;
}

function applied({ shape, mean, scale, shift }: Made, x: Tensor): Tensor {
  const [length] = [shape[1]];
  // With a variance of 1 and no eps, what is left of batch norm in evaluation is exactly the formula above.
  const variance = ones([length], { dtype: x.dtype });
  const [weight, bias] = [tensor(scale, [length]), tensor(shift, [length])];
  const y = batchNorm(x.reshape(shape), tensor(mean, [length]), variance, { weight, bias, eps: 0 });
  return y.reshape([x.size]);
}

/** Whether elements that differ in this digit have other coefficients. */
function isTelling({ isShared, parameter }: Digit): boolean {
  return !isShared || parameter !== null;
}

/** How far apart neighbours along each of `digits` are among the combinations of `some` of them. */
function stridesAmong(some: readonly Digit[], digits: readonly Digit[]): number[] {
  return digits.map((digit) => {
    const place = some.indexOf(digit);
    return place < 0 ? 0 : volume(some.slice(place + 1));
  });
}
