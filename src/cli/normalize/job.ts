// One tensor and what is done to it: everything is checked before anything is written. May import evenkeel and evenkeel/io.

import { KeelError, type Tensor } from 'evenkeel';
import type { Format, TensorEntry } from 'evenkeel/io';
import type { Terminal } from '../terminal.js';
import type { Order } from './digits.js';
import type { Given } from './given.js';
import { askedOf, type Asked, type Wish } from './layers.js';
import { formatFor, type Target } from './output.js';
import type { Input } from './readings.js';
import { dtypeNames, showExtents } from './report.js';
import { setsOf, sweepOf, sweepsOf, type Source, type Sweep } from './sweep.js';

export interface Job {
  readonly name: string;
  /** As it is seen, and written. */
  readonly shape: readonly number[];
  readonly order: Order;
  readonly inputFormat: Format;
  readonly outputFormat: ReturnType<typeof formatFor>;
  readonly asked: Asked;
  readonly sets: { readonly count: number; readonly elements: number };
  readonly sweep: Sweep;
  /** What is not asked for and happens. */
  readonly notes: readonly string[];
}

export interface JobOptions {
  readonly wish: Wish;
  readonly given: Given;
  /** To see the array in; null for its own. */
  readonly shape: readonly number[] | null;
  readonly target: Target | null;
}

/** Elements that are brought from Fortran order into C order in memory. */
const MOST_REORDERED = 2 ** 26;

/**
 * Plans what is done to a tensor of the input.
 *
 * @throws KeelError where method, parameters and shape do not fit, or what is needed does not fit memory.
 */
export function jobOf(input: Input, name: string, { wish, given, shape: seenAs, target }: JobOptions, terminal: Terminal): Job {
  const entry = input.file.entries.get(name);
  if (entry === undefined) throw new KeelError('argument', `'${input.name}' holds no tensor '${name}'`, { name });
  const { format } = entry;
  const shape = seenAs ?? entry.shape;
  if (seenAs !== null) checkShape(seenAs, entry, name);
  const outputFormat = formatFor(format, target?.kind ?? 'safetensors');
  const asked = withHint(wish, shape, seenAs, () => askedOf(wish, shape, given));
  const source = sourceOf(input, name, entry, shape, target);
  const progress = (done: number, total: number) => terminal.progress(`normalizing ${name}`, done, total);
  return {
    name,
    shape,
    order: source.order,
    inputFormat: format,
    outputFormat,
    asked,
    sets: asked.method.kind === 'windows' ? { count: 1, elements: sizeOf(shape) } : setsOf(asked.method, shape),
    sweep: sweepOf(source, asked.method, { progress }),
    notes: notesOf(name, format, outputFormat, given),
  };
}

/** Whether an array is read once, from its begin to its end; where it cannot be planned, that is nothing to wait for. */
export function isOneSweep({ shape: own, format, order = 'C' }: TensorEntry, { wish, given, shape: seenAs }: Omit<JobOptions, 'target'>): boolean {
  const shape = seenAs ?? own;
  try {
    return sweepsOf({ shape, format, order }, askedOf(wish, shape, given).method) === 1;
  } catch {
    return true;
  }
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

function sourceOf({ file }: Input, name: string, { shape: own, format, order = 'C' }: TensorEntry, shape: readonly number[], target: Target | null): Source {
  if (order === 'C' || target?.kind !== 'safetensors') {
    return { shape, format, order, range: (begin, end) => file.readRange(name, begin, end) };
  }
  // safetensors has rows first: the array is brought into that order in memory.
  if (sizeOf(own) > MOST_REORDERED) {
    const message = `'${name}' is in Fortran order, which .safetensors has not, and too large to be reordered: ` +
      `${sizeOf(own)} elements, ${MOST_REORDERED} at most; write to .npy, or save it in C order`;
    throw new KeelError('memory', message, { name, elements: sizeOf(own), limit: MOST_REORDERED });
  }
  let whole: Promise<Tensor> | null = null;
  const range = async (begin: number, end: number) => {
    whole ??= file.read(name).then((x) => x.reshape([x.size]));
    return (await whole).slice(0, begin, end);
  };
  return { shape, format, order: 'C', range };
}

function checkShape(seenAs: readonly number[], { shape, order }: TensorEntry, name: string): void {
  const asked = showExtents(seenAs);
  if (sizeOf(seenAs) !== sizeOf(shape)) {
    const message = `--shape ${asked} is invalid for '${name}' of ${showExtents(shape)}: ${sizeOf(seenAs)} elements, not ${sizeOf(shape)}`;
    throw new KeelError('shape', message, { shape, seenAs });
  }
  // Where axes are split or merged, the elements of another order come to lie elsewhere.
  const isReshaped = wide(seenAs).join() !== wide(shape).join();
  if (order !== 'F' || !isReshaped) return;
  const message = `'${name}' is in Fortran order, and --shape ${asked} splits or merges its axes (${showExtents(shape)}): save it in C order`;
  throw new KeelError('argument', message, { shape, seenAs });
}

function wide(shape: readonly number[]): number[] {
  return shape.filter((extent) => extent !== 1);
}

/** Layers with channels take the first axis for the batch, which one photo does not have. */
function withHint<T>({ as }: Wish, shape: readonly number[], seenAs: readonly number[] | null, f: () => T): T {
  const isPhoto = shape.length === 3 && [1, 3, 4].includes(shape[0] ?? 0);
  try {
    return f();
  } catch (error) {
    if (!(error instanceof KeelError) || !isPhoto || as === null || seenAs !== null) throw error;
    const hint = `for one image of ${shape.join(' × ')}, channels first, give --shape 1x${shape.join('x')}`;
    throw new KeelError(error.code, `${error.message}\n  ${hint}`, error.data);
  }
}

function notesOf(name: string, format: Format, outputFormat: Format, { weight, bias, running }: Given): string[] {
  const notes: string[] = [];
  const [from, to] = [dtypeNames[format], dtypeNames[outputFormat]];
  if (format === 'BF16' && outputFormat !== 'BF16') notes.push(`note: '${name}' is bfloat16, which NumPy has not: it becomes ${to}`);
  else if (from !== to) notes.push(`note: '${name}' is ${from}: it becomes ${to}`);
  const parameters = [weight, bias, running?.mean ?? null, running?.variance ?? null];
  if (format !== 'F64' && parameters.some((parameter) => parameter?.dtype === 'float64')) {
    notes.push(`note: parameters in float64 are rounded to float32, in which '${name}' is computed`);
  }
  return notes;
}
