// What normalize says: which elements shared statistics, and what became of the first sets. Imports its neighbours alone.

import type { Format } from 'evenkeel/io';
import type { SetRow } from './firstsets.js';

/** NumPy's and PyTorch's names of the formats. */
export const dtypeNames: Readonly<Record<Format, string>> = {
  F64: 'float64', F32: 'float32', F16: 'float16', BF16: 'bfloat16',
  I64: 'int64', I32: 'int32', I16: 'int16', I8: 'int8', U32: 'uint32', U16: 'uint16', U8: 'uint8', BOOL: 'bool',
};

/** `2 × 3 × 4` */
export function showExtents(shape: readonly number[]): string {
  return shape.join(' × ') || 'one number';
}

/** Mean and deviation of the first sets, before and after; `count` is how many sets there are. */
export function setsTable(rows: readonly SetRow[], count: number): string[] {
  const names = rows.map(({ index }) => `[${index.join(', ')}]`);
  const width = Math.max(9, ...names.map((name) => name.length));
  const line = (cells: readonly string[]) => cells.map((cell, i) => (i === 0 ? cell.padEnd(width) : cell.padStart(12))).join(' ');
  const numbers = rows.map(({ before, after }) => [before.mean, before.std, after.mean, after.std].map(decimals));
  const rest = count - rows.length;
  return [
    line(['statistic', 'mean before', 'std before', 'mean after', 'std after']),
    ...numbers.map((cells, i) => line([names[i] ?? '', ...cells])),
    ...(rest > 0 ? [`and ${rest} more`] : []),
  ];
}

/** Four decimals, and no minus before zeros; what has too many digits before the point, by its power of ten. */
function decimals(value: number): string {
  if (Math.abs(value) >= 1e6 && Number.isFinite(value)) return value.toExponential(4);
  return value.toFixed(4).replace(/^-(0\.0+)$/, '$1');
}
