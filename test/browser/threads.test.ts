// A cross-origin isolated page: threads start, take tasks, leave every bit as one thread makes it, and rest when there is none.
import { pause, threads, until } from './watch.js';
import { init, zeros } from 'evenkeel';
import { beforeAll, expect, test } from 'vitest';
import { cdp } from 'vitest/browser';
import { bitsOf, jobNames } from './work.js';

const alone = new Map<string, string>();

beforeAll(async () => {
  await init({ threads: 3 });
  // Workers start when the page's own job is done, so all of this is the work of one thread.
  for (const name of jobNames) alone.set(name, bitsOf(name));
  await until(() => threads().started === 2);
});

test('two workers run, on memory that is shared', () => {
  expect(globalThis.crossOriginIsolated).toBe(true);
  expect(threads()).toMatchObject({ created: 2, started: 2 });
});

test('a page may not block', () => {
  expect(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0)).toThrow(TypeError);
});

test.each(jobNames)('%s has the bits of one thread, and workers took part', async (name) => {
  const before = threads().taken;
  await until(() => {
    expect(bitsOf(name)).toBe(alone.get(name));
    return threads().taken > before;
  });
  expect(threads().taken).toBeGreaterThan(before);
});

test('threads see memory that has grown since they started', async () => {
  const large = zeros([48 * 2 ** 20]);
  const before = threads().taken;
  await until(() => {
    expect(bitsOf('layerNorm')).toBe(alone.get('layerNorm'));
    return threads().taken > before;
  });
  expect(threads().taken).toBeGreaterThan(before);
  large.dispose();
});

test('a pool with nothing to do uses no processor', async () => {
  const browser = cdp();
  await browser.send('Performance.enable');
  const seconds = async () => {
    const { metrics } = await browser.send('Performance.getMetrics');
    return metrics.find(({ name }) => name === 'ProcessTime')?.value ?? NaN;
  };
  for (const name of jobNames) bitsOf(name);
  await pause(200);
  const before = await seconds();
  await pause(1000);
  // A worker that spins would take a second.
  expect((await seconds()) - before).toBeLessThan(0.4);
});
