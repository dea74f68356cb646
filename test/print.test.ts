// String(tensor) equals Python's str(tensor): texts of PyTorch in tensor/expected.json.
import { readFileSync } from 'node:fs';
import { tensor, type DType } from 'evenkeel';
import { expect, test } from 'vitest';

interface Row {
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** Elements in order; infinities, NaN and large integers as Python writes them. */
  readonly values?: readonly (number | string | boolean)[];
  /** In place of values: 0, step, 2·step, ... */
  readonly step?: number;
  readonly requiresGrad?: boolean;
  readonly text: string;
}

// tensor/generate.py wrote it in this form.
const rows = (JSON.parse(readFileSync(new URL('tensor/expected.json', import.meta.url), 'utf8')) as { print: Row[] }).print;

test.each(rows.map((row) => ({ ...row, name: row.text.replace(/\s+/g, ' ').slice(0, 60) })))(
  '$dtype $shape: $name',
  ({ shape, dtype, values, step = NaN, requiresGrad = false, text }) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const read = (value: number | string | boolean): number | bigint =>
      dtype === 'int64' ? BigInt(value) : typeof value === 'string' ? Number(value.replace('inf', 'Infinity')) : Number(value);
    const elements = values?.map(read) ?? Array.from({ length: size }, (_, i) => (dtype === 'int64' ? BigInt(i * step) : i * step));
    const data = dtype === 'int64' ? BigInt64Array.from(elements.map(BigInt)) : Float64Array.from(elements.map(Number));
    expect(String(tensor(data, shape, { dtype, requiresGrad }))).toBe(text);
  },
);
