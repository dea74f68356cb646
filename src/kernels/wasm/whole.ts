// Depthwise convolutions of images so small that each output has a tap on every input: a matrix product for each channel,
// whose matrix lies in the kernel. May import kernels and machine.

import type { ConvPart, ConvSizes, Extent } from '../kernels.js';
import type { Operands } from './depthwise.js';
import type { Machine } from './machine.js';
import { every, product, turned, type IndexMap, type Side } from './matmul.js';
import { each, volume } from './padding.js';

/** Whether every output meets every input, and so no zeros around the image. */
export function isWhole({ input, output, kernel, stride, padding, dilation }: ConvSizes): boolean {
  // The tap of an output on an input is input - stride * output + padding.
  const isMet = (a: 0 | 1 | 2): boolean =>
    dilation[a] === 1 && padding[a] >= stride[a] * (output[a] - 1) && input[a] + padding[a] <= kernel[a];
  return isMet(0) && isMet(1) && isMet(2);
}

/** One part of such a convolution with as many groups as channels. */
export function whole(machine: Machine, part: ConvPart, sizes: ConvSizes, { a, b, out }: Operands): void {
  const { batch, inChannels: matrices } = sizes;
  const [inputs, outputs] = [volume(sizes.input), volume(sizes.output)];
  // Positions by images.
  const planes = (at: number, plane: number): Side => ({
    at, step: 4 * plane, rows: every(4), columns: every(4 * matrices * plane),
  });
  switch (part) {
    case 'y':
      product(machine, {
        matrices, m: outputs, n: batch, k: inputs, left: tapsOf(sizes, b), right: planes(a, inputs), out: planes(out, outputs),
      });
      return;
    case 'dx':
      product(machine, {
        matrices, m: inputs, n: batch, k: outputs,
        left: turned(tapsOf(sizes, b)), right: planes(a, outputs), out: planes(out, inputs),
      });
      return;
    case 'dw': {
      const pairs = machine.temporary(4 * matrices * outputs * inputs);
      product(machine, {
        matrices, m: outputs, n: inputs, k: batch,
        left: planes(b, outputs), right: turned(planes(a, inputs)),
        out: { at: pairs, step: 4 * outputs * inputs, rows: every(4 * inputs), columns: every(4) },
      });
      sumByTap(machine.f32, sizes, pairs / 4, out / 4);
    }
  }
}

/** The kernel of each channel as a matrix of outputs by inputs. */
function tapsOf({ input, output, kernel, stride, padding }: ConvSizes, at: number): Side {
  const steps: Extent = [kernel[1] * kernel[2], kernel[2], 1];
  const map = (extents: Extent, sign: (a: 0 | 1 | 2) => number): IndexMap => {
    const [depth, height, width] = each((a) => 4 * sign(a) * steps[a]);
    return { extents, steps: [0, depth, height, width] };
  };
  const first = padding[0] * steps[0] + padding[1] * steps[1] + padding[2];
  return { at: at + 4 * first, step: 4 * volume(kernel), rows: map(output, (a) => -stride[a]), columns: map(input, () => 1) };
}

/** The gradient of each tap: the sum over the pairs of an output and an input that it joins. */
function sumByTap(f32: Float32Array, sizes: ConvSizes, pairs: number, out: number): void {
  const { inChannels, input, output, kernel, stride, padding } = sizes;
  const count = volume(kernel);
  const taps = Int32Array.from(positions(output).flatMap((o) => positions(input).map((i) => {
    const [depth, height, width] = each((a) => i[a] - stride[a] * o[a] + padding[a]);
    return (depth * kernel[1] + height) * kernel[2] + width;
  })));
  const sums = new Float64Array(count);
  for (let channel = 0; channel < inChannels; channel++) {
    sums.fill(0);
    const from = pairs + channel * taps.length;
    for (let pair = 0; pair < taps.length; pair++) sums[taps[pair]!] = sums[taps[pair]!]! + f32[from + pair]!;
    f32.set(sums, out + channel * count);
  }
}

function positions([depth, height, width]: Extent): Extent[] {
  return Array.from({ length: depth * height * width }, (_, i): Extent => [
    Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width,
  ]);
}
