// The table of the demo: every row beside its stored results. May import evenkeel.

import { equivalent, InstanceNorm2d, LayerNorm, manualSeed, randn, scope, type Tensor } from 'evenkeel';
import { inputTitles, loadInputs, type InputName } from './inputs.js';
import { measure, referenceMillis, rows, type Measured } from './rows.js';
import type { Terminal } from '../terminal.js';
import { wrap } from '../text.js';
import type { Expected, Stored, StoredPair, StoredRow, StoredTable } from './stored.js';

/** A row of the table as JSON has it. */
export interface ReportRow {
  readonly input: string;
  readonly layer: string;
  readonly pattern: string;
  readonly shape: readonly number[];
  readonly statistics: string;
  /** Forward and backward. */
  readonly millis: number;
  readonly referenceMillis: number;
  /** Of every result, its distance from PyTorch in float64, that of PyTorch's float32, and how far off it may be. */
  readonly results: readonly { name: string; error: number; torchError: number; limit: number }[];
}

export interface Report {
  readonly rows: readonly ReportRow[];
  /** What deviates from the stored results, a line each. */
  readonly deviations: readonly string[];
}

/** Prints the whole report, each line as it comes. */
export async function report(stored: Stored, terminal: Terminal): Promise<Report> {
  const { print, paint } = terminal;
  for (const text of introduction(stored)) print(text);
  const table = await layerTable(stored, terminal);
  const deviations = [...table.deviations, ...printedTables(stored.tables, terminal), ...pairs(stored.pairs, terminal)];
  print('');
  const outputs = stored.rows.reduce((total, row) => total + row.outputs.size, 0);
  if (deviations.length === 0) {
    const limits = "3 times PyTorch's own error, or 2e-6 of the largest element if that is more";
    print(paint('green', `All ${outputs} results of ${stored.rows.length} rows are within their limits:`));
    print(`${limits}.`);
  } else {
    print(paint('red', `${deviations.length} deviations from the stored results:`));
    for (const deviation of deviations) print(paint('red', `✗ ${deviation}`));
  }
  return { rows: table.rows, deviations };
}

function introduction({ torch }: Stored): string[] {
  return [
    'evenkeel normalizes 3 photos, 1797 handwritten digits and a small worked example with every layer,',
    `forward and backward, and compares the results with those of PyTorch ${torch}.`,
    '',
    '  statistics × elements  how many means or norms there are, and how many elements share each;',
    '                         stored: the running ones, which BatchNorm uses in evaluation',
    '  result                 largest distance from the truth, which is PyTorch in float64',
    '  gradient               the same for the gradient of the input; of the weight for weight_norm and',
    '                         spectral_norm',
    "  torch                  PyTorch's own distance from the truth, in float32",
    '  ms                     forward and backward, on WASM and on the reference backend',
    '',
    'Gradients of all parameters and running statistics are compared too. Of a tensor of more than 512',
    'elements every 11th to 887th is.',
  ];
}

async function layerTable(stored: Stored, terminal: Terminal): Promise<Report> {
  const { print, paint, pause } = terminal;
  const inputs = await loadInputs();
  const known = new Map(stored.rows.map((row) => [`${row.input}: ${row.layer}`, row]));
  const found: ReportRow[] = [];
  const deviations: string[] = [];
  print('');
  for (const heading of headings) print(paint('bold', heading));
  // Object.entries gives the keys of the record, and loses their type.
  for (const [input, layers] of Object.entries(rows) as [InputName, (typeof rows)[InputName]][]) {
    print(paint('dim', `— ${inputTitles[input]}`));
    for (const [layer, make] of Object.entries(layers)) {
      await pause();
      const name = `${input}: ${layer}`;
      const expected = known.get(name);
      known.delete(name);
      if (expected === undefined) {
        deviations.push(`${name} has no stored results`);
        continue;
      }
      const row = scope(() => {
        const millis = referenceMillis(layer, make, inputs[input]);
        return compared(expected, measure(layer, make, inputs[input]), millis, inputs[input].shape);
      });
      const beyond = beyondOf(row);
      print(beyond.length > 0 ? paint('red', `${rowLine(row)} ✗`) : rowLine(row));
      found.push(row);
      deviations.push(...beyond);
    }
  }
  deviations.push(...[...known.keys()].map((name) => `${name} is stored, and is no row here`));
  return { rows: found, deviations };
}

function compared(stored: StoredRow, measured: Measured, referenceTime: number, shape: readonly number[]): ReportRow {
  return {
    input: stored.input,
    layer: stored.layer,
    pattern: measured.pattern,
    shape,
    statistics: measured.sets,
    millis: measured.millis,
    referenceMillis: referenceTime,
    results: [...stored.outputs].map(([name, expected]) => ({
      name,
      error: distance(measured.outputs.get(name), expected),
      torchError: expected.torchError,
      limit: expected.limit,
    })),
  };
}

function rowLine({ layer, pattern, shape, statistics, millis, referenceMillis: referenceTime, results }: ReportRow): string {
  const errors = ['y', gradientOf(results)].flatMap((name) => {
    const found = results.find((each) => each.name === name);
    return [found?.error ?? NaN, found?.torchError ?? NaN].map(short);
  });
  const ms = [millis.toFixed(2), String(Math.round(referenceTime))];
  return line([layer, pattern, shape.join('×'), statistics, ...errors, ...ms]);
}

function beyondOf({ input, layer, results }: ReportRow): string[] {
  // NaN is no distance within the limit either.
  const beyond = results.filter(({ error, limit }) => !(error <= limit));
  return beyond.map(({ name, error, limit }) => `${input}: ${layer}: ${name} is ${short(error)} off; the limit is ${short(limit)}`);
}

/** The gradient that the table shows. */
function gradientOf(results: ReportRow['results']): string {
  return ['dweight_v', 'dweight_orig'].find((name) => results.some((each) => each.name === name)) ?? 'dx';
}

/** The largest distance over the stored elements; NaN where the shapes differ or a number is none. */
function distance(actual: Tensor | undefined, { shape, step, values }: Expected): number {
  if (actual === undefined || actual.shape.join() !== shape.join()) return NaN;
  const { data } = actual;
  const distances = Array.from({ length: values.length }, (_, i) => Math.abs(Number(data[i * step]) - Number(values[i])));
  return distances.reduce((most, each) => Math.max(most, each), 0);
}

/** The layers' results on two draws of PyTorch's generator, as they were published. */
function printedTables(tables: readonly StoredTable[], { print, paint }: Terminal): string[] {
  print('');
  print(paint('bold', 'The published tables: manualSeed(123), then randn([2, 3, 4]) twice'));
  manualSeed(123);
  const draws = new Map(['first draw', 'second draw'].map((draw) => [draw, randn([2, 3, 4])]));
  return tables.flatMap(({ draw, normalizedShape, printed }) => {
    const x = draws.get(draw);
    if (x === undefined) return [`there is no ${draw}`];
    const y = new LayerNorm(normalizedShape, { elementwiseAffine: false }).forward(x);
    const title = `${draw}, LayerNorm([${normalizedShape.join(', ')}], { elementwiseAffine: false })`;
    // Four decimals say no more than half a unit of the last, and the generator is exact to 2e-6.
    const error = distance(y, { shape: x.shape, step: 1, values: Float64Array.from(printed), torchError: 0, limit: 0 });
    const ok = error <= 6e-5;
    print('');
    print(` ${title}`);
    for (const text of String(y).split('\n')) if (text !== '') print(ok ? `   ${text}` : paint('red', ` ✗ ${text}`));
    return ok ? [] : [`${title} is ${short(error)} off what was published`];
  });
}

/** Where LayerNorm is InstanceNorm, by the plans and by the numbers. */
function pairs(expected: readonly StoredPair[], { print, paint }: Terminal): string[] {
  print('');
  print(paint('bold', 'Is LayerNorm InstanceNorm?'));
  return expected.flatMap(({ shape, layerNorm, same }) => {
    const [instance, layer] = [new InstanceNorm2d(3), new LayerNorm(layerNorm, { elementwiseAffine: false })];
    const rowShape = shape.at(-1) === 1 ? shape.slice(0, -1) : shape;
    const verdict = equivalent(instance, layer, shape, rowShape);
    const x = randn(shape);
    const difference = largest(instance.forward(x).sub(layer.forward(x.reshape(rowShape)).reshape(shape)));
    const answer = `${verdict.same ? 'Yes' : 'No'} on ${shape.join(' × ')}: ${verdict.reason}.`;
    const ok = verdict.same === same && difference < 1e-5 === same;
    for (const text of wrap(answer, 98, '  ')) print(ok ? ` ${text}` : paint('red', ` ✗ ${text}`));
    print(`   Largest difference between the two results: ${short(difference)}`);
    return ok ? [] : [`on ${shape.join(' × ')} PyTorch says ${same ? 'the same' : 'not the same'}`];
  });
}

function largest(x: Tensor): number {
  return x.abs().max().item();
}

const widths = [22, 23, 11, 8, 6, 6, 6, 6, 6, 4];
/** The heading of the statistics reaches over the shapes, and two more stand over two columns each. */
const headings = [
  line(['', '', '', 'statistics', 'result', 'gradient', 'ms'], [22, 23, 9, 10, 13, 13, 11]),
  line(['layer', 'pattern', 'shape', '× elements', 'error', 'torch', 'error', 'torch', 'wasm', 'ref.'], widths.with(2, 9).with(3, 10)),
];

/** Cells in columns: text to the left, numbers to the right. */
function line(cells: readonly string[], columns = widths): string {
  const padded = cells.map((cell, i) => (i < 3 ? cell.padEnd(columns[i] ?? 0) : cell.padStart(columns[i] ?? 0)));
  return padded.join(' ').trimEnd();
}

/** A small number with two digits. */
function short(value: number): string {
  return value === 0 ? '0' : Number.isNaN(value) ? '-' : value.toExponential(1);
}
