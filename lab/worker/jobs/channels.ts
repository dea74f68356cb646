// Channels first or last: what moves, what is averaged, what goes wrong, and what an error means. May import evenkeel.

import {
  BatchNorm1d, explain, explainError, groupNorm, KeelError, layerNorm, LayerNorm, LayerNorm2d, manualSeed, memory, norm, randn, scope,
  type ErrorExplanation, type ExplainData, type Tensor,
} from 'evenkeel';
import { ConvNeXtBlock } from 'evenkeel/nn';
import { photos } from '../photos.js';
import { subjectOf } from '../subject.js';
import type { LayoutName } from './layoutnames.js';

export interface ChannelsJobs {
  readonly layouts: {
    readonly ask: { readonly layout: LayoutName };
    readonly answer: LayoutsAnswer;
    readonly part: never;
  };
  readonly averages: {
    readonly ask: { readonly layer: string; readonly shape: readonly number[] };
    readonly answer: AveragesAnswer;
    readonly part: never;
  };
  readonly mistakes: {
    readonly ask: Readonly<Record<string, never>>;
    readonly answer: MistakesAnswer;
    readonly part: never;
  };
  readonly explained: {
    readonly ask: { readonly text: string };
    readonly answer: ErrorExplanation;
    readonly part: never;
  };
}

/** A way to normalize each pixel of a photograph over its channels. */
export interface Route {
  /** As it is written here. */
  readonly code: string;
  readonly data: ExplainData;
  /** Bytes that permutes copy. */
  readonly copied: number;
}

export interface LayoutsAnswer {
  readonly shape: readonly number[];
  /** As pictures are drawn: channels first. */
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly inPlace: Route;
  readonly permuted: Route;
  readonly difference: number;
}

export interface AveragesAnswer {
  readonly data: ExplainData;
  /** Of each axis: whether all of it is averaged, parts of it, or nothing. */
  readonly axes: readonly ('all' | 'parts' | 'none')[];
  /** What may have been meant; empty where there are no channels and positions. */
  readonly meant: readonly Meant[];
}

export interface Meant {
  readonly key: 'pixel' | 'sample';
  readonly data: ExplainData;
  /** To what was written, on randn of seed 0; null where that would be much to compute. */
  readonly difference: number | null;
}

export interface MistakesAnswer {
  readonly weight: {
    readonly shape: readonly number[];
    readonly explanation: ErrorExplanation;
    /** Between the two mends. */
    readonly difference: number;
  };
  readonly batch: {
    readonly shape: readonly number[];
    readonly explanation: ErrorExplanation;
    /** Made for as many channels as there are positions: runs. */
    readonly silent: ExplainData;
    readonly mended: ExplainData;
    /** Between the transposed layer and the pattern in place. */
    readonly difference: number;
  };
  readonly convnext: { readonly block: ExplainData; readonly sample: ExplainData };
}

/** The first photograph by two routes. */
export async function layouts({ layout }: ChannelsJobs['layouts']['ask']): Promise<LayoutsAnswer> {
  const all = await photos(224);
  return scope(() => {
    const first = all.slice(0, 0, 1);
    const isFirst = layout === 'first';
    const x = isFirst ? first : first.permute(TO_LAST);
    const [pixels, last] = [new LayerNorm2d(3, { eps: 1e-5 }), new LayerNorm(3)];
    const [own, other, there, back] = isFirst ? [pixels, last, TO_LAST, TO_FIRST] : [last, pixels, TO_FIRST, TO_LAST];
    const y = own.forward(x);
    const direct = explain(own, x.shape).data;
    const turned = x.permute(there);
    const around = other.forward(turned).permute(back);
    const answer = {
      shape: first.shape,
      x: plain(first),
      y: plain(isFirst ? y : y.permute(TO_FIRST)),
      inPlace: {
        code: isFirst ? 'new LayerNorm2d(3).forward(x)' : 'new LayerNorm(3).forward(x)',
        data: direct,
        // Only a plan that lies in no memory order is copied first.
        copied: direct.path === 'permuted' ? 2 * bytesOf(() => own.forward(x)) : 0,
      },
      permuted: {
        code: `${isFirst ? 'new LayerNorm(3)' : 'new LayerNorm2d(3)'}.forward(x.permute([${there.join(', ')}])).permute([${back.join(', ')}])`,
        data: explain(other, turned.shape).data,
        copied: bytesOf(() => x.permute(there)) + bytesOf(() => turned.permute(back)),
      },
      difference: apart(y, around),
    };
    all.dispose();
    return answer;
  });
}

export function averages({ layer, shape }: ChannelsJobs['averages']['ask']): AveragesAnswer {
  const subject = subjectOf({ text: layer, sizes: '' });
  const { data } = subject.explain(shape);
  const axes = shape.map((extent, axis) => {
    const statistics = data.statisticShape[axis] ?? 1;
    return statistics === extent ? 'none' as const : statistics === 1 ? 'all' as const : 'parts' as const;
  });
  const [, channels = 0] = shape;
  if (shape.length !== 4 || channels < 1) return { data, axes, meant: [] };
  const size = shape.reduce((product, extent) => product * extent, 1);
  return scope(() => {
    manualSeed(0);
    const x = size <= MOST_COMPUTED ? randn([...shape]) : null;
    const y = x === null ? null : subject.forward(x);
    const layers = [['pixel', new LayerNorm2d(channels)], ['sample', new LayerNorm(shape.slice(1))]] as const;
    return {
      data,
      axes,
      meant: layers.map(([key, made]) => ({
        key, data: explain(made, shape).data, difference: x === null || y === null ? null : apart(y, made.forward(x)),
      })),
    };
  });
}

export function mistakes(): MistakesAnswer {
  return scope(() => ({ weight: weightMistake(), batch: batchMistake(), convnext: convnextAxes() }));
}

export function explained({ text }: ChannelsJobs['explained']['ask']): ErrorExplanation {
  return explainError(text);
}

const TO_LAST = [0, 2, 3, 1];
const TO_FIRST = [0, 3, 1, 2];

/** More is explained, and not computed. */
const MOST_COMPUTED = 2 ** 20;

/** `F.layer_norm(x, x.shape[1:], self.weight, self.bias)` where the weight has a value for each channel. */
function weightMistake(): MistakesAnswer['weight'] {
  const shape = [2, 96, 8, 8];
  const sample = shape.slice(1);
  manualSeed(0);
  const [x, weight, bias] = [randn(shape), randn([96]), randn([96])];
  const error = raisedBy(() => layerNorm(x, sample, { weight, bias }));
  const whole = (parameter: Tensor) => parameter.reshape([96, 1, 1]).expand(sample);
  const repeated = layerNorm(x, sample, { weight: whole(weight), bias: whole(bias) });
  return { shape, explanation: explainError(error), difference: apart(groupNorm(x, 1, { weight, bias }), repeated) };
}

/** BatchNorm1d on (N, L, C), which it takes for (N, C, L). */
function batchMistake(): MistakesAnswer['batch'] {
  const shape = [8, 16, 32];
  manualSeed(0);
  const x = randn(shape);
  const error = raisedBy(() => new BatchNorm1d(32).forward(x));
  const moved = new BatchNorm1d(32).forward(x.permute([0, 2, 1])).permute([0, 2, 1]);
  const inPlace = norm(x, '[b l] c');
  return {
    shape,
    explanation: explainError(error),
    silent: explain(new BatchNorm1d(16), shape).data,
    mended: explain('[b l] c', shape).data,
    difference: apart(moved, inPlace),
  };
}

/** ConvNeXt-T's first stage. */
function convnextAxes(): MistakesAnswer['convnext'] {
  const shape = [1, 96, 56, 56];
  const { norm: own } = new ConvNeXtBlock(96);
  if (!(own instanceof LayerNorm2d)) throw new Error('the block has another norm');
  return { block: explain(own, shape).data, sample: explain(new LayerNorm(shape.slice(1)), shape).data };
}

/** What a call is refused with. */
function raisedBy(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof KeelError) return error.message;
    throw error;
  }
  throw new Error('the call that should fail went through');
}

function bytesOf(make: () => Tensor): number {
  const before = memory().bytes;
  const made = make();
  const bytes = memory().bytes - before;
  made.dispose();
  return bytes;
}

function apart(a: Tensor, b: Tensor): number {
  return scope(() => a.sub(b).abs().max().item());
}

function plain(x: Tensor): Float32Array {
  return Float32Array.from(x.data, Number);
}
