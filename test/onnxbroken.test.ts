// ONNX models that are malformed: each is refused by what is wrong, and nothing is allocated before.

import { memory } from 'evenkeel';
import { load, openOnnx } from 'evenkeel/io';
import { describe, expect, test } from 'vitest';
import { hex, initializer, message, modelOf } from './onnx/build.js';
import { refusesFile } from './refusal.js';

const text = (value: string) => new TextEncoder().encode(value);

describe('malformed models are refused', () => {
  const ok: readonly [number, number] = [1, 8];
  const rows = [
    ['a text', text('one, two, three'), 'it is no ONNX model'],
    ['another protobuf', message([1, 'name'], [2, 5]), 'it is no ONNX model'],
    ['no graph', message(ok, [2, 'pytorch']), 'it is no ONNX model: it has no graph'],
    ['no version', message([7, hex('')]), 'it is no ONNX model: it has no ir_version'],
    ['two graphs', message(ok, [7, hex('')], [7, hex('')]), 'the model has two graphs'],
    ['a graph that is a number', message(ok, [7, 5]), 'the model has field 7 as varint at byte'],
    ['a length beyond the file', hex('08 08 3a 7f 12'), 'the model ends at byte 5, and its field 7 at byte 4 runs past it'],
    ['a length of 2⁶³', hex('08 08 3a ff ff ff ff ff ff ff ff ff 01'), 'field 7 at byte 13 runs past it'],
    ['a length of 2⁵⁰', hex('08 08 3a 80 80 80 80 80 80 80 02'), 'field 7 at byte 11 runs past it'],
    ['a length beyond its message', modelOf(hex('0a 05 22 7f 41 42 43')), 'node 0 ends at byte 11, and its field 4 at byte 8 runs past it'],
    ['a varint of 11 bytes', hex('08 08 40 80 80 80 80 80 80 80 80 80 80 01'), 'does not end, or is longer than 64 bits'],
    ['a varint of 65 bits', hex('08 08 40 ff ff ff ff ff ff ff ff ff 02'), 'does not end, or is longer than 64 bits'],
    ['a varint that is cut', hex('08 08 40 80'), 'does not end'],
    ['a fixed number that is cut', hex('08 08 41 01 02'), 'field 8 at byte 3 runs past it'],
    ['a group', hex('08 08 43 44'), 'the model has field 8 of wire type 3 at byte 2'],
    ['the end of a group', hex('08 08 44'), 'wire type 4'],
    ['a wire type that does not exist', hex('08 08 47'), 'wire type 7'],
    ['field 0', hex('08 08 00 01'), 'the model has no field at byte 2: its tag is 0'],
    ['a version of 60 bits', message([1, 2n ** 60n], [7, hex('')]), 'the model has field 1 as 1152921504606846976, beyond 53 bits'],
    ['a node without an operator', modelOf(message([1, message([3, 'nameless'])])), 'node 0 at byte 6 has no op_type'],
    ['a name that is no UTF-8', modelOf(message([1, message([4, hex('ff')])])), 'no UTF-8'],
    ['an attribute twice', modelOf(message([1, message([4, 'Op'], [5, message([1, 'a'])], [5, message([1, 'a'])])])), "node 0 has two attributes called 'a'"],
    ['an attribute with two tensors', modelOf(message([1, message([4, 'Op'], [5, message([5, hex('')], [5, hex('')])])])), 'has two values of type tensor'],
    ['an attribute without its graph', modelOf(message([1, message([4, 'Op'], [5, message([20, 5])])])), 'is of type graph, and has none'],
    ['floats of five bytes', modelOf(message([1, message([4, 'Op'], [5, message([7, hex('0000803f00')])])])), 'no multiple of 4'],
    ['an initializer twice', modelOf(message([5, message([8, 'w'])], [5, message([8, 'w'])])), "two initializers are called 'w'"],
    ['a negative dimension', initializer([1, -2], [2, 1]), 'has a bad dimension at byte'],
    ['a dimension of 2⁶⁰', initializer([1, 2n ** 60n], [2, 1]), 'has a bad dimension'],
    ['65 axes', initializer([1, new Uint8Array(65).fill(1)], [2, 1]), 'has more than 64 axes'],
    ['a million axes', initializer([1, new Uint8Array(1e6).fill(1)], [2, 1]), 'has more than 64 axes'],
    ['a sparse initializer', modelOf(message([15, message([1, message([8, 'thin'])])])), "the initializer 'thin' is sparse, which is not read"],
  ] as const;

  test.each(rows)('%s', async (_, bytes, words) => {
    const before = memory().tensors;
    await refusesFile(() => openOnnx(bytes), words);
    await refusesFile(() => openOnnx(new File([new Uint8Array(bytes)], 'm.onnx')), `cannot read 'm.onnx': `);
    await refusesFile(() => load(new File([new Uint8Array(bytes)], 'm.onnx')), words);
    expect(memory().tensors).toBe(before);
  });

  const elements = [
    ['too few bytes', [[1, 3], [2, 1], [9, hex('0000803f')]], "'w' of shape [3] and format F32: 12 bytes needed, 4 given"],
    ['too many bytes', [[1, 1], [2, 3], [9, hex('00 00')]], '1 bytes needed, 2 given'],
    ['extents that multiply to 2⁶³', [[1, 2 ** 31], [1, 2 ** 32], [2, 1], [9, hex('')]], '0 given'],
    ['no elements', [[1, 2], [2, 1]], "'w' of shape [2]: 2 elements needed, 0 given"],
    ['a shape beyond the file', [[1, 2 ** 50], [2, 1], [4, hex('0000803f')]], 'elements needed, fewer given'],
    ['too few numbers', [[1, 2], [2, 7], [7, 1]], '2 elements needed, 1 given'],
    ['too many numbers', [[1, 1], [2, 7], [7, hex('01 02')]], '1 elements needed, more given'],
    ['numbers of another type', [[1, 1], [2, 1], [7, 1]], '1 elements needed, those of another type given'],
    ['half a float', [[1, 1], [2, 1], [4, hex('00 00 80')]], 'no multiple of 4'],
    ['floats as varints', [[1, 1], [2, 1], [4, 1]], "'w' has field 4 as varint"],
    ['a number that does not end', [[1, 1], [2, 7], [7, hex('80')]], 'does not end'],
    ['300 in a byte', [[1, 1], [2, 2], [5, 300]], "'w' of format U8 holds 300, from 0 to 255 allowed"],
    ['-1 in an unsigned number', [[1, 1], [2, 12], [11, -1]], "'w' of format U32 holds -1"],
    ['a bool of 2', [[1, 1], [2, 9], [9, hex('02')]], 'a bool is 0 or 1'],
    ['elements in two places', [[1, 1], [2, 1], [9, hex('0000803f')], [4, hex('0000803f')]], "'w' has raw_data at byte"],
    ['a segment', [[1, 1], [2, 1], [3, message([1, 0], [2, 1])], [9, hex('0000803f')]], "'w' is a segment of a tensor"],
  ] as const;

  test.each(elements)('%s', async (_, fields, words) => {
    const before = { ...memory(), heap: process.memoryUsage().arrayBuffers };
    await refusesFile(() => load(initializer(...fields)), words);
    expect(memory().tensors).toBe(before.tensors);
    expect(process.memoryUsage().arrayBuffers - before.heap).toBeLessThan(2 ** 20);
  });

  test('more fields than a model has: the walk ends, and memory with it', async () => {
    const fields = new Uint8Array(2 ** 23 + 2).map((_, i) => (i % 2 === 0 ? 0x48 : 1));
    await expect(openOnnx(modelOf(fields))).rejects.toMatchObject({
      code: 'file',
      message: 'it has more than 4194304 fields, weights not counted: no more are read',
      data: { problem: 'unsupported' },
    });
  });

  test('a list of an attribute that is longer than any', async () => {
    const ints = message([8, new Uint8Array(2 ** 20 + 1)], [20, 7]);
    await refusesFile(() => openOnnx(modelOf(message([1, message([4, 'Op'], [5, ints])]))), 'has a list of more than 1048576 numbers');
  });
});
