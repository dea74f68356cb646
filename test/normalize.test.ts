// evenkeel normalize's engine: whatever the chunks and the order of memory, PyTorch's stored results and the library's own.
import { tensor, type Tensor } from 'evenkeel';
import type { Elements, Format } from 'evenkeel/io';
import { describe, expect, test } from 'vitest';
import type { Order } from '../src/cli/normalize/digits.js';
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
