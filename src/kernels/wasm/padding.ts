// Images with zeros around them, so that no kernel asks whether a tap falls beside one; and the convolutions of stride 1
// that a transposed one falls into. May import kernels and machine.

import type { ConvSizes, Extent } from '../kernels.js';
import { dense } from './dense.wasm.js';
import type { Machine } from './machine.js';

/** A spatial image and its place in a padded one. */
export interface Padded {
  readonly size: Extent;
  readonly low: Extent;
  readonly padded: Extent;
}

/** What one axis of a transposed convolution gives to the positions first, first + stride, ...: taps that meet them. */
export interface Residue {
  readonly first: number;
  readonly count: number;
  /** Where in dy the first position meets the first tap. */
  readonly start: number;
  /** Indices of the taps, in arithmetic progression; each meets dy `step` before the one before it. */
  readonly taps: readonly number[];
  readonly step: number;
}

/** Padded images at a time: few enough to be read again from a cache. */
const CHUNK_BYTES = 4 << 20;
const axes = [0, 1, 2] as const;

export function each(value: (axis: 0 | 1 | 2) => number): Extent {
  return [value(0), value(1), value(2)];
}

export function volume(extent: Extent): number {
  return extent[0] * extent[1] * extent[2];
}

/** The input as the taps of a convolution read it. */
export function paddedInput({ input, output, kernel, stride, padding, dilation }: ConvSizes): Padded {
  const reach = each((a) => (output[a] - 1) * stride[a] + (kernel[a] - 1) * dilation[a] + 1);
  return { size: input, low: padding, padded: each((a) => Math.max(input[a] + padding[a], reach[a])) };
}

/** The residues of each axis, and dy as all of them read it. */
export function transposedAxes(sizes: ConvSizes): { residues: readonly (readonly Residue[])[]; dy: Padded } {
  const residues = axes.map((axis) => residuesOf(sizes, axis));
  const size = sizes.output;
  const low = each((a) => Math.max(0, ...residues[a]!.map((r) => (r.taps.length - 1) * r.step - r.start)));
  const padded = each((a) => low[a] + Math.max(size[a], ...residues[a]!.map((r) => r.start + r.count)));
  return { residues, dy: { size, low, padded } };
}

function residuesOf({ input, kernel, stride, padding, dilation }: ConvSizes, axis: 0 | 1 | 2): Residue[] {
  const [size, s, p, d] = [input[axis], stride[axis], padding[axis], dilation[axis]];
  return Array.from({ length: Math.min(s, size) }, (_, first) => {
    const residue = (first + p) % s;
    const taps = Array.from({ length: kernel[axis] }, (_, w) => w).filter((w) => (w * d) % s === residue);
    const [w0 = 0, w1 = 0] = taps;
    const start = (first + p - w0 * d) / s;
    return { first, count: Math.ceil((size - first) / s), taps, start: taps.length === 0 ? 0 : start, step: ((w1 - w0) * d) / s };
  }).map((r) => (r.taps.length > 1 ? r : { ...r, step: 0 }));
}

/** Whether every image already is its padded one. */
export function isBare({ size, padded }: Padded): boolean {
  return axes.every((axis) => size[axis] === padded[axis]);
}

/** Calls `run` on stretches of the batch with the address of their padded images. */
export function overImages(
  machine: Machine,
  shape: Padded,
  { at, batch, channels }: { at: number; batch: number; channels: number },
  run: (at: number, first: number, count: number) => void,
): void {
  if (isBare(shape)) {
    run(at, 0, batch);
    return;
  }
  const bytes = 4 * channels * volume(shape.padded);
  const chunk = Math.max(1, Math.min(batch, Math.floor(CHUNK_BYTES / bytes)));
  const to = machine.temporary(Math.max(4, chunk * bytes));
  for (let first = 0; first < batch || first === 0; first += chunk) {
    const count = Math.min(chunk, batch - first);
    const args = [...shape.size, ...shape.low, ...shape.padded, 1, at + 4 * first * channels * volume(shape.size), to];
    const work = { items: count * channels, grain: Math.ceil(65_536 / volume(shape.padded)), parallel: count * bytes > 1 << 20 };
    machine.launch(dense, 'padPlanes', args, { ...work, scratch: 0 });
    run(to, first, count);
  }
}
