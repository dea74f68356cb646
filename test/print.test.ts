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
const { print: rows } = JSON.parse(readFileSync(new URL('tensor/expected.json', import.meta.url), 'utf8')) as {
  readonly print: readonly Row[];
};

/** An element as Python writes it. */
function read(value: number | string | boolean): number {
  return typeof value === 'string' ? Number(value.replace('inf', 'Infinity')) : Number(value);
}

test.each(rows.map((row) => ({ ...row, name: row.text.replace(/\s+/g, ' ').slice(0, 60) })))(
  '$dtype $shape: $name',
  ({ shape, dtype, values, step = NaN, requiresGrad = false, text }) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const elements = values ?? Array.from({ length: size }, (_, i) => i * step);
    const data = dtype === 'int64' ? BigInt64Array.from(elements.map(BigInt)) : Float64Array.from(elements.map(read));
    expect(String(tensor(data, shape, { dtype, requiresGrad }))).toBe(text);
  },
);
