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
  const steps = stepsOf(kernel);
  return {
    at: at + 4 * offsetOf(steps, padding), step: 4 * volume(kernel),
    rows: mapOf(output, each((a) => -stride[a] * steps[a])), columns: mapOf(input, steps),
  };
}

function mapOf(extents: Extent, [depth, height, width]: Extent): IndexMap {
  return { extents, steps: [0, 4 * depth, 4 * height, 4 * width] };
}

/** The gradient of each tap: the sum over the pairs of an output and an input that it joins. */
function sumByTap(f32: Float32Array, sizes: ConvSizes, pairs: number, out: number): void {
  const { inChannels, input, output, kernel, stride, padding } = sizes;
  const steps = stepsOf(kernel);
  const first = offsetOf(steps, padding);
  const starts = offsets(output, each((a) => -stride[a] * steps[a]));
  const ends = offsets(input, steps);
  const sums = new Float64Array(volume(kernel));
  let pair = pairs;
  for (let channel = 0; channel < inChannels; channel++) {
    sums.fill(0);
    for (let o = 0; o < starts.length; o++) {
      const start = first + starts[o]!;
      for (let i = 0; i < ends.length; i++) {
        const tap = start + ends[i]!;
        sums[tap] = sums[tap]! + f32[pair++]!;
      }
    }
    f32.set(sums, out + channel * sums.length);
  }
}

/** Elements of a kernel from one tap to the next along each axis. */
function stepsOf(kernel: Extent): Extent {
  return [kernel[1] * kernel[2], kernel[2], 1];
}

function offsetOf(steps: Extent, position: Extent): number {
  return steps[0] * position[0] + steps[1] * position[1] + steps[2] * position[2];
}

/** The offset of each position in the order of the axes. */
function offsets([depth, height, width]: Extent, steps: Extent): Int32Array {
  return Int32Array.from({ length: depth * height * width }, (_, i) =>
    offsetOf(steps, [Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width]));
}
