// Convolutions of each channel with a kernel of its own, without a matrix product. May import kernels and machine.

import type { ConvPart, ConvSizes, Extent } from '../kernels.js';
import { dense } from './dense.wasm.js';
import type { Machine } from './machine.js';
import { paddedInput, transposedAxes, volume, type Padded } from './padding.js';

/** Operands by their address. */
export interface Operands {
  readonly a: number;
  readonly b: number;
  readonly out: number;
}

interface Job {
  readonly image: number;
  readonly shape: Padded;
  /** Residues of columns that lie together in a padded row: the stride of a tap's neighbours. */
  readonly phases: number;
  readonly kernel: number;
  readonly result: number;
  /** Offset of each tap in a padded plane, and which element of the kernel it is. */
  readonly taps: readonly (readonly [offset: number, element: number])[];
  readonly grid: Extent;
  readonly stepDepth: number;
  readonly stepHeight: number;
  /** Bytes of a result's plane from one position to the next of each axis, to the first, and of all. */
  readonly outSteps: Extent;
  readonly outStart: number;
  readonly outPlane: number;
  /** Where taps lie in rows at the pitch of the positions: rows, columns, and bytes from one tap of a row to the next. */
  readonly rows: Extent;
}

const PARALLEL = 1 << 19;
/** Taps beyond the kernel that its gradient may sum as well. */
const PADDING_TAPS = 10;
const NO_ROWS: Extent = [0, 0, 0];

/** One part of a convolution with as many groups as channels. */
export function depthwise(machine: Machine, part: ConvPart, sizes: ConvSizes, { a, b, out }: Operands): void {
  switch (part) {
    case 'y':
      return launch(machine, 'depthwise', sizes, forward(sizes, a, b, out));
    case 'dw':
      return launch(machine, 'depthwiseKernel', sizes, forward(sizes, a, out, b));
    case 'dx':
      for (const job of transposedJobs(sizes, a, b, out)) launch(machine, 'depthwise', sizes, job);
  }
}

function forward(sizes: ConvSizes, image: number, kernel: number, result: number): Job {
  const { output, stride, dilation } = sizes;
  const { padded, ...rest } = paddedInput(sizes);
  const phases = stride[2];
  const perPhase = Math.ceil(padded[2] / phases);
  const [, height, width] = [padded[0], padded[1], perPhase * phases];
  const taps = tapsOf(sizes.kernel, (d, h, w) => {
    const column = w * dilation[2];
    return (d * dilation[0] * height + h * dilation[1]) * width + (column % phases) * perPhase + Math.floor(column / phases);
  });
  return {
    image, kernel, result, phases, taps,
    shape: { ...rest, padded: [padded[0], height, width] },
    grid: output,
    stepDepth: 4 * stride[0] * height * width,
    stepHeight: 4 * stride[1] * width,
    outSteps: [4 * output[1] * output[2], 4 * output[2], 4],
    outStart: 0,
    outPlane: 4 * volume(output),
    rows: liesInRows(sizes) ? [sizes.kernel[1], sizes.kernel[2], 4 * dilation[2]] : NO_ROWS,
  };
}

function transposedJobs(sizes: ConvSizes, image: number, kernel: number, result: number): Job[] {
  const { input, stride } = sizes;
  const { residues, dy } = transposedAxes(sizes);
  const [depths = [], heights = [], widths = []] = residues;
  const { low, padded } = dy;
  const [, height, width] = padded;
  return depths.flatMap((d) => heights.flatMap((h) => widths.map((w): Job => {
    const taps = tapsOf([d.taps.length, h.taps.length, w.taps.length], (i, j, k) => {
      const [row, column] = [h.start + low[1] - j * h.step, w.start + low[2] - k * w.step];
      return ((d.start + low[0] - i * d.step) * height + row) * width + column;
    }).map(([offset], i): [number, number] => {
      const [rows, columns] = [h.taps.length, w.taps.length];
      const [td, th, tw] = [Math.floor(i / (rows * columns)), Math.floor(i / columns) % rows, i % columns];
      return [offset, (d.taps[td]! * sizes.kernel[1] + h.taps[th]!) * sizes.kernel[2] + w.taps[tw]!];
    });
    // Ascending offsets are taps in rows again.
    const isInRows = liesInRows(sizes);
    return {
      image, kernel, result,
      taps: isInRows ? taps.reverse() : taps,
      // A lone column has no step, and the loop over columns needs one.
      rows: isInRows ? [sizes.kernel[1], sizes.kernel[2], 4 * Math.max(1, w.step)] : NO_ROWS,
      shape: dy,
      phases: 1,
      grid: [d.count, h.count, w.count],
      stepDepth: 4 * height * width,
      stepHeight: 4 * width,
      outSteps: [4 * stride[0] * input[1] * input[2], 4 * stride[1] * input[2], 4 * stride[2]],
      outStart: 4 * ((d.first * input[1] + h.first) * input[2] + w.first),
      outPlane: 4 * volume(input),
    };
  })));
}

/** Whether neighbouring rows of positions share rows of the image, worth while from three rows of taps on. */
function liesInRows({ kernel, output, stride, dilation }: ConvSizes): boolean {
  const isFlat = kernel[0] === 1 && output[0] === 1;
  return isFlat && kernel[1] >= 3 && output[1] >= 3 && stride[1] === 1 && stride[2] === 1 && dilation[1] === 1;
}

/** Byte offsets of all taps of a kernel, in the kernel's order. */
function tapsOf([depth, height, width]: Extent, place: (d: number, h: number, w: number) => number): [number, number][] {
  return Array.from({ length: depth * height * width }, (_, i) => {
    return [4 * place(Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width), i];
  });
}

function launch(machine: Machine, kernel: 'depthwise' | 'depthwiseKernel', sizes: ConvSizes, job: Job): void {
  const { shape, taps, grid } = job;
  const { batch, inChannels } = sizes;
  const table = machine.temporary(8 * taps.length + 8);
  // Where taps lie in rows the kernel wants the elements by column.
  const [rows, columns] = job.rows;
  const element = (i: number) => taps[rows === 0 ? i : (i % rows) * columns + Math.floor(i / rows)]![1];
  machine.i32.set([...taps.map(([offset]) => offset), ...taps.map((_, i) => element(i))], table / 4);
  const args = [
    ...shape.size, ...shape.low, ...shape.padded, job.phases, batch, inChannels, job.image, volume(sizes.kernel), job.kernel,
    job.result, taps.length, table, ...grid, job.stepDepth, job.stepHeight, ...job.outSteps, job.outStart, job.outPlane,
    ...job.rows,
  ];
  const strips = Math.ceil((grid[0] * grid[1] * Math.ceil(grid[2] / 8)) / 4) * 4;
  const plane = 4 * volume(shape.padded) + 24 * shape.padded[2] + 64 + 12 * strips;
  const work = volume(grid) * (taps.length + 4);
  const parallel = work * batch * inChannels > PARALLEL;
  if (kernel === 'depthwise') {
    const grain = Math.ceil(PARALLEL / 4 / work);
    machine.launch(dense, kernel, args, { items: batch * inChannels, grain, parallel, scratch: 128 + 4 * taps.length + plane });
  } else {
    const dy = 128 * Math.ceil((grid[0] * grid[1]) / 4) * Math.ceil(grid[2] / 8);
    const scratch = 12 * (taps.length + PADDING_TAPS + 2 * job.rows[1]) + dy + plane;
    machine.launch(dense, kernel, args, { items: inChannels, grain: 1, parallel, scratch });
  }
}
