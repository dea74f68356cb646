// .npy files that come as streams: however they are cut into chunks, what the whole file holds; and where they end too soon.
import { readFileSync } from 'node:fs';
import { cat } from 'evenkeel';
import { open, openNpyStream } from 'evenkeel/io';
import { expect, test } from 'vitest';

const { read }: { read: Record<string, { file: string }> } = JSON.parse(readFileSync(new URL('arrays/expected.json', import.meta.url), 'utf8'));

/** Bytes in chunks of so many, with an empty one after each. */
async function* inChunks(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let begin = 0; begin < bytes.length; begin += length) {
    yield bytes.subarray(begin, begin + length);
    yield new Uint8Array(0);
  }
}

test.each(Object.entries(read))('%s', async (_, { file }) => {
  const bytes = Buffer.from(file, 'base64');
  const opened = await open(bytes);
  const entry = opened.entries.get('array');
  const size = (await opened.read('array')).size;
  const whole = await opened.readRange('array', 0, size);
  for (const length of [1, 7, 64, bytes.length]) {
    for (const count of [1, 4, Infinity]) {
      const stream = await openNpyStream(inChunks(bytes, length));
      expect(stream.entry).toEqual(entry);
      const parts = [];
      for (let done = 0; done < size; done += count) parts.push(await stream.next(count));
      await stream.end();
      expect((await stream.next(1)).shape).toEqual([0]);
      if (parts.length > 0) expect([...cat(parts).data]).toEqual([...whole.data]);
    }
  }
});

const bytes = Buffer.from(read['<f4']?.file ?? '', 'base64');

test.each([
  [0, 'it is empty'],
  [5, 'it ends within its header, after 5 bytes'],
  [100, 'it ends within its header, after 88 bytes'],
  [bytes.length - 24, 'it ends after 0 of 24 bytes of elements'],
  [bytes.length - 5, 'it ends after 19 of 24 bytes of elements'],
])('cut after %i bytes', async (length, message) => {
  const cut = async (use: 'next' | 'end') => {
    const stream = await openNpyStream(inChunks(bytes.subarray(0, length), 10));
    return use === 'next' ? stream.next(6) : stream.end();
  };
  for (const use of ['next', 'end'] as const) {
    await expect(cut(use)).rejects.toMatchObject({ code: 'file', message, data: { problem: 'corrupt' } });
  }
});

test('more than the header names', async () => {
  const stream = await openNpyStream(inChunks(Buffer.concat([bytes, Buffer.of(0)]), 10));
  await stream.next(6);
  await expect(stream.end()).rejects.toMatchObject({ code: 'file', message: 'more follows than the 24 bytes of elements that its header names' });
});

test('another file', async () => {
  await expect(openNpyStream(inChunks(new Uint8Array(100), 10))).rejects.toMatchObject({ code: 'file', data: { problem: 'corrupt' } });
});
