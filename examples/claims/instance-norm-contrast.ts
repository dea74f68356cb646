// InstanceNorm removes an image's contrast and brightness, which is why style transfer uses it. Run from the project's
// folder.

import { BatchNorm2d, cat, InstanceNorm2d, type Tensor } from 'evenkeel';
import { load } from 'evenkeel/io';

export interface Contrast {
  /** Deviation of the red channel in the photo, and in the photo with a quarter of the contrast, brighter by a half. */
  readonly input: readonly [photo: number, pale: number];
  readonly instanceNorm: readonly [photo: number, pale: number];
  readonly batchNorm: readonly [photo: number, pale: number];
  /** Between InstanceNorm of the two, over all pixels. */
  readonly largestDifference: number;
}

export async function contrasts(): Promise<Contrast> {
  const photos = (await load('data/photos_nchw.npy')).get('array');
  if (photos === undefined) throw new Error('the file holds no array');
  const photo = photos.slice(0, 0, 1).to('float32').div(255);
  const pale = photo.mul(0.25).add(0.5);
  const batch = cat([photo, pale]);
  const instances = new InstanceNorm2d(3).forward(batch);
  const [first, second] = instances.split(1);
  if (first === undefined || second === undefined) throw new Error('the batch has two images');
  return {
    input: red(batch),
    instanceNorm: red(instances),
    batchNorm: red(new BatchNorm2d(3).forward(batch)),
    largestDifference: first.sub(second).abs().max().item(),
  };
}

function red(batch: Tensor): readonly [number, number] {
  const [photo = NaN, pale = NaN] = batch.var([2, 3], { unbiased: false }).sqrt().select(1, 0).data;
  return [Number(photo), Number(pale)];
}

export async function example(): Promise<string> {
  const { input, instanceNorm, batchNorm, largestDifference } = await contrasts();
  return [
    "InstanceNorm removes an image's contrast.",
    'A photo, and the same photo with a quarter of the contrast; deviation of the red channel:',
    `  before             ${show(input)}`,
    `  after InstanceNorm ${show(instanceNorm)}; the two images differ by ${largestDifference.toPrecision(2)} at most`,
    `  after BatchNorm    ${show(batchNorm)}`,
  ].join('\n');
}

function show([photo, pale]: readonly [number, number]): string {
  return `${photo.toFixed(3)} and ${pale.toFixed(3)}`;
}
