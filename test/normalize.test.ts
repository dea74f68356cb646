// evenkeel normalize's engine: whatever the chunks and the order of memory, PyTorch's stored results and the library's own.
import { manualSeed, norm, randn, tensor, type Tensor } from 'evenkeel';
import type { Elements, Format } from 'evenkeel/io';
import { describe, expect, test } from 'vitest';
import { digitsOf, type Order } from '../src/cli/normalize/digits.js';
import type { Method, Sharing } from '../src/cli/normalize/method.js';
import { sweepOf, type Source } from '../src/cli/normalize/sweep.js';
import { Run } from '../tools/oracle/case.js';
import { compare } from '../tools/oracle/compare.js';
import type { Fields } from '../tools/oracle/fields.js';
import { loadSuites } from '../tools/oracle/suite.js';

const suites = await loadSuites('test/oracle', ['torch-layers', 'own-layers', 'torch-modules-official']);

/** The method of an op on its arguments; null for what the command does not do. */
const methods: Readonly<Record<string, (args: Fields) => Pick<Sharing, 'pattern'> & Partial<Sharing> & { readonly isRunning?: boolean } | null>> = {
  layer_norm: (args) => ({ pattern: trailing(args), eps: args.number('eps', 1e-5) }),
  native_layer_norm: (args) => ({ pattern: trailing(args), eps: args.number('eps', 1e-5) }),
  rms_norm: (args) => ({ pattern: trailing(args), statistics: 'rms', eps: args.numberOrNull('eps', null) }),
  layer_norm2d: (args) => ({ pattern: 'b [c] s..., c', eps: args.number('eps', 1e-6) }),
  group_norm: (args) => ({
    pattern: 'b (g [c]) [s...], (g c)',
    sizes: { g: args.number('num_groups') },
    eps: args.number('eps', 1e-5),
  }),
  batch_norm: (args) => batch(args, !args.flag('training', false)),
  native_batch_norm: (args) => batch(args, !args.flag('training', false)),
  batch_norm1d: (args) => batch(args, args.text('mode') === 'eval'),
  batch_norm2d: (args) => batch(args, args.text('mode') === 'eval'),
  batch_norm3d: (args) => batch(args, args.text('mode') === 'eval'),
  instance_norm: (args) => instances(args, !args.flag('use_input_stats', true)),
  instance_norm1d: (args) => instances(args, args.text('mode') === 'eval'),
  instance_norm2d: (args) => instances(args, args.text('mode') === 'eval'),
  instance_norm3d: (args) => instances(args, args.text('mode') === 'eval'),
};

function trailing(args: Fields): string {
  const names = args.numbers('normalized_shape').map((_, i) => `n${i}`).join(' ');
  return `b... [${names}], ${names}`;
}

function batch(args: Fields, isRunning: boolean) {
  return { pattern: '[b] c [s...], c', eps: args.number('eps', 1e-5), isRunning };
}

function instances(args: Fields, isRunning: boolean) {
  return { pattern: args.flag('unbatched', false) ? 'c [s...], c' : 'b c [s...], c', eps: args.number('eps', 1e-5), isRunning };
}

function methodOf(run: Run, op: string): Method | null {
  if (op === 'local_response_norm') {
    const hasDefaults = run.args.number('alpha', 1e-4) === 1e-4 && run.args.number('beta', 0.75) === 0.75 && run.args.number('k', 1) === 1;
    return hasDefaults ? { kind: 'windows', size: run.args.number('size') } : null;
  }
  const found = methods[op]?.(run.args);
  if (!found || !run.inputs.includes('x')) return null;
  const { isRunning = false, ...method } = found;
  const [mean, variance] = [run.optional('running_mean'), run.optional('running_var')];
  const running = isRunning && mean !== null && variance !== null ? { mean, variance } : null;
  const parameters = { weight: run.optional('weight'), bias: run.optional('bias') };
  return { kind: 'sharing', sizes: {}, statistics: 'moments', eps: null, running, ...parameters, ...method };
}

/** Elements of a chunk: so few that most sets cross chunks, some that cut in odd places, and all. */
const budgets = (size: number): number[] => [40, 11, 3, 0.9].map((parts) => Math.max(1, Math.floor(size / parts)));
const orders: readonly Order[] = ['C', 'F'];

describe.each(suites)('$name', ({ cases }) => {
  const rows = cases.flatMap((each) => {
    const run = new Run(each);
    const method = methodOf(run, each.json.text('op'));
    return method === null || run.tensor('x').shape.join() === '0' ? [] : [{ id: each.id, run, method, expected: each.tensors.get('y') }];
  });
  test.each(rows)('$id', async ({ run, method, expected }) => {
    const x = run.tensor('x').detach();
    for (const order of orders) {
      for (const most of budgets(x.size)) {
        const y = await normalized(x, method, order, most);
        expect({ order, most, ...compare(y, expected, run.limits('y')) }).toMatchObject({ strict: true, problem: null });
      }
    }
  });
});

const sharing: Sharing = {
  kind: 'sharing', pattern: '', sizes: {}, statistics: 'moments', eps: null, weight: null, bias: null, running: null,
};

describe('in two sweeps as in one', () => {
  const x = seeded([6, 4, 5]);
  const patterns = ['[a] b [c], b', 'a [b] c, c', '[a b c], b', '[a] b c, c b', 'a ([b] g) c, g', 'a b [c], a b c', '[a] (g [h]) c,'];

  // What float32 makes of them is computed in float64, as the reference does.
  const inputs: readonly (readonly [name: string, input: Tensor, settings?: Partial<Sharing>])[] = [
    ['plain numbers', x],
    ['a mean of 10⁶ deviations', x.add(1e6)],
    ['a mean of 10⁴ deviations that jumps', x.add(x.sign().mul(1e4))],
    ['scaled to 10³⁰', x.mul(1e30)],
    ['scaled to 10⁻³⁰ without eps', x.mul(1e-30), { eps: 0 }],
    ['subnormal without eps', x.mul(1e-40), { eps: 0 }],
    ['near the largest float32', x.mul(3e37).mul(3)],
    ['constants', x.mul(0).add(3)],
    ['float64 scaled to 10²⁰⁰', x.to('float64').mul(1e200)],
    ['root mean squares', x.mul(1e20), { statistics: 'rms' }],
    ['lengths', x.mul(1e-30), { statistics: 'l2', eps: 1e-38 }],
    ['lengths of zeros', x.mul(0), { statistics: 'l2' }],
    ['a negative eps', x.mul(10), { eps: -1e-3 }],
  ];

  test.each(inputs.flatMap(([name, input, settings]) => patterns.map((pattern) => ({ name, pattern, input, settings }))))(
    '$name by $pattern',
    async ({ pattern, input, settings = {} }) => {
      const sizes = pattern.includes('g') ? { g: 2 } : {};
      const { eps = null, statistics = 'moments' } = settings;
      const shape = digitsOf(pattern, x.shape, sizes, 'C').parameterShape ?? [];
      const [weight, bias] = [seeded(shape, 1).to(input.dtype), seeded(shape, 2).to(input.dtype)];
      const epsOf = { moments: 1e-5, rms: input.dtype === 'float64' ? 2 ** -52 : 2 ** -23, l2: 1e-12 };
      const options = { statistics, eps: eps ?? epsOf[statistics], weight: weight.to('float64'), bias: bias.to('float64') };
      const exact = norm(input.to('float64'), pattern, { ...sizes, ...options }).to(input.dtype);
      const method: Sharing = { ...sharing, pattern, sizes, statistics, eps, weight, bias };
      for (const order of orders) {
        for (const most of budgets(x.size)) {
          const y = await normalized(input, method, order, most);
          expect({ order, most, ...compare(y, exact, { rtol: 2e-6, atol: 2e-6, strictAtol: null }) }).toMatchObject({ ok: true, problem: null });
        }
      }
    },
  );

  test.each([NaN, Infinity, -Infinity])('%d is seen in its own set alone', async (poison) => {
    const values = Array.from(x.data, Number);
    values[3 * 20 + 2 * 5 + 1] = poison;
    const input = tensor(values, x.shape);
    for (const order of orders) {
      for (const most of budgets(x.size)) {
        const y = await normalized(input, { ...sharing, pattern: '[a] b [c]' }, order, most);
        y.data.forEach((value, i) => expect([i, Number.isFinite(Number(value))]).toEqual([i, Math.floor(i / 5) % 4 !== 2]));
      }
    }
  });
});

test('what fits a chunk is what the library computes, bit for bit; so are sets that do not cross chunks', async () => {
  const x = seeded([12, 6, 7]);
  const [weight, bias] = [seeded([6], 1), seeded([6], 2)];
  const rows = [
    ['a [b] c, b', [Infinity, 84]],
    ['a b [c], b', [Infinity, 42, 7]],
    ['[a] b [c], b', [Infinity]],
  ] as const;
  for (const [pattern, mosts] of rows) {
    const expected = norm(x, pattern, { weight, bias });
    for (const most of mosts) {
      const y = await normalized(x, { ...sharing, pattern, weight, bias }, 'C', most);
      expect([pattern, most, [...y.data]]).toEqual([pattern, most, [...expected.data]]);
    }
  }
});

test('what does not fit memory is refused with its numbers', () => {
  const far = { format: 'F32', order: 'C', range: () => Promise.reject(new Error('read')) } as const;
  const many = { ...far, shape: [40, 10_000_000] };
  expect(() => sweepOf(many, { ...sharing, pattern: '[a] b' })).toThrow('10000000 sets share statistics across an array');
  const large = { ...far, shape: [2, 3, 3_000_000] };
  expect(() => sweepOf(large, { kind: 'windows', size: 5 })).toThrow('needs a sample in memory: it has 9000000 elements, 8388608 at most');
  const scattered = { ...far, order: 'F', shape: [200, 3, 30_000] } as const;
  expect(() => sweepOf(scattered, { kind: 'windows', size: 5 })).toThrow('needs an array in Fortran order in memory');
});

function seeded(shape: readonly number[], seed = 0): Tensor {
  manualSeed(seed);
  return randn(shape);
}

/** The elements in the order of a file. */
function arranged(x: Tensor, order: Order): Tensor {
  return order === 'C' ? x : x.permute(x.shape.map((_, axis) => x.shape.length - 1 - axis));
}

function sourceOf(x: Tensor, order: Order, format: Format = x.dtype === 'float64' ? 'F64' : 'F32'): Source {
  const elements = arranged(x, order).reshape([x.size]);
  return { shape: x.shape, format, order, range: (begin, end) => Promise.resolve(elements.slice(0, begin, end)) };
}

/** The normalized tensor, put together from its chunks. */
async function normalized(x: Tensor, method: Method, order: Order, most: number): Promise<Elements> {
  const sweep = sweepOf(sourceOf(x, order), method, { most });
  const values: number[] = [];
  for await (const chunk of sweep.chunks()) for (const value of chunk.data) values.push(Number(value));
  const inMemory = order === 'C' ? x.shape : x.shape.toReversed();
  const y = arranged(tensor(values, inMemory, { dtype: sweep.dtype }), order);
  return { dtype: y.dtype, shape: y.shape, data: y.data.slice() };
}
