// The handwritten digits as images to train and to test on. Run from the project's folder. May import 'evenkeel' and 'evenkeel/io'.

import { keep, scope, type Tensor } from 'evenkeel';
import { load } from 'evenkeel/io';

/** Images (N, 1, 8, 8) with pixels from 0 to 1, and their labels (N), int64. */
export interface Digits {
  readonly images: Tensor;
  readonly labels: Tensor;
}

/** Rows that train; the others test. */
const TRAINING = 1437;

/** The digits in the file's own order: the first 1437 train, the other 360 test. */
export async function loadDigits(): Promise<{ readonly train: Digits; readonly test: Digits }> {
  const images = await array('data/digits_images.npy');
  const labels = await array('data/digits_labels.npy');
  const pixels = scope(() => images.to('float32').div(16).unsqueeze(1));
  const part = (start: number, end?: number): Digits => ({
    images: keep(pixels.slice(0, start, end)),
    labels: keep(labels.slice(0, start, end)),
  });
  return { train: part(0, TRAINING), test: part(TRAINING) };
}

async function array(path: string): Promise<Tensor> {
  const found = (await load(path)).get('array');
  if (found === undefined) throw new Error(`${path} holds no array`);
  return found;
}
