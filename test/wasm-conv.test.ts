// Convolutions on WASM against the float64 definition: strides, dilations, groups, one to three axes, all three parts.
import { expect, test } from 'vitest';
import type { ConvPart, ConvSizes, Extent } from '../src/kernels/kernels.js';
import { conv as define } from '../src/kernels/reference/dense.js';
import { conv } from '../src/kernels/wasm/conv.js';
import { Machine } from '../src/kernels/wasm/machine.js';

type Given = Partial<ConvSizes> & Pick<ConvSizes, 'input' | 'kernel'>;

const parts = ['y', 'dx', 'dw'] as const;
const machines = [1, 2, 4].map((threads) => new Machine(threads));
const [alone] = machines as [Machine, ...Machine[]];

const depthwise = (channels: number) => ({ groups: channels, inChannels: channels, outChannels: channels });
const all = (n: number): Extent => [1, n, n];

const rows: Readonly<Record<string, ConvSizes>> = {
  'depthwise 7×7': sizesOf({ ...depthwise(5), batch: 2, input: all(24), kernel: all(7), padding: [0, 3, 3] }),
  'depthwise 7×7 on 7×7': sizesOf({ ...depthwise(9), batch: 2, input: all(7), kernel: all(7), padding: [0, 3, 3] }),
  'depthwise 7×7 on 4×4': sizesOf({ ...depthwise(5), batch: 6, input: all(4), kernel: all(7), padding: [0, 3, 3] }),
  'depthwise 7×7 on 2×2': sizesOf({ ...depthwise(3), batch: 3, input: all(2), kernel: all(7), padding: [0, 3, 3] }),
  'depthwise 7×6 on 2×3, stride 3': sizesOf({ ...depthwise(3), batch: 5, input: [1, 2, 3], kernel: [1, 7, 6], padding: [0, 3, 3], stride: [1, 3, 3] }),
  'depthwise on one pixel': sizesOf({ ...depthwise(4), batch: 9, input: all(1), kernel: all(3), padding: [0, 1, 1] }),
  'depthwise on 4×4, no batch': sizesOf({ ...depthwise(3), batch: 0, input: all(4), kernel: all(7), padding: [0, 3, 3] }),
  'depthwise small volume': sizesOf({ ...depthwise(2), batch: 4, input: [2, 3, 2], kernel: [3, 5, 4], padding: [1, 2, 2] }),
  'depthwise 3×3': sizesOf({ ...depthwise(3), input: [1, 13, 17], kernel: all(3), padding: [0, 1, 1] }),
  'depthwise 5×4, no padding': sizesOf({ ...depthwise(2), input: [1, 12, 23], kernel: [1, 5, 4] }),
  'depthwise 9×3, dilated columns': sizesOf({ ...depthwise(2), input: [1, 12, 23], kernel: [1, 9, 3], padding: [0, 4, 2], dilation: [1, 1, 2] }),
  'depthwise 3×3, dilated': sizesOf({ ...depthwise(4), input: all(15), kernel: all(3), padding: [0, 2, 2], dilation: [1, 2, 2] }),
  'depthwise 3×3, stride 2': sizesOf({ ...depthwise(3), input: [1, 15, 22], kernel: all(3), padding: [0, 1, 1], stride: [1, 2, 2] }),
  'depthwise 3×3, stride 3': sizesOf({ ...depthwise(3), input: all(17), kernel: all(3), stride: [1, 3, 3] }),
  'depthwise line': sizesOf({ ...depthwise(3), batch: 2, input: [1, 1, 5000], kernel: [1, 1, 31], padding: [0, 0, 15] }),
  'depthwise column': sizesOf({ ...depthwise(2), batch: 2, input: [1, 9, 5], kernel: [1, 3, 1] }),
  'depthwise tall column': sizesOf({ ...depthwise(2), input: [1, 30, 20], kernel: [1, 7, 1], padding: [0, 3, 0] }),
  'depthwise volume': sizesOf({ ...depthwise(2), input: [5, 6, 7], kernel: [3, 3, 3], padding: [1, 1, 1] }),
  'padding beyond the kernel': sizesOf({ ...depthwise(2), input: all(4), kernel: all(3), padding: [0, 5, 5] }),
  '3×3': sizesOf({ batch: 2, inChannels: 20, outChannels: 33, input: [1, 14, 11], kernel: all(3), padding: [0, 1, 1] }),
  '1×1': sizesOf({ batch: 3, inChannels: 70, outChannels: 40, input: all(9), kernel: all(1) }),
  '3×3, stride 2': sizesOf({ batch: 2, inChannels: 8, outChannels: 12, input: [1, 19, 16], kernel: all(3), padding: [0, 1, 1], stride: [1, 2, 2] }),
  'patches 4×4': sizesOf({ batch: 2, inChannels: 3, outChannels: 24, input: all(32), kernel: all(4), stride: [1, 4, 4] }),
  'patches with gaps and a margin': sizesOf({ inChannels: 3, outChannels: 6, input: all(14), kernel: all(2), stride: [1, 3, 4] }),
  'dilated within its stride': sizesOf({ inChannels: 2, outChannels: 5, input: all(21), kernel: all(2), dilation: [1, 2, 3], stride: [1, 3, 4] }),
  'more taps than stride': sizesOf({ inChannels: 4, outChannels: 4, input: all(21), kernel: all(4), padding: [0, 1, 1], stride: [1, 2, 2] }),
  'dilation 2, stride 4': sizesOf({ inChannels: 4, outChannels: 4, input: all(21), kernel: all(5), padding: [0, 2, 2], dilation: [1, 2, 2], stride: [1, 4, 4] }),
  groups: sizesOf({ groups: 3, inChannels: 6, outChannels: 15, input: all(10), kernel: all(3), padding: [0, 1, 1] }),
  'a channel to two': sizesOf({ groups: 4, inChannels: 4, outChannels: 8, input: all(10), kernel: all(3), padding: [0, 1, 1] }),
  volume: sizesOf({ inChannels: 3, outChannels: 5, input: [6, 7, 8], kernel: [3, 2, 3], padding: [1, 1, 0], stride: [2, 1, 2] }),
  'sums in parts': sizesOf({ batch: 2, inChannels: 3, outChannels: 4, input: all(40), kernel: all(3), padding: [0, 1, 1] }),
  'sums in parts, many rows': sizesOf({ inChannels: 2, outChannels: 300, input: all(26), kernel: all(2) }),
  'sums in parts, many columns': sizesOf({ inChannels: 40, outChannels: 5, input: all(27), kernel: all(3) }),
  ...Object.fromEntries([9, 10, 11, 13, 14].map((blocks) => [
    `sums of ${blocks} blocks`, sizesOf({ batch: 8, inChannels: 3, outChannels: 4, input: [1, 1, 64 * blocks - 3], kernel: [1, 1, 3] }),
  ])),
  'one position': sizesOf({ batch: 2, inChannels: 5, outChannels: 37, input: all(3), kernel: all(3) }),
  'no batch': sizesOf({ batch: 0, inChannels: 3, outChannels: 4, input: all(8), kernel: all(3), padding: [0, 1, 1] }),
  'no input channels': sizesOf({ inChannels: 0, outChannels: 4, input: all(8), kernel: all(3), padding: [0, 1, 1] }),
  'no output channels': sizesOf({ inChannels: 3, outChannels: 0, input: all(8), kernel: all(3), padding: [0, 1, 1] }),
};

test.each(Object.keys(rows))('%s', (name) => {
  for (const part of parts) compare(part, rows[name]!);
});

test('sizes at random', () => {
  const random = generator(3);
  const below = (limit: number) => Math.floor(random() * limit);
  for (let i = 0; i < 250; i++) {
    const rank = 1 + (i % 3);
    const axes = (value: (axis: number) => number, rest: number) => [0, 1, 2].map((a) => (a < 3 - rank ? rest : value(a))) as [number, number, number];
    const kernel = axes(() => 1 + below(4), 1);
    const dilation = axes(() => 1 + below(3), 1);
    const padding = axes(() => below(4), 0);
    const input = axes((a) => Math.max(1, dilation[a]! * (kernel[a]! - 1) + 1 - 2 * padding[a]!) + below(24 / rank ** 2), 1);
    const groups = 1 + below(3);
    const channels = i % 4 === 0 ? depthwise(groups) : { groups, inChannels: groups * (1 + below(4)), outChannels: groups * (1 + below(6)) };
    const sizes = sizesOf({ ...channels, batch: 1 + below(2), input, kernel, dilation, padding, stride: axes(() => 1 + below(3), 1) });
    for (const part of parts) compare(part, sizes);
  }
});

test('depthwise planes at random', () => {
  const random = generator(4);
  const below = (limit: number) => Math.floor(random() * limit);
  for (let i = 0; i < 120; i++) {
    const kernel: [number, number, number] = [1, 1 + below(9), 1 + below(9)];
    const padding: [number, number, number] = [0, below(kernel[1] + 2), below(kernel[2] + 2)];
    const input: [number, number, number] = [1, kernel[1] + below(20), kernel[2] + below(20)];
    const sizes = sizesOf({ ...depthwise(1 + below(3)), batch: 1 + below(2), input, kernel, padding });
    for (const part of parts) compare(part, sizes);
  }
});

test('infinity and NaN meet no padding', () => {
  for (const name of Object.keys(rows).filter((row) => rows[row]!.padding[2] > 0 || row.startsWith('depthwise'))) {
    for (const part of parts) {
      const [a, b] = operands(part, rows[name]!);
      if (a.length * b.length === 0) continue;
      b[0] = Infinity;
      b[b.length - 1] = NaN;
      compare(part, rows[name]!, [a, b]);
      b[0] = 1;
      b[b.length - 1] = 1;
      a[0] = -Infinity;
      a[a.length >> 1] = NaN;
      compare(part, rows[name]!, [a, b]);
    }
  }
});

test('an image alone has the same bits', () => {
  for (const sizes of Object.values(rows).filter(({ batch }) => batch > 1)) {
    for (const part of ['y', 'dx'] as const) {
      const [a, b] = operands(part, sizes);
      const together = run(alone, part, sizes, [a, b]);
      const image = a.slice(a.length - a.length / sizes.batch);
      expectSame(run(alone, part, { ...sizes, batch: 1 }, [image, b]), together.slice(together.length - together.length / sizes.batch));
    }
  }
});

test('images that are padded in several turns', () => {
  const sizes = sizesOf({ batch: 5, inChannels: 11, outChannels: 1, input: all(150), kernel: [1, 1, 2], padding: [0, 1, 0], stride: [1, 2, 1] });
  for (const part of ['y', 'dw'] as const) compare(part, sizes);
  const wide = sizesOf({ batch: 5, inChannels: 1, outChannels: 11, input: all(150), kernel: [1, 1, 2], padding: [0, 0, 1] });
  compare('dx', wide);
});

test('any number of threads gives the same bits', async () => {
  const threaded = [
    sizesOf({ ...depthwise(24), batch: 2, input: all(28), kernel: all(7), padding: [0, 3, 3] }),
    sizesOf({ ...depthwise(70), batch: 80, input: all(4), kernel: all(7), padding: [0, 3, 3] }),
    sizesOf({ batch: 2, inChannels: 24, outChannels: 30, input: all(28), kernel: all(3), padding: [0, 1, 1] }),
    sizesOf({ batch: 4, inChannels: 3, outChannels: 40, input: all(56), kernel: all(4), stride: [1, 4, 4] }),
    sizesOf({ groups: 4, batch: 2, inChannels: 16, outChannels: 32, input: all(40), kernel: all(3), padding: [0, 1, 1], stride: [1, 2, 2] }),
  ];
  for (let turn = 0; turn < 3; turn++) {
    for (const sizes of threaded) {
      for (const part of parts) {
        const given = operands(part, sizes);
        const [one, ...others] = machines.map((machine) => run(machine, part, sizes, given));
        for (const other of others) expectSame(other, one!);
      }
    }
    // By then the workers have started.
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

function sizesOf({ batch = 1, groups = 1, inChannels = 1, outChannels = 1, stride = [1, 1, 1], padding = [0, 0, 0], dilation = [1, 1, 1], ...rest }: Given): ConvSizes {
  const extent = (a: 0 | 1 | 2) => Math.floor((rest.input[a] + 2 * padding[a] - dilation[a] * (rest.kernel[a] - 1) - 1) / stride[a]) + 1;
  return { batch, groups, inChannels, outChannels, stride, padding, dilation, ...rest, output: [extent(0), extent(1), extent(2)] };
}

function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) / 2 ** 24;
  };
}

function volume(extent: Extent): number {
  return extent[0] * extent[1] * extent[2];
}

function lengths({ batch, groups, inChannels, outChannels, input, kernel, output }: ConvSizes) {
  const weights = outChannels * (inChannels / groups) * volume(kernel);
  return { x: batch * inChannels * volume(input), w: weights, y: batch * outChannels * volume(output) };
}

/** How many products an element is the sum of, at most. */
function terms(part: ConvPart, { batch, groups, inChannels, outChannels, kernel, output }: ConvSizes): number {
  const channels = part === 'y' ? inChannels : outChannels;
  return part === 'dw' ? batch * volume(output) : (channels / groups) * volume(kernel);
}

function operands(part: ConvPart, sizes: ConvSizes): [Float32Array, Float32Array] {
  const { x, w, y } = lengths(sizes);
  const random = generator(x + 31 * w + 1009 * y);
  const values = (length: number) => Float32Array.from({ length }, () => 2 * random() - 1);
  return [values(part === 'dx' ? y : x), values(part === 'dw' ? y : w)];
}

function compare(part: ConvPart, sizes: ConvSizes, [a, b] = operands(part, sizes)): void {
  const found = run(alone, part, sizes, [a, b]);
  const wanted = new Float64Array(found.length);
  define(part, sizes, a, b, wanted);
  const root = Math.sqrt(terms(part, sizes));
  const most = (want: number) => 6e-8 * (4 + root) * (1 + root / 2 + Math.abs(want));
  const e = found.findIndex((have, i) => !Object.is(have, Math.fround(wanted[i]!)) && !(Math.abs(have - wanted[i]!) <= most(wanted[i]!)));
  if (e !== -1) expect.fail(`${part}[${e}] of ${JSON.stringify(sizes)} is ${found[e]}, wanted ${wanted[e]}`);
}

function expectSame(a: Float32Array, b: Float32Array): void {
  expect(a.length).toBe(b.length);
  const e = a.findIndex((value, i) => !Object.is(value, b[i]));
  if (e !== -1) expect.fail(`element ${e} is ${a[e]} and ${b[e]}`);
}

function run(machine: Machine, part: ConvPart, sizes: ConvSizes, [a, b] = operands(part, sizes)): Float32Array {
  const put = (values: Float32Array) => {
    const address = machine.temporary(values.byteLength + 4);
    machine.f32.set(values, address / 4);
    return address;
  };
  try {
    const { x, w, y } = lengths(sizes);
    const length = { y, dx: x, dw: w }[part];
    const [left, right, out] = [put(a), put(b), put(new Float32Array(length + 1).fill(123))] as const;
    conv(machine, part, sizes, left, right, out);
    expect(machine.f32[out / 4 + length]).toBe(123);
    return machine.f32.slice(out / 4, out / 4 + length);
  } finally {
    machine.settle();
  }
}
