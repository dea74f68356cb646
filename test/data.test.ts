// Batches, images moved at random and the line of progress.
import {
  arange, backends, DataLoader, manualSeed, memory, Progress, randint, scope, shiftImages, tensor, useBackend, zeros,
  type DataLoaderOptions, type DType, type Tensor,
} from 'evenkeel';
import { afterEach, describe, expect, test } from 'vitest';
import { progressText } from '../src/data/progress.js';
import expected from './jobs/expected.json' with { type: 'json' };
import { refusal } from './refusal.js';

const inUse = useBackend('reference');
useBackend(inUse);
afterEach(() => {
  useBackend(inUse);
});

const dtypes = ['float32', 'float64', 'int64', 'bool'] as const satisfies readonly DType[];
const counting = (rows: number, dtype: DType = 'float32'): Tensor =>
  tensor(Array.from({ length: rows }, (_, i) => [i, 10 - i]), { dtype });

describe.each(backends())('%s', (backend) => {
  test.each(dtypes)('batches of %s keep their rows, dtype and backend', (dtype) => {
    useBackend(backend);
    const [x, labels] = [counting(7, dtype), tensor([0n, 1n, 2n, 3n, 4n, 5n, 6n])];
    const loader = new DataLoader([x, labels], { batchSize: 3 });
    for (let pass = 0; pass < 2; pass++) {
      const batches = [...loader];
      expect(batches.map(([batch]) => batch.shape)).toEqual([[3, 2], [3, 2], [1, 2]]);
      expect(batches.flatMap(([batch]) => batch.toArray())).toEqual(x.toArray());
      expect(batches.map(([, batch]) => batch.toArray())).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
      for (const [batch] of batches) expect([batch.dtype, batch.storage.kernels]).toEqual([dtype, x.storage.kernels]);
    }
  });

  test.each(expected.passes)("passes over $rows rows after seed $seed are PyTorch's, and so is what is drawn next", ({ rows, seed, orders, next }) => {
    useBackend(backend);
    const numbers = arange(rows);
    const shuffled = new DataLoader([numbers], { batchSize: 4, shuffle: true });
    const plain = new DataLoader([numbers], { batchSize: 4 });
    manualSeed(seed);
    const passes = [shuffled, plain, shuffled].map((loader) => [...loader].flatMap(([x]) => x.toArray()));
    expect(passes).toEqual(orders);
    expect(randint(0, 1000, [3]).toArray()).toEqual(next);
  });

  test('images move together with their channels, zeros come in', () => {
    useBackend(backend);
    const images = tensor(Array.from({ length: 400 * 2 * 3 * 4 }, (_, i) => 1 + (i % 24)), [400, 2, 3, 4]);
    manualSeed(1);
    const moved = shiftImages(images);
    expect(moved.shape).toEqual(images.shape);
    const first = Array.from(images.data.subarray(0, 24), Number);
    const shifts = [-1, 0, 1].flatMap((down) => [-1, 0, 1].map((right) => [String(shiftedBy(first, down, right)), `${down} ${right}`] as const));
    const names = new Map(shifts);
    const seen = Array.from({ length: 400 }, (_, i) => names.get(String(Array.from(moved.data.subarray(24 * i, 24 * (i + 1)), Number))));
    const counts = [...names.values()].map((name) => seen.filter((each) => each === name).length);
    // Nine shifts of 400 images: 44 each, give or take four deviations of 6.3.
    expect(Math.min(...counts)).toBeGreaterThan(18);
    expect(counts.reduce((total, count) => total + count, 0)).toBe(400);
    manualSeed(1);
    expect(shiftImages(images).data).toEqual(moved.data);
  });
});

/** 2 × 3 × 4 numbers moved down and right, element by element. */
function shiftedBy(image: readonly number[], down: number, right: number): number[] {
  return image.map((_, i) => {
    const [channel, row, column] = [Math.floor(i / 12), (Math.floor(i / 4) % 3) - down, (i % 4) - right];
    return row < 0 || row > 2 || column < 0 || column > 3 ? 0 : (image[channel * 12 + row * 4 + column] ?? NaN);
  });
}

test.each(dtypes)('images of %s without channels, far beyond their edges', (dtype) => {
  const images = tensor([[[1, 0], [1, 1]]], { dtype });
  const moved = Array.from({ length: 40 }, () => shiftImages(images, 5));
  expect(moved.every((each) => each.dtype === dtype && each.rank === 3)).toBe(true);
  const values = new Set(moved.map((each) => Array.from(each.data, Number).join('')));
  expect(values).toContain('0000');
  expect(shiftImages(images, 0).toArray()).toEqual(images.toArray());
});

test.each([[false, 4, [3, 3, 3, 1]], [true, 3, [3, 3, 3]]] as const)('dropLast %s', (dropLast, length, rows) => {
  const loader = new DataLoader([counting(10)], { batchSize: 3, dropLast });
  expect([loader.length, [...loader].map(([x]) => x.shape[0])]).toEqual([length, rows]);
});

test.each([[0, false, 0], [2, true, 0], [2, false, 1]])('%s rows by three, dropLast %s: %s batches', (rows, dropLast, length) => {
  const loader = new DataLoader([zeros([rows, 2])], { batchSize: 3, dropLast });
  expect([loader.length, [...loader].length]).toEqual([length, length]);
});

test('batches go with the scope of whoever asks, and after each turn of forEach', () => {
  const loader = new DataLoader([counting(6), counting(6)], { batchSize: 2, transform: ([a, b]) => [a.add(b).mul(2), b] });
  const before = memory().tensors;
  scope(() => {
    for (const [a] of loader) a.add(1);
  });
  expect(memory().tensors).toBe(before);
  const held: number[] = [];
  loader.forEach(([a], i) => {
    a.add(1);
    held.push(memory().tensors - before, i);
  });
  expect([held, memory().tensors]).toEqual([[3, 0, 3, 1, 3, 2], before]);
  for (const batch of loader) for (const each of batch) each.dispose();
  expect(memory().tensors).toBe(before);
});

test('a transform sees each batch, unrecorded', () => {
  const weight = tensor([2], { requiresGrad: true });
  const loader = new DataLoader([counting(4)], { batchSize: 4, transform: ([x]) => [x.mul(weight)] });
  const [[y]] = [...loader] as [[Tensor]];
  expect([y.toArray(), y.requiresGrad]).toEqual([[[0, 20], [2, 18], [4, 16], [6, 14]], false]);
});

const gone = zeros([2]);
gone.dispose();

test.each([
  ['no tensors', () => new DataLoader([]), 'argument', 'DataLoader takes a list of tensors'],
  ['one tensor', () => new DataLoader(zeros([2]) as unknown as Tensor[]), 'argument', 'DataLoader takes a list of tensors'],
  ['what is no tensor', () => new DataLoader([[1, 2] as unknown as Tensor]), 'argument', 'DataLoader takes a Tensor, got a list'],
  ['other numbers of rows', () => new DataLoader([zeros([3, 1]), zeros([4])]), 'shape', 'Size mismatch between tensors: tensor 1 has 4 rows, the first 3; of [3, 1], [4]'],
  ['a scalar', () => new DataLoader([zeros([])]), 'shape', 'tensor 0 has no rows'],
  ['a batch of nothing', () => new DataLoader([zeros([3])], { batchSize: 0 }), 'size', 'batch_size must be a whole number from 1, got 0'],
  ['an option by its Python name', () => new DataLoader([zeros([3])], { batch_size: 2 } as DataLoaderOptions<[Tensor]>), 'argument', 'did you mean batchSize?'],
  ['a transform that is none', () => new DataLoader([zeros([3])], { transform: 3 as never }), 'argument', 'transform takes a batch to a batch, got the number 3'],
  ['a transform that returns nothing', () => new DataLoader([zeros([3])], { transform: () => undefined as never }).forEach(() => {}), 'argument', 'transform takes a batch to a batch, and gave undefined: return a list of tensors, such as [x, y]'],
  ['a disposed tensor', () => new DataLoader([gone]), 'disposed', 'was disposed'],
  ['vectors to shift', () => shiftImages(zeros([2, 3])), 'rank', 'shiftImages takes (N, C, H, W) or (N, H, W), got 2 axes: 2 × 3'],
  ['half a pixel', () => shiftImages(zeros([1, 2, 2]), 0.5), 'size', 'pixels must be a whole number from 0, got 0.5'],
  ['a total that is none', () => new Progress(-1), 'size', 'total must be a whole number from 0, got -1'],
] as const)('%s is refused', (_, run, code, words) => {
  const error = refusal(run);
  expect([error.code, error.message]).toEqual([code, expect.stringContaining(words)]);
});

const standing = { label: '', unit: 'images', total: 1437, count: 0, millis: 0, note: '', isDone: false };

test.each([
  [{}, '[····················] 0/1437 0%'],
  [{ label: 'epoch 2', count: 640, millis: 518.6, note: 'loss 0.531' }, 'epoch 2 [████████············] 640/1437 44% 1234 images/s 0:01 left loss 0.531'],
  [{ count: 10, millis: 4000 }, '[····················] 10/1437 0% 2.50 images/s 9:31 left'],
  [{ count: 1, millis: 9000 }, '[····················] 1/1437 0% 0.111 images/s 3:35:24 left'],
  [{ count: 1437, millis: 61_001, isDone: true }, '[████████████████████] 1437/1437 100% 23.6 images/s in 1:02'],
  [{ count: 1500, millis: 1000 }, '[████████████████████] 1500/1437 100% 1500 images/s 0:00 left'],
  [{ total: 0, millis: 5, isDone: true }, '[████████████████████] 0/0 100% in 0:01'],
])('%o', (given, text) => {
  expect(progressText({ ...standing, ...given })).toBe(text);
});

/** What is written while a clock is set by hand. */
function written(isTerminal: boolean, width: number, run: (progress: Progress, at: (millis: number) => void) => void): string[] {
  const texts: string[] = [];
  let time = 1000;
  const progress = new Progress(100, { label: 'job', unit: 'rows', isTerminal, width, write: (text) => texts.push(text), now: () => time });
  run(progress, (millis) => {
    time = 1000 + millis;
  });
  return texts;
}

test('a terminal has one line, redrawn ten times a second and cut to the width', () => {
  const texts = written(true, 46, (progress, at) => {
    at(10);
    progress.update(10, 'a long note');
    at(100);
    progress.update(20);
    at(1000);
    progress.update(50, '');
    progress.done();
  });
  expect(texts).toEqual([
    '\rjob [██··················] 10/100 10% 1000 ro',
    '\rjob [██████████··········] 50/100 50% 50.0 ro',
    '\rjob [██████████··········] 50/100 50% 50.0 ro\n',
  ]);
});

test('a shorter line wipes out the longer one before', () => {
  const texts = written(true, 200, (progress, at) => {
    at(1000);
    progress.update(10, 'a note');
    at(2000);
    progress.update(20, '');
  });
  expect(texts[0]).toMatch(/left a note$/);
  expect(texts[1]).toBe(`\rjob [████················] 20/100 20% 10.0 rows/s 0:08 left${' '.repeat(7)}`);
});

test('elsewhere lines come now and then, and the last one', () => {
  const texts = written(false, 10, (progress, at) => {
    for (let second = 0; second <= 11; second++) {
      at(1000 * second);
      progress.update(second);
    }
    progress.done('accuracy 1');
  });
  expect(texts).toEqual([
    'job [█···················] 5/100 5% 1.00 rows/s 1:35 left\n',
    'job [██··················] 10/100 10% 1.00 rows/s 1:30 left\n',
    'job [██··················] 11/100 11% 1.00 rows/s in 0:11 accuracy 1\n',
  ]);
});
