// Sentences of different length in one batch: what padding and neighbours do to BatchNorm's statistics and not to LayerNorm's.
// May import evenkeel.

import { BatchNorm1d, BatchNorm2d, cat, Embedding, KeelError, LayerNorm, manualSeed, type Module, noGrad, scope, tensor, type Tensor } from 'evenkeel';
import { arrayOf } from '../files.js';
import { mostMore } from './paddinglimits.js';

export interface PaddingJobs {
  readonly padding: {
    readonly ask: PaddingAsk;
    readonly answer: PaddingAnswer;
    readonly part: never;
  };
  readonly unpadded: {
    /** Images in the batch. */
    readonly ask: { readonly images: number };
    readonly answer: UnpaddedAnswer;
    readonly part: never;
  };
}

export interface PaddingAsk {
  /** Words apart by spaces, sentences by a slash. */
  readonly text: string;
  /** Positions of padding beyond the longest sentence. */
  readonly more: number;
  /** Whether BatchNorm's statistics are of the words alone. */
  readonly isMasked: boolean;
  /** The sentence that is also normalized without the others. */
  readonly sentence: number;
  readonly seed: number;
}

/** How far a word's output moves at most; null where BatchNorm refuses, as it has one value a channel. */
export interface Moved {
  readonly batch: number | null;
  readonly layer: number;
}

/** Per channel, or per token. */
export interface MeansAndVariances {
  readonly means: Float32Array;
  readonly variances: Float32Array;
}

export interface PaddingAnswer {
  readonly sentences: readonly (readonly string[])[];
  /** Positions: the longest sentence and `more`. */
  readonly length: number;
  readonly width: number;
  /** The share of padding among all tokens. */
  readonly share: number;
  /** Sentences × positions × width. Where there is padding and a mask, `batch` is NaN. */
  readonly x: Float32Array;
  readonly batch: Float32Array;
  readonly layer: Float32Array;
  /** BatchNorm's, of each channel: of all tokens, and of the words alone. */
  readonly padded: MeansAndVariances;
  readonly words: MeansAndVariances;
  /** LayerNorm's, of each word and padding: in the batch, and of a sentence alone, where there is padding NaN. */
  readonly inBatch: MeansAndVariances;
  readonly alone: MeansAndVariances;
  /** Against the words without any padding, for 0 to `mostMore` more positions of padding. */
  readonly curve: { readonly batch: readonly number[]; readonly masked: readonly number[]; readonly layer: readonly number[] };
  /** With `more` positions of padding against none: not even up to the longest sentence. */
  readonly padding: Moved;
  /** With `more` positions of padding against as many as the longest sentence needs. */
  readonly morePadding: Moved;
  /** The sentence without the others. */
  readonly noNeighbours: Moved;
  /** The sentence in evaluation, after training on each sentence alone. */
  readonly evaluation: Moved;
}

export interface UnpaddedAnswer {
  /** Elements that share the mean. */
  readonly values: number;
  /** How far a pixel of the first image moves at most, with as many other images beside it. */
  readonly otherNeighbours: number;
  /** And without any other. */
  readonly alone: number;
}

const width = 8;
const most = { sentences: 8, words: 24 } as const;

export function padding(ask: PaddingAsk): PaddingAnswer {
  const sentences = sentencesOf(ask.text);
  return scope(() => noGrad(() => measured(sentences, ask)));
}

/** Images are all of one size: nothing is padded, and many pixels share a mean. */
export async function unpadded({ images }: PaddingJobs['unpadded']['ask']): Promise<UnpaddedAnswer> {
  const all = await arrayOf('digits');
  return scope(() => noGrad(() => {
    const x = all.to('float32').div(16).unsqueeze(1);
    const first = x.slice(0, 0, 1);
    const batch = x.slice(0, 0, images);
    const y = firstOf(batch);
    return {
      values: batch.size,
      otherNeighbours: apart(y, firstOf(cat([first, x.slice(0, images, 2 * images - 1)]))),
      alone: apart(y, firstOf(first)),
    };
  }));
}

/** The first image, normalized in a batch. */
function firstOf(batch: Tensor): Tensor {
  return new BatchNorm2d(1).forward(batch).slice(0, 0, 1);
}

function sentencesOf(text: string): string[][] {
  const sentences = text.split('/').map((sentence) => sentence.split(/\s+/).filter((word) => word !== '')).filter((words) => words.length > 0);
  const longest = Math.max(0, ...sentences.map((words) => words.length));
  if (sentences.length >= 1 && sentences.length <= most.sentences && longest <= most.words) return sentences;
  const given = sentences.length === 0 ? 'no words' : `${sentences.length} sentences, the longest of ${longest} words`;
  const message = `${given}: write 1 to ${most.sentences} sentences of up to ${most.words} words, a slash between them, such as 'land ahead / a calm sea'`;
  throw new KeelError('argument', message, { field: 'text', sentences: sentences.length, longest });
}

/** Sentences × positions × width; the first of each sentence's tokens are words. */
interface Batch {
  readonly x: Tensor;
  readonly lengths: readonly number[];
}

/** Words × width, of all sentences one after another: what a norm makes of the words of a batch. */
type Normalize = (batch: Batch) => Tensor;

/** BatchNorm1d takes the width as channels; padding counts as any token does. */
const batchNorm: Normalize = (batch) => words({ ...batch, x: overBatch(batch.x) });

/** The same layer on the words alone. */
const masked: Normalize = (batch) => new BatchNorm1d(width).forward(words(batch));

const layerNorm: Normalize = (batch) => words({ ...batch, x: new LayerNorm(width).forward(batch.x) });

function overBatch(x: Tensor, layer = new BatchNorm1d(width)): Tensor {
  return layer.forward(x.transpose(1, 2)).transpose(1, 2);
}

function words({ x, lengths }: Batch): Tensor {
  return cat(lengths.map((length, i) => x.slice(0, i, i + 1).slice(1, 0, length).reshape([length, width])));
}

function measured(sentences: readonly (readonly string[])[], ask: PaddingAsk): PaddingAnswer {
  const { more, isMasked } = ask;
  const which = Math.min(ask.sentence, sentences.length - 1);
  const batchOf = embedded(sentences, ask.seed);
  const lengths = sentences.map((sentence) => sentence.length);
  const longest = Math.max(...lengths);
  const [tight, wide] = [batchOf(sentences, longest), batchOf(sentences, longest + more)];
  const each = sentences.map((sentence) => batchOf([sentence], sentence.length));
  const total = wide.x.size / width;
  const ofWords = words(wide);
  const normalize = isMasked ? masked : batchNorm;
  const [unpaddedBatch, unpaddedLayer] = [masked(wide), new LayerNorm(width).forward(ofWords)];
  const widest = batchOf(sentences, longest + mostMore).x;
  const curve = Array.from({ length: mostMore + 1 }, (_, i): Batch => ({ x: widest.slice(1, 0, longest + i), lengths }));
  return {
    sentences,
    length: longest + more,
    width,
    share: 1 - ofWords.size / width / total,
    x: valuesOf(wide.x),
    batch: isMasked ? spread(unpaddedBatch, lengths, longest + more) : valuesOf(overBatch(wide.x)),
    layer: valuesOf(new LayerNorm(width).forward(wide.x)),
    padded: meansAndVariances(wide.x, [0, 1]),
    words: meansAndVariances(ofWords, [0]),
    inBatch: meansAndVariances(wide.x, [2]),
    alone: alone(each, longest + more),
    curve: {
      batch: curve.map((batch) => apart(batchNorm(batch), unpaddedBatch)),
      masked: curve.map((batch) => apart(masked(batch), unpaddedBatch)),
      layer: curve.map((batch) => apart(layerNorm(batch), unpaddedLayer)),
    },
    padding: { batch: apart(normalize(wide), unpaddedBatch), layer: apart(layerNorm(wide), unpaddedLayer) },
    morePadding: moved(normalize, (norm) => [norm(wide), norm(tight)]),
    noNeighbours: moved(normalize, (norm) => {
      const begin = lengths.slice(0, which).reduce((sum, length) => sum + length, 0);
      return [norm(tight).slice(0, begin, begin + (lengths[which] ?? 0)), norm(each[which] ?? tight)];
    }),
    evaluation: {
      batch: unlessTooFew(() => evaluated(each, which, new BatchNorm1d(width, { momentum: null }), overBatch)),
      layer: evaluated(each, which, new LayerNorm(width), (x, layer) => layer.forward(x)),
    },
  };
}

/** Words as vectors, drawn as PyTorch draws an Embedding; padding is 0. */
function embedded(sentences: readonly (readonly string[])[], seed: number): (some: readonly (readonly string[])[], length: number) => Batch {
  const vocabulary = [...new Set(sentences.flat())];
  manualSeed(seed);
  const embedding = new Embedding(vocabulary.length + 1, width, { paddingIdx: 0 });
  return (some, length) => {
    const rows = some.map((sentence) => Array.from({ length }, (_, i) => vocabulary.indexOf(sentence[i] ?? '') + 1));
    return { x: embedding.forward(tensor(rows, { dtype: 'int64' })), lengths: some.map((sentence) => sentence.length) };
  };
}

/** Two results by BatchNorm and by LayerNorm, and how far they are apart. */
function moved(normalize: Normalize, results: (norm: Normalize) => [Tensor, Tensor]): Moved {
  return { batch: unlessTooFew(() => apart(...results(normalize))), layer: apart(...results(layerNorm)) };
}

/** From training on a sentence alone to evaluation, after each sentence has been a batch. */
function evaluated<L extends Module>(each: readonly Batch[], which: number, layer: L, forward: (x: Tensor, layer: L) => Tensor): number {
  const inTraining = each.map(({ x }) => forward(x, layer));
  const [y, x] = [inTraining[which], each[which]?.x];
  return y === undefined || x === undefined ? NaN : apart(forward(x, layer.eval()), y);
}

/** A sentence of one word alone has no variance: PyTorch and evenkeel refuse it. */
function unlessTooFew(measure: () => number): number | null {
  try {
    return measure();
  } catch (error) {
    if (error instanceof KeelError && error.code === 'too_few_values') return null;
    throw error;
  }
}

function apart(a: Tensor, b: Tensor): number {
  return a.sub(b).abs().max().item();
}

function meansAndVariances(x: Tensor, axes: readonly number[]): MeansAndVariances {
  return { means: valuesOf(x.mean([...axes])), variances: valuesOf(x.var([...axes], { unbiased: false })) };
}

/** Of each sentence's tokens, at their places in the batch. */
function alone(each: readonly Batch[], length: number): MeansAndVariances {
  const [means, variances] = [new Float32Array(each.length * length).fill(NaN), new Float32Array(each.length * length).fill(NaN)];
  each.forEach(({ x }, i) => {
    const own = meansAndVariances(x, [2]);
    means.set(own.means, i * length);
    variances.set(own.variances, i * length);
  });
  return { means, variances };
}

/** The words at their places in a batch, NaN where there is padding. */
function spread(rows: Tensor, lengths: readonly number[], length: number): Float32Array {
  const values = valuesOf(rows);
  const all = new Float32Array(lengths.length * length * width).fill(NaN);
  let begin = 0;
  lengths.forEach((own, i) => {
    all.set(values.subarray(begin * width, (begin + own) * width), i * length * width);
    begin += own;
  });
  return all;
}

function valuesOf(x: Tensor): Float32Array {
  return Float32Array.from(x.data, Number);
}
