// Every operation on every backend: value and gradients of sum(y*dy) against PyTorch's, stored in oracle/own-ops.
import { readFileSync } from 'node:fs';
import {
  backends, cat, conv1d, conv2d, conv3d, convTranspose1d, convTranspose2d, convTranspose3d, elu, embedding, gelu, grad,
  leakyRelu, linear, logSoftmax, matmul, memory, relu6, silu, softmax, softplus, stack, tensor, useBackend, where,
  type ConvTransposeOptions, type DType, type Tensor,
} from 'evenkeel';
import { load, type Elements } from 'evenkeel/io';
import { beforeAll, describe, expect, test } from 'vitest';
import { add, div, eq, ge, gt, le, lt, maximum, minimum, mul, ne, pow, sub } from '../src/ops/elementwise.js';
import { closeness, type Limits } from './closeness.js';

interface Row {
  readonly id: string;
  readonly op: string;
  readonly args: Readonly<Record<string, number | string | boolean | readonly number[]>>;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly tolerance: Readonly<Record<string, Limits>>;
}

const folder = new URL('oracle', import.meta.url).href;
const file = (name: string): URL => new URL(`${folder}/${name}`);
// oracle/generate.py wrote it in this form.
const { rows } = JSON.parse(readFileSync(file('own-ops.json'), 'utf8')) as { readonly rows: readonly Row[] };
const stored = new Map<string, Elements>();
for (const [key, x] of await load(file('own-ops.safetensors'))) {
  stored.set(key, { shape: x.shape, dtype: x.dtype, data: await x.read() });
}

type Operand = Tensor | number;

/** The operands of a row, checked, and its arguments by name. */
class Call {
  readonly #operands: readonly Operand[];
  readonly #args: Row['args'];

  constructor(operands: readonly Operand[], args: Row['args']) {
    this.#operands = operands;
    this.#args = args;
  }

  operand(i: number): Operand {
    const found = this.#operands[i];
    if (found === undefined) throw new Error(`operand ${i} is missing`);
    return found;
  }

  tensor(i: number): Tensor {
    const found = this.operand(i);
    if (typeof found === 'number') throw new Error(`operand ${i} is no tensor`);
    return found;
  }

  tensors(): Tensor[] {
    return this.#operands.map((_, i) => this.tensor(i));
  }

  /** A number; JSON has no infinities, so they are texts. */
  number(name: string): number | undefined {
    const value = this.#args[name];
    return value === undefined ? undefined : Number(String(value).replace('inf', 'Infinity'));
  }

  numbers(name: string): readonly number[] | undefined {
    const value = this.#args[name];
    return value === undefined || typeof value === 'object' ? value : [Number(value)];
  }

  /** The arguments, but those that stand by their place: an object of options. */
  options<T>(...placed: readonly string[]): T {
    const options = Object.entries(this.#args).filter(([name]) => !placed.includes(name));
    return Object.fromEntries(options) as T; // rows hold the options that the op in the same row takes
  }

  /** What the row names in PyTorch's way, as options of a convolution. */
  convolution(): ConvTransposeOptions {
    type Stored = ConvTransposeOptions & { readonly output_padding?: number };
    const { output_padding: outputPadding, ...rest } = this.options<Stored>();
    const bias = this.#operands.length > 2 ? this.tensor(2) : null;
    return { ...rest, bias, ...(outputPadding !== undefined && { outputPadding }) };
  }
}

type Run = (call: Call) => Tensor | Tensor[];

const unary = [
  'neg', 'abs', 'sign', 'exp', 'log', 'log1p', 'sqrt', 'rsqrt', 'square', 'reciprocal', 'sin', 'cos', 'tanh', 'sigmoid',
  'erf', 'relu', 'floor', 'not',
] as const;
const binary = { add, sub, mul, div, pow, maximum, minimum, eq, ne, lt, le, gt, ge };
const reductions = ['sum', 'mean', 'var', 'max', 'min'] as const;

/** The method where the first operand is a tensor, the function where it is a number. */
const twoOperands = (name: keyof typeof binary): Run => (call) => {
  const [a, b] = [call.operand(0), call.operand(1)];
  return typeof a === 'number' ? binary[name](a, b) : a[name](b);
};
const needed = (call: Call, name: string): number => call.number(name) ?? NaN;

const ops: Readonly<Record<string, Run>> = {
  ...Object.fromEntries(unary.map((name): [string, Run] => [name, (call) => call.tensor(0)[name]()])),
  add: twoOperands('add'),
  sub: twoOperands('sub'),
  mul: twoOperands('mul'),
  div: twoOperands('div'),
  pow: twoOperands('pow'),
  maximum: twoOperands('maximum'),
  minimum: twoOperands('minimum'),
  eq: twoOperands('eq'),
  ne: twoOperands('ne'),
  lt: twoOperands('lt'),
  le: twoOperands('le'),
  gt: twoOperands('gt'),
  ge: twoOperands('ge'),
  ...Object.fromEntries(
    reductions.map((name): [string, Run] => {
      return [name, (call) => call.tensor(0)[name](call.numbers('dims'), call.options('dims'))];
    }),
  ),
  and: (call) => call.tensor(0).and(call.tensor(1)),
  or: (call) => call.tensor(0).or(call.tensor(1)),
  vector_norm: (call) => call.tensor(0).vectorNorm(call.number('p'), call.numbers('dims'), call.options('p', 'dims')),
  where: (call) => where(call.tensor(0), call.operand(1), call.operand(2)),
  clamp: (call) => call.tensor(0).clamp(call.options()),
  to: (call) => call.tensor(0).to(call.options<{ dtype: DType }>().dtype),
  reshape: (call) => call.tensor(0).reshape(call.numbers('shape') ?? []),
  permute: (call) => call.tensor(0).permute(call.numbers('dims') ?? []),
  transpose: (call) => call.tensor(0).transpose(call.numbers('dims')?.[0] ?? NaN, call.numbers('dims')?.[1] ?? NaN),
  unsqueeze: (call) => call.tensor(0).unsqueeze(needed(call, 'dim')),
  squeeze: (call) => call.tensor(0).squeeze(call.numbers('dims')),
  flatten: (call) => call.tensor(0).flatten(call.number('start'), call.number('end')),
  expand: (call) => call.tensor(0).expand(call.numbers('shape') ?? []),
  repeat: (call) => call.tensor(0).repeat(call.numbers('counts') ?? []),
  split: (call) => {
    const { sizes } = call.options<{ sizes: number | readonly number[] }>();
    return call.tensor(0).split(sizes, call.number('dim'));
  },
  chunk: (call) => call.tensor(0).chunk(needed(call, 'chunks'), call.number('dim')),
  slice: (call) => {
    return call.tensor(0).slice(needed(call, 'dim'), call.number('start'), call.number('end'), call.number('step'));
  },
  select: (call) => call.tensor(0).select(needed(call, 'dim'), needed(call, 'index')),
  cat: (call) => cat(call.tensors(), call.number('dim')),
  stack: (call) => stack(call.tensors(), call.number('dim')),
  matmul: (call) => matmul(call.tensor(0), call.tensor(1)),
  linear: (call) => linear(call.tensor(0), call.tensor(1), call.tensors()[2]),
  conv1d: (call) => conv1d(call.tensor(0), call.tensor(1), call.convolution()),
  conv2d: (call) => conv2d(call.tensor(0), call.tensor(1), call.convolution()),
  conv3d: (call) => conv3d(call.tensor(0), call.tensor(1), call.convolution()),
  conv_transpose1d: (call) => convTranspose1d(call.tensor(0), call.tensor(1), call.convolution()),
  conv_transpose2d: (call) => convTranspose2d(call.tensor(0), call.tensor(1), call.convolution()),
  conv_transpose3d: (call) => convTranspose3d(call.tensor(0), call.tensor(1), call.convolution()),
  softmax: (call) => softmax(call.tensor(0), needed(call, 'dim')),
  log_softmax: (call) => logSoftmax(call.tensor(0), needed(call, 'dim')),
  gelu: (call) => gelu(call.tensor(0), call.options<{ approximate?: 'tanh' }>().approximate),
  silu: (call) => silu(call.tensor(0)),
  elu: (call) => elu(call.tensor(0), call.number('alpha')),
  leaky_relu: (call) => leakyRelu(call.tensor(0), call.number('slope')),
  relu6: (call) => relu6(call.tensor(0)),
  softplus: (call) => softplus(call.tensor(0), call.number('beta'), call.number('threshold')),
  embedding: (call) => embedding(call.tensor(0), call.tensor(1)),
};

function operandsOf({ id, inputs }: Row): Map<string, Tensor> {
  return new Map(
    inputs.map((name) => {
      const elements = stored.get(`${id}/${name}`);
      if (elements === undefined) throw new Error(`${id}/${name} is not stored`);
      const { data, shape, dtype } = elements;
      return [name, tensor(data, shape, { dtype, requiresGrad: dtype === 'float32' && !name.startsWith('d') })];
    }),
  );
}

/** Everything that the row names, computed on the backend in use. */
function compute({ op, args }: Row, made: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const names = ['a', 'b', 'c'].filter((name) => made.has(name) || name in args);
  const run = ops[op];
  if (run === undefined) throw new Error(`unknown op ${op}`);
  const y = run(new Call(names.map((name) => made.get(name) ?? Number(args[name])), args));
  const outputs = new Map(Array.isArray(y) ? y.map((part, i) => [`y${i}`, part]) : [['y', y]]);
  const seeded = [...outputs.keys()].filter((name) => made.has(`d${name}`));
  if (seeded.length === 0) return outputs;
  const floats = names.filter((name) => made.get(name)?.requiresGrad === true);
  const found = grad(
    seeded.map((name) => outputs.get(name) ?? y).flat(),
    floats.flatMap((name) => made.get(name) ?? []),
    { gradOutputs: seeded.map((name) => made.get(`d${name}`) ?? null) },
  );
  floats.forEach((name, i) => {
    const dx = found[i];
    if (dx) outputs.set(`d${name}`, dx);
  });
  return outputs;
}

describe.each(backends())('%s', (backend) => {
  beforeAll(() => {
    const before = useBackend(backend);
    return () => useBackend(before);
  });

  test.each(rows)('$id', async (row) => {
    const before = memory();
    const inputs = operandsOf(row);
    const outputs = compute(row, inputs);
    for (const name of row.outputs) {
      const [got, expected] = [outputs.get(name), stored.get(`${row.id}/${name}`)];
      if (got === undefined || expected === undefined) throw new Error(`${name} is missing`);
      expect([got.dtype, got.shape]).toEqual([expected.dtype, expected.shape]);
      expect(closeness(await got.read(), expected.data, row.tolerance[name], backend === 'reference'), name).toBeNull();
    }
    // What the op made on its way is gone as soon as what the caller holds is.
    for (const x of [...inputs.values(), ...outputs.values()]) x.dispose();
    expect(memory()).toEqual(before);
  });
});
