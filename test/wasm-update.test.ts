// One step of an optimizer on the WASM backend, whose blocks lie in its memory or are arrays of their own.
import { expect, test } from 'vitest';
import type { AdamUpdate, SGDUpdate, UpdateCall } from '../src/kernels/kernels.js';
import { update } from '../src/kernels/reference/update.js';
import { wasmDense } from '../src/kernels/wasm/dense.js';
import { alloc, free, view, type Block } from '../src/kernels/wasm/operands.js';

const LENGTH = 37;
const values = (seed: number): Float32Array => Float32Array.from({ length: LENGTH }, (_, i) => Math.abs(Math.sin(seed + i)) + 0.1);

/** As a block is once tensors have reached the memory's limit. */
const collected = (data: Float32Array): Block => ({ dtype: 'float32', length: LENGTH, bytes: 4 * LENGTH, address: 0, elements: data });

function pooled(data: Float32Array): Block {
  const block = alloc('float32', LENGTH);
  expect(block.address).not.toBe(0);
  (view(block) as Float32Array).set(data);
  return block;
}

const rate = { length: LENGTH, lr: 0.1, weightDecay: 0.2, maximize: false };
type Call<S> = Omit<SGDUpdate<S>, 'x' | 'dx' | 'buffer'> | Omit<AdamUpdate<S>, 'x' | 'dx' | 'm' | 'v' | 'peak'>;

const calls: Readonly<Record<string, Call<never>>> = {
  'sgd': { rule: 'sgd', momentum: 0, dampening: 0, nesterov: false, isFirst: true, ...rate },
  'first sgd with momentum': { rule: 'sgd', momentum: 0.9, dampening: 0.1, nesterov: false, isFirst: true, ...rate },
  'sgd with nesterov': { rule: 'sgd', momentum: 0.9, dampening: 0, nesterov: true, isFirst: false, ...rate },
  'sgd that climbs, dampened': { rule: 'sgd', momentum: 0.9, dampening: 0.3, nesterov: false, isFirst: false, ...rate, maximize: true },
  'first sgd with nesterov': { rule: 'sgd', momentum: 0.9, dampening: 0, nesterov: true, isFirst: true, ...rate },
  'adam': { rule: 'adam', step: 2, betas: [0.9, 0.99], eps: 1e-8, decoupled: false, ...rate },
  'adam that climbs': { rule: 'adam', step: 1, betas: [0.9, 0.99], eps: 1e-8, decoupled: false, ...rate, maximize: true },
  'adamw': { rule: 'adam', step: 2, betas: [0.9, 0.99], eps: 1e-8, decoupled: true, ...rate },
};

/** The operands of a call, as many as it has. */
function withOperands<S>(call: Call<never>, [x, dx, first, second, third]: readonly [S, S, S, S, S]): UpdateCall<S> {
  if (call.rule === 'sgd') return { ...call, x, dx, buffer: call.momentum === 0 ? null : first };
  return { ...call, x, dx, m: first, v: second, peak: call.decoupled ? third : null };
}

const kinds: Readonly<Record<string, readonly ((data: Float32Array) => Block)[]>> = {
  'in the memory': [pooled],
  'of their own': [collected],
  'of both kinds': [collected, pooled, pooled, collected],
};

test.each(Object.entries(calls).flatMap(([name, call]) => Object.entries(kinds).map(([kind, make]) => [name, kind, call, make] as const)))(
  '%s on blocks %s',
  (_, __, call, make) => {
    const data = [1, 2, 3, 4, 5].map(values) as [Float32Array, Float32Array, Float32Array, Float32Array, Float32Array];
    const blocks = data.map((each, i) => make[i % make.length]!(each.slice())) as [Block, Block, Block, Block, Block];
    wasmDense.update(withOperands(call, blocks));
    update(withOperands<Float32Array | Float64Array>(call, data));
    expect(blocks.map((block) => Array.from(view(block) as Float32Array))).toEqual(data.map((each) => Array.from(each)));
    expect(data[0]).not.toEqual(values(1));
    for (const block of blocks) free(block, false);
  },
);
