// The numbers that a screen works on: made, real, or the reader's own. May import evenkeel.

import { arange, KeelError, manualSeed, randn, scope, tensor, type Tensor } from 'evenkeel';
import { load } from 'evenkeel/io';
import { arrayOf } from '../files.js';
import { parseNested } from '../nested.js';
import { photos } from '../photos.js';
import type { DataName } from './datanames.js';

export interface DataJobs {
  readonly data: {
    readonly ask: DataAsk;
    readonly answer: DataAnswer;
    readonly part: never;
  };
}

export interface DataAsk {
  readonly name: DataName;
  /** For what is made by shape. */
  readonly shape: readonly number[];
  readonly seed: number;
  /** A nested list, or a .npy file, for `own`. */
  readonly text: string;
  readonly file: Blob | null;
}

export interface DataAnswer {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

const MOST_ELEMENTS = 2 ** 20;

export async function data(ask: DataAsk): Promise<DataAnswer> {
  const made = await tensorFor(ask);
  const values = Float32Array.from(made.data, Number);
  const { shape } = made;
  made.dispose();
  return { shape, values };
}

async function tensorFor({ name, shape, seed, text, file }: DataAsk): Promise<Tensor> {
  switch (name) {
    case 'named':
    case 'counting':
      return scope(() => arange(checked(shape)).reshape([...shape]));
    case 'randn':
      checked(shape);
      manualSeed(seed);
      return randn([...shape]);
    case 'photo':
      return photo();
    case 'digits':
      return digits();
    case 'tokens':
      return tokens();
    case 'own':
      return file === null ? fitting(tensor(parseNested(text))) : ownFile(file);
    default:
      return name satisfies never;
  }
}

function checked(shape: readonly number[]): number {
  const size = shape.reduce((product, extent) => product * extent, 1);
  if (size <= MOST_ELEMENTS) return size;
  throw new KeelError('size', `${shape.join(' × ')} has ${size} elements, ${MOST_ELEMENTS} at most here: use the command line`, { size });
}

function fitting(x: Tensor): Tensor {
  checked(x.shape);
  return x;
}

/** 16 × 16 pixels of a cat, as the means of squares of 14: 1 × 3 × 16 × 16. */
async function photo(): Promise<Tensor> {
  const all = await photos(16);
  return scope(() => all.slice(0, 0, 1));
}

/** The first four digits: 4 × 1 × 8 × 8. */
async function digits(): Promise<Tensor> {
  const images = await arrayOf('digits');
  return scope(() => images.to('float32').slice(0, 0, 4).div(16).unsqueeze(1));
}

/** Three sentences of 6, 4 and 2 tokens of width 4, padded with zeros to 6: 3 × 6 × 4. */
function tokens(): Tensor {
  manualSeed(0);
  return scope(() => {
    const lengths = [6, 4, 2];
    const keep = Float32Array.from({ length: 72 }, (_, i) => Number(Math.floor(i / 4) % 6 < (lengths[Math.floor(i / 24)] ?? 0)));
    return randn([3, 6, 4]).mul(tensor(keep, [3, 6, 4]));
  });
}

async function ownFile(file: Blob): Promise<Tensor> {
  const tensors = await load(file);
  const [first] = tensors.values();
  if (first !== undefined && tensors.size === 1) return fitting(first.dtype === 'float32' ? first : first.to('float32'));
  throw new KeelError('file', `the file holds ${tensors.size} arrays: give a .npy file, which holds one`, { names: [...tensors.keys()] });
}
