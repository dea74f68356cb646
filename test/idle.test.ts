// A program whose threads have nothing to do uses no processor, and ends by itself.
import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';

const program = `
  import { init, layerNorm, zeros } from 'evenkeel';
  await init({ threads: 2 });
  const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis));
  const x = zeros([4096, 256]);
  const work = () => { for (let i = 0; i < 20; i++) layerNorm(x, [256]).dispose(); };
  work();
  await pause(200);
  work();
  await pause(50);
  const before = process.cpuUsage();
  const start = performance.now();
  await pause(1000);
  const { user, system } = process.cpuUsage(before);
  const idle = (user + system) / 1000 / (performance.now() - start);
  work();
  console.log(JSON.stringify({ idle, last: Date.now() }));`;

test('two threads, work, and a second without', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (part: Buffer) => (text += part.toString()));
  const code = await new Promise((resolve) => child.on('close', resolve));
  const ended = Date.now();
  expect(code).toBe(0);
  const { idle, last } = JSON.parse(text) as { idle: number; last: number }; // what the program prints
  expect(idle).toBeLessThan(0.1);
  expect(ended - last).toBeLessThan(1000);
});
