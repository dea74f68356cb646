// What normalize says: which elements shared statistics, and what became of the first sets. Imports the frame and neighbours.

import type { Format } from 'evenkeel/io';
import { table } from '../text.js';
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
export function setsTable(rows: readonly SetRow[], count: number, columns: number): string[] {
  const numbers = rows.map(({ index, before, after }) => [
    `[${index.join(', ')}]`, ...[before.mean, before.std, after.mean, after.std].map(decimals),
  ]);
  const rest = count - rows.length;
  const right = 'right' as const;
  return [
    ...table([['statistic', 'mean before', 'std before', 'mean after', 'std after'], ...numbers], { columns, align: ['left', right, right, right, right] }),
    ...(rest > 0 ? [`and ${rest} more`] : []),
  ];
}

/** Four decimals, and no minus before zeros; what has too many digits before the point, by its power of ten. */
function decimals(value: number): string {
  if (Math.abs(value) >= 1e6 && Number.isFinite(value)) return value.toExponential(4);
  return value.toFixed(4).replace(/^-(0\.0+)$/, '$1');
}
