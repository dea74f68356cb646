// init comes before the first tensor; each file of tests is a program of its own.
import { init, zeros } from 'evenkeel';
import { expect, test } from 'vitest';

test('init settles options before the first tensor, and refuses afterwards', async () => {
  await init();
  await init({ threads: 2 });
  await expect(init({ threads: 0 })).rejects.toThrow('threads must be a whole number from 1, got 0');
  await expect(init({ threads: NaN })).rejects.toThrow(expect.objectContaining({ code: 'argument' }));
  await expect(init({ wasm: 'norm.wasm' })).rejects.toThrow(expect.objectContaining({ code: 'backend' }));
  zeros([1]);
  await expect(init()).rejects.toThrow('init() comes before the first tensor');
});
