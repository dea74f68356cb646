// The inputs of the demo: real photos and digits and the worked example, and numbers that both sides can make.
// May import evenkeel.

import { fileURLToPath } from 'node:url';
import { arange, KeelError, tensor, type Tensor } from 'evenkeel';
import { load } from 'evenkeel/io';

/** The folder of the stored data and results, which is part of the package. */
export const dataFolder = fileURLToPath(new URL('../../../data/', import.meta.url));

/** What the inputs are, in the order in which they are shown. */
export const inputTitles = {
  worked: 'the worked example: 2 sentences of 3 tokens of width 4, numbered 0 to 23',
  'digit rows': '1797 handwritten digits, 8 rows of 8 pixels',
  'digit images': 'the digits as images of one channel',
  'digit vectors': 'the digits as 64 numbers each, for the layers that normalize weights',
  photos: '3 photos of 224 × 224 pixels in red, green and blue',
  'photo halves': 'the photos, the upper and lower half of each colour as channels',
  'photo tokens': 'the photos as 196 tokens of 16 × 16 pixels',
} as const;

export type InputName = keyof typeof inputTitles;

/** The inputs as float32, read from the package's data. */
export async function loadInputs(): Promise<Readonly<Record<InputName, Tensor>>> {
  const photos = (await readArray('photos_nchw.npy')).div(255);
  const digits = (await readArray('digits_images.npy')).div(16);
  return {
    worked: arange(24).reshape([2, 3, 4]),
    'digit rows': digits,
    'digit images': digits.unsqueeze(1),
    'digit vectors': digits.flatten(1),
    photos,
    'photo halves': photos.reshape([3, 6, 112, 224]),
    'photo tokens': photos.reshape([3, 3, 14, 16, 14, 16]).permute([0, 2, 4, 1, 3, 5]).reshape([3, 196, 768]),
  };
}

/** ((37·i mod 101) − 50)/64: exact in float32, the same here and in data/generate.py. */
export function wave(shape: readonly number[]): Tensor {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return tensor(Float32Array.from({ length: size }, (_, i) => (((i * 37) % 101) - 50) / 64), shape);
}

async function readArray(name: string): Promise<Tensor> {
  const array = (await load(`${dataFolder}${name}`)).get('array');
  if (array !== undefined) return array.to('float32');
  throw new KeelError('file', `'${name}' holds no array: install evenkeel again`, { name });
}
