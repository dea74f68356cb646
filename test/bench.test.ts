// The parts of the bench that compute: rows, statistics, arguments, models, text. No peer is needed.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memory, Tensor, zeros } from 'evenkeel';
import { afterAll, expect, test } from 'vitest';
import { benchArguments, matches, peerNames } from '../bench/arguments.js';
import { noise, numbersOf, passesOf, placesIn, valuesOf, type Contestant, type Pass } from '../bench/contestant.js';
import { copyModule } from '../bench/copybytes.js';
import type { Machine } from '../bench/machine.js';
import { measure, takesPart } from '../bench/measure.js';
import { node, onnxModel } from '../bench/onnx.js';
import { evenkeel } from '../bench/own.js';
import { appendRecords, columns } from '../bench/records.js';
import { averageOf, copyTime, resultOf, workOf, type Result } from '../bench/result.js';
import { isStored, type Row } from '../bench/row.js';
import { rows, rowsOn } from '../bench/rows.js';
import { geometricMean, spreadOf, type Spread } from '../bench/statistics.js';
import { headLines, number, remarks, resultLine, summaryLine } from '../bench/table.js';
import { refusal } from './refusal.js';

const folder = mkdtempSync(join(tmpdir(), 'evenkeel-bench-'));
afterAll(() => rmSync(folder, { recursive: true }));

const exactly = (median: number): Spread => ({ samples: 1, median, q1: median, q3: median });

test('names of rows are different, every family has rows, and inputs begin with x', () => {
  expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
  expect(new Set(rows.map(({ family }) => family))).toEqual(new Set(['norm', 'rms', 'add', 'dense', 'block', 'job', 'call']));
  expect(rows.filter(({ inputs }) => Object.keys(inputs)[0] !== 'x')).toEqual([]);
});

// The functions of the bench on shapes that take no time.
const small = rowsOn({
  tokens: [[3, 8]],
  added: [[3, 8]],
  batches: [[2, 4, 3, 3]],
  images: [2, 32, 3, 2],
  products: [[3, 4, 5]],
  square: [4, 6],
  blocks: { images: [2, 4, 3, 3], tokens: { shape: [2, 3, 8], heads: 2, hidden: 12 }, digits: { images: 9, batch: 4 } },
  call: [2, 8],
});
test.each(small.map((row) => [row.name, row] as const))('%s runs every pass', async (_, row) => {
  for (const work of [row, row.beside ?? row]) {
    const inputs = Object.values(work.inputs).map((shape) => zeros([...shape]));
    const [x = zeros([])] = inputs;
    const result = typeof work.own === 'function' ? work.own(...inputs) : work.own.module().forward(x);
    expect((result instanceof Tensor ? result : result.y).shape, work.name).toEqual(work.output);
  }
  const peer = evenkeel('evenkeel', '0', 'reference');
  for (const pass of passesOf(row)) {
    const contestant = await peer.enter(row, pass, numbersOf(row));
    expect(await contestant?.sample(2)).toBeGreaterThan(0);
    const seen = (await contestant?.probe(placesIn(row, pass))) ?? [];
    expect(seen.length).toBe(5);
    expect(seen.every(Number.isFinite)).toBe(true);
    expect(workOf(row, pass).bytes).toBeGreaterThan(0);
    await contestant?.close();
  }
});

const learning = [['norm', 'forward+backward'], ['block', 'training step'], ['job', 'epoch']] as const;
test.each(learning)('%s: the gradients of evenkeel are dropped between calls', async (family, pass) => {
  const row = small.find((each) => each.family === family);
  const contestant = row ? await evenkeel('evenkeel', '0', 'reference').enter(row, pass, numbersOf(row)) : null;
  await contestant?.sample(1);
  const before = memory();
  await contestant?.sample(3);
  expect(memory()).toEqual(before);
});

test('a training step is probed from the row\'s numbers, however many were made before', async () => {
  for (const [family, pass] of learning.slice(1)) {
    const row = small.find((each) => each.family === family);
    if (!row) throw new Error(`no ${family}`);
    const contestant = await evenkeel('evenkeel', '0', 'reference').enter(row, pass, numbersOf(row));
    const before = await contestant?.probe(placesIn(row, pass));
    await contestant?.sample(3);
    expect(await contestant?.probe(placesIn(row, pass))).toEqual(before);
    await contestant?.close();
  }
});

test('numbers are spread, and the same for the same name', () => {
  const plain = { scale: 1, shift: 0 };
  const x = noise(1000, 1, plain);
  expect(Math.abs(x.reduce((sum, value) => sum + value, 0) / 1000)).toBeLessThan(0.05);
  expect([Math.min(...x) < -0.99, Math.max(...x) > 0.99]).toEqual([true, true]);
  expect(noise(3, 1, plain)).toEqual(x.slice(0, 3));
  // bench/torch_peer.py makes the same ones.
  expect(Array.from(noise(3, 2, plain))).toEqual([292030656, -51770832, 1324846464].map((turn) => turn / 2 ** 31));
  const positive = rows.flatMap((row) => {
    const stored = Object.keys(row.inputs).filter((name) => isStored(row, name));
    return stored.filter((name) => Math.min(...noise(99, 0, valuesOf(row, name))) > 0);
  });
  const kinds = positive.map((name) => name.replace(/^(stages|downsample_layers)\.\d+\.\d+/, '$1'));
  expect([...new Set(kinds)].sort()).toEqual([
    'downsample_layers.weight', 'gamma', 'norm.weight', 'norm1.weight', 'norm2.weight', 'runningVar', 'stages.gamma',
    'stages.norm.weight', 'w',
  ]);
});

test('statistics', () => {
  expect(spreadOf([4, 1, 3, 2])).toEqual({ samples: 4, median: 2.5, q1: 1.75, q3: 3.25 });
  expect(spreadOf([7])).toEqual(exactly(7));
  expect(geometricMean([1, 4, 16])).toBeCloseTo(4, 12);
});

/** Says what it took, and takes no time. */
const takes = (micros: number): Contestant => ({ sample: async () => micros, probe: () => null, close: () => {} });

test('samples are taken in turn, fewer of the slow ones and spread evenly; a failure stops nobody else', async () => {
  const turns = Array.from({ length: 10 }, (_, round) => takesPart(3, round, 10));
  expect(turns.filter(Boolean)).toHaveLength(3);
  expect(turns.lastIndexOf(true)).toBe(9);
  const fails: Contestant = { ...takes(1), sample: () => Promise.reject(new Error('out of memory\nat once')) };
  const timings = await measure(new Map([['fast', takes(2e4)], ['slow', takes(1e6)], ['slower', takes(1e7)], ['fails', fails]]), 1);
  expect(timings.get('fast')).toEqual({ ...exactly(2e4), samples: 30 });
  expect(timings.get('slow')).toEqual({ ...exactly(1e6), samples: 3 });
  expect(timings.get('slower')).toEqual(exactly(1e7));
  expect(timings.get('fails')).toEqual({ error: 'out of memory' });
});

const refused: [argv: string[], message: string][] = [
  [['nonsense'], "no row's name has 'nonsense': npm run bench -- --help lists the rows"],
  [['layernorm', 'matmul'], "no row's name has 'layernorm matmul'"],
  [['--threads', '0'], "--threads must be a whole number from 1 to 64, got '0'"],
  [['--threads', '1.5'], "got '1.5'"],
  [['--json', join(folder, 'no', 'where.json')], 'cannot be written (ENOENT): name a file in a folder that exists'],
  [['--json', folder], 'cannot be written (EISDIR)'],
];
test.each(refused)('%j is refused', (argv, message) => {
  const { name, message: said } = refusal(() => benchArguments(argv));
  expect(`${name}: ${said}`).toContain(`KeelError [argument]: `);
  expect(said).toContain(message);
});

const found = (...words: string[]): string[] =>
  rows.flatMap((row) => passesOf(row).filter((pass) => matches(words, row, pass)).map((pass) => `${row.name} ${pass}`));

test('arguments', () => {
  expect(() => benchArguments(['--fast'])).toThrow("Unknown option '--fast'");
  const json = join(folder, 'out.json');
  expect(benchArguments(['LayerNorm 4096', '--threads', '2', '--json', json])).toEqual({
    words: ['LayerNorm', '4096'], threads: 2, json, peers: peerNames, help: false,
  });
  // Asking leaves no file.
  expect(existsSync(json)).toBe(false);
  expect(found('rms', '128x768', 'backward')).toEqual(['RMSNorm 128×768 forward+backward']);
  expect(found('convnext', 'training')).toEqual(['ConvNeXtBlock 8×96×56×56 training step']);
  expect(found('small')).toEqual(['small call 128×768 forward']);
  // The small call has no backward pass, and the epoch is one of its own.
  expect(found()).toHaveLength(2 * rows.length - 2);
});

test('the module that copies copies', async () => {
  const shared = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(copyModule), { '': { memory: shared } });
  const bytes = new Uint8Array(shared.buffer);
  for (const [name, to] of [['copy', 1024], ['loop', 2048]] as const) {
    for (let i = 0; i < 192; i++) bytes[i] = i;
    // Both exports are functions of three numbers.
    (exports[name] as (to: number, from: number, bytes: number) => void)(to, 0, 192);
    expect(bytes.slice(to, to + 193)).toEqual(Uint8Array.from([...bytes.slice(0, 192), 0]));
  }
});

test('an ONNX model in bytes', () => {
  const x = { name: 'x', shape: [2, 3] };
  const model = onnxModel([node('Softmax', 'x', { axis: -1 })], [x], [], { name: 'y', shape: [2, 3] });
  // ir_version 10, then the graph, whose first node reads x and writes y.
  expect(Array.from(model.slice(0, 3))).toEqual([8, 10, 58]);
  expect(Buffer.from(model).toString('latin1')).toContain('\n\x01x\x12\x01y"\x07Softmax');
  // axis -1 as ten bytes of a varint.
  expect(Buffer.from(model).toString('hex')).toContain('18ffffffffffffffffff01a00102');
});

const [tokens] = small;
const result = (pass: Pass, own: number, theirs: number | null, family: Row['family'] = 'norm'): Result => {
  if (!tokens) throw new Error('no rows');
  const copies = { memoryCopy: exactly(4), simdLoop: exactly(5) };
  const timing = theirs === null ? null : exactly(theirs);
  const peers = [{ name: 'onnxruntime-web', version: '1', timing, differs: null }];
  return resultOf({ ...tokens, family, name: `row ${own}` }, pass, exactly(own), copies, null, peers);
};

test('what follows from the times', () => {
  const forward = result('forward', 8, 20);
  // 24 elements of 4 bytes, read and written; a copy of them takes 4 µs.
  expect(forward.gigabytesPerSecond).toBeCloseTo(0.024, 12);
  expect(forward.copyShare).toBeCloseTo(0.5, 12);
  expect(forward.peers[0]?.ratio).toBe(2.5);
  expect(result('forward+backward', 10, null).copyShare).toBeCloseTo(1, 12);
  expect(copyTime(1e9, forward.copies)).toBe(5);
  const results = [forward, result('forward', 5, 5), result('forward', 1, null), result('forward', 1, 9, 'rms')];
  expect(averageOf(results, 'onnxruntime-web', 'norm', 'forward')).toEqual({
    rows: 2, mean: expect.closeTo(Math.sqrt(2.5), 12), worst: { row: 'row 5', ratio: 1 },
  });
  expect(summaryLine('onnxruntime-web', '1', results)).toBe(
    'onnxruntime-web 1: norms forward 1.58× (worst 1.00×, row 5); RMSNorm forward 9.00×',
  );
  expect(summaryLine('TF.js', '4', results)).toBe(null);
});

test('the table', () => {
  const forward = result('forward', 8, 20);
  const [, head = ''] = headLines(['onnxruntime-web']);
  const line = resultLine(forward);
  expect(line.length).toBe(head.length);
  expect(line.split(/\s+/)).toEqual(['row', '8', 'fwd', '8.00', '0.00', '0.024', '-', '50', '2.50×']);
  expect(remarks(forward)).toEqual([]);
  const failed = {
    ...forward,
    own: { error: 'out of memory' },
    beside: null,
    peers: [{ name: 'TF.js', version: '4', timing: exactly(1), ratio: 1, differs: 'element 0 is 1 instead of 2' }],
  };
  expect(resultLine(failed)).toMatch(/failed .* 1\.00×!$/);
  expect(remarks(failed).map((remark) => remark.trim())).toEqual([
    'evenkeel failed: out of memory',
    '! TF.js computed something else: element 0 is 1 instead of 2',
  ]);
  const beside = { name: 'the bare kernel', timing: exactly(6) };
  expect(remarks({ ...forward, beside })[0]?.trim()).toBe('1.33× the time of the bare kernel (6.00 µs)');
  expect(remarks({ ...forward, family: 'call', beside })[0]).toContain('2.00 µs over it');
  expect([0.01234, 0.5, 9.999, 99.96, 12345.6, null].map(number)).toEqual(['0.012', '0.50', '10.0', '100', '12346', '-']);
});

test('records have a head once, and a field for each column', () => {
  const path = join(folder, 'results.csv');
  const machine: Machine = { date: 'D', commit: 'c', cpu: 'a "b", c', cores: 2, memory: '8 GiB', node: 'v20' };
  const setting = { machine, threads: 1, backend: 'wasm', version: '0.1.0' };
  appendRecords(path, setting, result('forward', 8, 20));
  appendRecords(path, setting, result('forward', 8, null));
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  expect(lines).toHaveLength(1 + 4 + 3);
  expect(lines[0]).toBe(columns.join(','));
  expect(lines[1]).toBe('D,c,"a ""b"", c",2,8 GiB,v20,1,row 8,forward,evenkeel wasm,0.1.0,1,8.000,8.000,8.000,0.02400,0.5000,');
});
