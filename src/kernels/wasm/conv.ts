// Convolutions as matrix products whose operands are read straight from the images. May import kernels and machine.

import type { ConvPart, ConvSizes, Extent } from '../kernels.js';
import { dense } from './dense.wasm.js';
import { depthwise, type Operands } from './depthwise.js';
import type { Machine } from './machine.js';
import { blockLength, every, product, turned, type IndexMap, type Product, type Side } from './matmul.js';
import { each, isBare, overImages, paddedInput, transposedAxes, volume, type Padded } from './padding.js';
import { isWhole, whole } from './whole.js';

/** Fewest items that the gradient of a kernel is cut into, by parts of its sums where it has no tiles. */
const LEAST_ITEMS = 8;
const PER_SUM_ITEM = 4096;

/** One part of a convolution. */
export function conv(machine: Machine, part: ConvPart, sizes: ConvSizes, a: number, b: number, out: number): void {
  const lengths = lengthsOf(sizes);
  if (lengths[part] === 0) return;
  const operands = { a, b, out };
  const isDepthwise = sizes.groups === sizes.inChannels && sizes.groups === sizes.outChannels;
  if (isDepthwise && isWhole(sizes)) {
    whole(machine, part, sizes, operands);
    return;
  }
  const image = part === 'dx' ? transposedAxes(sizes).dy : paddedInput(sizes);
  // Zeros around an image meet the taps: 0 · infinity is not nothing, so such taps are summed without them.
  const meetsZeros = !isBare(image);
  if (meetsZeros && part !== 'dw' && !areFinite(machine, b, lengths.dw)) {
    tapByTap(machine, part, sizes, operands);
    return;
  }
  if (isDepthwise) depthwise(machine, part, sizes, operands);
  else if (part === 'y') forward(machine, sizes, operands);
  else if (part === 'dx') transposed(machine, sizes, operands);
  else kernelGradient(machine, sizes, operands);
  if ((meetsZeros || isDepthwise) && part === 'dw' && !areFinite(machine, out, lengths.dw)) tapByTap(machine, part, sizes, operands);
}

/** Channels of a group and elements of a plane. */
function countsOf({ groups, inChannels, outChannels, input, kernel, output }: ConvSizes) {
  const [inPlane, outPlane, kernelSize] = [volume(input), volume(output), volume(kernel)];
  return { perIn: inChannels / groups, perOut: outChannels / groups, inPlane, outPlane, kernelSize };
}

/** Elements of each part's result. */
function lengthsOf(sizes: ConvSizes): Record<ConvPart, number> {
  const { batch, inChannels, outChannels } = sizes;
  const { perIn, inPlane, outPlane, kernelSize } = countsOf(sizes);
  return { y: batch * outChannels * outPlane, dx: batch * inChannels * inPlane, dw: outChannels * perIn * kernelSize };
}

/** Steps of one element along each spatial axis. */
function stepsOf([, height, width]: Extent): Extent {
  return [height * width, width, 1];
}

/** Bytes from the first element of a plane to the one at a position. */
function offsetOf(steps: Extent, position: Extent): number {
  return 4 * (steps[0] * position[0] + steps[1] * position[1] + steps[2] * position[2]);
}

/** An index over images or channels, then positions. */
function spatial(outer: number, extents: Extent, steps: Extent): IndexMap {
  return { extents, steps: [4 * outer, 4 * steps[0], 4 * steps[1], 4 * steps[2]] };
}

/** Offsets of the input under each tap, by channel and tap; and under one tap at each position, by image and position. */
function inputMaps({ inChannels, kernel, output, stride, dilation }: ConvSizes, { padded }: Padded) {
  const steps = stepsOf(padded);
  const plane = volume(padded);
  return {
    taps: spatial(plane, kernel, each((a) => dilation[a] * steps[a])),
    positions: spatial(inChannels * plane, output, each((a) => stride[a] * steps[a])),
  };
}

/** Whole planes of a tensor of images: by image and position. */
function planes(channels: number, plane: number): IndexMap {
  return spatial(channels * plane, [1, 1, plane], [0, 0, 1]);
}

function forward(machine: Machine, sizes: ConvSizes, { a, b, out }: Operands): void {
  const { batch, groups, inChannels, outChannels } = sizes;
  const { perIn, perOut, outPlane, kernelSize } = countsOf(sizes);
  const shape = paddedInput(sizes);
  const maps = inputMaps(sizes, shape);
  const k = perIn * kernelSize;
  overImages(machine, shape, { at: a, batch, channels: inChannels }, (at, first, count) => {
    product(machine, {
      matrices: groups, m: perOut, n: count * outPlane, k,
      left: { at: b, step: 4 * perOut * k, rows: every(4 * k), columns: every(4) },
      right: { at, step: 4 * perIn * volume(shape.padded), rows: maps.taps, columns: maps.positions },
      out: {
        at: out + 4 * first * outChannels * outPlane, step: 4 * perOut * outPlane,
        rows: every(4 * outPlane), columns: planes(outChannels, outPlane),
      },
    });
  });
}

function kernelGradient(machine: Machine, sizes: ConvSizes, { a, b, out }: Operands): void {
  const { batch, groups, inChannels, outChannels } = sizes;
  const { perIn, perOut, outPlane, kernelSize } = countsOf(sizes);
  const shape = paddedInput(sizes);
  const maps = inputMaps(sizes, shape);
  const n = perIn * kernelSize;
  const length = outChannels * n;
  const tiles = groups * Math.ceil(perOut / 256) * Math.ceil(n / 256);
  let parts = 0;
  let sums = out;
  overImages(machine, shape, { at: a, batch, channels: inChannels }, (at, first, count) => {
    const k = count * outPlane;
    if (first === 0) {
      const blocks = Math.max(1, Math.ceil(k / blockLength(k)));
      const most = Math.min(blocks, Math.ceil(LEAST_ITEMS / tiles));
      // As many as have blocks: a part without any would leave its plane of sums unwritten.
      parts = Math.ceil(blocks / Math.ceil(blocks / most));
      if (parts > 1) sums = machine.temporary(4 * parts * length);
    }
    product(machine, {
      matrices: groups, m: perOut, n, k, parts, partStep: 4 * length, accumulate: first > 0,
      left: {
        at: b + 4 * first * outChannels * outPlane, step: 4 * perOut * outPlane,
        rows: every(4 * outPlane), columns: planes(outChannels, outPlane),
      },
      right: { at, step: 4 * perIn * volume(shape.padded), rows: maps.positions, columns: maps.taps },
      out: { at: sums, step: 4 * perOut * n, rows: every(4 * n), columns: every(4) },
    });
  });
  if (parts === 1) return;
  const work = { items: Math.ceil(length / PER_SUM_ITEM), grain: 1, parallel: length * parts > 1 << 18, scratch: 0 };
  machine.launch(dense, 'sumParts', [parts, length, 4 * length, sums, out, PER_SUM_ITEM], work);
}

function transposed(machine: Machine, sizes: ConvSizes, { a, b, out }: Operands): void {
  const { batch, groups, inChannels, outChannels, input, kernel, stride } = sizes;
  if (hasSeparatePatches(sizes)) {
    patches(machine, sizes, { a, b, out });
    return;
  }
  const { perIn, perOut, inPlane, kernelSize } = countsOf(sizes);
  const { residues, dy } = transposedAxes(sizes);
  const [depths = [], heights = [], widths = []] = residues;
  const [weightSteps, dySteps, dxSteps] = [stepsOf(kernel), stepsOf(dy.padded), stepsOf(input)];
  const plane = volume(dy.padded);
  overImages(machine, dy, { at: a, batch, channels: outChannels }, (at, first, count) => {
    for (const d of depths) for (const h of heights) for (const w of widths) {
      const r = [d, h, w] as const;
      const taps = each((i) => r[i].taps.length);
      const counts = each((i) => r[i].count);
      const extents = each((i) => Math.max(1, taps[i]));
      const tapStep = each((i) => ((r[i].taps[1] ?? 0) - (taps[i] > 1 ? r[i].taps[0]! : 0)) * weightSteps[i]);
      product(machine, {
        matrices: groups, m: perIn, n: count * volume(counts), k: perOut * volume(taps),
        left: {
          at: b + offsetOf(weightSteps, each((i) => r[i].taps[0] ?? 0)), step: 4 * perOut * perIn * kernelSize,
          rows: every(4 * kernelSize), columns: spatial(perIn * kernelSize, extents, tapStep),
        },
        right: {
          at: at + offsetOf(dySteps, each((i) => r[i].start + dy.low[i])), step: 4 * perOut * plane,
          rows: spatial(plane, extents, each((i) => -r[i].step * dySteps[i])),
          columns: spatial(outChannels * plane, counts, dySteps),
        },
        out: {
          at: out + 4 * first * inChannels * inPlane + offsetOf(dxSteps, each((i) => r[i].first)), step: 4 * perIn * inPlane,
          rows: every(4 * inPlane), columns: spatial(inChannels * inPlane, counts, each((i) => stride[i] * dxSteps[i])),
        },
      });
    }
  });
}

/** Whether each element of the input is under at most one tap, and none beside the input. */
function hasSeparatePatches({ kernel, stride, padding, dilation }: ConvSizes): boolean {
  return volume(stride) > 1 && [0, 1, 2].every((i) => padding[i] === 0 && dilation[i]! * (kernel[i]! - 1) < stride[i]!);
}

/** dx where patches do not overlap: one product whose results scatter. */
function patches(machine: Machine, sizes: ConvSizes, { a, b, out }: Operands): void {
  const { batch, groups, inChannels, outChannels, input, kernel, output, stride, dilation } = sizes;
  const { perIn, perOut, inPlane, outPlane, kernelSize } = countsOf(sizes);
  const steps = stepsOf(input);
  const m = perIn * kernelSize;
  // Between and behind the patches nothing is written.
  if (inPlane > outPlane * kernelSize) clear(machine, out, batch * inChannels * inPlane);
  product(machine, {
    matrices: groups, m, n: batch * outPlane, k: perOut,
    left: { at: b, step: 4 * perOut * m, rows: every(4), columns: every(4 * m) },
    right: { at: a, step: 4 * perOut * outPlane, rows: every(4 * outPlane), columns: planes(outChannels, outPlane) },
    out: {
      at: out, step: 4 * perIn * inPlane,
      rows: spatial(inPlane, kernel, each((i) => dilation[i] * steps[i])),
      columns: spatial(inChannels * inPlane, output, each((i) => stride[i] * steps[i])),
    },
  });
}

/** Any part, a tap at a time over the positions where it lies inside the input. */
function tapByTap(machine: Machine, part: ConvPart, sizes: ConvSizes, { a, b, out }: Operands): void {
  const { batch, groups, inChannels, outChannels, input, kernel, output, stride, padding, dilation } = sizes;
  const { perIn, perOut, inPlane, outPlane, kernelSize } = countsOf(sizes);
  const k = perIn * kernelSize;
  const [xSteps, ySteps] = [stepsOf(input), stepsOf(output)];
  const { x, w, y } = { y: { x: a, w: b, y: out }, dx: { x: out, w: b, y: a }, dw: { x: a, w: out, y: b } }[part];
  clear(machine, out, lengthsOf(sizes)[part]);
  for (let tap = 0; tap < kernelSize; tap++) {
    const index = [Math.floor(tap / (kernel[1] * kernel[2])), Math.floor(tap / kernel[2]) % kernel[1], tap % kernel[2]] as const;
    const shift = each((i) => index[i] * dilation[i] - padding[i]);
    const from = each((i) => Math.max(0, Math.ceil(-shift[i] / stride[i])));
    const box = each((i) => Math.max(0, Math.min(output[i], Math.floor((input[i] - 1 - shift[i]) / stride[i]) + 1) - from[i]));
    if (volume(box) === 0) continue;
    const images: Side = {
      at: x + offsetOf(xSteps, each((i) => from[i] * stride[i] + shift[i])), step: 4 * perIn * inPlane, rows: every(4 * inPlane),
      columns: spatial(inChannels * inPlane, box, each((i) => stride[i] * xSteps[i])),
    };
    const results: Side = {
      at: y + offsetOf(ySteps, from), step: 4 * perOut * outPlane, rows: every(4 * outPlane),
      columns: spatial(outChannels * outPlane, box, ySteps),
    };
    const weights: Side = { at: w + 4 * tap, step: 4 * perOut * k, rows: every(4 * k), columns: every(4 * kernelSize) };
    const sums = batch * volume(box);
    const job: Omit<Product, 'accumulate'> = {
      y: { matrices: groups, m: perOut, n: sums, k: perIn, left: weights, right: images, out: results },
      dx: { matrices: groups, m: perIn, n: sums, k: perOut, left: turned(weights), right: results, out: images },
      dw: { matrices: groups, m: perOut, n: perIn, k: sums, left: results, right: turned(images), out: weights },
    }[part];
    product(machine, { ...job, accumulate: true });
  }
}

function clear(machine: Machine, at: number, length: number): void {
  machine.f32.fill(0, at / 4, at / 4 + length);
}

function areFinite(machine: Machine, at: number, length: number): boolean {
  const flag = machine.temporary(4);
  machine.launch(dense, 'probeFinite', [1, length, 0, at, flag, length], { items: 1, grain: 1, parallel: false, scratch: 0 });
  return machine.f32[flag / 4] === 0;
}
