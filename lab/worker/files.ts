// Arrays among the page's own files. May import evenkeel.

import { KeelError, type Tensor } from 'evenkeel';
import { load } from 'evenkeel/io';

const urls = {
  digits: new URL('../../data/digits_images.npy', import.meta.url),
  labels: new URL('../../data/digits_labels.npy', import.meta.url),
  photos: new URL('../../data/photos_nchw.npy', import.meta.url),
};

/** As it is stored. */
export async function arrayOf(name: keyof typeof urls): Promise<Tensor> {
  const url = urls[name];
  const array = (await load(url)).get('array');
  if (array !== undefined) return array;
  throw new KeelError('file', `'${url.href}' holds no array`, { url: url.href });
}
