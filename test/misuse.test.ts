// What a program without types may pass: each is refused with what was given, never with a TypeError or wrong numbers.
import {
  cat, conv2d, convTranspose1d, elu, embedding, full, gelu, leakyRelu, linear, logSoftmax, matmul, ones, relu6, silu,
  softmax, softplus, stack, tensor, where, zeros, type ErrorCode,
} from 'evenkeel';
import { expect, test } from 'vitest';
import { refusal } from './refusal.js';

/** Passes for any type, as in a program without types. */
const anything = (value: unknown): never => value as never;

const x = ones([2, 3]);
const mask = x.gt(0);
const image = ones([1, 1, 3, 3]);

test.each([
  ['nothing', undefined, 'undefined'],
  ['null', null, 'null'],
  ['a list', [1, 2], 'a list'],
  ['a number', 3, 'number 3'],
  ['text', 'x', "string 'x'"],
  ['an object', { shape: [2] }, 'an object'],
])('%s in place of a tensor', (_, value, given) => {
  const it = anything(value);
  const one = [
    () => softmax(it, 0), () => logSoftmax(it, 0), () => gelu(it), () => gelu(it, 'tanh'), () => silu(it),
    () => leakyRelu(it), () => elu(it), () => relu6(it), () => softplus(it), () => matmul(it, x), () => matmul(x, it),
    () => linear(it, x), () => linear(x, it), () => conv2d(it, x), () => conv2d(x, it), () => convTranspose1d(x, it),
    () => embedding(it, x), () => embedding(x, it), () => where(it, 1, 2), () => x.and(it), () => mask.or(it),
    () => cat([x, it]), () => cat([it]), () => stack([it, x]),
  ];
  for (const call of one) {
    const { code, message } = refusal(call);
    expect([code, message]).toEqual(['argument', expect.stringContaining(given)]);
    expect(message).toMatch(/^\w+ takes a Tensor, got .*: make one with tensor\(\)$/);
  }
  if (typeof value === 'number') return;
  for (const call of [() => x.add(it), () => where(mask, x, it), () => x.maximum(it), () => x.eq(it)]) {
    const { code, message } = refusal(call);
    expect([code, message]).toEqual(['argument', expect.stringContaining(given)]);
  }
});

test.each<[name: string, f: () => unknown, code: ErrorCode, ...facts: string[]]>([
  ['cat of a tensor', () => cat(anything(x)), 'argument', 'cat takes a list of tensors', 'cat([a, b])'],
  ['stack of a tensor', () => stack(anything(x)), 'argument', 'stack takes a list of tensors'],
  ['stack of nothing', () => stack([]), 'argument', 'non-empty'],
  ['cat of two dtypes', () => cat([x, ones([2, 3], { dtype: 'float64' })]), 'dtype', 'float32 and float64'],
  ['stack of two dtypes', () => stack([x, ones([2, 3], { dtype: 'int64' })]), 'dtype', 'float32 and int64'],
  ['softmax without dim', () => softmax(x, anything(undefined)), 'dimension', 'undefined'],
  ['softmax over two', () => softmax(x, anything([0, 1])), 'dimension', 'got 0,1'],
  ['softmax over a list of one', () => logSoftmax(x, anything([1])), 'dimension'],
  ['softmax over null', () => logSoftmax(x, anything(null)), 'dimension', 'null'],
  ['a reshape by numbers', () => Reflect.apply(x.reshape, x, [3, 2]), 'argument', 'one list', '[4, 2]', 'number 3'],
  ['an expansion by numbers', () => Reflect.apply(x.expand, x, [2, 3]), 'argument', 'one list'],
  ['a repeat by numbers', () => Reflect.apply(x.repeat, x, [2, 3]), 'argument', 'one list'],
  ['a permutation by numbers', () => Reflect.apply(x.permute, x, [1, 0]), 'argument', 'list', 'number 1'],
  ['zeros by numbers', () => Reflect.apply(zeros, null, [3, 2]), 'argument', 'one list'],
  ['a reshape by a fraction', () => x.reshape([1.5, 4]), 'size', '1.5'],
  ['a reshape below -1', () => x.reshape([-2, 3]), 'size', '-2'],
  ['an expansion by a fraction', () => ones([1, 3]).expand([2.5, 3]), 'size', '2.5'],
  ['an expansion by NaN', () => ones([3]).expand([NaN, 3]), 'size', 'NaN'],
  ['an expansion beyond memory', () => ones([1, 3]).expand([2 ** 40, 3]), 'size', '2³²'],
  ['a repeat by a fraction', () => x.repeat([1.5, 1]), 'size', '1.5'],
  ['a repeat by NaN', () => x.repeat([NaN, 1]), 'size', 'NaN'],
  ['a split by nothing', () => x.split(anything(undefined)), 'argument', 'undefined'],
  ['a split by text', () => x.split(anything('1')), 'argument', '1'],
  ['a sum over an object', () => x.sum(anything({ keepdim: true })), 'argument', 'an object'],
  ['a sum over text', () => x.sum(anything('0')), 'argument', "'0'"],
  ['a clamp without limits', () => x.clamp(anything(undefined)), 'argument', "At least one of 'min' or 'max'"],
  ['a clamp by a number', () => x.clamp(anything(3)), 'argument', "At least one of 'min' or 'max'"],
  ['a padding in words', () => conv2d(image, image, { padding: anything('same') }), 'argument', 'same'],
  ['a linear bias of more rows', () => linear(x, ones([4, 3]), ones([5, 4])), 'shape', '5 × 4', '4'],
  ['a linear bias that fits by chance', () => linear(x, ones([4, 3]), ones([2, 4])), 'shape', '2 × 4'],
  ['a linear bias of one for all', () => linear(x, ones([4, 3]), ones([1])), 'shape', '1'],
  ['full of text', () => full([2], anything('3')), 'argument', "string '3'"],
  ['full of a boolean', () => full([2], anything(true)), 'argument', 'boolean true'],
  ['full of nothing', () => full([2], anything(undefined)), 'argument', 'undefined'],
  ['NaN as int64', () => tensor([1, NaN]).to('int64'), 'dtype', 'NaN'],
  ['infinity as int64', () => tensor([-Infinity]).to('int64'), 'dtype', '-Infinity'],
  ['1e30 as int64', () => tensor([1e30]).to('int64'), 'dtype', 'int64'],
  ['2⁶³ as int64', () => tensor([2 ** 63], { dtype: 'int64' }), 'dtype', '9223372036854775808'],
  ['a bigint beyond int64', () => tensor([2n ** 63n]), 'dtype', '9223372036854775808'],
])('%s', (_, f, code, ...facts) => {
  const { code: got, message } = refusal(f);
  expect([got, message]).toEqual([code, expect.any(String)]);
  for (const fact of facts) expect(message).toContain(fact);
});

test('the ends of int64 pass', () => {
  expect(Array.from(tensor([-(2 ** 63), 2 ** 62], { dtype: 'float64' }).to('int64').data, String)).toEqual([
    '-9223372036854775808', '4611686018427387904',
  ]);
  const ends = tensor([2n ** 63n - 1n, -(2n ** 63n)]);
  expect(ends.clone().data).toEqual(ends.data);
  expect(where(tensor([false, true]), ends.clone(), ends).data).toEqual(ends.data);
});
