// Making tensors and reading them: shapes, dtypes, PyTorch's ranges from tensor/expected.json, and what is refused.
import { readFileSync } from 'node:fs';
import {
  arange, full, linspace, ones, tensor, zeros, type DType, type ErrorCode, type Tensor,
} from 'evenkeel';
import { describe, expect, test } from 'vitest';
import { refusal } from './refusal.js';

/** Passes for any type, as in a program without types. */
const anything = (value: unknown): never => value as never;

function endless(): never {
  const list: unknown[] = [];
  list.push(list, list);
  return anything(list);
}

const about = ({ shape, dtype, data }: Tensor) => [shape, dtype, Array.from(data, String)];

describe('tensor', () => {
  const rows: [name: string, make: () => Tensor, shape: number[], dtype: DType, data: (number | bigint)[]][] = [
    ['a number', () => tensor(2.5), [], 'float32', [2.5]],
    ['a boolean', () => tensor(true), [], 'bool', [1]],
    ['a bigint', () => tensor(5n), [], 'int64', [5n]],
    ['a list', () => tensor([1, 2, 3]), [3], 'float32', [1, 2, 3]],
    ['nested lists', () => tensor([[1, 2], [3, 4], [5, 6]]), [3, 2], 'float32', [1, 2, 3, 4, 5, 6]],
    ['four levels', () => tensor([[[[1]], [[2]]]]), [1, 2, 1, 1], 'float32', [1, 2]],
    ['booleans', () => tensor([[true, false]]), [1, 2], 'bool', [1, 0]],
    ['bigints', () => tensor([1n, -(2n ** 62n)]), [2], 'int64', [1n, -(2n ** 62n)]],
    ['nothing', () => tensor([]), [0], 'float32', []],
    ['empty lists', () => tensor([[], []]), [2, 0], 'float32', []],
    ['a flat list in a shape', () => tensor([1, 2, 3, 4], [2, 2]), [2, 2], 'float32', [1, 2, 3, 4]],
    ['nested lists in another shape', () => tensor([[1, 2], [3, 4]], [4]), [4], 'float32', [1, 2, 3, 4]],
    ['a number in a shape of ones', () => tensor(3, [1, 1]), [1, 1], 'float32', [3]],
    ['no elements in a shape', () => tensor([], [2, 0]), [2, 0], 'float32', []],
    ['a Float32Array', () => tensor(new Float32Array([0.1, 2])), [2], 'float32', [Math.fround(0.1), 2]],
    ['a Float64Array', () => tensor(new Float64Array([0.1, 2]), [2, 1]), [2, 1], 'float64', [0.1, 2]],
    ['a BigInt64Array', () => tensor(new BigInt64Array([3n])), [1], 'int64', [3n]],
    ['a Uint8Array as float32', () => tensor(new Uint8Array([255, 0]), { dtype: 'float32' }), [2], 'float32', [255, 0]],
    ['a Uint8Array as bool', () => tensor(new Uint8Array([2, 0]), [2], { dtype: 'bool' }), [2], 'bool', [1, 0]],
    ['an Int32Array as int64', () => tensor(new Int32Array([-3]), { dtype: 'int64' }), [1], 'int64', [-3n]],
    ['lists of typed rows', () => tensor(anything([new Float32Array([1, 2])])), [1, 2], 'float32', [1, 2]],
    ['booleans and numbers as float32', () => tensor([true, 2], { dtype: 'float32' }), [2], 'float32', [1, 2]],
    ['full of float64', () => full([2], 0.1, { dtype: 'float64' }), [2], 'float64', [0.1, 0.1]],
    ['full of int64, cut', () => full([1], -2.9, { dtype: 'int64' }), [1], 'int64', [-2n]],
    ['full of bool', () => full([1], NaN, { dtype: 'bool' }), [1], 'bool', [1]],
    ['typed rows', () => tensor([1.9, -1.9, 0], { dtype: 'int64' }), [3], 'int64', [1n, -1n, 0n]],
    ['floats as bool', () => tensor([0.5, 0, -0, NaN], { dtype: 'bool' }), [4], 'bool', [1, 0, 0, 1]],
    ['float64', () => tensor([0.1], { dtype: 'float64' }), [1], 'float64', [0.1]],
    ['rounded to float32', () => tensor([0.1, 1e40, NaN, -0]), [4], 'float32', [Math.fround(0.1), Infinity, NaN, -0]],
    ['zeros', () => zeros([2, 2]), [2, 2], 'float32', [0, 0, 0, 0]],
    ['ones of int64', () => ones([2], { dtype: 'int64' }), [2], 'int64', [1n, 1n]],
    ['ones of bool', () => ones([1], { dtype: 'bool' }), [1], 'bool', [1]],
    ['a scalar of zeros', () => zeros([]), [], 'float32', [0]],
    ['full', () => full([2], -2.5), [2], 'float32', [-2.5, -2.5]],
    ['full of none', () => full([0, 3], 1), [0, 3], 'float32', []],
  ];

  test.each(rows)('%s', (_, make, shape, dtype, data) => {
    const made = make();
    expect(about(made)).toEqual([shape, dtype, data.map(String)]);
    expect([made.size, made.rank]).toEqual([data.length, shape.length]);
  });

  test('copies its data', () => {
    const data = new Float32Array([1, 2]);
    const shape = [2];
    const x = tensor(data, shape);
    data[0] = 9;
    shape[0] = 9;
    expect(about(x)).toEqual([[2], 'float32', ['1', '2']]);
  });

  test('requires a gradient when asked', () => {
    const made = [tensor([1]), tensor([1], { requiresGrad: true }), zeros([1], { requiresGrad: true })];
    expect(made.map((x) => x.requiresGrad)).toEqual([false, true, true]);
  });

  const bad: [name: string, f: () => unknown, code: ErrorCode, ...facts: string[]][] = [
    ['ragged rows', () => tensor([[1, 2], [3]]), 'shape', 'expected sequence of length 2 at dim 1 (got 1', 'index 1'],
    ['ragged depth', () => tensor([[1, 2], 3]), 'shape', 'dim 1', 'index 1'],
    ['ragged below', () => tensor([[[1], [2]], [[3], [4, 5]]]), 'shape', 'length 1 at dim 2 (got 2'],
    ['a shape that does not hold it', () => tensor([1, 2, 3], [2, 2]), 'shape', "'[2, 2]'", 'input of size 3'],
    ['a shape of NaN', () => tensor([1], [NaN]), 'size', 'NaN'],
    ['a negative extent', () => zeros([2, -1]), 'size', '-1'],
    ['a fraction', () => ones([1.5]), 'size', '1.5'],
    ['an infinite extent', () => full([Infinity], 1), 'size', 'Infinity'],
    ['too many elements', () => zeros([2 ** 20, 2 ** 20]), 'size', '2³²'],
    ['a typed array of integers', () => tensor(new Int16Array([1])), 'dtype', 'Int16Array', "dtype: 'float32'"],
    ['a fraction of infinity as int64', () => tensor([Infinity], { dtype: 'int64' }), 'dtype', 'Infinity'],
    ['NaN as int64', () => tensor([NaN], { dtype: 'int64' }), 'dtype', 'NaN'],
    ['an unknown dtype', () => tensor([1], { dtype: anything('float16') }), 'dtype', 'float16', 'float32'],
    ['an unknown dtype of zeros', () => zeros([1], { dtype: anything('int32') }), 'dtype', 'int32'],
    ['text', () => tensor(anything('12')), 'dtype', 'string'],
    ['rows of text', () => tensor([anything('1')]), 'dtype', 'string'],
    ['undefined', () => tensor(anything(undefined)), 'dtype', 'undefined'],
    ['null', () => tensor([anything(null)]), 'dtype', 'null'],
    ['a gradient of bool', () => tensor([true], { requiresGrad: true }), 'dtype', 'floating point', 'bool'],
    ['a gradient of int64', () => ones([1], { dtype: 'int64', requiresGrad: true }), 'dtype', 'int64'],
    ['a shape that is a number', () => zeros(anything(3)), 'argument', '3', '[4, 2]'],
    ['a number for a shape', () => tensor([1, 2], anything(2)), 'argument', 'number 2'],
    ['a typed array for a shape', () => tensor([1, 2], anything(new Int32Array([2]))), 'argument', 'list'],
    ['null for a shape', () => tensor([1, 2], anything(null)), 'argument', 'null'],
    ['booleans and numbers', () => tensor([[true, false], [true, 1]]), 'dtype', 'booleans and numbers', 'dtype'],
    ['numbers and bigints', () => tensor([0.5, 1n]), 'dtype', 'bigints and numbers'],
    ['an object', () => tensor(anything({ length: 2 })), 'dtype', 'an object'],
    ['a tensor', () => tensor(anything(zeros([2]))), 'dtype', 'Tensor'],
    ['a view without elements', () => tensor(anything(new DataView(new ArrayBuffer(8)))), 'dtype', 'a DataView'],
    ['holes', () => tensor(anything([1, , 2])), 'dtype', 'undefined'], // oxlint-disable-line no-sparse-arrays
    ['a list that holds itself', () => tensor(endless()), 'shape', '64'],
    ['65 levels', () => tensor(anything(JSON.parse('['.repeat(65) + ']'.repeat(65)))), 'shape', '64'],
  ];

  test.each(bad)('refuses %s', (_, f, code, ...facts) => {
    const error = refusal(f);
    expect(error.code).toBe(code);
    for (const fact of facts) expect(error.message).toContain(fact);
  });
});

describe('reading', () => {
  const x = tensor([[1.5, -0], [NaN, Infinity]]);

  test('toArray nests', () => {
    expect(x.toArray()).toEqual([[1.5, -0], [NaN, Infinity]]);
    expect(tensor([[[1], [2]]]).toArray()).toEqual([[[1], [2]]]);
    expect([tensor(7).toArray(), tensor(true).toArray(), tensor([2n, 3n]).toArray()]).toEqual([7, true, [2, 3]]);
    expect([zeros([0]).toArray(), zeros([2, 0]).toArray(), zeros([0, 2]).toArray()]).toEqual([[], [[], []], []]);
  });

  test('item takes the only element', () => {
    expect([tensor(2.5).item(), tensor([[3]]).item(), tensor(4n).item(), tensor(true).item()]).toEqual([2.5, 3, 4, 1]);
    expect(refusal(() => x.item())).toMatchObject({ code: 'shape', message: expect.stringContaining('4 elements') });
    expect(refusal(() => zeros([0]).item()).code).toBe('shape');
  });

  test('data is a view, read a copy', async () => {
    const y = tensor([1, 2]);
    const copy = await y.read();
    y.data[0] = 5;
    expect([y.toArray(), Array.from(copy, Number)]).toEqual([[5, 2], [1, 2]]);
  });

  test('each dtype has its typed array', () => {
    const dtypes: DType[] = ['float32', 'float64', 'int64', 'bool'];
    const arrays = dtypes.map((dtype) => ones([1], { dtype }).data.constructor.name);
    expect(arrays).toEqual(['Float32Array', 'Float64Array', 'BigInt64Array', 'Uint8Array']);
  });

  test('int64 beyond 2⁵³ stays exact, and is refused as a number', () => {
    const big = tensor([2n ** 60n + 1n]);
    expect(big.data[0]).toBe(2n ** 60n + 1n);
    expect(String(big)).toBe('tensor([1152921504606846977])');
    expect(refusal(() => big.toArray()).message).toContain('1152921504606846977');
    expect(refusal(() => big.item()).code).toBe('dtype');
  });
});

interface Range {
  readonly start: number;
  readonly end: number;
  readonly steps: number;
  readonly step: number;
  readonly values: readonly number[];
}

// tensor/generate.py wrote it in this form.
const expected = JSON.parse(readFileSync(new URL('tensor/expected.json', import.meta.url), 'utf8')) as {
  readonly linspace: readonly Range[];
  readonly arange: readonly Range[];
};

describe('ranges', () => {
  test.each(expected.linspace)('linspace($start, $end, $steps), to the bit', ({ start, end, steps, values }) => {
    expect(Array.from(linspace(start, end, steps).data, Number)).toEqual(values);
  });

  test.each(expected.arange)('arange($start, $end, $step)', ({ start, end, step, values }) => {
    expect(Array.from(arange(start, end, step).data, Number)).toEqual(values);
  });

  test('of one argument, of other dtypes', () => {
    expect(arange(3).toArray()).toEqual([0, 1, 2]);
    expect(arange(0, 3, 1, { dtype: 'int64' }).dtype).toBe('int64');
    expect(linspace(0, 1, 3, { dtype: 'float64' }).toArray()).toEqual([0, 0.5, 1]);
    expect(linspace(0, 1, 2, { requiresGrad: true }).requiresGrad).toBe(true);
  });

  const bad: [name: string, f: () => unknown, code: ErrorCode][] = [
    ['a step of 0', () => arange(0, 3, 0), 'argument'],
    ['a step of the wrong sign', () => arange(0, 3, -1), 'argument'],
    ['NaN', () => arange(NaN), 'argument'],
    ['more than memory', () => arange(1e12), 'size'],
    ['more steps than memory', () => linspace(0, 1, 1e12), 'size'],
    ['an infinite end', () => arange(0, Infinity), 'argument'],
    ['a negative number of steps', () => linspace(0, 1, -1), 'size'],
    ['a fraction of a step', () => linspace(0, 1, 2.5), 'size'],
  ];

  test.each(bad)('refuses %s', (_, f, code) => expect(refusal(f).code).toBe(code));
});

test('pieces of nothing, as many as PyTorch gives', () => {
  const nothing = zeros([0]);
  const pieces = [nothing.chunk(3), nothing.split(5), nothing.split(0), zeros([2]).chunk(3), zeros([7]).chunk(3)];
  expect(pieces.map((list) => list.map((x) => x.size))).toEqual([[0, 0, 0], [0], [0], [1, 1], [3, 3, 1]]);
});

test('a constant takes no longer than its memory', () => {
  const start = performance.now();
  for (const dtype of ['float32', 'float64', 'int64', 'bool'] as const) zeros([2 ** 21], { dtype }).dispose();
  // 8 million elements: some 30 ms, and two seconds one by one.
  expect(performance.now() - start).toBeLessThan(500);
});

describe('methods of shape refuse', () => {
  const x = zeros([2, 3]);
  const rows: [name: string, f: () => unknown, code: ErrorCode, ...facts: string[]][] = [
    ['a reshape of another size', () => x.reshape([4, 2]), 'shape', "'[4, 2]' is invalid for input of size 6"],
    ['a reshape with two unknowns', () => x.reshape([-1, -1]), 'shape', 'only one dimension can be inferred'],
    ['a reshape to NaN', () => x.reshape([NaN]), 'size', 'NaN'],
    ['a reshape of nothing to an unknown', () => zeros([0]).reshape([0, -1]), 'shape', '0'],
    ['a permutation of another rank', () => x.permute([0]), 'dimension', 'rank 2'],
    ['a permutation with a repeat', () => x.permute([0, 0]), 'dimension'],
    ['a dimension out of range', () => x.sum(2), 'dimension', 'range of [-2, 1], but got 2'],
    ['a dimension twice', () => x.sum([0, -2]), 'dimension', 'multiple times'],
    ['a dimension of a fraction', () => x.mean(0.5), 'dimension', '0.5'],
    ['an expansion', () => x.expand([2, 4]), 'shape', '2, 4', '2, 3'],
    ['an expansion to fewer axes', () => x.expand([3]), 'shape'],
    ['an expansion of a new axis by -1', () => x.expand([-1, 2, 3]), 'shape'],
    ['a repeat of fewer axes', () => x.repeat([2]), 'argument'],
    ['a split that does not add up', () => x.split([1, 1], 1), 'argument', 'sum exactly to 3', '1, 1'],
    ['a split by 0', () => x.split(0), 'argument', '0'],
    ['a slice by step 0', () => x.slice(0, 0, 2, 0), 'argument', 'step'],
    ['a slice from NaN', () => x.slice(0, NaN), 'argument', 'NaN'],
    ['a selection outside', () => x.select(1, 3), 'dimension', 'index 3 is out of bounds for dimension 1 with size 3'],
    ['a flatten the wrong way', () => x.flatten(1, 0), 'dimension'],
    ['a maximum of nothing', () => zeros([0]).max(), 'shape', 'max'],
    ['a norm of no order', () => x.vectorNorm(NaN), 'argument', 'NaN'],
    ['a conversion to an unknown dtype', () => x.to(anything('half')), 'dtype', 'half'],
  ];

  test.each(rows)('%s', (_, f, code, ...facts) => {
    const error = refusal(f);
    expect(error.code).toBe(code);
    for (const fact of facts) expect(error.message).toContain(fact);
  });
});
