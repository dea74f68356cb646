// Images moved at random. May import errors, create, random, ops and tensor.

import { empty } from '../create.js';
import { KeelError, showShape } from '../errors.js';
import { checkCount } from '../nn/check.js';
import { checkBackend } from '../ops/check.js';
import { randint } from '../random.js';
import { scope, type Tensor } from '../tensor.js';

/**
 * Each image moved by −pixels..pixels along height and width, each shift as likely as the others, with zeros coming in
 * at the edges: the plainest augmentation. The channels of an image move together. Draws
 * `randint(-pixels, pixels + 1, [N, 2])`, down and right, from the generator that {@link manualSeed} seeds. Not recorded.
 *
 * @param images (N, C, H, W) or (N, H, W), any dtype
 * @param pixels default 1
 * @returns new images of the same shape and dtype
 * @throws KeelError [rank] for another number of axes; [size] for pixels that are no count.
 * @example
 * const loader = new DataLoader([images, labels], { transform: ([x, y]) => [shiftImages(x, 1), y] });
 */
export function shiftImages(images: Tensor, pixels = 1): Tensor {
  checkBackend('shiftImages', [images]);
  checkCount('pixels', pixels, 0);
  const { shape } = images;
  if (shape.length !== 3 && shape.length !== 4) {
    const message = `shiftImages takes (N, C, H, W) or (N, H, W), got ${shape.length} axes: ${showShape(shape)}`;
    throw new KeelError('rank', message, { shape });
  }
  const count = shape[0] ?? 0;
  const shifts = scope(() => Array.from(randint(-pixels, pixels + 1, [count, 2]).data, Number));
  const y = empty(shape, images.dtype, images);
  shiftInto(y.data, images, shifts);
  return y;
}

/** Writes the elements of each image, moved down and right by its pair of shifts. */
function shiftInto(into: Tensor['data'], { data, shape }: Tensor, shifts: readonly number[]): void {
  const [height = 0, width = 0] = shape.slice(-2);
  const channels = shape.length === 4 ? (shape[1] ?? 0) : 1;
  // Whatever type the elements have, those of both have it.
  const [source, target] = [data as Float32Array, into as Float32Array];
  target.fill(zeroOf(data));
  for (let image = 0; image < shifts.length / 2; image++) {
    const [down, right] = [shifts[2 * image]!, shifts[2 * image + 1]!];
    const columns = width - Math.abs(right);
    if (columns <= 0) continue;
    for (let channel = 0; channel < channels; channel++) {
      const from = (image * channels + channel) * height;
      for (let row = Math.max(0, down); row < Math.min(height, height + down); row++) {
        const start = (from + row - down) * width + Math.max(0, -right);
        target.set(source.subarray(start, start + columns), (from + row) * width + Math.max(0, right));
      }
    }
  }
}

/** What fill() takes as 0; the type of the elements says which it is. */
function zeroOf(data: Tensor['data']): number {
  // A BigInt64Array takes no number.
  return data instanceof BigInt64Array ? (0n as unknown as number) : 0;
}
