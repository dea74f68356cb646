// NumPy's arrays: .npy files as NumPy writes them, whole and by range, and what is refused.

import { readFileSync } from 'node:fs';
import { memory, type Tensor } from 'evenkeel';
import { load, open, readNpy } from 'evenkeel/io';
import { describe, expect, test } from 'vitest';
import { refusesFile } from './refusal.js';

interface Row {
  readonly file: string;
  readonly descr: string;
  readonly shape: readonly number[];
  readonly order: 'C' | 'F';
  readonly values: readonly string[];
  readonly ordered?: readonly string[];
}

const expected = JSON.parse(readFileSync(new URL('arrays/expected.json', import.meta.url), 'utf8'));
const read: Readonly<Record<string, Row>> = expected.read;
const dtypes: Readonly<Record<string, Tensor['dtype']>> = { f2: 'float32', f4: 'float32', f8: 'float64', b1: 'bool' };

describe('arrays as NumPy writes them', () => {
  test.each(Object.entries(read))('%s', async (_, { file, descr, shape, order, values, ordered = values }) => {
    const bytes = Buffer.from(file, 'base64');
    const dtype = dtypes[descr.slice(1)] ?? 'int64';
    for (const x of [readNpy(bytes), (await load(bytes)).get('array')]) {
      expect(x).toMatchObject({ shape, dtype });
      expect(elements(x)).toEqual(numbers(values, dtype));
    }
    const opened = await open(new Blob([bytes]));
    expect(opened).toMatchObject({ kind: 'npy', metadata: {} });
    expect(Object.fromEntries(opened.entries)).toMatchObject({ array: { shape, dtype, order } });
    expect(elements(await opened.read('array'))).toEqual(numbers(values, dtype));
    // In the file's own order, in parts of three.
    const parts: unknown[] = [];
    for (let begin = 0; begin < values.length; begin += 3) {
      const part = await opened.readRange('array', begin, Math.min(values.length, begin + 3));
      expect(part).toMatchObject({ dtype, shape: [Math.min(3, values.length - begin)] });
      parts.push(...elements(part));
    }
    expect(parts).toEqual(numbers(ordered, dtype));
    await opened.close();
  });

  test('formats name how the file keeps an element', async () => {
    const formats = await Promise.all(
      ['<f2', '>f4', '<f8', '|i1', '>i2', '<i4', '>i8', '|u1', '<u2', '>u4', '|b1'].map(async (name) => {
        const { entries } = await open(Buffer.from(read[name]?.file ?? '', 'base64'));
        return entries.get('array')?.format;
      }),
    );
    expect(formats).toEqual(['F16', 'F32', 'F64', 'I8', 'I16', 'I32', 'I64', 'U8', 'U16', 'U32', 'BOOL']);
  });

  test('a view of bytes that begins anywhere', () => {
    const { file, values } = read['Fortran, (2, 3, 4), >f8'] ?? { file: '', values: [] };
    const bytes = Buffer.concat([Buffer.of(0, 0, 0), Buffer.from(file, 'base64')]);
    expect(elements(readNpy(bytes.subarray(3)))).toEqual(numbers(values, 'float64'));
    expect(values).toHaveLength(24);
  });
});

describe('what no tensor holds is refused by name, with the way out', () => {
  const rows = [
    ['complex64', "dtype '<c8' is not supported: it is complex: save x.real and x.imag"],
    ['complex128', "dtype '<c16' is not supported: it is complex"],
    ['longdouble', "dtype '<f16' is not supported: it is longdouble, which differs from machine to machine: save x.astype(numpy.float64)"],
    ['uint64', "dtype '<u8' is not supported: uint64 goes beyond int64: save x.astype(numpy.int64)"],
    ['structured', 'structured arrays are refused: save each field as an array of its own, x[name]'],
    ['texts', "dtype '<U2' is not supported: it is text"],
    ['byte strings', "dtype '|S2' is not supported: it is text"],
    ['dates', "dtype '<M8[D]' is not supported: it is a date or a duration: save x.astype(numpy.int64)"],
    ['durations', "dtype '<m8[s]' is not supported: it is a date or a duration"],
    ['raw bytes', "dtype '|V3' is not supported: it is raw bytes"],
    ['objects', 'object arrays are refused (they hold a pickle, which can run code)'],
  ] as const;

  test('there is a row for each', () => {
    expect(rows.map(([name]) => name)).toEqual(Object.keys(expected.refused));
  });

  test.each(rows)('%s', async (name, message) => {
    const bytes = Buffer.from(expected.refused[name], 'base64');
    await refusesFile(() => readNpy(bytes), message);
    await refusesFile(() => open(bytes), message);
    await expect(load(bytes)).rejects.toMatchObject({ data: { problem: 'unsupported' } });
  });
});

describe('headers that are no dict of exactly three keys', () => {
  const dict = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
  const rows = [
    ['a key twice', dict.replace(', }', ", 'shape': (2,)}"), "malformed .npy header: duplicate key 'shape'"],
    ['a key too many', dict.replace(', }', ", 'code': 'x'}"), "malformed .npy header: a key 'code'"],
    ['no order', dict.replace("'fortran_order': False, ", ''), 'malformed .npy header: no fortran_order'],
    ['text after the dict', `${dict} + 1`, 'a character that means nothing at 57'],
    ['a call', dict.replace('(2,)', 'exit()'), "malformed .npy header: 'exit' for a value"],
    ['a number in parentheses', dict.replace('(2,)', '(2)'), 'a number in parentheses, which is no tuple'],
    ['a list for a shape', dict.replace('(2,)', '[2]'), 'structured arrays are refused'],
    ['half an extent', dict.replace('(2,)', '(2.0,)'), 'a character that means nothing'],
    ['a text for a shape', dict.replace('(2,)', "'2'"), 'a shape or an order that is none'],
    ['a number for an order', dict.replace('False', '0'), 'a shape or an order that is none'],
    ['a number for a dtype', dict.replace("'<f4'", '4'), 'a dtype that is none'],
    ['an escape', dict.replace('<f4', String.raw`\x3cf4`), 'a character that means nothing'],
    ['no comma', dict.replace("'<f4', ", "'<f4' "), "''fortran_order'' where ',' is expected"],
    ['two commas', dict.replace('(2,)', '(2,,)'), "',' in a tuple"],
    ['no end', dict.slice(0, -1), 'a key that is no text'],
    ['no dict', '(2, 3)', "'(' where '{' is expected"],
    ['nothing', '', "the end where '{' is expected"],
    ['a million brackets', '{'.repeat(2 ** 16 - 1), "malformed .npy header: a key that is no text"],
    ['an extent beyond all', dict.replace('(2,)', `(${'9'.repeat(400)},)`), 'a shape or an order that is none'],
    ['extents whose product is beyond all', dict.replace('(2,)', `(${'9007199254740991, '.repeat(30)})`), 'Infinity bytes needed, 8 given'],
    ['a product that wraps around to the size', dict.replace('(2,)', '(4294967296, 4294967296, 2)'), 'bytes needed, 8 given'],
    ['none of an extent beyond all', dict.replace('(2,)', '(9007199254740991, 0, 9007199254740991)'), '0 bytes needed, 8 given'],
    ['65 axes', dict.replace('(2,)', `(${'1, '.repeat(64)}2)`), 'the array has 65 axes, 64 at most'],
  ] as const;

  test('65 axes, by range', async () => {
    const file = await open(npy(dict.replace('(2,)', `(${'1, '.repeat(64)}2)`), 8));
    await refusesFile(() => file.readRange('array', 0, 1), "'array' has 65 axes, 64 at most");
    await file.close();
  });

  test.each(rows)('%s', async (_, text, message) => {
    const bytes = npy(text, 8);
    await refusesFile(() => readNpy(bytes), message);
    await refusesFile(() => load(bytes), message);
  });

  test.each([
    ['other quotes and spaces', '{"descr":"<f4",\n"fortran_order" : False,"shape":(2 , )}'],
    ['another order of keys', "{'shape': (2,), 'fortran_order': False, 'descr': '<f4'}"],
    ["Python 2's long integers", dict.replace('(2,)', '(2L,)')],
    ['a header of 60,000 spaces', dict.padEnd(60_000)],
  ])('%s are read', (_, text) => {
    expect(readNpy(npy(text, 8)).toArray()).toEqual([0, 0]);
  });

  test.each([
    ['version 1.1', Uint8Array.of(1, 1), '.npy version 1.1 is not supported', 'unsupported'],
    ['version 0', Uint8Array.of(0, 0), '.npy version 0 is not supported', 'unsupported'],
    ['a header of four gigabytes', Uint8Array.of(2, 0, 255, 255, 255, 255), 'header length exceeds the file', 'corrupt'],
    ['text of version 3 that is no UTF-8', Uint8Array.of(3, 0, 1, 0, 0, 0, 255), 'it is not UTF-8', 'corrupt'],
  ])('%s', async (_, after, message, problem) => {
    const bytes = new Uint8Array(100);
    bytes.set([0x93, ...new TextEncoder().encode('NUMPY'), ...after]);
    await refusesFile(() => readNpy(bytes), message);
    await expect(load(bytes)).rejects.toMatchObject({ data: { problem } });
  });

  test('a header longer than any is', async () => {
    const bytes = new Uint8Array(2 ** 21);
    bytes.set([0x93, ...new TextEncoder().encode('NUMPY'), 2, 0, 0, 0, 31, 0]);
    await refusesFile(() => readNpy(bytes), 'the .npy header has 2031616 bytes, 1048576 at most');
  });
});

describe('a file that is cut', () => {
  const whole = Buffer.from(read['Fortran, (2, 3, 4), >f8']?.file ?? '', 'base64');

  // In the magic, the version, the length, the dict, and the elements.
  test.each([0, 1, 5, 6, 7, 8, 9, 10, 11, 12, 50, 127, 128, 129, 135, 136, 319])('after %i bytes', async (length) => {
    const before = memory().tensors;
    await expect(load(whole.subarray(0, length))).rejects.toMatchObject({ code: 'file', data: { problem: length < 6 && length > 0 ? 'unsupported' : 'corrupt' } });
    expect(memory().tensors).toBeLessThanOrEqual(before);
  });

  test('or has a byte too many', async () => {
    await refusesFile(() => load(Buffer.concat([whole, Buffer.of(0)])), '192 bytes needed, 193 given');
  });
});

describe('ranges', () => {
  test.each([
    ['backwards', 2, 1],
    ['before the first', -1, 1],
    ['beyond the last', 0, 7],
    ['of halves', 0.5, 1],
    ['of nothing known', Number.NaN, 1],
  ])('%s are refused', async (_, begin, end) => {
    const file = await open(Buffer.from(read['<f4']?.file ?? '', 'base64'));
    const message = `'array' has elements 0 to 6, and no range from ${begin} to ${end}`;
    await expect(file.readRange('array', begin, end)).rejects.toMatchObject({ code: 'size', message });
    await expect(file.readRange('x', 0, 1)).rejects.toMatchObject({ code: 'argument' });
    expect((await file.readRange('array', 6, 6)).shape).toEqual([0]);
    await file.close();
    await expect(file.readRange('array', 0, 1)).rejects.toMatchObject({ code: 'disposed' });
  });

  test('asked for at once are as asked for one by one', async () => {
    const file = await open('data/digits_images.npy');
    const [first, second, third] = await Promise.all([0, 100, 64 * 1000].map((begin) => file.readRange('array', begin, begin + 64)));
    const whole = await file.read('array');
    for (const [begin, range] of [[0, first], [100, second], [64 * 1000, third]] as const) {
      expect(elements(range)).toEqual(elements(whole).slice(begin, begin + 64));
    }
    await file.close();
  });
});

function elements(x: Tensor | undefined): unknown[] {
  return [...(x?.data ?? [])];
}

/** Python's texts of numbers. */
function numbers(texts: readonly string[], dtype: Tensor['dtype']): unknown[] {
  if (dtype === 'int64') return texts.map(BigInt);
  if (dtype === 'bool') return texts.map((text) => Number(text === 'True'));
  return texts.map((text) => Number(text.replace('inf', 'Infinity')));
}

/** A .npy file of a header and so many bytes of zeros. */
function npy(dict: string, count: number): Uint8Array {
  const text = new TextEncoder().encode(dict);
  return Uint8Array.from([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0, text.length & 255, text.length >> 8, ...text, ...new Uint8Array(count)]);
}
