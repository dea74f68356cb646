// Ops of the random numbers: calls of the generator, and fresh modules. May import 'evenkeel'.

import {
  bernoulli, manualSeed, normal_, rand, randint, randn, randperm, truncNormal, uniform_, zeros, type Tensor,
} from 'evenkeel';
import type { Op } from './case.js';
import { buildModule } from './modules.js';
import { isList, type Json } from './fields.js';

export const random: Readonly<Record<string, Op>> = {
  /** r0, r1, ...: one output for each call, in order. */
  rng(run) {
    manualSeed(run.args.number('seed'));
    return Object.fromEntries(run.args.list('calls').map((call, i) => [`r${i}`, draw(call)]));
  },

  /** The state dict of a module made after the seed. */
  init(run) {
    manualSeed(run.args.number('seed'));
    const state = buildModule(run.args.text('module')).stateDict();
    const order = [...state.keys()];
    const expected = run.json.texts('keys', order);
    if (String(order) === String(expected)) return Object.fromEntries(state);
    throw new Error(`the state dict has the keys ${order.join(', ')}, expected ${expected.join(', ')}`);
  },
};

/** `[name, shape, ...numbers]`, but `['randperm', n]` and `['randint', lo, hi, shape]`. */
function draw(call: Json): Tensor {
  const [name, first, a, b] = isList(call) ? call : [];
  switch (name) {
    case 'rand':
      return rand(sizes(first));
    case 'randn':
      return randn(sizes(first));
    case 'randperm':
      return randperm(Number(first));
    case 'uniform_':
      return uniform_(zeros(sizes(first)), Number(a ?? 0), Number(b ?? 1));
    case 'normal_':
      return normal_(zeros(sizes(first)), Number(a ?? 0), Number(b ?? 1));
    case 'bernoulli':
      return bernoulli(sizes(first), Number(a));
    case 'randint':
      return randint(Number(first), Number(a), sizes(b));
    case 'trunc_normal_':
      return truncNormal(zeros(sizes(first)), { std: Number(a ?? 1) });
    default:
      throw new Error(`unknown call ${JSON.stringify(call)}`);
  }
}

function sizes(value: Json | undefined): readonly number[] {
  if (isList(value) && value.every((size) => typeof size === 'number')) return value;
  throw new Error(`expected a shape, got ${JSON.stringify(value)}`);
}
