// Pooling of images: the largest element or the mean of each window. May import errors, sizes, create, tensor, autograd, check, conv,
// elementwise, embedding, movement, reduce and shape.

import { convert, empty } from '../create.js';
import { KeelError, showGiven, showShape } from '../errors.js';
import type { Data, DType } from '../kernels/kernels.js';
import { checkShape } from '../sizes.js';
import { scope, sizeOf, type Tensor } from '../tensor.js';
import { checkFloats, checkOptions } from './check.js';
import { conv2d, type PerAxis } from './conv.js';
import { div } from './elementwise.js';
import { pick } from './embedding.js';
import { cat, put, reshape } from './movement.js';
import { mean } from './reduce.js';
import { slice } from './shape.js';

/** Options of {@link maxPool2d}; sizes are one number, or [height, width]. */
export interface MaxPoolOptions {
  /** Step from window to window. Default: the kernel size. */
  readonly stride?: PerAxis | null;
  /** Elements that count as −∞ on both sides of each axis; at most half a window. Default 0. */
  readonly padding?: PerAxis;
  /** Distance between the elements of a window. Default 1. */
  readonly dilation?: PerAxis;
  /** Whether a window may reach beyond the padded end. Default false. */
  readonly ceilMode?: boolean;
}

/** Options of {@link avgPool2d}. */
export interface AvgPoolOptions {
  /** Step from window to window. Default: the kernel size. */
  readonly stride?: PerAxis | null;
  /** Zeros on both sides of each axis; at most half a window. Default 0. */
  readonly padding?: PerAxis;
  /** Whether a window may reach beyond the padded end. Default false. */
  readonly ceilMode?: boolean;
  /** Whether zeros of the padding count as elements of the mean. Default true. */
  readonly countIncludePad?: boolean;
  /** What sums are divided by in place of the count. Default null. */
  readonly divisorOverride?: number | null;
}

/**
 * The largest element of each window, NaN where the window holds one. The gradient goes to the first of equal elements.
 *
 * @param x (N, C, H, W) or (C, H, W), float32 or float64
 * @throws KeelError [argument] for sizes that are no windows; [rank], [shape] for an input that has none.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.max_pool2d.html
 * @example
 * maxPool2d(arange(16).reshape([1, 4, 4]).to('float32'), 2).toArray(); // [[[5, 7], [13, 15]]]
 */
export function maxPool2d(x: Tensor, kernelSize: PerAxis, options: MaxPoolOptions = {}): Tensor {
  checkOptions('max_pool2d', options, ['stride', 'padding', 'dilation', 'ceilMode']);
  const windows = windowsOf('max_pool2d', x, kernelSize, options);
  const [height, width] = windows;
  const shape = [...x.shape.slice(0, -2), height.output, width.output];
  return scope(() => {
    const index = beside(x, firstLargest(x, height, width), 'int64', [sizeOf(shape)]);
    // One element is picked for each window, so that its gradient is added where it came from.
    return reshape(pick(reshape(x, [x.size, 1]), index, 1), shape);
  });
}

/**
 * The mean of each window.
 *
 * @param x (N, C, H, W) or (C, H, W), float32 or float64
 * @throws KeelError as {@link maxPool2d}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.avg_pool2d.html
 * @example
 * avgPool2d(ones([1, 4, 4]), 2).shape; // [1, 2, 2]
 */
export function avgPool2d(x: Tensor, kernelSize: PerAxis, options: AvgPoolOptions = {}): Tensor {
  checkOptions('avg_pool2d', options, ['stride', 'padding', 'ceilMode', 'countIncludePad', 'divisorOverride']);
  const [height, width] = windowsOf('avg_pool2d', x, kernelSize, options);
  const { countIncludePad = true, divisorOverride = null } = options;
  if (divisorOverride !== null && (!Number.isInteger(divisorOverride) || divisorOverride === 0)) {
    const message = `divisor must be not zero and a whole number, got ${String(divisorOverride)}`;
    throw new KeelError('argument', message, { divisorOverride });
  }
  const counts = [height, width].map((axis) => countsOf(axis, countIncludePad));
  const count = (counts[0] ?? []).flatMap((rows) => (counts[1] ?? []).map((columns) => divisorOverride ?? rows * columns));
  const shape = [...x.shape.slice(0, -2), height.output, width.output];
  return scope(() => {
    const like = (values: readonly number[], dims: readonly number[]) => beside(x, convert(values, x.dtype), x.dtype, dims);
    const planes = sizeOf(x.shape.slice(0, -2));
    const image = padded(reshape(x, [planes, 1, height.input, width.input]), height, width);
    const ones = like(new Array<number>(height.kernel * width.kernel).fill(1), [1, 1, height.kernel, width.kernel]);
    const sums = conv2d(image, ones, { stride: [height.stride, width.stride] });
    const within = slice(slice(sums, 2, 0, height.output), 3, 0, width.output);
    return reshape(div(within, like(count, [height.output, width.output])), shape);
  });
}

/**
 * Means of windows whose number is given: window i of n covers ⌊i·H/n⌋ up to ⌈(i + 1)·H/n⌉ along each axis.
 *
 * @param x (N, C, H, W) or (C, H, W), float32 or float64
 * @param outputSize one number, or [height, width]; null keeps an extent
 * @throws KeelError [rank] for other inputs; [shape] for an empty one; [argument] for sizes that are no counts.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_avg_pool2d.html
 * @example
 * adaptiveAvgPool2d(randn([2, 8, 7, 7]), 1).shape; // [2, 8, 1, 1]
 */
export function adaptiveAvgPool2d(x: Tensor, outputSize: number | null | readonly (number | null)[]): Tensor {
  const name = 'adaptive_avg_pool2d';
  checkFloats(name, [x]);
  if (x.rank !== 3 && x.rank !== 4) {
    const message = `${name}(): Expected 3D or 4D tensor, but got [${x.shape.join(', ')}]: (N, C, H, W) or (C, H, W)`;
    throw new KeelError('rank', message, { shape: x.shape });
  }
  const empty = x.shape.findIndex((extent, axis) => extent === 0 && axis > x.rank - 4);
  if (empty !== -1) {
    throw new KeelError(
      'shape',
      `${name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes [${x.shape.join(', ')}] ` +
        `with dimension ${empty} being empty`,
      { shape: x.shape, dim: empty },
    );
  }
  const [height, width] = adaptiveSizes(outputSize, x);
  checkShape([...x.shape.slice(0, -2), height, width]);
  return scope(() => {
    if (height === 1 && width === 1) return mean(x, [-2, -1], { keepdim: true });
    return averaged(averaged(x, x.rank - 2, height), x.rank - 1, width);
  });
}

/** Windows along one axis. */
interface Windows {
  readonly input: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
  readonly output: number;
}

function windowsOf(name: string, x: Tensor, kernelSize: PerAxis, options: MaxPoolOptions): [Windows, Windows] {
  checkFloats(name, [x]);
  const kernel = pair(name, 'kernel_size', kernelSize, 1);
  const stride = pair(name, 'stride', options.stride ?? kernelSize, 1);
  const padding = pair(name, 'padding', options.padding ?? 0, 0);
  const dilation = pair(name, 'dilation', options.dilation ?? 1, 1);
  if (x.rank !== 3 && x.rank !== 4) {
    const message = `non-empty 3D or 4D (batch mode) tensor expected for input of ${name}, but got ${showShape(x.shape)}`;
    throw new KeelError('rank', message, { shape: x.shape });
  }
  if (x.shape.slice(-3).includes(0)) {
    throw new KeelError(
      'shape',
      `Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:[${x.shape.join(', ')}]`,
      { shape: x.shape },
    );
  }
  const along = (axis: 0 | 1): Windows => {
    const sizes = { kernel: kernel[axis], stride: stride[axis], padding: padding[axis], dilation: dilation[axis] };
    const input = x.shape.at(axis - 2) ?? 0;
    return { input, ...sizes, output: countOf(input, sizes, options.ceilMode === true) };
  };
  const [height, width] = [along(0), along(1)];
  if (height.output < 1 || width.output < 1) {
    const planes = x.shape.at(-3) ?? 0;
    throw new KeelError(
      'shape',
      `Given input size: (${planes}x${height.input}x${width.input}). Calculated output size: ` +
        `(${planes}x${Math.max(0, height.output)}x${Math.max(0, width.output)}). Output size is too small`,
      { input: x.shape, kernel, padding, dilation },
    );
  }
  return [height, width];
}

/** Elements of a dtype on the backend of x. */
function beside(x: Tensor, data: Data, dtype: DType, shape: readonly number[]): Tensor {
  const y = empty(shape, dtype, x);
  y.storage.kernels.write(y.storage.handle, data);
  return y;
}

/** How many windows there are along an axis. */
function countOf(input: number, sizes: Omit<Windows, 'input' | 'output'>, ceilMode: boolean): number {
  const { kernel, stride, padding, dilation } = sizes;
  if (padding > Math.floor(kernel / 2)) {
    throw new KeelError(
      'argument',
      `pad should be at most half of effective kernel size, but got pad=${padding}, kernel_size=${kernel} and ` +
        `dilation=${dilation}: smaller than or equal to half of kernel size`,
      { padding, kernel, dilation },
    );
  }
  const reach = input + 2 * padding - dilation * (kernel - 1) - 1 + (ceilMode ? stride - 1 : 0);
  const count = Math.floor(reach / stride) + 1;
  // A window that begins in the padding behind the input is none.
  return ceilMode && (count - 1) * stride >= input + padding ? count - 1 : count;
}

/** The place in x of the first largest element of each window; of the last NaN, where there are any. */
function firstLargest(x: Tensor, height: Windows, width: Windows): BigInt64Array {
  const planes = x.size / (height.input * width.input);
  const places = new Int32Array(2 * planes * height.output * width.output);
  // checkFloats has passed.
  const data = x.data as Float32Array | Float64Array;
  const [rows, columns] = [boundsOf(height), boundsOf(width)];
  let out = 0; // the low half of each number; the high one stays 0
  for (let plane = 0; plane < planes; plane++) {
    const base = plane * height.input * width.input;
    for (let i = 0; i < height.output; i++) {
      for (let j = 0; j < width.output; j++, out += 2) {
        places[out] = largestWithin(data, base, rows, i, columns, j, width.input);
      }
    }
  }
  return new BigInt64Array(places.buffer);
}

/** Where each window begins and ends within the input, and the step inside it. */
interface Bounds {
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly step: number;
}

function boundsOf({ input, kernel, stride, padding, dilation, output }: Windows): Bounds {
  const starts = Int32Array.from({ length: output }, (_, i) => i * stride - padding);
  return {
    from: starts.map((start) => (start >= 0 ? start : start + dilation * Math.ceil(-start / dilation))),
    to: starts.map((start) => Math.min(input, start + dilation * (kernel - 1) + 1)),
    step: dilation,
  };
}

function largestWithin(
  data: Float32Array | Float64Array,
  base: number,
  rows: Bounds,
  i: number,
  columns: Bounds,
  j: number,
  rowLength: number,
): number {
  const left = columns.from[j]!;
  const right = columns.to[j]!;
  let place = base + rows.from[i]! * rowLength + left;
  let largest = -Infinity;
  for (let row = rows.from[i]!; row < rows.to[i]!; row += rows.step) {
    const start = base + row * rowLength;
    for (let at = start + left; at < start + right; at += columns.step) {
      const value = data[at]!;
      if (value > largest || value !== value) {
        largest = value;
        place = at;
      }
    }
  }
  return place;
}

/** How many elements each window averages. */
function countsOf({ input, kernel, stride, padding, output }: Windows, countIncludePad: boolean): number[] {
  return Array.from({ length: output }, (_, i) => {
    const start = i * stride - padding;
    const end = Math.min(start + kernel, input + padding);
    return countIncludePad ? end - start : Math.min(end, input) - Math.max(start, 0);
  });
}

/** Planes with the zeros that their windows reach. */
function padded(image: Tensor, height: Windows, width: Windows): Tensor {
  const [planes = 0] = image.shape;
  const reach = ({ stride, kernel, padding, input, output }: Windows) =>
    Math.max((output - 1) * stride + kernel, input + padding);
  const shape = [planes, 1, reach(height), reach(width)];
  if (shape[2] === height.input && shape[3] === width.input) return image;
  return put(image, shape, { start: [0, 0, height.padding, width.padding], step: [1, 1, 1, 1], shape: image.shape });
}

/** Means of `count` windows along one axis. */
function averaged(x: Tensor, axis: number, count: number): Tensor {
  const extent = x.shape[axis] ?? 1;
  if (count === extent) return x;
  if (count === 0) return slice(x, axis, 0, 0);
  if (extent % count === 0) {
    return mean(reshape(x, [...x.shape.slice(0, axis), count, extent / count, ...x.shape.slice(axis + 1)]), axis + 1);
  }
  const windows = Array.from({ length: count }, (_, i) => {
    const [from, to] = [Math.floor((i * extent) / count), Math.ceil(((i + 1) * extent) / count)];
    return mean(slice(x, axis, from, to), axis, { keepdim: true });
  });
  return cat(windows, axis);
}

function pair(owner: string, name: string, values: PerAxis, least: number): readonly [number, number] {
  const given: readonly number[] = Array.isArray(values) ? values : [values, values];
  const [height, width, ...more] = given;
  if (isCount(height, least) && isCount(width, least) && more.length === 0) return [height, width];
  const range = least === 0 ? 'non-negative' : 'greater than zero';
  throw new KeelError(
    'argument',
    `${owner}: ${name} must either be a single int, or a tuple of two ints, each ${range}, got ${showGiven(values)}`,
    { [name]: values, least },
  );
}

function adaptiveSizes(outputSize: number | null | readonly (number | null)[], x: Tensor): readonly [number, number] {
  const sizes = Array.isArray(outputSize) ? outputSize : [outputSize, outputSize];
  const filled = sizes.map((size: unknown, axis) => (size === null ? x.shape.at(axis - 2) : size));
  const [height, width] = filled;
  if (filled.length === 2 && isCount(height, 0) && isCount(width, 0)) return [height, width];
  throw new KeelError(
    'argument',
    'adaptive_avg_pool2d: output_size must be 2 whole numbers: elements of output_size must be greater than or equal to 0 but ' +
      `received {${filled.join(', ')}}`,
    { outputSize },
  );
}

function isCount(value: unknown, least: number): value is number {
  return Number.isInteger(value) && Number(value) >= least;
}
