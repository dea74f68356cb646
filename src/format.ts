// Prints elements as PyTorch prints a tensor. Imports kernels' types only.

import type { Data, DType } from './kernels/kernels.js';

interface Printable {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly data: Data;
  /** As PyTorch ends its text: `requires_grad=True`, `grad_fn=<...>`, or nothing. */
  readonly gradText: string | null;
}

const precision = 4;
const edgeItems = 3;
const summarizeAbove = 1000;
const lineWidth = 80;
const manyDigits = 50;

/**
 * The text of `str(tensor)` in PyTorch: four decimals, scientific notation where the range asks for it, the middle
 * left out above 1000 elements.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.set_printoptions.html
 */
export function formatTensor(tensor: Printable): string {
  const prefix = 'tensor(';
  const body = tensor.data.length === 0 ? '[]' : formatElements(tensor, prefix.length);
  const suffixes: string[] = [];
  if (tensor.data.length === 0 && tensor.shape.length !== 1) suffixes.push(`size=(${tensor.shape.join(', ')})`);
  if (tensor.dtype === 'float64') suffixes.push('dtype=torch.float64');
  if (tensor.data.length === 0 && tensor.dtype === 'int64') suffixes.push('dtype=torch.int64');
  if (tensor.data.length === 0 && tensor.dtype === 'bool') suffixes.push('dtype=torch.bool');
  if (tensor.gradText !== null) suffixes.push(tensor.gradText);
  return `${withSuffixes(prefix + body, suffixes, prefix.length)})`;
}

/** A suffix goes to a line of its own where the last one is too long for it. */
function withSuffixes(text: string, suffixes: readonly string[], indent: number): string {
  // PyTorch counts two more than the last line has, one on the lines after the first.
  let length = text.length - text.lastIndexOf('\n') + 1;
  return suffixes.reduce((written, suffix) => {
    const fits = length + suffix.length + 2 <= lineWidth;
    length = fits ? length + suffix.length + 2 : indent + suffix.length;
    return written + (fits ? ', ' : `,\n${' '.repeat(indent)}`) + suffix;
  }, text);
}

function formatElements(tensor: Printable, indent: number): string {
  const summarize = tensor.data.length > summarizeAbove;
  const kept = keptPositions(tensor.shape, summarize);
  const format = formatter(
    tensor.dtype,
    kept.map((at) => tensor.data[at] ?? 0),
  );
  const item = (at: number): string => format.text(tensor.data[at] ?? 0).padStart(format.width);
  const write = (axis: number, offset: number, left: number): string => {
    const extent = tensor.shape[axis];
    if (extent === undefined) return item(offset);
    const step = tensor.shape.slice(axis + 1).reduce((product, size) => product * size, 1);
    const isLast = axis === tensor.shape.length - 1;
    const items = indices(extent, summarize).map((i) =>
      i === null ? (isLast ? ' ...' : '...') : write(axis + 1, offset + i * step, left + 1),
    );
    if (isLast) return `[${wrap(items, format.width, left)}]`;
    const gap = '\n'.repeat(tensor.shape.length - axis - 1) + ' '.repeat(left + 1);
    return `[${items.join(`,${gap}`)}]`;
  };
  return write(0, 0, indent);
}

/** Items of the last axis, as many to a line as its width takes. */
function wrap(items: readonly string[], width: number, left: number): string {
  const perLine = Math.max(1, Math.floor((lineWidth - left) / (width + 2)));
  const lines: string[] = [];
  for (let i = 0; i < items.length; i += perLine) lines.push(items.slice(i, i + perLine).join(', '));
  return lines.join(`,\n${' '.repeat(left + 1)}`);
}

/** Positions along an axis that are printed; null stands for those left out. */
function indices(extent: number, summarize: boolean): (number | null)[] {
  const all = Array.from({ length: extent }, (_, i) => i);
  return summarize && extent > 2 * edgeItems ? [...all.slice(0, edgeItems), null, ...all.slice(-edgeItems)] : all;
}

function keptPositions(shape: readonly number[], summarize: boolean): number[] {
  return shape.reduce<number[]>(
    (positions, extent) =>
      positions.flatMap((at) => indices(extent, summarize).flatMap((i) => (i === null ? [] : [at * extent + i]))),
    [0],
  );
}

/** A text for each element, padded to the width of the longest; one format for all, chosen from the finite ones. */
interface Format {
  readonly text: (value: number | bigint) => string;
  readonly width: number;
}

function formatter(dtype: DType, values: readonly (number | bigint)[]): Format {
  if (dtype === 'bool') return widest((value) => (value === 0 ? 'False' : 'True'), values);
  if (dtype === 'int64') return widest(String, values);
  const finite = values.map(Number).filter((value) => Number.isFinite(value) && value !== 0);
  const magnitudes = finite.map(Math.abs);
  const largest = magnitudes.reduce((a, b) => Math.max(a, b), 0);
  const least = magnitudes.reduce((a, b) => Math.min(a, b), Infinity);
  const whole = finite.every(Number.isInteger);
  const scientific = largest / least > 1000 || largest > 1e8 || least < 1e-4;
  const text = (element: number | bigint): string => {
    const value = Number(element);
    if (Number.isNaN(value)) return 'nan';
    if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
    if (scientific) return exponential(value);
    return whole ? `${fixed(value, 0)}.` : fixed(value, precision);
  };
  return widest(text, finite);
}

function widest(text: Format['text'], values: readonly (number | bigint)[]): Format {
  return { text, width: Math.max(1, ...values.map((value) => text(value).length)) };
}

/** Python's %.4f, or %.0f of a whole number. */
function fixed(value: number, digits: number): string {
  // toFixed keeps the sign of what rounds to zero, but not that of -0 itself.
  const sign = Object.is(value, -0) ? '-' : '';
  return sign + tiesToEven(value.toFixed(digits), value.toFixed(manyDigits), digits);
}

/** Python's %.4e: at least two digits of exponent. */
function exponential(value: number): string {
  const [mantissa = '', exponent] = value.toExponential(precision).split('e');
  const [exact = ''] = value.toExponential(manyDigits).split('e');
  const digits = Number(exponent);
  const sign = Object.is(value, -0) ? '-' : '';
  const rounded = tiesToEven(mantissa, exact, precision);
  return `${sign}${rounded}e${digits < 0 ? '-' : '+'}${String(Math.abs(digits)).padStart(2, '0')}`;
}

/** JavaScript rounds a tie away from zero, Python to the even digit; `exact` has more digits, to tell a tie. */
function tiesToEven(rounded: string, exact: string, digits: number): string {
  const end = exact.indexOf('.') + 1 + digits;
  const kept = exact.slice(0, end);
  return /^50*$/.test(exact.slice(end)) && /[02468]$/.test(kept) ? kept : rounded;
}
