// Sentences of different length: padding and neighbours change what BatchNorm makes of a word; LayerNorm sees the word
// alone.

import { BatchNorm1d, Embedding, LayerNorm, manualSeed, noGrad, tensor, type Tensor } from 'evenkeel';

const sentences = [
  'the ship keeps an even keel',
  'a calm sea',
  'the wind turns and the crew takes in the sail before the storm',
  'land ahead',
].map((sentence) => sentence.split(' '));
const vocabulary = [...new Set(sentences.flat())];
const width = 8;

/** Sentences × positions × width, and where there is a word. */
interface Tokens {
  readonly x: Tensor;
  readonly mask: Tensor;
}

export interface Changes {
  /** The share of padding among the tokens. */
  readonly padding: number;
  /** How far a word moves at most with ten more positions of padding. */
  readonly morePadding: number;
  /** How far a word of the first sentence moves at most without the other sentences. */
  readonly noNeighbours: number;
  /** And from there to evaluation, after training on each sentence alone. */
  readonly evaluation: number;
}

export function changes(make: () => (x: Tensor, training: boolean) => Tensor): Changes {
  manualSeed(0);
  const embedding = new Embedding(vocabulary.length + 1, width, { paddingIdx: 0 });
  const tokens = (some: readonly (readonly string[])[], length: number): Tokens => {
    const rows = some.map((words) => [...words.map((word) => vocabulary.indexOf(word) + 1), ...zeros(length - words.length)]);
    const index = tensor(rows, { dtype: 'int64' });
    return { x: noGrad(() => embedding.forward(index)), mask: index.ne(0) };
  };
  const longest = Math.max(...sentences.map((words) => words.length));
  const [all, wider] = [tokens(sentences, longest), tokens(sentences, longest + 10)];
  const each = sentences.map((words) => tokens([words], words.length));
  const first = each[0] ?? all;
  const length = first.mask.size;

  const together = make()(all.x, true);
  const normalize = make();
  const [alone = together] = each.map(({ x }) => normalize(x, true));
  return {
    padding: 1 - all.mask.to('float32').mean().item(),
    morePadding: apart(together, make()(wider.x, true).slice(1, 0, longest), all.mask),
    noNeighbours: apart(together.slice(0, 0, 1).slice(1, 0, length), alone, first.mask),
    evaluation: apart(alone, normalize(first.x, false), first.mask),
  };
}

/** BatchNorm1d takes the width as channels; its running statistics are averages over all batches. */
export function batchNorm(): (x: Tensor, training: boolean) => Tensor {
  const layer = new BatchNorm1d(width, { momentum: null });
  return (x, training) => layer.train(training).forward(x.transpose(1, 2)).transpose(1, 2);
}

export function layerNorm(): (x: Tensor, training: boolean) => Tensor {
  const layer = new LayerNorm(width);
  return (x, training) => layer.train(training).forward(x);
}

function zeros(count: number): number[] {
  return Array.from({ length: count }, () => 0);
}

/** The largest distance between two results where there are words. */
function apart(a: Tensor, b: Tensor, mask: Tensor): number {
  return a.sub(b).abs().mul(mask.unsqueeze(-1).to('float32')).max().item();
}

export function example(): string {
  const [batch, layer] = [changes(batchNorm), changes(layerNorm)];
  const row = (name: Exclude<keyof Changes, 'padding'>, text: string) =>
    `  ${text.padEnd(54)} ${batch[name].toFixed(3).padStart(9)} ${layer[name].toFixed(3).padStart(9)}`;
  return [
    `Four sentences, a word being ${width} numbers; ${Math.round(100 * batch.padding)} % of the batch is padding.`,
    `${'How far a word moves at most, its deviation being 1'.padEnd(56)} BatchNorm LayerNorm`,
    row('morePadding', 'with ten more positions of padding'),
    row('noNeighbours', 'in the first sentence alone'),
    row('evaluation', 'in evaluation, after training on each sentence alone'),
  ].join('\n');
}
