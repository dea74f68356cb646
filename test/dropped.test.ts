// Gradients that are dropped: their memory comes back at once, unless somebody was handed them. memory() is the witness.
import { clipGradNorm_, Linear, memory, ones, scope, SGD } from 'evenkeel';
import { expect, test } from 'vitest';

test.each([
  ['zeroGrad of a module', (net: Linear) => net.zeroGrad()],
  ['zeroGrad of an optimizer', (net: Linear) => new SGD(net.parameters()).zeroGrad()],
  ['steps and clipping between', (net: Linear) => {
    clipGradNorm_(net.parameters(), 1);
    new SGD(net.parameters(), { lr: 0.1 }).step();
    net.zeroGrad();
  }],
  ['null by hand', (net: Linear) => void net.parameters().forEach((parameter) => (parameter.grad = null))],
])('nothing stays of gradients that nobody was handed: %s', (_, drop) => {
  const net = new Linear(3, 2);
  const x = ones([4, 3]);
  const before = memory();
  for (let i = 0; i < 3; i++) {
    using y = net.forward(x);
    using loss = scope(() => y.square().sum());
    loss.backward();
    drop(net);
  }
  expect(memory()).toEqual(before);
});

test('one that somebody was handed stays', () => {
  const net = new Linear(3, 2, { bias: false });
  net.forward(ones([1, 3])).sum().backward();
  const held = net.weight.grad;
  net.zeroGrad();
  expect(held?.toArray()).toEqual([[1, 1, 1], [1, 1, 1]]);
  expect(net.weight.grad).toBeNull();
  // Asked for and null: the next one is handed to nobody.
  net.forward(ones([1, 3])).sum().backward();
  const own = ones([2, 3]);
  net.weight.grad = own;
  net.weight.grad = null;
  expect(own.isDisposed).toBe(false);
});
