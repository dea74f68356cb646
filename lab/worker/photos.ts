// The three photographs, as small as a screen draws them. May import evenkeel.

import { scope, type Tensor } from 'evenkeel';
import { arrayOf } from './files.js';

/** Their own height and width. */
const EXTENT = 224;

let whole: Promise<Tensor> | null = null;

/** 3 × 3 × extent × extent, channels first, from 0 to 1: the means of squares of pixels. `extent` divides 224. */
export async function photos(extent: number): Promise<Tensor> {
  whole ??= read();
  const x = await whole;
  const square = EXTENT / extent;
  return scope(() => x.reshape([3, 3, extent, square, extent, square]).mean([3, 5]));
}

async function read(): Promise<Tensor> {
  const array = await arrayOf('photos');
  return scope(() => array.to('float32').div(255));
}
