// Memory of the WASM backend, in programs of their own: loops that never dispose, training, and allocations that fail.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

async function numbers(code: string): Promise<readonly number[]> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', '--input-type=module', '-e', code], { timeout: 240_000 });
  return stdout.trim().split(' ').map(Number);
}

const MIB = 2 ** 20;

test('10,000 forward passes over 8 MB in one synchronous loop that never disposes', { timeout: 240_000 }, async () => {
  const [most = NaN, last] = await numbers(`
    import { layerNorm, tensor } from 'evenkeel';
    const x = tensor(Float32Array.from({ length: 2 ** 21 }, (_, i) => (i % 7) - 3), [2048, 1024]);
    let most = 0, y;
    for (let i = 0; i < 10_000; i++) {
      y = layerNorm(x, [1024]);
      if (i % 20 === 0) most = Math.max(most, process.memoryUsage.rss());
    }
    console.log(most, y.data[3]);`);
  expect(most).toBeLessThan(2048 * MIB);
  expect(last).toBeCloseTo(0, 2);
});

test('10,000 training steps whose tape frees what it saved', { timeout: 120_000 }, async () => {
  const [early = NaN, late = NaN, tensors, bytes] = await numbers(`
    import { GELU, LayerNorm, Linear, memory, noGrad, randn, scope, Sequential } from 'evenkeel';
    const model = new Sequential(new Linear(32, 64), new LayerNorm(64), new GELU(), new Linear(64, 8));
    const x = randn([16, 32]);
    const step = () => {
      scope(() => model.forward(x).square().mean().backward());
      noGrad(() => scope(() => { for (const p of model.parameters()) { p.sub_(p.grad.mul(0.01)); p.grad.dispose(); p.grad = null; } }));
    };
    for (let i = 0; i < 500; i++) step();
    const before = memory();
    const early = process.memoryUsage.rss();
    for (let i = 0; i < 10_000; i++) step();
    const after = memory();
    console.log(early, process.memoryUsage.rss(), after.tensors - before.tensors, after.bytes - before.bytes);`);
  expect([tensors, bytes]).toEqual([0, 0]);
  expect(late - early).toBeLessThan(64 * MIB);
});

test('forgotten tensors come back once the program lets the collector run', async () => {
  const [most = NaN, held] = await numbers(`
    import { memory, zeros } from 'evenkeel';
    const x = zeros([2 ** 20]);
    let most = 0;
    for (let turn = 0; turn < 40; turn++) {
      for (let i = 0; i < 20; i++) x.add(1);
      gc();
      await new Promise((resolve) => setTimeout(resolve, 5));
      most = Math.max(most, memory().bytes);
    }
    console.log(most, memory().tensors);`);
  // Together they are 3.4 GB.
  expect(most).toBeLessThan(300 * MIB);
  expect(held).toBeLessThan(50);
});

test('live tensors larger than the first limit stay in the pool once it is known that they are needed', async () => {
  const [right, tensors, bytes] = await numbers(`
    import { memory, scope, zeros } from 'evenkeel';
    const live = [];
    let right = 1;
    for (let i = 0; i < 24; i++) {
      live.push(zeros([2 ** 24]).add(i));
      gc();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    live.forEach((x, i) => { if (x.data[5] !== i || scope(() => x.sum().item()) !== i * 2 ** 24) right = 0; });
    gc();
    await new Promise((resolve) => setTimeout(resolve, 50));
    console.log(right, memory().tensors, memory().bytes);`);
  expect([right, tensors, bytes]).toEqual([1, 24, 24 * 64 * MIB]);
});

test("a tensor of another's data, where memory is not shared and growth takes views away", async () => {
  const [right] = await numbers(`
    process.env.KEEL_THREADS = '1';
    const { ones, tensor } = await import('evenkeel');
    const x = ones([2 ** 20]);
    const made = [];
    for (let i = 0; i < 40; i++) made.push(tensor(x.data, [2 ** 10, 2 ** 10]));
    console.log(Number(made.every((y) => y.data[7] === 1)));`);
  expect(right).toBe(1);
});

test('an allocation that fails is a KeelError, and every live tensor stays as it was', async () => {
  const [memoryErrors, intact, works] = await numbers(`
    import { KeelError, layerNorm, memory, ones, tensor, zeros } from 'evenkeel';
    const x = tensor([1, 2, 3, 4]);
    const big = ones([2 ** 22]);
    const before = memory();
    let memoryErrors = 0;
    for (const ask of [() => zeros([2 ** 31]), () => x.reshape([4, 1]).expand([4, 2 ** 29]), () => big.expand([2 ** 8, 2 ** 22]), () => zeros([2 ** 30])]) {
      try { ask().sum(); } catch (error) { if (error instanceof KeelError && error.code === 'memory') memoryErrors++; else console.error(error); }
    }
    gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const intact = String(x.toArray()) === '1,2,3,4' && big.data.every((v) => v === 1);
    const works = layerNorm(x, [4]).data[0] < -1.34 && memory().tensors <= before.tensors + 1;
    console.log(memoryErrors, Number(intact), Number(works));`);
  expect([memoryErrors, intact, works]).toEqual([4, 1, 1]);
});
