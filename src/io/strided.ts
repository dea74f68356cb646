// Elements of a storage by offset, sizes and strides: checked, then gathered. May import errors.

import { showGiven } from '../errors.js';
import { fileError, MOST_AXES } from './elements.js';

/** Where a tensor lies in its storage; `width` is the bytes of an element. */
export interface Layout {
  readonly shape: readonly number[];
  readonly stride: readonly number[];
  readonly width: number;
  /** The bytes of the storage from the first element to the end of the last. */
  readonly begin: number;
  readonly end: number;
  /** Bytes of its elements. */
  readonly bytes: number;
}

/** What a file says of a tensor. */
interface Claims {
  readonly offset: unknown;
  readonly size: readonly unknown[];
  readonly stride: readonly unknown[];
  readonly width: number;
}

/**
 * A layout from what a file says, none of which is believed.
 *
 * @throws KeelError [file] for numbers that are no sizes or strides, or lead out of the storage's `held` bytes.
 */
export function layoutOf(
  name: string,
  { offset, size, stride, width }: Claims,
  held: number,
): Layout {
  const facts = { tensor: name, offset, size, stride };
  if (size.length > MOST_AXES || stride.length !== size.length) {
    const message = `'${name}' has ${size.length} sizes and ${stride.length} strides: as many are needed, up to ${MOST_AXES}`;
    throw fileError(message, facts);
  }
  if (!size.every(isSize)) throw fileError(`'${name}' has a bad dimension: its shape is [${show(size)}]`, facts);
  if (!isSize(offset) || !stride.every(isSize)) {
    throw fileError(`'${name}' has bad strides: offset ${show([offset])}, strides [${show(stride)}]`, facts);
  }
  const elements = size.includes(0) ? 0 : size.reduce((product, extent) => product * extent, 1);
  const last = size.reduce((at, extent, axis) => at + (extent - 1) * (stride[axis] ?? 0), offset);
  const [begin, end] = elements === 0 ? [0, 0] : [offset * width, (last + 1) * width];
  if (end > held) {
    const needs = `'${name}' of shape [${show(size)}] needs ${end} bytes of it, it has ${held}`;
    throw fileError(`storage too short: ${needs}`, { ...facts, needed: end, given: held });
  }
  return { shape: size, stride, width, begin, end, bytes: elements * width };
}

/** The elements in row-major order, from the bytes between `begin` and `end`; these themselves where they are in order. */
export function gather(bytes: Uint8Array, layout: Layout): Uint8Array {
  if (isContiguous(layout)) return bytes;
  const { shape, stride, width, bytes: size } = layout;
  const out = new Uint8Array(size);
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < size; to += width) {
    for (let byte = 0; byte < width; byte++) out[to + byte] = bytes[from * width + byte]!;
    // Counts on from the last axis, as an odometer.
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += stride[axis]!;
      index[axis]! += 1;
      if (index[axis]! < shape[axis]!) break;
      from -= index[axis]! * stride[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}

/** Whether the elements lie in row-major order without gaps. */
export function isContiguous({ shape, stride }: Pick<Layout, 'shape' | 'stride'>): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    // The stride of an axis with one place is never used.
    if (shape[axis] !== 1 && stride[axis] !== expected) return shape.includes(0);
    expected *= shape[axis]!;
  }
  return true;
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** Not by String(): lists that hold lists twice, twice, ... would make a text without end. */
function show(values: readonly unknown[]): string {
  return values.map((value) => (typeof value === 'number' || typeof value === 'bigint' ? value : showGiven(value))).join(', ');
}
