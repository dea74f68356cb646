// The same bits for every number of threads, and for a sample alone or among others: every layer, forward and backward.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  addLayerNorm, addRMSNorm, Conv2d, embedding, gelu, grad, GroupNorm, InstanceNorm2d, LayerNorm, LayerNorm2d, Linear, manualSeed, matmul,
  randn, randint, RMSNorm, softmax, type Tensor,
} from 'evenkeel';
import { expect, test } from 'vitest';

const program = `
  const keel = await import('evenkeel');
  const { createHash } = await import('node:crypto');
  const { addLayerNorm, BatchNorm2d, Conv2d, gelu, grad, GroupNorm, InstanceNorm2d, LayerNorm, LayerNorm2d, matmul, randn, RMSNorm, softmax } = keel;
  keel.manualSeed(7);
  const image = randn([6, 32, 61, 53]).mul(3).add(1);
  const rows = randn([700, 333]);
  const long = randn([3, 40_000]);
  const wide = randn([9000, 24]);
  const matrix = randn([333, 211]);
  const conv = new Conv2d(32, 8, 3, { padding: 1 });
  const depthwise = new Conv2d(32, 32, 7, { padding: 3, groups: 32 });
  const kinds = {
    LayerNorm: [rows, new LayerNorm(333)], RMSNorm: [rows, new RMSNorm(333)], 'long rows': [long, new LayerNorm(40_000)],
    'channels last': [wide, (x) => keel.norm(x, '[b] c')], LayerNorm2d: [image, new LayerNorm2d(32)],
    BatchNorm2d: [image, new BatchNorm2d(32)], InstanceNorm2d: [image, new InstanceNorm2d(32, { affine: true })],
    GroupNorm: [image, new GroupNorm(4, 32)], 'one group': [image.slice(0, 0, 1), new GroupNorm(1, 32)],
    'Add & Norm': [rows, (x) => addLayerNorm(x, x.mul(0.5), [333]).y], matmul: [rows, (x) => matmul(x, matrix)],
    conv: [image, conv], depthwise: [image, depthwise], gelu: [image, (x) => gelu(x)], softmax: [rows, (x) => softmax(x, 1)],
    sum: [image, (x) => x.sum([0, 2])], variance: [long, (x) => x.var(1)], permute: [image, (x) => x.permute([0, 2, 3, 1])],
  };
  // Workers are there from the second turn on.
  for (const turn of [1, 2]) {
    for (const [name, [input, layer]] of Object.entries(kinds)) {
      const x = input.detach();
      x.requiresGrad = true;
      const y = typeof layer === 'function' ? layer(x) : layer.forward(x);
      const leaves = [x, ...(typeof layer === 'function' ? [] : layer.parameters())];
      const dy = keel.tensor(Float32Array.from({ length: y.size }, (_, i) => Math.sin(i)), y.shape);
      const hash = createHash('sha256');
      for (const each of [y, ...grad(y, leaves, { gradOutputs: dy })]) hash.update(each.data);
      if (turn === 2) console.log(name, hash.digest('hex').slice(0, 16));
    }
    await new Promise((resolve) => setTimeout(resolve, 150));
  }`;

function bits(threads: number): string {
  const env = { ...process.env, KEEL_THREADS: String(threads) };
  return execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8', timeout: 60_000, env });
}

test('of every layer with 1, 2 and 4 threads', { timeout: 120_000 }, () => {
  const alone = bits(1);
  expect(alone.trim().split('\n').length).toBe(18);
  expect(bits(2)).toBe(alone);
  expect(bits(4)).toBe(alone);
});

const hash = (x: Tensor): string => createHash('sha256').update(x.data).digest('hex');
manualSeed(5);
const table = randn([50, 33]);
const weight = randn([96, 70]);
const image = (n: number) => randn([n, 8, 17, 19]);

const samplewise: [name: string, x: Tensor, f: (x: Tensor) => Tensor][] = [
  ['LayerNorm', randn([300, 70]), (x) => new LayerNorm(70).forward(x)],
  ['RMSNorm', randn([300, 3]), (x) => new RMSNorm(3).forward(x)],
  ['long rows', randn([5, 20_001]), (x) => new LayerNorm(20_001).forward(x)],
  ['LayerNorm of images', image(9), (x) => new LayerNorm([8, 17, 19]).forward(x)],
  ['LayerNorm2d', image(9), (x) => new LayerNorm2d(8).forward(x)],
  ['LayerNorm2d of few pixels', randn([64, 96, 2, 2]), (x) => new LayerNorm2d(96).forward(x)],
  ['GroupNorm', image(9), (x) => new GroupNorm(2, 8).forward(x)],
  ['one large group', randn([3, 4, 200, 200]), (x) => new GroupNorm(1, 4).forward(x)],
  ['InstanceNorm2d', image(9), (x) => new InstanceNorm2d(8, { affine: true }).forward(x)],
  ['Add & LayerNorm', randn([300, 70]), (x) => addLayerNorm(x, x.mul(0.3), [70]).y],
  ['Add & RMSNorm', randn([300, 70]), (x) => addRMSNorm(x, x.mul(0.3), [70]).y],
  ['matmul', randn([300, 96]), (x) => matmul(x, weight)],
  ['batched matmul', randn([7, 5, 96]), (x) => matmul(x, weight)],
  ['Linear', randn([300, 96]), (x) => seeded(() => new Linear(96, 40)).forward(x)],
  ['Conv2d', image(5), (x) => seeded(() => new Conv2d(8, 6, 3, { padding: 1, stride: 2 })).forward(x)],
  ['depthwise', image(5), (x) => seeded(() => new Conv2d(8, 8, 7, { padding: 3, groups: 8 })).forward(x)],
  ['softmax', randn([300, 70]), (x) => softmax(x, 1)],
  ['gelu', randn([300, 71]), (x) => gelu(x)],
  ['mean', randn([300, 5000]), (x) => x.mean(1, { keepdim: true })],
  ['embedding', randint(0, 50, [300]), (x) => embedding(x, table)],
];

function seeded<T>(make: () => T): T {
  manualSeed(11);
  return make();
}

test.each(samplewise)('of one sample of %s alone and among others', (_, x, f) => {
  const last = (x.shape[0] ?? 1) - 1;
  for (const sample of [0, last >> 1, last]) {
    const alone = x.slice(0, sample, sample + 1);
    expect(hash(f(alone))).toBe(hash(f(x).slice(0, sample, sample + 1)));
    if (x.dtype !== 'float32') continue;
    expect(hash(slope(f, alone))).toBe(hash(slope(f, x).slice(0, sample, sample + 1)));
  }
});

/** The gradient of Σ y²; y² makes dy differ between samples. */
function slope(f: (x: Tensor) => Tensor, input: Tensor): Tensor {
  const x = input.detach();
  x.requiresGrad = true;
  const [dx] = grad(f(x).square().sum(), x);
  if (!dx) throw new Error('x has a gradient');
  return dx;
}
