// Modules made without drawing their initial weights.
import {
  Conv2d, Embedding, kaimingNormal_, LayerNorm, Linear, manualSeed, normal_, rand, Sequential, skipInit, truncNormal, uniform_, zeros,
  type Module,
} from 'evenkeel';
import { MultiheadAttention, ResNet, BasicBlock, VisionTransformer } from 'evenkeel/nn';
import { expect, test } from 'vitest';
import { refusal } from './refusal.js';

const makes: [name: string, make: () => Module][] = [
  ['Linear', () => new Linear(3, 2)],
  ['Conv2d', () => new Conv2d(3, 2, 3)],
  ['Embedding', () => new Embedding(5, 3, { paddingIdx: 0 })],
  ['MultiheadAttention', () => new MultiheadAttention(8, 2)],
  ['ResNet', () => new ResNet(BasicBlock, [1], { widths: [4], numClasses: 3 })],
  ['VisionTransformer', () => new VisionTransformer({ imageSize: 8, patchSize: 4, dim: 8, depth: 1, numHeads: 2, numClasses: 3 })],
  ['a Sequential', () => new Sequential(new Linear(2, 2), new LayerNorm(2))],
];

test.each(makes)('%s: nothing is drawn, and what is not drawn stays', (_, make) => {
  manualSeed(5);
  const next = rand([3]).toArray();
  manualSeed(5);
  const module = skipInit(make);
  expect(rand([3]).toArray()).toEqual(next);
  const drawn = make();
  expect(String(module)).toBe(String(drawn));
  module.loadStateDict(drawn.stateDict());
  for (const [key, value] of module.stateDict()) expect(value.toArray()).toEqual(drawn.stateDict().get(key)?.toArray());
});

test('weights are zeros until they are loaded, norms what they always are', () => {
  const model = skipInit(() => new Sequential(new Linear(2, 2), new LayerNorm(2)));
  expect([...model.stateDict().values()].map((value) => value.toArray())).toEqual([[[0, 0], [0, 0]], [0, 0], [1, 1], [0, 0]]);
});

test('initializers leave a tensor as it is, inside only', () => {
  const x = zeros([20]);
  skipInit(() => {
    for (const initialize of [uniform_, normal_, truncNormal]) expect(initialize(x)).toBe(x);
    kaimingNormal_(x.reshape([4, 5]));
  });
  expect(x.max().item()).toBe(0);
  expect(refusal(() => skipInit(() => normal_(zeros([2], { dtype: 'int64' })))).code).toBe('dtype');
  expect(normal_(x).max().item()).not.toBe(0);
});

test('an error ends it too, and an async function is refused', () => {
  expect(() => skipInit(() => new Linear(-1, 2))).toThrow();
  expect(refusal(() => skipInit(async () => new Linear(1, 2))).message).toContain('skipInit() takes no async function');
  expect(uniform_(zeros([9])).max().item()).toBeGreaterThan(0);
});
