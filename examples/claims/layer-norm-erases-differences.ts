// LayerNorm erases how far the features of a sample lie apart: its stated drawback. Run from the project's folder.

import { LayerNorm, type Tensor } from 'evenkeel';
import { load } from 'evenkeel/io';

/** Of a digit, and of the same digit drawn ten times fainter. */
export interface Spreads {
  /** Deviation of the 64 features before. */
  readonly before: readonly [plain: number, faint: number];
  readonly after: readonly [plain: number, faint: number];
  /** Between the two results. */
  readonly largestDifference: number;
}

export async function spreads(): Promise<Spreads> {
  const digits = (await load('data/digits_images.npy')).get('array');
  if (digits === undefined) throw new Error('the file holds no array');
  const plain = digits.select(0, 0).to('float32').div(16).flatten(0);
  const faint = plain.div(10);
  const layer = new LayerNorm(64);
  const [y, z] = [layer.forward(plain), layer.forward(faint)];
  return {
    before: [deviation(plain), deviation(faint)],
    after: [deviation(y), deviation(z)],
    largestDifference: y.sub(z).abs().max().item(),
  };
}

function deviation(x: Tensor): number {
  return x.var(null, { unbiased: false }).sqrt().item();
}

export async function example(): Promise<string> {
  const { before, after, largestDifference } = await spreads();
  return [
    'LayerNorm erases how far the features of one sample lie apart.',
    'A digit, and the same digit drawn ten times fainter; deviation of their 64 features:',
    `  before          ${show(before)}`,
    `  after LayerNorm ${show(after)}; the two differ by ${largestDifference.toPrecision(2)} at most`,
  ].join('\n');
}

function show([plain, faint]: readonly [number, number]): string {
  return `${plain.toFixed(3)} and ${faint.toFixed(3)}`;
}
